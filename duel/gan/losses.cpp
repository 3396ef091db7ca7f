#include "duel/gan/losses.h"

#include "duel/autograd/ops.h"

namespace duel {
namespace {

// log p, constant below 1e-37: the gradient 1 / p of smaller ones is no float32.
Variable log_cut(const Variable& p) { return log(clamp(p, 1e-37, 1)); }

}  // namespace

Variable bce(const Variable& p, double target) {
  check(target >= 0 && target <= 1, "bce", "the target must lie in [0, 1], got ", target);
  Variable loss;
  for (const auto& [weight, probability] : {std::pair(target, p), std::pair(1 - target, 1 - p)}) {
    if (weight == 0) continue;
    const Variable term = -weight * mean(log_cut(probability));
    loss = loss.defined() ? loss + term : term;
  }
  return loss;
}

Variable bce_with_logits(const Variable& x, double target) {
  check(target >= 0 && target <= 1, "bce_with_logits", "the target must lie in [0, 1], got ", target);
  if (target == 1) return mean(softplus(-x));
  return mean(target == 0 ? softplus(x) : softplus(x) - target * x);
}

Variable mse(const Variable& x, double target) { return mean(square(x - target)); }

const AdversarialLoss kGanLoss{
    "gan",
    [](const Variable& real, const Variable& fake) { return bce(real, 1) + bce(fake, 0); },
    [](const Variable& fake) { return bce(fake, 1); },
};

const AdversarialLoss kVanillaLoss{
    "vanilla",
    [](const Variable& real, const Variable& fake) { return bce_with_logits(real, 1) + bce_with_logits(fake, 0); },
    [](const Variable& fake) { return bce_with_logits(fake, 1); },
};

const AdversarialLoss kLeastSquaresLoss{
    "lsgan",
    [](const Variable& real, const Variable& fake) { return 0.5 * (mse(real, 1) + mse(fake, 0)); },
    [](const Variable& fake) { return mse(fake, 1); },
};

const AdversarialLoss kWassersteinLoss{
    "wgan",
    [](const Variable& real, const Variable& fake) { return mean(fake) - mean(real); },
    [](const Variable& fake) { return -mean(fake); },
};

const AdversarialLoss kHingeLoss{
    "hinge",
    [](const Variable& real, const Variable& fake) { return mean(relu(1 - real)) + mean(relu(1 + fake)); },
    [](const Variable& fake) { return -mean(fake); },
};

const std::vector<AdversarialLoss>& adversarial_losses() {
  static const std::vector<AdversarialLoss> all{kGanLoss, kVanillaLoss, kLeastSquaresLoss, kWassersteinLoss,
                                                kHingeLoss};
  return all;
}

const AdversarialLoss& adversarial_loss(std::string_view name) {
  std::string names;
  for (const AdversarialLoss& loss : adversarial_losses()) {
    if (loss.name == name) return loss;
    names += cat(names.empty() ? "" : ", ", loss.name);
  }
  fail("adversarial_loss", "unknown loss '", name, "'; known: ", names);
}

}  // namespace duel
