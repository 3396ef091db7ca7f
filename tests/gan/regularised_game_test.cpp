// The adversarial game with each regulariser, head and set of labels: what its losses are made of, that they reach the
// networks, and that a run with them resumes to the same bits.
#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/gan/games/adversarial.h"
#include "duel/gan/models/catalogue.h"
#include "tests/gan/network_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Options = AdversarialGameOptions;

Options small(const char* loss = "vanilla") {
  const CatalogueEntry networks =
      conditional_dcgan({.size = {8, 8}, .channels = 1, .classes = 3, .latent = 4, .width = 4, .stages = 1});
  return {.generator = networks.network("generator"),
          .discriminator = networks.network("discriminator"),
          .loss = adversarial_loss(loss)};
}

Options of(const char* name, std::initializer_list<const char*> assignments, const char* loss) {
  CatalogueEntry networks = catalogue_entry(name);
  for (const char* assignment : assignments) set_option(networks, assignment);
  return {.generator = networks.network("generator"),
          .discriminator = networks.network("discriminator"),
          .loss = adversarial_loss(loss)};
}

DataLoader noise_pictures(const Options& o) {
  Rng rng(1);
  const NetworkInput input = o.discriminator.make(rng).input();
  const Shape& s = input.shape;
  return DataLoader(
      TensorDataset(Rng(5).integers({24, s[0], s[1], s[2]}, 256).to(DType::uint8), Rng(6).integers({24}, 3), 3),
      {.batch_size = 8, .seed = 7});
}

double total(const LossTerms& terms) {
  double sum = 0;
  for (const LossTerm& term : terms) sum += term.interval * term.value.item();
  return sum;
}

const LossTerm* find(const LossTerms& terms, std::string_view name) {
  for (const LossTerm& term : terms)
    if (name == term.name) return &term;
  return nullptr;
}

struct Case {
  const char* term;
  double RegulariserOptions::*weight;
};

const Case kDiscriminator[] = {{"gradient_penalty", &RegulariserOptions::gradient_penalty},
                               {"max_gradient_penalty", &RegulariserOptions::max_gradient_penalty},
                               {"dragan", &RegulariserOptions::dragan},
                               {"r1", &RegulariserOptions::r1_gamma},
                               {"r2", &RegulariserOptions::r2_gamma},
                               {"orthogonality", &RegulariserOptions::discriminator_orthogonality},
                               {"lecam", &RegulariserOptions::lecam},
                               {"consistency", &RegulariserOptions::consistency},
                               {"balanced_consistency", &RegulariserOptions::balanced_real},
                               {"balanced_consistency", &RegulariserOptions::balanced_fake},
                               {"latent_consistency", &RegulariserOptions::latent_discriminator}};
const Case kGenerator[] = {{"orthogonality", &RegulariserOptions::generator_orthogonality},
                           {"latent_consistency", &RegulariserOptions::latent_generator}};

StateDict copy_of(const StateDict& state) {
  StateDict copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

bool same(const StateDict& a, const StateDict& b) {
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || doubles(tensor) != doubles(b.at(name))) return false;
  return a.size() == b.size();
}

void check_resume(const Options& o) {
  AdversarialGame straight(o), resumed(o);
  DataLoader data = noise_pictures(o), again = noise_pictures(o);
  straight.step(data);
  straight.step(data);
  const StateDict saved = copy_of(straight.state());
  again.restore(data.position());
  resumed.load_state(saved);
  const Numbers a = straight.step(data), b = resumed.step(again);
  CHECK(a == b);
  CHECK(same(straight.state(), resumed.state()));
}

}  // namespace

TEST_CASE("each regulariser of the discriminator is one term, in proportion to its weight, and reaches its weights") {
  for (const Case& c : kDiscriminator) {
    CAPTURE(std::string(c.term));
    Options o = small();
    o.regularisers.*c.weight = 2;
    AdversarialGame game(o);
    DataLoader data = noise_pictures(o);
    const AdversarialRound round = game.discriminator_round(data);
    const auto loss = [&] { return discriminator_loss(o, game.adversaries(), round, Penalty::with); };
    const DiscriminatorLoss twice = loss();
    REQUIRE(twice.terms.size() == 1);
    REQUIRE(find(twice.terms, c.term));
    const double adversarial = o.loss.discriminator(twice.real, twice.fake).item();
    CHECK(twice.loss.item() == doctest::Approx(adversarial + total(twice.terms)));
    const double value = find(twice.terms, c.term)->value.item();
    CHECK(value > 0);

    const Variable gradient = grad(find(twice.terms, c.term)->value, {parameters(game.discriminator())[0]})[0];
    CHECK(amax(abs(flatten(gradient, 0)), {0}).item() > 0);
    o.regularisers.*c.weight = 6;
    CHECK(find(loss().terms, c.term)->value.item() == doctest::Approx(3 * value).epsilon(1e-4));
    o.regularisers.*c.weight = 0;
    CHECK(loss().terms.empty());
  }
}

TEST_CASE("those of the generator too") {
  for (const Case& c : kGenerator) {
    CAPTURE(std::string(c.term));
    Options o = small();
    o.regularisers.*c.weight = 2;
    AdversarialGame game(o);
    DataLoader data = noise_pictures(o);
    const AdversarialRound round = game.generator_round(game.discriminator_round(data));
    const GeneratorLoss twice = generator_loss(o, game.adversaries(), round);
    REQUIRE(twice.terms.size() == 1);
    const double value = find(twice.terms, c.term)->value.item();
    CHECK(value != 0);
    const Variable gradient =
        norm(flatten(grad(find(twice.terms, c.term)->value, {parameters(game.generator())[0]})[0], 0), {0});
    CHECK(gradient.item() > 0);
    o.regularisers.*c.weight = 6;
    CHECK(find(generator_loss(o, game.adversaries(), round).terms, c.term)->value.item() ==
          doctest::Approx(3 * value).epsilon(1e-4));
  }
}

TEST_CASE("two looks at one round see the same augmentations, labels and points") {
  Options o = small();
  o.regularisers.augment = "color,translation,cutout";
  o.regularisers.gradient_penalty = 10;
  o.regularisers.targets = kSoftTargets;
  AdversarialGame game(o);
  DataLoader data = noise_pictures(o);
  const AdversarialRound round = game.discriminator_round(data);
  const auto loss = [&](const AdversarialRound& r) {
    return discriminator_loss(o, game.adversaries(), r, Penalty::with).loss.item();
  };
  const double first = loss(round);
  CHECK(loss(round) == first);
  AdversarialRound other = round;
  other.draws = Rng(77);
  CHECK(loss(other) != first);
  const double augmented = first;
  o.regularisers.augment = "";
  CHECK(loss(round) != augmented);
}

TEST_CASE("augmentations are as likely as they are told to be") {
  const auto first_loss = [](const char* augment, double probability) {
    Options o = small();
    o.regularisers.augment = augment;
    o.regularisers.augment_probability = probability;
    AdversarialGame game(o);
    DataLoader data = noise_pictures(o);
    return game.step(data)["d_loss"];
  };
  const double plain = first_loss("", 1);
  CHECK(first_loss("color,translation,cutout", 0) == doctest::Approx(plain).epsilon(1e-6));
  const double always = first_loss("color,translation,cutout", 1), often = first_loss("color,translation,cutout", 0.5);
  CHECK(std::abs(always - plain) > 1e-4);
  CHECK(std::abs(often - plain) > 1e-4);
  CHECK(often != always);
}

TEST_CASE("a game with everything at once resumes to the same bits") {
  Options o = small();
  RegulariserOptions& r = o.regularisers;
  for (const Case& c : kDiscriminator) r.*c.weight = 0.1;
  for (const Case& c : kGenerator) r.*c.weight = 0.1;
  r.r1_interval = 2;
  r.lazy_betas = true;
  r.augment = "color,translation,cutout";
  r.targets = {.real_low = 0.8, .real_high = 1, .fake_high = 0.1, .flip = 0.5};
  r.top_k = 0.5;
  r.clip = 0.5;
  o.ema_buffers = EmaBuffers::average;
  check_resume(o);
}

TEST_CASE("heads bring their losses: classes, rotations, local and global features") {
  for (const auto& [name, term] : {std::pair("StudioGAN-ReACGAN-C10", "class"),
                                   {"StudioGAN-ContraGAN-C10", "class"},
                                   {"StudioGAN-MHGAN-C10", "class"},
                                   {"StudioGAN-ACGAN-Big-TAC-C10", "class"},
                                   {"StudioGAN-ACGAN-Big-ADC-C10", "class"},
                                   {"mimicry-SSGAN-32", "rotation"},
                                   {"mimicry-InfoMax-32", "infomax"}}) {
    CAPTURE(std::string(name));
    const bool studio = std::string_view(name).starts_with("StudioGAN");
    const Options o = studio ? of(name,
                                  {"width=2", "classes=3", "latent=8", "shared=4", "discriminator.embedding=6",
                                   "attention=0", "generator.embedding=shared"},
                                  "hinge")
                             : of(name, {"width=4", "latent=4"}, "hinge");
    AdversarialGame game(o);
    DataLoader data = noise_pictures(o);
    const AdversarialRound round = game.discriminator_round(data);
    const DiscriminatorLoss d = discriminator_loss(o, game.adversaries(), round, Penalty::with);
    REQUIRE(find(d.terms, term));
    CHECK(std::isfinite(d.loss.item()));
    const bool instead = std::string_view(name) == "StudioGAN-MHGAN-C10";
    const double adversarial = instead ? 0 : adversarial_loss("hinge").discriminator(d.real, d.fake).item();
    CHECK(d.loss.item() == doctest::Approx(adversarial + total(d.terms)));
    const GeneratorLoss g = generator_loss(o, game.adversaries(), game.generator_round(round));
    REQUIRE(find(g.terms, term));
    CHECK(game.step(data).contains(term));
    check_resume(o);
  }
}

TEST_CASE("networks of every kind play: batch norms, probabilities, relativistic pairs, no classes") {
  const Options games[] = {
      of("DCGAN-32", {"width=4", "latent=5"}, "vanilla"),
      of("DCGAN-32", {"width=4", "latent=5"}, "gan"),
      of("tutorial-CGAN", {"size=8x8", "latent=5", "classes=3"}, "lsgan"),
      of("mimicry-cGAN-PD-32", {"width=4", "latent=4", "classes=3"}, "hinge"),
      of("R3GAN-CIFAR10", {"widths=8,8", "group_width=8", "latent=4", "classes=3"}, "relativistic"),
      of("ganzo-fc", {"size=8", "latent=4", "layers=2", "dropout=0.3"}, "vanilla"),
  };
  for (const Options& o : games) {
    CAPTURE(o.loss.name);
    check_resume(o);
  }
}

TEST_CASE("what does not go together is refused") {
  const auto refused = [](auto change) {
    Options o = small();
    change(o);
    return error_of([&] { AdversarialGame game(o); });
  };
  CHECK(refused([](Options& o) { o.loss = kGanLoss; }).find("use 'vanilla'") != std::string::npos);
  CHECK(refused([](Options& o) { o.loss = kWassersteinLoss; }).find("gradient_penalty") != std::string::npos);
  CHECK(refused([](Options& o) {
          o.loss = kWassersteinLoss;
          o.regularisers.gradient_penalty = 10;
        }) == "");
  CHECK_FALSE(refused([](Options& o) { o.regularisers.augment = "colour"; }).empty());
  CHECK_FALSE(refused([](Options& o) { o.regularisers.top_k = 0; }).empty());
  CHECK_FALSE(refused([](Options& o) { o.regularisers.lecam = std::nan(""); }).empty());
  CHECK(refused([](Options& o) {
          o.loss = kRelativisticLoss;
          o.regularisers.top_k = 0.5;
        }).find("leave out") != std::string::npos);
}

TEST_CASE("feature matching: the generator's loss has the distance of the mean features, by hand") {
  for (const FeatureDistance distance : {FeatureDistance::squares, FeatureDistance::mean_absolute}) {
    Options o = of("mimicry-cGAN-PD-32", {"width=4", "latent=4", "classes=3"}, "hinge");
    o.regularisers.feature_matching = 3;
    o.regularisers.feature_distance = distance;
    AdversarialGame game(o);
    DataLoader data = noise_pictures(o);
    const AdversarialRound last = game.discriminator_round(data), round = game.generator_round(last);
    CHECK(difference(round.real, last.real) == 0);  // it sees real pictures, of the same classes
    CHECK(difference(round.labels, last.labels) == 0);
    Network G = clone(game.generator()), D = clone(game.discriminator());
    const GeneratorLoss g = generator_loss(o, game.adversaries(), round);
    REQUIRE(g.terms.size() == 1);
    REQUIRE(find(g.terms, "feature_matching"));

    const auto mean_features = [&](const Variable& pictures) {
      const Variable f = D.judge(pictures, round.labels, PictureOrigin::real).classes.features;
      return doubles(mean(f, {0}).value());
    };
    const std::vector<double> real = mean_features(round.real), fake = mean_features(G(round.z, round.labels));
    double squares = 0, absolute = 0;
    for (std::size_t i = 0; i < real.size(); ++i) {
      squares += (real[i] - fake[i]) * (real[i] - fake[i]);
      absolute += std::abs(real[i] - fake[i]) / static_cast<double>(real.size());
    }
    const double expected = 3 * (distance == FeatureDistance::squares ? squares : absolute);
    CHECK(expected > 0);
    CHECK(g.terms[0].value.item() == doctest::Approx(expected).epsilon(1e-4));
    o.regularisers.feature_matching = 0;
    const GeneratorLoss without = generator_loss(o, game.adversaries(), round);
    CHECK(without.terms.empty());
    const Variable gradient = norm(flatten(grad(g.terms[0].value, {parameters(game.generator())[0]})[0], 0), {0});
    CHECK(gradient.item() > 0);
    o.regularisers.feature_matching = 3;
    check_resume(o);
  }
  // Multi-hinge has no adversarial loss beside it (MHGAN).
  Options o = of("StudioGAN-MHGAN-C10",
                 {"width=2", "classes=3", "latent=8", "shared=4", "discriminator.embedding=6", "attention=0",
                  "generator.embedding=shared"},
                 "hinge");
  o.regularisers.feature_matching = 1;
  o.regularisers.feature_distance = FeatureDistance::mean_absolute;
  check_resume(o);

  Options without_features = small();
  without_features.regularisers.feature_matching = 1;
  CHECK(error_of([&] { AdversarialGame game(without_features); }).find("this discriminator gives scores alone") !=
        std::string::npos);
}
