#!/usr/bin/env python3
"""Writes foreign/*.pth, tiny checkpoints as several systems lay them out, and foreign_weights.json, what their networks
compute in evaluation. Needs PyTorch: run it in this folder.

The networks are those of the other golden scripts. Weights come from seeds, in float32; spectral norms have followed
them for some steps. Stored are samples of the results, computed in float64, for pictures or latents of seed 100.
"""
import pathlib
from collections import OrderedDict

import torch
from torch import nn
from torch.nn.utils import spectral_norm

import make_golden_biggan_deep as deep
import make_golden_cyclegan as plain
import make_golden_tutorial as tutorial
from excerpts import packed, sample, write
from make_golden_biggan import (BigganGenerator, Down, MimicryDiscriminator, MmgenAttention, PowerIteration, Up, holder,
                                set_state)
from make_golden_nn import numbers

FOLDER = pathlib.Path(__file__).with_name("foreign")
LABELS = torch.tensor([2, 0])
golden = {}


def trained(module, shape, labels=None, steps=20):
    """With weights, statistics, and singular vectors that fit them; its state in float32."""
    set_state(module)
    for i in range(steps):
        run(module, numbers(shape, 50 + i), labels)
    return module.float()


def run(module, x, labels):
    with torch.no_grad():
        return module(x) if labels is None else module(x, labels)


def expect(name, module, shape, labels=None, given=lambda x: x, seen=lambda y: y):
    """given, seen: what is done with the input and the output."""
    module.double().eval()
    golden[name] = {"y": packed(sample(seen(run(module, given(numbers(shape, 100)), labels))))}
    return module.float().train()


def bgr(pictures):
    return pictures.flip(1)


def save(name, content):
    torch.save(content, FOLDER / name, _use_new_zipfile_serialization=False)  # the smaller layout


def adam(module):
    """An optimiser's state, of one step on the smallest parameter."""
    p = min(module.parameters(), key=lambda p: p.numel())
    optimizer = torch.optim.Adam([p], 1e-3, betas=(0.0, 0.999))
    p.grad = torch.ones_like(p)
    before = p.detach().clone()
    optimizer.step()
    p.data.copy_(before)
    return optimizer.state_dict()


# --- MMGeneration's BigGAN: its names, PyTorch's spectral norm ---

MMGEN = dict(norm1="bn1", norm2="bn2", conv1="conv1.conv", conv2="conv2.conv", shortcut="shortcut.conv")


class MmgenBigganNorm(deep.StudioNorm):
    def __init__(self, c, condition):
        super().__init__(c, condition)
        self.bn.eps = 1e-5


class MmgenBigganGenerator(nn.Module):
    """32 pixels; attention at 16."""

    def __init__(self, c, classes, shared, part):
        super().__init__()
        self.part = part
        up = lambda: Up(MMGEN, c, c, spectral_norm, lambda c: MmgenBigganNorm(c, shared + part), {})
        self.noise2feat = spectral_norm(nn.Linear(part, c * 16))
        self.shared_embedding = nn.Embedding(classes, shared)
        self.conv_blocks = nn.ModuleList([up(), up(), MmgenAttention(c), up()])
        self.output_layer = holder(bn=nn.BatchNorm2d(c), conv=spectral_norm(nn.Conv2d(c, 3, 3, padding=1)))

    def forward(self, z, y):
        y, (first, *parts) = self.shared_embedding(y), z.split(self.part, 1)
        x = self.noise2feat(first).reshape(len(z), -1, 4, 4)
        for block in self.conv_blocks:
            x = block(x) if isinstance(block, MmgenAttention) else block(x, torch.cat([y, parts.pop(0)], 1))
        return torch.tanh(self.output_layer.conv(torch.relu(self.output_layer.bn(x))))


class MmgenBigganDiscriminator(nn.Module):
    def __init__(self, c, classes):
        super().__init__()
        block = lambda i, down, first=False: Down(MMGEN, i, c, c, spectral_norm, first, down, False)
        self.conv_blocks = nn.ModuleList([block(3, True, True), block(c, True), block(c, False), block(c, False)])
        self.decision, self.proj_y = spectral_norm(nn.Linear(c, 1)), spectral_norm(nn.Embedding(classes, c))

    def forward(self, x, y):
        for block in self.conv_blocks:
            x = block(x)
        h = torch.relu(x).sum([2, 3])
        return self.decision(h).flatten() + (self.proj_y(y) * h).sum(1)


def mmgeneration():
    """Its networks make and see BGR; ours RGB. The averaged generator differs from the other in one bias."""
    g = trained(MmgenBigganGenerator(8, 3, 4, 2), [4, 8], torch.tensor([0, 1, 2, 0]), 200)
    d = trained(MmgenBigganDiscriminator(4, 3), [2, 3, 32, 32], LABELS, 200)
    state = OrderedDict()
    for prefix, module in dict(generator=g, discriminator=d).items():
        state |= {f"{prefix}.{name}": t for name, t in module.state_dict().items()}
    average = g.state_dict()
    average["output_layer.conv.bias"] = average["output_layer.conv.bias"] + 0.25
    state |= {f"generator_ema.{name}": t for name, t in average.items()}
    optimizer = dict(generator=adam(g), discriminator=adam(d))
    save("mmgeneration.pth", dict(meta=dict(epoch=1, iter=2), state_dict=state, optimizer=optimizer))
    expect("mmgeneration generator", g, [2, 8], LABELS, seen=bgr)
    expect("mmgeneration discriminator", d, [2, 3, 32, 32], LABELS, given=bgr)
    with torch.no_grad():
        g.output_layer.conv.bias += 0.25
    expect("mmgeneration generator_ema", g, [2, 8], LABELS, seen=bgr)


# --- mimicry: its spectral norm ---


class MimicryConv(nn.Conv2d, PowerIteration):
    def forward(self, x):
        return nn.functional.conv2d(x, self.normal(), self.bias, padding=self.padding)


class MimicryLinear(nn.Linear, PowerIteration):
    def forward(self, x):
        return nn.functional.linear(x, self.normal(), self.bias)


def mimicry_norm(layer):
    bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        layer = MimicryLinear(layer.in_features, layer.out_features, bias=bias)
    else:
        layer = MimicryConv(layer.in_channels, layer.out_channels, layer.kernel_size, padding=layer.padding, bias=bias)
    return layer.follow(layer.weight.shape[0])


def mimicry():
    d = trained(MimicryDiscriminator([3, 4, 4, 4, 4], 2, sn=mimicry_norm), [2, 3, 32, 32])
    state = OrderedDict((name.replace(".u0", ".sn_u").replace(".sv0", ".sn_sigma"), t)
                        for name, t in d.state_dict().items())
    save("mimicry.pth", dict(model_state_dict=state, optimizer_state_dict=adam(d), global_step=2))
    expect("mimicry", d, [2, 3, 32, 32])


# --- the others ---


def cyclegan():
    """A file of PyTorch 0.3, whose instance norms kept statistics without using them."""
    g = trained(plain.Resnet(3, 3, 2, 1, "instance", "reflect"), [1, 3, 16, 16], steps=0)
    state = OrderedDict()
    for name, module in g.named_modules():
        if isinstance(module, nn.InstanceNorm2d):
            state |= {f"{name}.running_mean": torch.ones(module.num_features),
                      f"{name}.running_var": torch.ones(module.num_features)}
    save("cyclegan.pth", OrderedDict(sorted((g.state_dict() | state).items())))
    expect("cyclegan", g, [1, 3, 16, 16])


def studiogan():
    d = trained(deep.studio_discriminator([3, 8, 8, 8, 8], 2, 0), [2, 3, 32, 32], LABELS)
    save("studiogan.pth", dict(state_dict=d.state_dict(), optimizer=adam(d), run_name="tiny", step=2, topk=None))
    expect("studiogan", d, [2, 3, 32, 32], LABELS)


def biggan_pytorch():
    g = trained(BigganGenerator(), [4, 5], torch.tensor([0, 1, 2, 0]))
    save("biggan_pytorch.pth", g.state_dict())
    expect("biggan_pytorch", g, [2, 5], LABELS)


def r3gan():
    d = trained(plain.R3Discriminator([4, 4], 2, 3), [2, 3, 8, 8], steps=0)
    for module in d.modules():
        if isinstance(module, plain.R3Resample):  # a constant
            line = torch.tensor([1.0, 3, 3, 1], dtype=torch.float32) / 8
            module.Resampler.Kernel.copy_(line[:, None] * line)
    save("r3gan.pth", OrderedDict((f"Model.{name}", t) for name, t in d.state_dict().items()))
    expect("r3gan", d, [2, 3, 8, 8], LABELS)


def fastai():
    """What a Learner saves of a GANModule."""
    g, d = trained(plain.basic_generator(), [3, 5]), trained(plain.basic_critic(), [2, 3, 16, 16])
    optimiser = dict(state=[dict(step=1, grad_avg=torch.ones(2))], hypers=[dict(lr=1e-3)])
    save("fastai.pth", dict(model=holder(generator=g, critic=d).state_dict(), opt=optimiser))
    expect("fastai generator", g, [3, 5])
    expect("fastai critic", d, [2, 3, 16, 16])


def torchvision():
    """A ResNet with classes, of a PyTorch that did not count batches."""
    layers = tutorial.resnet(2, [1, 2])
    encoder = trained(nn.Sequential(*layers), [2, 3, 32, 32])
    named = holder(conv1=layers[0], bn1=layers[1], layer1=layers[4], layer2=layers[5], fc=nn.Linear(4, 2))
    save("torchvision.pth", OrderedDict((n, t) for n, t in named.state_dict().items() if "num_batches" not in n))
    expect("torchvision", encoder, [2, 3, 32, 32])


def main():
    FOLDER.mkdir(exist_ok=True)
    for system in (mmgeneration, mimicry, cyclegan, studiogan, biggan_pytorch, r3gan, fastai, torchvision):
        system()
    write("foreign_weights.json", golden)


if __name__ == "__main__":
    main()
