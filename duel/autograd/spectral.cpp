#include "duel/autograd/spectral.h"

#include "duel/autograd/check_floating.h"
#include "duel/autograd/fused.h"
#include "duel/autograd/matmul.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

// The definition, in ordinary operations. Sigma has the value that was found, and the gradient of u' W v.
Variable composite(const Variable& weight, int output_dim, const SpectralVectors& s) {
  const Variable rows_first = output_dim == 0 ? weight : transpose(weight, 0, output_dim);
  const Variable matrix = reshape(rows_first, {rows_first.size(0), -1});
  const Variable sigma = sum(Variable(s.u) * reshape(matmul(matrix, Variable(s.v.reshape({-1, 1}))), {-1}));
  return weight / (sigma + (Variable(s.divisor) - sigma.detach()));
}

// In a layout of which the matrix is a view.
Tensor beside(const Tensor& weight) {
  return Tensor::empty(weight.shape(), {weight.dtype(), weight.device(), weight.layout()});
}

}  // namespace

Tensor spectral_matrix(const Tensor& weight, int output_dim) {
  const Tensor rows_first = output_dim == 0 ? weight : weight.transpose(0, output_dim);
  return rows_first.reshape({rows_first.size(0), rows_first.size(1), -1});
}

Variable divide_by_sigma(const Variable& weight, int output_dim, const SpectralVectors& s) {
  constexpr const char* kName = "divide_by_sigma";
  check_floating(kName, weight);
  check(weight.dim() >= 2 && (output_dim == 0 || output_dim == 1) && weight.numel() > 0, kName,
        "needs a weight of two dimensions at least and output_dim 0 or 1, got ", weight.value(), " and ", output_dim);
  const std::int64_t rows = weight.size(output_dim);
  check(s.u.shape() == Shape{rows} && s.v.shape() == Shape{weight.numel() / rows} && s.divisor.numel() == 1, kName,
        "vectors ", s.u, " and ", s.v, " and a divisor ", s.divisor, " for ", rows, " rows of ", weight.value());
  for (const Tensor& t : {s.u, s.v, s.divisor}) {
    check(t.dtype() == weight.dtype(), kName, "vectors of ", t.dtype(), " for ", weight.value());
    check_devices(kName, weight.value(), t);
  }
  const Backend& device = backend(weight.value().device());
  const Tensor y = beside(weight.value());
  device.binary(BinaryOp::div, weight.value(), s.divisor.reshape({1}).expand(weight.shape()), y, {});
  return record_fused(
      kName, {weight}, y,
      [s, output_dim](const Backward& b) -> Variables {
        const Tensor quotient = b.output().value(), dx = beside(quotient);
        const auto matrix = [&](const Tensor& t) { return spectral_matrix(t, output_dim); };
        const Tensor dy = matrix(b.grad.value());
        backend(dx.device()).spectral_norm_grad(matrix(quotient), dy, s.u, s.v, s.divisor, matrix(dx));
        return {dx};
      },
      [s, output_dim](const Variables& in) { return composite(in[0], output_dim, s); }, Keep::output);
}

}  // namespace duel
