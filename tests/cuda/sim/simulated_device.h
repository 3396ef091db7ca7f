// What tests can set and see of the simulated device. With DUEL_SIM_RECORDS in the environment each recording's kernels
// are counted on standard error: what a step costs in launches.
#pragma once

#include <cstddef>
#include <cstdint>

namespace duel::simulated {

/// Bytes of device memory from now on, at most 2 GiB (1 GiB at first); allocations beyond fail.
void set_memory_limit(std::size_t bytes);
/// Whether there is a device at all: without, every call says that the driver is missing.
void set_present(bool present);

/// In which order blocks, and the threads of each, run.
enum class Order { forward, reverse };
/// `forward` at first, or `reverse` where the environment says DUEL_SIM_ORDER=reverse.
Order order();
void set_order(Order order);

/// What was asked of the device since the program began. What a graph replays is not counted again.
struct Counters {
  std::int64_t launches = 0, graph_launches = 0;
  std::int64_t copies_to_device = 0, copies_to_host = 0;
  std::int64_t bytes_to_device = 0, bytes_to_host = 0;
  std::int64_t waits = 0;  ///< by which the host waited for the device
  std::int64_t allocations = 0;
};
const Counters& counters();

}  // namespace duel::simulated
