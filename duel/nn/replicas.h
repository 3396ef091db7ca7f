// Replicas: what the members of a data-parallel training do together, and the batch normalisation over all their
// batches. Each replica is a thread or a process with the same model and its own share of the batch.
#pragma once

#include "duel/autograd/norm.h"

namespace duel {

/// A way to talk to the other replicas. Every replica makes the same calls in the same order, with tensors of the same
/// shapes; a call returns when all have made it.
class Replicas {
 public:
  virtual ~Replicas() = default;
  virtual int count() const = 0;
  /// The sum of all replicas' `x`, the same bits in each of them. A new tensor.
  virtual Tensor all_reduce_sum(const Tensor& x) = 0;
};

/// The sum of all replicas' `x`, in each of them: linear, and its own transpose. With L the sum of all replicas'
/// losses, every replica's gradient is that of L, and is computed by a further all-reduce: replicas must differentiate
/// the same graph at the same time. Differentiable to any order. `replicas` must outlive the graph.
Variable all_reduce_sum(const Variable& x, Replicas& replicas);

/// `batch_norm` with the mean and biased variance of all replicas' batches taken together, as if they were one batch
/// (PyTorch's SyncBatchNorm). Shares may differ in size, also be empty; `moments`, if given, receives the statistics of
/// the whole, the same in all replicas. Throws when there is only one element per channel in the whole.
Variable sync_batch_norm(const Variable& x, const Variable& gain, const Variable& bias, double eps, Rectifier r,
                         Replicas& replicas, BatchMoments* moments = nullptr);

}  // namespace duel
