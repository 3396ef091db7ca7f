#include "duel/autograd/conv2d.h"

#include <algorithm>

#include "duel/autograd/check_floating.h"
#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/pointwise_kernels.h"
#include "duel/autograd/rectified.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"

namespace duel {
namespace {

void check_geometry(const char* name, const Conv2dGeometry& g) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;  // more is a mistake, and products of sizes stay in 64 bits
  const auto within = [](Size2 s, std::int64_t least) {
    return std::min(s.h, s.w) >= least && std::max(s.h, s.w) <= kMost;
  };
  check(within(g.stride, 1) && within(g.dilation, 1), name, "stride and dilation must be from 1 to ", kMost);
  check(within(g.padding, 0), name, "the padding must be from 0 to ", kMost);
  check(g.groups >= 1, name, "needs at least one group, got ", g.groups);
}

void check_operands(const char* name, const Variable& a, const Variable& b, const char* roles) {
  check(a.defined() && b.defined(), name, "an operand is undefined");
  check(a.dim() == 4 && b.dim() == 4, name, "needs 4-dimensional ", roles, ", got ", a.value(), " and ", b.value());
  check(is_floating(a.dtype()) && a.dtype() == b.dtype(), name, "needs two float32 or two float64, got ", a.value(),
        " and ", b.value());
  check_devices(name, a.value(), b.value());
}

void check_kernel(const char* name, Size2 kernel) {
  check(kernel.h >= 1 && kernel.w >= 1, name, "needs a kernel of at least 1 x 1, got ", kernel.h, " x ", kernel.w);
}

std::int64_t output_size(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                         std::int64_t dilation) {
  const std::int64_t room = in + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

Size2 output_size(Size2 in, Size2 kernel, const Conv2dGeometry& g) {
  return {output_size(in.h, kernel.h, g.stride.h, g.padding.h, g.dilation.h),
          output_size(in.w, kernel.w, g.stride.w, g.padding.w, g.dilation.w)};
}

Size2 plane(const Variable& x) { return {x.size(2), x.size(3)}; }

Tensor feature_map(const Shape& shape, const Tensor& like) {
  return Tensor::empty(shape, {like.dtype(), like.device(), Layout::channels_last});
}

void check_epilogue(const char* name, const Variable& bias, std::int64_t channels, const Variable& x, Rectifier r) {
  const DType wanted = parameter_dtype(x.dtype());
  check(!bias.defined() || (bias.shape() == Shape{channels} && bias.dtype() == wanted), name, "bias ", bias.value(),
        " for ", channels, " output channels of ", x.dtype());
  check_devices(name, x.value(), bias.value());
  check_rectifier(name, r);
}

Epilogue epilogue(const Variable& bias, Rectifier r) {
  return {bias.defined() ? bias.value().row_major() : Tensor(), r};
}

Variables with_bias(Variables operands, const Variable& bias) {
  if (bias.defined()) operands.push_back(bias);
  return operands;
}

Keep kept(Rectifier r) { return r == Rectifier() ? Keep::nothing : Keep::output; }

// What comes in, as it is before the epilogue, [N, C, H, W], and the bias' gradient [C] if anybody asks for it.
struct EpilogueGrad {
  Variable dy, bias;
};

EpilogueGrad back_through_epilogue(const Backward& b, Rectifier r) {
  const bool biased = b.wanted.size() > 2 && b.needs(2), rectified = r != Rectifier();
  if (rectified && !is_recording()) {
    const Tensor y = b.output().value(), dy = in_place_of_grad(b);
    const Tensor dbias = biased ? Tensor::empty({y.size(1)}, {parameter_dtype(y.dtype()), y.device()}) : Tensor();
    backend(y.device()).epilogue_grad(y, b.grad.value().channels_last(), r, dy, dbias);
    return {dy, dbias};
  }
  const Variable dy = rectified ? rectified_grad(b.grad, b.output(), r) : b.grad;
  if (!biased) return {dy, {}};
  return {dy, cast(reshape(sum_to(dy, {1, dy.size(1), 1, 1}), {dy.size(1)}), parameter_dtype(dy.dtype()))};
}

Variable convolve(const Variable& x, const Variable& weight, const Variable& bias, const Conv2dGeometry& g,
                  Rectifier r) {
  const Size2 size = output_size(plane(x), plane(weight), g);
  Tensor y = feature_map({x.size(0), weight.size(0), size.h, size.w}, x.value());
  backend(y.device()).conv2d(x.value().channels_last(), weight.value().channels_last(), y, g, epilogue(bias, r));
  return record(
      "conv2d", with_bias({x, weight}, bias), std::move(y),
      [x = Saved(x), w = Saved(weight), g, r](const Backward& b) {
        const auto [dy, dbias] = back_through_epilogue(b, r);
        Variables grads = {b.needs(0) ? conv2d_input_grad(dy, w.get(), plane(x.get()), g) : Variable(),
                           b.needs(1) ? conv2d_weight_grad(x.get(), dy, plane(w.get()), g) : Variable()};
        if (b.wanted.size() > 2) grads.push_back(dbias);
        return grads;
      },
      kept(r));
}

// As conv2d_input_grad and, with bias and rectifier, as conv_transpose2d.
Variable convolve_back(const char* name, const Variable& x, const Variable& weight, const Variable& bias, Size2 size,
                       const Conv2dGeometry& g, Rectifier r) {
  Tensor y = feature_map({x.size(0), weight.size(1) * g.groups, size.h, size.w}, x.value());
  backend(y.device())
      .conv2d_input_grad(x.value().channels_last(), weight.value().channels_last(), y, g, epilogue(bias, r));
  return record(
      name, with_bias({x, weight}, bias), std::move(y),
      [x = Saved(x), w = Saved(weight), g, r](const Backward& b) {
        const auto [dy, dbias] = back_through_epilogue(b, r);
        Variables grads = {b.needs(0) ? convolve(dy, w.get(), {}, g, {}) : Variable(),
                           b.needs(1) ? conv2d_weight_grad(dy, x.get(), plane(w.get()), g) : Variable()};
        if (b.wanted.size() > 2) grads.push_back(dbias);
        return grads;
      },
      kept(r));
}

}  // namespace

Variable conv2d(const Variable& x, const Variable& given_weight, const Variable& given_bias, const Conv2dGeometry& g,
                Rectifier r) {
  const Variable weight = follow(given_weight, x.dtype()), bias = follow(given_bias, parameter_dtype(x.dtype()));
  check_geometry("conv2d", g);
  check_operands("conv2d", x, weight, "input and weight");
  check_kernel("conv2d", plane(weight));
  check(x.size(1) == weight.size(1) * g.groups && weight.size(0) % g.groups == 0, "conv2d", "input ", x.value(),
        " does not fit weight ", weight.value(), " [out, in / groups, KH, KW] with ", g.groups, " groups");
  const Size2 size = output_size(plane(x), plane(weight), g);
  check(size.h > 0 && size.w > 0, "conv2d", "the kernel of weight ", weight.value(),
        " is larger than the padded input ", x.value());
  check_epilogue("conv2d", bias, weight.size(0), x, r);
  return convolve(x, weight, bias, g, r);
}

Variable conv_transpose2d(const Variable& y, const Variable& given_weight, const Variable& given_bias,
                          const Conv2dGeometry& g, Size2 output_padding, Rectifier r) {
  const Variable weight = follow(given_weight, y.dtype()), bias = follow(given_bias, parameter_dtype(y.dtype()));
  check_geometry("conv_transpose2d", g);
  check_operands("conv_transpose2d", y, weight, "input and weight");
  check_kernel("conv_transpose2d", plane(weight));
  check(y.size(1) == weight.size(0) && y.size(1) % g.groups == 0, "conv_transpose2d", "input ", y.value(),
        " does not fit weight ", weight.value(), " [in, out / groups, KH, KW] with ", g.groups, " groups");
  const auto [ph, pw] = output_padding;
  check(ph >= 0 && pw >= 0 && (ph < g.stride.h || ph < g.dilation.h) && (pw < g.stride.w || pw < g.dilation.w),
        "conv_transpose2d", "output padding ", ph, " x ", pw, " must be smaller than stride or dilation");
  const Size2 size{(y.size(2) - 1) * g.stride.h - 2 * g.padding.h + g.dilation.h * (weight.size(2) - 1) + ph + 1,
                   (y.size(3) - 1) * g.stride.w - 2 * g.padding.w + g.dilation.w * (weight.size(3) - 1) + pw + 1};
  check(size.h > 0 && size.w > 0, "conv_transpose2d", "input ", y.value(), " and weight ", weight.value(),
        " give an empty output");
  check_epilogue("conv_transpose2d", bias, weight.size(1) * g.groups, y, r);
  return convolve_back("conv_transpose2d", y, weight, bias, size, g, r);
}

Variable conv2d_input_grad(const Variable& dy, const Variable& weight, Size2 size, const Conv2dGeometry& g) {
  check_geometry("conv2d_input_grad", g);
  check_operands("conv2d_input_grad", dy, weight, "gradient and weight");
  check_kernel("conv2d_input_grad", plane(weight));
  check(dy.size(1) == weight.size(0) && dy.size(1) % g.groups == 0 && output_size(size, plane(weight), g) == plane(dy),
        "conv2d_input_grad", "gradient ", dy.value(), " does not come from an input of ", size.h, " x ", size.w,
        " and weight ", weight.value(), " with ", g.groups, " groups");
  return convolve_back("conv2d_input_grad", dy, weight, {}, size, g, {});
}

Variable conv2d_weight_grad(const Variable& x, const Variable& dy, Size2 kernel, const Conv2dGeometry& g) {
  check_geometry("conv2d_weight_grad", g);
  check_operands("conv2d_weight_grad", x, dy, "input and gradient");
  check_kernel("conv2d_weight_grad", kernel);
  check(x.size(0) == dy.size(0) && x.size(1) % g.groups == 0 && dy.size(1) % g.groups == 0 &&
            output_size(plane(x), kernel, g) == plane(dy),
        "conv2d_weight_grad", "gradient ", dy.value(), " does not come from input ", x.value(), " and a kernel of ",
        kernel.h, " x ", kernel.w);
  Tensor dw = feature_map({dy.size(1), x.size(1) / g.groups, kernel.h, kernel.w}, x.value());
  backend(dw.device()).conv2d_weight_grad(x.value().channels_last(), dy.value().channels_last(), dw, g);
  return record("conv2d_weight_grad", {x, dy}, std::move(dw),
                [x = Saved(x), dy = Saved(dy), g](const Backward& b) -> Variables {
                  return {b.needs(0) ? conv2d_input_grad(dy.get(), b.grad, plane(x.get()), g) : Variable(),
                          b.needs(1) ? convolve(x.get(), b.grad, {}, g, {}) : Variable()};
                });
}

}  // namespace duel
