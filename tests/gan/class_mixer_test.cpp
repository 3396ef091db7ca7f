// Pictures between classes: of every kind of table that generators have, and of those without.
#include "duel/gan/class_mixer.h"

#include <doctest/doctest.h>

#include "duel/autograd/ops.h"
#include "duel/gan/models/biggan.h"
#include "duel/gan/models/catalogue.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

Network generator_of(const char* name, const std::vector<std::string>& settings) {
  CatalogueEntry entry = catalogue_entry(name);
  for (const std::string& assignment : settings) set_option(entry, assignment);
  Rng rng(1);
  Network network = entry.network("generator").make(rng);
  // Classes that differ: new tables are all alike.
  for (auto& [parameter, p] : named_parameters(network))
    if (p.dim() == 2 && p.size(0) == network.input().classes) Tensor(p.value()).copy_(rng.normal(p.shape(), 0.5));
  return network;
}

Tensor plain(Network& network, const Tensor& z, std::int64_t label) {
  const NoGrad no_grad;
  return network(z, Tensor::from(std::vector<std::int64_t>(static_cast<std::size_t>(z.size(0)), label), {z.size(0)}),
                 {.mode = Mode::eval})
      .value();
}

}  // namespace

TEST_CASE("shares of 0 and 1 are the plain classes, and between them lies something else") {
  for (const auto& [name, settings] : std::vector<std::pair<const char*, std::vector<std::string>>>{
           {"duel-conditional-DCGAN", {"generator.width=4", "latent=5", "classes=3"}},
           {"mimicry-cGAN-PD-32", {"width=8", "latent=6", "classes=3"}},
           {"BigGAN-C10", {"generator.width=4", "classes=3"}}}) {
    CAPTURE(name);
    Network network = generator_of(name, settings);
    ClassMixer mixer(network);
    const Tensor z = Rng(2).normal({1, network.input().shape[0]});
    const Tensor one = plain(network, z, 1), two = plain(network, z, 2);
    CHECK(difference(mixer(z, {{1, 2, 0}}), one) < 1e-5);
    CHECK(difference(mixer(z, {{1, 2, 1}}), two) < 1e-5);
    const Tensor half = mixer(z, {{1, 2, 0.5}});
    CHECK(difference(half, one) > 1e-3);
    CHECK(difference(half, two) > 1e-3);
    CHECK(difference(plain(network, z, 1), one) == 0);  // the network itself is as it was
  }
}

TEST_CASE("more mixtures than classes are drawn as one by one") {
  Network network = generator_of("duel-conditional-DCGAN", {"generator.width=4", "latent=5", "classes=3"});
  ClassMixer mixer(network);
  const Tensor z = Rng(2).normal({7, 5});
  std::vector<ClassMixture> mixtures;
  for (int i = 0; i < 7; ++i) mixtures.push_back({0, 2, i / 6.0});
  const Tensor all = mixer(z, mixtures);
  for (std::int64_t i = 0; i < 7; ++i)
    CHECK(difference(mixer(z.slice(0, i, i + 1), {mixtures[static_cast<std::size_t>(i)]}), all.slice(0, i, i + 1)) <
          1e-6);
}

TEST_CASE("a shared embedding is mixed as BigGAN's from_embedding has it") {
  Rng rng(4);
  BigganGeneratorOptions options = biggan_configuration("BigGAN-I128").generator;
  options.resolution = 32;
  options.width = 2;
  options.classes = 5;
  options.latent = 20;
  options.attention = "0";
  BigganGenerator generator(rng, options);
  Network network(generator, {{generator.options.latent}, 5});
  ClassMixer mixer(network);
  const Tensor z = rng.normal({1, generator.options.latent});
  const NoGrad no_grad;
  const Variable rows = (*generator.shared)(Tensor::from<std::int64_t>({1, 4}, {2}));
  const Variable y = 0.25 * slice(rows, 0, 0, 1) + 0.75 * slice(rows, 0, 1, 2);
  CHECK(difference(mixer(z, {{1, 4, 0.75}}), generator.from_embedding(z, y, {.mode = Mode::eval}).value()) < 1e-5);
}

TEST_CASE("networks without tables of classes are refused, and mixtures that can't be") {
  Network without = generator_of("mimicry-SNGAN-32", {"generator.width=8"});
  CHECK(error_of([&] { ClassMixer{without}; }).find("no classes") != std::string::npos);
  Network one_hot = generator_of("tutorial-CGAN", {});
  CHECK(error_of([&] { ClassMixer{one_hot}; }).find("no tables") != std::string::npos);
  Network network = generator_of("duel-conditional-DCGAN", {"generator.width=4", "latent=5", "classes=3"});
  ClassMixer mixer(network);
  const Tensor z = Tensor::zeros({1, 5});
  for (const ClassMixture& wrong : {ClassMixture{0, 3, 0.5}, ClassMixture{-1, 0, 0.5}, ClassMixture{0, 1, 1.5}})
    CHECK_THROWS_AS(mixer(z, {wrong}), Error);
  CHECK_THROWS_AS(mixer(z, {}), Error);
}
