// Attention layers: SAGAN's and BigGAN's over pooled keys, fastai's without pooling, and the transformers' with several
// heads. All rest on `scaled_dot_product_attention`, whose memory does not grow with the square of the pixels.
#pragma once

#include "duel/nn/conv_layers.h"
#include "duel/nn/spectral_norm.h"

namespace duel {

/// Zhang et al. 2019 as in BigGAN-PyTorch: y = gamma * o(attention) + x with 1 x 1 convolutions without bias, queries
/// theta(x), and keys phi(x) and values g(x) max-pooled 2 x 2, so that only a quarter of the pixels are looked at;
/// softmax over the keys of the unscaled products. gamma starts at 0, and the layer as the identity. It adds 1.25 C^2 +
/// 1 parameters if 8 divides C. x [N, C, H, W], C at least 8, H and W at least 2 -> the same shape.
struct SelfAttention {
  SpectralNorm<Conv2d> theta, phi;  // C -> C / 8
  SpectralNorm<Conv2d> g;           // C -> C / 2
  SpectralNorm<Conv2d> o;           // C / 2 -> C
  Variable gamma;                   // []

  SelfAttention(Rng& rng, std::int64_t channels, const SpectralNormOptions& spectral = {});
  Variable operator()(const Variable& x, const Pass& pass = {});
  void visit(Visitor& v);
};

/// fastai's: y = gamma * attention + x with 1-D convolutions of kernel 1 without bias, query and key of C / 8 channels
/// and value of all C, over all pixels. Its softmax is over the axis of `query` (dim 1 of query' key), so that pixel j
/// of the result is the mean of value(x), weighted by the softmax over i of query_i . key_j. Names are fastai's,
/// "query.0.weight_orig". x [N, C, H, W] or [N, C, L], C at least 8 -> the same shape.
struct UnpooledSelfAttention {
  SpectralNorm<Conv1d> query, key;  // C -> C / 8
  SpectralNorm<Conv1d> value;       // C -> C
  Variable gamma;                   // [1], 0 at first

  UnpooledSelfAttention(Rng& rng, std::int64_t channels, const SpectralNormOptions& spectral = {});
  Variable operator()(const Variable& x, const Pass& pass = {});
  void visit(Visitor& v);
};

/// Vaswani et al. 2017, as PyTorch's nn.MultiheadAttention with batch_first and one size for queries, keys and values,
/// which must be a multiple of `heads`.
struct MultiHeadAttention {
  Variable in_proj_weight;  // [3 size, size]: of queries, keys and values
  Variable in_proj_bias;    // [3 size]
  Linear out_proj;
  std::int64_t heads;

  MultiHeadAttention(Rng& rng, std::int64_t size, std::int64_t heads, LinearOptions options = {});
  /// query [N, T, size], key and value [N, S, size] -> [N, T, size]
  Variable operator()(const Variable& query, const Variable& key, const Variable& value) const;
  /// Self-attention.
  Variable operator()(const Variable& x) const { return (*this)(x, x, x); }
  void visit(Visitor& v);

 private:
  Variable projected(const Variable& x, int part) const;
};

}  // namespace duel
