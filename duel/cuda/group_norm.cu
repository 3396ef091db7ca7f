// Group normalisation over channels-last data: each sample's groups of channels have statistics of their own. One group
// per channel is instance normalisation, one group is layer normalisation.
#include "duel/cuda/kernels.h"
#include "duel/cuda/moments.cuh"
#include "duel/cuda/norm_common.h"

namespace duel::cuda {
namespace {

/// How runs of `elements`, a sample each, are dealt out to teams of threads: a warp or a block.
struct Runs {
  std::int64_t count, elements, slices, slice_elements;
};

/// The moments of each slice of a run.
template <class T, int V, int team, class F>
__global__ void __launch_bounds__(kThreads) run_moments(const T* x, Runs runs, F f) {
  using C = compute_t<T>;
  constexpr int kBatch = 4, kWarps = team / kWarp;
  __shared__ C shared[3 * kThreads / kWarp];
  const std::int64_t i = thread_index() / team, first = i % runs.slices * runs.slice_elements;
  const int lane = static_cast<int>(threadIdx.x) % team;
  const bool active = i < runs.count * runs.slices;
  ColumnMoments<T, V> columns;
  if (active) {
    const T* run = x + i / runs.slices * runs.elements;
    const std::int64_t end = min(runs.elements, first + runs.slice_elements);
    std::int64_t e = first + lane * V;
    for (; e + (kBatch - 1) * team * V < end; e += kBatch * team * V) {
      Pack<T, V> in[kBatch];
      DUEL_UNROLL
      for (int k = 0; k < kBatch; ++k) in[k] = load<V>(run + e + k * team * V);
      columns.add(in);
    }
    for (; e < end; e += team * V) {
      const Pack<T, V> in[1] = {load<V>(run + e)};
      columns.add(in);
    }
  }
  Moments<C> value = columns.value(0);
  DUEL_UNROLL
  for (int j = 1; j < V; ++j) value = merge(value, columns.value(j));
  value = merge_lanes(value, kWarp);
  if constexpr (kWarps > 1) {  // then the team is the block
    if (lane % kWarp == 0) {
      C* mine = shared + lane / kWarp * 3;
      mine[0] = value.count, mine[1] = value.mean, mine[2] = value.m2;
    }
    __syncthreads();
    if (lane == 0)
      for (int w = 1; w < kWarps; ++w)
        value = merge(value, Moments<C>{shared[3 * w], shared[3 * w + 1], shared[3 * w + 2]});
  }
  if (active && lane == 0) f(i / runs.slices, i % runs.slices, value);
}

template <class T, class F>
void moments_of_runs(const T* x, const Runs& runs, const F& f) {
  constexpr std::int64_t kShort = 1024;  // elements that a warp can see to
  const std::int64_t teams = runs.count * runs.slices;
  const int pack = runs.elements % kPack<T> == 0 && is_aligned(x, 16) ? kPack<T> : 1;
  with_pack<T>(pack, [&]<int V>(std::integral_constant<int, V>) {
    if (runs.elements <= kShort)
      DUEL_LAUNCH((run_moments<T, V, kWarp, F>), static_cast<unsigned>(ceil_div(teams * kWarp, kThreads)), kThreads, 0,
                  x, runs, f);
    else
      DUEL_LAUNCH((run_moments<T, V, kThreads, F>), static_cast<unsigned>(teams), kThreads, 0, x, runs, f);
  });
}

/// Statistics of whole samples, `elements` that follow each other.
template <class T, class F>
void sample_moments(const T* x, std::int64_t samples, std::int64_t elements, const F& f) {
  using Value = Moments<compute_t<T>>;
  constexpr std::int64_t kBlocks = 512, kLeast = 8192;  // elements worth a slice, a multiple of every pack
  const std::int64_t wanted = std::clamp<std::int64_t>(kBlocks / samples, 1, ceil_div(elements, kLeast));
  const std::int64_t slice = ceil_div(ceil_div(elements, wanted), kLeast) * kLeast, slices = ceil_div(elements, slice);
  const Runs runs{samples, elements, slices, slice};
  if (slices == 1) return moments_of_runs(x, runs, f);
  const Scratch<Value> partial(samples * slices);
  moments_of_runs(x, runs, StoreValues<Value>{partial.data(), slices});
  merge_all_groups(partial.data(), samples, 1, slices, f);
}

}  // namespace

void group_moments(const Tensor& x, const Tensor& mean, const Tensor& var) {
  if (mean.numel() == 0) return;
  check(x.numel() > 0, "group_moments", "no elements in a group of shape ", x.shape());
  const std::int64_t samples = x.size(0), channels = x.size(1), pixels = pixels_of(x), groups = mean.size(1);
  dispatch_computed("group_moments", x.dtype(), [&]<class T>(TypeTag<T>) {
    using Value = Moments<compute_t<T>>;
    const T* px = x.data<T>();
    const StoreMoments<compute_t<T>> store{mean.mutable_data<compute_t<T>>(), var.mutable_data<compute_t<T>>(), groups,
                                           1, 1};
    if (groups == 1) return sample_moments(px, samples, pixels * channels, store);
    const ChannelRows g = channel_rows<T>(samples, pixels, channels, {px});
    if (groups == channels) return reduce_channels<T>(g, MomentsReduction<T>{px}, store);
    const Scratch<Value> values(samples * channels);
    reduce_channels<T>(g, MomentsReduction<T>{px}, StoreValues<Value>{values.data(), channels});
    merge_all_groups(values.data(), samples, groups, channels / groups, store);
  });
}

void normalize_groups(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                      Rectifier r, const Tensor& y) {
  normalize(x, mean, rstd, gain, bias, r, y);
}

void group_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias) {
  normalize_grad(x, dy, mean, rstd, gain, bias, r, dx, dgain, dbias);
}

}  // namespace duel::cuda
