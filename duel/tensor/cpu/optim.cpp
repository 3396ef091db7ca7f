// Optimiser steps over whole tensors; the formulas are those of PyTorch.
#include <cmath>
#include <cstring>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

/// Calls f(TypeTag<T>, tensors, step) for each parameter, unless the loss that control has is not finite.
template <class Step, class F>
void for_each_parameter(const char* name, std::span<const ParameterTensors> parameters, std::span<const Step> steps,
                        const UpdateControl& control, const F& f) {
  if (parameters.empty() || (control.loss.defined() && !std::isfinite(control.loss.item()))) return;
  constexpr std::size_t kMembers = sizeof(Step) / sizeof(double);
  dispatch_floating(name, parameters[0].param.dtype(), [&](auto tag) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      Step step = steps[i];
      if (control.steps.defined())
        std::memcpy(static_cast<void*>(&step), control.steps.data<double>() + i * kMembers, sizeof step);
      f(tag, parameters[i], step);
    }
  });
}

}  // namespace

void adam(std::span<const ParameterTensors> parameters, std::span<const AdamStep> steps, const UpdateControl& control) {
  for_each_parameter(
      "adam", parameters, steps, control, []<class T>(TypeTag<T>, const ParameterTensors& t, const AdamStep& s) {
        const AdamConstants<T> c{.keep = static_cast<T>(1 - s.rate * s.decoupled_decay),
                                 .weight_decay = static_cast<T>(s.weight_decay),
                                 .beta1 = static_cast<T>(s.beta1),
                                 .share1 = static_cast<T>(1 - s.beta1),
                                 .beta2 = static_cast<T>(s.beta2),
                                 .share2 = static_cast<T>(1 - s.beta2),
                                 .eps = static_cast<T>(s.eps),
                                 .inverse_root_correction2 = static_cast<T>(1 / std::sqrt(s.correction2)),
                                 .step = static_cast<T>(s.rate / s.correction1)};
        T *p = t.param.mutable_data<T>(), *m = t.state[0].mutable_data<T>(), *v = t.state[1].mutable_data<T>();
        const T* g = t.grad.data<T>();
        parallel_for(t.param.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
          loops<T>().optim.adam(p + begin, g + begin, m + begin, v + begin, end - begin, c);
        });
      });
}

void sgd(std::span<const ParameterTensors> parameters, std::span<const SgdStep> steps, const UpdateControl& control) {
  for_each_parameter(
      "sgd", parameters, steps, control, []<class T>(TypeTag<T>, const ParameterTensors& t, const SgdStep& s) {
        const SgdConstants<T> c{.rate = static_cast<T>(s.rate),
                                .momentum = static_cast<T>(s.momentum),
                                .share = static_cast<T>(s.gradient_share),
                                .weight_decay = static_cast<T>(s.weight_decay)};
        T *p = t.param.mutable_data<T>(), *m = t.state[0].defined() ? t.state[0].mutable_data<T>() : nullptr;
        const T* g = t.grad.data<T>();
        parallel_for(t.param.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
          if (m)
            loops<T>().optim.sgd_momentum(p + begin, g + begin, m + begin, end - begin, c);
          else
            loops<T>().optim.sgd(p + begin, g + begin, end - begin, c);
        });
      });
}

void rmsprop(std::span<const ParameterTensors> parameters, std::span<const RmsPropStep> steps,
             const UpdateControl& control) {
  for_each_parameter("rmsprop", parameters, steps, control,
                     []<class T>(TypeTag<T>, const ParameterTensors& t, const RmsPropStep& s) {
                       const RmsPropConstants<T> c{.rate = static_cast<T>(s.rate),
                                                   .alpha = static_cast<T>(s.alpha),
                                                   .share = static_cast<T>(1 - s.alpha),
                                                   .eps = static_cast<T>(s.eps),
                                                   .weight_decay = static_cast<T>(s.weight_decay)};
                       T *p = t.param.mutable_data<T>(), *v = t.state[0].mutable_data<T>();
                       const T* g = t.grad.data<T>();
                       parallel_for(t.param.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
                         loops<T>().optim.rmsprop(p + begin, g + begin, v + begin, end - begin, c);
                       });
                     });
}

}  // namespace duel::cpu
