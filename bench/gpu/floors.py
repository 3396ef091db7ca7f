"""What a step takes at least on an H200, in ms, by "NAME:BATCH" and precision: the sum over the kernels that it needs of
the longest of their arithmetic, their bytes and 2 us. Rates: bf16 790, TF32 395 TFLOP/s, 4.3 TB/s. Counted so: biases and
activations within convolutions; norms read their input once for statistics and once to apply them, forward and
backward; real and generated pictures in one batch; Adam 28 bytes per parameter; BigGAN and SNGAN with upsampling and
pooling folded into their convolutions, without which BigGAN's are 37.5 (bf16) and 73 (TF32) ms and SNGAN's 6.6 (bf16);
BigGAN's with an average of the weights, and SNGAN's with a generator's update on 128 pictures, neither of which the
benchmark does."""

FLOORS_MS = {
    "dcgan-64:128": {"bf16": 0.65, "tf32": 1.21},
    "dcgan-64:1024": {"bf16": 4.7, "tf32": 9.4},
    "biggan-128:64": {"bf16": 25.1, "tf32": 48.0},
    "sngan-32:64": {"bf16": 4.8},
    "cyclegan-256:1": {"bf16": 4.2},
    "cyclegan-256:8": {"bf16": 26.8},
}
