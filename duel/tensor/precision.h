// How float32 products are computed where the device offers a choice.
#pragma once

#include <cstdint>

namespace duel {

/// Of products and convolutions of float32 tensors on CUDA: in full, or with operands rounded to TF32's 10 bits of
/// mantissa (sums are float32 either way), which is about seven times as fast.
enum class Precision : std::uint8_t { fp32, tf32 };

}  // namespace duel
