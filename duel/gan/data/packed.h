// A data set decoded, in one file: what was slow to open and decode is read as fast as the disk, or the memory that
// keeps the file, gives it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "duel/gan/data/dataset.h"

namespace duel {

struct PackOptions {
  std::function<void(std::int64_t done, std::int64_t total)> progress{};
  std::function<void(const std::string&)> warn{};  ///< gets a line for each example that can't be read
};

/// Writes every example of `dataset`, with its label and name, to `path`: as a whole or not at all (see AtomicFile), a
/// few examples at a time, decoded by all threads. One that can't be read is kept as such: reading it from the file
/// throws what reading it threw. Throws if no example can be read, and for data sets that draw at random when they are
/// read, such as unaligned pairs: of those, each of the two sides can be packed.
void pack(const Dataset& dataset, const std::filesystem::path& path, const PackOptions& options = {});

/// What `pack` wrote. Pictures lie channels-last in memory, whatever they did before.
class PackedDataset : public Dataset {
 public:
  /// Throws if it is no such file, is of another version of the format, or cut short or altered, as far as its table
  /// shows: pictures have checksums of their own, which `read` looks at.
  explicit PackedDataset(const std::filesystem::path& path);
  ~PackedDataset() override;

  std::int64_t size() const override;
  Example read(std::int64_t index, Rng& draws) const override;
  std::int64_t label(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;
  std::int64_t classes() const override;
  std::vector<std::string> class_names() const override;

  /// `duel::fingerprint` of the data set it was packed from.
  std::uint64_t fingerprint() const;

  /// Reads all of the file, on all threads; throws, naming an example that is damaged, if one is.
  void verify() const;

 private:
  struct Content;
  std::unique_ptr<const Content> content_;
};

/// Whether a file begins like one that `pack` wrote.
bool is_packed(const std::filesystem::path& path);

/// `dataset` as it is packed in `file`, and packed there first unless it is. The file is read once as a whole, as an
/// epoch will do: one of other data, of these before they changed, or damaged anywhere is made anew; `options.warn` is
/// told what is packed and why. Throws for a file that is something else than a packed data set.
std::unique_ptr<PackedDataset> cached(const Dataset& dataset, const std::filesystem::path& file,
                                      const PackOptions& options = {});

}  // namespace duel
