// Convolution and its two transposes by cuDNN's plans; by our own kernels where cuDNN has none.
#include <algorithm>
#include <cstdint>

#include "duel/cuda/conv2d_plans.h"
#include "duel/cuda/direct.h"
#include "duel/cuda/epilogue.h"
#include "duel/cuda/kernels.h"
#include "duel/cuda/products.h"

namespace duel::cuda {
namespace {

/// The three tensors of a convolution, whichever of them is the result.
struct Operands {
  Tensor x, w, y;

  const Tensor& result(ConvolutionPass pass) const {
    return pass == ConvolutionPass::forward ? y : pass == ConvolutionPass::input_grad ? x : w;
  }
  bool is_empty() const { return x.numel() == 0 || w.numel() == 0 || y.numel() == 0; }
};

/// The largest power of two, up to 16, that divides the addresses of all elements given.
std::int64_t common_alignment(const Conv2dPointers& p) {
  const auto address = [](const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); };
  const std::uintptr_t any = address(p.x) | address(p.w) | address(p.y) | 16;
  return static_cast<std::int64_t>(any & (~any + 1));
}

void* first_element(const Tensor& t) {
  return t.storage()->data() + t.offset() * static_cast<std::int64_t>(size_of(t.dtype()));
}
Conv2dPointers pointers_of(const Operands& t) { return {first_element(t.x), first_element(t.w), first_element(t.y)}; }

Conv2dProblem problem_of(ConvolutionPass pass, const Operands& t, const Conv2dGeometry& g) {
  const auto sizes = [](const Tensor& of) { return std::array{of.size(0), of.size(1), of.size(2), of.size(3)}; };
  return {.pass = pass,
          .dtype = t.x.dtype(),
          .precision = t.x.dtype() == DType::float32 ? precision() : Precision::tf32,
          .x = sizes(t.x),
          .w = sizes(t.w),
          .y = sizes(t.y),
          .stride = {g.stride.h, g.stride.w},
          .padding = {g.padding.h, g.padding.w},
          .dilation = {g.dilation.h, g.dilation.w}};
}

enum class Role { input, result };

/// `t`, or one of that size which begins with it and is 0 elsewhere; what is to be written is left as it comes.
Tensor padded(const Tensor& t, const std::array<std::int64_t, 4>& size, Role role) {
  const Shape shape(size);
  if (t.shape() == shape) return t;
  const Tensor larger = Tensor::empty(shape, {t.dtype(), Device::cuda, Layout::channels_last});
  if (role == Role::result) return larger;
  fill(larger, 0);
  copy(t, larger.slice(0, 0, t.size(0)).slice(1, 0, t.size(1)));
  return larger;
}

/// Writes the result of `pass`; false if there is no plan for it.
bool convolve(ConvolutionPass pass, const Operands& t, const Conv2dGeometry& g) {
  Conv2dProblem problem = with_padded_channels(problem_of(pass, t, g));
  const auto role = [&](ConvolutionPass writes_it) { return pass == writes_it ? Role::result : Role::input; };
  const Operands whole{padded(t.x, problem.x, role(ConvolutionPass::input_grad)),
                       padded(t.w, problem.w, role(ConvolutionPass::weight_grad)),
                       padded(t.y, problem.y, role(ConvolutionPass::forward))};
  const Conv2dPointers pointers = pointers_of(whole);
  problem.alignment = common_alignment(pointers);
  const ExecutionPlan* plan = conv2d_plan(problem, pointers);
  if (!plan) return false;
  const Tensor workspace = Tensor::empty({plan->workspace_bytes()}, {DType::uint8, Device::cuda});
  plan->execute(pointers, workspace.mutable_data<std::uint8_t>());
  const Tensor &larger = whole.result(pass), &result = t.result(pass);
  if (larger.shape() != result.shape()) copy(larger.slice(0, 0, result.size(0)).slice(1, 0, result.size(1)), result);
  return true;
}

}  // namespace

void conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g, const Epilogue& e) {
  if (y.numel() == 0) return;
  const Operands operands{x, w, y};
  if (operands.is_empty())
    fill(y, 0);
  else if (!convolve(ConvolutionPass::forward, operands, g))
    return conv2d_direct(x, w, y, g, e);
  apply_epilogue(y, e);
}

void conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g,
                       const Epilogue& e) {
  if (dx.numel() == 0) return;
  const Operands operands{dx, w, dy};
  if (operands.is_empty())
    fill(dx, 0);
  else if (!convolve(ConvolutionPass::input_grad, operands, g))
    return conv2d_input_grad_direct(dy, w, dx, g, e);
  apply_epilogue(dx, e);
}

void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g) {
  if (dw.numel() == 0) return;
  const Operands operands{x, dw, dy};
  if (operands.is_empty())
    fill(dw, 0);
  else if (!convolve(ConvolutionPass::weight_grad, operands, g))
    conv2d_weight_grad_direct(x, dy, dw, g);
}

}  // namespace duel::cuda
