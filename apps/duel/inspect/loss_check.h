// The gradient of a whole loss, checked: finite differences in float64 along a random direction through all parameters.
#pragma once

#include <vector>

#include "duel/gan/games/adversarial.h"

namespace duel::app {

struct CheckedOrder {
  struct Step {
    double step = 0;   ///< of the differences, relative to each parameter tensor's root mean square
    double error = 0;  ///< relative, see GradcheckEntry
    double numeric = 0, analytic = 0;
  };
  int order = 0;            ///< 1: the gradient; 2: the gradient of a random contraction of it
  std::vector<Step> steps;  ///< falling

  /// The step with the smallest error. A large step leaves the region where no unit of the network changes from one
  /// linear piece to another; a small one loses digits.
  const Step& best() const;
};

/// Orders 1 and 2 of the loss of one network in its own parameters, on a copy in float64; the networks stay as they
/// are. Use a round of a few pictures: it takes hundreds of evaluations.
std::vector<CheckedOrder> check_discriminator_loss(AdversarialGame& game, const AdversarialRound& round);
std::vector<CheckedOrder> check_generator_loss(AdversarialGame& game, const AdversarialRound& round);

}  // namespace duel::app
