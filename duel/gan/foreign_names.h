// What other systems call the tensors of networks that we have: what fit_weights in foreign_weights.h rests on.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "duel/nn/module.h"

namespace duel::foreign {

/// "X." if `name` is "X.tail", and "" if it is `tail`.
std::optional<std::string> before(const std::string& name, std::string_view tail);

/// What those of `given` are called in the network of `own`, for names that differ; "" for what it has no place for.
/// Both are plain: weights, spectrally normalised ones too, are called X.weight. `own` may be of any network.
std::map<std::string, std::string> renamings(const StateDict& own, const StateDict& given);

/// Whether `given`, plain, is MMGeneration's generator of BigGAN-deep, which takes what its first layer makes for maps
/// [N, 4, 4, C], as TensorFlow's, where all other generators take it for [N, C, 4, 4].
bool starts_channels_last(const StateDict& given);

}  // namespace duel::foreign
