// What each file of this plug-in registers.
#pragma once

#include <duel/duel.h>
#include <duel/plugin/plugin.h>

namespace example {

void register_model(duel::Registry& registry);
void register_losses(duel::Registry& registry);
void register_game(duel::Registry& registry);
void register_data(duel::Registry& registry);
void register_watching(duel::Registry& registry);

}  // namespace example
