// Model cards: what a network of the catalogue is, how large, and what it costs.
#pragma once

#include "duel/gan/models/catalogue.h"

namespace duel::app {

/// Prints names and sources of the whole catalogue, one a line.
void print_catalogue();

/// Makes and runs the networks of the entry, and prints their options, sizes and costs.
void print_cards(const CatalogueEntry& entry);

}  // namespace duel::app
