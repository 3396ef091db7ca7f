// Plug-ins with mistakes: compiled once for each, named by MISTAKE.
#include "duel/plugin/plugin.h"

#define MISSING_FUNCTION 1
#define OWN_NAME 2
#define NO_NAME 3
#define THROWS 4
#define ONE_NAME 5
#define OTHER_CONVENTIONS 6  // compiled with another version of the C++ ABI

#if MISTAKE == MISSING_FUNCTION
namespace duel {
AdversarialLoss loss_of_a_later_version();
}
#endif

DUEL_PLUGIN(registry) {
#if MISTAKE == MISSING_FUNCTION
  registry.losses.add(
      {.name = "later", .help = "", .make = [](const duel::Parameters&) { return duel::loss_of_a_later_version(); }});
#elif MISTAKE == OWN_NAME
  registry.losses.add({.name = "hinge", .help = "", .make = [](const duel::Parameters&) { return duel::kHingeLoss; }});
#elif MISTAKE == NO_NAME
  registry.losses.add({.name = "Margin", .help = "", .make = [](const duel::Parameters&) { return duel::kHingeLoss; }});
#elif MISTAKE == ONE_NAME
  registry.losses.add(
      {.name = "my_twin", .help = "", .make = [](const duel::Parameters&) { return duel::kHingeLoss; }});
  registry.noises.add(
      {.name = "my-twin", .help = "", .make = [](const duel::Parameters&) { return duel::uniform_noise; }});
#else
  if (registry.losses.all().empty()) throw std::runtime_error("no licence");
#endif
}
