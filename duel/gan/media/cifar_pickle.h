// A batch of CIFAR's Python version: a pickled dictionary with a numpy array in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace duel {

/// The array under `data`, uint8 [N, columns], row by row, and the labels under `key`. Throws, with `where` it is from,
/// if the pickle doesn't have them so, or would have Python use anything but numpy's arrays.
struct CifarBatch {
  std::string pixels;
  std::vector<std::int64_t> labels;
};
CifarBatch read_cifar_batch(const std::string& file, const std::string& where, std::string_view key,
                            std::int64_t columns);

/// The list of names under `key`.
std::vector<std::string> read_cifar_names(const std::string& file, const std::string& where, std::string_view key);

}  // namespace duel
