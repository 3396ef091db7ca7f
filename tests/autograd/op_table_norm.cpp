// Rows of autograd/norm.h and dropout.h.
#include <cmath>

#include "duel/autograd/mixed_precision.h"
#include "tests/autograd/op_table_affine.h"

namespace duel::testing {
namespace {

constexpr double kEps = 1e-2;  // large enough to matter

// (x - mean) / sqrt(var + eps) * gain + bias, element by element.
Array normalized(const std::vector<Array>& in, const std::vector<double>& mean, const std::vector<double>& var) {
  Array y = in[0];
  for_each_index(y.shape, [&](const Shape& i) {
    const auto c = static_cast<std::size_t>(i[1]);
    const auto parameter = [&](const Array& p) { return p.shape.dim() == 2 ? p.at({i[0], i[1]}) : p.at({i[1]}); };
    double& v = y.at(i);
    v = (v - mean[c]) / std::sqrt(var[c] + kEps);
    if (in.size() > 1) v *= parameter(in[1]);
    if (in.size() > 2) v += parameter(in[2]);
  });
  return y;
}

Array batch_normalized(const std::vector<Array>& in) {
  const Array& x = in[0];
  const auto channels = static_cast<std::size_t>(x.shape[1]);
  const double count = static_cast<double>(x.shape.numel()) / static_cast<double>(channels);
  std::vector<double> mean(channels), var(channels);
  for_each_index(x.shape, [&](const Shape& i) { mean[static_cast<std::size_t>(i[1])] += x.at(i) / count; });
  for_each_index(x.shape, [&](const Shape& i) {
    const auto c = static_cast<std::size_t>(i[1]);
    var[c] += (x.at(i) - mean[c]) * (x.at(i) - mean[c]) / count;
  });
  return normalized(in, mean, var);
}

Variable over_channels(const Variable& parameter, const Variable& x) {
  Shape shape = Shape::filled(x.dim(), 1);
  if (parameter.dim() == 2) shape[0] = x.size(0);
  shape[1] = x.size(1);
  return reshape(parameter, shape);
}

Variable batch_norm_composite(const Variables& in) {
  const Variable& x = in[0];
  Shape dims{0};
  for (int i = 2; i < x.dim(); ++i) dims.push_back(i);
  const Variable centred = x - mean(x, dims, KeepDims::yes);
  Variable y = centred / sqrt(mean(square(centred), dims, KeepDims::yes) + kEps);
  if (in.size() > 1) y = y * over_channels(in[1], x);
  return in.size() > 2 ? y + over_channels(in[2], x) : y;
}

Case batch_norm_case(const char* label, const Shape& x, Affine affine, Rectifier r = {}) {
  return {label,
          inputs_of(x, affine),
          [r](const Variables& in) { return batch_norm(in[0], gain_of(in), bias_of(in), kEps, r); },
          [r](const std::vector<Array>& in) { return rectified(batch_normalized(in), r); },
          [r](const Variables& in) { return rectified_composite(batch_norm_composite(in), r); },
          bent_by(r)};
}

Case normalize_case(const char* label, const Shape& x, Affine affine, Rectifier r = {}) {
  std::vector<double> mean, var;
  for (std::int64_t c = 0; c < x[1]; ++c) {
    mean.push_back(0.3 * static_cast<double>(c) - 0.2);
    var.push_back(0.5 + 0.25 * static_cast<double>(c));
  }
  return {label,
          inputs_of(x, affine),
          [mean, var, shape = Shape{x[1]}, r](const Variables& in) {
            const auto statistics = [&](const std::vector<double>& values) {
              return beside(in[0], Tensor::from(values, shape).to(parameter_dtype(in[0].dtype())));
            };
            return normalize_channels(in[0], statistics(mean), statistics(var), gain_of(in), bias_of(in), kEps, r);
          },
          [mean, var, r](const std::vector<Array>& in) { return rectified(normalized(in, mean, var), r); },
          {},
          bent_by(r)};
}

constexpr double kDrop = 0.3;

// x where the uniform number is below 1 - p, divided by 1 - p. The numbers are drawn in float64 here.
Case dropout_case(const char* label, const Shape& x, const Shape& mask, Variable (*f)(const Variable&, double, Rng&)) {
  return {label,
          {{x}},
          [f](const Variables& in) {
            Rng rng(11);
            return f(in[0], kDrop, rng);
          },
          [mask](const std::vector<Array>& in) {
            Rng rng(11);
            const Array u = Array::of(rng.uniform(mask, 0, 1, {.dtype = DType::float64}));
            Array y = in[0];
            for_each_index(y.shape, [&](const Shape& i) { y.at(i) *= u.at(i) < 1 - kDrop ? 1 / (1 - kDrop) : 0; });
            return y;
          }};
}

}  // namespace

std::vector<Row> norm_rows() {
  return {
      {"batch_norm",
       Recipe::fused,
       {"channel_moments", "batch_norm_grad"},
       {1, 2},
       {batch_norm_case("image", {2, 3, 2, 4}, Affine::both), batch_norm_case("matrix", {5, 3}, Affine::both),
        batch_norm_case("plain", {3, 2, 3, 1}, Affine::none), batch_norm_case("gain", {3, 2, 2, 2}, Affine::gain),
        batch_norm_case("conditional", {3, 2, 2, 3}, Affine::conditional),
        batch_norm_case("conditional matrix", {5, 2}, Affine::conditional),
        batch_norm_case("batch 1", {1, 2, 3, 5}, Affine::both),
        batch_norm_case("one channel", {2, 1, 3, 2}, Affine::both),
        batch_norm_case("sequence", {2, 3, 5}, Affine::both), batch_norm_case("relu", {3, 2, 2, 2}, Affine::both, {0}),
        batch_norm_case("leaky relu, conditional", {3, 2, 2, 2}, Affine::conditional, {0.2}),
        batch_norm_case("leaky relu, plain", {5, 3}, Affine::none, {0.25})}},
      {"normalize_channels",
       Recipe::linear,
       {"normalize_channels"},
       {0, 1, 2},
       {normalize_case("image", {2, 3, 2, 4}, Affine::both), normalize_case("matrix", {5, 3}, Affine::both),
        normalize_case("plain", {3, 2, 3, 1}, Affine::none), normalize_case("gain", {1, 2, 2, 2}, Affine::gain),
        normalize_case("conditional", {3, 2, 2, 3}, Affine::conditional), normalize_case("one", {1, 1}, Affine::both),
        normalize_case("empty", {0, 3, 2, 2}, Affine::both), normalize_case("relu", {2, 3, 2, 2}, Affine::both, {0}),
        normalize_case("leaky relu, conditional", {2, 2, 2, 2}, Affine::conditional, {0.2})}},
      {"dropout",
       Recipe::linear,
       {"dropout", "unary/below"},
       {0},
       {dropout_case("matrix", {5, 7}, {5, 7}, dropout), dropout_case("image", {2, 3, 2, 3}, {2, 3, 2, 3}, dropout),
        dropout_case("one", {1}, {1}, dropout), dropout_case("empty", {0, 3}, {0, 3}, dropout)}},
      {"dropout2d",
       Recipe::linear,
       {},
       {0},
       {dropout_case("image", {3, 5, 2, 3}, {3, 5, 1, 1}, dropout2d), dropout_case("matrix", {3, 5}, {3, 5}, dropout2d),
        dropout_case("empty", {0, 3, 2, 2}, {0, 3, 1, 1}, dropout2d)}}};
}

}  // namespace duel::testing
