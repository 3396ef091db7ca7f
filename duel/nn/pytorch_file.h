// Files of PyTorch's torch.save(), .pth and .pt: state dictionaries and what lies around them in checkpoints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "duel/nn/module.h"

namespace duel {

/// A file's content, flattened: the keys of nested dictionaries and the places in lists are joined by dots, so that
/// {"state_dict": {"conv.weight": t}, "lr": [0.1, 0.2]} has the tensor "state_dict.conv.weight" and the values "lr.0"
/// and "lr.1". What is not in any dictionary or list is named "". None and empty containers are left out.
struct PytorchFile {
  using Value = std::variant<bool, std::int64_t, double, std::string>;

  /// Views as they were saved: with their strides, and of one storage if they were. On the CPU.
  StateDict tensors;
  /// Everything else. Integers beyond 64 bits are the nearest double; bytes and names of dtypes are strings.
  std::map<std::string, Value> values;

  /// The tensors whose names begin with "PATH.", named without it. All of them for an empty path.
  StateDict tensors_under(std::string_view path) const;
};

/// Reads a file of either layout: the zip archive of PyTorch 1.6 and later, uncompressed as PyTorch writes it (this
/// needs libzip when duel is built), and the older one. Nothing in it is ever executed: tensors, parameters,
/// dictionaries, lists, tuples, sets, numbers, texts and bytes are read; any other object throws, with its class's
/// name.
///
/// Element types that tensors here don't have are converted: float16 and bfloat16 to float32, int8, int16 and int32 to
/// int64, bool to uint8 (0 or 1). Complex, quantised and sparse tensors are refused.
///
/// Everything is checked before memory is taken for it: a file that is cut short, altered or hostile throws one `Error`
/// with the path, and where and what is wrong; so does a big-endian one. A tensor has no more elements than the file
/// has bytes for; dictionaries and lists may lie 64 deep.
PytorchFile load_pytorch(const std::filesystem::path& path);

/// Writes what torch.load(PATH, weights_only=True) reads as an OrderedDict of contiguous tensors on the CPU: the zip
/// layout, each tensor's data at a multiple of 64 bytes of the file. As a whole or not at all (see AtomicFile); equal
/// content gives equal bytes. Needs no libzip. Throws for undefined tensors, names that are not UTF-8, more than 65,000
/// tensors, and more than 4 GB (write safetensors then).
void save_pytorch(const std::filesystem::path& path, const StateDict& tensors);

}  // namespace duel
