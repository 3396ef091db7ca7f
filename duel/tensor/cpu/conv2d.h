// 2-D convolution and its two transposes on the CPU; see Backend.
#pragma once

#include <cstdint>

#include "duel/tensor/backend.h"

namespace duel::cpu {

/// Implicit matrix products, or Winograd's algorithms with tiles of 2 x 2, 3 x 3 (for dense 4x4 kernels) or 4 x 4
/// outputs (for smaller ones); `automatic` takes the fastest that is exact enough (see choose_winograd).
enum class ConvAlgorithm : std::uint8_t { automatic, direct, winograd2, winograd3, winograd4 };

void conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g, const Epilogue& e);
void conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g, const Epilogue& e);
void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g);
void epilogue_grad(const Tensor& y, const Tensor& dy, Rectifier r, const Tensor& dx, const Tensor& dbias);

// The same by a given algorithm, for measurements and tests; throws where it does not apply.
void conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g, ConvAlgorithm algorithm,
            const Epilogue& e = {});
void conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g,
                       ConvAlgorithm algorithm, const Epilogue& e = {});
void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g,
                        ConvAlgorithm algorithm);

}  // namespace duel::cpu
