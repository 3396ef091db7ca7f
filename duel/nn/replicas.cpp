#include "duel/nn/replicas.h"

#include <cmath>

#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/norm_parameters.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/rectified.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"

namespace duel {
Variable all_reduce_sum(const Variable& x, Replicas& replicas) {
  check(x.defined() && is_floating(x.dtype()), "all_reduce_sum", "needs a float32 or float64 tensor");
  return record("all_reduce_sum", {x}, replicas.all_reduce_sum(x.value()),
                [&replicas](const Backward& b) -> Variables { return {all_reduce_sum(b.grad, replicas)}; });
}

Variable sync_batch_norm(const Variable& given, const Variable& given_gain, const Variable& given_bias, double eps,
                         Rectifier r, Replicas& replicas, BatchMoments* moments) {
  const auto [gain, bias] = checked_affine("sync_batch_norm", given, given_gain, given_bias, eps, r);
  const Variable x = follow(given, parameter_dtype(given.dtype()));
  const std::int64_t channels = x.size(1);
  Shape dims{0};
  for (int i = 2; i < x.dim(); ++i) dims.push_back(i);
  const double own_count = channels == 0 ? 0 : static_cast<double>(x.numel() / channels);
  // A message of its own: float32 does not hold every number of elements.
  const double count = replicas.all_reduce_sum(Tensor::scalar(own_count, DType::float64)).item();
  check(count > 1, "sync_batch_norm", "needs more than one element per channel in all replicas together, got ",
        x.value(), " in this one; use larger batches");
  const Variable mean = all_reduce_sum(sum(x, dims), replicas) / count;
  const Variable centred = x - over_space(mean, x);
  const Variable var = all_reduce_sum(sum(square(centred), dims), replicas) / count;
  if (moments) *moments = {mean.value(), var.value(), std::llround(count)};
  return follow(rectified(scale_and_shift(centred * over_space(rsqrt(var + eps), x), gain, bias), r), given.dtype());
}

}  // namespace duel
