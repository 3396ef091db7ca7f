// What is wrong with a data set, and what is in it: every example is read once.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "duel/gan/data/dataset.h"
#include "duel/gan/models/option_text.h"

namespace duel::app {

enum class FindingKind : std::uint8_t {
  unreadable,
  unmatched,     ///< a file without its partner
  duplicate,     ///< the same pixels as an earlier example
  mislabelled,   ///< the same, but of another class: one of the two is wrong
  odd_size,      ///< another size than most have
  odd_channels,  ///< grey where most are colours, or colours where most are grey
  small,         ///< smaller than was asked for
  extension,     ///< another format than the name says
};
constexpr auto names_of(FindingKind) {
  using enum FindingKind;
  return std::array{Named{unreadable, "unreadable"}, Named{unmatched, "unmatched"},
                    Named{duplicate, "duplicate"},   Named{mislabelled, "mislabelled"},
                    Named{odd_size, "odd_size"},     Named{odd_channels, "odd_channels"},
                    Named{small, "small"},           Named{extension, "extension"}};
}

struct Finding {
  FindingKind kind;
  std::string example;  ///< its name
  std::string message;  ///< goes on after the name: "has the pixels of ..."
};

struct PictureKind {
  std::int64_t width, height, channels;
  std::int64_t bits;  ///< of a value in the file; where there is no file for each, 8 or 32
  friend auto operator<=>(const PictureKind&, const PictureKind&) = default;
};

struct DataReport {
  std::int64_t examples = 0, readable = 0;
  std::map<PictureKind, std::int64_t> kinds;  ///< how many pictures there are of each, targets not counted
  std::vector<std::pair<std::string, std::int64_t>> classes;  ///< examples of each
  std::vector<Finding> findings;                              ///< by kind, then in the order of the examples
};

struct DataCheckOptions {
  std::int64_t min_size = 0;  ///< of both sides
  std::function<void(std::int64_t done, std::int64_t total)> progress{};
};

/// Reads all of `dataset`, on all threads, and keeps no picture. Pixels are compared by hashes of 64 bits, pairs by
/// those of both pictures. A size is odd where more than half of the pictures have one and this is another. Of numbers
/// of channels all but the most frequent are odd.
DataReport check_data(const Dataset& dataset, const DataCheckOptions& options);

}  // namespace duel::app
