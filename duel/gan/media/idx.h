// IDX files, the format of MNIST (http://yann.lecun.com/exdb/mnist) and of the data sets made like it.
#pragma once

#include <filesystem>

#include "duel/gan/data/tensor_dataset.h"

namespace duel {

/// An IDX file of unsigned bytes with 1 to 4 dimensions, gzipped or not, as uint8 of those sizes. A file that is cut
/// short, damaged, too long or of other elements throws `Error` with the path and what is wrong; sizes are checked
/// against the file's before memory is taken.
Tensor read_idx(const std::filesystem::path& path);

/// MNIST, Fashion-MNIST, EMNIST or the like: NAMEtrain-images-idx3-ubyte and NAMEtrain-labels-idx1-ubyte, for the test
/// split NAMEt10k-... or NAMEtest-..., each plain or with `.gz`. `path` is the folder they are in or, where that has
/// several data sets such as EMNIST's, one of their files of pictures, of either split. Pictures [N, 1, H, W]; those of
/// EMNIST (emnist-...), which are stored column by column, are turned upright. Classes: the largest label + 1.
/// Throws if a file is missing or the two don't belong together.
TensorDataset load_idx_dataset(const std::filesystem::path& path, Split split);

/// Whether it looks as if `load_idx_dataset` could load it.
bool is_idx_dataset(const std::filesystem::path& path);

}  // namespace duel
