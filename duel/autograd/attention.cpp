#include "duel/autograd/attention.h"

#include <cmath>
#include <utility>

#include "duel/autograd/check_floating.h"
#include "duel/autograd/fused.h"
#include "duel/autograd/matmul.h"
#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/shape_ops.h"
#include "duel/autograd/softmax.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

constexpr const char* kName = "scaled_dot_product_attention";

// The definition, in ordinary operations.
Variable composite(const Variable& q, const Variable& k, const Variable& v, double scale) {
  return matmul(softmax(matmul(q, transpose(k, -2, -1)) * scale, -1), v);
}

// q [B, T, D], k [B, S, D], v [B, S, E] -> [B, T, E]
Variable batched(const Variable& q, const Variable& k, const Variable& v, double scale) {
  const Tensor y = Tensor::empty({q.size(0), q.size(1), v.size(2)}, q.value().options());
  const Tensor lse = Tensor::empty({q.size(0), q.size(1)}, {parameter_dtype(q.dtype()), y.device()});
  backend(y.device()).attention(q.value().row_major(), k.value().row_major(), v.value().row_major(), scale, y, lse);
  return record_fused(
      kName, {q, k, v}, y,
      [q = Saved(q), k = Saved(k), v = Saved(v), scale, lse](const Backward& b) -> Variables {
        const Tensor qs = q.get().value().row_major(), ks = k.get().value().row_major(),
                     vs = v.get().value().row_major();
        const Tensor dq = Tensor::empty_like(qs), dk = Tensor::empty_like(ks), dv = Tensor::empty_like(vs);
        backend(dq.device())
            .attention_grad(qs, ks, vs, scale, b.output().value(), lse, b.grad.value().row_major(), dq, dk, dv);
        return {dq, dk, dv};
      },
      [scale](const Variables& in) { return composite(in[0], in[1], in[2], scale); }, Keep::output);
}

Shape leading(const Variable& x) { return Shape(std::span(x.shape().begin(), static_cast<std::size_t>(x.dim() - 2))); }

// The leading dimensions broadcast to `batch`, as one.
Variable as_batch(const Variable& x, const Shape& batch) {
  Shape full = batch;
  full.push_back(x.size(-2));
  full.push_back(x.size(-1));
  return reshape(expand(x, full), {batch.numel(), x.size(-2), x.size(-1)});
}

}  // namespace

Variable scaled_dot_product_attention(const Variable& q, const Variable& k, const Variable& v,
                                      std::optional<double> scale) {
  for (const Variable& x : {q, k, v}) {
    check(x.defined() && x.dim() >= 2 && is_floating(x.dtype()) && x.dtype() == q.dtype() && x.size(-1) >= 1, kName,
          "needs three float32 or three float64 [..., tokens, channels], got ", x.value());
    check_devices(kName, q.value(), x.value());
  }
  check(q.size(-1) == k.size(-1), kName, "queries ", q.value(), " and keys ", k.value(), " differ in channels");
  check(k.size(-2) == v.size(-2) && k.size(-2) >= 1, kName, "keys ", k.value(), " and values ", v.value(),
        " must be as many, and one at least");
  check(!scale || std::isfinite(*scale), kName, "the scale must be finite, got ", scale.value_or(0));
  Shape batch = broadcast_shapes(kName, broadcast_shapes(kName, leading(q), leading(k)), leading(v));
  const Variable y = batched(as_batch(q, batch), as_batch(k, batch), as_batch(v, batch),
                             scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1)))));
  batch.push_back(q.size(-2));
  batch.push_back(v.size(-1));
  return reshape(y, batch);
}

}  // namespace duel
