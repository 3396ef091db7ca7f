// Convolutions of every channel by itself: nothing is summed over channels, which lie along the packets instead.
#pragma once

#include "duel/tensor/cpu/conv2d_product.h"

namespace duel::cpu {

/// The product with as many groups as source and target channels.
template <class T>
void depthwise_product(const ImplicitProduct<T>& p);

/// dw[c, tap] = sum over pixels of dy[pixel, c] x[pixel meets tap, c]
template <class T>
void depthwise_weight_grad(const Images<const T>& x, const Images<const T>& dy, const Window& window, T* dw);

extern template void depthwise_product(const ImplicitProduct<float>&);
extern template void depthwise_product(const ImplicitProduct<double>&);
extern template void depthwise_weight_grad(const Images<const float>&, const Images<const float>&, const Window&,
                                           float*);
extern template void depthwise_weight_grad(const Images<const double>&, const Images<const double>&, const Window&,
                                           double*);

}  // namespace duel::cpu
