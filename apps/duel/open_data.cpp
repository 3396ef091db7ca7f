#include "apps/duel/open_data.h"

#include <filesystem>

#include <fmt/format.h>

#include "duel/gan/data/packed.h"

namespace duel::app {
namespace {

using Warn = std::function<void(const std::string&)>;
using Settings = std::vector<PartSetting>;

OpenOptions open_options(const DataOptions& d, const Warn& warn, const Settings& settings) {
  OpenOptions o{.format = d.format,
                .split = d.split,
                .classes = d.classes,
                .max_size = d.max_size,
                .halves = d.halves,
                .direction = d.direction,
                .pairing = d.pairing,
                .cache = d.cache,
                .warn = warn};
  if (const auto* part = parts().datasets.find(d.format))
    o.open = [part, settings](const auto& path, Split split) {
      return make_part(parts().datasets, *part, settings, path, split);
    };
  return o;
}

std::unique_ptr<Dataset> open_matched(const DataOptions& d, const Warn& warn) {
  auto matched = d.direction == Direction::a_to_b ? std::make_unique<MatchedFolders>(d.path, d.path_b)
                                                  : std::make_unique<MatchedFolders>(d.path_b, d.path);
  if (warn)
    for (const auto& file : matched->unmatched()) warn(file.string() + " is left out: it has no partner");
  if (d.cache.empty()) return matched;
  return cached(*matched, d.cache, {.progress = {}, .warn = warn});
}

std::unique_ptr<Dataset> open_unaligned(const DataOptions& d, const Warn& warn, const Settings& settings) {
  const auto open_side = [&](const std::string& path, const char* side) {
    OpenOptions o = open_options(d, warn, settings);
    if (!d.cache.empty()) o.cache += side;
    return open_dataset(path, o);
  };
  std::shared_ptr<Dataset> a = open_side(d.path, ".a"), b = open_side(d.path_b, ".b");
  if (d.direction == Direction::b_to_a) std::swap(a, b);
  return std::make_unique<UnalignedDataset>(std::move(a), std::move(b), d.pairing);
}

}  // namespace

std::unique_ptr<Dataset> open_data(const DataOptions& d, const Warn& warn, const Settings& settings) {
  OpenOptions o = open_options(d, warn, settings);
  const bool tells_itself = o.format == "auto" && std::filesystem::is_regular_file(d.path);  // packed pairs
  switch (d.mode) {
    case DataMode::aligned:
      if (!d.path_b.empty()) return open_matched(d, warn);
      if (o.format == "auto" && !tells_itself) o.format = "aligned";
      break;
    case DataMode::unaligned:
      if (!d.path_b.empty()) return open_unaligned(d, warn, settings);
      if (o.format == "auto" && !tells_itself) o.format = "unaligned";
      break;
    default:
      if (!d.path_b.empty())
        throw UsageError(fmt::format("--data-b is for pairs: --data-mode {} has none", to_text(d.mode)));
  }
  return open_dataset(d.path, o);
}

}  // namespace duel::app
