// What matrix products and convolutions share: the kernels of the instruction set in use, block sizes, scratch memory.
#pragma once

#include <cstdint>
#include <utility>

#include "duel/tensor/allocator.h"
#include "duel/tensor/cpu/simd/gemm.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {

/// The kernels for T = float or double of the instruction set in use.
template <class T>
const GemmKernels<T>& gemm_kernels();

// Cache blocks: a panel of B (kBlockK x columns) stays in the first-level cache, a block of A (kBlockM x kBlockK) and
// one of B (kBlockK x kBlockPanels panels) in the second.
constexpr std::int64_t kBlockM = 192, kBlockK = 256, kBlockPanels = 16;
/// Work is cut further until there are so many pieces, for processors with many cores.
constexpr std::int64_t kEnoughTasks = 16;

constexpr std::int64_t round_up(std::int64_t a, std::int64_t unit) { return ceil_div(a, unit) * unit; }
/// Distance between rows of k numbers: an odd number of cache lines, so that they don't all meet in one cache set.
template <class T>
constexpr std::int64_t spread_row(std::int64_t k) {
  constexpr std::int64_t kLine = 64 / sizeof(T);
  return (ceil_div(k, kLine) | 1) * kLine;
}
/// The block, a multiple of `unit`, that cuts `total` into equal parts of at most `most`.
constexpr std::int64_t even_block(std::int64_t total, std::int64_t most, std::int64_t unit) {
  return total == 0 ? unit : round_up(ceil_div(total, ceil_div(total, most)), unit);
}

/// How a product [m, n] is cut into tasks.
struct ProductCut {
  std::int64_t m_block, n_block;
};
/// For `copies` products of the same size and a register tile of `rows` x `columns`; depends on sizes alone.
ProductCut cut_product(std::int64_t copies, std::int64_t m, std::int64_t n, std::int64_t rows, std::int64_t columns);

/// Uninitialised memory for the length of a scope.
template <class T>
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(std::int64_t count)
      : bytes_(static_cast<std::size_t>(count) * sizeof(T)), data_(static_cast<T*>(allocate(Device::cpu, bytes_))) {}
  Scratch(Scratch&& other) noexcept
      : bytes_(std::exchange(other.bytes_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  ~Scratch() { deallocate(Device::cpu, data_, bytes_); }
  Scratch& operator=(Scratch&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(data_, other.data_);
    return *this;
  }
  T* data() const { return data_; }
  T& operator[](std::int64_t i) const { return data_[i]; }

 private:
  std::size_t bytes_ = 0;
  T* data_ = nullptr;
};

}  // namespace duel::cpu
