// Opening a data set of any format, told by what is there or by name.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "duel/gan/data/dataset.h"
#include "duel/gan/media/paired.h"

namespace duel {

struct OpenOptions {
  std::string format = "auto";  ///< one of `dataset_formats()`, or "auto"
  /// Opens a format of one's own, in place of the one that `format` names.
  std::function<std::unique_ptr<Dataset>(const std::filesystem::path& path, Split split)> open{};
  Split split = Split::train;          ///< of those that are divided; folders and files without division have only one
  std::vector<std::string> classes{};  ///< only these, renumbered in this order; all where it is empty
  std::int64_t max_size = 0;           ///< only the first ones; 0: all
  Halves halves = Halves::left_right;  ///< of aligned pairs in one picture
  Direction direction = Direction::a_to_b;  ///< of pairs
  Pairing pairing = Pairing::random;        ///< of unaligned pictures
  std::filesystem::path cache{};  ///< the file that keeps the examples decoded, see `cached`; empty: none. Of unaligned
                                  ///< pictures, which are drawn, two: its name and ".pictures", ".targets"
  std::function<void(const std::string&)> warn{};  ///< gets a line for each file that is left out, and when it packs
};

struct DatasetFormat {
  std::string_view name, help;
};
std::vector<DatasetFormat> dataset_formats();

/// Opens the data set at `path`, a folder or a file. A folder of pictures may be divided: into `train` and `test` (or
/// `val`, `valid`) or, of pairs, `trainA`, `trainB`, `testA`, ... as pix2pix and CycleGAN have it.
///
/// Throws `Error` that says what was found and what was expected; for a format whose library this build does without,
/// the CMake option and Debian's package that bring it.
std::unique_ptr<Dataset> open_dataset(const std::filesystem::path& path, const OpenOptions& options = {});

}  // namespace duel
