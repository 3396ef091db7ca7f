#include "duel/gan/losses.h"

#include <map>

#include "duel/autograd/ops.h"
#include "duel/nn/losses.h"

namespace duel {

Variable AdversarialLoss::generator(const Variable& fake) const {
  check(generator_scores == GeneratorScores::fake, "AdversarialLoss", "the generator's side of the loss '", name,
        "' compares with the scores of real pictures: call generator(real, fake)");
  return generator_of_scores({}, fake);
}

const AdversarialLoss kGanLoss{
    "gan",
    [](const Variable& real, const Variable& fake) { return bce(real, 1) + bce(fake, 0); },
    [](const Variable&, const Variable& fake) { return bce(fake, 1); },
};

const AdversarialLoss kVanillaLoss{
    "vanilla",
    [](const Variable& real, const Variable& fake) { return bce_with_logits(real, 1) + bce_with_logits(fake, 0); },
    [](const Variable&, const Variable& fake) { return bce_with_logits(fake, 1); },
};

const AdversarialLoss kMinimaxLoss{
    "minimax",
    [](const Variable& real, const Variable& fake) { return bce_with_logits(real, 1) + bce_with_logits(fake, 0); },
    [](const Variable&, const Variable& fake) { return -bce_with_logits(fake, 0); },
};

const AdversarialLoss kLeastSquaresLoss{
    "lsgan",
    [](const Variable& real, const Variable& fake) { return 0.5 * (mse(real, 1) + mse(fake, 0)); },
    [](const Variable&, const Variable& fake) { return mse(fake, 1); },
};

const AdversarialLoss kWassersteinLoss{
    "wgan",
    [](const Variable& real, const Variable& fake) { return mean(fake) - mean(real); },
    [](const Variable&, const Variable& fake) { return -mean(fake); },
};

const AdversarialLoss kHingeLoss{
    "hinge",
    [](const Variable& real, const Variable& fake) { return mean(relu(1 - real)) + mean(relu(1 + fake)); },
    [](const Variable&, const Variable& fake) { return -mean(fake); },
};

namespace {

// How much more real `a` must look than `b`, pair by pair.
Variable relativistic(const Variable& a, const Variable& b) {
  check(a.defined() && b.defined() && a.shape() == b.shape(), "kRelativisticLoss",
        "needs scores of real and of fake pictures of one shape, got ", a.value(), " and ", b.value());
  return bce_with_logits(a - b, 1);
}

}  // namespace

const AdversarialLoss kRelativisticLoss{
    "relativistic",
    [](const Variable& real, const Variable& fake) { return relativistic(real, fake); },
    [](const Variable& real, const Variable& fake) { return relativistic(fake, real); },
    GeneratorScores::real_and_fake,
};

const std::vector<AdversarialLoss>& adversarial_losses() {
  static const std::vector<AdversarialLoss> all{kGanLoss,         kVanillaLoss, kMinimaxLoss,     kLeastSquaresLoss,
                                                kWassersteinLoss, kHingeLoss,   kRelativisticLoss};
  return all;
}

const AdversarialLoss& adversarial_loss(std::string_view name) {
  static const std::map<std::string_view, std::string_view> elsewhere{{"dcgan", "vanilla"},
                                                                      {"wgan-logistic-ns", "vanilla"},
                                                                      {"logistic", "vanilla"},
                                                                      {"r3gan", "relativistic"},
                                                                      {"rpgan", "relativistic"}};
  const auto alias = elsewhere.find(name);
  const std::string_view own = alias == elsewhere.end() ? name : alias->second;
  std::string names;
  for (const AdversarialLoss& loss : adversarial_losses()) {
    if (loss.name == own) return loss;
    names += cat(names.empty() ? "" : ", ", loss.name);
  }
  fail("adversarial_loss", "unknown loss '", name, "'; known: ", names);
}

}  // namespace duel
