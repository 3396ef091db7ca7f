// The row of autograd/spectral.h.
#include "duel/autograd/mixed_precision.h"
#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

constexpr Domain kPositive{0.2, 1.5};  // so that sigma is far from 0

// W's element in row `r` and column `s`, the columns being numbered over all dimensions but output_dim.
Shape place(const Shape& weight, int output_dim, std::int64_t r, std::int64_t s) {
  Shape at = Shape::filled(weight.dim(), 0);
  for (int i = weight.dim() - 1; i >= 0; --i) {
    if (i == output_dim) continue;
    at[i] = s % weight[i];
    s /= weight[i];
  }
  at[output_dim] = r;
  return at;
}

// As in families/spectral.py.
Tensor constants(std::int64_t count, double first, std::int64_t step) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(first + 0.1 * static_cast<double>(step * i % 7));
  return Tensor::from(values, {count});
}

Case sigma_case(const char* label, const Shape& weight, int output_dim) {
  const std::int64_t rows = weight[output_dim], columns = weight.numel() / rows;
  const Tensor u = constants(rows, 0.2, 3), v = constants(columns, 0.1, 5);
  return {label,
          {{weight, kPositive}},
          [=](const Variables& in) {
            const Variable w = follow(in[0], parameter_dtype(in[0].dtype()));
            const auto constant = [&](const Tensor& t) { return beside(w, t.to(w.dtype())); };
            SpectralVectors s{constant(u), constant(v), constant(Tensor::zeros({1}))};
            const PowerMethod given{.weight = spectral_matrix(w.value(), output_dim),
                                    .from_u = s.u,
                                    .from_v = s.v,
                                    .u = Tensor::empty_like(s.u),
                                    .v = Tensor::empty_like(s.v),
                                    .divisor = s.divisor,
                                    .to_u = {},
                                    .to_v = {},
                                    .to_sigma = {}};
            backend(s.u.device()).power_method({&given, 1}, 0, 1e-12);
            return follow(divide_by_sigma(w, output_dim, s), in[0].dtype());
          },
          [=](const std::vector<Array>& in) {
            Array y = in[0];
            double sigma = 0;
            for (std::int64_t r = 0; r < rows; ++r)
              for (std::int64_t s = 0; s < columns; ++s)
                sigma += doubles(u)[static_cast<std::size_t>(r)] * doubles(v)[static_cast<std::size_t>(s)] *
                         y.at(place(weight, output_dim, r, s));
            for (double& value : y.values) value /= sigma;
            return y;
          },
          [=](const Variables& in) {
            const Variable matrix = reshape(output_dim == 0 ? in[0] : transpose(in[0], 0, 1), {rows, columns});
            const auto column = [&](const Tensor& t) {
              return Variable(beside(in[0], t.to(in[0].dtype()).reshape({-1, 1})));
            };
            return in[0] / sum(column(u) * matmul(matrix, column(v)));
          }};
}

}  // namespace

std::vector<Row> spectral_rows() {
  return {{"divide_by_sigma",
           Recipe::fused,
           {"power_method", "spectral_norm_grad"},
           {},
           {sigma_case("matrix", {5, 7}, 0), sigma_case("convolution", {3, 2, 3, 2}, 0),
            sigma_case("transposed convolution", {3, 4, 2, 3}, 1), sigma_case("sequence", {4, 3, 5}, 0),
            sigma_case("row", {1, 7}, 0), sigma_case("column", {7, 1}, 0), sigma_case("one", {1, 1}, 0)}}};
}

}  // namespace duel::testing
