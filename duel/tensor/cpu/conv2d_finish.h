// What convolution kernels do to results that are whole, while they lie in the cache; see Epilogue.
#pragma once

#include <cstdint>

#include "duel/tensor/backend.h"
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu {

/// y = rectifier(y + bias)
template <class T>
struct Finish {
  const T* bias = nullptr;  ///< of all target channels; may be none
  double slope = 1;

  bool needed() const { return bias || slope != 1; }
  /// To target channels [channel, channel + n) of m pixels: y[i] points at the first of them.
  void operator()(T* const* y, std::int64_t m, std::int64_t channel, std::int64_t n) const {
    if (needed()) loops<T>().finish.rows(y, m, n, bias ? bias + channel : nullptr, static_cast<T>(slope));
  }
};

template <class T>
Finish<T> finish(const Epilogue& e) {
  return {e.bias.defined() ? e.bias.data<T>() : nullptr, e.rectifier.slope};
}

}  // namespace duel::cpu
