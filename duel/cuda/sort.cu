// Sorting along one dimension by Batcher's bitonic network (1968), which does the same comparisons whatever the values.
// Elements become integer keys of their order, each with its index, so that there are no ties and the sort is stable;
// lines are filled up to a power of two by entries that come last.
#include <bit>

#include "duel/cuda/kernels.h"
#include "duel/cuda/strided.cuh"

namespace duel::cuda {
namespace {

struct Entry {
  std::uint64_t key;
  std::int64_t index;

  DUEL_HD bool operator<(const Entry& other) const { return key != other.key ? key < other.key : index < other.index; }
};

/// A number that is the greater, the later x comes in ascending order: NaN last, zeros of either sign equal.
template <class T>
__device__ inline std::uint64_t ascending_key(T x) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  if constexpr (std::is_integral_v<T>) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(x)) ^ kSign;
  } else {
    const double wide = x;  // exact, and in the same order
    if (wide != wide) return ~std::uint64_t{0};
    if (wide == 0) return kSign;
    std::uint64_t bits;
    memcpy(&bits, &wide, sizeof bits);
    return bits & kSign ? ~bits : bits | kSign;
  }
}

// Lines of entries are `padded` long, a power of two; element i of a line of x is i * step from its beginning.
template <class T>
__global__ void make_entries(Walk<2> lines, const T* x, std::int64_t size, std::int64_t step, SortOrder order,
                             std::int64_t padded, Entry* entries) {
  for (std::int64_t t = thread_index(); t < lines.count * padded; t += thread_count()) {
    const std::int64_t line = t / padded, i = t % padded;
    std::uint64_t key = ~std::uint64_t{0};
    if (i < size) {
      const std::int64_t begin = lines.offsets(static_cast<std::uint32_t>(line)).v[1];
      key = ascending_key(x[begin + i * step]);
      if (order == SortOrder::descending) key = ~key;
    }
    entries[t] = {key, i};
  }
}

/// Entries t and t + distance in their order: that wanted of stage `run`, which makes sorted runs of so many entries,
/// every other one backwards but for the last, which are whole lines.
__device__ inline void order_pair(Entry& a, Entry& b, std::int64_t t, std::int64_t run, std::int64_t padded) {
  const bool backwards = (t & run & (padded - 1)) != 0;
  if ((b < a) != backwards) {
    const Entry other = a;
    a = b;
    b = other;
  }
}

/// The first of the two entries, `distance` apart, that thread t compares: twice as many entries as threads.
__device__ inline std::int64_t pair(std::int64_t t, std::int64_t distance) {
  return t / distance * 2 * distance + t % distance;
}

constexpr std::int64_t kChunk = 1024;  // entries that a block sorts in shared memory

// The stages from first_run to last_run, as far as they stay within a chunk. `count` entries in all.
__global__ void __launch_bounds__(kChunk / 2) sort_chunks(Entry* entries, std::int64_t count, std::int64_t first_run,
                                                          std::int64_t last_run, std::int64_t padded) {
  __shared__ __align__(16) unsigned char memory[kChunk * sizeof(Entry)];
  Entry* const chunk = reinterpret_cast<Entry*>(memory);
  const std::int64_t begin = blockIdx.x * kChunk;
  for (std::int64_t i = threadIdx.x; i < kChunk; i += kChunk / 2)
    chunk[i] = begin + i < count ? entries[begin + i] : Entry{0, 0};
  for (std::int64_t run = first_run; run <= last_run; run *= 2)
    for (std::int64_t distance = min(run, kChunk) / 2; distance > 0; distance /= 2) {
      __syncthreads();
      const std::int64_t i = pair(threadIdx.x, distance);
      order_pair(chunk[i], chunk[i + distance], begin + i, run, padded);
    }
  __syncthreads();
  for (std::int64_t i = threadIdx.x; i < kChunk; i += kChunk / 2)
    if (begin + i < count) entries[begin + i] = chunk[i];
}

__global__ void compare_apart(Entry* entries, std::int64_t pairs, std::int64_t run, std::int64_t distance,
                              std::int64_t padded) {
  for (std::int64_t t = thread_index(); t < pairs; t += thread_count()) {
    const std::int64_t i = pair(t, distance);
    order_pair(entries[i], entries[i + distance], i, run, padded);
  }
}

__global__ void take_indices(Walk<2> lines, const Entry* entries, std::int64_t padded, std::int64_t* index,
                             std::int64_t size, std::int64_t step) {
  for (std::int64_t t = thread_index(); t < lines.count * size; t += thread_count()) {
    const std::int64_t line = t / size, i = t % size;
    index[lines.offsets(static_cast<std::uint32_t>(line)).v[0] + i * step] = entries[line * padded + i].index;
  }
}

void sort_lines(Entry* entries, std::int64_t count, std::int64_t padded) {
  const auto chunks = [&](std::int64_t first_run, std::int64_t last_run) {
    DUEL_LAUNCH(sort_chunks, static_cast<unsigned>(ceil_div(count, kChunk)), kChunk / 2, 0, entries, count, first_run,
                last_run, padded);
  };
  chunks(2, std::min(padded, kChunk));
  for (std::int64_t run = 2 * kChunk; run <= padded; run *= 2) {
    for (std::int64_t distance = run / 2; distance >= kChunk; distance /= 2)
      DUEL_LAUNCH(compare_apart, blocks_for(count / 2), kThreads, 0, entries, count / 2, run, distance, padded);
    chunks(run, run);
  }
}

}  // namespace

void argsort(const Tensor& x, const Tensor& index, int d, SortOrder order) {
  if (index.numel() == 0) return;
  const std::int64_t size = x.size(d);
  const auto padded = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(size)));
  Shape beside = x.shape();
  beside[d] = 1;
  const auto whole = merged_dims<2>(beside, {index.strides(), x.strides()});
  for_each_part(whole, [&](const MergedDims<2>& m, const auto& base) {
    const Walk<2> lines(m);
    const std::int64_t count = lines.count * padded, bytes = count * static_cast<std::int64_t>(sizeof(Entry));
    const Tensor memory = Tensor::empty({bytes}, {DType::uint8, Device::cuda});
    auto* const entries = reinterpret_cast<Entry*>(memory.mutable_data<std::uint8_t>());
    dispatch(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      DUEL_LAUNCH((make_entries<T>), blocks_for(count), kThreads, 0, lines, x.data<T>() + base[1], size, x.strides()[d],
                  order, padded, entries);
    });
    sort_lines(entries, count, padded);
    DUEL_LAUNCH(take_indices, blocks_for(lines.count * index.size(d)), kThreads, 0, lines, entries, padded,
                index.mutable_data<std::int64_t>() + base[0], index.size(d), index.strides()[d]);
  });
}

}  // namespace duel::cuda
