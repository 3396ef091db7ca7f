// Rows of autograd/attention.h and modulated_conv2d.h.
#include <cmath>
#include <optional>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

Shape joined(const Shape& leading, std::int64_t rows, std::int64_t columns) {
  Shape shape = leading;
  shape.push_back(rows);
  shape.push_back(columns);
  return shape;
}

Array attention_reference(const std::vector<Array>& in, const Shape& batch, double scale) {
  const Array &q = in[0], &k = in[1], &v = in[2];
  const auto last = [](const Array& a, int from_end) { return a.shape[a.shape.dim() - from_end]; };
  const std::int64_t queries = last(q, 2), keys = last(k, 2), d = last(q, 1);
  Array y = Array::zeros(joined(batch, queries, last(v, 1)));
  for_each_index(joined(batch, queries, 1), [&](const Shape& i) {
    const Shape b(std::span(i.begin(), static_cast<std::size_t>(batch.dim())));
    const std::int64_t t = i[batch.dim()];
    std::vector<double> weight;
    double total = 0;
    for (std::int64_t s = 0; s < keys; ++s) {
      double score = 0;
      for (std::int64_t c = 0; c < d; ++c) score += q.at(joined(b, t, c)) * k.at(joined(b, s, c));
      weight.push_back(std::exp(scale * score));
      total += weight.back();
    }
    for (std::int64_t s = 0; s < keys; ++s)
      for (std::int64_t e = 0; e < last(v, 1); ++e)
        y.at(joined(b, t, e)) += weight[static_cast<std::size_t>(s)] / total * v.at(joined(b, s, e));
  });
  return y;
}

struct Attention {
  const char* label;
  Shape q, k, v, batch;  // batch: the leading dimensions broadcast
  std::optional<double> scale = {};
};

// One tile of scores is 48 queries by 128 keys.
const std::vector<Attention> kAttentions = {{"odd", {2, 3, 5}, {2, 7, 5}, {2, 7, 3}, {2}},
                                            {"heads", {2, 2, 3, 2}, {2, 2, 5, 2}, {2, 2, 5, 3}, {2, 2}},
                                            {"scale 1", {1, 5, 3}, {1, 3, 3}, {1, 3, 5}, {1}, 1},
                                            {"negative scale", {5, 3}, {4, 3}, {4, 2}, {}, -0.7},
                                            {"one query", {3, 1, 2}, {3, 5, 2}, {3, 5, 1}, {3}},
                                            {"one key", {2, 5, 3}, {2, 1, 3}, {2, 1, 2}, {2}},
                                            {"one channel", {2, 3, 1}, {2, 5, 1}, {2, 5, 1}, {2}},
                                            {"broadcast", {2, 1, 3, 2}, {3, 5, 2}, {5, 3}, {2, 3}},
                                            {"tile borders", {1, 49, 2}, {1, 131, 2}, {1, 131, 3}, {1}, 1},
                                            {"many queries", {1, 101, 3}, {1, 17, 3}, {1, 17, 18}, {1}},
                                            {"whole tiles", {1, 48, 16}, {1, 128, 16}, {1, 128, 32}, {1}},
                                            {"no batch", {0, 3, 2}, {0, 5, 2}, {0, 5, 3}, {0}},
                                            {"no queries", {2, 0, 3}, {2, 5, 3}, {2, 5, 2}, {2}}};

Case attention_case(const Attention& a) {
  const double scale = a.scale.value_or(1 / std::sqrt(static_cast<double>(a.q[a.q.dim() - 1])));
  return {a.label,
          {{a.q}, {a.k}, {a.v}},
          [scale = a.scale](const Variables& in) { return scaled_dot_product_attention(in[0], in[1], in[2], scale); },
          [batch = a.batch, scale](const std::vector<Array>& in) { return attention_reference(in, batch, scale); },
          [scale](const Variables& in) {
            const Variable e = exp(matmul(in[0], transpose(in[1], -2, -1)) * scale);
            return matmul(e / sum(e, {-1}, KeepDims::yes), in[2]);
          }};
}

std::vector<Case> attention_cases() {
  std::vector<Case> cases;
  for (const Attention& a : kAttentions) cases.push_back(attention_case(a));
  return cases;
}

// ---- modulated convolution

constexpr double kEps = 1e-2;

// w / sqrt(sum of w^2 over the last three dimensions + eps)
Array demodulated(const Array& w) {
  Shape kept = w.shape;
  for (int i = kept.dim() - 3; i < kept.dim(); ++i) kept[i] = 1;
  Array squares = Array::zeros(kept), y = w;
  for_each_index(w.shape, [&](const Shape& i) { squares.at(i) += w.at(i) * w.at(i); });
  for_each_index(w.shape, [&](const Shape& i) { y.at(i) /= std::sqrt(squares.at(i) + kEps); });
  return y;
}

Case demodulate_case(const char* label, const Shape& weight) {
  return {label,
          {{weight}},
          [](const Variables& in) { return demodulate(in[0], kEps); },
          [](const std::vector<Array>& in) { return demodulated(in[0]); }};
}

// A weight for each sample, from the definition.
Array modulated_reference(const std::vector<Array>& in, const ModulatedConv2dOptions& options) {
  const Array &x = in[0], &w = in[1], &s = in[2];
  const Conv2dGeometry& g = options.geometry;
  Array weights = Array::zeros({x.shape[0], w.shape[0], w.shape[1], w.shape[2], w.shape[3]});
  for_each_index(weights.shape, [&](const Shape& i) {
    weights.at(i) = w.at({i[1], i[2], i[3], i[4]}) * s.at({i[0], i[2]});
  });
  if (options.demodulate == Demodulate::yes) weights = demodulated(weights);
  const auto size = [&](int d, std::int64_t stride, std::int64_t padding) {
    return (x.shape[d] + 2 * padding - w.shape[d]) / stride + 1;
  };
  Array y = Array::zeros({x.shape[0], w.shape[0], size(2, g.stride.h, g.padding.h), size(3, g.stride.w, g.padding.w)});
  for_each_index(y.shape, [&](const Shape& i) {
    for_each_index({w.shape[1], w.shape[2], w.shape[3]}, [&](const Shape& k) {
      const std::int64_t h = i[2] * g.stride.h - g.padding.h + k[1], c = i[3] * g.stride.w - g.padding.w + k[2];
      if (h >= 0 && h < x.shape[2] && c >= 0 && c < x.shape[3])
        y.at(i) += x.at({i[0], k[0], h, c}) * weights.at({i[0], i[1], k[0], k[1], k[2]});
    });
  });
  return y;
}

Case modulated_case(const char* label, const Shape& x, const Shape& weight, const ModulatedConv2dOptions& options) {
  return {label,
          {{x}, {weight}, {{x[0], x[1]}, {.low = 0.5, .high = 1.5}}},
          [options](const Variables& in) { return modulated_conv2d(in[0], in[1], in[2], options); },
          [options](const std::vector<Array>& in) { return modulated_reference(in, options); }};
}

}  // namespace

std::vector<Row> attention_rows() {
  return {{.name = "scaled_dot_product_attention",
           .recipe = Recipe::fused,
           .kernels = {"attention", "attention_grad"},
           .linear_in = {2},
           .cases = attention_cases()}};
}

std::vector<Row> modulated_conv2d_rows() {
  return {{.name = "demodulate",
           .recipe = Recipe::pointwise,
           .kernels = {},
           .linear_in = {},
           .cases = {demodulate_case("weight", {3, 2, 3, 2}), demodulate_case("per sample", {2, 3, 2, 1, 3}),
                     demodulate_case("one", {1, 1, 1, 1})}},
          {.name = "modulated_conv2d",
           .recipe = Recipe::pointwise,
           .kernels = {},
           .linear_in = {0},
           .cases = {modulated_case("demodulated", {2, 3, 4, 5}, {2, 3, 3, 3},
                                    {.eps = kEps, .geometry = {.padding = {1, 1}}}),
                     modulated_case("modulated", {2, 2, 3, 3}, {3, 2, 1, 1}, {.demodulate = Demodulate::no}),
                     modulated_case("strided", {1, 1, 5, 4}, {2, 1, 3, 2},
                                    {.eps = kEps, .geometry = {.stride = {2, 1}, .padding = {1, 0}}})}}};
}

}  // namespace duel::testing
