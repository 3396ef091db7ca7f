// Ganzo's networks: counts as published, names, PyTorch's numbers, and what they refuse.
#include "duel/gan/models/ganzo_plain.h"
#include "duel/gan/models/ganzo_resnet.h"
#include "duel/gan/models/ganzo_translation.h"
#include "tests/gan/network_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

const GanzoFcOptions kFc{.size = 4, .latent = 3, .layers = 2};
const GanzoConvOptions kConv{.layers = 3, .latent = 5, .generator_width = 4, .discriminator_width = 2};

}  // namespace

TEST_CASE("Ganzo: the published counts of parameters") {
  CHECK(count<GanzoFcGenerator>() == 1493520);
  CHECK(count<GanzoFcDiscriminator>() == 1460225);
  CHECK(count<GanzoConvGenerator>({.channels = 1}) == 174569);
  CHECK(count<GanzoConvDiscriminator>({.channels = 1}) == 44521);
  CHECK(count<GanzoConvGenerator>() == 174827);
  CHECK(count<GanzoConvDiscriminator>() == 44777);
  CHECK(count<GanzoResnetGenerator>() == 8540483);
  CHECK(count<GanzoResnetDiscriminator>() == 9454081);
  CHECK(count<GanzoUGenerator>() == 524483);
  CHECK(count<GanzoPatchDiscriminator>() == 11821);
}

TEST_CASE("Ganzo's networks compute what they do in PyTorch, under its names") {
  check_network("ganzo fc generator", made<GanzoFcGenerator>(kFc), {2, 3});
  check_network("ganzo fc discriminator", made<GanzoFcDiscriminator>(kFc), {2, 1, 4, 4});
  check_network("ganzo conv generator", made<GanzoConvGenerator>(kConv), {3, 5});
  check_network("ganzo conv discriminator", made<GanzoConvDiscriminator>(kConv), {2, 3, 16, 16});
  check_network("ganzo good generator", made<GanzoResnetGenerator>({.size = 16, .latent = 4, .width = 1}), {3, 4});
  check_network("ganzo good discriminator", made<GanzoResnetDiscriminator>({.size = 16, .width = 2}), {2, 3, 16, 16});
  check_network("ganzo u-gen", made<GanzoUGenerator>({.width = 2, .layers = 2}), {2, 3, 8, 16});
  check_network("ganzo patch-gan", made<GanzoPatchDiscriminator>({.width = 1}), {2, 6, 64, 80});
}

TEST_CASE("Ganzo: gradients by finite differences") {
  check_by_differences("fc", made<GanzoFcDiscriminator>(kFc), {2, 1, 4, 4}, 2);
  check_by_differences("good", made<GanzoResnetDiscriminator>({.size = 16, .channels = 1, .width = 1}), {1, 1, 16, 16},
                       2);
  check_by_differences("u-gen", made<GanzoUGenerator>({.in_channels = 1, .out_channels = 1, .width = 1, .layers = 1}),
                       {2, 1, 4, 8}, 1);
}

TEST_CASE("Ganzo: sizes, and one picture") {
  Rng rng(2);
  CHECK(made<GanzoFcGenerator>(kFc)(rng.normal({1, 3})).shape() == Shape{1, 1, 4, 4});
  CHECK(made<GanzoConvGenerator>(kConv)(rng.normal({1, 5})).shape() == Shape{1, 3, 16, 16});
  for (std::int64_t kernel : {1, 3}) {
    const GanzoResnetOptions o{.size = 32, .channels = 1, .latent = 4, .width = 2, .generator_kernel = kernel};
    const Variable pictures = made<GanzoResnetGenerator>(o)(rng.normal({1, 4}));
    CHECK(pictures.shape() == Shape{1, 1, 32, 32});
    CHECK(made<GanzoResnetDiscriminator>(o)(pictures).shape() == Shape{1});
  }
  CHECK(made<GanzoUGenerator>({.out_channels = 1, .layers = 2})(rng.normal({1, 3, 16, 24})).shape() ==
        Shape{1, 1, 16, 24});
  for (double p : doubles(made<GanzoPatchDiscriminator>()(rng.normal({3, 6, 64, 70})).value())) CHECK((p > 0 && p < 1));
}

TEST_CASE("Ganzo: every parameter gets a gradient, through the gradient penalty too") {
  Rng rng(3);
  const GanzoResnetOptions o{.size = 16, .latent = 4, .width = 2};
  auto g = made<GanzoResnetGenerator>(o);
  auto d = made<GanzoResnetDiscriminator>(o);
  check_all_gradients(g, mean(d(g(rng.normal({4, 4})))));
  const Tensor real = rng.normal({4, 3, 16, 16});
  const Variable penalty =
      gradient_penalty([&](const Variable& x) { return d(x); }, real, rng.normal(real.shape()), rng);
  check_all_gradients(d, mean(d(real)) + penalty);
  auto u = made<GanzoUGenerator>({.width = 2, .layers = 2});
  auto p = made<GanzoPatchDiscriminator>({.width = 2});
  const Tensor x = rng.normal({2, 3, 64, 64});
  check_all_gradients(u, mean(p(concat({x, u(x)}, 1))),
                      {"conv_0.bias", "deconv_0.bias", "deconv_1.bias", "bn_1.weight", "bn_1.bias"});
  check_all_gradients(p, mean(p(concat({x, u(x)}, 1))), {"conv2.bias", "conv3.bias", "conv4.bias"});
}

TEST_CASE("Ganzo: dropout draws in training and rests in evaluation") {
  Rng rng(4), noise(5);
  const Pass training{.rng = &noise};
  const auto check_dropout = [&](auto network, const Shape& shape) {
    const Tensor x = rng.normal(shape);
    CHECK(difference(network(x, training).value(), network(x, training).value()) > 0);
    CHECK(difference(network(x, kEvaluation).value(), network(x, kEvaluation).value()) == 0);
    CHECK(error_of([&] { network(x); }) != "");
  };
  const GanzoFcOptions fc{.size = 4, .latent = 8, .dropout = 0.4};
  const GanzoConvOptions conv{.layers = 3, .latent = 8, .dropout = 0.4};
  check_dropout(made<GanzoFcGenerator>(fc), {2, 8});
  check_dropout(made<GanzoFcDiscriminator>(fc), {2, 1, 4, 4});
  check_dropout(made<GanzoConvGenerator>(conv), {2, 8});
  check_dropout(made<GanzoConvDiscriminator>(conv), {2, 3, 16, 16});
}

TEST_CASE("Ganzo's networks refuse what does not fit") {
  for (const GanzoFcOptions& o :
       {GanzoFcOptions{.size = 0}, {.latent = 0}, {.layers = 0}, {.layers = 60}, {.dropout = 1}})
    CHECK(error_of([&] { made<GanzoFcGenerator>(o); }).starts_with("GanzoFcGenerator: "));
  for (const GanzoConvOptions& o : {GanzoConvOptions{.layers = 1},
                                    {.layers = 60},
                                    {.channels = 0},
                                    {.latent = 0},
                                    {.generator_width = 20},
                                    {.discriminator_width = 0},
                                    {.dropout = -1}})
    CHECK(error_of([&] { made<GanzoConvDiscriminator>(o); }).starts_with("GanzoConvDiscriminator: "));
  for (const GanzoResnetOptions& o :
       {GanzoResnetOptions{.size = 28}, {.size = 0}, {.channels = 0}, {.width = 0}, {.generator_kernel = 2}})
    CHECK(error_of([&] { made<GanzoResnetGenerator>(o); }).starts_with("GanzoResnetGenerator: "));
  CHECK(error_of([] { made<GanzoUGenerator>({.layers = 0}); }).starts_with("GanzoUGenerator: "));
  CHECK(error_of([] { made<GanzoPatchDiscriminator>({.width = 0}); }).starts_with("GanzoPatchDiscriminator: "));

  CHECK(error_of([] {
          made<GanzoUGenerator>()(Tensor::zeros({1, 3, 48, 64}));
        }) ==
        "GanzoUGenerator: halves pictures 5 times, so their sides must be multiples of 32, got 48 x 64; resize "
        "them to such sizes, or let the network halve them less often");
  CHECK(error_of([] {
          made<GanzoPatchDiscriminator>()(Tensor::zeros({1, 6, 63, 64}));
        }) == "GanzoPatchDiscriminator: needs pictures of 64 x 64 at least, got 63 x 64");
  CHECK(error_of([] {
          made<GanzoResnetDiscriminator>({.size = 16, .width = 1})(Tensor::zeros({1, 3, 32, 32}));
        }) == "GanzoResnetDiscriminator: is made for pictures of 16 x 16, got float32[1, 3, 32, 32]");
}
