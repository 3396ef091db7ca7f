// Channels-last data as rows of columns, how such rows are dealt out to blocks of threads, and sums over rows, channel
// by channel: what normalisation and the epilogues of convolutions share.
//
// A reduction says what is added up by a struct of its own:
//
//   using Value = ...;               // what is merged: default-made it changes nothing; made of Value::Scalar only
//   static constexpr int kBatch;     // rows that a thread loads at once
//   template <int V> struct Thread {  // one thread's V neighbouring columns
//     Thread(const Reduction&, std::int64_t sample, std::int64_t column);
//     template <int rows> void add(std::int64_t offset, std::int64_t step);  // of its first element, from row to row
//     Value value(int j);
//   };
//
// and `Value merge(Value, Value)` beside Value, as well as `Value shuffle_down(Value, int lanes)` where groups are
// merged. Results go to a function object f(sample, channel, value). The order in which values are merged depends on
// sizes only.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <numeric>
#include <type_traits>

#include "duel/cuda/launch.h"
#include "duel/cuda/strided.cuh"
#include "duel/tensor/tensor.h"

namespace duel::cuda {

/// Channels-last data as a matrix for each sample. Where the channels do not fill packs, several pixels make a row.
struct ChannelRows {
  std::int64_t samples, rows;  ///< of each sample
  std::int64_t columns, channels;
  int pack;  ///< columns that are loaded at once

  std::int64_t pixels() const { return rows * (columns / channels); }  ///< of each sample
  /// All samples as one.
  ChannelRows together() const { return {1, samples * rows, columns, channels, pack}; }
};

inline std::int64_t pixels_of(const Tensor& x) {  // [N, C, S...]
  std::int64_t pixels = 1;
  for (int i = 2; i < x.dim(); ++i) pixels *= x.size(i);
  return pixels;
}

/// Of `samples` samples of so many pixels, at least one, as dense arrays of T, those of `data`, hold them.
template <class T>
ChannelRows channel_rows(std::int64_t samples, std::int64_t pixels, std::int64_t channels,
                         std::initializer_list<const T*> data) {
  constexpr std::int64_t kMostTiles = 65535;  // of a grid's second dimension
  check(channels <= kMostTiles * kWarp, "channel_rows", "at most ", kMostTiles * kWarp, " channels, got ", channels);
  const std::int64_t fold = kPack<T> / std::gcd(std::int64_t{kPack<T>}, channels);
  const bool aligned = std::all_of(data.begin(), data.end(), [](const T* p) { return is_aligned(p, 16); });
  if (aligned && pixels % fold == 0) return {samples, pixels / fold, channels * fold, channels, kPack<T>};
  return {samples, pixels, channels, channels, 1};
}

/// How rows and columns are dealt out to blocks of threads.
struct Tiling {
  int across;                              ///< threads of a block side by side along a row, a pack each
  int team;                                ///< threads of a block that share the rows of a sample
  int together;                            ///< samples of a block; one, or the team is
  std::int64_t tiles, slices, slice_rows;  ///< that the columns and the rows of a sample are cut into

  dim3 grid(const ChannelRows& g) const {
    return dim3(static_cast<unsigned>(ceil_div(g.samples, together) * slices), static_cast<unsigned>(tiles));
  }
  int threads() const { return static_cast<int>(ceil_div(across * team * together, kWarp)) * kWarp; }
};

/// For threads that load `batch` rows at once.
inline Tiling tiling(const ChannelRows& g, int batch) {
  constexpr std::int64_t kBlocks = 512;  // that fill a device, so that each has long loops
  const bool is_short = g.rows <= 2 * batch;
  const std::int64_t packs = g.columns / g.pack, tiles = ceil_div(packs, is_short ? kThreads : kWarp);
  const int across = static_cast<int>(ceil_div(packs, tiles)), down = kThreads / across;
  if (is_short) return {across, 1, static_cast<int>(std::min<std::int64_t>(down, g.samples)), tiles, 1, g.rows};
  const int team = static_cast<int>(std::min<std::int64_t>(down, ceil_div(g.rows, batch)));
  const std::int64_t slices =
      std::clamp<std::int64_t>(kBlocks / (g.samples * tiles), 1, ceil_div(g.rows, team * batch));
  const std::int64_t slice_rows = ceil_div(ceil_div(g.rows, slices), team) * team;
  return {across, team, 1, tiles, ceil_div(g.rows, slice_rows), slice_rows};
}

/// f(std::integral_constant<int, columns loaded at once>)
template <class T, class F>
void with_pack(int pack, F&& f) {
  if (pack == 1)
    f(std::integral_constant<int, 1>{});
  else
    f(std::integral_constant<int, kPack<T>>{});
}

/// Device memory for n values of a struct that is made of V::Scalar only.
template <class V>
class Scratch {
 public:
  explicit Scratch(std::int64_t n)
      : memory_(Tensor::empty({n * static_cast<std::int64_t>(sizeof(V) / sizeof(Scalar))},
                              {dtype_of<Scalar>(), Device::cuda})) {}
  V* data() const { return reinterpret_cast<V*>(memory_.mutable_data<Scalar>()); }

 private:
  using Scalar = typename V::Scalar;
  Tensor memory_;
};

#if defined(__CUDACC__) || defined(DUEL_SIMULATED_CUDA)

template <int V, class T>
__device__ inline Pack<T, V> load(const T* p) {
  return *reinterpret_cast<const Pack<T, V>*>(p);
}
template <class T, int V>
__device__ inline void store(T* p, const Pack<T, V>& values) {
  *reinterpret_cast<Pack<T, V>*>(p) = values;
}

/// Where a thread works: from `row` on every `step`th row below `end`, at the columns from `column` on.
struct Place {
  std::int64_t sample, slice, row, end, column;
  int step, line;  // `line` of its team
  bool active;     // else it only takes part in barriers
};

__device__ inline Place place(const ChannelRows& g, const Tiling& t, int pack) {
  const int thread = static_cast<int>(threadIdx.x), line = thread / t.across;
  const std::int64_t slice = blockIdx.x % t.slices, first = slice * t.slice_rows;
  Place at;
  at.sample = blockIdx.x / t.slices * t.together + line / t.team;
  at.slice = slice;
  at.line = line % t.team;
  at.row = first + at.line;
  at.end = min(g.rows, first + t.slice_rows);
  at.column = (std::int64_t{blockIdx.y} * t.across + thread % t.across) * pack;
  at.step = t.team;
  at.active = line < t.team * t.together && at.sample < g.samples && at.column < g.columns;
  return at;
}

/// Merges the values of `lines` lines of `across` threads each into those of line 0. All threads of the block must call
/// it; `shared` holds n values for each thread of the lines.
template <class Value, int n>
__device__ inline void merge_lines(Value (&values)[n], int lines, int across, Value* shared) {
  const int thread = static_cast<int>(threadIdx.x), line = thread / across, stride = lines * across;
  if (line < lines) {
    DUEL_UNROLL
    for (int j = 0; j < n; ++j) shared[j * stride + thread] = values[j];
  }
  for (int left = lines; left > 1;) {
    const int half = (left + 1) / 2;
    __syncthreads();
    if (line + half < left) {
      DUEL_UNROLL
      for (int j = 0; j < n; ++j)
        shared[j * stride + thread] = values[j] = merge(values[j], shared[j * stride + thread + half * across]);
    }
    left = half;
  }
}

/// The values of each slice, or where there is but one the results.
template <int V, class R, class F>
__global__ void __launch_bounds__(kThreads)
    reduce_rows(R reduction, F f, ChannelRows g, Tiling t, typename R::Value* partial) {
  using Value = typename R::Value;
  const Place at = place(g, t, V);
  Value values[V] = {};
  if (at.active) {
    typename R::template Thread<V> thread(reduction, at.sample, at.column);
    std::int64_t row = at.row, offset = (at.sample * g.rows + row) * g.columns + at.column;
    const std::int64_t step = at.step * g.columns;
    for (; row + (R::kBatch - 1) * at.step < at.end; row += R::kBatch * at.step, offset += R::kBatch * step)
      thread.template add<R::kBatch>(offset, step);
    for (; row < at.end; row += at.step, offset += step) thread.template add<1>(offset, step);
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) values[j] = thread.value(j);
  }
  if (t.team > 1) {
    DUEL_DYNAMIC_SHARED(Value, shared);
    merge_lines(values, t.team, t.across, shared);
  }
  if (!at.active || at.line > 0) return;
  DUEL_UNROLL
  for (int j = 0; j < V; ++j)
    if (partial)
      partial[(at.sample * t.slices + at.slice) * g.columns + at.column + j] = values[j];
    else
      f(at.sample, at.column + j, values[j]);
}

/// The results from the values [samples, parts, channels] of parts.
template <class Value, class F>
__global__ void __launch_bounds__(1024)
    merge_parts(const Value* partial, std::int64_t parts, std::int64_t channels, std::int64_t tiles, F f) {
  DUEL_DYNAMIC_SHARED(Value, shared);
  const std::int64_t sample = blockIdx.x / tiles, c = blockIdx.x % tiles * kWarp + threadIdx.x % kWarp;
  const int line = static_cast<int>(threadIdx.x) / kWarp, lines = static_cast<int>(blockDim.x) / kWarp;
  Value value[1] = {};
  if (c < channels)
    for (std::int64_t i = line; i < parts; i += lines)
      value[0] = merge(value[0], partial[(sample * parts + i) * channels + c]);
  merge_lines(value, lines, kWarp, shared);
  if (line == 0 && c < channels) f(sample, c, value[0]);
}

/// As that kernel.
template <class Value, class F>
void merge_all_parts(const Value* partial, std::int64_t samples, std::int64_t parts, std::int64_t channels,
                     const F& f) {
  const std::int64_t tiles = ceil_div(channels, kWarp);
  const int threads = static_cast<int>(std::min<std::int64_t>(parts, 1024 / kWarp)) * kWarp;
  DUEL_LAUNCH((merge_parts<Value, F>), static_cast<unsigned>(samples * tiles), threads, threads * sizeof(Value),
              partial, parts, channels, tiles, f);
}

/// f(sample, channel, value) with the reduction of the rows of each sample, over data of type T.
template <class T, class R, class F>
void reduce_channels(const ChannelRows& g, const R& reduction, const F& f) {
  using Value = typename R::Value;
  const Tiling t = tiling(g, R::kBatch);
  const std::int64_t parts = t.slices * (g.columns / g.channels);
  const Scratch<Value> partial(parts > 1 ? g.samples * parts * g.channels : 0);
  with_pack<T>(g.pack, [&]<int V>(std::integral_constant<int, V>) {
    const std::size_t shared = t.team > 1 ? static_cast<std::size_t>(t.across * t.team * V) * sizeof(Value) : 0;
    DUEL_LAUNCH((reduce_rows<V, R, F>), t.grid(g), t.threads(), shared, reduction, f, g, t,
                parts > 1 ? partial.data() : nullptr);
  });
  if (parts > 1) merge_all_parts(partial.data(), g.samples, parts, g.channels, f);
}

/// Row-major [N, C], as it is.
template <class Value>
struct StoreValues {
  Value* values;
  std::int64_t channels;
  __device__ void operator()(std::int64_t n, std::int64_t c, const Value& v) const { values[n * channels + c] = v; }
};

/// The values of `lanes` neighbouring threads, a power of two up to a warp, in the first of them. All of a warp must
/// call it.
template <class Value>
__device__ inline Value merge_lanes(Value v, int lanes) {
  for (int step = lanes / 2; step > 0; step /= 2) v = merge(v, shuffle_down(v, step));
  return v;
}

/// f(sample, group, value) of each `width` values that follow each other in [samples, groups, width]; `lanes` threads
/// each.
template <class Value, class F>
__global__ void __launch_bounds__(kThreads)
    merge_groups(const Value* values, std::int64_t samples, std::int64_t groups, std::int64_t width, int lanes, F f) {
  const std::int64_t i = thread_index() / lanes, lane = thread_index() % lanes;
  Value value;
  if (i < samples * groups)
    for (std::int64_t c = lane; c < width; c += lanes) value = merge(value, values[i * width + c]);
  value = merge_lanes(value, lanes);
  if (lane == 0 && i < samples * groups) f(i / groups, i % groups, value);
}

template <class Value, class F>
void merge_all_groups(const Value* values, std::int64_t samples, std::int64_t groups, std::int64_t width, const F& f) {
  int lanes = 1;
  while (lanes < kWarp && lanes < width) lanes *= 2;
  DUEL_LAUNCH((merge_groups<Value, F>), static_cast<unsigned>(ceil_div(samples * groups * lanes, kThreads)), kThreads,
              0, values, samples, groups, width, lanes, f);
}

#endif

}  // namespace duel::cuda
