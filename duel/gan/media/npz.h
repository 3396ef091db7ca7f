// numpy's archives of arrays (.npz), as other programs' metrics read generated pictures.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "duel/tensor/tensor.h"

namespace duel {

/// Writes the arrays, each under its name, as numpy.savez does: a zip archive, not compressed, of one .npy file each,
/// row-major; uint8, int64, float32 and float64. Read by numpy.load and, if they are named as `load_arrays` expects, by
/// that. Equal arrays give equal bytes. Throws, naming the file, if it can't be written, leaving the one that was
/// there; also where the library was built without libzip.
void write_npz(const std::filesystem::path& path, const std::vector<std::pair<std::string, Tensor>>& arrays);

}  // namespace duel
