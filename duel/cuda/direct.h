// Matrix products and convolutions by kernels of our own: for shapes and types that cuDNN and cuBLASLt have no plan
// for, and where there is neither. Any geometry; sums in `compute_t` (float64 for float64, else float32) and in an
// order that depends on the shapes only.
#pragma once

#include "duel/tensor/backend.h"

namespace duel::cuda {

// As the slots of the same names in `Backend`.
void matmul_direct(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& bias);
void conv2d_direct(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g, const Epilogue& e);
void conv2d_input_grad_direct(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g,
                              const Epilogue& e);
void conv2d_weight_grad_direct(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g);

}  // namespace duel::cuda
