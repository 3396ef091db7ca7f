// Spectral normalisation (Miyato et al. 2018): a weight divided by its largest singular value sigma, which a power
// iteration follows from one forward pass to the next. Published implementations differ; each is here, by name.
//
// The weight is seen as a matrix W [out, rest]; sigma = u' W v, with u and v constants.
//
//                  torch                       ajbrock            mmgen              mimicry
//   names          weight_orig, weight_u, _v   weight, u0, sv0    weight, u0, sv0    weight, sn_u, sn_sigma
//   iterates       in training                 always             always             always
//   stores         in training                 in training        in training        in training
//   gradient       through W and sigma         through W, sigma   through W alone    through W and sigma
//   W transposed   [out, rest]                 [in, rest]         [in, rest]         [in, rest]
//
// where "transposed" is the weight [in, out, ...] of a transposed convolution.
// torch is torch.nn.utils.spectral_norm (also fastai's and StudioGAN's), ajbrock is BigGAN-PyTorch, mmgen is
// MMGeneration's version of that. ajbrock and mmgen can follow several singular values (u1, sv1, ...), for looking at;
// with several iterations they repeat the same one in evaluation, as there is nothing stored between.
#pragma once

#include <concepts>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "duel/nn/conv_layers.h"
#include "duel/nn/linear_layers.h"

namespace duel {

/// `none` leaves the weight as it is, so that a network can choose when it is made.
enum class SpectralNormVariant : std::uint8_t { none, torch, ajbrock, mmgen, mimicry };

/// Throws, naming the nearest one, for a name that there is not.
SpectralNormVariant spectral_norm_variant(std::string_view name);
std::string_view name_of(SpectralNormVariant variant);

struct SpectralNormOptions {
  SpectralNormVariant variant = SpectralNormVariant::torch;
  /// Vectors are divided by max(norm, eps). StudioGAN and BigGAN's scripts: 1e-6; TensorFlow Hub's BigGAN: 1e-4.
  double eps = 1e-12;
  std::int64_t iterations = 1;       ///< of the power method, in each forward pass that iterates
  std::int64_t singular_values = 1;  ///< more than one for ajbrock and mmgen only
};

/// The rule and its state: what goes with one weight.
class SpectralNormState {
 public:
  /// `output_dim` is the dimension of the weight, of `shape`, that becomes the matrix' rows.
  SpectralNormState(Rng& rng, const Shape& shape, int output_dim, const SpectralNormOptions& options);

  /// The weight over its sigma, by the vectors of `pass.spectral`, or its own. A sigma not above eps, that of a weight
  /// of zeros say, counts as 1, and then u and v stay as they were: zeros give no NaN, and their gradient is that of
  /// the layer without normalisation.
  Variable normalize(const Variable& weight, const Pass& pass);
  /// "weight" or "weight_orig"
  const char* weight_name() const;
  const SpectralNormOptions& options() const { return options_; }
  /// The largest singular values as last stored, largest first; empty for torch, which stores none.
  const std::vector<Tensor>& sigmas() const { return sigmas_; }
  void visit(Visitor& v);

 private:
  friend class SpectralPass;
  struct Pair;
  PowerMethod power_method(const Tensor& weight, Mode mode) const;
  Variable normalize_by_several(const Variable& weight, Mode mode);
  Variable matrix_of(const Variable& weight) const;
  std::vector<Pair> stored() const;
  std::int64_t iterations(Mode mode) const;
  void iterate(const Variable& matrix, std::vector<Pair>& pairs) const;
  void store(const Variable& matrix, const std::vector<Pair>& pairs);

  SpectralNormOptions options_;
  int output_dim_;
  std::vector<Tensor> us_, sigmas_;  // torch [out]; else [1, out] and [1]
  Tensor v_;                         // torch: [rest]
};

/// A weight and what normalises it, in their places in a network.
struct SpectralWeight {
  SpectralNormState* state;
  Variable* weight;
};

/// The spectrally normalised weights of a module whose singular vectors can be followed together.
template <class Module>
std::vector<SpectralWeight> spectral_weights(Module& module);

/// The singular vectors of many weights for one forward pass, followed together: on a GPU a handful of kernels for all.
class SpectralPass {
 public:
  /// Goes one round (or as many as the options say) for each of them, used in this pass or not (a head whose output
  /// nobody asks for); in training they keep it.
  SpectralPass(std::span<const SpectralWeight> weights, Mode mode);

  /// Those of this weight. Given once: whoever uses a weight twice in a pass goes another round, as the systems do.
  std::optional<SpectralVectors> take(const SpectralNormState& state);

 private:
  std::map<const SpectralNormState*, SpectralVectors> found_;
};

namespace detail {

struct CollectSpectral : Visitor {
  std::vector<SpectralWeight> found;
  void on_parameter(const std::string&, Variable&) override {}
  void on_spectral_norm(SpectralNormState& state, Variable& weight) override;
};

/// Visits a layer for another visitor, with its weight under another name.
class WeightRenamed : public Visitor {
 public:
  WeightRenamed(Visitor& outer, const char* name) : outer_(outer), name_(name) {}
  void on_parameter(const std::string& name, Variable& p) override {
    outer_.parameter(name == "weight" ? name_ : name, p);
  }
  void on_buffer(const std::string& name, Tensor& b) override { outer_.buffer(name, b); }
  void on_running_moments(RunningMoments& m) override { outer_.running_moments(m); }
  void on_spectral_norm(SpectralNormState& s, Variable& weight) override { outer_.spectral_norm(s, weight); }

 private:
  Visitor& outer_;
  std::string name_;
};

}  // namespace detail

/// A layer with a `weight`, normalised in each forward pass: SpectralNorm(rng, Conv2d(rng, 3, 64), {.eps = 1e-6}).
template <class L>
struct SpectralNorm {
  L layer;
  SpectralNormState state;

  SpectralNorm(Rng& rng, L inner, const SpectralNormOptions& options = {})
      : layer(std::move(inner)), state(rng, layer.weight.shape(), output_dim(), options) {}

  template <class Input>
  requires std::invocable<const L&, const Input&> Variable operator()(const Input& x, const Pass& pass = {}) {
    return normalized(pass)(x);
  }
  template <class Input>
  requires std::invocable<const L&, const Input&, Rectifier> Variable operator()(const Input& x, const Pass& pass,
                                                                                 Rectifier r) {
    return normalized(pass)(x, r);
  }
  /// Of a Conv2d: as there.
  Variable after_upsampling(const Variable& x, const Pass& pass = {}, Rectifier r = {}) {
    return normalized(pass).after_upsampling(x, r);
  }
  Variable before_pooling(const Variable& x, const Pass& pass = {}) { return normalized(pass).before_pooling(x); }
  void visit(Visitor& v) {
    detail::WeightRenamed renamed(v, state.weight_name());
    layer.visit(renamed);
    state.visit(v);
    v.spectral_norm(state, layer.weight);
  }

 private:
  L normalized(const Pass& pass) {
    L copy = layer;
    copy.weight = state.normalize(layer.weight, pass);
    return copy;
  }
  static constexpr int output_dim() {
    if constexpr (requires { L::kOutputDim; }) return L::kOutputDim;
    return 0;
  }
};

template <class Module>
std::vector<SpectralWeight> spectral_weights(Module& module) {
  detail::CollectSpectral collect;
  module.visit(collect);
  return std::move(collect.found);
}

}  // namespace duel
