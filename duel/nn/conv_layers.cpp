#include "duel/nn/conv_layers.h"

#include "duel/nn/init.h"

namespace duel {
namespace {

void check_channels(const char* name, std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t groups) {
  check(in >= 1 && out >= 1 && kernel >= 1 && groups >= 1 && in % groups == 0 && out % groups == 0, name,
        "cannot make ", in, " -> ", out, " channels with kernel ", kernel, " and ", groups, " groups");
}

// Weight and bias of any of the convolutions, by PyTorch's default.
template <class Layer>
void initialize(Layer& layer, Rng& rng, const Shape& shape, std::int64_t out, Bias bias) {
  layer.weight = Variable::leaf(init::fan_in_uniform(rng, shape, init::fan_in(shape)));
  if (bias == Bias::yes) layer.bias = Variable::leaf(init::fan_in_uniform(rng, {out}, init::fan_in(shape)));
}

template <class Layer>
void visit_parameters(Layer& layer, Visitor& v) {
  v.parameter("weight", layer.weight);
  v.parameter("bias", layer.bias);
}

template <class Options>
Conv1dGeometry line_geometry(const Options& o) {
  return {.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups};
}

// The same in both directions.
template <class Options>
Conv2dGeometry square_geometry(const Options& o) {
  return {.stride = {o.stride, o.stride},
          .padding = {o.padding, o.padding},
          .dilation = {o.dilation, o.dilation},
          .groups = o.groups};
}

}  // namespace

Conv1d::Conv1d(Rng& rng, std::int64_t in, std::int64_t out, Conv1dOptions o) : geometry(line_geometry(o)) {
  check_channels("Conv1d", in, out, o.kernel, o.groups);
  initialize(*this, rng, {out, in / o.groups, o.kernel}, out, o.bias);
}

void Conv1d::visit(Visitor& v) { visit_parameters(*this, v); }

ConvTranspose1d::ConvTranspose1d(Rng& rng, std::int64_t in, std::int64_t out, ConvTranspose1dOptions o)
    : geometry(line_geometry(o)), output_padding(o.output_padding) {
  check_channels("ConvTranspose1d", in, out, o.kernel, o.groups);
  initialize(*this, rng, {in, out / o.groups, o.kernel}, out, o.bias);
}

void ConvTranspose1d::visit(Visitor& v) { visit_parameters(*this, v); }

Conv2d::Conv2d(Rng& rng, std::int64_t in, std::int64_t out, Conv2dOptions o)
    : geometry(square_geometry(o)), padding_mode(o.padding_mode) {
  check_channels("Conv2d", in, out, o.kernel, o.groups);
  initialize(*this, rng, {out, in / o.groups, o.kernel, o.kernel}, out, o.bias);
}

Variable Conv2d::operator()(const Variable& x, Rectifier r) const {
  if (padding_mode == PadMode::zeros) return conv2d(x, weight, bias, geometry, r);
  const auto [h, w] = geometry.padding;
  Conv2dGeometry unpadded = geometry;
  unpadded.padding = {0, 0};
  return conv2d(pad2d(x, {.h = {h, h}, .w = {w, w}}, padding_mode), weight, bias, unpadded, r);
}

Variable Conv2d::after_upsampling(const Variable& x, Rectifier r) const {
  if (padding_mode == PadMode::zeros) return upsample_conv2d(x, weight, bias, geometry, r);
  return (*this)(upsample_nearest(x, {.scale = {2, 2}}), r);
}

Variable Conv2d::before_pooling(const Variable& x) const {
  if (padding_mode == PadMode::zeros) return conv2d_avg_pool2d(x, weight, bias, geometry);
  return avg_pool2d((*this)(x));
}

void Conv2d::visit(Visitor& v) { visit_parameters(*this, v); }

ConvTranspose2d::ConvTranspose2d(Rng& rng, std::int64_t in, std::int64_t out, ConvTranspose2dOptions o)
    : geometry(square_geometry(o)), output_padding{o.output_padding, o.output_padding} {
  check_channels("ConvTranspose2d", in, out, o.kernel, o.groups);
  initialize(*this, rng, {in, out / o.groups, o.kernel, o.kernel}, out, o.bias);
}

void ConvTranspose2d::visit(Visitor& v) { visit_parameters(*this, v); }

}  // namespace duel
