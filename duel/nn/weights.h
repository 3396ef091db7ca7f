// Weights from files of any known format.
#pragma once

#include <filesystem>
#include <string_view>

#include "duel/nn/module.h"

namespace duel {

/// The tensors of a safetensors or PyTorch file, whichever it is (see `read_safetensors`, `load_pytorch`), under
/// `part`: those named "PART.name", as "name"; all for an empty `part`. Wrappings that all of them share, "state_dict."
/// and "module.", are taken off. Throws for a file of another kind, and, listing what there is, for a part without
/// tensors.
StateDict read_weights(const std::filesystem::path& path, std::string_view part = {});

/// Writes safetensors or PyTorch's format, as the name ends: .safetensors, .pth or .pt; throws for any other. As a
/// whole or not at all.
void write_weights(const std::filesystem::path& path, const StateDict& tensors);

}  // namespace duel
