#include "duel/nn/attention.h"

#include "duel/autograd/mixed_precision.h"
#include "duel/nn/init.h"

namespace duel {
namespace {

// [N, C, ...] -> [N, pixels, C], a view of a channels-last map.
Variable tokens(const Variable& x) {
  Shape order{0};
  std::int64_t pixels = 1;
  for (int i = 2; i < x.dim(); ++i) {
    order.push_back(i);
    pixels *= x.size(i);
  }
  order.push_back(1);
  return reshape(permute(x, order), {x.size(0), pixels, x.size(1)});
}

void check_map(const char* name, const Variable& x, std::int64_t channels, std::int64_t least_side) {
  bool large = x.defined() && x.dim() >= 3;
  for (int i = 2; large && i < x.dim(); ++i) large = x.size(i) >= least_side;
  check(large && x.size(1) == channels, name, "needs a map of ", channels, " channels and sides of at least ",
        least_side, x.defined() ? cat(", got ", x.value()) : "");
}

std::int64_t eighth(const char* name, std::int64_t channels) {
  check(channels >= 8, name, "needs at least 8 channels, got ", channels);
  return channels / 8;
}

SpectralNorm<Conv2d> pointwise(Rng& rng, std::int64_t in, std::int64_t out, const SpectralNormOptions& spectral) {
  return {rng, Conv2d(rng, in, out, {.kernel = 1, .bias = Bias::no}), spectral};
}

SpectralNorm<Conv1d> pointwise1d(Rng& rng, std::int64_t in, std::int64_t out, const SpectralNormOptions& spectral) {
  return {rng, Conv1d(rng, in, out, {.kernel = 1, .bias = Bias::no}), spectral};
}

}  // namespace

SelfAttention::SelfAttention(Rng& rng, std::int64_t channels, const SpectralNormOptions& spectral)
    : theta(pointwise(rng, channels, eighth("SelfAttention", channels), spectral)),
      phi(pointwise(rng, channels, channels / 8, spectral)),
      g(pointwise(rng, channels, channels / 2, spectral)),
      o(pointwise(rng, channels / 2, channels, spectral)),
      gamma(Variable::leaf(Tensor::zeros({}))) {}

Variable SelfAttention::operator()(const Variable& x, const Pass& pass) {
  check_map("SelfAttention", x, o.layer.weight.size(0), 2);
  check(x.dim() == 4, "SelfAttention", "needs [N, C, H, W], got ", x.value());
  const Variable queries = tokens(theta(x, pass));         // [N, H W, C / 8]
  const Variable keys = tokens(max_pool2d(phi(x, pass)));  // [N, H W / 4, C / 8]
  const Variable values = tokens(max_pool2d(g(x, pass)));  // [N, H W / 4, C / 2]
  const Variable seen = scaled_dot_product_attention(queries, keys, values, 1);
  const Variable map = reshape(seen, {x.size(0), x.size(2), x.size(3), values.size(2)});
  return follow(gamma, x.dtype()) * o(permute(map, {0, 3, 1, 2}), pass) + x;
}

void SelfAttention::visit(Visitor& v) {
  v.child("theta", theta);
  v.child("phi", phi);
  v.child("g", g);
  v.child("o", o);
  v.parameter("gamma", gamma);
}

UnpooledSelfAttention::UnpooledSelfAttention(Rng& rng, std::int64_t channels, const SpectralNormOptions& spectral)
    : query(pointwise1d(rng, channels, eighth("UnpooledSelfAttention", channels), spectral)),
      key(pointwise1d(rng, channels, channels / 8, spectral)),
      value(pointwise1d(rng, channels, channels, spectral)),
      gamma(Variable::leaf(Tensor::zeros({1}))) {}

Variable UnpooledSelfAttention::operator()(const Variable& x, const Pass& pass) {
  check_map("UnpooledSelfAttention", x, value.layer.weight.size(0), 1);
  const Variable line = flatten(x, 2);  // [N, C, L]
  // The softmax runs over the axis of fastai's queries, so it is they that are looked up: ours are its keys.
  const Variable seen = scaled_dot_product_attention(tokens(key(line, pass)), tokens(query(line, pass)),
                                                     tokens(value(line, pass)), 1);  // [N, L, C]
  return follow(gamma, x.dtype()) * reshape(transpose(seen, 1, 2), x.shape()) + x;
}

void UnpooledSelfAttention::visit(Visitor& v) {
  v.child("query.0", query);
  v.child("key.0", key);
  v.child("value.0", value);
  v.parameter("gamma", gamma);
}

MultiHeadAttention::MultiHeadAttention(Rng& rng, std::int64_t size, std::int64_t count, LinearOptions o)
    : out_proj(rng, size, size, o), heads(count) {
  check(count >= 1 && size % count == 0, "MultiHeadAttention", "size ", size, " does not divide into ", count,
        " heads");
  in_proj_weight = Variable::leaf(init::xavier_uniform(rng, {3 * size, size}));
  if (o.bias == Bias::no) return;
  in_proj_bias = Variable::leaf(init::zeros({3 * size}));
  out_proj.bias = Variable::leaf(init::zeros({size}));
}

// Part 0, 1 or 2 of the projections: [N, T, size] -> [N, heads, T, size / heads]
Variable MultiHeadAttention::projected(const Variable& x, int part) const {
  const std::int64_t size = in_proj_weight.size(1), from = part * size, to = from + size;
  check(x.defined() && x.dim() == 3 && x.size(2) == size, "MultiHeadAttention", "needs [N, T, ", size, "]",
        x.defined() ? cat(", got ", x.value()) : "");
  const Variable bias = in_proj_bias.defined() ? slice(in_proj_bias, 0, from, to) : Variable();
  const Variable rows = linear(reshape(x, {x.size(0) * x.size(1), size}), slice(in_proj_weight, 0, from, to), bias);
  return transpose(reshape(rows, {x.size(0), x.size(1), heads, size / heads}), 1, 2);
}

Variable MultiHeadAttention::operator()(const Variable& query, const Variable& key, const Variable& value) const {
  const Variable q = projected(query, 0), k = projected(key, 1), v = projected(value, 2);
  check(k.shape() == v.shape() && k.size(0) == q.size(0), "MultiHeadAttention", "queries ", query.value(), ", keys ",
        key.value(), " and values ", value.value(), " do not fit");
  const Variable seen = transpose(scaled_dot_product_attention(q, k, v), 1, 2);  // [N, T, heads, size / heads]
  const std::int64_t size = in_proj_weight.size(1);
  return reshape(out_proj(reshape(seen, {query.size(0) * query.size(1), size})), query.shape());
}

void MultiHeadAttention::visit(Visitor& v) {
  v.parameter("in_proj_weight", in_proj_weight);
  v.parameter("in_proj_bias", in_proj_bias);
  v.child("out_proj", out_proj);
}

}  // namespace duel
