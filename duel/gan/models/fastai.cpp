#include "duel/gan/models/fastai.h"

#include "duel/nn/init.h"

namespace duel {
namespace {

bool norm_has_bias(FastaiNorm norm) { return norm == FastaiNorm::batch || norm == FastaiNorm::instance; }

Tensor icnr_weight(Rng& rng, const Shape& shape) {
  check(shape[0] % 4 == 0, "fastai_conv", "ICNR needs a multiple of 4 output channels, got ", shape[0]);
  const std::int64_t out = shape[0] / 4, in = shape[1], k = shape[2];
  const Variable one = reshape(init::kaiming_normal(rng, {out, in, k, k}), {out, 1, in, k, k});
  return reshape(expand(one, {out, 4, in, k, k}), shape).value();
}

Conv2d drawn_convolution(Rng& rng, std::int64_t in, std::int64_t out, const FastaiConvOptions& o) {
  const Bias bias = norm_has_bias(o.norm) ? Bias::no : o.bias;
  Conv2d c(rng, in, out, {.kernel = o.kernel, .stride = o.stride, .padding = o.padding, .bias = bias});
  const Shape& shape = c.weight.shape();
  if (o.init == FastaiInit::icnr) c.weight = Variable::leaf(icnr_weight(rng, shape));
  if (o.init == FastaiInit::kaiming_normal) c.weight = Variable::leaf(init::kaiming_normal(rng, shape));
  if (o.init == FastaiInit::automatic && o.slope) c.weight = Variable::leaf(init::kaiming_uniform(rng, shape));
  if (bias == Bias::yes)
    c.bias = Variable::leaf(o.init == FastaiInit::automatic ? init::normal(rng, {out}, 0, 0.01) : init::zeros({out}));
  return c;
}

Layer normalized(Rng& rng, Conv2d c, FastaiNorm norm) {
  if (norm == FastaiNorm::weight) return WeightNorm<Conv2d>(std::move(c));
  if (norm == FastaiNorm::spectral) return SpectralNorm<Conv2d>(rng, std::move(c));
  return c;
}

template <class Norm>
Norm started(Norm norm, double gain) {
  norm.weight = Variable::leaf(Tensor::full(norm.weight.shape(), gain));
  norm.bias = Variable::leaf(Tensor::full(norm.bias.shape(), 1e-3));
  return norm;
}

// Its result beside its input.
struct DenseBlock {
  Sequential layers;
  Variable operator()(const Variable& x, const Pass& pass) { return concat({layers(x, pass), x}, 1); }
  void visit(Visitor& v) { v.child("layers", layers); }
};

const FastaiCriticOptions& checked(const FastaiCriticOptions& o) {
  check(o.channels >= 1 && o.width >= 2, "FastaiCritic", "needs 1 channel and 2 feature maps at least");
  check(o.blocks >= 0 && o.blocks <= 12, "FastaiCritic", "needs 0 to 12 blocks, got ", o.blocks);
  check(o.dropout >= 0 && o.dropout < 1, "FastaiCritic", "dropout must lie in [0, 1), got ", o.dropout);
  return o;
}

}  // namespace

BatchNorm2d fastai_batch_norm(std::int64_t channels, double gain) { return started(BatchNorm2d(channels), gain); }

Sequential fastai_conv(Rng& rng, std::int64_t in, std::int64_t out, const FastaiConvOptions& o) {
  Sequential s;
  s.layers.push_back(normalized(rng, drawn_convolution(rng, in, out, o), o.norm));
  if (o.norm == FastaiNorm::batch) s.layers.emplace_back(fastai_batch_norm(out, o.norm_gain));
  if (o.norm == FastaiNorm::instance)
    s.layers.emplace_back(started(InstanceNorm2d(out, {.affine = Affine::yes}), o.norm_gain));
  if (o.slope) s.layers.emplace_back(LeakyReLU{*o.slope});
  return s;
}

FastaiCritic::FastaiCritic(Rng& rng, const Options& o) : options(checked(o)) {
  const auto convolution = [&](std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
    return fastai_conv(rng, in, out, {.kernel = kernel, .stride = stride, .norm = FastaiNorm::spectral, .slope = 0.2});
  };
  layers.layers.emplace_back(convolution(o.channels, o.width, 4, 2));
  layers.layers.emplace_back(Dropout2d{o.dropout / 2});
  DenseBlock dense;
  for (int i = 0; i < 2; ++i) dense.layers.layers.emplace_back(convolution(o.width, o.width, 3, 1));
  layers.layers.emplace_back(std::move(dense));
  std::int64_t width = 2 * o.width;
  for (std::int64_t i = 0; i < o.blocks; ++i, width *= 2) {
    layers.layers.emplace_back(Dropout2d{o.dropout});
    Sequential block = convolution(width, 2 * width, 4, 2);
    if (i == 0) block.layers.emplace_back(UnpooledSelfAttention(rng, 2 * width));
    layers.layers.emplace_back(std::move(block));
  }
  layers.layers.emplace_back(
      fastai_conv(rng, width, 1,
                  {.kernel = 4, .padding = 0, .norm = FastaiNorm::spectral, .slope = std::nullopt, .bias = Bias::no}));
  layers.layers.emplace_back(Flatten{});
}

Variable FastaiCritic::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("FastaiCritic", pictures, options.channels);
  const std::int64_t least = std::int64_t{4} << (options.blocks + 1);
  check(pictures.size(2) >= least && pictures.size(3) >= least, "FastaiCritic", "needs pictures of ", least, " x ",
        least, " at least, got ", pictures.value());
  return layers(pictures, pass);
}

}  // namespace duel
