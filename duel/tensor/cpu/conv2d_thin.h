// Convolutions of thin pictures, whose channels are so few that to gather windows would take longer than the product:
// each task copies a band of a picture with zeros around it, and the register tiles read the overlapping windows there.
#pragma once

#include <cstdint>

#include "duel/tensor/cpu/conv2d_product.h"

namespace duel::cpu {

/// Whether the source is thin; then multiply_thin(p) is p's fastest form.
template <class T>
bool thin_source(const ImplicitProduct<T>& p);
template <class T>
void multiply_thin(const ImplicitProduct<T>& p);

/// dw[tap, i, j] = sum over pixels of thin[pixel meets tap, i] thick[pixel, j], for each group. A convolution's input
/// and output gradient; or, for stride 1, these in turn.
template <class T>
struct ThinWeightGrad {
  Images<const T> thin, thick;
  Window window;  // positions in thick to positions in thin
  std::int64_t groups;
  T* dw;
  std::int64_t group, kernel_row, kernel_column, i, j;  // strides

  std::int64_t thin_channels() const { return thin.channels / groups; }
  std::int64_t thick_channels() const { return thick.channels / groups; }
  /// Numbers (tap, i).
  std::int64_t rows() const { return window.taps() * thin_channels(); }
};

template <class T>
bool thin_windows(const Images<const T>& thin, const Images<const T>& thick, const Window& window, std::int64_t groups);
template <class T>
void weight_grad_thin(const ThinWeightGrad<T>& p);

#define DUEL_DECLARE_THIN(T)                                                                                      \
  extern template bool thin_source(const ImplicitProduct<T>&);                                                    \
  extern template void multiply_thin(const ImplicitProduct<T>&);                                                  \
  extern template bool thin_windows(const Images<const T>&, const Images<const T>&, const Window&, std::int64_t); \
  extern template void weight_grad_thin(const ThinWeightGrad<T>&);
DUEL_DECLARE_THIN(float)
DUEL_DECLARE_THIN(double)
#undef DUEL_DECLARE_THIN

}  // namespace duel::cpu
