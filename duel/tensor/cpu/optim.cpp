// Optimiser steps over whole tensors; the formulas are those of PyTorch.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

template <class T>
T* pointer(const Tensor& t) {
  return t.defined() ? t.mutable_data<T>() : nullptr;
}

/// The average and the copy of elements [begin, end) of a parameter, which are in the cache still.
template <class T>
void follow(const ParameterTensors& t, double share, std::int64_t begin, std::int64_t end) {
  const T* const param = t.param.data<T>() + begin;
  const std::int64_t n = end - begin;
  if (T* const average = pointer<T>(t.average)) {
    if (share == 1)
      std::copy_n(param, n, average + begin);
    else
      loops<T>().pointwise.binary[static_cast<int>(BinaryOp::lerp)](
          average + begin, {0, 1}, param, {0, 1}, average + begin, {0, 1}, 1, n, static_cast<T>(share), T(0));
  }
  if (bfloat16* const cast = pointer<bfloat16>(t.cast))
    std::transform(param, param + n, cast + begin, [](T x) { return bfloat16(static_cast<float>(x)); });
}

/// Updates each parameter by what constants(TypeTag<T>, step) returns, a function of the tensors' pointers and a number
/// of elements; unless the loss that control has is not finite.
template <class Step, class Constants>
void update(const char* name, std::span<const ParameterTensors> parameters, std::span<const Step> steps,
            const UpdateControl& control, const Constants& constants) {
  if (parameters.empty() || (control.loss.defined() && !std::isfinite(control.loss.item()))) return;
  constexpr std::size_t kMembers = sizeof(Step) / sizeof(double);
  dispatch_floating(name, parameters[0].param.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const ParameterTensors& t = parameters[i];
      Step step = steps[i];
      if (control.steps.defined())
        std::memcpy(static_cast<void*>(&step), control.steps.data<double>() + i * kMembers, sizeof step);
      const auto updated = constants(tag, step);
      T *const p = pointer<T>(t.param), *const s = pointer<T>(t.state[0]), *const v = pointer<T>(t.state[1]);
      const T* const g = t.grad.defined() ? t.grad.data<T>() : nullptr;
      parallel_for(t.param.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        if (g) updated(p + begin, g + begin, s ? s + begin : s, v ? v + begin : v, end - begin);
        follow<T>(t, step.average_share, begin, end);
      });
    }
  });
}

}  // namespace

void adam(std::span<const ParameterTensors> parameters, std::span<const AdamStep> steps, const UpdateControl& control) {
  update("adam", parameters, steps, control, []<class T>(TypeTag<T>, const AdamStep& s) {
    const AdamConstants<T> c{.keep = static_cast<T>(1 - s.rate * s.decoupled_decay),
                             .weight_decay = static_cast<T>(s.weight_decay),
                             .beta1 = static_cast<T>(s.beta1),
                             .share1 = static_cast<T>(1 - s.beta1),
                             .beta2 = static_cast<T>(s.beta2),
                             .share2 = static_cast<T>(1 - s.beta2),
                             .eps = static_cast<T>(s.eps),
                             .inverse_root_correction2 = static_cast<T>(1 / std::sqrt(s.correction2)),
                             .step = static_cast<T>(s.rate / s.correction1)};
    return [c](T* p, const T* g, T* m, T* v, std::int64_t n) { loops<T>().optim.adam(p, g, m, v, n, c); };
  });
}

void sgd(std::span<const ParameterTensors> parameters, std::span<const SgdStep> steps, const UpdateControl& control) {
  update("sgd", parameters, steps, control, []<class T>(TypeTag<T>, const SgdStep& s) {
    const SgdConstants<T> c{.rate = static_cast<T>(s.rate),
                            .momentum = static_cast<T>(s.momentum),
                            .share = static_cast<T>(s.gradient_share),
                            .weight_decay = static_cast<T>(s.weight_decay)};
    return [c](T* p, const T* g, T* m, T*, std::int64_t n) {
      if (m)
        loops<T>().optim.sgd_momentum(p, g, m, n, c);
      else
        loops<T>().optim.sgd(p, g, n, c);
    };
  });
}

void rmsprop(std::span<const ParameterTensors> parameters, std::span<const RmsPropStep> steps,
             const UpdateControl& control) {
  update("rmsprop", parameters, steps, control, []<class T>(TypeTag<T>, const RmsPropStep& s) {
    const RmsPropConstants<T> c{.rate = static_cast<T>(s.rate),
                                .alpha = static_cast<T>(s.alpha),
                                .share = static_cast<T>(1 - s.alpha),
                                .eps = static_cast<T>(s.eps),
                                .weight_decay = static_cast<T>(s.weight_decay)};
    return [c](T* p, const T* g, T* v, T*, std::int64_t n) { loops<T>().optim.rmsprop(p, g, v, n, c); };
  });
}

}  // namespace duel::cpu
