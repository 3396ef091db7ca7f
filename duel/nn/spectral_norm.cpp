#include "duel/nn/spectral_norm.h"

#include <algorithm>
#include <array>
#include <limits>

#include "duel/tensor/backend.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"none", "torch", "ajbrock", "mmgen", "mimicry"};

Variable inner(const Variable& a, const Variable& b) { return sum(a * b); }

// PyTorch's F.normalize.
Variable unit(const Variable& x, double eps) {
  return x / clamp(sqrt(inner(x, x)), eps, std::numeric_limits<double>::infinity());
}

}  // namespace

SpectralNormVariant spectral_norm_variant(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  check(found != kNames.end(), "spectral_norm_variant", "there is no variant '", name, "'",
        nearest(name, {kNames.begin(), kNames.end()}));
  return static_cast<SpectralNormVariant>(found - kNames.begin());
}

std::string_view name_of(SpectralNormVariant variant) { return kNames[static_cast<std::size_t>(variant)]; }

// Singular vectors as columns, [rows, 1] and [columns, 1]: constants.
struct SpectralNormState::Pair {
  Variable u, v;
};

SpectralNormState::SpectralNormState(Rng& rng, const Shape& shape, int output_dim, const SpectralNormOptions& o)
    : options_(o), output_dim_(o.variant == SpectralNormVariant::torch ? output_dim : 0) {
  if (o.variant == SpectralNormVariant::none) return;
  const bool several = o.variant == SpectralNormVariant::ajbrock || o.variant == SpectralNormVariant::mmgen;
  check(shape.dim() >= 2 && shape.numel() > 0, "SpectralNorm", "needs a weight [out, in, ...], got shape ", shape);
  check(o.eps > 0 && o.iterations >= 1, "SpectralNorm", "eps must be above 0 and iterations at least 1, got ", o.eps,
        " and ", o.iterations);
  const std::int64_t rows = shape[output_dim_], columns = shape.numel() / rows;
  check(o.singular_values == 1 || (several && o.singular_values >= 1 && o.singular_values <= std::min(rows, columns)),
        "SpectralNorm", "cannot follow ", o.singular_values, " singular values of a weight ", shape, " by variant ",
        name_of(o.variant), several ? "" : "; ajbrock and mmgen can follow several");
  if (o.variant == SpectralNormVariant::torch) {
    us_ = {unit(rng.normal({rows}), o.eps).value()};
    v_ = unit(rng.normal({columns}), o.eps).value();
    return;
  }
  for (std::int64_t i = 0; i < o.singular_values; ++i) {
    us_.push_back(rng.normal({1, rows}));
    sigmas_.push_back(Tensor::full({1}, 1));
  }
}

Variable SpectralNormState::normalize(const Variable& weight, const Pass& pass) {
  if (options_.variant == SpectralNormVariant::none) return weight;
  if (us_.size() > 1) return normalize_by_several(weight, pass.mode);
  std::optional<SpectralVectors> vectors = pass.spectral ? pass.spectral->take(*this) : std::nullopt;
  if (!vectors) {
    Variable w = weight;
    const SpectralWeight alone{this, &w};
    vectors = SpectralPass({&alone, 1}, pass.mode).take(*this);
  }
  if (options_.variant == SpectralNormVariant::mmgen) return weight / Variable(vectors->divisor);
  return divide_by_sigma(weight, output_dim_, *vectors);
}

PowerMethod SpectralNormState::power_method(const Tensor& weight, Mode mode) const {
  const Tensor u = us_[0].reshape({-1}), matrix = spectral_matrix(weight, output_dim_);
  const bool keeps = mode == Mode::train;
  return {.weight = matrix,
          .from_u = u,
          .from_v = v_,
          .u = Tensor::empty_like(u),
          .v = Tensor::empty({matrix.size(1) * matrix.size(2)}, u.options()),
          .divisor = Tensor::empty({1}, u.options()),
          .to_u = keeps ? u : Tensor(),
          .to_v = keeps ? v_ : Tensor(),
          .to_sigma = keeps && !sigmas_.empty() ? sigmas_[0] : Tensor()};
}

// Those that follow several values are not among them: each vector is kept orthogonal to others.
void detail::CollectSpectral::on_spectral_norm(SpectralNormState& state, Variable& weight) {
  const SpectralNormOptions& o = state.options();
  if (o.variant != SpectralNormVariant::none && o.singular_values == 1) found.push_back({&state, &weight});
}

SpectralPass::SpectralPass(std::span<const SpectralWeight> weights, Mode mode) {
  std::map<std::pair<std::int64_t, double>, std::vector<PowerMethod>> rounds;  // by iterations and eps
  for (const auto& [state, weight] : weights) {
    const PowerMethod p = state->power_method(weight->value(), mode);
    found_[state] = {p.u, p.v, p.divisor};
    rounds[{state->iterations(mode), state->options().eps}].push_back(p);
  }
  for (const auto& [round, methods] : rounds) {
    backend(methods[0].u.device()).power_method(methods, round.first, round.second);
    for (const PowerMethod& p : methods)
      for (const Tensor& kept : {p.to_u, p.to_v, p.to_sigma})
        if (kept.defined()) kept.storage()->bump_version();
  }
}

std::optional<SpectralVectors> SpectralPass::take(const SpectralNormState& state) {
  const auto found = found_.extract(&state);
  return found ? std::optional(found.mapped()) : std::nullopt;
}

Variable SpectralNormState::normalize_by_several(const Variable& weight, Mode mode) {
  const Variable matrix = matrix_of(weight);
  std::vector<Pair> pairs = stored();
  {
    const NoGrad no_grad;
    for (std::int64_t n = iterations(mode); n > 0; --n) iterate(matrix, pairs);
    if (mode == Mode::train) store(matrix, pairs);
  }
  const bool constant = options_.variant == SpectralNormVariant::mmgen;
  const Variable sigma = inner(pairs[0].u, matmul(constant ? matrix.detach() : matrix, pairs[0].v));
  return weight / where(gt(abs(sigma), options_.eps), sigma, Tensor::scalar(1, sigma.dtype(), sigma.value().device()));
}

// [out, rest]
Variable SpectralNormState::matrix_of(const Variable& weight) const { return reshape(weight, {weight.size(0), -1}); }

// Copies: what is stored may be written again before the gradient is computed.
std::vector<SpectralNormState::Pair> SpectralNormState::stored() const {
  std::vector<Pair> pairs;
  for (const Tensor& u : us_) pairs.push_back({u.clone().reshape({-1, 1}), Tensor()});
  return pairs;
}

std::int64_t SpectralNormState::iterations(Mode mode) const {
  if (mode == Mode::train || options_.variant == SpectralNormVariant::mimicry) return options_.iterations;
  return options_.variant == SpectralNormVariant::torch ? 0 : 1;
}

// One round of the power method; each pair is kept orthogonal to those before it (Gram and Schmidt).
void SpectralNormState::iterate(const Variable& matrix, std::vector<Pair>& pairs) const {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    Variable v = matmul(transpose(matrix, 0, 1), pairs[i].u);
    for (std::size_t j = 0; j < i; ++j) v = v - inner(v, pairs[j].v) * pairs[j].v;
    pairs[i].v = unit(v, options_.eps);
    Variable u = matmul(matrix, pairs[i].v);
    for (std::size_t j = 0; j < i; ++j) u = u - inner(u, pairs[j].u) * pairs[j].u;
    pairs[i].u = unit(u, options_.eps);
  }
}

// Vectors of no direction are left out: the iteration would never find one again.
void SpectralNormState::store(const Variable& matrix, const std::vector<Pair>& pairs) {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& [u, v] = pairs[i];
    const Variable sigma = inner(u, matmul(matrix, v)), found = gt(sigma, options_.eps);
    const auto replace = [&](const Tensor& old, const Variable& with) {
      Tensor(old).copy_(where(found, reshape(with, old.shape()), old).value());
    };
    replace(us_[i], u);
    sigmas_[i].copy_(sigma.value());
  }
}

const char* SpectralNormState::weight_name() const {
  return options_.variant == SpectralNormVariant::torch ? "weight_orig" : "weight";
}

void SpectralNormState::visit(Visitor& v) {
  const bool mimicry = options_.variant == SpectralNormVariant::mimicry;
  for (std::size_t i = 0; i < us_.size(); ++i) {
    if (v_.defined()) {
      v.buffer("weight_u", us_[i]);
      v.buffer("weight_v", v_);
    } else {
      v.buffer(mimicry ? "sn_u" : cat("u", i), us_[i]);
      v.buffer(mimicry ? "sn_sigma" : cat("sv", i), sigmas_[i]);
    }
  }
}

}  // namespace duel
