// BigGAN: counts and names as published, PyTorch's values and gradients, training, evaluation, and what it refuses.
#include "duel/gan/models/biggan.h"

#include "tests/gan/residual_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr SpectralNormOptions kPlain{.variant = SpectralNormVariant::none};

BigganGenerator generator(const BigganGeneratorOptions& o, std::uint64_t seed = 1) {
  Rng rng(seed);
  return {rng, o};
}

BigganDiscriminator discriminator(const BigganDiscriminatorOptions& o, std::uint64_t seed = 2) {
  Rng rng(seed);
  return {rng, o};
}

// 32 pixels, 8 feature maps, and attention in both networks.
BigganGeneratorOptions small_generator() {
  return {.resolution = 32, .width = 2, .classes = 3, .latent = 5, .attention = "16", .init = WeightInit::normal_002};
}
BigganGeneratorOptions small_hierarchical() {
  BigganGeneratorOptions o = small_generator();
  o.latent = 9;  // of which 8 are used
  o.embedding = ClassEmbedding::shared;
  o.shared = 4;
  o.latent_use = LatentUse::hierarchical;
  return o;
}
BigganDiscriminatorOptions small_discriminator() {
  return {.resolution = 32, .width = 2, .classes = 3, .attention = "16", .init = WeightInit::normal_002};
}

template <class Module>
void set_gamma(Module& module, double value) {
  for (const auto& [name, p] : named_parameters(module))
    if (name.ends_with("gamma")) Tensor(p.value()).fill_(value);
}

}  // namespace

TEST_CASE("the published configurations have the published numbers of parameters") {
  const std::map<std::string_view, std::array<std::int64_t, 2>> published = {
      {"BigGAN-C10", {4304387, 4207361}},
      {"BigGAN-C100", {4580867, 4230401}},
      {"BigGAN-I128", {70433988, 87982370}},
      {"BigGAN-I128-ch64", {31978628, 39448258}},
      {"BigGAN-I256", {82097604, 99191330}},
      {"SAGAN-I128", {42017412, 39448258}},
      {"SNGAN-I128", {41996931, 30005013}},
      {"StudioGAN-BigGAN-C10", {9416196, 2415170}},
      {"StudioGAN-ContraGAN-C10", {9416196, 2517186}},
      {"StudioGAN-ReACGAN-C10", {9416196, 2517186}},
      {"StudioGAN-MHGAN-C10", {9416196, 2415180}},
      {"StudioGAN-MDGAN-C10", {9416196, 2414987}},
      {"StudioGAN-ACGAN-Big-C10", {9416196, 2415170}},
      {"StudioGAN-ACGAN-Big-TAC-C10", {9416196, 2417090}},
      {"StudioGAN-ACGAN-Big-ADC-C10", {9416196, 2417090}},
      {"StudioGAN-BigGAN-I128", {70433988, 87982370}},
  };
  CHECK(biggan_configurations().size() == published.size());
  for (const BigganConfiguration& c : biggan_configurations()) {
    CAPTURE(c.name);
    BigganGeneratorOptions g = c.generator;
    BigganDiscriminatorOptions d = c.discriminator;
    g.init = d.init = WeightInit::standard;  // orthogonal matrices of this size take their time
    auto count = [](auto module) { return count_parameters(module); };
    CHECK(count(generator(g)) == published.at(c.name)[0]);
    CHECK(count(discriminator(d)) == published.at(c.name)[1]);
  }
  CHECK(error_of([] { biggan_configuration("BigGAN-C1O"); }) ==
        "biggan_configuration: there is no configuration 'BigGAN-C1O' (nearest: BigGAN-C10)");
}

TEST_CASE("every size: pictures of that size in [-1, 1], and a finite logit each") {
  for (std::int64_t resolution : {32, 64, 128, 256, 512}) {
    CAPTURE(resolution);
    auto g = generator({.resolution = resolution, .width = 1, .classes = 2, .latent = 6, .attention = "0"});
    auto d = discriminator({.resolution = resolution, .width = 1, .classes = 2, .attention = "0"});
    const Tensor y = int_labels({1, 0});
    const Tensor pictures = g(Rng(3).normal({2, 6}), y).value();
    CHECK(pictures.shape() == Shape{2, 3, resolution, resolution});
    CHECK(largest(pictures) <= 1);
    const Tensor logits = d(pictures, y).value();
    CHECK(logits.shape() == Shape{2});
    CHECK(largest(logits) > 0);
  }
}

TEST_CASE("BigGAN: names, values, gradients and buffers are PyTorch's") {
  const Tensor y = int_labels({2, 0});
  check_residual_network("biggan generator", generator(small_generator()), {2, 5}, y);
  BigganGeneratorOptions o = small_hierarchical();
  o.latent = 8;
  o.statistics = BigganStatistics::own;
  o.norm_eps = 1e-3;
  check_residual_network("biggan hierarchical", generator(o), {2, 8}, y);
  o = small_generator();
  o.spectral = kPlain;
  o.norm_style = "nonorm";
  check_residual_network("biggan nonorm", generator(o), {2, 5}, y);
  o.embedding = ClassEmbedding::shared;
  o.shared = 4;
  o.norm_style = "in";
  o.depth = 2;
  check_residual_network("biggan deep stages", generator(o), {2, 5}, y);
  for (const char* style : {"gn_grp_4", "gn_ch_2"}) {
    o = small_generator();
    o.norm_style = style;
    check_residual_network("biggan groups", generator(o), {2, 5}, y);
  }
  check_residual_network("biggan discriminator", discriminator(small_discriminator()), {2, 3, 32, 32}, y);
  check_residual_network("biggan thin discriminator",
                         discriminator({.resolution = 64,
                                        .width = 1,
                                        .classes = 3,
                                        .attention = "4",
                                        .block_width = BlockWidth::thin,
                                        .spectral = kPlain}),
                         {2, 3, 64, 64}, y);
}

TEST_CASE("a published network has the published names and shapes") {
  BigganGeneratorOptions o = biggan_configuration("BigGAN-I128").generator;
  o.init = WeightInit::standard;
  o.width = 8;
  auto g = generator(o);
  CHECK(has_names(g, {"shared.weight",
                      "linear.weight",
                      "linear.bias",
                      "linear.u0",
                      "linear.sv0",
                      "blocks.0.0.conv1.weight",
                      "blocks.4.0.conv2.bias",
                      "blocks.1.0.conv_sc.sv0",
                      "blocks.0.0.bn1.gain.weight",
                      "blocks.0.0.bn2.bias.u0",
                      "blocks.0.0.bn1.stored_mean",
                      "blocks.4.0.bn2.stored_var",
                      "blocks.3.1.theta.weight",
                      "blocks.3.1.gamma",
                      "output_layer.0.gain",
                      "output_layer.0.bias",
                      "output_layer.0.stored_mean",
                      "output_layer.2.weight",
                      "output_layer.2.bias",
                      "output_layer.2.u0"}));
  const StateDict state = state_dict(g);
  CHECK(state.at("shared.weight").shape() == Shape{1000, 128});
  CHECK(state.at("linear.weight").shape() == Shape{16 * 8 * 16, 20});
  CHECK(state.at("blocks.0.0.bn1.gain.weight").shape() == Shape{16 * 8, 148});
  CHECK(state.at("blocks.0.0.conv1.u0").shape() == Shape{1, 128});
  CHECK(state.at("blocks.3.1.o.weight").shape() == Shape{16, 8, 1, 1});
}

TEST_CASE("names follow the way of storing statistics, and the norm style") {
  const auto names_of_norm = [](const BigganGeneratorOptions& o, const std::string& prefix) {
    auto g = generator(o);
    std::vector<std::string> found;
    for (const auto& [name, t] : state_dict(g))
      if (name.starts_with(prefix) && !name.ends_with(".weight")) found.push_back(name.substr(prefix.size()));
    return found;
  };
  using Names = std::vector<std::string>;
  BigganGeneratorOptions o = small_generator();
  o.spectral = kPlain;
  CHECK(names_of_norm(o, "blocks.0.0.bn1.") == Names{"stored_mean", "stored_var"});
  o.statistics = BigganStatistics::own;
  CHECK(names_of_norm(o, "blocks.0.0.bn1.") == Names{"bn.accumulation_counter", "bn.stored_mean", "bn.stored_var"});
  CHECK(names_of_norm(o, "output_layer.0.") ==
        Names{"bias", "bn.accumulation_counter", "bn.stored_mean", "bn.stored_var", "gain"});
  o.statistics = BigganStatistics::cross_replica;
  CHECK(names_of_norm(o, "blocks.0.0.bn1.") == Names{"bn.num_batches_tracked", "bn.running_mean", "bn.running_var"});
  o.statistics = BigganStatistics::torch;
  o.norm_style = "in";
  CHECK(names_of_norm(o, "blocks.0.0.bn1.") == Names{"stored_mean", "stored_var"});
  for (const char* style : {"gn_grp_4", "gn_ch_2", "nonorm"}) {
    o.norm_style = style;
    CHECK(names_of_norm(o, "blocks.0.0.bn1.").empty());
    CHECK(names_of_norm(o, "output_layer.0.") == Names{"bias", "gain", "stored_mean", "stored_var"});
  }
}

TEST_CASE("attention starts as the identity, and does something once gamma is not 0") {
  Rng rng(3);
  const Tensor z = rng.normal({2, 5}), y = int_labels({2, 1}), x = rng.normal({2, 3, 32, 32});
  auto g = generator(small_generator());
  auto d = discriminator(small_discriminator());
  const Pass eval = kEvaluation;
  const Tensor picture = g(z, y, eval).value(), logit = d(x, y, eval).value();
  for (auto& stage : g.blocks) stage.attention.reset();
  for (auto& stage : d.blocks) stage.attention.reset();
  CHECK(difference(g(z, y, eval).value(), picture) == 0);
  CHECK(difference(d(x, y, eval).value(), logit) == 0);

  auto seeing = generator(small_generator());
  set_gamma(seeing, 10);
  CHECK(difference(seeing(z, y, eval).value(), picture) > 0);
}

TEST_CASE("a step of training: every parameter of every kind of network has a gradient") {
  std::vector<BigganGeneratorOptions> kinds = {small_generator(), small_hierarchical(), small_generator()};
  kinds[1].depth = 2;
  kinds[2].nonlinearity = Nonlinearity::leaky_relu;
  kinds[2].spectral = kPlain;
  for (const char* style : {"in", "gn_grp_4", "gn_ch_2", "nonorm"}) {
    kinds.push_back(small_generator());
    kinds.back().norm_style = style;
  }
  BigganDiscriminatorOptions thin = small_discriminator();
  thin.block_width = BlockWidth::thin;
  thin.depth = 2;
  thin.width = 3;
  auto d = discriminator(thin);
  set_gamma(d, 0.5);
  Rng rng(6);
  const Tensor y = int_labels({0, 1, 2});
  for (const BigganGeneratorOptions& o : kinds) {
    CAPTURE(o.norm_style);
    auto g = generator(o);
    set_gamma(g, 0.5);
    const Variable pictures = g(rng.normal({3, g.options.latent}), y);
    check_all_gradients(g, mean(softplus(d(pictures, y))));
  }
  check_all_gradients(d, mean(softplus(d(rng.normal({3, 3, 32, 32}), y))));
}

TEST_CASE("BigGAN: gradients by finite differences, without spectral norm, whose singular vectors are constants") {
  // GELU, as there are too many kinks else; for the same reason a discriminator without attention and its maxima.
  BigganGeneratorOptions g = small_hierarchical();
  g.spectral = kPlain;
  g.nonlinearity = Nonlinearity::gelu;
  const Forward<BigganGenerator> generate = [](BigganGenerator& m, const Variable& x, const Pass& pass) {
    return 0.1 * m(x, int_labels({2, 0}), pass);  // so that roundings are small
  };
  check_by_differences("biggan generator", generator(g), {2, 8}, 1, generate);
  BigganDiscriminatorOptions d = small_discriminator();
  d.spectral = kPlain;
  d.nonlinearity = Nonlinearity::gelu;
  d.width = 1;
  d.attention = "0";
  const Forward<BigganDiscriminator> judge = [](BigganDiscriminator& m, const Variable& x, const Pass& pass) {
    return m(x, int_labels({1}), pass);
  };
  check_by_differences("biggan discriminator", discriminator(d), {1, 3, 32, 32}, 2, judge);
}

TEST_CASE("evaluation uses stored statistics, which standing statistics replace; a clone has its own") {
  for (BigganStatistics statistics :
       {BigganStatistics::torch, BigganStatistics::own, BigganStatistics::cross_replica}) {
    BigganGeneratorOptions o = small_generator();
    o.statistics = statistics;
    auto g = generator(o);
    Rng rng(4);
    const Tensor z = rng.normal({4, 5}), y = int_labels({2, 0, 1, 2});
    g(z, y);
    const Pass eval = kEvaluation;
    const Tensor together = g(z, y, eval).value();
    CHECK(difference(g(z.slice(0, 2, 3), y.slice(0, 2, 3), eval).value(), together.slice(0, 2, 3)) <=
          tolerance::kSingle);

    auto copy = clone(g);
    reset_running_statistics(copy);
    CHECK(difference(g(z, y, eval).value(), together) == 0);
    const Tensor mean = state_dict(g).at(statistics == BigganStatistics::torch ? "output_layer.0.stored_mean"
                                         : statistics == BigganStatistics::own ? "output_layer.0.bn.stored_mean"
                                                                               : "output_layer.0.bn.running_mean");
    CHECK(difference(mean, g.output.norm.running.mean) == 0);
    for (int i = 0; i < 3; ++i) copy(rng.normal({4, 5}), y, {.statistics = StatisticsUpdate::cumulative});
    CHECK(copy.output.norm.running.num_batches_tracked.item() == 3);
    CHECK(g.output.norm.running.num_batches_tracked.item() == 1);
    CHECK(difference(copy(z, y, eval).value(), together) > 0);
  }
}

TEST_CASE("a shared embedding can be mixed") {
  auto g = generator(small_hierarchical());
  Rng rng(5);
  const Tensor z = rng.normal({2, 8}), y = int_labels({0, 2});
  const Pass eval = kEvaluation;
  CHECK(difference(g.from_embedding(z, (*g.shared)(y), eval).value(), g(z, y, eval).value()) == 0);
  CHECK(g.from_embedding(z, 0.5 * (*g.shared)(y), eval).shape() == Shape{2, 3, 32, 32});
  auto without = generator(small_generator());
  CHECK(error_of([&] {
          without.from_embedding(z, rng.normal({2, 4}));
        }).find("no shared embedding") != std::string::npos);
}

TEST_CASE("several singular values are followed, as far as a weight has them") {
  BigganDiscriminatorOptions o = small_discriminator();
  o.spectral.singular_values = 2;
  o.spectral.iterations = 2;
  auto d = discriminator(o);
  const StateDict state = state_dict(d);
  CHECK(state.contains("blocks.0.0.conv1.u1"));
  CHECK(state.contains("embed.sv1"));
  CHECK_FALSE(state.contains("linear.u1"));
  d(Rng(1).normal({2, 3, 32, 32}), int_labels({0, 1}));
  const std::vector<Tensor>& sigmas = d.blocks[0].blocks[0].conv2.state.sigmas();
  CHECK(sigmas.size() == 2);
  CHECK(sigmas[1].item() > 0);
}

TEST_CASE("options and inputs that do not fit are refused") {
  using G = BigganGeneratorOptions;
  using D = BigganDiscriminatorOptions;
  for (const G& o : {G{.resolution = 48}, G{.width = 0}, G{.channels = 0}, G{.classes = 0}, G{.latent = 0},
                     G{.shared = -1}, G{.latent_use = LatentUse::hierarchical}, G{.attention = "63"},
                     G{.attention = "32-64"}, G{.attention = ""}, G{.attention = "64_"}, G{.depth = 0},
                     G{.latent = 5, .embedding = ClassEmbedding::shared, .latent_use = LatentUse::hierarchical},
                     G{.norm_style = "in", .statistics = BigganStatistics::own}})
    CHECK(error_of([&] { generator(o); }).starts_with("BigganGenerator: "));
  for (const D& o : {D{.resolution = 0}, D{.width = -1}, D{.channels = 0}, D{.classes = 0}, D{.attention = "x"},
                     D{.width = 1, .depth = -2}})
    CHECK(error_of([&] { discriminator(o); }).starts_with("BigganDiscriminator: "));
  CHECK_FALSE(error_of([] { generator({.resolution = 32, .width = 1, .norm_style = "gn_grp_3"}); }).empty());
  CHECK_FALSE(error_of([] { generator({.resolution = 32, .width = 1, .attention = "32"}); }).empty());

  auto g = generator(small_generator());
  auto d = discriminator(small_discriminator());
  const Tensor z = Tensor::zeros({2, 5}), x = Tensor::zeros({2, 3, 32, 32}), y = int_labels({0, 1});
  CHECK(error_of([&] { g(Tensor::zeros({2, 6}), y); }) == "BigganGenerator: needs latents [N, 5], got float32[2, 6]");
  CHECK_FALSE(error_of([&] { g(Variable(), y); }).empty());
  CHECK_FALSE(error_of([&] { g(z, int_labels({0})); }).empty());
  CHECK_FALSE(error_of([&] { g(z, int_labels({0, 3})); }).empty());
  CHECK_FALSE(error_of([&] { g(z, Tensor()); }).empty());
  CHECK_FALSE(error_of([&] { g(z, Tensor::zeros({2})); }).empty());
  CHECK(error_of([&] {
          d(Tensor::zeros({2, 3, 32, 16}), y);
        }).find("made for pictures of 32 x 32") != std::string::npos);
  CHECK_FALSE(error_of([&] { d(Variable(), y); }).empty());
  CHECK_FALSE(error_of([&] { d(x, int_labels({0, -1})); }).empty());
  CHECK_FALSE(error_of([&] { d(x, int_labels({0})); }).empty());
}
