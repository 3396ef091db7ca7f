#include "duel/gan/models/r3gan.h"

#include <algorithm>
#include <cmath>

#include "duel/autograd/mixed_precision.h"
#include "duel/nn/init.h"

namespace duel {
namespace {

using Options = R3ganOptions;

const Options& checked(const char* network, const Options& o) {
  check(!o.widths.empty() && o.widths.size() <= 16, network, "needs 1 to 16 widths, got ", o.widths.size());
  check(o.blocks >= 1 && o.expansion >= 1 && o.group_width >= 1 && o.channels >= 1 && o.latent >= 1 && o.classes >= 0,
        network, "blocks, expansion, group_width, channels and latent must be positive, classes not negative");
  for (std::int64_t width : o.widths)
    check(width >= 1 && width * o.expansion % o.group_width == 0, network, o.expansion, " x ", width,
          " feature maps do not divide into groups of ", o.group_width);
  return o;
}

// N(0, gain^2 / fan-in)
Variable weight(Rng& rng, const Shape& shape, double gain = 1) {
  return Variable::leaf(init::normal(rng, shape, 0, gain / std::sqrt(init::fan_in(shape))));
}

// 1 x 1, bottleneck inverted: wide in the middle. The last convolution starts as zeros and the others such that the sum
// over all blocks of the network keeps its variance (fix-up initialisation, Zhang et al. 2019).
struct ResidualBlock {
  Variable w1, w2, w3, bias1, bias2;  // the biases belong to the activations
  Conv2dGeometry grouped{.padding = {1, 1}};

  ResidualBlock(Rng& rng, const Options& o, std::int64_t width) {
    const std::int64_t wide = width * o.expansion;
    const auto blocks = static_cast<double>(o.widths.size()) * static_cast<double>(o.blocks);
    const double gain = std::sqrt(2 / (1 + 0.2 * 0.2)) * std::pow(blocks, -0.25);
    w1 = weight(rng, {wide, width, 1, 1}, gain);
    w2 = weight(rng, {wide, o.group_width, 3, 3}, gain);
    w3 = Variable::leaf(init::zeros({width, wide, 1, 1}));
    bias1 = Variable::leaf(init::zeros({wide}));
    bias2 = Variable::leaf(init::zeros({wide}));
    grouped.groups = wide / o.group_width;
  }
  Variable operator()(const Variable& x) const {
    const Rectifier r{0.2};
    const Variable y = conv2d(x, w1, bias1, {}, r);
    return x + conv2d(conv2d(y, w2, bias2, grouped, r), w3);
  }
  void visit(Visitor& v) {
    v.parameter("LinearLayer1.Layer.weight", w1);
    v.parameter("LinearLayer2.Layer.weight", w2);
    v.parameter("LinearLayer3.Layer.weight", w3);
    v.parameter("NonLinearity1.Bias", bias1);
    v.parameter("NonLinearity2.Bias", bias2);
  }
};

// From one size to the next, with a 1 x 1 convolution on the smaller side if the widths differ. The published filter
// [1, 2, 1] is convolved with [1, 1], as pixels of one size lie between those of the other: [1, 3, 3, 1] / 8.
struct Resample {
  Variable weight;  // [out, in, 1, 1] or undefined
  Tensor filter;    // [4, 4]: the outer product of the filter with itself, a buffer in the original

  Resample(Rng& rng, std::int64_t in, std::int64_t out) {
    const Variable line = binomial_filter(4).to(DType::float32);
    filter = (unsqueeze(line, 1) * line).value();
    if (in != out) weight = ::duel::weight(rng, {out, in, 1, 1});
  }
  // [4]: its rows' sums, on the CPU as taps are; made again only when the filter has changed
  Tensor line() const {
    DerivedCache& derived = filter.storage()->derived();
    const DerivedCache::Key key{filter.offset()};
    if (const auto kept = derived.find(key)) return *static_cast<const Tensor*>(kept.get());
    const auto line = std::make_shared<Tensor>(sum(Variable(filter.to(Device::cpu)), {1}).value());
    derived.keep(key, line, line->storage()->bytes());
    return *line;
  }
  void visit(Visitor& v) {
    v.buffer("Resampler.Kernel", filter);
    v.parameter("LinearLayer.Layer.weight", weight);
  }
};

struct Upsample : Resample {
  using Resample::Resample;
  Variable operator()(const Variable& x) const {
    return fir_upsample2d(weight.defined() ? conv2d(x, weight) : x, line());
  }
};

struct Downsample : Resample {
  using Resample::Resample;
  Variable operator()(const Variable& x) const {
    const Variable y = fir_downsample2d(x, line());
    return weight.defined() ? conv2d(y, weight) : y;
  }
};

// z [N, in] to 4 x 4 pixels: learned patterns, one for each feature map, in amounts linear in z.
struct GenerativeBasis {
  Variable basis;   // [out, 4, 4]
  Variable linear;  // [out, in]

  GenerativeBasis(Rng& rng, std::int64_t in, std::int64_t out)
      : basis(Variable::leaf(init::normal(rng, {out, 4, 4}))), linear(weight(rng, {out, in})) {}
  Variable operator()(const Variable& z) const {
    const Variable amounts = duel::linear(z, linear);
    return follow(basis, amounts.dtype()) * reshape(amounts, {z.size(0), basis.size(0), 1, 1});
  }
  void visit(Visitor& v) {
    v.parameter("Basis", basis);
    v.parameter("LinearLayer.weight", linear);
  }
};

// The reverse: how much of its pattern each feature map has, then a linear layer. [N, in, 4, 4] -> [N, out]
struct DiscriminativeBasis {
  Variable basis;   // [in, 1, 4, 4]
  Variable linear;  // [out, in]

  DiscriminativeBasis(Rng& rng, std::int64_t in, std::int64_t out)
      : basis(weight(rng, {in, 1, 4, 4})), linear(weight(rng, {out, in})) {}
  Variable operator()(const Variable& x) const {
    return duel::linear(flatten(conv2d(x, basis, {}, {.groups = basis.size(0)})), linear);
  }
  void visit(Visitor& v) {
    v.parameter("Basis.weight", basis);
    v.parameter("LinearLayer.weight", linear);
  }
};

void add_blocks(Sequential& stage, Rng& rng, const Options& o, std::int64_t width) {
  for (std::int64_t i = 0; i < o.blocks; ++i) stage.layers.emplace_back(ResidualBlock(rng, o, width));
}

void visit_stages(Visitor& v, std::vector<Sequential>& stages) {
  for (std::size_t i = 0; i < stages.size(); ++i) v.child(cat("MainLayers.", i, ".Layers"), stages[i]);
}

// The class' column of the table [D, classes]: [N, D]
Variable embedded(const Variable& table, const Tensor& labels) { return embedding(transpose(table, 0, 1), labels); }

}  // namespace

R3ganGenerator::R3ganGenerator(Rng& rng, const Options& o) : options(checked("R3ganGenerator", o)) {
  for (std::size_t i = 0; i < o.widths.size(); ++i) {
    Sequential& stage = stages.emplace_back();
    if (i == 0)
      stage.layers.emplace_back(GenerativeBasis(rng, o.classes ? 2 * o.latent : o.latent, o.widths[0]));
    else
      stage.layers.emplace_back(Upsample(rng, o.widths[i - 1], o.widths[i]));
    add_blocks(stage, rng, o, o.widths[i]);
  }
  to_colours = weight(rng, {o.channels, o.widths.back(), 1, 1});
  if (o.classes) embedding = weight(rng, {o.latent, o.classes});
}

Variable R3ganGenerator::operator()(const Variable& z, const Tensor& labels, const Pass& pass) {
  check_latents("R3ganGenerator", z, options.latent);
  check_labels("R3ganGenerator", labels, z, options.classes);
  Variable x = z;
  if (options.classes) x = concat({z, follow(embedded(embedding, labels), z.dtype())}, 1);
  for (Sequential& stage : stages) x = stage(x, pass);
  return conv2d(x, to_colours);
}

void R3ganGenerator::visit(Visitor& v) {
  visit_stages(v, stages);
  v.parameter("AggregationLayer.Layer.weight", to_colours);
  v.parameter("EmbeddingLayer.weight", embedding);
}

R3ganDiscriminator::R3ganDiscriminator(Rng& rng, const Options& o) : options(checked("R3ganDiscriminator", o)) {
  from_colours = weight(rng, {o.widths.back(), o.channels, 1, 1});
  for (std::size_t i = o.widths.size(); i-- > 0;) {
    Sequential& stage = stages.emplace_back();
    add_blocks(stage, rng, o, o.widths[i]);
    if (i == 0)
      stage.layers.emplace_back(DiscriminativeBasis(rng, o.widths[0], o.classes ? o.widths[0] : 1));
    else
      stage.layers.emplace_back(Downsample(rng, o.widths[i], o.widths[i - 1]));
  }
  if (o.classes) embedding = weight(rng, {o.widths[0], o.classes}, 1 / std::sqrt(static_cast<double>(o.widths[0])));
}

Variable R3ganDiscriminator::operator()(const Variable& pictures, const Tensor& labels, const Pass& pass) {
  check_pictures("R3ganDiscriminator", pictures, options.channels, {options.size(), options.size()});
  check_labels("R3ganDiscriminator", labels, pictures, options.classes);
  Variable x = conv2d(pictures, from_colours);
  for (Sequential& stage : stages) x = stage(x, pass);
  if (options.classes == 0) return flatten(x, 0);
  return sum(follow(x, embedding.dtype()) * embedded(embedding, labels), {1});
}

void R3ganDiscriminator::visit(Visitor& v) {
  v.parameter("ExtractionLayer.Layer.weight", from_colours);
  visit_stages(v, stages);
  v.parameter("EmbeddingLayer.weight", embedding);
}

}  // namespace duel
