#include "duel/gan/foreign_spectral_norm.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "duel/autograd/ops.h"
#include "duel/gan/foreign_names.h"

namespace duel::foreign {
namespace {

constexpr double kEps = 1e-12;

/// "X.weight" -> "X."; "weight" -> "".
std::string layer_of(const std::string& weight_name) {
  return weight_name.substr(0, weight_name.size() - std::string_view("weight").size());
}

const Tensor* find(const StateDict& state, const std::string& name) {
  const auto found = state.find(name);
  return found == state.end() ? nullptr : &found->second;
}

/// The names of a variant's tensors within a layer; all but `weight` and `u` may be missing in a file.
struct Names {
  std::string weight, u, v, sigma;
};

Names names_in(const std::string& layer, SpectralNames names) {
  switch (names) {
    case SpectralNames::torch: return {layer + "weight_orig", layer + "weight_u", layer + "weight_v", ""};
    case SpectralNames::parametrized: {
      const std::string of = layer + "parametrizations.weight.";
      return {of + "original", of + "0._u", of + "0._v", ""};
    }
    case SpectralNames::ajbrock: return {layer + "weight", layer + "u0", "", layer + "sv0"};
    case SpectralNames::mimicry: return {layer + "weight", layer + "sn_u", "", layer + "sn_sigma"};
    case SpectralNames::none: break;
  }
  return {layer + "weight", "", "", ""};
}

// float64 columns.
Variable column(const Tensor& t) { return t.to(DType::float64).reshape({-1, 1}); }

// float64 [rows, columns]
Variable matrix_of(const SpectralWeight& w) {
  const Tensor rows_first = w.row_dim == 0 ? w.weight : w.weight.transpose(0, w.row_dim);
  return rows_first.to(DType::float64).reshape({rows_first.size(0), -1});
}

Variable unit(const Variable& x) { return x / clamp(sqrt(sum(x * x)), kEps, std::numeric_limits<double>::infinity()); }

/// What a weight is divided by in evaluation, and the vectors that say so: [rows, 1], [columns, 1].
struct Evaluated {
  Variable u, v;
  double sigma;
};

Evaluated evaluated(const SpectralWeight& w) {
  const NoGrad no_grad;
  const Variable matrix = matrix_of(w);
  Evaluated e;
  if (w.v.defined()) {
    e.u = column(w.us[0]);
    e.v = column(w.v);
  } else {
    e.v = unit(matmul(transpose(matrix, 0, 1), column(w.us[0])));
    e.u = unit(matmul(matrix, e.v));
  }
  e.sigma = sum(e.u * matmul(matrix, e.v)).item();
  return e;
}

// As SpectralNormState counts a sigma of zeros.
double divisor(double sigma) { return std::abs(sigma) > kEps ? sigma : 1; }

// Whether the sizes are those of one weight and its vectors; finds the rows.
bool find_rows(SpectralWeight& w) {
  const std::int64_t rows = w.us[0].numel();
  if (w.weight.dim() < 2 || w.weight.numel() == 0 || !is_floating(w.weight.dtype())) return false;
  if (w.v.defined() && (!is_floating(w.v.dtype()) || w.v.numel() != w.weight.numel() / std::max<std::int64_t>(rows, 1)))
    return false;
  for (const Tensor& u : w.us)
    if (u.numel() != rows || !is_floating(u.dtype())) return false;
  for (const Tensor& sigma : w.sigmas)
    if (sigma.numel() != 1 || !is_floating(sigma.dtype())) return false;
  for (w.row_dim = 0; w.row_dim < 2; ++w.row_dim)
    if (w.weight.size(w.row_dim) == rows) return true;
  return false;
}

/// The weight, and the names that it was made from.
std::optional<SpectralWeight> taken_apart(const StateDict& state, const std::string& layer, SpectralNames names,
                                          std::vector<std::string>& used) {
  const Names n = names_in(layer, names);
  SpectralWeight w;
  w.weight = state.at(n.weight);
  w.us = {state.at(n.u)};
  used = {n.weight, n.u};
  if (const Tensor* v = n.v.empty() ? nullptr : find(state, n.v)) {
    w.v = *v;
    used.push_back(n.v);
  }
  if (const Tensor* sigma = n.sigma.empty() ? nullptr : find(state, n.sigma)) {
    w.sigmas = {*sigma};
    used.push_back(n.sigma);
  }
  for (int i = 1; names == SpectralNames::ajbrock; ++i) {
    const Tensor *u = find(state, cat(layer, "u", i)), *sigma = find(state, cat(layer, "sv", i));
    if (!u || !sigma) break;
    w.us.push_back(*u);
    w.sigmas.push_back(*sigma);
    used.insert(used.end(), {cat(layer, "u", i), cat(layer, "sv", i)});
  }
  if (!find_rows(w)) return std::nullopt;
  return w;
}

}  // namespace

std::map<std::string, SpectralNames> spectral_layers(const StateDict& state) {
  std::map<std::string, SpectralNames> layers;
  for (const auto& [name, tensor] : state)
    for (const SpectralNames names :
         {SpectralNames::torch, SpectralNames::parametrized, SpectralNames::ajbrock, SpectralNames::mimicry})
      if (const auto layer = before(name, names_in("", names).u))
        if (state.contains(names_in(*layer, names).weight)) layers[*layer + "weight"] = names;
  return layers;
}

PlainState plain_state(const StateDict& state) {
  PlainState plain{state, {}};
  for (const auto& [weight_name, names] : spectral_layers(state)) {
    std::vector<std::string> used;
    const auto w = taken_apart(state, layer_of(weight_name), names, used);
    if (!w) continue;
    for (const std::string& name : used) plain.tensors.erase(name);
    plain.tensors[weight_name] = w->weight;
    plain.spectral[weight_name] = *w;
  }
  return plain;
}

void put_spectral(StateDict& state, const std::string& weight_name, const SpectralWeight& from, SpectralNames names) {
  const NoGrad no_grad;
  const DType dtype = from.weight.dtype();
  const Names n = names_in(layer_of(weight_name), names);
  const auto flat = [&](const Variable& x) { return reshape(x, {-1}).value().to(dtype); };
  if (names == SpectralNames::none) {
    state[n.weight] = (Variable(from.weight) / divisor(evaluated(from).sigma)).value();
    return;
  }
  state[n.weight] = from.weight;
  if (!n.v.empty()) {
    const Evaluated e = evaluated(from);
    state[n.u] = from.v.defined() ? from.us[0].reshape({-1}) : flat(e.u);
    state[n.v] = from.v.defined() ? from.v.reshape({-1}) : flat(e.v);
    return;
  }
  state[n.u] = from.us[0].reshape({1, -1});
  state[n.sigma] =
      from.sigmas.empty() ? Tensor::scalar(evaluated(from).sigma, dtype).reshape({1}) : from.sigmas[0].reshape({1});
  for (std::size_t i = 1; names == SpectralNames::ajbrock && i < from.us.size(); ++i) {
    state[cat(layer_of(weight_name), "u", i)] = from.us[i].reshape({1, -1});
    state[cat(layer_of(weight_name), "sv", i)] = from.sigmas[i].reshape({1});
  }
}

SpectralWeight reordered(const SpectralWeight& w, int d, const Tensor& index) {
  SpectralWeight result = w;
  result.weight = index_select(w.weight, d, index).value();
  if (d == w.row_dim) {
    for (Tensor& u : result.us) u = index_select(u.reshape({-1}), 0, index).value();
  } else if (w.v.defined()) {
    // v lies over the dimensions but the rows', which was exchanged with dimension 0.
    Shape columns = w.weight.transpose(0, w.row_dim).shape();
    columns[0] = 1;
    result.v = index_select(w.v.reshape(columns), d == 0 ? w.row_dim : d, index).value().reshape({-1});
  }
  return result;
}

}  // namespace duel::foreign
