// The state of spectral normalisation, out of one system's tensors and into another's: what fit_weights in
// foreign_weights.h rests on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "duel/nn/module.h"

namespace duel::foreign {

/// Under which names a layer X keeps its weight and the state of its normalisation.
///   none          X.weight
///   torch         X.weight_orig, X.weight_u [rows], X.weight_v [columns]  torch.nn.utils.spectral_norm; files of
///                 PyTorch 0.4 lack weight_v
///   parametrized  X.parametrizations.weight.original, .weight.0._u, .weight.0._v
///                 torch.nn.utils.parametrizations.spectral_norm
///   ajbrock       X.weight, X.u0 [1, rows], X.sv0 [1], and X.u1 ... for further singular values: BigGAN-PyTorch, and
///                 MMGeneration's sn_style ajbrock
///   mimicry       X.weight, X.sn_u [1, rows], X.sn_sigma [1]
enum class SpectralNames : std::uint8_t { none, torch, parametrized, ajbrock, mimicry };

/// A weight, seen as a matrix [rows, columns], and the state of its normalisation.
struct SpectralWeight {
  Tensor weight;
  int row_dim = 0;             ///< the dimension of `weight` that is the matrix' rows
  std::vector<Tensor> us;      ///< [rows] each
  Tensor v;                    ///< [columns], of torch's; undefined where the variant has none
  std::vector<Tensor> sigmas;  ///< [1] each, as last stored; none of torch's
};

/// A state without the tensors of spectral normalisation.
struct PlainState {
  StateDict tensors;                               ///< all, with weights as X.weight, normalised ones too
  std::map<std::string, SpectralWeight> spectral;  ///< what belongs to those, by X.weight
};

/// The layers of `state` with spectral normalisation, by "X.weight".
std::map<std::string, SpectralNames> spectral_layers(const StateDict& state);

/// Takes apart what is well-formed; other tensors stay as they are, under the names that they have.
PlainState plain_state(const StateDict& state);

/// The reverse, for the layer of `weight_name`, "X.weight". What the variants do in evaluation is kept:
///   torch -> torch, and among ajbrock and mimicry    the same state, the same sigma
///   ajbrock, mimicry -> torch                         v = W'u / |W'u|, u = W v / |W v|: one round of the power
///                                                     method, as these make in evaluation
///   torch -> ajbrock, mimicry                         u as it is: their evaluation does one more round, so that sigma
///                                                     differs by as much as the power method has not converged
///   any -> none                                       the weight over its sigma, as in evaluation
void put_spectral(StateDict& state, const std::string& weight_name, const SpectralWeight& from, SpectralNames names);

/// The elements along dimension `d` of the weight in the order of `index`, int64, and the singular vectors with them.
SpectralWeight reordered(const SpectralWeight& weight, int d, const Tensor& index);

}  // namespace duel::foreign
