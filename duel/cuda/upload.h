// Copies to the device that the host need not wait for.
#pragma once

#include <cstddef>

namespace duel::cuda {

/// Copies `bytes` bytes of the host's memory to the device, in the order of the stream. They have been read when this
/// returns, but may not have arrived yet: they wait in pinned memory, enough for 4 uploads, or 64 of up to 64 KiB, at
/// once.
void upload(void* device, const void* host, std::size_t bytes);

}  // namespace duel::cuda
