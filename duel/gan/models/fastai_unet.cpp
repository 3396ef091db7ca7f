#include "duel/gan/models/fastai_unet.h"

namespace duel {
namespace {

const char* const kName = "FastaiUnet";

// As much as the means of 2 x 2 windows that end at each pixel.
struct Blur {
  Variable operator()(const Variable& x) const {
    return avg_pool2d(pad2d(x, {{1, 0}, {1, 0}}, PadMode::replicate), {.kernel = {2, 2}, .stride = {1, 1}});
  }
};

FastaiConvOptions convolution(const FastaiUnetOptions& o) {
  return {.norm = o.norm, .slope = o.slope, .init = FastaiInit::kaiming_normal};
}

// PixelShuffle_ICNR: twice as high and wide.
Sequential pixel_shuffle_icnr(Rng& rng, std::int64_t in, std::int64_t out, const FastaiUnetOptions& o, bool blurred) {
  FastaiConvOptions conv = convolution(o);
  conv.kernel = 1;
  conv.padding = 0;
  conv.init = FastaiInit::icnr;
  Sequential s{{fastai_conv(rng, in, 4 * out, conv), PixelShuffle{2}}};
  if (blurred) s.layers.emplace_back(Blur{});
  return s;
}

Variable of_size(const Variable& x, const Variable& other) {
  const Size2 size{other.size(2), other.size(3)};
  return x.size(2) == size.h && x.size(3) == size.w ? x : upsample_nearest(x, {.size = size});
}

const FastaiUnetOptions& checked(const FastaiUnetOptions& o) {
  check(o.in_channels >= 1 && o.out_channels >= 1 && o.size.h >= 1 && o.size.w >= 1, kName,
        "channels and size must be positive");
  check(o.slope >= 0 && o.slope <= 1, kName, "slope must lie in [0, 1], got ", o.slope);
  check(!o.range || o.range->low < o.range->high, kName, "the range must have low < high");
  return o;
}

}  // namespace

// An encoder in stages, with the feature maps that each ends with.
struct FastaiUnet::Measured {
  std::vector<Sequential> stages;
  std::vector<std::int64_t> features;
  bool keeps_size_first = true;  // the first layer

  Measured(Sequential encoder, const Options& o) {
    const NoGrad guard;
    Variable x(Tensor::zeros({1, checked(o).in_channels, o.size.h, o.size.w}));
    for (std::size_t i = 0; i < encoder.layers.size(); ++i) {
      const Variable y = encoder.layers[i](x, {.mode = Mode::eval});
      check(y.dim() == 4, kName, "the encoder must give maps [N, C, H, W], but layer ", i, " gives ", y.value());
      const bool changes = y.size(2) != x.size(2) || y.size(3) != x.size(3);
      if (i == 0) keeps_size_first = !changes;
      if (i == 0 || changes) {
        stages.emplace_back();
        features.push_back(0);
      }
      stages.back().layers.push_back(std::move(encoder.layers[i]));
      features.back() = y.size(1);
      x = y;
    }
    check(stages.size() >= 2, kName, "the encoder must change the size of its maps, and does not with pictures of ",
          o.size.h, " x ", o.size.w);
  }
};

Variable FastaiUnetBlock::operator()(const Variable& x, const Variable& skip, const Pass& pass) {
  const Variable up = of_size(shuf(x, pass), skip);
  return conv2(conv1(rectified(concat({up, bn(skip, pass)}, 1), Rectifier{slope}), pass), pass);
}

void FastaiUnetBlock::visit(Visitor& v) {
  v.child("shuf", shuf);
  v.child("bn", bn);
  v.child("conv1", conv1);
  v.child("conv2", conv2);
}

FastaiUnet::FastaiUnet(Rng& rng, Sequential encoder, const Options& o)
    : FastaiUnet(rng, Measured(std::move(encoder), o), o) {}

FastaiUnet::FastaiUnet(Rng& rng, Measured encoder, const Options& o)
    : options(o), stages(std::move(encoder.stages)), bn(fastai_batch_norm(encoder.features.back())) {
  const FastaiConvOptions conv = convolution(o);
  std::int64_t width = encoder.features.back();
  middle = {{fastai_conv(rng, width, 2 * width, conv), fastai_conv(rng, 2 * width, width, conv)}};
  for (std::size_t i = stages.size() - 1; i-- > 0;) {
    const bool final = i == 0, attends = o.attention == UnetAttention::third_last && i == 2;
    const bool blurred = o.blur == UnetBlur::all || (o.blur == UnetBlur::all_but_last && !final);
    const std::int64_t from = width, up = from / 2, skip = encoder.features[i], in = up + skip;
    check(up >= 1, kName, "the encoder must end with 2 feature maps at least");
    width = final ? in / 2 : in;
    FastaiUnetBlock block{pixel_shuffle_icnr(rng, from, up, o, blurred), fastai_batch_norm(skip),
                          fastai_conv(rng, in, width, conv), fastai_conv(rng, width, width, conv), o.slope};
    if (attends) block.conv2.layers.emplace_back(UnpooledSelfAttention(rng, width));
    blocks.push_back(std::move(block));
  }
  if (!encoder.keeps_size_first) shuffle = pixel_shuffle_icnr(rng, width, width, o, false);
  if (o.cross == UnetCross::input) {
    width += o.in_channels;
    const std::int64_t inner = o.bottleneck == UnetBottleneck::yes ? width / 2 : width;
    FastaiConvOptions second = conv;
    second.slope.reset();
    second.norm_gain = 0;
    cross = FastaiResidual{{{fastai_conv(rng, width, inner, conv), fastai_conv(rng, inner, width, second)}}, o.slope};
  }
  last = fastai_conv(rng, width, o.out_channels, {.kernel = 1, .norm = o.norm, .slope = std::nullopt});
}

Variable FastaiUnet::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures(kName, pictures, options.in_channels);
  Variables maps{pictures};
  for (Sequential& stage : stages) maps.push_back(stage(maps.back(), pass));
  Variable x = middle(bn(maps.back(), pass, Rectifier{0}), pass);
  for (std::size_t i = 0; i < blocks.size(); ++i) x = blocks[i](x, maps[stages.size() - 1 - i], pass);
  if (shuffle) x = (*shuffle)(x, pass);
  x = of_size(x, pictures);
  if (cross) x = (*cross)(concat({x, pictures}, 1), pass);
  x = last(x, pass);
  if (options.range) x = affine(sigmoid(x), options.range->high - options.range->low, options.range->low);
  return x;
}

// The numbers count the original's layers without parameters too: 2 is a ReLU; resizing, and concatenation with the
// input if there is any, stand behind the last upsampling.
void FastaiUnet::visit(Visitor& v) {
  std::size_t place = 0;
  for (Sequential& stage : stages)
    for (Layer& layer : stage.layers) v.child(cat("layers.0.", place++), layer);
  v.child("layers.1", bn);
  v.child("layers.3", middle);
  place = 4;
  for (FastaiUnetBlock& block : blocks) v.child(cat("layers.", place++), block);
  if (shuffle) v.child(cat("layers.", place++), *shuffle);
  ++place;
  if (cross) {
    v.child(cat("layers.", place + 1), *cross);
    place += 2;
  }
  v.child(cat("layers.", place), last);
}

}  // namespace duel
