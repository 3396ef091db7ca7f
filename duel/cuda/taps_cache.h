// Copies of resampling matrices on the device. They are made on the host, the same ones in each step: a step that is
// recorded finds there what an earlier one has brought.
#pragma once

#include "duel/tensor/backend.h"

namespace duel::cuda {

/// `Taps` on the device, with weights of another dtype.
struct DeviceTaps {
  Tensor first, index, weight;
};

/// The copy of `taps` (compared by content) with weights of dtype `weight`; kept for later calls, the oldest of many
/// making room, and as long as the process where a recorded step uses it. Throws if there is none yet while a step is
/// being recorded.
DeviceTaps device_taps(const Taps& taps, DType weight);

}  // namespace duel::cuda
