// The catalogue: every network that is published under a name, by that name.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duel/gan/models/network.h"

namespace duel {

struct CatalogueEntry {
  std::string name;
  std::string source;  ///< whose networks they are: program, paper
  /// "generator" and "discriminator", or one of them, or "autoencoder".
  std::vector<std::pair<std::string, Blueprint>> networks;

  /// Throws, listing what there is, for a part that there is not.
  const Blueprint& network(std::string_view part) const;
  Blueprint& network(std::string_view part) { return const_cast<Blueprint&>(std::as_const(*this).network(part)); }
};

/// Generator and discriminator of duel's own conditional DCGAN.
CatalogueEntry conditional_dcgan(const ConditionalDcganOptions& options = {});

/// By system, each from small to large.
const std::vector<CatalogueEntry>& catalogue();
/// Throws, naming the nearest one, for a name that there is not.
const CatalogueEntry& catalogue_entry(std::string_view name);

/// Sets "width=32" in all networks of the entry that have such an option, "generator.width=32" in that one alone.
/// Throws for any that none has, and as `Blueprint::set`.
void set_option(CatalogueEntry& entry, std::string_view assignment);

}  // namespace duel
