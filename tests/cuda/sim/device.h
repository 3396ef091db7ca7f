// What the parts of the simulated device share.
#pragma once

#include <cstddef>
#include <mutex>

#include "cuda_runtime.h"
#include "simulated_device.h"

#if defined(__SANITIZE_ADDRESS__)
#define DUEL_SIM_ASAN 1
#else
#define DUEL_SIM_ASAN 0
#endif

namespace duel::simulated {

/// Held by every call of the runtime.
std::recursive_mutex& device_mutex();
using Lock = std::lock_guard<std::recursive_mutex>;

/// Keeps an error for cudaGetLastError, and gives it back.
cudaError_t report(cudaError_t error);
bool is_present();
Counters& mutable_counters();

/// Runs all blocks. Throws `Error` when threads wait for others that never come.
void run(const Launch& launch);
/// What is wrong with a launch's numbers, if anything.
cudaError_t launch_problem(const Launch& launch);

/// While one lives, the host may touch device memory.
class Access {
 public:
  Access();
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
};

enum class Place { pageable, pinned, device };
/// Where `bytes` bytes at `p` lie; pageable if not wholly in one known block.
Place place_of(const void* p, std::size_t bytes);
/// Whether p points into the device's addresses, allocated or not.
bool is_device_address(const void* p);

/// A call that could wait for work, or change memory: not to be made while a stream captures (unless relaxed); such a
/// capture is invalid from then on.
cudaError_t unsafe_call();
/// Does all work that is queued on any stream.
void finish_all_streams();

}  // namespace duel::simulated
