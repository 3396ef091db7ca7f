// Batch normalisation over channels-last data: [N, C, S...] lies in memory as N * S rows of C columns. One reading pass
// for the statistics, one pass to apply them; backward likewise.
#include <algorithm>
#include <optional>

#include "duel/cuda/kernels.h"
#include "duel/cuda/moments.cuh"
#include "duel/cuda/norm_common.h"

namespace duel::cuda {
namespace {

// Statistics [C] as [N, C].
Tensor of_all_samples(const Tensor& statistic, const Tensor& x) {
  return statistic.expand({x.size(0), statistic.size(0)});
}

// A value of each channel.
template <class T>
struct PerChannel {
  T* data;
  std::int64_t stride;
  __device__ T& operator[](std::int64_t channel) const { return data[channel * stride]; }
};
template <class T>
PerChannel<const T> read(const Tensor& t) {
  return {t.data<T>(), t.strides()[0]};
}
template <class T>
PerChannel<T> written(const Tensor& t) {
  return {t.mutable_data<T>(), t.strides()[0]};
}

// The momentum, or 1 / how many batches there are.
struct BatchWeight {
  double momentum, share;

  explicit BatchWeight(std::optional<double> given) : momentum(given.value_or(0)), share(given ? 0 : 1) {}
  __device__ double of(std::int64_t batches) const { return momentum + share / static_cast<double>(batches); }
};

constexpr int kMostThreads = 1024;  // of a block

// One block, for whom the count is as it was until all of it have read it.
template <class T>
__global__ void __launch_bounds__(kMostThreads)
    update_running_kernel(std::int64_t channels, PerChannel<const T> mean, PerChannel<const T> var, T var_scale,
                          BatchWeight batch_weight, PerChannel<T> running_mean, PerChannel<T> running_var,
                          std::int64_t* count) {
  const std::int64_t batches = *count + 1;
  const T weight = static_cast<T>(batch_weight.of(batches));
  for (std::int64_t c = threadIdx.x; c < channels; c += blockDim.x) {
    const T stored = functors::affine::apply(var[c], var_scale, T(0));
    running_mean[c] = functors::lerp::apply(running_mean[c], mean[c], weight, T(0));
    running_var[c] = functors::lerp::apply(running_var[c], stored, weight, T(0));
  }
  __syncthreads();
  if (threadIdx.x == 0) *count = batches;
}

}  // namespace

void channel_moments(const Tensor& x, const Tensor& mean, const Tensor& var) {
  const std::int64_t channels = x.size(1), pixels = x.size(0) * pixels_of(x);
  if (channels == 0) return;
  check(pixels > 0, "channel_moments", "no elements in a channel of shape ", x.shape());
  dispatch_computed("channel_moments", x.dtype(), [&]<class T>(TypeTag<T>) {
    using C = compute_t<T>;
    const T* px = x.data<T>();
    reduce_channels<T>(
        channel_rows<T>(1, pixels, channels, {px}), MomentsReduction<T>{px},
        StoreMoments<C>{mean.mutable_data<C>(), var.mutable_data<C>(), 0, mean.strides()[0], var.strides()[0]});
  });
}

void normalize_channels(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                        Rectifier r, const Tensor& y) {
  normalize(x, of_all_samples(mean, x), of_all_samples(rstd, x), gain, bias, r, y);
}

void batch_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias) {
  normalize_grad(x, dy, of_all_samples(mean, x), of_all_samples(rstd, x), gain, bias, r, dx, dgain, dbias);
}

void update_running(const Tensor& mean, const Tensor& var, double var_scale, std::optional<double> momentum,
                    const RunningStatistics& running) {
  const std::int64_t channels = mean.size(0);
  const auto threads = static_cast<unsigned>(std::clamp<std::int64_t>(channels, 1, kMostThreads));
  dispatch_floating("update_running", mean.dtype(), [&]<class T>(TypeTag<T>) {
    DUEL_LAUNCH(update_running_kernel<T>, 1, threads, 0, channels, read<T>(mean), read<T>(var),
                static_cast<T>(var_scale), BatchWeight(momentum), written<T>(running.mean), written<T>(running.var),
                running.count.mutable_data<std::int64_t>());
  });
}

}  // namespace duel::cuda
