// R3GAN: counts as published, names, PyTorch's numbers, its initialisation and its penalties.
#include "duel/gan/models/r3gan.h"

#include "tests/gan/network_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

R3ganGenerator generator(const R3ganOptions& o) {
  Rng rng(1);
  return {rng, o};
}
R3ganDiscriminator discriminator(const R3ganOptions& o) {
  Rng rng(2);
  return {rng, o};
}

const R3ganOptions kPlain{.widths = {6, 6, 4}, .group_width = 4, .latent = 5};
const R3ganOptions kClasses{.widths = {4, 2}, .group_width = 4, .latent = 3, .classes = 3};

template <class Network>
Variable classified(Network& network, const Variable& x, const Pass& pass) {
  return network(x, int_labels({2, 0, 2}), pass);
}

std::pair<std::int64_t, std::int64_t> counts(const R3ganOptions& o) {
  std::int64_t g, d;
  {
    auto network = generator(o);
    g = count_parameters(network);
  }
  auto network = discriminator(o);
  d = count_parameters(network);
  return {g, d};
}

double deviation(const Variable& x) {
  return std::sqrt(inner_product(x.value(), x.value()) / static_cast<double>(x.numel()));
}

}  // namespace

TEST_CASE("R3GAN: the published counts of parameters") {
  using Counts = std::pair<std::int64_t, std::int64_t>;
  CHECK(counts({.classes = 10}) == Counts{20781952, 21280512});
  CHECK(counts({}) == Counts{20732160, 20683776});
  CHECK(counts({.widths = {768, 768, 768, 768, 384}}) == Counts{22429824, 22381440});
  CHECK(counts({.widths = {768, 768, 768, 768, 384, 192, 96}}) == Counts{23057952, 23009568});
  CHECK(counts({.widths = {1536, 1536, 1536, 1536}, .group_width = 32, .classes = 1000}) == Counts{82914304, 86548992});
  CHECK(counts({.widths = {1536, 1536, 1536, 1536, 1536}, .group_width = 32, .classes = 1000}) ==
        Counts{103570432, 107205120});
}

TEST_CASE("R3GAN: names and shapes") {
  auto g = generator(kClasses);
  const StateDict s = state_dict(g);
  CHECK(s.at("MainLayers.0.Layers.0.Basis").shape() == Shape{4, 4, 4});
  CHECK(s.at("MainLayers.0.Layers.0.LinearLayer.weight").shape() == Shape{4, 6});
  CHECK(s.at("MainLayers.0.Layers.2.LinearLayer2.Layer.weight").shape() == Shape{8, 4, 3, 3});
  CHECK(s.at("MainLayers.1.Layers.0.LinearLayer.Layer.weight").shape() == Shape{2, 4, 1, 1});
  CHECK(s.at("MainLayers.1.Layers.0.Resampler.Kernel").shape() == Shape{4, 4});
  CHECK(s.at("MainLayers.1.Layers.1.NonLinearity1.Bias").shape() == Shape{4});
  CHECK(s.at("AggregationLayer.Layer.weight").shape() == Shape{3, 2, 1, 1});
  CHECK(s.at("EmbeddingLayer.weight").shape() == Shape{3, 3});
  auto d = discriminator(kClasses);
  const StateDict t = state_dict(d);
  CHECK(t.at("ExtractionLayer.Layer.weight").shape() == Shape{2, 3, 1, 1});
  CHECK(t.at("MainLayers.1.Layers.2.Basis.weight").shape() == Shape{4, 1, 4, 4});
  CHECK(t.at("EmbeddingLayer.weight").shape() == Shape{4, 3});
}

TEST_CASE("R3GAN computes what it does in PyTorch") {
  check_network("r3gan generator", generator(kPlain), {2, 5});
  check_network("r3gan discriminator", discriminator(kPlain), {2, 3, 16, 16});
  check_network<R3ganGenerator>("r3gan conditional generator", generator(kClasses), {3, 3}, classified<R3ganGenerator>);
  check_network<R3ganDiscriminator>("r3gan conditional discriminator", discriminator(kClasses), {3, 3, 8, 8},
                                    classified<R3ganDiscriminator>);
}

TEST_CASE("R3GAN: gradients by finite differences") {
  const R3ganOptions tiny{.widths = {2, 1}, .blocks = 1, .group_width = 1, .channels = 1, .latent = 2, .classes = 3};
  check_by_differences<R3ganGenerator>("R3ganGenerator", generator(tiny), {3, 2}, 1, classified<R3ganGenerator>);
  check_by_differences<R3ganDiscriminator>("R3ganDiscriminator", discriminator(tiny), {3, 1, 8, 8}, 2,
                                           classified<R3ganDiscriminator>);
}

TEST_CASE("R3GAN starts with blocks that change nothing, and weights of the published sizes") {
  Rng rng(3);
  const R3ganOptions o{.widths = {64, 32}, .blocks = 2, .latent = 32};
  auto g = generator(o);
  auto d = discriminator(o);
  const StateDict s = state_dict(g);
  const double gain = std::sqrt(2 / 1.04) * std::pow(4, -0.25);  // four blocks in all
  const std::string block = "MainLayers.0.Layers.1.";
  CHECK(deviation(s.at(block + "LinearLayer1.Layer.weight")) == doctest::Approx(gain / 8).epsilon(0.05));
  CHECK(deviation(s.at(block + "LinearLayer2.Layer.weight")) == doctest::Approx(gain / 12).epsilon(0.05));
  CHECK(deviation(s.at(block + "LinearLayer3.Layer.weight")) == 0);
  CHECK(deviation(s.at(block + "NonLinearity1.Bias")) == 0);
  CHECK(deviation(s.at("MainLayers.0.Layers.0.Basis")) == doctest::Approx(1).epsilon(0.1));
  CHECK(deviation(s.at("AggregationLayer.Layer.weight")) == doctest::Approx(1 / std::sqrt(32)).epsilon(0.25));
  const Tensor x = rng.normal({2, 3, 8, 8});
  const Tensor before = d(x).value();
  for (auto& [name, p] : named_parameters(d))
    if (name.find("LinearLayer1") != std::string::npos) Tensor(p.value()).fill_(1);
  CHECK(difference(before, d(x).value()) == 0);
}

TEST_CASE("R3GAN: batches of one, and every parameter moves after the first step") {
  Rng rng(4);
  auto g = generator(kPlain);
  auto d = discriminator(kPlain);
  CHECK(g(rng.normal({1, 5})).shape() == Shape{1, 3, 16, 16});
  CHECK(d(rng.normal({1, 3, 16, 16})).shape() == Shape{1});
  for (auto* stages : {&g.stages, &d.stages})
    for (Sequential& stage : *stages)
      for (const auto& [name, p] : named_parameters(stage))
        if (name.find("LinearLayer3") != std::string::npos) Tensor(p.value()).copy_(rng.normal(p.shape()));
  const Tensor real = rng.normal({4, 3, 16, 16});
  check_all_gradients(g, mean(softplus(d(g(rng.normal({4, 5}))) - d(real))));
  const Critic critic = [&](const Variable& x) { return d(x); };
  const Tensor fake = g(rng.normal({4, 5})).value();
  check_all_gradients(
      d, mean(softplus(d(fake) - d(real))) + r1_penalty(critic, real, 1.0) + r2_penalty(critic, fake, 1.0));
}

TEST_CASE("R3GAN refuses what does not fit") {
  for (const R3ganOptions& o : {R3ganOptions{.widths = {}},
                                {.widths = {16, 0}},
                                {.widths = {20}, .group_width = 16},
                                {.blocks = 0},
                                {.expansion = 0},
                                {.group_width = 0},
                                {.channels = 0},
                                {.latent = 0},
                                {.classes = -1}}) {
    CHECK(error_of([&] { generator(o); }).starts_with("R3ganGenerator: "));
    CHECK(error_of([&] { discriminator(o); }).starts_with("R3ganDiscriminator: "));
  }
  auto g = generator(kClasses);
  auto d = discriminator(kPlain);
  CHECK(error_of([&] { g(Tensor::zeros({2, 3})); }).find("needs a label of 3 classes") != std::string::npos);
  CHECK(error_of([&] { g(Tensor::zeros({1, 3}), int_labels({3})); }) != "");
  CHECK(error_of([&] {
          g(Tensor::zeros({1, 4}), int_labels({0}));
        }) == "R3ganGenerator: needs latents [N, 3], got float32[1, 4]");
  CHECK(error_of([&] {
          d(Tensor::zeros({1, 3, 16, 8}));
        }) == "R3ganDiscriminator: is made for pictures of 16 x 16, got float32[1, 3, 16, 8]");
  CHECK(error_of([&] {
          d(Tensor::zeros({1, 3, 16, 16}), int_labels({0}));
        }).find("has no classes") != std::string::npos);
}
