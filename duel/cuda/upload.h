// Copies to the device that the host need not wait for.
#pragma once

#include <cstddef>

namespace duel::cuda {

/// Copies `bytes` bytes of the host's memory to the device, in the order of the stream. They have been read when this
/// returns, but may not have arrived yet: they wait in pinned memory, enough for 64 uploads of up to 64 KiB and for two
/// of up to 16 MiB at once; larger ones go in pieces. What is larger than 64 KiB travels beside the kernels, to memory
/// of its own, and is moved from there in the order of the stream.
void upload(void* device, const void* host, std::size_t bytes);

}  // namespace duel::cuda
