// The adversarial game: PyTorch's training curve, resuming, threads, memory, and what stops it.
#include "duel/gan/games/adversarial.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "duel/gan/models/catalogue.h"
#include "duel/tensor/allocator.h"
#include "duel/tensor/exact_convolutions.h"
#include "duel/tensor/thread_pool.h"
#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Options = AdversarialGameOptions;

const ConditionalDcganOptions kSmall{
    .size = {12, 8}, .channels = 2, .classes = 3, .latent = 5, .width = 4, .stages = 2};

Options game_of(const ConditionalDcganOptions& model, const char* loss = "vanilla") {
  const CatalogueEntry networks = conditional_dcgan(model);
  return {.generator = networks.network("generator"),
          .discriminator = networks.network("discriminator"),
          .loss = adversarial_loss(loss)};
}

// Those of make_golden_nn.py.
Options small(const char* loss = "vanilla") {
  Options o = game_of(kSmall, loss);
  o.generator_optimizer.lr = 2e-3;
  o.discriminator_optimizer.lr = 5e-3;
  o.ema_decay = 0.75;
  o.ema_start = 2;
  return o;
}

DataLoader noise_pictures(const ConditionalDcganOptions& model = kSmall, std::int64_t batch_size = 8) {
  const Shape shape{40, model.channels, model.size.h, model.size.w};
  return DataLoader(
      TensorDataset(Rng(5).integers(shape, 256).to(DType::uint8), Rng(6).integers({40}, model.classes), model.classes),
      {.batch_size = batch_size, .seed = 8});
}

// New values for the parameters in `state` that are called `prefix` + name, from seeds in the order of the names.
template <class Module>
void set_weights(StateDict& state, const std::string& prefix, Module& module, std::uint64_t seed) {
  std::vector<std::string> names = parameter_names(module);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    Tensor& weight = state.at(prefix + name);
    weight.copy_((0.3 * Variable(numbers(weight.shape(), seed++))).value());
  }
}

// A game where PyTorch's started.
void start(AdversarialGame& game) {
  StateDict state = game.state();
  set_weights(state, "generator.", game.generator(), 1000);
  set_weights(state, "discriminator.", game.discriminator(), 2000);
  set_weights(state, "generator_ema.", game.generator(), 1000);
  state["rng"] = Tensor::from<std::int64_t>({9, 0}, {2});
  game.load_state(state);
}

StateDict copy_of(const StateDict& state) {
  StateDict copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

// The names of the tensors in which two states differ by as little as a bit.
std::vector<std::string> differing(const StateDict& a, const StateDict& b) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : a)
    if (!b.contains(name) || doubles(tensor) != doubles(b.at(name))) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("ten steps are PyTorch's ten steps") {
  const auto compare = [](const char* name, const Options& options) {
    CAPTURE(name);
    const Golden golden(cat("game ", name));
    AdversarialGame game(options);
    for (const auto& [which, module_names] : {std::pair("generator", parameter_names(game.generator())),
                                              std::pair("discriminator", parameter_names(game.discriminator()))}) {
      std::vector<std::string> names = module_names;
      std::sort(names.begin(), names.end());
      CHECK(names == golden.names(which));
    }
    start(game);
    DataLoader data = noise_pictures();
    const Tensor curve = golden.tensor("curve");
    for (std::int64_t step = 0; step < 10; ++step) {
      CAPTURE(step);
      Numbers l = game.step(data);
      CHECK(difference(Tensor::from<double>({l["d_loss"], l["g_loss"], l["d_real"], l["d_fake"], l["r1"]}, {5}),
                       curve.select(0, step)) <= tolerance::kGoldenTraining);
    }
    Rng rng(10);
    const Tensor pictures = game.sample(rng.normal({3, 5}), Tensor::from<std::int64_t>({0, 1, 2}, {3}));
    CHECK(golden.difference_of("sample", pictures) <= tolerance::kGoldenTraining);
  };
  compare("vanilla", small());
  Options with_r1 = small();
  with_r1.regularisers.r1_gamma = 2;
  with_r1.regularisers.r1_interval = 2;
  compare("r1", with_r1);
  Options hinge = small("hinge");
  hinge.d_steps = 2;
  compare("hinge", hinge);
  compare("relativistic", small("relativistic"));
}

TEST_CASE("ten steps with Winograd's convolutions follow those without") {
  const auto compare = [](const char* loss, double r1_gamma) {
    CAPTURE(loss);
    const ConditionalDcganOptions model{.width = 32};
    Options options = game_of(model, loss);
    options.regularisers.r1_gamma = r1_gamma;
    const auto curve = [&] {  // [step, loss]
      AdversarialGame game(options);
      DataLoader data = noise_pictures(model, 16);
      std::vector<double> losses;
      for (int i = 0; i < 10; ++i) {
        Numbers l = game.step(data);
        losses.insert(losses.end(), {l["d_loss"], l["g_loss"], l["d_real"], l["d_fake"], l["r1"]});
      }
      return Tensor::from(losses, {10, 5});
    };
    const Tensor fast = curve();
    const ExactConvolutions exact;
    const double apart = difference(fast, curve());
    CHECK(apart > 0);  // they were taken
    CHECK(apart <= tolerance::kWinogradTraining);
  };
  for (const char* loss : {"vanilla", "hinge"})
    for (double r1_gamma : {0, 1}) compare(loss, r1_gamma);
}

TEST_CASE("a game resumed is the game that was never interrupted, bit for bit") {
  Options options = small();
  options.regularisers.r1_gamma = 1;
  options.regularisers.r1_interval = 2;
  AdversarialGame straight(options);
  DataLoader data = noise_pictures();
  for (int i = 0; i < 3; ++i) straight.step(data);
  const StateDict saved = copy_of(straight.state());
  const DataLoader::Position position = data.position();

  options.seed = 99;
  AdversarialGame resumed(options);
  CHECK_FALSE(differing(resumed.state(), saved).empty());
  resumed.load_state(saved);
  DataLoader again = noise_pictures();
  again.restore(position);
  CHECK(resumed.steps() == 3);
  for (int i = 0; i < 3; ++i) {
    const Numbers a = straight.step(data), b = resumed.step(again);
    CHECK(a == b);
  }
  CHECK(differing(straight.state(), resumed.state()) == Names());
}

TEST_CASE("a state that does not fit is refused and changes nothing") {
  AdversarialGame game(small());
  const StateDict before = copy_of(game.state());
  StateDict state = before;
  state.erase("generator_optimizer.step");
  state["rng"] = Tensor::from<std::int64_t>({1, 2}, {2});
  CHECK(error_of([&] { game.load_state(state); }).find("missing     generator_optimizer.step") != std::string::npos);
  CHECK(differing(game.state(), before) == Names());
}

TEST_CASE("the seed decides everything") {
  Options options = small();
  AdversarialGame a(options), b(options);
  options.seed = 1;
  AdversarialGame c(options);
  DataLoader for_a = noise_pictures(), for_b = noise_pictures(), for_c = noise_pictures();
  CHECK(a.step(for_a) == b.step(for_b));
  CHECK(differing(a.state(), b.state()) == Names());
  CHECK(c.step(for_c)["d_loss"] != a.step(for_a)["d_loss"]);
}

TEST_CASE("the same bits for any number of threads") {
  const ConditionalDcganOptions model{.width = 16};
  Options options = game_of(model);
  options.regularisers.r1_gamma = 1;
  const auto train = [&](int threads) {
    set_num_threads(threads);
    AdversarialGame game(options);
    DataLoader data = noise_pictures(model, 20);
    game.step(data);
    game.step(data);
    return copy_of(game.state());
  };
  const int before = num_threads();
  const StateDict one = train(1);
  for (int threads : {2, 3}) {
    CAPTURE(threads);
    CHECK(differing(one, train(threads)) == Names());
  }
  set_num_threads(before);
}

TEST_CASE("each network's update leaves the other alone, and the average follows") {
  AdversarialGame game(small());
  DataLoader data = noise_pictures();
  const StateDict before = copy_of(game.state());
  game.step(data);
  const StateDict after = copy_of(game.state());
  CHECK(after.at("generator_optimizer.step").item() == 1);
  CHECK(after.at("discriminator_optimizer.step").item() == 1);
  CHECK(after.at("generator.norms.0.num_batches_tracked").item() == 2);  // in both updates
  CHECK(after.at("step").item() == 1);
  for (const std::string& name : parameter_names(game.generator()))
    CHECK(doubles(after.at("generator_ema." + name)) == doubles(after.at("generator." + name)));  // ema_start
  const Names changed = differing(before, after);
  for (const char* name : {"generator.ups.0.weight", "discriminator.downs.0.weight", "rng", "generator.project.weight"})
    CHECK(std::find(changed.begin(), changed.end(), name) != changed.end());
}

TEST_CASE("clipping keeps the critic's weights within the limit") {
  Options options = small("wgan");
  options.regularisers.clip = 0.01;
  AdversarialGame game(options);
  DataLoader data = noise_pictures();
  game.step(data);
  for (const Variable& p : parameters(game.discriminator()))
    for (const double w : doubles(p.value())) CHECK(std::abs(w) <= static_cast<double>(0.01f));
}

TEST_CASE("a step gives back all the memory it took") {
  Options options = small();
  options.regularisers.r1_gamma = 1;
  AdversarialGame game(options);
  DataLoader data = noise_pictures();
  game.step(data);
  for (int i = 0; i < 3; ++i) {
    const std::size_t live = memory_stats(Device::cpu).live;
    game.step(data);
    CHECK(memory_stats(Device::cpu).live == live);
  }
  Rng rng(1);
  const auto sample = [&] { game.sample(rng.normal({3, 5}), Tensor::from<std::int64_t>({0, 1, 2}, {3})); };
  sample();  // the first keeps the averaged weights as its kernels want them
  const std::size_t live = memory_stats(Device::cpu).live;
  sample();
  CHECK(memory_stats(Device::cpu).live == live);
}

TEST_CASE("a loss that is not finite stops the game before anything is updated with it") {
  const auto contains = [](const std::string& name, const char* part) { return name.find(part) != std::string::npos; };
  AdversarialGame game(small());
  DataLoader data = noise_pictures();
  game.step(data);
  game.state()["discriminator.psi.bias"].fill_(std::nan(""));
  const StateDict before = copy_of(game.state());
  const std::string message = error_of([&] { game.step(data); });
  CHECK(contains(message, "training: the discriminator's loss became"));
  CHECK(contains(message, "in its update 1; nothing was updated with it"));
  for (const std::string& name : differing(before, game.state())) {
    CAPTURE(name);  // what the forward passes move, and NaN, which differs from itself
    CHECK((name == "rng" || contains(name, ".running_") || contains(name, ".num_batches_tracked") ||
           name == "discriminator.psi.bias"));
  }
  CHECK(game.steps() == 1);

  Options explosive = small();
  explosive.discriminator_optimizer.lr = 1e38;
  AdversarialGame other(explosive);
  CHECK(contains(error_of([&] { other.step(data); }), "the generator's loss became"));
  StateDict state = other.state();
  CHECK(state["discriminator_optimizer.step"].item() == 1);
  CHECK(state["generator_optimizer.step"].item() == 0);
  AdversarialGame fresh(explosive);
  for (const std::string& name : parameter_names(other.generator()))
    CHECK(difference(state["generator." + name], fresh.state()["generator." + name]) == 0);
}

TEST_CASE("data without labels is all of one class") {
  ConditionalDcganOptions model = kSmall;
  model.classes = 1;
  const Options options = game_of(model);
  AdversarialGame game(options);
  const Tensor pictures = Rng(5).integers({20, 2, 12, 8}, 256).to(DType::uint8);
  DataLoader data(TensorDataset(pictures, {}), {.batch_size = 8, .seed = 1});
  CHECK(std::isfinite(game.step(data)["g_loss"]));
  AdversarialGame of_three(small());
  CHECK(error_of([&] { of_three.step(data); }).find("need data with labels") != std::string::npos);
}

TEST_CASE("data and options that do not fit are refused") {
  AdversarialGame game(small());
  ConditionalDcganOptions model = kSmall;
  model.size = {12, 12};
  DataLoader wide = noise_pictures(model);
  const std::string message = error_of([&] { game.step(wide); });
  CHECK(message.find("[2, 12, 12] of 3 classes") != std::string::npos);
  CHECK(message.find("do not fit networks for [2, 12, 8] and 3 classes") != std::string::npos);
  model = kSmall;
  model.classes = 4;
  DataLoader many = noise_pictures(model);
  CHECK_FALSE(error_of([&] { game.step(many); }).empty());
  CHECK(many.position() == DataLoader::Position());

  const auto error_with = [](auto change) {
    Options options = small();
    change(options);
    return error_of([&] { AdversarialGame refused(options); });
  };
  CHECK(error_with([](Options& o) { o.loss = kGanLoss; }).find("use 'vanilla'") != std::string::npos);
  CHECK(error_of([] { adversarial_loss("hing"); }).find("known: gan") != std::string::npos);
  CHECK(error_with([](Options& o) { o.loss = kWassersteinLoss; }).find("limit the discriminator's weights") !=
        std::string::npos);
  CHECK_FALSE(error_with([](Options& o) { o.regularisers.clip = -1; }).empty());
  CHECK_FALSE(error_with([](Options& o) { o.d_steps = 0; }).empty());
  CHECK_FALSE(error_with([](Options& o) { o.regularisers.r1_interval = 0; }).empty());
  CHECK_FALSE(error_with([](Options& o) { o.regularisers.r1_gamma = -1; }).empty());
  CHECK_FALSE(error_with([](Options& o) { o.regularisers.r1_gamma = std::nan(""); }).empty());
  CHECK_FALSE(error_with([](Options& o) { o.ema_decay = 2; }).empty());
  CHECK_FALSE(error_with([](Options& o) { o.generator_optimizer.lr = -1; }).empty());
}

TEST_CASE("the orders of updates: pictures that are shared give the gradients of pictures made twice") {
  AdversarialGame game(small());
  DataLoader data = noise_pictures();
  const AdversarialRound alone = game.discriminator_round(data);
  const auto gradients_of = [&](const AdversarialRound& round) {
    Variables all;
    for (const Variable& g :
         grad(generator_loss(game.options(), game.adversaries(), round).loss, parameters(game.generator())))
      all.push_back(g);
    for (const Variable& g : grad(discriminator_loss(game.options(), game.adversaries(), round, Penalty::with).loss,
                                  parameters(game.discriminator())))
      all.push_back(g);
    return all;
  };
  AdversarialRound shared = alone;
  Rng draws = alone.draws;
  shared.fake = game.generator()(alone.z, alone.labels, {.rng = &draws});
  const Variables once = gradients_of(shared), twice = gradients_of(alone);
  REQUIRE(once.size() == twice.size());
  for (std::size_t i = 0; i < once.size(); ++i) CHECK(difference(once[i].value(), twice[i].value()) == 0);
}

TEST_CASE("the orders of updates: who is first decides by which weights the other is judged") {
  std::map<UpdateOrder, Numbers> first;
  for (const UpdateOrder order : {UpdateOrder::separate, UpdateOrder::shared, UpdateOrder::generator_first}) {
    Options o = small();
    o.regularisers.r1_gamma = 0;
    o.order = order;
    AdversarialGame game(o);
    DataLoader data = noise_pictures();
    first[order] = game.step(data);
    for (int i = 0; i < 3; ++i) CHECK(std::isfinite(game.step(data)["g_loss"]));
  }
  // The discriminator is the first to learn, from the same pictures, in two of them; in the third it is not.
  CHECK(*first[UpdateOrder::shared].find("d_loss") == *first[UpdateOrder::separate].find("d_loss"));
  CHECK(*first[UpdateOrder::shared].find("d_loss") == *first[UpdateOrder::generator_first].find("d_loss"));
  CHECK(*first[UpdateOrder::shared].find("g_loss") != *first[UpdateOrder::generator_first].find("g_loss"));
  CHECK(*first[UpdateOrder::shared].find("g_loss") != *first[UpdateOrder::separate].find("g_loss"));

  Options refused = small();
  refused.order = UpdateOrder::shared;
  refused.d_steps = 2;
  CHECK(error_of([&] { AdversarialGame game(refused); }).find("share their pictures") != std::string::npos);
}

TEST_CASE("accumulated batches update once, with the mean of their gradients") {
  Options o = small();
  o.learning.accumulations = 3;
  AdversarialGame game(o);
  DataLoader data = noise_pictures();
  CHECK(game.batches_per_step() == 3 * o.d_steps);
  game.step(data);
  CHECK(game.state().at("generator_optimizer.step").item() == 1);
  CHECK(game.state().at("discriminator_optimizer.step").item() == static_cast<double>(o.d_steps));
  const DataLoader::Position position = data.position();
  CHECK(position.epoch * data.per_epoch() + position.index == 3 * o.d_steps);
}

TEST_CASE("adaptive switching: a step is one update of whose turn it is") {
  Options o = small();
  o.adaptive.discriminator = 1e-9;  // never good enough
  AdversarialGame stuck(o);
  DataLoader data = noise_pictures();
  for (int i = 0; i < 5; ++i) {
    const Numbers n = stuck.step(data);
    CHECK(n.contains("d_loss"));
    CHECK_FALSE(n.contains("g_loss"));
  }
  CHECK(stuck.state().at("generator_optimizer.step").item() == 0);
  o.adaptive.discriminator = 1e9;  // good enough at once
  AdversarialGame turns(o);
  for (int i = 0; i < 4; ++i) CHECK(turns.step(data).contains("d_loss") == (i % 2 == 0));
}

TEST_CASE("adaptive augmentation: the probability follows the scores, and is in the state") {
  Options o = small();
  o.regularisers.augment = "translation";
  o.ada = AdaptiveAugmentationOptions{.target = 0.0, .interval = 1, .images = 32, .start = 0.5};
  AdversarialGame game(o);
  DataLoader data = noise_pictures();
  std::set<double> seen;
  for (int i = 0; i < 6; ++i) seen.insert(game.step(data)["augmentation"]);
  CHECK(seen.size() > 1);
  CHECK(game.state().contains("ada.probability"));
  o.regularisers.augment.clear();
  CHECK(error_of([&] { AdversarialGame refused(o); }).find("something to adapt") != std::string::npos);
}
