// The residual networks of mimicry and MMGeneration: counts and names as published, PyTorch's values and gradients, how
// weights start, and what is refused.
#include "duel/gan/models/sngan.h"

#include "tests/gan/residual_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr SpectralNormOptions kPlain{.variant = SpectralNormVariant::none};

SnganGenerator generator(const SnganGeneratorOptions& o, std::uint64_t seed = 1) {
  Rng rng(seed);
  return {rng, o};
}

SnganDiscriminator discriminator(const SnganDiscriminatorOptions& o, std::uint64_t seed = 2) {
  Rng rng(seed);
  return {rng, o};
}

// A published configuration made narrow.
SnganConfiguration narrow(std::string_view name, std::int64_t width) {
  SnganConfiguration c = sngan_configuration(name);
  c.generator.width = c.discriminator.width = width;
  c.generator.latent = 5;
  if (c.generator.classes > 0) c.generator.classes = c.discriminator.classes = 3;
  return c;
}

double spread(const Variable& w) {
  return std::sqrt(inner_product(w.value(), w.value()) / static_cast<double>(w.numel()));
}

}  // namespace

TEST_CASE("SNGAN: the published configurations have the published numbers of parameters") {
  const std::map<std::string, std::array<std::int64_t, 2>> published = {
      {"mimicry-SNGAN-32", {4276739, 1053825}},    {"mimicry-WGAN-GP-32", {4276739, 1053825}},
      {"mimicry-SNGAN-48", {4878083, 10141441}},   {"mimicry-WGAN-GP-48", {4878083, 10141441}},
      {"mimicry-SNGAN-64", {12220675, 10141441}},  {"mimicry-WGAN-GP-64", {12220675, 10141441}},
      {"mimicry-SNGAN-128", {32150787, 29017857}}, {"mimicry-WGAN-GP-128", {32150787, 29017857}},
      {"mimicry-cGAN-PD-32", {4304387, 1055105}},  {"mimicry-SAGAN-32", {4386308, 1075586}},
      {"mmgen-SNGAN-32", {4304387, 1055105}},      {"mmgen-SAGAN-32", {4386308, 1075586}},
      {"mmgen-SNGAN-128", {41996931, 39443137}},
  };
  std::size_t found = 0;
  for (SnganConfiguration c : sngan_configurations()) {
    if (!published.contains(c.name)) continue;
    CAPTURE(c.name);
    ++found;
    c.generator.init = c.discriminator.init = SnganInit::mimicry;  // quicker than orthogonal matrices
    auto count = [](auto module) { return count_parameters(module); };
    CHECK(count(generator(c.generator)) == published.at(c.name)[0]);
    CHECK(count(discriminator(c.discriminator)) == published.at(c.name)[1]);
  }
  CHECK(found == published.size());
  CHECK(error_of([] { sngan_configuration("mimicry-SNGAN-46"); }).find("(nearest: mimicry-SNGAN-4") !=
        std::string::npos);
}

TEST_CASE("SNGAN: names, values, gradients and buffers are PyTorch's") {
  const Tensor y = int_labels({2, 0});
  SnganConfiguration c = narrow("mimicry-SNGAN-48", 16);
  check_residual_network("mimicry generator", generator(c.generator), {2, 5});
  check_residual_network("mimicry discriminator", discriminator(c.discriminator), {2, 3, 48, 48});
  c = narrow("mimicry-WGAN-GP-32", 4);
  check_residual_network("mimicry critic", discriminator(c.discriminator), {2, 3, 32, 32});
  c = narrow("mimicry-SAGAN-32", 8);
  check_residual_network("mimicry sagan generator", generator(c.generator), {2, 5}, y);
  check_residual_network("mimicry sagan discriminator", discriminator(c.discriminator), {2, 3, 32, 32}, y);
  c = narrow("mmgen-SAGAN-32", 8);
  check_residual_network("mmgen sagan generator", generator(c.generator), {2, 5}, y);
  check_residual_network("mmgen sagan discriminator", discriminator(c.discriminator), {2, 3, 32, 32}, y);
}

TEST_CASE("SNGAN: every configuration makes pictures of its size, judges them, and learns") {
  Rng rng(3);
  const Tensor y = int_labels({1, 2});
  for (const SnganConfiguration& published : sngan_configurations()) {
    CAPTURE(published.name);
    const SnganConfiguration c = narrow(published.name, published.generator.attention_after ? 128 : 16);
    if (published.generator.resolution == 128 && published.generator.attention_after)
      continue;  // slow, like those of 32
    auto g = generator(c.generator);
    auto d = discriminator(c.discriminator);
    const Tensor labels = c.generator.classes > 0 ? y : Tensor();
    const Variable pictures = g(rng.normal({2, 5}), labels);
    const std::int64_t side = c.generator.resolution;
    CHECK(pictures.shape() == Shape{2, 3, side, side});
    CHECK(largest(pictures) <= 1);
    const Variable logits = d(pictures, labels);
    CHECK(logits.shape() == Shape{2});
    if (side > 48 || c.generator.attention_after) continue;
    if (c.discriminator.self_supervision != SelfSupervision::none) continue;  // of which logits are a part only
    check_all_gradients(d, mean(logits));
  }
}

TEST_CASE("SNGAN: gradients by finite differences, without spectral norm") {
  SnganConfiguration c = narrow("mimicry-cGAN-PD-32", 2);
  c.discriminator.spectral = kPlain;
  const Forward<SnganGenerator> generate = [](SnganGenerator& m, const Variable& x, const Pass& pass) {
    return m(x, int_labels({2, 0}), pass);
  };
  check_by_differences("sngan generator", generator(c.generator), {2, 5}, 1, generate);
  const Forward<SnganDiscriminator> judge = [](SnganDiscriminator& m, const Variable& x, const Pass& pass) {
    return m(x, int_labels({1}), pass);
  };
  check_by_differences("sngan discriminator", discriminator(c.discriminator), {1, 3, 32, 32}, 2, judge);
}

TEST_CASE("SNGAN: weights start as each system starts them") {
  const auto uniform = [](double gain, double in, double out) { return gain * std::sqrt(2 / (in + out)); };
  SnganConfiguration c = narrow("mmgen-SAGAN-32", 32);
  for (SnganInit how : {SnganInit::sngan, SnganInit::sagan, SnganInit::biggan, SnganInit::studio}) {
    c.generator.init = how;
    auto g = generator(c.generator);
    auto& block = g.blocks[1];
    const bool tables = how == SnganInit::biggan || how == SnganInit::studio;
    const double gain = how == SnganInit::sngan ? std::sqrt(2.0) : 1;
    if (how != SnganInit::studio) {
      CHECK(spread(block.conv1.layer.weight) == doctest::Approx(uniform(gain, 288, 288)).epsilon(0.05));
      CHECK(spread(block.shortcut->layer.weight) == doctest::Approx(uniform(1, 32, 32)).epsilon(0.05));
      CHECK(spread(g.attention->o.layer.weight) == doctest::Approx(uniform(gain, 16, 32)).epsilon(0.1));
    } else {
      const Variable w = reshape(block.conv1.layer.weight, {32, 288});
      CHECK(spread(matmul(w, transpose(w, 0, 1))) == doctest::Approx(std::sqrt(1 / 32.0)).epsilon(tolerance::kSingle));
    }
    CHECK((spread(block.conv1.layer.bias) == 0) == (how != SnganInit::biggan));
    CHECK((block.norm1.gain_table == GainTable::added_to_one) == tables);
    CHECK((spread(block.norm1.tables[1].layer.weight) > 0) == tables);
    if (!tables) CHECK(spread(block.norm1.tables[0].layer.weight) == 1);
  }
  auto g = generator(narrow("mimicry-cGAN-PD-32", 32).generator);
  const Variable& table = g.blocks[0].norm1.tables[0].layer.weight;  // gains, then biases
  CHECK(spread(slice(table, 1, 0, 32)) == doctest::Approx(1).epsilon(0.01));
  CHECK(spread(slice(table, 1, 32, 64)) == 0);
  CHECK(spread(g.blocks[0].conv1.layer.weight) == doctest::Approx(uniform(std::sqrt(2.0), 288, 288)).epsilon(0.05));
  CHECK(spread(g.blocks[0].conv1.layer.bias) > 0);
}

TEST_CASE("SNGAN: mimicry's WGAN-GP leaves shortcuts and the last convolution as PyTorch makes them") {
  const auto xavier = [](double gain, double in, double out) { return gain * std::sqrt(2 / (in + out)); };
  const auto pytorch = [](double in) { return 1 / std::sqrt(3 * in); };
  const auto is = [](const Variable& w, double expected) {
    return spread(w) == doctest::Approx(expected).epsilon(0.1);
  };
  for (const bool wgan_gp : {true, false}) {
    const SnganConfiguration c = narrow(wgan_gp ? "mimicry-WGAN-GP-32" : "mimicry-SNGAN-32", 32);
    auto g = generator(c.generator);
    auto d = discriminator(c.discriminator);
    for (const Variable& w : {g.blocks[1].conv1.layer.weight, d.blocks[1].conv2.layer.weight})
      CHECK(is(w, xavier(std::sqrt(2.0), 288, 288)));
    for (const Variable& w : {g.blocks[1].shortcut->layer.weight, d.blocks[1].shortcut->layer.weight})
      CHECK(is(w, wgan_gp ? pytorch(32) : xavier(1, 32, 32)));
    CHECK(is(g.output.layer.weight, wgan_gp ? pytorch(288) : xavier(1, 288, 27)));
    CHECK(is(g.linear.layer.weight, xavier(1, 5, 512)));
    CHECK(spread(g.linear.layer.bias) > 0);
  }
}

TEST_CASE("SNGAN: options and inputs that do not fit are refused") {
  using G = SnganGeneratorOptions;
  using D = SnganDiscriminatorOptions;
  for (const G& o :
       {G{.resolution = 256}, G{.width = 0}, G{.resolution = 64, .width = 40}, G{.channels = 0}, G{.classes = -1},
        G{.latent = 0}, G{.attention_after = 4}, G{.attention_after = -1}, G{.upsampling = Upsampling::none}})
    CHECK(error_of([&] { generator(o); }).starts_with("SnganGenerator: "));
  for (const D& o : {D{.resolution = 31}, D{.width = -1}, D{.resolution = 48, .width = 8}, D{.channels = 0},
                     D{.classes = -1}, D{.attention_after = 5}})
    CHECK(error_of([&] { discriminator(o); }).starts_with("SnganDiscriminator: "));

  const SnganConfiguration with = narrow("mimicry-cGAN-PD-32", 4), without = narrow("mimicry-SNGAN-32", 4);
  const Tensor z = Tensor::zeros({2, 5}), x = Tensor::zeros({2, 3, 32, 32}), y = int_labels({0, 1});
  auto g = generator(with.generator), plain = generator(without.generator);
  auto d = discriminator(with.discriminator), plain_d = discriminator(without.discriminator);
  CHECK_FALSE(error_of([&] { g(z); }).empty());
  CHECK_FALSE(error_of([&] { g(z, int_labels({0, 3})); }).empty());
  CHECK_FALSE(error_of([&] { g(Tensor::zeros({2, 4}), y); }).empty());
  CHECK_FALSE(error_of([&] { g(Variable(), y); }).empty());
  CHECK_FALSE(error_of([&] { plain(z, y); }).empty());
  CHECK_FALSE(error_of([&] { d(x); }).empty());
  CHECK_FALSE(error_of([&] { d(x, int_labels({0})); }).empty());
  CHECK_FALSE(error_of([&] { d(Tensor::zeros({2, 3, 32, 48}), y); }).empty());
  CHECK_FALSE(error_of([&] { plain_d(x, y); }).empty());
}
