// The two losses of an adversarial game as functions of its networks: they are declared in adversarial.h; here is what
// they and the game both ask.
#pragma once

#include "duel/gan/games/adversarial.h"

namespace duel {

/// Those that a network of these inputs takes: `labels`, or none.
Tensor labels_for(const Network& network, const Tensor& labels);

/// Whether the generator's loss looks at real pictures too.
bool compares_with_real(const AdversarialGameOptions& options);

}  // namespace duel
