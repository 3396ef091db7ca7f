// Games on pictures: translation, cycle, auto-encoding. What a step does, who learns in it, and that a state is all
// there is.
#include <doctest/doctest.h>

#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/gan/games/autoencoding.h"
#include "duel/gan/games/cycle.h"
#include "duel/gan/games/translation.h"
#include "duel/gan/models/catalogue.h"
#include "duel/nn/losses.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Pairs of pictures of noise, [channels, 16, 16] and [target_channels, 16, 16].
class NoisePairs : public Dataset {
 public:
  NoisePairs(std::int64_t channels, std::int64_t target_channels, std::int64_t side = 16)
      : pictures_(Rng(1).integers({24, channels, side, side}, 256).to(DType::uint8)),
        targets_(Rng(2).integers({24, std::max<std::int64_t>(1, target_channels), side, side}, 256).to(DType::uint8)),
        pairs_(target_channels > 0) {}
  std::int64_t size() const override { return pictures_.size(0); }
  Example read(std::int64_t i, Rng&) const override {
    return {pictures_.select(0, i), pairs_ ? targets_.select(0, i) : Tensor()};
  }
  std::string name(std::int64_t i) const override { return "pair " + std::to_string(i); }

 private:
  Tensor pictures_, targets_;
  bool pairs_;
};

DataLoader noise_pairs(std::int64_t channels, std::int64_t target_channels, std::int64_t batch_size = 4) {
  return {std::make_shared<NoisePairs>(channels, target_channels), {.batch_size = batch_size, .seed = 3}};
}

Blueprint small(const char* entry, const char* part, std::initializer_list<const char*> assignments) {
  CatalogueEntry networks = catalogue_entry(entry);
  for (const char* assignment : assignments) set_option(networks, std::string(part) + "." + assignment);
  return networks.network(part);
}

TranslationGameOptions pix2pix(std::int64_t in = 3, std::int64_t out = 3) {
  TranslationGameOptions o{.generator = small("pix2pix-unet_128", "generator", {"width=4", "halvings=4"}),
                           .discriminator = small("pix2pix-unet_128", "discriminator", {"width=4", "halvings=1"})};
  o.generator.set("in_channels", to_text(in));
  o.generator.set("out_channels", to_text(out));
  o.discriminator.set("in_channels", to_text(in + out));
  o.seed = 7;
  return o;
}

CycleGameOptions cyclegan() {
  const Blueprint generator = small("CycleGAN-resnet_6blocks", "generator", {"width=4", "blocks=1"}),
                  discriminator = small("CycleGAN-resnet_6blocks", "discriminator", {"width=4", "halvings=1"});
  CycleGameOptions o{.generator_a = generator,
                     .generator_b = generator,
                     .discriminator_a = discriminator,
                     .discriminator_b = discriminator};
  o.picture_a = o.picture_b = {3, 16, 16};
  o.pool = 6;
  o.seed = 7;
  return o;
}

AutoencodingGameOptions autoencoder(const char* entry) {
  AutoencodingGameOptions o{.autoencoder = small(entry, "autoencoder", {"size=16x16", "widths=12", "code=5"})};
  o.seed = 7;
  return o;
}

StateDict copy(const StateDict& state) {
  StateDict copied;
  for (const auto& [name, tensor] : state) copied[name] = tensor.clone();
  return copied;
}

bool same(const StateDict& a, const StateDict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || difference(tensor, b.at(name)) != 0) return false;
  return true;
}

// A run of six steps, and one that stops after the third and goes on in another game, end alike to the bit.
template <class G>
void check_resumes(const typename G::Options& options, const std::function<DataLoader()>& load) {
  DataLoader data = load(), again = load();
  G straight(options);
  for (int i = 0; i < 3; ++i) straight.step(data);
  const StateDict state = copy(straight.state());
  const DataLoader::Position position = data.position();
  G resumed(options);
  resumed.load_state(state);
  again.restore(position);
  CHECK(resumed.steps() == 3);
  for (int i = 0; i < 3; ++i) CHECK(straight.step(data) == resumed.step(again));
  CHECK(same(straight.state(), resumed.state()));
  Rng a(1), b(1);
  straight.prepare_snapshot(a, data);
  resumed.prepare_snapshot(b, again);
  CHECK(difference(straight.snapshot().to(DType::float32), resumed.snapshot().to(DType::float32)) == 0);
}

bool moved(const StateDict& before, const StateDict& after, const std::string& prefix) {
  for (const auto& [name, tensor] : before)
    if (name.starts_with(prefix) && difference(tensor, after.at(name)) != 0) return true;
  return false;
}

}  // namespace

TEST_CASE("games on pictures tell the scores of their last update") {
  CycleGame game(cyclegan());
  CHECK(game.distributions().empty());
  DataLoader data = noise_pairs(3, 3, 2);
  for (int step = 0; step < 2; ++step) {
    const Numbers numbers = game.step(data);
    std::vector<std::string> names;
    double by_hand = 0;  // least squares: real ones against 1, others against 0, each half
    for (const auto& [name, scores] : game.distributions()) {
      names.push_back(name);
      const double target = name.ends_with("real") ? 1 : 0;
      by_hand += 0.5 * mean(square(Variable(scores) - target)).item();
    }
    CHECK(names == std::vector<std::string>{"logits_a/real", "logits_a/fake", "logits_b/real", "logits_b/fake"});
    CHECK(*numbers.find("d_loss") == doctest::Approx(by_hand));
  }
}

TEST_CASE("games on pictures go on to the same bits") {
  check_resumes<TranslationGame>(pix2pix(), [] { return noise_pairs(3, 3); });
  TranslationGameOptions accumulating = pix2pix(1, 2);
  accumulating.learning = {.accumulations = 2, .clip_norm = 0.5};
  accumulating.order = UpdateOrder::generator_first;
  accumulating.colours = ColourSpace::lab;
  check_resumes<TranslationGame>(accumulating, [] { return noise_pairs(1, 2, 2); });
  check_resumes<CycleGame>(cyclegan(), [] { return noise_pairs(3, 3, 2); });
  for (const char* entry : {"autoencoder-variational", "autoencoder-denoising", "autoencoder-overcomplete"}) {
    AutoencodingGameOptions o = autoencoder(entry);
    o.sparsity = 0.1;
    check_resumes<AutoencodingGame>(o, [] { return noise_pairs(1, 0); });
  }
}

TEST_CASE("translation: the losses are pix2pix's") {
  TranslationGame game(pix2pix());
  const StateDict before = copy(game.state());
  DataLoader data = noise_pairs(3, 3), again = noise_pairs(3, 3);
  Numbers numbers = game.step(data);
  CHECK(numbers["g_loss"] == doctest::Approx(numbers["g_gan"] + numbers["g_pixel"]));
  CHECK(game.steps() == 1);
  CHECK(moved(before, game.state(), "generator."));
  CHECK(moved(before, game.state(), "discriminator."));

  // Without weight for the comparison, the rest stays.
  TranslationGameOptions o = pix2pix();
  o.pixel_weight = 0;
  TranslationGame unweighted(o);
  Numbers other = unweighted.step(again);
  CHECK(other["d_loss"] == numbers["d_loss"]);
  CHECK(other["g_pixel"] == 0);
}

TEST_CASE("translation and cycle: the first losses by hand, from the same weights") {
  for (const char* loss : {"vanilla", "lsgan"}) {
    const auto mean_of_both = [&](const Variable& real, const Variable& fake) {
      return std::string_view(loss) == "lsgan" ? 0.5 * (mse(real, 1) + mse(fake, 0)).item()
                                               : 0.5 * (bce_with_logits(real, 1) + bce_with_logits(fake, 0)).item();
    };
    DataLoader data = noise_pairs(3, 3), again = noise_pairs(3, 3);
    const Batch batch = again.next();
    TranslationGameOptions t = pix2pix();
    t.loss = adversarial_loss(loss);
    t.generator.set("dropout", "0");
    TranslationGame translation(t);
    Network G = clone(*translation.networks()[0].second), D = clone(*translation.networks()[1].second);
    const Variable a = batch.pictures, b = batch.targets, fake = G(a, {});
    Numbers n = translation.step(data);
    CHECK(n["g_pixel"] == doctest::Approx(100 * l1(fake, b).item()));
    CHECK(n["d_loss"] == doctest::Approx(mean_of_both(D(concat({a, b}, 1), {}), D(concat({a, fake}, 1), {}))));

    CycleGameOptions c = cyclegan();
    c.loss = adversarial_loss(loss);
    CycleGame cycle(c);
    DataLoader pairs = noise_pairs(3, 3), twin = noise_pairs(3, 3);
    const Batch first = twin.next();
    const auto networks = cycle.networks();
    Network to_b = clone(*networks[0].second), to_a = clone(*networks[1].second), judge_b = clone(*networks[2].second),
            judge_a = clone(*networks[3].second);
    const Variable x = first.pictures, y = first.targets;
    const Variable fake_b = to_b(x, {}), fake_a = to_a(y, {});
    Numbers m = cycle.step(pairs);
    CHECK(m["cycle_a"] == doctest::Approx(10 * l1(to_a(fake_b, {}), x).item()));
    CHECK(m["cycle_b"] == doctest::Approx(10 * l1(to_b(fake_a, {}), y).item()));
    CHECK(m["idt_a"] == doctest::Approx(5 * l1(to_b(y, {}), y).item()));
    CHECK(m["d_a"] == doctest::Approx(mean_of_both(judge_b(y, {}), judge_b(fake_b, {}))));
    CHECK(m["d_b"] == doctest::Approx(mean_of_both(judge_a(x, {}), judge_a(fake_a, {}))));
  }
}

TEST_CASE("translation and cycle: labels that are not 1 and 0, by hand") {
  // One score has no target but this, so nothing is random but whether a batch exchanges them.
  const TargetOptions smooth{.real_low = 0.8, .real_high = 0.8, .fake_low = 0.3, .fake_high = 0.3},
      exchanged{.real_low = 0.8, .real_high = 0.8, .fake_low = 0.3, .fake_high = 0.3, .flip = 1};
  for (const TargetOptions& targets : {smooth, exchanged}) {
    const double of_real = targets.flip == 1 ? 0.3 : 0.8, of_fake = targets.flip == 1 ? 0.8 : 0.3;
    DataLoader data = noise_pairs(3, 3), again = noise_pairs(3, 3), pairs = noise_pairs(3, 3);
    const Batch batch = again.next();
    const Variable a = batch.pictures, b = batch.targets;
    TranslationGameOptions t = pix2pix();
    t.generator.set("dropout", "0");
    t.targets = targets;
    TranslationGame translation(t);
    Network G = clone(*translation.networks()[0].second), D = clone(*translation.networks()[1].second);
    const Variable real = D(concat({a, b}, 1), {}), fake = D(concat({a, G(a, {})}, 1), {});
    Numbers n = translation.step(data);
    CHECK(n["d_loss"] ==
          doctest::Approx(0.5 * (bce_with_logits(real, of_real) + bce_with_logits(fake, of_fake)).item()));

    CycleGameOptions c = cyclegan();
    c.targets = targets;
    CycleGame cycle(c);
    const auto networks = cycle.networks();
    Network to_b = clone(*networks[0].second), judge_b = clone(*networks[2].second);
    Numbers m = cycle.step(pairs);
    CHECK(m["d_a"] ==
          doctest::Approx(0.5 * (mse(judge_b(b, {}), of_real) + mse(judge_b(to_b(a, {}), {}), of_fake)).item()));
  }
  TranslationGameOptions t = pix2pix();
  t.targets = {.real_low = 0.9, .real_high = 1, .fake_high = 0.1, .flip = 0.5};
  check_resumes<TranslationGame>(t, [] { return noise_pairs(3, 3); });
  CycleGameOptions c = cyclegan();
  c.targets = t.targets;
  check_resumes<CycleGame>(c, [] { return noise_pairs(3, 3, 2); });
  t.loss = kHingeLoss;
  CHECK(error_of([&] { TranslationGame refused(t); }).find("leave out soft, smoothed and noisy") != std::string::npos);
  c.loss = kHingeLoss;
  CHECK(error_of([&] { CycleGame refused(c); }).find("leave out soft, smoothed and noisy") != std::string::npos);
}

TEST_CASE("translation: after pretraining, adaptive switching makes steps of one side") {
  TranslationGameOptions o = pix2pix();
  o.pretrain_generator = 1;
  o.pretrain_discriminator = 1;
  o.adaptive.discriminator = 0.65;  // fastai's lesson
  o.discriminator_optimizer.lr = 5e-3;
  TranslationGame game(o);
  DataLoader data = noise_pairs(3, 3);
  std::string turns;
  double smoothed = 0;
  int learned = 0;
  Turn expected = Turn::discriminator;
  for (int step = 0; step < 40; ++step) {
    CAPTURE(step);
    Numbers numbers = game.step(data);
    CHECK(game.state().at("generator_optimizer.step").item() + game.state().at("discriminator_optimizer.step").item() ==
          step + 1);
    if (step < 2) continue;  // each alone
    const bool judges = numbers.contains("d_loss");
    CHECK(judges != numbers.contains("g_loss"));
    CHECK(judges == (expected == Turn::discriminator));
    turns += judges ? 'D' : 'G';
    if (judges) {
      smoothed = 0.98 * smoothed + 0.02 * numbers["d_loss"];
      ++learned;
      if (smoothed / (1 - std::pow(0.98, learned)) < 0.65) expected = Turn::generator;
    } else {
      expected = Turn::discriminator;
    }
  }
  CHECK(turns.find("DD") != std::string::npos);
  CHECK(turns.find("DG") != std::string::npos);
  CHECK(game.batches_until(40) == 40);
  check_resumes<TranslationGame>(o, [] { return noise_pairs(3, 3); });
}

TEST_CASE("translation: pretraining trains one side alone") {
  TranslationGameOptions o = pix2pix();
  o.pretrain_generator = 2;
  o.pretrain_discriminator = 1;
  o.judged = Judged::picture;
  o.discriminator.set("in_channels", "3");
  TranslationGame game(o);
  DataLoader data = noise_pairs(3, 3);
  for (int step = 0; step < 4; ++step) {
    const StateDict before = copy(game.state());
    Numbers numbers = game.step(data);
    std::string generator = "generator.model", discriminator = "discriminator.model";
    bool g = false, d = false;
    for (const auto& [name, p] : named_parameters(*game.networks()[0].second))
      g = g || difference(before.at("generator." + name), p.value()) != 0;
    for (const auto& [name, p] : named_parameters(*game.networks()[1].second))
      d = d || difference(before.at("discriminator." + name), p.value()) != 0;
    CHECK(g == (step < 2 || step == 3));
    CHECK(d == (step >= 2));
    CHECK(numbers.contains("g_pixel") == g);
    CHECK(numbers.contains("g_loss") == (step == 3));  // what else would jump when the comparison is no longer all
    CHECK(numbers.contains("d_loss") == d);
  }
}

TEST_CASE("cycle: losses by the original's names add up, and pools fill") {
  CycleGame game(cyclegan());
  DataLoader data = noise_pairs(3, 3, 2);
  for (int step = 0; step < 4; ++step) {
    Numbers n = game.step(data);
    CHECK(n["g_loss"] == doctest::Approx(n["g_a"] + n["g_b"] + n["cycle_a"] + n["cycle_b"] + n["idt_a"] + n["idt_b"]));
    CHECK(n["d_loss"] == doctest::Approx(n["d_a"] + n["d_b"]));
    CHECK(game.state().at("pool_a.count").item() == std::min(6, 2 * (step + 1)));
  }
  Rng draws(1);
  game.prepare_snapshot(draws, data);
  CHECK(game.snapshot().shape() == Shape{3, 8 * 18 + 2, 6 * 18 + 2});
}

TEST_CASE("auto-encoding: a variational loss has its divergence, and beta weighs it") {
  DataLoader data = noise_pairs(1, 0), again = noise_pairs(1, 0);
  AutoencodingGameOptions o = autoencoder("autoencoder-variational");
  AutoencodingGame one(o);
  CHECK(one.is_variational());
  CHECK(one.code() == 5);
  o.beta = 3;
  AutoencodingGame three(o);
  Numbers a = one.step(data), b = three.step(again);
  CHECK(a["loss"] == doctest::Approx(a["reconstruction"] + a["kl"]));
  CHECK(b["reconstruction"] == a["reconstruction"]);
  CHECK(b["loss"] == doctest::Approx(a["reconstruction"] + 3 * a["kl"]));
  CHECK(one.decode(Rng(1).normal({3, 5})).shape() == Shape{3, 1, 16, 16});
  CHECK_FALSE(AutoencodingGame(autoencoder("autoencoder-undercomplete")).is_variational());
}

TEST_CASE("auto-encoding: probabilities of pixels learn from pictures in [0, 1]") {
  AutoencodingGameOptions o = autoencoder("autoencoder-variational");
  o.autoencoder.set("pixels", "bernoulli");
  AutoencodingGame game(o);
  DataLoader data = noise_pairs(1, 0);
  double first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    const double loss = game.step(data)["reconstruction"];
    (step == 0 ? first : last) = loss;
  }
  CHECK(first > 150);  // 256 pixels, log 2 each
  CHECK(last < first);
  const Tensor drawn = game.decode(Rng(1).normal({4, 5}));
  for (const float x : drawn.to_vector<float>()) CHECK(std::abs(x) <= 1);
}

TEST_CASE("games on pictures refuse what does not fit") {
  TranslationGame game(pix2pix());
  DataLoader single = noise_pairs(3, 0), grey = noise_pairs(1, 3);
  CHECK(error_of([&] { game.step(single); }).find("single pictures") != std::string::npos);
  CHECK(error_of([&] { game.step(grey); }).find("have 1 channels, the generator takes 3") != std::string::npos);
  CHECK(error_of([] {
          TranslationGameOptions o = pix2pix();
          o.loss = kRelativisticLoss;
          TranslationGame refused(o);
        }).find("does not; take another") != std::string::npos);
  CHECK(error_of([] {
          TranslationGameOptions o = pix2pix();
          o.discriminator.set("in_channels", "3");
          TranslationGame refused(o);
          DataLoader data = noise_pairs(3, 3);
          refused.step(data);
        }).find("takes 3 channels, and is to be shown 6") != std::string::npos);
  CycleGame cycle(cyclegan());
  CHECK(error_of([&] { cycle.step(single); }).find("one domain") != std::string::npos);
  CHECK(error_of([] {
          CycleGameOptions o = cyclegan();
          o.picture_b = {1, 16, 16};
          CycleGame refused(o);
        }).find("identity loss needs") != std::string::npos);
  AutoencodingGame encoder(autoencoder("autoencoder-variational"));
  CHECK(error_of([&] { encoder.step(single); }).find("do not fit") != std::string::npos);
  CHECK(error_of([] { AutoencodingGame refused({.autoencoder = pix2pix().generator}); }).find("no auto-encoder") !=
        std::string::npos);
}
