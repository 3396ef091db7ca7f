// Weights of other systems: their checkpoints (make_foreign_weights.py) give the same pictures and scores; spectral
// norms, colours and names are translated; what does not fit is refused with a table.
#include "duel/gan/foreign_weights.h"

#include "duel/gan/foreign_spectral_norm.h"
#include "duel/gan/models/biggan.h"
#include "duel/gan/models/biggan_deep.h"
#include "duel/gan/models/cyclegan_generator.h"
#include "duel/gan/models/dcgan.h"
#include "duel/gan/models/patch_discriminator.h"
#include "duel/gan/models/r3gan.h"
#include "duel/gan/models/resnet_encoder.h"
#include "duel/gan/models/sngan.h"
#include "duel/nn/weights.h"
#include "tests/gan/residual_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr SpectralNormOptions kTorch{.variant = SpectralNormVariant::torch};
constexpr SpectralNormOptions kAjbrock{.variant = SpectralNormVariant::ajbrock};
constexpr SpectralNormOptions kMimicry{.variant = SpectralNormVariant::mimicry};
constexpr SpectralNormOptions kPlain{.variant = SpectralNormVariant::none};
constexpr DcganOptions kFastai{.size = 16, .latent = 5, .width = 2, .extra_layers = 1, .layout = DcganLayout::fastai};

BigganGeneratorOptions small_biggan() {
  return {.resolution = 32, .width = 2, .classes = 3, .latent = 5, .attention = "16", .init = WeightInit::normal_002};
}
BigganGeneratorOptions small_hierarchical() {
  BigganGeneratorOptions o = small_biggan();
  o.latent = 8;
  o.embedding = ClassEmbedding::shared;
  o.shared = 4;
  o.latent_use = LatentUse::hierarchical;
  return o;
}
BigganDiscriminatorOptions biggan_discriminator(std::int64_t width, const SpectralNormOptions& spectral) {
  return {.resolution = 32,
          .width = width,
          .classes = 3,
          .attention = "0",
          .init = WeightInit::normal_002,
          .spectral = spectral};
}
SnganDiscriminatorOptions critic(const SpectralNormOptions& spectral) { return {.width = 4, .spectral = spectral}; }

StateDict read(const std::string& name) { return read_weights(DUEL_SOURCE_DIR "/tests/golden/foreign/" + name); }

Tensor y_labels() { return int_labels({2, 0}); }

/// The network's answer in evaluation, in float64, to the numbers that PyTorch's was given.
template <class Network, class... Labels>
Tensor answer(Network network, const Shape& shape, const Labels&... labels) {
  to(network, DType::float64);
  return network(numbers(shape, 100), labels..., kEvaluation).value();
}

/// How far the network's answer with the weights is from PyTorch's.
template <class Network, class... Labels>
double difference_of(const std::string& name, const typename Network::Options& o, const StateDict& weights,
                     const Shape& shape, const Labels&... labels) {
  auto network = made<Network>(o);
  load_weights(network, weights, {.what = name});
  return Golden(name, "foreign_weights.json").difference_of("y", sample(answer(network, shape, labels...)));
}

template <class Network>
StateDict state_of(Network network) {
  return state_dict(network);
}

/// All names of one state that have `from` in them, with `to` there instead.
StateDict renamed(const StateDict& state, const std::string& from, const std::string& to) {
  StateDict result;
  for (const auto& [old, tensor] : state) {
    std::string name = old;
    if (const std::size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
    result[name] = tensor;
  }
  return result;
}

StateDict prefixed(const std::string& prefix, const StateDict& state) {
  StateDict result;
  for (const auto& [name, tensor] : state) result[prefix + name] = tensor;
  return result;
}

void check_same(const StateDict& a, const StateDict& b) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, tensor] : a) {
    CAPTURE(name);
    REQUIRE(b.contains(name));
    CHECK(difference(tensor, b.at(name)) == 0);
  }
}

/// Trained for some steps without changing weights: spectral norms and statistics follow them.
template <class Network, class... Labels>
Network settled(const typename Network::Options& o, const Shape& shape, const Labels&... labels) {
  auto network = made<Network>(o);
  set_state(network);
  for (std::uint64_t i = 0; i < 60; ++i) network(numbers(shape, 50 + i), labels..., Pass{});
  return network;
}

}  // namespace

TEST_CASE("each system's checkpoint is recognised, and gives the answers that PyTorch's network gave") {
  const auto& y = y_labels();
  const auto expect = [](const RecognisedWeights& r, const std::string& system, std::vector<std::string> parts) {
    CHECK(r.system == system);
    std::vector<std::string> found;
    for (const auto& [name, part] : r.parts) found.push_back(name);
    CHECK(found == parts);
  };
  expect(recognise_weights(read("biggan_pytorch.pth")), "BigGAN-PyTorch", {""});
  CHECK(difference_of<BigganGenerator>("biggan_pytorch", small_biggan(), read("biggan_pytorch.pth"), {2, 5}, y) <
        tolerance::kGoldenSingle);
  expect(recognise_weights(read("cyclegan.pth")), "CycleGAN", {""});
  CHECK(difference_of<CycleganGenerator>("cyclegan", {.width = 2, .blocks = 1}, read("cyclegan.pth"), {1, 3, 16, 16}) <
        tolerance::kGoldenSingle);
  expect(recognise_weights(read("mimicry.pth")), "mimicry", {""});
  CHECK(difference_of<SnganDiscriminator>("mimicry", critic(kMimicry), read("mimicry.pth"), {2, 3, 32, 32}, Tensor()) <
        tolerance::kGoldenSingle);
  expect(recognise_weights(read("studiogan.pth")), "StudioGAN", {""});
  const BigganDiscriminatorOptions studiogan{.system = BigganSystem::studiogan,
                                             .resolution = 32,
                                             .width = 4,
                                             .classes = 3,
                                             .attention = "1",
                                             .shortcut_input = ShortcutInput::activated,
                                             .spectral = kTorch};
  CHECK(difference_of<BigganDiscriminator>("studiogan", studiogan, read("studiogan.pth"), {2, 3, 32, 32}, y) <
        tolerance::kGoldenSingle);
  expect(recognise_weights(read("r3gan.pth")), "R3GAN", {""});
  CHECK(difference_of<R3ganDiscriminator>("r3gan", {.widths = {4, 4}, .group_width = 2, .classes = 3},
                                          read("r3gan.pth"), {2, 3, 8, 8}, y) < tolerance::kGoldenSingle);
  const RecognisedWeights fastai = recognise_weights(read("fastai.pth"));
  expect(fastai, "fastai", {"discriminator", "generator"});
  CHECK(difference_of<DcganGenerator>("fastai generator", kFastai, fastai.parts.at("generator"), {3, 5}) <
        tolerance::kGoldenSingle);
  CHECK(difference_of<DcganDiscriminator>("fastai critic", kFastai, fastai.parts.at("discriminator"), {2, 3, 16, 16}) <
        tolerance::kGoldenSingle);
  CHECK(recognise_weights({{"weight", Tensor::zeros({2})}}).system == "");
}

TEST_CASE("torchvision's ResNet loads into the list of its layers, without classes") {
  const StateDict weights = read("torchvision.pth");
  CHECK(recognise_weights(weights).system == "torchvision");
  Rng rng(1);
  Sequential encoder = resnet_encoder(rng, {.width = 2, .blocks = {1, 2}});
  load_weights(encoder, weights);
  const Golden golden("torchvision", "foreign_weights.json");
  CHECK(golden.difference_of("y", sample(answer(encoder, {2, 3, 32, 32}))) < tolerance::kGoldenSingle);
  CHECK(state_dict(encoder).at("4.0.bn1.num_batches_tracked").item() == 0);
}

TEST_CASE("MMGeneration's BigGAN loads into BigGAN-PyTorch's, with any spectral norm, and BGR becomes RGB") {
  const RecognisedWeights file = recognise_weights(read("mmgeneration.pth"));
  CHECK(file.system == "MMGeneration");
  REQUIRE(file.parts.size() == 3);
  const Tensor y = y_labels();
  const FitOptions bgr{.colours = ColourOrder::bgr, .what = "mmgeneration.pth"};
  for (const SpectralNormOptions& spectral : {kTorch, kAjbrock, kMimicry, kPlain}) {
    CAPTURE(name_of(spectral.variant));
    for (const char* part : {"generator", "generator_ema"}) {
      BigganGeneratorOptions o = small_hierarchical();
      o.spectral = spectral;
      for (const BigganStatistics statistics :
           {BigganStatistics::torch, BigganStatistics::own, BigganStatistics::cross_replica}) {
        o.statistics = statistics;
        auto g = made<BigganGenerator>(o);
        load_weights(g, file.parts.at(part), bgr);
        const Golden golden(cat("mmgeneration ", part), "foreign_weights.json");
        CHECK(golden.difference_of("y", sample(answer(g, {2, 8}, y))) < tolerance::kGoldenSingle);
      }
    }
    auto d = made<BigganDiscriminator>(biggan_discriminator(1, spectral));
    load_weights(d, file.parts.at("discriminator"), bgr);
    const Golden golden("mmgeneration discriminator", "foreign_weights.json");
    CHECK(golden.difference_of("y", sample(answer(d, {2, 3, 32, 32}, y))) < tolerance::kGoldenSingle);
  }
  auto g = made<BigganGenerator>(small_hierarchical());
  const std::string error = error_of([&] { load_weights(g, read("mmgeneration.pth"), {.what = "the file"}); });
  CHECK(error ==
        "fit_weights: the file holds several networks: discriminator, generator, generator_ema; choose one of "
        "its parts");
}

TEST_CASE("MMGeneration's names of BigGAN-deep, and of discriminators with attention among the blocks") {
  // Its names, as its modules spell them, from ours.
  const auto mmgen = [](StateDict state, const std::vector<std::string>& blocks, bool generator) {
    std::size_t place = 0;
    for (const std::string& block : blocks) state = renamed(state, block + ".", cat("conv_blocks.", place++, "."));
    for (const char* conv : {"conv1", "conv2", "conv3", "conv4", "theta", "phi", "g", "o", "input_conv"})
      state = renamed(state, cat(conv, ".weight"), cat(conv, ".conv.weight"));
    for (const char* conv : {"conv1", "conv2", "conv3", "conv4", "input_conv"})
      state = renamed(state, cat(conv, ".bias"), cat(conv, ".conv.bias"));
    for (const char* kind : {"u0", "sv0"})
      for (const char* conv : {"conv1", "conv2", "conv3", "conv4", "theta", "phi", ".g", ".o", "input_conv"})
        state = renamed(state, cat(conv, ".", kind), cat(conv, ".conv.", kind));
    for (const char* statistic : {"mean", "var"})
      state = renamed(state, cat("stored_", statistic), cat("bn.running_", statistic));
    state = renamed(renamed(state, "conv_sc.", "shortcut.conv."), "embed.", "proj_y.");
    state = renamed(renamed(state, "output_layer.2.", "output_layer.conv."), "output_layer.0.gain",
                    "output_layer.bn.weight");
    state = renamed(renamed(state, "output_layer.0.bias", "output_layer.bn.bias"), "output_layer.0.bn.",
                    "output_layer.bn.");
    state = renamed(state, "shared.", "shared_embedding.");
    return renamed(state, "linear.", generator ? "noise2feat." : "decision.");
  };
  const BigganDeepGeneratorOptions deep{
      .resolution = 32, .width = 2, .classes = 3, .latent = 5, .shared = 4, .attention = "16"};
  auto g = made<BigganDeepGenerator>(deep);
  const StateDict own = state_dict(g);
  StateDict last = own;  // with the first layer's rows for [4, 4, C]
  for (const char* name : {"linear.weight", "linear.bias", "linear.u0"}) {
    const bool vector = own.at(name).dim() == 2 && own.at(name).size(0) == 1;
    const Tensor rows = vector ? own.at(name).transpose(0, 1) : own.at(name);
    const Tensor maps = rows.reshape({8, 16, -1}).transpose(0, 1).reshape({128, -1});
    last[name] = (vector ? maps.transpose(0, 1) : maps).reshape(own.at(name).shape());
  }
  const StateDict theirs = mmgen(
      last, {"blocks.0.0", "blocks.1.0", "blocks.2.0", "blocks.3.0", "blocks.3.1", "blocks.4.0", "blocks.5.0"}, true);
  for (const char* name : {"conv_blocks.4.theta.conv.u0", "conv_blocks.4.gamma", "conv_blocks.6.bn4.bn.running_var",
                           "conv_blocks.5.conv4.conv.bias", "output_layer.bn.running_mean", "noise2feat.sv0"})
    CHECK(theirs.contains(name));
  CHECK(recognise_weights(theirs).system == "MMGeneration");
  check_same(fit_weights(own, theirs), own);

  const BigganDiscriminatorOptions o{
      .resolution = 64, .width = 1, .classes = 3, .attention = "4", .init = WeightInit::normal_002};
  auto d = made<BigganDiscriminator>(o);
  const StateDict judge = state_dict(d);
  const StateDict other = mmgen(
      judge, {"blocks.0.0", "blocks.1.0", "blocks.2.0", "blocks.3.0", "blocks.3.1", "blocks.4.0", "blocks.4.1"}, false);
  CHECK(other.contains("conv_blocks.6.o.conv.weight"));
  CHECK(other.contains("conv_blocks.5.shortcut.conv.u0") == judge.contains("blocks.4.0.conv_sc.u0"));
  check_same(fit_weights(judge, other), judge);
}

TEST_CASE("spectral norms go from every variant to every other, and the scores stay") {
  const Shape pictures{2, 3, 32, 32};
  const Tensor x = numbers(pictures, 100);
  for (const SpectralNormOptions& from : {kTorch, kAjbrock, kMimicry}) {
    CAPTURE(name_of(from.variant));
    auto trained = settled<SnganDiscriminator>(critic(from), pictures, Tensor());
    const Tensor score = trained(x, {}, kEvaluation).value();
    for (const SpectralNormOptions& into : {kTorch, kAjbrock, kMimicry, kPlain}) {
      CAPTURE(name_of(into.variant));
      auto other = made<SnganDiscriminator>(critic(into));
      to(other, DType::float64);
      load_weights(other, state_dict(trained));
      CHECK(difference(other(x, {}, kEvaluation).value(), score) < tolerance::kPowerIteration);
      // What takes the rounds that evaluation takes is exact, however far the power method is.
      auto unsettled = made<SnganDiscriminator>(critic(from));
      set_state(unsettled);
      load_weights(other, state_dict(unsettled));
      const double far = difference(other(x, {}, kEvaluation).value(), unsettled(x, {}, kEvaluation).value());
      if (from.variant != SpectralNormVariant::torch || into.variant == from.variant ||
          into.variant == SpectralNormVariant::none)
        CHECK(far < tolerance::kReference);
      if (from.variant == into.variant) check_same(state_dict(other), state_dict(unsettled));
    }
  }
}

TEST_CASE("spectral norms of other shapes: parametrised, without v, several values, transposed, zero") {
  Rng rng(5);
  const Tensor w = rng.normal({4, 3}), u = rng.normal({4}), v = rng.normal({3});
  const StateDict torch{{"a.weight_orig", w}, {"a.weight_u", u}, {"a.weight_v", v}};
  check_same(fit_weights(torch, {{"a.parametrizations.weight.original", w},
                                 {"a.parametrizations.weight.0._u", u},
                                 {"a.parametrizations.weight.0._v", v}}),
             torch);
  const StateDict old = fit_weights(torch, {{"a.weight_orig", w}, {"a.weight_u", u}});  // of PyTorch 0.4
  CHECK(inner_product(old.at("a.weight_v"), old.at("a.weight_v")) == doctest::Approx(1));
  const StateDict ajbrock{{"weight", w},
                          {"u0", u.reshape({1, 4})},
                          {"sv0", Tensor::full({1}, 2)},
                          {"u1", u.reshape({1, 4})},
                          {"sv1", Tensor::full({1}, 1)}};
  check_same(fit_weights(ajbrock, ajbrock), ajbrock);
  StateDict one = ajbrock;
  one.erase("u1");
  one.erase("sv1");
  check_same(fit_weights(one, ajbrock), one);
  CHECK(error_of([&] { fit_weights(ajbrock, one); }).find("missing     sv1") != std::string::npos);
  // Weight normalisation is parametrised too.
  const StateDict gain{{"weight_g", Tensor::full({4, 1}, 2)}, {"weight_v", w}};
  check_same(fit_weights(gain, {{"parametrizations.weight.original0", gain.at("weight_g")},
                                {"parametrizations.weight.original1", w}}),
             gain);
  // Transposed convolutions: torch's rows are dimension 1.
  SpectralNorm<ConvTranspose2d> up(rng, ConvTranspose2d(rng, 4, 3, {.kernel = 2}), kTorch);
  const Tensor x = rng.normal({1, 4, 3, 3});
  for (int i = 0; i < 5; ++i) up(x, Pass{});
  ConvTranspose2d plain(rng, 4, 3, {.kernel = 2});
  load_weights(plain, state_dict(up));
  CHECK(difference(plain(x).value(), up(x, kEvaluation).value()) < tolerance::kSingle);
  // Weights of zeros stay zeros.
  const StateDict zeros{{"weight", Tensor::zeros({4, 3})}, {"u0", Tensor::zeros({1, 4})}, {"sv0", Tensor::zeros({1})}};
  CHECK(difference(fit_weights({{"weight", w}}, zeros).at("weight"), Tensor::zeros({4, 3})) == 0);
}

TEST_CASE("BGR: reversed channels in both directions, whatever the spectral norm") {
  const auto reversed = [](const Tensor& pictures) { return flip(pictures, {1}).value(); };
  const Tensor z = numbers({2, 5}, 1), x = numbers({2, 3, 32, 32}, 2);
  for (const SpectralNormOptions& spectral : {kTorch, kAjbrock, kMimicry, kPlain}) {
    CAPTURE(name_of(spectral.variant));
    BigganGeneratorOptions o = small_biggan();
    o.spectral = spectral;
    auto g = settled<BigganGenerator>(o, {2, 5}, y_labels());
    auto other = clone(g);
    load_weights(other, state_dict(g), {.colours = ColourOrder::bgr});
    CHECK(difference(reversed(other(z, y_labels(), kEvaluation).value()), g(z, y_labels(), kEvaluation).value()) <
          tolerance::kReference);
    auto d = settled<SnganDiscriminator>(critic(spectral), {2, 3, 32, 32}, Tensor());
    auto judge = clone(d);
    load_weights(judge, state_dict(d), {.colours = ColourOrder::bgr});
    CHECK(difference(judge(reversed(x), {}, kEvaluation).value(), d(x, {}, kEvaluation).value()) <
          tolerance::kReference);
  }
  auto translator = made<CycleganGenerator>({.width = 2, .blocks = 1});
  auto other = clone(translator);
  load_weights(other, state_dict(translator), {.colours = ColourOrder::bgr});
  const Tensor picture = numbers({1, 3, 16, 16}, 3).to(DType::float32);
  CHECK(difference(reversed(other(reversed(picture)).value()), translator(picture).value()) < tolerance::kSingle);
  auto transposed = made<DcganGenerator>({.size = 16, .latent = 5, .width = 2});
  auto flipped = clone(transposed);
  load_weights(flipped, state_dict(transposed), {.colours = ColourOrder::bgr});
  const Tensor latent = numbers({2, 5}, 4).to(DType::float32);
  CHECK(difference(reversed(flipped(latent).value()), transposed(latent).value()) < tolerance::kSingle);

  const auto refused = [](const StateDict& own) {
    return error_of([&] { fit_weights(own, own, {.colours = ColourOrder::bgr}); });
  };
  CHECK(refused(state_of(made<PatchDiscriminator>({.in_channels = 6, .width = 2}))).find("no convolution has 3") !=
        std::string::npos);
  CHECK(refused(state_of(made<PatchDiscriminator>({.width = 3}))).find("some may not be colours: model.0.weight") !=
        std::string::npos);
}

TEST_CASE("wrappings, words in front, number types and statistics by other names") {
  auto g = made<BigganGenerator>(small_biggan());
  const StateDict own = state_dict(g);
  for (const char* prefix : {"", "module.", "state_dict.module.", "Model.", "model.module.", "net.generator.",
                             "generator_ema.module.", "a.b.c."}) {
    CAPTURE(prefix);
    check_same(fit_weights(own, prefixed(prefix, own)), own);
  }
  StateDict averaged = prefixed("generator_ema.module.", own);
  averaged["generator_ema.steps"] = Tensor::from({std::int64_t{3}}, {});
  check_same(recognise_weights(averaged).parts.at("generator_ema"), own);
  StateDict run = prefixed("generator.", own);
  run.merge(prefixed("discriminator.", own));
  run.merge(prefixed("generator_optimizer.", own));
  run["rng"] = Tensor::from({std::int64_t{3}}, {});
  CHECK(recognise_weights(run).system == "duel");
  CHECK(recognise_weights(run).parts.size() == 2);

  auto twice = made<BigganGenerator>(small_biggan());
  to(twice, DType::float64);
  load_weights(twice, own);
  CHECK(difference(state_dict(twice).at("linear.weight"), own.at("linear.weight")) == 0);
  BigganGeneratorOptions o = small_biggan();
  o.statistics = BigganStatistics::own;
  auto standing = made<BigganGenerator>(o);
  for (auto& [name, tensor] : state_dict(standing)) {  // sums over 4 batches
    if (name.find("stored_") != std::string::npos) Tensor(tensor).fill_(2);
    if (name.ends_with("counter")) Tensor(tensor).fill_(4);
  }
  for (const BigganStatistics statistics :
       {BigganStatistics::torch, BigganStatistics::own, BigganStatistics::cross_replica}) {
    o.statistics = statistics;
    auto other = made<BigganGenerator>(o);
    load_weights(other, state_dict(standing));
    for (const auto& [name, tensor] : state_dict(other)) {
      CAPTURE(name);
      if (name.ends_with("_mean") || name.ends_with("_var")) CHECK(tensor.to_vector<float>()[0] == 0.5f);
      if (name.ends_with("counter")) CHECK(tensor.item() == 0);
    }
  }
}

TEST_CASE("what does not fit is refused with a table, and nothing is loaded") {
  auto g = made<BigganGenerator>(small_biggan());
  const StateDict own = state_dict(g);
  StateDict wrong = own;
  wrong.erase("linear.bias");
  wrong["linear.bais"] = own.at("linear.bias");
  wrong["blocks.0.0.conv1.bias"] = Tensor::zeros({5});
  const Tensor before = own.at("linear.weight").clone();
  wrong["linear.weight"] = Tensor::zeros(before.shape());
  const std::string error = error_of([&] { load_weights(g, wrong, {.what = "g.pth, part generator"}); });
  CHECK(error.find("g.pth, part generator does not fit") != std::string::npos);
  CHECK(error.find("missing     linear.bias float32[128] (nearest: linear.bais)") != std::string::npos);
  CHECK(error.find("unexpected  linear.bais") != std::string::npos);
  CHECK(error.find("different   blocks.0.0.conv1.bias is float32[5], needs float32[8]") != std::string::npos);
  CHECK(difference(state_dict(g).at("linear.weight"), before) == 0);
  StateDict twice = own;  // two statistics for one place
  twice["blocks.0.0.bn1.bn.stored_mean"] = own.at("blocks.0.0.bn1.stored_mean");
  CHECK(error_of([&] { fit_weights(own, twice); }).find("unexpected  blocks.0.0.bn1.bn.stored_mean") !=
        std::string::npos);
  // Weights without spectral norm say nothing of one.
  const StateDict plain{{"weight", Tensor::zeros({2, 3})}};
  const StateDict normalised{
      {"weight", Tensor::zeros({2, 3})}, {"u0", Tensor::zeros({1, 2})}, {"sv0", Tensor::zeros({1})}};
  CHECK(error_of([&] { fit_weights(normalised, plain); }).find("missing     u0") != std::string::npos);
  CHECK(error_of([&] { fit_weights(plain, {{"weight", Tensor()}}); }).find("weight is undefined") != std::string::npos);
  // A batch norm's statistics are not obsolete.
  auto patch = made<PatchDiscriminator>({.width = 2});
  CHECK(error_of([&] {
          load_weights(patch, state_of(made<PatchDiscriminator>({.width = 2, .norm = TranslationNorm::batch})));
        }).find("unexpected  model.3.running_mean") != std::string::npos);
}

TEST_CASE("random names and shapes never crash") {
  const std::vector<StateDict> states = {read("mmgeneration.pth"), read("mimicry.pth"), read("torchvision.pth"),
                                         read("fastai.pth")};
  const std::vector<std::string> words = {"module", "conv_blocks",         "0", "weight", "u0", "weight_orig", "",
                                          "blocks", "99999999999999999999"};
  const StateDict own = state_of(made<BigganGenerator>(small_hierarchical()));
  const StateDict ours = state_of(made<SnganDiscriminator>(critic(kTorch)));
  Rng rng(7);
  for (int round = 0; round < 150; ++round) {
    const auto draws = rng.uniform({512}, 0, 1).to_vector<float>();
    std::size_t next = 0;
    const auto pick = [&](std::size_t n) {
      return static_cast<std::size_t>(draws[next++ % draws.size()] * static_cast<float>(n)) % n;
    };
    StateDict mixed;
    for (const auto& [name, tensor] : states[pick(states.size())]) {
      std::string other = name;
      Tensor t = tensor;
      const std::size_t dot = name.find('.', pick(name.size()));
      switch (pick(12)) {
        case 0: other = name.substr(0, dot); break;
        case 1: other = dot == std::string::npos ? name + "." : name.substr(dot); break;
        case 2: other = words[pick(words.size())] + "." + name; break;
        case 3: other = name + "." + words[pick(words.size())]; break;
        case 4: t = Tensor::zeros({static_cast<std::int64_t>(pick(3)), 3}); break;
        case 5: t = t.reshape({-1}); break;
        case 6: t = Tensor::zeros(t.shape(), {.dtype = DType::int64}); break;
        case 7: continue;
        default: break;
      }
      mixed[other] = t;
    }
    for (const ColourOrder colours : {ColourOrder::rgb, ColourOrder::bgr}) {
      error_of([&] { fit_weights(own, mixed, {.colours = colours}); });
      error_of([&] { fit_weights(ours, mixed, {.colours = colours}); });
    }
    recognise_weights(mixed);
  }
}
