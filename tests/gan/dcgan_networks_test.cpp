// The standard DCGAN in its two layouts, and the tutorials' networks: counts as published, names, PyTorch's numbers.
#include "duel/gan/models/dcgan.h"
#include "duel/gan/models/tutorial_gans.h"
#include "tests/gan/network_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr DcganLayout kFastai = DcganLayout::fastai;
const MlpGanOptions kCgan{.classes = 10, .generator_widths = {128, 256, 512}};

// Both networks of a system, small.
const DcganOptions kSmall{.size = 16, .latent = 5, .width = 2};
const DcganOptions kSmallFastai{.size = 16, .latent = 5, .width = 2, .extra_layers = 1, .layout = kFastai};
const MlpGanOptions kSmallMlp{.size = {3, 4},
                              .channels = 2,
                              .latent = 4,
                              .generator_widths = {5, 6},
                              .discriminator_widths = {5},
                              .scores = Scores::probabilities};
const TutorialDcganOptions kSmallTutorial{.latent = 5, .width = 1};

MlpGanOptions with_classes(MlpGanOptions o, std::int64_t classes) {
  o.classes = classes;
  return o;
}

template <class Network>
Variable classified(Network& network, const Variable& x, const Pass& pass) {
  return network(x, int_labels({2, 0, 1}), pass);
}

}  // namespace

TEST_CASE("DCGAN and tutorials: the published counts of parameters") {
  CHECK(count<DcganGenerator>() == 3576704);
  CHECK(count<DcganDiscriminator>() == 2765568);  // without the 65 biases of fastai's
  CHECK(count<DcganGenerator>({.layout = kFastai}) == 3576704);
  CHECK(count<DcganDiscriminator>({.layout = kFastai}) == 2765633);
  CHECK(count<DcganGenerator>({.extra_layers = 1, .layout = kFastai}) == 3613696);
  CHECK(count<DcganDiscriminator>({.extra_layers = 1, .layout = kFastai}) == 2802625);
  CHECK(count<MlpGanGenerator>() == 1510032);
  CHECK(count<MlpGanDiscriminator>() == 533505);
  CHECK(count<MlpGanGenerator>(kCgan) == 582544);
  CHECK(count<MlpGanDiscriminator>(kCgan) == 538625);
  CHECK(count<TutorialDcganGenerator>() == 783937);
  CHECK(count<TutorialDcganDiscriminator>() == 155073);
}

TEST_CASE("DCGAN: names and shapes") {
  auto g = made<DcganGenerator>({.width = 2});
  const StateDict s = state_dict(g);
  CHECK(s.at("main.0.weight").shape() == Shape{100, 16, 4, 4});
  CHECK(s.at("main.10.running_mean").shape() == Shape{2});
  CHECK(s.at("main.12.weight").shape() == Shape{2, 3, 4, 4});
  auto d = made<DcganDiscriminator>({.width = 2});
  CHECK(parameter_names(d) == std::vector<std::string>{"main.0.weight", "main.2.weight", "main.3.weight", "main.3.bias",
                                                       "main.5.weight", "main.6.weight", "main.6.bias", "main.8.weight",
                                                       "main.9.weight", "main.9.bias", "main.11.weight"});
  auto critic = made<DcganDiscriminator>({.size = 16, .width = 2, .layout = kFastai});
  CHECK(parameter_names(critic) == std::vector<std::string>{"0.0.weight", "0.0.bias", "1.0.weight", "1.1.weight",
                                                            "1.1.bias", "2.weight", "2.bias"});
}

TEST_CASE("DCGAN and tutorials compute what they do in PyTorch") {
  check_network("dcgan generator", made<DcganGenerator>(kSmall), {3, 5});
  check_network("dcgan discriminator", made<DcganDiscriminator>(kSmall), {2, 3, 16, 16});
  check_network("basic_generator", made<DcganGenerator>(kSmallFastai), {3, 5});
  check_network("basic_critic", made<DcganDiscriminator>(kSmallFastai), {2, 3, 16, 16});
  check_network("gan generator", made<MlpGanGenerator>(kSmallMlp), {3, 4});
  check_network("gan discriminator", made<MlpGanDiscriminator>(kSmallMlp), {3, 2, 3, 4});
  const MlpGanOptions cgan = with_classes(kSmallMlp, 3);
  check_network<MlpGanGenerator>("cgan generator", made<MlpGanGenerator>(cgan), {3, 4}, classified<MlpGanGenerator>);
  check_network<MlpGanDiscriminator>("cgan discriminator", made<MlpGanDiscriminator>(cgan), {3, 2, 3, 4},
                                     classified<MlpGanDiscriminator>);
  check_network("tutorial dcgan generator", made<TutorialDcganGenerator>(kSmallTutorial), {2, 5});
  check_network("tutorial dcgan discriminator", made<TutorialDcganDiscriminator>(kSmallTutorial), {3, 1, 28, 28});
}

TEST_CASE("DCGAN and tutorials: gradients by finite differences") {
  const DcganOptions small{.size = 8, .channels = 1, .latent = 3, .width = 2};
  check_by_differences("DcganGenerator", made<DcganGenerator>(small), {2, 3}, 1);
  check_by_differences("DcganDiscriminator", made<DcganDiscriminator>(small), {2, 1, 8, 8}, 2);
  check_by_differences("MlpGanGenerator", made<MlpGanGenerator>(kSmallMlp), {3, 4}, 1);
  check_by_differences<MlpGanDiscriminator>("MlpGanDiscriminator",
                                            made<MlpGanDiscriminator>(with_classes(kSmallMlp, 3)), {3, 2, 3, 4}, 2,
                                            classified<MlpGanDiscriminator>);
  check_by_differences("TutorialDcganGenerator", made<TutorialDcganGenerator>({.latent = 2, .width = 1}), {2, 2}, 1);
}

TEST_CASE("DCGAN: any power of two") {
  Rng rng(2);
  for (std::int64_t size : {8, 16, 32, 128}) {
    for (DcganLayout layout : {DcganLayout::pytorch, kFastai}) {
      CAPTURE(size);
      const DcganOptions o{.size = size, .channels = 2, .latent = 4, .width = 2, .layout = layout};
      auto g = made<DcganGenerator>(o);
      auto d = made<DcganDiscriminator>(o);
      const Variable pictures = g(rng.normal({1, 4}));  // a batch of one, even in training
      CHECK(pictures.shape() == Shape{1, 2, size, size});
      CHECK(largest(pictures) <= 1);
      CHECK(d(pictures, kEvaluation).shape() == Shape{1});
    }
  }
}

TEST_CASE("tutorials: sizes, and scores as probabilities") {
  Rng rng(3);
  auto g = made<TutorialDcganGenerator>({.size = {32, 48}, .channels = 2, .width = 1});
  auto d = made<TutorialDcganDiscriminator>({.size = {32, 48}, .channels = 2, .width = 1});
  const Variable pictures = g(rng.normal({2, 100}));
  CHECK(pictures.shape() == Shape{2, 2, 32, 48});
  CHECK(d(pictures).shape() == Shape{2});
  CHECK(d(rng.normal({1, 2, 28, 41})).shape() == Shape{1});
  auto digits = made<TutorialDcganDiscriminator>({.width = 2, .scores = Scores::probabilities});
  for (double p : doubles(digits(rng.normal({3, 1, 28, 28})).value())) CHECK((p > 0 && p < 1));
  CHECK(digits(rng.normal({1, 1, 32, 32}), kEvaluation).shape() == Shape{1});
  CHECK(error_of([&] { digits(rng.normal({1, 1, 32, 32})); }) != "");  // a norm of one number
  CHECK(made<MlpGanGenerator>()(rng.normal({2, 100})).shape() == Shape{2, 1, 28, 28});
  CHECK(made<MlpGanGenerator>(kCgan)(rng.normal({1, 100}), int_labels({9}), kEvaluation).shape() ==
        Shape{1, 1, 28, 28});
}

TEST_CASE("DCGAN and tutorials: every parameter gets a gradient, through the penalties too") {
  Rng rng(4);
  for (DcganLayout layout : {DcganLayout::pytorch, kFastai}) {
    const DcganOptions o{.size = 16, .latent = 5, .width = 4, .extra_layers = 1, .layout = layout};
    auto g = made<DcganGenerator>(o);
    auto d = made<DcganDiscriminator>(o);
    check_all_gradients(g, mean(softplus(d(g(rng.normal({4, 5}))))));
    const Tensor x = rng.normal({4, 3, 16, 16});
    check_all_gradients(d, mean(softplus(d(x))) + r1_penalty([&](const Variable& y) { return d(y); }, x, 1.0));
  }
  auto g = made<TutorialDcganGenerator>({.width = 2});
  auto d = made<TutorialDcganDiscriminator>({.width = 2});
  // Biases in front of batch norms have none.
  check_all_gradients(g, mean(softplus(d(g(rng.normal({4, 100}))))), {"conv.0.bias", "conv.3.bias"});
  check_all_gradients(d, mean(softplus(d(rng.normal({4, 1, 28, 28})))), {"conv.2.bias", "conv.5.bias", "conv.8.bias"});
  auto mlp = made<MlpGanGenerator>(kSmallMlp);
  auto critic = made<MlpGanDiscriminator>(kSmallMlp);
  check_all_gradients(mlp, mean(critic(mlp(rng.normal({4, 4})))), {"model.2.bias"});
  const Tensor real = rng.normal({4, 2, 3, 4});
  const Variable penalty =
      gradient_penalty([&](const Variable& y) { return critic(y); }, real, rng.normal({4, 2, 3, 4}), rng);
  check_all_gradients(critic, mean(critic(real)) + penalty);
}

TEST_CASE("DCGAN and tutorials refuse what does not fit") {
  for (const DcganOptions& o : {DcganOptions{.size = 4},
                                {.size = 28},
                                {.size = 0},
                                {.size = -64},
                                {.channels = 0},
                                {.latent = 0},
                                {.width = 0},
                                {.extra_layers = -1},
                                {.size = std::int64_t{1} << 62}}) {
    CHECK(error_of([&] { made<DcganGenerator>(o); }).starts_with("DcganGenerator: "));
    CHECK(error_of([&] { made<DcganDiscriminator>(o); }).starts_with("DcganDiscriminator: "));
  }
  for (const MlpGanOptions& o : {MlpGanOptions{.size = {0, 4}},
                                 {.channels = 0},
                                 {.latent = 0},
                                 {.classes = -1},
                                 {.generator_widths = {}},
                                 {.discriminator_widths = {4, 0}}})
    CHECK(error_of([&] { made<MlpGanGenerator>(o); }).starts_with("MlpGanGenerator: "));
  for (const TutorialDcganOptions& o : {TutorialDcganOptions{.size = {28, 28}}, {.size = {36, 32}}, {.width = 0}})
    CHECK(error_of([&] { made<TutorialDcganGenerator>(o); }).starts_with("TutorialDcganGenerator: "));

  auto g = made<DcganGenerator>(kSmall);
  CHECK(error_of([&] { g(Tensor::zeros({2, 4})); }) == "DcganGenerator: needs latents [N, 5], got float32[2, 4]");
  CHECK(error_of([&] { g(Variable()); }) == "DcganGenerator: needs latents [N, 5], got none");
  CHECK(error_of([&] {
          made<DcganDiscriminator>(kSmall)(Tensor::zeros({1, 3, 32, 32}));
        }) == "DcganDiscriminator: is made for pictures of 16 x 16, got float32[1, 3, 32, 32]");
  auto plain = made<MlpGanGenerator>(kSmallMlp), classes = made<MlpGanGenerator>(with_classes(kSmallMlp, 3));
  const Tensor z = Tensor::zeros({2, 4});
  CHECK(error_of([&] { plain(z, int_labels({0, 1})); }).find("has no classes") != std::string::npos);
  CHECK(error_of([&] { classes(z); }).find("needs a label of 3 classes") != std::string::npos);
  CHECK(error_of([&] { classes(z, int_labels({0, 3})); }) != "");
  CHECK(error_of([&] {
          made<TutorialDcganDiscriminator>()(Tensor::zeros({2, 1, 24, 28}));
        }).starts_with("TutorialDcganDiscriminator: is made for pictures"));
}
