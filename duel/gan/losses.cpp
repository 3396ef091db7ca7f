#include "duel/gan/losses.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "duel/autograd/ops.h"
#include "duel/nn/losses.h"

namespace duel {

Variable AdversarialLoss::generator(const Variable& fake) const {
  check(generator_scores == GeneratorScores::fake, "AdversarialLoss", "the generator's side of the loss '", name,
        "' compares with the scores of real pictures: call generator(real, fake)");
  return generator_of_scores({}, fake);
}

Variable AdversarialLoss::discriminator_towards(const Variable& real, const Variable& fake,
                                                const Targets& targets) const {
  check(discriminator_of_targets != nullptr, "AdversarialLoss", "the loss '", name,
        "' does not compare scores with targets");
  return discriminator_of_targets(real, fake, targets);
}

namespace {

Variable bce_towards(const Variable& real, const Variable& fake, const Targets& targets) {
  return bce(real, targets.real) + bce(fake, targets.fake);
}

Variable bce_with_logits_towards(const Variable& real, const Variable& fake, const Targets& targets) {
  return bce_with_logits(real, targets.real) + bce_with_logits(fake, targets.fake);
}

Variable mse_towards(const Variable& real, const Variable& fake, const Targets& targets) {
  return 0.5 * (mse(real, targets.real) + mse(fake, targets.fake));
}

}  // namespace

const AdversarialLoss kGanLoss{
    "gan",
    [](const Variable& real, const Variable& fake) { return bce(real, 1) + bce(fake, 0); },
    [](const Variable&, const Variable& fake) { return bce(fake, 1); },
    GeneratorScores::fake,
    bce_towards,
    0.5,
};

const AdversarialLoss kVanillaLoss{
    "vanilla",
    [](const Variable& real, const Variable& fake) { return bce_with_logits(real, 1) + bce_with_logits(fake, 0); },
    [](const Variable&, const Variable& fake) { return bce_with_logits(fake, 1); },
    GeneratorScores::fake,
    bce_with_logits_towards,
};

const AdversarialLoss kMinimaxLoss{
    "minimax",
    [](const Variable& real, const Variable& fake) { return bce_with_logits(real, 1) + bce_with_logits(fake, 0); },
    [](const Variable&, const Variable& fake) { return -bce_with_logits(fake, 0); },
    GeneratorScores::fake,
    bce_with_logits_towards,
};

const AdversarialLoss kLeastSquaresLoss{
    "lsgan",
    [](const Variable& real, const Variable& fake) { return 0.5 * (mse(real, 1) + mse(fake, 0)); },
    [](const Variable&, const Variable& fake) { return mse(fake, 1); },
    GeneratorScores::fake,
    mse_towards,
    0.5,
};

const AdversarialLoss kWassersteinLoss{
    "wgan",
    [](const Variable& real, const Variable& fake) { return mean(fake) - mean(real); },
    [](const Variable&, const Variable& fake) { return -mean(fake); },
    GeneratorScores::fake,
    {},
    std::nullopt,
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
    {},
    std::nullopt,
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

Variable top_k_scores(const Variable& fake, std::int64_t k) {
  check(fake.defined() && fake.dim() >= 1 && fake.numel() == fake.size(0), "top_k_scores",
        "needs one score per picture, got ", fake.value());
  check(k >= 1 && k <= fake.numel(), "top_k_scores", "k must lie in [1, ", fake.numel(), "], got ", k);
  return topk(reshape(fake, {fake.numel()}), k, 0).values;
}

std::int64_t top_k_at(std::int64_t epoch, std::int64_t batch, const TopKOptions& o) {
  check(epoch >= 0 && batch >= 1, "top_k_at", "needs an epoch from 0 on and a batch, got epoch ", epoch, " and batch ",
        batch);
  check(o.gamma > 0 && o.gamma <= 1 && o.nu > 0 && o.nu <= 1, "top_k_at", "gamma and nu must lie in (0, 1], got ",
        o.gamma, " and ", o.nu);
  const double part = std::max(std::pow(o.gamma, static_cast<double>(epoch)), o.nu);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(part * static_cast<double>(batch)));
}

Variable feature_matching_loss(const Variable& real, const Variable& fake, FeatureDistance distance) {
  check(real.defined() && fake.defined() && real.dim() >= 1 && fake.dim() >= 1, "feature_matching_loss",
        "needs features [N, ...] of real and of generated pictures, got ", real.value(), " and ", fake.value());
  const Variable on_real = mean(real, {0}), on_fake = mean(fake, {0});
  check(on_real.shape() == on_fake.shape(), "feature_matching_loss", "the features ", real.value(), " and ",
        fake.value(), " differ in more than the batch");
  const Variable apart = on_real - on_fake;
  return distance == FeatureDistance::squares ? sum(square(apart)) : mean(abs(apart));
}

}  // namespace duel
