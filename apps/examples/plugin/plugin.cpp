// A plug-in with a part of every kind.
#include "parts.h"

DUEL_PLUGIN(registry) {
  example::register_model(registry);
  example::register_losses(registry);
  example::register_game(registry);
  example::register_data(registry);
  example::register_watching(registry);
}
