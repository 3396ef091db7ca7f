// CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html), as they can be downloaded there.
#pragma once

#include <filesystem>

#include "duel/gan/data/tensor_dataset.h"

namespace duel {

enum class Cifar : std::uint8_t {
  ten,
  hundred,
  hundred_coarse,  ///< CIFAR-100 with its 20 superclasses as labels
};

/// Reads the binary or the Python version, from the archive that was downloaded, the folder that it unpacks to, or the
/// folder that one of those is in. Pictures [N, 3, 32, 32], in the order of the files; classes have names where the
/// version's list of names is there. Python's pickles are read as data; nothing in them is run.
///
/// Throws if a file is missing, cut short, damaged or not of the format, with its name and what is wrong.
TensorDataset load_cifar(const std::filesystem::path& path, Cifar which, Split split);

/// Whether it looks as if `load_cifar` could read it (of CIFAR-100, both kinds of labels).
bool is_cifar(const std::filesystem::path& path, Cifar which);

}  // namespace duel
