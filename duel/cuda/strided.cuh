// Walking tensors of any strides in kernels. The host merges dimensions (merged_dims.h) and cuts what is too large for
// 32-bit indices and offsets into parts; a kernel finds its elements by multiplications only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "duel/cuda/launch.h"
#include "duel/tensor/merged_dims.h"
#include "duel/tensor/tensor.h"

#ifdef __CUDACC__
#define DUEL_UNROLL _Pragma("unroll")
#else
#define DUEL_UNROLL
#endif

namespace duel::cuda {

/// N elements that are loaded and stored at once.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T v[N];
};
/// Elements of the widest access, 16 bytes, where the largest type involved is T.
template <class T>
constexpr int kPack = static_cast<int>(16 / sizeof(T));

inline bool is_aligned(const void* p, std::size_t bytes) { return reinterpret_cast<std::uintptr_t>(p) % bytes == 0; }

/// Division of numbers below 2^31 by one from 1 to 2^31 - 1 (Granlund & Montgomery 1994, "Division by invariant
/// integers using multiplication").
struct Divisor {
  std::uint32_t value = 1, factor = 1, shift = 0;

  Divisor() = default;
  explicit Divisor(std::int64_t divisor) : value(static_cast<std::uint32_t>(divisor)) {
    while ((std::uint64_t{1} << shift) < value) ++shift;
    factor = static_cast<std::uint32_t>(((std::uint64_t{1} << shift) - value) * (std::uint64_t{1} << 32) / value + 1);
  }
  DUEL_HD std::uint32_t quotient(std::uint32_t n) const {
    return (static_cast<std::uint32_t>(static_cast<std::uint64_t>(n) * factor >> 32) + n) >> shift;
  }
};

template <int K>
struct Offsets {
  std::int32_t v[K];
};

/// K tensors as a kernel walks them: MergedDims of at most 2^31 - 1 elements and offsets below that.
template <int K>
struct Walk {
  int dims = 0;
  std::uint32_t count = 0;
  Divisor size[kMaxDims];
  std::int32_t stride[kMaxDims][K];

  /// In units of `per_unit` elements along the innermost dimension; those beyond the last whole unit are left out.
  explicit Walk(const MergedDims<K>& m, std::int64_t per_unit = 1) : dims(m.dims) {
    for (int d = 0; d < dims; ++d) {
      const auto at = static_cast<std::size_t>(d);
      const std::int64_t unit = d == dims - 1 ? per_unit : 1;
      size[d] = Divisor(std::max<std::int64_t>(1, m.size[at] / unit));
      for (int k = 0; k < K; ++k)
        stride[d][k] = static_cast<std::int32_t>(m.stride[at][static_cast<std::size_t>(k)] * unit);
    }
    count = static_cast<std::uint32_t>(m.numel() / m.inner_size() * (m.inner_size() / per_unit));
  }

  /// Where each tensor has unit `index`.
  DUEL_HD Offsets<K> offsets(std::uint32_t index) const {
    Offsets<K> at{};
    for (int d = dims - 1; d > 0; --d) {
      const std::uint32_t outer = size[d].quotient(index), inner = index - outer * size[d].value;
      for (int k = 0; k < K; ++k) at.v[k] += static_cast<std::int32_t>(inner) * stride[d][k];
      index = outer;
    }
    for (int k = 0; k < K; ++k) at.v[k] += static_cast<std::int32_t>(index) * stride[0][k];
    return at;
  }
};

/// Whether packs of `pack` elements can be read from a tensor at `p` whose innermost stride is 1: all lie on multiples
/// of their size.
template <int K, class T>
bool packs_fit(const MergedDims<K>& m, int k, const T* p, int pack) {
  if (m.inner_stride(k) != 1 || !is_aligned(p, sizeof(T) * static_cast<std::size_t>(pack))) return false;
  for (int d = 0; d < m.dims - 1; ++d)
    if (m.stride[static_cast<std::size_t>(d)][static_cast<std::size_t>(k)] % pack != 0) return false;
  return true;
}

/// Calls f(dims, base) for parts that cover all elements once, each small enough for a Walk; base[k] is where tensor k
/// has the part's first element. Nearly always there is one.
template <int K, class F>
void for_each_part(const MergedDims<K>& whole, const F& f, typename MergedDims<K>::Offsets base = {}) {
  constexpr std::int64_t kMost = INT32_MAX;
  std::int64_t widest = 0, extent[K] = {}, most = whole.numel();
  std::size_t cut = 0;
  for (std::size_t d = 0; d < static_cast<std::size_t>(whole.dims); ++d) {
    std::int64_t width = whole.size[d] - 1;
    for (std::size_t k = 0; k < K; ++k) {
      const std::int64_t reach = (whole.size[d] - 1) * std::abs(whole.stride[d][k]);
      most = std::max(most, extent[k] += reach);
      width = std::max(width, reach);
    }
    if (width > widest) cut = d, widest = width;
  }
  if (most <= kMost) return f(whole, base);
  constexpr std::int64_t kAligned = 16;  // elements: what was aligned stays so
  MergedDims<K> first = whole, second = whole;
  first.size[cut] = whole.size[cut] / 2;
  if (first.size[cut] > kAligned) first.size[cut] -= first.size[cut] % kAligned;
  second.size[cut] = whole.size[cut] - first.size[cut];
  for_each_part(first, f, base);
  for (std::size_t k = 0; k < K; ++k) base[k] += first.size[cut] * whole.stride[cut][k];
  for_each_part(second, f, base);
}

}  // namespace duel::cuda
