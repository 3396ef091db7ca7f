#include "apps/duel/data_check.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <span>
#include <unordered_map>

#include <fmt/format.h>

#include "duel/gan/data/fingerprint.h"
#include "duel/gan/data/xxhash.h"
#include "duel/gan/media/picture.h"
#include "duel/tensor/thread_pool.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

// What is kept of an example that was read.
struct Facts {
  std::string error;  // if it can't be read
  std::uint64_t hash = 0;
  PictureKind kind{};
  std::optional<PictureFormat> lie;  // what the file is, if its name says something else
};

PictureFormat format_of_name(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension == ".png") return PictureFormat::png;
  if (extension == ".jpg" || extension == ".jpeg") return PictureFormat::jpeg;
  if (extension == ".webp") return PictureFormat::webp;
  if (extension == ".tif" || extension == ".tiff") return PictureFormat::tiff;
  if (extension == ".bmp") return PictureFormat::bmp;
  if (extension == ".gif") return PictureFormat::gif;
  return PictureFormat::pnm;
}

std::uint64_t hash_of(const Example& example) {
  const std::uint64_t picture = pixels_hash(example.picture);
  if (!example.target.defined()) return picture;
  const std::array<std::uint64_t, 2> both = {picture, pixels_hash(example.target)};
  return xxhash64(std::as_bytes(std::span(both)));
}

// What the file says of itself, if the example is one; of a packed data set it need not be there any more.
void look_at_file(const fs::path& file, Facts& facts) {
  std::error_code ignored;
  if (!has_picture_extension(file) || !fs::is_regular_file(file, ignored)) return;
  try {
    const PictureInfo info = read_picture_info(file);
    facts.kind.bits = info.bits;
    if (info.format != format_of_name(file)) facts.lie = info.format;
  } catch (const Error&) {
  }
}

Facts read_facts(const Dataset& dataset, std::int64_t index) {
  Facts facts;
  try {
    Rng draws(0);
    const Example example = dataset.read(index, draws);
    const Tensor& picture = example.picture;
    facts.hash = hash_of(example);
    facts.kind = {picture.size(2), picture.size(1), picture.size(0), picture.dtype() == DType::uint8 ? 8 : 32};
    look_at_file(dataset.name(index), facts);
  } catch (const Error& e) {
    facts.error = e.what();
  }
  return facts;
}

// Puts the report together, example by example in their order.
class Reporter {
 public:
  Reporter(const Dataset& dataset, const DataCheckOptions& options) : dataset_(dataset), options_(options) {
    report_.examples = dataset.size();
    const std::vector<std::string> names = dataset.class_names();
    for (std::int64_t i = 0; i < dataset.classes(); ++i)
      report_.classes.emplace_back(names.empty() ? std::to_string(i) : names[static_cast<std::size_t>(i)], 0);
  }

  void add(std::int64_t index, const Facts& facts) {
    if (labelled()) ++class_of(index).second;
    if (!facts.error.empty()) {
      kind_of_.push_back(nullptr);
      return found(FindingKind::unreadable, index, facts.error);
    }
    ++report_.readable;
    const auto counted = report_.kinds.try_emplace(facts.kind, 0).first;
    ++counted->second;
    kind_of_.push_back(&counted->first);
    if (facts.lie)
      found(FindingKind::extension, index, fmt::format("is a {} file by its content", name_of(*facts.lie)));
    if (std::min(facts.kind.width, facts.kind.height) < options_.min_size)
      found(FindingKind::small, index, fmt::format("is {} x {}", facts.kind.width, facts.kind.height));
    const auto [first, is_new] = by_hash_.emplace(facts.hash, index);
    if (!is_new) add_repeated(index, first->second);
  }

  DataReport finish() {
    add_odd_sizes();
    add_odd_channels();
    std::stable_sort(report_.findings.begin(), report_.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.kind < b.kind; });
    return std::move(report_);
  }

 private:
  bool labelled() const { return !report_.classes.empty(); }
  std::pair<std::string, std::int64_t>& class_of(std::int64_t index) {
    return report_.classes[static_cast<std::size_t>(dataset_.label(index))];
  }

  void found(FindingKind kind, std::int64_t index, std::string message) {
    report_.findings.push_back({kind, dataset_.name(index), std::move(message)});
  }

  void add_repeated(std::int64_t index, std::int64_t first) {
    const std::string same = "has the pixels of " + dataset_.name(first);
    if (labelled() && dataset_.label(index) != dataset_.label(first))
      found(FindingKind::mislabelled, index,
            fmt::format("{}, but the class {} instead of {}", same, class_of(index).first, class_of(first).first));
    else
      found(FindingKind::duplicate, index, same);
  }

  void add_odd_sizes() {
    std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> sizes;
    for (const auto& [kind, count] : report_.kinds) sizes[{kind.width, kind.height}] += count;
    const auto usual =
        std::max_element(sizes.begin(), sizes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    if (usual == sizes.end() || 2 * usual->second <= report_.readable) return;
    for (std::size_t i = 0; i < kind_of_.size(); ++i) {
      const PictureKind* kind = kind_of_[i];
      if (kind != nullptr && std::pair(kind->width, kind->height) != usual->first)
        found(FindingKind::odd_size, static_cast<std::int64_t>(i),
              fmt::format("is {} x {}; most are {} x {}", kind->width, kind->height, usual->first.first,
                          usual->first.second));
    }
  }

  void add_odd_channels() {
    std::map<std::int64_t, std::int64_t> channels;
    for (const auto& [kind, count] : report_.kinds) channels[kind.channels] += count;
    const auto usual = std::max_element(channels.begin(), channels.end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; });
    for (std::size_t i = 0; i < kind_of_.size(); ++i)
      if (const PictureKind* kind = kind_of_[i]; kind != nullptr && kind->channels != usual->first)
        found(FindingKind::odd_channels, static_cast<std::int64_t>(i),
              fmt::format("has {} channel{}; most have {}: train with --channels 3, or 1 for grey", kind->channels,
                          kind->channels == 1 ? "" : "s", usual->first));
  }

  const Dataset& dataset_;
  const DataCheckOptions& options_;
  DataReport report_;
  std::vector<const PictureKind*> kind_of_;                  // of each example, in report_; null where it can't be read
  std::unordered_map<std::uint64_t, std::int64_t> by_hash_;  // the first example of each content
};

}  // namespace

DataReport check_data(const Dataset& dataset, const DataCheckOptions& options) {
  constexpr std::int64_t kAtOnce = 64;
  const std::int64_t n = dataset.size();
  Reporter reporter(dataset, options);
  for (std::int64_t begin = 0; begin < n; begin += kAtOnce) {
    const std::int64_t count = std::min(kAtOnce, n - begin);
    std::vector<Facts> facts(static_cast<std::size_t>(count));
    parallel_for(count, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i) facts[static_cast<std::size_t>(i)] = read_facts(dataset, begin + i);
    });
    for (std::int64_t i = 0; i < count; ++i) reporter.add(begin + i, facts[static_cast<std::size_t>(i)]);
    if (options.progress) options.progress(begin + count, n);
  }
  return reporter.finish();
}

}  // namespace duel::app
