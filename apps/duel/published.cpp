#include "apps/duel/published.h"

#include <fmt/format.h>

#include "apps/duel/options.h"
#include "duel/autograd/detect_anomaly.h"
#include "duel/gan/foreign_weights.h"
#include "duel/nn/weights.h"

namespace duel::app {

void add_options(CLI::App& app, PublishedLine& line) {
  app.add_option("--model", line.model, "the network that the weights are for; see duel info --list")
      ->type_name("NAME");
  app.add_option("--set", line.set, "with --model: another value of an option, as width=32 or generator.width=32")
      ->type_name("OPTION=VALUE")
      ->allow_extra_args(false);
  app.add_option("--part", line.part,
                 "which network of the file: generator, generator_ema, discriminator, or the beginning of its names")
      ->type_name("NAME");
  app.add_flag("--bgr", line.bgr, "the weights are for pictures in BGR, as MMGeneration's");
}

CatalogueEntry chosen_entry(const PublishedLine& line) {
  try {
    CatalogueEntry entry = find_model(line.model);
    for (const std::string& assignment : line.set) set_option(entry, assignment);
    return entry;
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
}

NamedWeights network_in(const std::filesystem::path& file, const std::string& part) {
  RecognisedWeights found = recognise_weights(read_weights(file));
  std::map<std::string, StateDict>& parts = found.parts;
  const std::string name = found.system.empty() ? file.string() : fmt::format("{} ({})", file.string(), found.system);
  if (parts.size() == 1 && (part.empty() || parts.begin()->first.empty()))
    return {name, std::move(parts.begin()->second)};
  for (const std::string& wanted :
       part.empty() ? std::vector<std::string>{"generator_ema", "generator"} : std::vector<std::string>{part})
    if (const auto at = parts.find(wanted); at != parts.end()) return {name, std::move(at->second)};
  std::vector<std::string> names;
  for (const auto& [own, state] : parts) names.push_back(own);
  if (part.empty())
    throw UsageError(fmt::format("{} holds {}: choose one with --part", file.string(), fmt::join(names, ", ")));
  if (parts.size() == 1) return {name, read_weights(file, part)};
  throw UsageError(fmt::format("{} has no part {}, only {}", file.string(), part, fmt::join(names, ", ")));
}

Network load_published(const PublishedLine& line, const std::filesystem::path& file) {
  const CatalogueEntry entry = chosen_entry(line);
  const bool judges = line.part.find("discriminator") != std::string::npos;
  Rng rng(0);
  Network network = (judges ? entry.network("discriminator") : entry.networks.front().second).make(rng);
  const NamedWeights given = network_in(file, line.part);
  for (const auto& [name, tensor] : given.tensors)
    check(all_finite(tensor), "weights", file, " has NaN or infinity in ", name);
  load_weights(network, given.tensors, {.colours = line.bgr ? ColourOrder::bgr : ColourOrder::rgb, .what = given.name});
  return network;
}

}  // namespace duel::app
