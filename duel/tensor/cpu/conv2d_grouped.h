// Convolutions in groups. Those of stride 1 whose groups fill packets are products straight from copies of the groups'
// channels, which lie so that a pixel's row of taps is one run of numbers; those of a single channel multiply along the
// channels.
#pragma once

#include "duel/tensor/cpu/conv2d_product.h"

namespace duel::cpu {

/// Computes the product if it is in groups of one of these kinds; tells whether it was.
template <class T>
bool grouped_product(const ImplicitProduct<T>& p);

/// dw[o, tap, c] = sum over pixels of dy[pixel, o] x[pixel meets tap, c] likewise; dw [O, KH, KW, C / groups] dense.
template <class T>
bool grouped_weight_grad(const Images<const T>& x, const Images<const T>& dy, const Window& window, std::int64_t groups,
                         T* dw);

extern template bool grouped_product(const ImplicitProduct<float>&);
extern template bool grouped_product(const ImplicitProduct<double>&);
extern template bool grouped_weight_grad(const Images<const float>&, const Images<const float>&, const Window&,
                                         std::int64_t, float*);
extern template bool grouped_weight_grad(const Images<const double>&, const Images<const double>&, const Window&,
                                         std::int64_t, double*);

}  // namespace duel::cpu
