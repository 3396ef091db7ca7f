// The auto-encoders: PyTorch's numbers, what corruption and reparameterisation do, losses in closed form, training.
#include "duel/gan/models/autoencoders.h"

#include "duel/nn/losses.h"
#include "duel/nn/optim.h"
#include "tests/gan/residual_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr std::uint64_t kSeed = 9;  // of what make_golden_tutorial.py draws in training

AutoencoderOptions small(std::vector<std::int64_t> widths, std::int64_t code, PixelModel pixels, double noise = 0) {
  return {.size = {3, 4}, .channels = 2, .widths = std::move(widths), .code = code, .pixels = pixels, .noise = noise};
}

template <class Module>
void agrees_with_pytorch(const std::string& group, const Module& module, const Forward<Module>& forward) {
  const Shape shape{3, 2, 3, 4};
  check_whole_network<Module>("tutorial.json", group, module, shape, forward);
  check_single_precision<Module>("tutorial.json", group, module, shape, forward);
}

Forward<VariationalAutoencoder> loss_of(const VariationalLossOptions& o) {
  return [o](VariationalAutoencoder& m, const Variable& x, const Pass& pass) {
    Rng rng(kSeed);
    const VariationalOutput output = m(x, {.mode = pass.mode, .rng = &rng});
    return reshape(variational_loss(output, o.pixels == PixelModel::bernoulli ? affine(x, 0.5, 0.5) : x, o), {1});
  };
}

}  // namespace

TEST_CASE("auto-encoders: names, shapes, values and gradients are PyTorch's") {
  const Forward<Autoencoder> forward = [](Autoencoder& m, const Variable& x, const Pass& pass) {
    Rng rng(kSeed);
    return m(x, {.mode = pass.mode, .rng = &rng});
  };
  agrees_with_pytorch("autoencoder", made<Autoencoder>(small({7, 5}, 3, PixelModel::gaussian)), forward);
  agrees_with_pytorch("denoising autoencoder", made<Autoencoder>(small({}, 30, PixelModel::bernoulli, 0.5)), forward);
}

TEST_CASE("variational auto-encoder: pictures, losses and their gradients are PyTorch's") {
  const auto vae = made<VariationalAutoencoder>(small({7}, 4, PixelModel::gaussian));
  agrees_with_pytorch<VariationalAutoencoder>("vae", vae,
                                              [](VariationalAutoencoder& m, const Variable& x, const Pass& pass) {
                                                Rng rng(kSeed);
                                                const VariationalOutput output = m(x, {.mode = pass.mode, .rng = &rng});
                                                // The heads that evaluation does not need get their zero gradients.
                                                return output.pictures + 0 * sum(output.posterior.log_var);
                                              });
  agrees_with_pytorch("vae loss", vae, loss_of({.beta = 0.5}));
  agrees_with_pytorch("vae bernoulli loss", made<VariationalAutoencoder>(small({7}, 4, PixelModel::bernoulli)),
                      loss_of({.pixels = PixelModel::bernoulli}));
}

TEST_CASE("auto-encoders: the kinds, and their counts of parameters") {
  // 784 pixels, and layers of (in + 1) * out.
  const std::int64_t under = 785 * 512 + 513 * 256 + 257 * 32 + 33 * 256 + 257 * 512 + 513 * 784;
  CHECK(count<Autoencoder>(undercomplete_autoencoder()) == under);
  CHECK(count<Autoencoder>(denoising_autoencoder()) == under);
  CHECK(count<Autoencoder>(overcomplete_autoencoder()) == 785 * 1024 + 1025 * 784);
  CHECK(count<VariationalAutoencoder>() == under + 257 * 32);
}

TEST_CASE("auto-encoders: encoder and decoder by themselves") {
  Rng rng(3);
  auto network = made<Autoencoder>();
  const Tensor x = rng.uniform({2, 1, 28, 28}, -1, 1);
  const Variable code = network.encode(x);
  CHECK(code.shape() == Shape{2, 32});
  const Variable y = network.decode(code);
  CHECK(y.shape() == Shape{2, 1, 28, 28});
  CHECK(difference(y.value(), network(x).value()) == 0);
  auto vae = made<VariationalAutoencoder>();
  const DiagonalGaussian posterior = vae.encode(x);
  CHECK(posterior.mu.shape() == Shape{2, 32});
  CHECK(posterior.log_var.shape() == Shape{2, 32});
  CHECK(difference(vae.decode(posterior.mu).value(), vae(x, kEvaluation).pictures.value()) == 0);
  CHECK(largest(vae.decode(rng.normal({4, 32}))) <= 1);
  AutoencoderOptions o;
  o.pixels = PixelModel::bernoulli;
  for (double p : doubles(made<Autoencoder>(o)(x).value())) CHECK((p > 0 && p < 1));
}

TEST_CASE("denoising: only what is encoded in training is corrupted, by as much as chosen") {
  // An encoder and a decoder that copy, but for the tanh.
  auto network = made<Autoencoder>({.size = {8, 8}, .widths = {}, .code = 64, .masking = 0.25});
  std::vector<float> identity(64 * 64);
  for (std::size_t i = 0; i < 64; ++i) identity[65 * i] = 1;
  for (const auto& [name, p] : named_parameters(network))
    Tensor(p.value()).copy_(p.dim() == 1 ? Tensor::zeros({64}) : Tensor::from(identity, {64, 64}));
  const Tensor x = Tensor::full({80, 1, 8, 8}, 0.5);
  Rng rng(5);
  std::int64_t zeros = 0;
  for (double v : doubles(network(x, {.rng = &rng}).value())) {
    if (v == 0) ++zeros;
    CHECK((v == 0 || std::abs(v - std::tanh(0.5)) < 1e-6));  // what is left is not scaled
  }
  CHECK(std::abs(static_cast<double>(zeros) / 5120 - 0.25) < 0.03);  // 5 deviations
  CHECK(difference(network(x, kEvaluation).value(), tanh(Variable(x)).value()) < 1e-6);
  CHECK(error_of([&] { network(x); }) == "Autoencoder: training needs a random stream: pass {.rng = &rng}");
}

TEST_CASE("reparameterisation: the posterior's moments, and gradients by finite differences") {
  Rng rng(6);
  const DiagonalGaussian q{Tensor::full({20000, 1}, 1.5), Tensor::full({20000, 1}, std::log(0.25))};
  const Variable z = reparameterize(q, rng);
  CHECK(std::abs(mean(z).item() - 1.5) < 0.02);
  CHECK(std::abs(stddev(z, {0, 1}).item() - 0.5) < 0.02);
  const auto f = [](const Variables& v) {
    Rng same(7);
    return sum(square(reparameterize({v[0], v[1]}, same)));
  };
  const auto& t = tolerance::kGradcheck;
  expect_gradients("reparameterize", f, {numbers({2, 3}, 1), numbers({2, 3}, 2)},
                   {.max_order = 2, .tolerances = {std::begin(t), std::end(t)}});
}

TEST_CASE("losses of auto-encoders in closed form") {
  const Tensor y = Tensor::full({2, 1, 2, 2}, 0.75, {.dtype = DType::float64});
  const Tensor x = Tensor::full({2, 1, 2, 2}, 0.25, {.dtype = DType::float64});
  CHECK(reconstruction_loss(y, x, PixelModel::gaussian).item() == doctest::Approx(4 * 0.125));
  const double entropy = -(0.25 * std::log(0.75) + 0.75 * std::log(0.25));
  CHECK(reconstruction_loss(y, x, PixelModel::bernoulli).item() == doctest::Approx(4 * entropy));
  const Tensor one = Tensor::full({2, 3}, 1, {.dtype = DType::float64});
  const VariationalOutput output{y, {one, one}};
  CHECK(variational_loss(output, x, {.beta = 2}).item() == doctest::Approx(0.5 + 2 * 1.5 * (std::exp(1.0) - 1)));
}

TEST_CASE("auto-encoders learn") {
  Rng rng(8);
  const Tensor x = rng.uniform({16, 2, 3, 4}, -0.8, 0.8);
  auto network = made<VariationalAutoencoder>(small({16}, 4, PixelModel::gaussian));
  Adam adam(network, {.lr = 1e-2});
  double first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    const Variable loss = variational_loss(network(x, {.rng = &rng}), x);
    last = loss.item();
    if (step == 0) first = last;
    adam.step(grad(loss, parameters(network)));
  }
  CHECK(last < 0.75 * first);
}

TEST_CASE("auto-encoders refuse what does not fit") {
  Rng rng(9);
  auto network = made<Autoencoder>();
  CHECK(error_of([&] { network(rng.normal({1, 1, 27, 28})); }) != "");
  CHECK(error_of([&] { network.decode(rng.normal({1, 31})); }) != "");
  CHECK(error_of([&] { network.encode(Variable()); }) != "");
  CHECK(error_of([&] { made<Autoencoder>({.code = 0}); }) != "");
  CHECK(error_of([&] { made<VariationalAutoencoder>({.masking = 1}); }) != "");
  CHECK(error_of([&] { reconstruction_loss(rng.normal({2, 3}), rng.normal({3, 2}), PixelModel::gaussian); }) != "");
}
