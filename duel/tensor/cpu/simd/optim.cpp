// Optimiser steps, one pass over the parameters and their state.
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {

template <class T>
void adam(T* param, const T* grad, T* exp_avg, T* exp_avg_sq, std::int64_t n, const AdamConstants<T>& constants) {
  const AdamConstants<T> c = constants;  // a copy, for it cannot change between iterations
  DUEL_INDEPENDENT
  for (std::int64_t i = 0; i < n; ++i) {
    const T p = c.keep * param[i];
    const T g = grad[i] + c.weight_decay * p;
    const T m = c.beta1 * exp_avg[i] + c.share1 * g;
    const T v = c.beta2 * exp_avg_sq[i] + c.share2 * g * g;
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    param[i] = p - c.step * m / (std::sqrt(v) * c.inverse_root_correction2 + c.eps);
  }
}

template <class T>
void sgd(T* param, const T* grad, std::int64_t n, const SgdConstants<T>& constants) {
  const SgdConstants<T> c = constants;
  DUEL_INDEPENDENT
  for (std::int64_t i = 0; i < n; ++i) param[i] -= c.rate * (grad[i] + c.weight_decay * param[i]);
}

template <class T>
void sgd_momentum(T* param, const T* grad, T* momentum, std::int64_t n, const SgdConstants<T>& constants) {
  const SgdConstants<T> c = constants;
  DUEL_INDEPENDENT
  for (std::int64_t i = 0; i < n; ++i) {
    const T m = c.momentum * momentum[i] + c.share * (grad[i] + c.weight_decay * param[i]);
    momentum[i] = m;
    param[i] -= c.rate * m;
  }
}

template <class T>
void rmsprop(T* param, const T* grad, T* square_avg, std::int64_t n, const RmsPropConstants<T>& constants) {
  const RmsPropConstants<T> c = constants;
  DUEL_INDEPENDENT
  for (std::int64_t i = 0; i < n; ++i) {
    const T g = grad[i] + c.weight_decay * param[i];
    const T v = c.alpha * square_avg[i] + c.share * g * g;
    square_avg[i] = v;
    param[i] -= c.rate * g / (std::sqrt(v) + c.eps);
  }
}

template <class T>
OptimLoops<T> optim_loops() {
  return {adam<T>, sgd<T>, sgd_momentum<T>, rmsprop<T>};
}

template OptimLoops<float> optim_loops();
template OptimLoops<double> optim_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
