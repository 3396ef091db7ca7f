// Networks of the catalogue with weights from a file, as several commands take them: --model, --set, --part, --bgr.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "duel/gan/models/catalogue.h"

namespace duel::app {

struct PublishedLine {
  std::string model, part;
  std::vector<std::string> set;
  bool bgr = false;

  bool given() const { return bgr || !model.empty() || !part.empty() || !set.empty(); }
};

void add_options(CLI::App& app, PublishedLine& line);

/// The entry with the options that are set. Throws UsageError for a name or an option that there is not.
CatalogueEntry chosen_entry(const PublishedLine& line);

struct NamedWeights {
  std::string name;  ///< the file, and whose weights they are
  StateDict tensors;
};
/// The tensors of one network in a file of weights of any system: those of `part`, or, if it is empty, of
/// "generator_ema", "generator", or the only one, whatever it is called. Throws, listing what there is, if that is not
/// there.
NamedWeights network_in(const std::filesystem::path& file, const std::string& part);

/// The network that `line` names with the weights in `file`; it is the discriminator if that is the part, else the
/// entry's first. Throws, with the table of what differs, if they don't fit, and for NaN and infinity.
Network load_published(const PublishedLine& line, const std::filesystem::path& file);

}  // namespace duel::app
