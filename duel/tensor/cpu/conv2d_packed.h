// The weights of a convolution as the products take them: packed once and kept until they change or, where there are
// many for few pixels, so that each number is used in a single task, read where they are.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "duel/tensor/cpu/conv2d_product.h"
#include "duel/tensor/cpu/gemm_blocks.h"

namespace duel::cpu {

/// Whether a product takes its weights from where they are.
template <class T>
bool streams_weights(const ImplicitProduct<T>& p);

/// Part of the weights as GemmKernels::multiply takes them.
template <class T>
struct WeightPanels {
  const T* data;
  std::int64_t panel, stride;
};

/// The weights of every phase and group as the kernels want them: panels, or rows along k for few target channels.
template <class T>
class PackedWeights {
 public:
  PackedWeights(const GemmKernels<T>& kernels, const ImplicitProduct<T>& p);

  bool narrow() const { return narrow_; }
  bool streamed() const { return streamed_; }
  /// Panels of one phase and group begin here, k * columns apart; or rows, k apart.
  const T* at(std::size_t phase, std::int64_t group) const { return data_->data() + offset(phase, group); }
  std::int64_t k(std::size_t phase) const { return k_[phase]; }
  /// Rows `k` and columns [n0, n0 + n); may lie in `scratch`, of k x n rounded up to panels.
  WeightPanels<T> panels(std::size_t phase, std::int64_t group, Span k, std::int64_t n0, std::int64_t n,
                         T* scratch) const;

 private:
  std::int64_t offset(std::size_t phase, std::int64_t group) const {
    return begin_[phase] + group * padded_n_ * k_[phase];
  }
  void pack(const GemmKernels<T>& kernels, const ImplicitProduct<T>& p, T* data) const;
  void pack_panels(const GemmKernels<T>& kernels, const ImplicitProduct<T>& p, std::size_t phase, std::int64_t group,
                   std::int64_t n0, T* data) const;
  void pack_rows(const ImplicitProduct<T>& p, std::size_t phase, std::int64_t group, T* data) const;

  const GemmKernels<T>& kernels_;
  const ImplicitProduct<T>& product_;
  bool narrow_, streamed_;
  std::int64_t padded_n_;
  std::vector<std::int64_t> k_, begin_;  // per phase
  std::shared_ptr<const Scratch<T>> data_;
};

extern template bool streams_weights(const ImplicitProduct<float>&);
extern template bool streams_weights(const ImplicitProduct<double>&);
extern template class PackedWeights<float>;
extern template class PackedWeights<double>;

}  // namespace duel::cpu
