// Recording what the kernels are asked for into a CUDA graph, to be done again and again at the cost of one launch.
#pragma once

#include <memory>

namespace duel::cuda {

// As their namesakes in duel/tensor/devices.h.
void begin_capture();
std::shared_ptr<const void> end_capture();
void abandon_capture() noexcept;
void replay(const void* recorded);

}  // namespace duel::cuda
