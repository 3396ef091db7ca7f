// Batch normalisation over channels-last data: [N, C, S...] lies in memory as N * S rows of C columns. One reading pass
// for the statistics, one pass to apply them; backward likewise.
#include "duel/cuda/kernels.h"
#include "duel/cuda/moments.cuh"
#include "duel/cuda/norm_common.h"

namespace duel::cuda {
namespace {

// Statistics [C] as [N, C].
Tensor of_all_samples(const Tensor& statistic, const Tensor& x) {
  return statistic.expand({x.size(0), statistic.size(0)});
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

}  // namespace duel::cuda
