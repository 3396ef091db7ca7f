// Which devices there are, and what one other than the CPU brings besides its table of kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "duel/tensor/allocator.h"
#include "duel/tensor/backend.h"
#include "duel/tensor/precision.h"

namespace duel {

/// What a build with CUDA fills in (duel/cuda/functions.cpp). None of these is called unless `problem` is empty.
struct DeviceFunctions {
  /// Why there is nothing to compute on: "no driver: ...". Empty if there is.
  std::string (*problem)();
  const Backend& (*kernels)();

  // As their namesakes in allocator.h.
  void* (*allocate)(std::size_t bytes);
  void (*deallocate)(void* block, std::size_t bytes) noexcept;
  MemoryStats (*memory_stats)();
  void (*reset_peak_memory)();
  void (*release_cached_memory)();

  /// Waits until all that was asked for has been done; throws what went wrong in it.
  void (*synchronize)();
  void (*set_precision)(Precision precision);
  /// How many convolutions, by sizes and pass, were left to plain kernels so far since cuDNN has no plan for them.
  std::int64_t (*unplanned_convolutions)();

  // Recording: what the kernels are asked for between the two is kept instead of done. See CapturedStep.
  void (*begin_capture)();
  /// What was recorded; its memory is held until the result is gone.
  std::shared_ptr<const void> (*end_capture)();
  /// Forgets what was recorded since `begin_capture`.
  void (*abandon_capture)() noexcept;
  void (*replay)(const void* recorded);
};

/// Null when this build has no CUDA.
const DeviceFunctions* cuda_functions();

/// Why `device` cannot be used: built without CUDA, no driver, no GPU. Empty if it can.
std::string device_problem(Device device);
bool is_available(Device device);
/// CUDA if there is a GPU, else the CPU.
Device best_device();
/// "cpu", "cuda", or "best". Throws for other names, and for a device that cannot be used, saying why.
Device device_named(std::string_view name);

/// Waits until `device` has done all that it was asked for. On the CPU that is always so.
void synchronize(Device device);

}  // namespace duel
