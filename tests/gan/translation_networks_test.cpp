// The networks of pytorch-CycleGAN-and-pix2pix: counts as published, names, PyTorch's numbers, and what they refuse.
#include "duel/gan/models/cyclegan_generator.h"
#include "duel/gan/models/patch_discriminator.h"
#include "duel/gan/models/pix2pix_generator.h"
#include "tests/gan/network_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

using enum TranslationNorm;

CycleganGenerator cyclegan(const CycleganGeneratorOptions& o = {}) {
  Rng rng(1);
  return {rng, o};
}
Pix2pixGenerator pix2pix(const Pix2pixGeneratorOptions& o = {}) {
  Rng rng(2);
  return {rng, o};
}
PatchDiscriminator patch(const PatchDiscriminatorOptions& o = {}) {
  Rng rng(3);
  return {rng, o};
}
PixelDiscriminator pixel(const PixelDiscriminatorOptions& o = {}) {
  Rng rng(4);
  return {rng, o};
}

template <class Module>
std::int64_t count(Module module) {
  return count_parameters(module);
}

double deviation(const Tensor& t, double mean = 0) {
  double total = 0;
  for (double v : doubles(t)) total += (v - mean) * (v - mean);
  return std::sqrt(total / static_cast<double>(t.numel()));
}

}  // namespace

TEST_CASE("translation networks: the published counts of parameters") {
  CHECK(count(cyclegan()) == 11378179);
  CHECK(count(cyclegan({.norm = batch})) == 11383427);
  CHECK(count(cyclegan({.blocks = 6})) == 7837699);
  CHECK(count(cyclegan({.blocks = 6, .norm = batch})) == 7841411);
  CHECK(count(pix2pix({.halvings = 7})) == 41828995);
  CHECK(count(pix2pix({.halvings = 7, .norm = instance})) == 41825667);
  CHECK(count(pix2pix()) == 54413955);
  CHECK(count(pix2pix({.norm = instance})) == 54409603);
  CHECK(count(pix2pix({.in_channels = 1, .out_channels = 2})) == 54409858);  // colorization
  CHECK(count(patch()) == 2764737);
  CHECK(count(patch({.in_channels = 6, .norm = batch})) == 2768705);
  CHECK(count(patch({.in_channels = 6})) == 2767809);
  CHECK(count(patch({.norm = batch})) == 2765633);
  CHECK(count(patch({.halvings = 1})) == 136385);
  CHECK(count(patch({.halvings = 2})) == 662977);
  CHECK(count(patch({.halvings = 4})) == 6959553);
  CHECK(count(patch({.halvings = 5})) == 11154369);
  CHECK(count(pixel()) == 8705);
  CHECK(count(pixel({.in_channels = 6, .norm = batch})) == 9024);
}

TEST_CASE("translation networks: names and shapes of the state dictionaries") {
  auto g = cyclegan({.width = 2});
  const StateDict s = state_dict(g);
  CHECK(s.at("model.1.weight").shape() == Shape{2, 3, 7, 7});
  CHECK(s.at("model.10.conv_block.1.weight").shape() == Shape{8, 8, 3, 3});
  CHECK(s.at("model.18.conv_block.5.bias").shape() == Shape{8});
  CHECK(s.at("model.19.weight").shape() == Shape{8, 4, 3, 3});
  CHECK(s.at("model.22.weight").shape() == Shape{4, 2, 3, 3});
  CHECK(s.at("model.26.bias").shape() == Shape{3});
  CHECK(s.size() == 2 * 24);
  auto dropping = cyclegan({.width = 2, .dropout = 0.5});
  CHECK(state_dict(dropping).contains("model.18.conv_block.6.weight"));

  auto u = pix2pix({.width = 1});
  const StateDict t = state_dict(u);
  CHECK(t.at("model.model.0.weight").shape() == Shape{1, 3, 4, 4});
  CHECK(t.at("model.model.1.model.2.running_var").shape() == Shape{2});
  CHECK(t.at("model.model.1.model.3.model.1.weight").shape() == Shape{4, 2, 4, 4});
  CHECK(t.at("model.model.1.model.3.model.3.model.3.model.3.model.3.model.3.model.3.weight").shape() ==
        Shape{8, 8, 4, 4});
  CHECK(t.at("model.model.3.bias").shape() == Shape{3});

  auto d = patch({.width = 1});
  const StateDict p = state_dict(d);
  for (const char* name : {"model.0", "model.2", "model.5", "model.8", "model.11"}) {
    CHECK(p.contains(cat(name, ".weight")));
    CHECK(p.contains(cat(name, ".bias")));
  }
  CHECK(p.size() == 10);
}

TEST_CASE("translation networks compute what they do in PyTorch") {
  check_network("cyclegan instance reflect", cyclegan({.in_channels = 2, .width = 2, .blocks = 2}), {1, 2, 8, 12});
  check_network(
      "cyclegan batch replicate",
      cyclegan(
          {.in_channels = 1, .out_channels = 2, .width = 2, .blocks = 1, .norm = batch, .padding = PadMode::replicate}),
      {2, 1, 12, 8});
  check_network(
      "cyclegan none zeros",
      cyclegan({.in_channels = 1, .out_channels = 1, .width = 1, .blocks = 1, .norm = none, .padding = PadMode::zeros}),
      {2, 1, 4, 4});
  check_network("pix2pix batch", pix2pix({.in_channels = 2, .width = 1, .halvings = 5}), {2, 2, 32, 64});
  check_network("pix2pix instance",
                pix2pix({.in_channels = 1, .out_channels = 1, .width = 1, .halvings = 6, .norm = instance}),
                {1, 1, 64, 64});
  check_network("patch instance", patch({.width = 2, .halvings = 2}), {2, 3, 24, 18});
  check_network("patch batch", patch({.in_channels = 2, .width = 1, .halvings = 4, .norm = batch}), {2, 2, 48, 64});
  check_network("pixel batch", pixel({.in_channels = 2, .width = 3, .norm = batch}), {2, 2, 3, 4});
}

TEST_CASE("translation networks: gradients by finite differences") {
  check_by_differences("cyclegan", cyclegan({.in_channels = 1, .out_channels = 1, .width = 1, .blocks = 1}),
                       {1, 1, 8, 8}, 1);
  check_by_differences("pix2pix", pix2pix({.in_channels = 1, .out_channels = 1, .width = 1, .halvings = 3}),
                       {2, 1, 8, 16}, 1);
  check_by_differences("patch", patch({.in_channels = 1, .width = 1, .halvings = 1}), {1, 1, 8, 6}, 2);
  check_by_differences("pixel", pixel({.in_channels = 1, .width = 1, .norm = batch}), {2, 1, 2, 3}, 2);
}

TEST_CASE("translation networks: sizes, square or not, one picture or several") {
  Rng rng(5);
  auto g = cyclegan({.width = 2, .blocks = 1});
  auto u = pix2pix({.out_channels = 2, .width = 1, .halvings = 4});
  for (const Shape& shape : {Shape{1, 3, 16, 16}, Shape{2, 3, 32, 48}}) {
    const Variable y = g(rng.normal(shape, 0, 10));
    CHECK(y.shape() == shape);
    CHECK(largest(y) <= 1);
    CHECK(u(rng.normal(shape)).shape() == Shape{shape[0], 2, shape[2], shape[3]});
  }
  const Size2 sizes[] = {{126, 126}, {62, 62}, {30, 30}, {14, 14}, {6, 6}};
  for (std::int64_t n = 1; n <= 5; ++n) CHECK(patch({.width = 1, .halvings = n}).map_size({256, 256}) == sizes[n - 1]);
  auto d = patch({.width = 1});
  for (const Size2& size : {Size2{256, 256}, Size2{24, 24}, Size2{31, 50}}) {
    const Size2 map = d.map_size(size);
    CHECK(d(rng.normal({1, 3, size.h, size.w})).shape() == Shape{1, 1, map.h, map.w});
  }
  CHECK(pixel({.width = 1})(rng.normal({1, 3, 5, 4})).shape() == Shape{1, 1, 5, 4});
}

TEST_CASE("translation networks: initialisations") {
  using enum TranslationWeights;
  const auto first_block = [](const TranslationInit& init, TranslationNorm norm = batch) {
    auto g = cyclegan({.width = 16, .blocks = 1, .norm = norm, .init = init});
    return state_dict(g);
  };
  const char* const conv = "model.10.conv_block.1.weight";  // 64 -> 64, 3 x 3
  CHECK(deviation(first_block({}).at(conv)) == doctest::Approx(0.02).epsilon(0.02));
  CHECK(deviation(first_block({.kind = xavier, .gain = 0.5}).at(conv)) ==
        doctest::Approx(0.5 * std::sqrt(2.0 / (2 * 64 * 9))).epsilon(0.02));
  CHECK(deviation(first_block({.kind = kaiming}).at(conv)) == doctest::Approx(std::sqrt(2.0 / (64 * 9))).epsilon(0.02));
  const Variable rows = reshape(first_block({.kind = orthogonal, .gain = 0.5}).at(conv), {64, 64 * 9});
  const Tensor gram = matmul(rows, transpose(rows, 0, 1)).value();
  CHECK(deviation(gram) == doctest::Approx(0.25 / 8).epsilon(tolerance::kSingle));  // 1/4 times the identity
  const StateDict s = first_block({});
  CHECK(deviation(s.at("model.10.conv_block.2.weight"), 1) == doctest::Approx(0.02).epsilon(0.3));
  CHECK(deviation(s.at("model.10.conv_block.2.bias")) == 0);
  CHECK(deviation(first_block({}, instance).at("model.10.conv_block.1.bias")) == 0);
}

TEST_CASE("translation networks: every parameter gets a gradient, through the penalties too") {
  Rng rng(6);
  auto g = cyclegan({.in_channels = 3, .width = 2, .blocks = 1, .norm = batch});
  auto u = pix2pix({.width = 1, .halvings = 5});
  auto d = patch({.width = 2, .halvings = 2, .norm = batch});
  auto p = pixel({.width = 2, .norm = batch});
  initialize_weights(rng, g, TranslationInit{.gain = 0.3});
  initialize_weights(rng, u, TranslationInit{.gain = 0.3});
  initialize_weights(rng, d, TranslationInit{.gain = 0.3});
  initialize_weights(rng, p, TranslationInit{.gain = 0.3});
  const Tensor x = rng.normal({2, 3, 32, 64});
  check_all_gradients(g, mean(softplus(d(g(x)))));
  check_all_gradients(u, mean(softplus(p(u(x)))));
  const auto loss = [&](const Critic& critic) {
    return mean(softplus(critic(x))) + gradient_penalty(critic, x, rng.normal(x.shape()), rng) +
           r1_penalty(critic, x, 1.0);
  };
  check_all_gradients(d, loss([&](const Variable& y) { return d(y); }));
  check_all_gradients(p, loss([&](const Variable& y) { return p(y); }));
}

TEST_CASE("translation networks: dropout draws in training and rests in evaluation") {
  Rng rng(8), noise(9);
  const Pass training{.rng = &noise};
  auto g = cyclegan({.width = 2, .blocks = 1, .dropout = 0.5});
  auto u = pix2pix({.width = 1, .halvings = 6, .dropout = 0.5});
  auto plain = pix2pix({.width = 1, .halvings = 6});
  const Tensor x = rng.normal({1, 3, 64, 64});
  CHECK(difference(g(x, training).value(), g(x, training).value()) > 0);
  CHECK(difference(g(x, kEvaluation).value(), g(x, kEvaluation).value()) == 0);
  CHECK(difference(u(x, training).value(), u(x, training).value()) > 0);
  CHECK(difference(u(x, kEvaluation).value(), u(x, kEvaluation).value()) == 0);
  CHECK(error_of([&] { g(x); }) != "");  // nothing to draw from
  CHECK(parameter_names(u) == parameter_names(plain));
}

TEST_CASE("translation networks refuse options and pictures that do not fit") {
  for (const CycleganGeneratorOptions& o : {CycleganGeneratorOptions{.in_channels = 0},
                                            {.width = 0},
                                            {.blocks = -1},
                                            {.halvings = -1},
                                            {.halvings = 40},
                                            {.dropout = 1},
                                            {.dropout = -0.1}})
    CHECK(error_of([&] { cyclegan(o); }).starts_with("CycleganGenerator: "));
  for (const Pix2pixGeneratorOptions& o :
       {Pix2pixGeneratorOptions{.out_channels = 0}, {.width = -1}, {.halvings = 1}, {.halvings = 50}, {.dropout = 1}})
    CHECK(error_of([&] { pix2pix(o); }).starts_with("Pix2pixGenerator: "));
  for (const PatchDiscriminatorOptions& o :
       {PatchDiscriminatorOptions{.in_channels = 0}, {.width = 0}, {.halvings = 0}, {.halvings = 64}})
    CHECK(error_of([&] { patch(o); }).starts_with("PatchDiscriminator: "));
  CHECK(error_of([] { pixel({.width = 0}); }).starts_with("PixelDiscriminator: "));

  const std::string cure = "; resize them to such sizes, or let the network halve them less often";
  auto g = cyclegan({.width = 1, .blocks = 1});
  auto u = pix2pix({.width = 1, .halvings = 5});
  auto d = patch({.width = 1});
  CHECK(error_of([&] {
          g(Tensor::zeros({1, 3, 18, 16}));
        }) == "CycleganGenerator: halves pictures 2 times, so their sides must be multiples of 4, got 18 x 16" + cure);
  CHECK(error_of([&] {
          g(Tensor::zeros({1, 3, 4, 16}));
        }) == "CycleganGenerator: reflects its borders and so needs pictures of 8 x 8 at least, got 4 x 16");
  CHECK(error_of([&] {
          u(Tensor::zeros({1, 3, 48, 64}));
        }) == "Pix2pixGenerator: halves pictures 5 times, so their sides must be multiples of 32, got 48 x 64" + cure);
  CHECK(error_of([&] {
          d(Tensor::zeros({1, 3, 23, 64}));
        }) == "PatchDiscriminator: needs pictures of 24 x 24 at least for 3 halvings, got 23 x 64");
  CHECK(error_of([&] {
          d(Tensor::zeros({1, 6, 64, 64}));
        }) == "PatchDiscriminator: needs pictures [N, 3, H, W], got float32[1, 6, 64, 64]");
  CHECK(error_of([&] { u(Variable()); }) == "Pix2pixGenerator: needs pictures [N, 3, H, W], got none");
  CHECK(error_of([&] { pixel({.width = 1})(Tensor::zeros({3, 4, 4})); }).starts_with("PixelDiscriminator: "));
}
