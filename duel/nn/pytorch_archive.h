// The two layouts of PyTorch's files (torch/serialization.py): a pickle, and the storages that it refers to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "duel/nn/pickle.h"

namespace duel {

/// A storage as the pickle describes it.
struct PytorchStorage {
  std::uint64_t elements = 0;
  std::uint64_t element_bytes = 0;  ///< 1 to 8
};

/// An opened file. Its functions are called in their order here, and throw `Error` with the file and what is wrong.
class PytorchArchive {
 public:
  virtual ~PytorchArchive() = default;
  virtual pickle::Pickle read_pickle(const pickle::Context& context) = 0;
  /// Looks for storages by their keys, and checks that the file has just so many bytes of each.
  virtual void find(const std::map<std::string, PytorchStorage>& storages) = 0;
  /// Fills memory with the bytes of a storage that was found.
  virtual void read(const std::string& key, std::byte* to) = 0;
};

/// Opens a file of either layout. Where the library was built without libzip, the zip layout is refused, with what to
/// do.
std::unique_ptr<PytorchArchive> open_pytorch_archive(const char* operation, const std::filesystem::path& path);

}  // namespace duel
