// The gradient of a convolution's epilogue in one pass: the rectifier's mask and, of what it lets through, the sums.
#include <algorithm>
#include <vector>

#include "duel/tensor/cpu/conv2d.h"
#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/norm_common.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

template <class T>
void rectify_and_sum(const NormGeometry& g, const T* y, const T* dy, T slope, T* dx, T* dbias) {
  const std::int64_t pixels = g.samples * g.pixels, pieces = ceil_div(pixels, g.grain());
  const auto partial = uninitialized(pieces * g.channels);
  parallel_for(pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sums(static_cast<std::size_t>(g.period));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * g.grain() * g.channels, last = std::min(pixels, (i + 1) * g.grain()) * g.channels;
      std::fill(sums.begin(), sums.end(), 0.0);
      loops<T>().finish.grad(y + first, dy + first, dx + first, last - first, g.period, slope, sums.data());
      fold_period(g, sums.data(), partial.get() + i * g.channels);
    }
  });
  std::vector<double> total(static_cast<std::size_t>(g.channels));
  loops<double>().reduce.sum(partial.get(), pieces, g.channels, g.channels, 1, total.data());
  std::transform(total.begin(), total.end(), dbias, [](double v) { return static_cast<T>(v); });
}

}  // namespace

void epilogue_grad(const Tensor& y, const Tensor& dy, Rectifier r, const Tensor& dx, const Tensor& dbias) {
  if (!dbias.defined()) {
    const BinaryOp op = r.slope == 0 ? BinaryOp::relu_grad : BinaryOp::leaky_relu_grad;
    return binary(op, dy, y, dx, {r.slope});
  }
  if (dbias.numel() == 0) return;
  dispatch_floating("epilogue_grad", dx.dtype(), [&]<class T>(TypeTag<T>) {
    rectify_and_sum(NormGeometry(y), y.data<T>(), dy.data<T>(), static_cast<T>(r.slope), dx.mutable_data<T>(),
                    dbias.mutable_data<T>());
  });
}

}  // namespace duel::cpu
