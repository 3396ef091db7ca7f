#include "duel/autograd/conv2d.h"

#include <algorithm>

#include "duel/autograd/pointwise.h"
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

Variable add_bias(const char* name, const Variable& y, const Variable& bias) {
  if (!bias.defined()) return y;
  check(bias.dim() == 1 && bias.size(0) == y.size(1), name, "bias ", bias.value(), " for ", y.size(1),
        " output channels");
  return y + reshape(bias, {1, bias.size(0), 1, 1});
}

Variable convolve(const Variable& x, const Variable& weight, const Conv2dGeometry& g) {
  const Size2 size = output_size(plane(x), plane(weight), g);
  Tensor y = feature_map({x.size(0), weight.size(0), size.h, size.w}, x.value());
  backend(y.device()).conv2d(x.value().channels_last(), weight.value().channels_last(), y, g);
  return record("conv2d", {x, weight}, std::move(y),
                [x = Saved(x), w = Saved(weight), g](const Backward& b) -> Variables {
                  return {b.needs(0) ? conv2d_input_grad(b.grad, w.get(), plane(x.get()), g) : Variable(),
                          b.needs(1) ? conv2d_weight_grad(x.get(), b.grad, plane(w.get()), g) : Variable()};
                });
}

}  // namespace

Variable conv2d(const Variable& x, const Variable& weight, const Variable& bias, const Conv2dGeometry& g) {
  check_geometry("conv2d", g);
  check_operands("conv2d", x, weight, "input and weight");
  check_kernel("conv2d", plane(weight));
  check(x.size(1) == weight.size(1) * g.groups && weight.size(0) % g.groups == 0, "conv2d", "input ", x.value(),
        " does not fit weight ", weight.value(), " [out, in / groups, KH, KW] with ", g.groups, " groups");
  const Size2 size = output_size(plane(x), plane(weight), g);
  check(size.h > 0 && size.w > 0, "conv2d", "the kernel of weight ", weight.value(),
        " is larger than the padded input ", x.value());
  return add_bias("conv2d", convolve(x, weight, g), bias);
}

Variable conv_transpose2d(const Variable& y, const Variable& weight, const Variable& bias, const Conv2dGeometry& g,
                          Size2 output_padding) {
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
  return add_bias("conv_transpose2d", conv2d_input_grad(y, weight, size, g), bias);
}

Variable conv2d_input_grad(const Variable& dy, const Variable& weight, Size2 size, const Conv2dGeometry& g) {
  check_geometry("conv2d_input_grad", g);
  check_operands("conv2d_input_grad", dy, weight, "gradient and weight");
  check_kernel("conv2d_input_grad", plane(weight));
  check(dy.size(1) == weight.size(0) && dy.size(1) % g.groups == 0 && output_size(size, plane(weight), g) == plane(dy),
        "conv2d_input_grad", "gradient ", dy.value(), " does not come from an input of ", size.h, " x ", size.w,
        " and weight ", weight.value(), " with ", g.groups, " groups");
  Tensor dx = feature_map({dy.size(0), weight.size(1) * g.groups, size.h, size.w}, dy.value());
  backend(dx.device()).conv2d_input_grad(dy.value().channels_last(), weight.value().channels_last(), dx, g);
  return record("conv2d_input_grad", {dy, weight}, std::move(dx),
                [dy = Saved(dy), w = Saved(weight), g](const Backward& b) -> Variables {
                  return {b.needs(0) ? convolve(b.grad, w.get(), g) : Variable(),
                          b.needs(1) ? conv2d_weight_grad(b.grad, dy.get(), plane(w.get()), g) : Variable()};
                });
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
                          b.needs(1) ? convolve(x.get(), b.grad, g) : Variable()};
                });
}

}  // namespace duel
