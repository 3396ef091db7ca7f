// Optimiser steps over whole tensors; the formulas are those of PyTorch.
#include <cmath>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {

void adam(const Tensor& param, const Tensor& grad, const Tensor& exp_avg, const Tensor& exp_avg_sq, AdamStep s) {
  dispatch_floating("adam", param.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const AdamConstants<T> c{.keep = static_cast<T>(1 - s.rate * s.decoupled_decay),
                             .weight_decay = static_cast<T>(s.weight_decay),
                             .beta1 = static_cast<T>(s.beta1),
                             .share1 = static_cast<T>(1 - s.beta1),
                             .beta2 = static_cast<T>(s.beta2),
                             .share2 = static_cast<T>(1 - s.beta2),
                             .eps = static_cast<T>(s.eps),
                             .inverse_root_correction2 = static_cast<T>(1 / std::sqrt(s.correction2)),
                             .step = static_cast<T>(s.rate / s.correction1)};
    T *p = param.mutable_data<T>(), *m = exp_avg.mutable_data<T>(), *v = exp_avg_sq.mutable_data<T>();
    const T* g = grad.data<T>();
    parallel_for(param.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      loops<T>().optim.adam(p + begin, g + begin, m + begin, v + begin, end - begin, c);
    });
  });
}

void sgd(const Tensor& param, const Tensor& grad, const Tensor& momentum, SgdStep s) {
  dispatch_floating("sgd", param.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const SgdConstants<T> c{.rate = static_cast<T>(s.rate),
                            .momentum = static_cast<T>(s.momentum),
                            .share = static_cast<T>(s.gradient_share),
                            .weight_decay = static_cast<T>(s.weight_decay)};
    T *p = param.mutable_data<T>(), *m = momentum.defined() ? momentum.mutable_data<T>() : nullptr;
    const T* g = grad.data<T>();
    parallel_for(param.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      if (m)
        loops<T>().optim.sgd_momentum(p + begin, g + begin, m + begin, end - begin, c);
      else
        loops<T>().optim.sgd(p + begin, g + begin, end - begin, c);
    });
  });
}

void rmsprop(const Tensor& param, const Tensor& grad, const Tensor& square_avg, RmsPropStep s) {
  dispatch_floating("rmsprop", param.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const RmsPropConstants<T> c{.rate = static_cast<T>(s.rate),
                                .alpha = static_cast<T>(s.alpha),
                                .share = static_cast<T>(1 - s.alpha),
                                .eps = static_cast<T>(s.eps),
                                .weight_decay = static_cast<T>(s.weight_decay)};
    T *p = param.mutable_data<T>(), *v = square_avg.mutable_data<T>();
    const T* g = grad.data<T>();
    parallel_for(param.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      loops<T>().optim.rmsprop(p + begin, g + begin, v + begin, end - begin, c);
    });
  });
}

}  // namespace duel::cpu
