// Normalisations whose statistics are each sample's own: group (Wu and He 2018), instance (Ulyanov et al. 2016),
// adaptive instance (Huang and Belongie 2017), layer (Ba et al. 2016) and pixel normalisation (Karras et al. 2018).
// Of those with statistics, the first gradient is one fused kernel; further ones are those of the composite. A
// rectifier makes the result leaky_relu(y, slope), in the same pass.
#pragma once

#include "duel/autograd/norm.h"
#include "duel/autograd/variable.h"

namespace duel {

/// y = (x - mean) / sqrt(var + eps) * gain + bias with the mean and biased variance of each of `groups` groups of
/// C / groups neighbouring channels, over those and S. x [N, C] or [N, C, S...]; gain and bias [C], or [N, C] for one
/// per sample, or undefined for 1 and 0. Throws unless `groups` divides C, and when a group has only one element: its
/// normalised value would be 0 whatever x is.
Variable group_norm(const Variable& x, std::int64_t groups, const Variable& gain, const Variable& bias, double eps,
                    Rectifier r = {});

/// One group per channel: the statistics of each picture's channel by itself. x [N, C, S...]; throws when a channel has
/// only one element. `moments`, if given, receives the mean over the samples of the statistics, which is what PyTorch's
/// running ones average; in evaluation those serve `normalize_channels`.
Variable instance_norm(const Variable& x, const Variable& gain, const Variable& bias, double eps, Rectifier r = {},
                       BatchMoments* moments = nullptr);

/// Instance normalisation with a gain and bias [N, C] for each sample, made from a style: sigma(style) and mu(style) of
/// Huang and Belongie 2017, equation 8.
Variable adaptive_instance_norm(const Variable& x, const Variable& gain, const Variable& bias, double eps,
                                Rectifier r = {});

/// The same statistics over the last dimensions, whose sizes `normalized_shape` repeats: [C, H, W] of x [N, C, H, W],
/// or [D] of [..., D]. gain and bias of that shape, or undefined for 1 and 0. At least one element; of a single one
/// only the bias is left.
Variable layer_norm(const Variable& x, const Shape& normalized_shape, const Variable& gain, const Variable& bias,
                    double eps, Rectifier r = {});

/// x / sqrt(mean of x^2 over dimension 1 + eps); x [N, C, ...], C at least 1. Karras et al. 2018, section 4.2 (eps 1e-8
/// there).
Variable pixel_norm(const Variable& x, double eps);

}  // namespace duel
