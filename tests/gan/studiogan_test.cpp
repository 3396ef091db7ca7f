// The networks of PyTorch-StudioGAN's `resnet` and `deep_conv`: counts as published, names, PyTorch's values and
// gradients, how weights start, and what is refused.
#include <numeric>

#include "duel/autograd/index.h"
#include "duel/gan/models/sngan.h"
#include "duel/gan/models/studiogan_dcgan.h"
#include "tests/gan/residual_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr const char* kFile = "studiogan.json";

// A published configuration made narrow.
SnganConfiguration narrow(std::string_view name, std::int64_t width, std::int64_t resolution = 32) {
  SnganConfiguration c = sngan_configuration(name);
  c.generator.resolution = c.discriminator.resolution = resolution;
  c.generator.width = c.discriminator.width = width;
  c.generator.latent = 5;
  if (c.generator.classes > 0) c.generator.classes = c.discriminator.classes = 3;
  return c;
}

// Against PyTorch's in float64 and in float32.
template <class Network>
void check_as_pytorch(const std::string& group, const typename Network::Options& o, const Shape& shape,
                      const Tensor& labels = {}) {
  const Forward<Network> forward = [&](Network& network, const Variable& x, const Pass& pass) {
    if constexpr (requires { network(x, labels, pass); })
      return network(x, labels, pass);
    else
      return network(x, pass);
  };
  check_whole_network(kFile, group, made<Network>(o), shape, forward);
  check_single_precision(kFile, group, made<Network>(o), shape, forward);
}

// How far the rows of w, a matrix or kernels, are from orthonormal ones.
double from_orthonormal(const Variable& w) {
  const Variable rows = flatten(w, 1);
  const bool wide = rows.size(0) <= rows.size(1);
  const Variable across = transpose(rows, 0, 1);
  const Variable product = wide ? matmul(rows, across) : matmul(across, rows);
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(product.size(0)));
  std::iota(numbers.begin(), numbers.end(), 0);
  return largest(product - one_hot(Tensor::from(numbers, {product.size(0)}), product.size(0)));
}

}  // namespace

TEST_CASE("StudioGAN: the published numbers of parameters") {
  const std::map<std::string, std::array<std::int64_t, 2>> published = {
      {"StudioGAN-WGAN-GP-C10", {4276739, 1055879}},
      {"StudioGAN-PD-GAN-C10", {4304387, 1055105 + 2054}},  // SNGAN's, and WGAN-GP's batch norms
      {"StudioGAN-SNGAN-C10", {4304387, 1055105}},
      {"StudioGAN-SAGAN-C10", {4386308, 1075586}},
      {"StudioGAN-SNGAN-I128", {41996931, 39443137}},
  };
  for (const auto& [name, parameters] : published) {
    CAPTURE(name);
    SnganConfiguration c = sngan_configuration(name);
    c.generator.init = c.discriminator.init = SnganInit::sagan;  // quicker than orthogonal matrices
    CHECK(count<SnganGenerator>(c.generator) == parameters[0]);
    CHECK(count<SnganDiscriminator>(c.discriminator) == parameters[1]);
  }
  CHECK(count<StudioganDcganGenerator>() == 3812355);
  CHECK(count<StudioganDcganDiscriminator>() == 2931009);
}

TEST_CASE("StudioGAN: names, values, gradients and buffers are PyTorch's") {
  const Tensor y = int_labels({2, 0});
  const Shape z{2, 5}, small{2, 3, 32, 32}, large{2, 3, 64, 64};
  SnganConfiguration c = narrow("StudioGAN-WGAN-GP-C10", 4);
  check_as_pytorch<SnganGenerator>("wgan-gp generator", c.generator, z);
  check_as_pytorch<SnganDiscriminator>("wgan-gp discriminator", c.discriminator, small);
  c = narrow("StudioGAN-PD-GAN-C10", 16, 64);
  check_as_pytorch<SnganDiscriminator>("pd-gan discriminator 64", c.discriminator, large, y);
  c = narrow("StudioGAN-SNGAN-C10", 16, 64);
  check_as_pytorch<SnganGenerator>("sngan generator 64", c.generator, z, y);
  check_as_pytorch<SnganDiscriminator>("sngan discriminator 64", c.discriminator, large, y);
  c = narrow("StudioGAN-SAGAN-C10", 8);
  check_as_pytorch<SnganGenerator>("sagan generator", c.generator, z, y);
  check_as_pytorch<SnganDiscriminator>("sagan discriminator", c.discriminator, small, y);
  const StudioganDcganOptions dcgan{.latent = 5, .width = 2};
  check_as_pytorch<StudioganDcganGenerator>("dcgan generator", dcgan, z);
  check_as_pytorch<StudioganDcganDiscriminator>("dcgan discriminator", dcgan, small);
}

TEST_CASE("StudioGAN: pictures of every size") {
  Rng rng(1);
  const Variable z = rng.normal({2, 5});
  for (std::int64_t side : {64, 256, 512}) {
    CAPTURE(side);
    const SnganConfiguration c = narrow("StudioGAN-WGAN-GP-C10", 16, side);
    auto g = made<SnganGenerator>(c.generator);
    auto d = made<SnganDiscriminator>(c.discriminator);
    const Variable pictures = g(z);
    CHECK(pictures.shape() == Shape{2, 3, side, side});
    // A halving less than there are doublings, so that the last map has 4 x 4 pixels.
    for (std::size_t i = 0; i + 1 < d.blocks.size(); ++i)
      CHECK(d.blocks[i].options.downsampling == Downsampling::average);
    CHECK(d.blocks.back().options.downsampling == Downsampling::none);
    CHECK((side >> (d.blocks.size() - 1)) == 4);
    CHECK(d(pictures).shape() == Shape{2});
  }
  for (std::int64_t side : {8, 64}) {
    const StudioganDcganOptions o{.size = side, .channels = 1, .latent = 5, .width = 2};
    auto g = made<StudioganDcganGenerator>(o);
    auto d = made<StudioganDcganDiscriminator>(o);
    const Variable pictures = g(z);
    CHECK(pictures.shape() == Shape{2, 1, side, side});
    CHECK(largest(pictures) <= 1);
    const Variable logits = d(pictures);
    CHECK(logits.shape() == Shape{2});
    check_all_gradients(d, sum(slice(logits, 0, 0, 1)));
  }
}

TEST_CASE("StudioGAN: weights start orthogonal, biases and attention at 0") {
  SnganConfiguration c = narrow("StudioGAN-SAGAN-C10", 16);
  auto g = made<SnganGenerator>(c.generator);
  auto d = made<SnganDiscriminator>(c.discriminator);
  auto dcgan = made<StudioganDcganGenerator>({.latent = 5, .width = 2});
  const auto check_start = [](auto& network) {
    for (const auto& [name, p] : named_parameters(network)) {
      CAPTURE(name);
      if (p.dim() > 1) CHECK(from_orthonormal(p) <= tolerance::kSingle);
      if (name.ends_with(".bias") || name.ends_with("sigma")) CHECK(largest(p) == 0);
    }
  };
  check_start(g);
  check_start(d);
  check_start(dcgan);
  CHECK(has_names(g, {"blocks.0.0.bn1.gain.weight_orig", "blocks.2.0.sigma", "conv2d5.bias"}));
  CHECK(g.blocks[0].norm1.gain_table == GainTable::added_to_one);
  c.generator.init = SnganInit::sagan;
  CHECK(made<SnganGenerator>(c.generator).blocks[0].norm1.gain_table == GainTable::added_to_one);
}

TEST_CASE("StudioGAN: a discriminator has batch norms where it has no spectral norm") {
  SnganDiscriminatorOptions o = narrow("StudioGAN-SNGAN-C10", 4).discriminator;
  CHECK(!made<SnganDiscriminator>(o).blocks[1].norm1);
  o.spectral.variant = SpectralNormVariant::none;
  o.norm_eps = 1e-3;
  auto d = made<SnganDiscriminator>(o);
  CHECK(d.blocks[1].options.shortcut_input == ShortcutInput::raw);
  CHECK(d.blocks[3].norm2->options.eps == 1e-3);
  CHECK(!d.blocks[3].shortcut_norm);
  o.system = SnganSystem::mmgen;
  CHECK(!made<SnganDiscriminator>(o).blocks[1].norm1);
}

TEST_CASE("StudioGAN: options and inputs that do not fit are refused") {
  SnganConfiguration c = narrow("StudioGAN-SNGAN-C10", 16, 48);
  CHECK(error_of([&] { made<SnganGenerator>(c.generator); }) ==
        "SnganGenerator: the resolution must be 32, 64, 128, 256 or 512, got 48");
  CHECK(error_of([&] { made<SnganDiscriminator>(c.discriminator); }).starts_with("SnganDiscriminator: the resolution"));
  c = narrow("StudioGAN-SNGAN-C10", 4);
  c.discriminator.self_supervision = SelfSupervision::rotation;
  CHECK_FALSE(error_of([&] { made<SnganDiscriminator>(c.discriminator); }).empty());
  auto g = made<SnganGenerator>(c.generator);
  const Tensor z = Tensor::zeros({2, 5});
  CHECK_FALSE(error_of([&] { g(z); }).empty());
  for (std::int64_t label : {-1, 3}) CHECK_FALSE(error_of([&] { g(z, int_labels({0, label})); }).empty());

  using O = StudioganDcganOptions;
  for (const O& o : {O{.size = 4}, O{.size = 48}, O{.channels = 0}, O{.latent = 0}, O{.width = 0}}) {
    CHECK(error_of([&] { made<StudioganDcganGenerator>(o); }).starts_with("StudioganDcganGenerator: "));
    CHECK(error_of([&] { made<StudioganDcganDiscriminator>(o); }).starts_with("StudioganDcganDiscriminator: "));
  }
  auto generator = made<StudioganDcganGenerator>({.latent = 5, .width = 2});
  auto discriminator = made<StudioganDcganDiscriminator>({.width = 2});
  CHECK_FALSE(error_of([&] { generator(Tensor::zeros({2, 4})); }).empty());
  CHECK_FALSE(error_of([&] { discriminator(Tensor::zeros({2, 3, 32, 16})); }).empty());
}
