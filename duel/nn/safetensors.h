// Safetensors: named tensors in one file, in the format that Hugging Face's library of that name reads and writes
// (https://github.com/huggingface/safetensors, README, "Format").
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "duel/tensor/tensor.h"

namespace duel {

/// What such a file holds. Names and metadata are UTF-8; a tensor can't be named "__metadata__".
struct Safetensors {
  std::map<std::string, Tensor> tensors;        ///< any shape, dtype and layout; read back row-major on the CPU
  std::map<std::string, std::string> metadata;  ///< free text
};

/// Reads a file, holding in memory no more than its tensors and its header. Everything is checked before memory is
/// taken for it: a file that is cut short, altered or hostile throws one `Error` with the path and what is wrong. So do
/// element types other than F32, F64, I64 and U8, by name.
Safetensors read_safetensors(const std::filesystem::path& path);

/// Writes a file, as a whole or not at all (see AtomicFile). Equal content gives equal bytes: the header is sorted by
/// name, the tensors lie by falling element size and then by name, so that each is aligned.
void write_safetensors(const std::filesystem::path& path, const Safetensors& content);

}  // namespace duel
