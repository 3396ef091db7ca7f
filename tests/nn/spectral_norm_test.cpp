// Spectral normalisation in its published variants: against PyTorch and its rules, and against known singular values.
#include "duel/nn/spectral_norm.h"

#include <cmath>

#include "duel/nn/sequential.h"
#include "tests/nn/by_name.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr Pass kEval{.mode = Mode::eval};

// Two training steps with moving weights and an evaluation, as in spectral_case of make_golden_layers.py.
template <class L, class Input>
void check_spectral(const std::string& name, SpectralNorm<L> module, const Input& x) {
  CAPTURE(name);
  const Golden golden = golden_layer("spectral " + name);
  CHECK(state_names(module) == golden.names("state"));
  set_state(module);
  Variables inputs;
  if constexpr (std::same_as<Input, Variable>) inputs.push_back(x);
  for (std::uint64_t step = 0; step < 2; ++step) {
    const Variable y = module(x);
    if (step == 1) {
      CHECK(golden.difference_of("y", y.value()) <= tolerance::kGolden);
      check_gradients(golden, module, y, inputs);
      for (const auto& [key, tensor] : state_dict(module)) {
        CAPTURE(key);
        if (golden.has(key)) CHECK(golden.difference_of(key, tensor) <= tolerance::kGolden);
      }
    }
    Variable& weight = module.layer.weight;
    Tensor(weight.value()).copy_((weight.detach() + 0.1 * Variable(numbers(weight.shape(), 300 + step))).value());
  }
  const StateDict before = state_dict(module);
  StateDict copies;
  for (const auto& [key, tensor] : before) copies[key] = tensor.clone();
  const Variable y = module(x, kEval);
  CHECK(golden.difference_of("eval", y.value()) <= tolerance::kGolden);
  check_gradients(golden, module, y, inputs, "eval ");
  for (const auto& [key, tensor] : before) CHECK(difference(tensor, copies[key]) == 0);  // evaluation stores nothing
}

Variable input(const Shape& shape) { return Variable::leaf(numbers(shape, 100)); }

// A linear layer whose weight is diagonal.
Linear diagonal(Rng& rng, const std::vector<double>& values) {
  const auto n = static_cast<std::int64_t>(values.size());
  Linear layer(rng, n, n);
  Tensor weight = Tensor::zeros({n, n});
  for (std::int64_t i = 0; i < n; ++i)
    weight.select(0, i).slice(0, i, i + 1).fill_(values[static_cast<std::size_t>(i)]);
  layer.weight = Variable::leaf(weight);
  return layer;
}

// Layers of different rules; one is used twice in a pass.
struct Mixed {
  SpectralNorm<Conv2d> conv;
  SpectralNorm<ConvTranspose2d> up;
  SpectralNorm<Linear> twice;

  Mixed(Rng& rng, SpectralNormVariant variant)
      : conv(rng, Conv2d(rng, 3, 5, {.padding = 1}), {.variant = variant, .eps = 1e-6}),
        up(rng, ConvTranspose2d(rng, 5, 4, {.kernel = 2, .stride = 2}), {.variant = variant, .iterations = 2}),
        twice(rng, Linear(rng, 4, 4), {.variant = variant, .eps = 1e-6}) {}
  Variable operator()(const Variable& x, const Pass& pass) {
    const Variable y = up(conv(x, pass), pass);
    return twice(twice(mean(y, {2, 3}), pass), pass);
  }
  void visit(Visitor& v) {
    v.child("conv", conv);
    v.child("up", up);
    v.child("twice", twice);
  }
};

}  // namespace

TEST_CASE("spectral norm: values, gradients, names and state are those of each system") {
  Rng rng(1);
  using V = SpectralNormVariant;
  const Conv2d conv(rng, 2, 3, {.padding = 1});
  const Shape image{2, 2, 3, 4};
  check_spectral("torch linear", SpectralNorm(rng, Linear(rng, 4, 3)), input({2, 4}));
  check_spectral("torch conv1d", SpectralNorm(rng, Conv1d(rng, 2, 3)), input({2, 2, 5}));
  check_spectral("torch conv2d", SpectralNorm(rng, conv, {.eps = 0.1, .iterations = 2}), input(image));
  check_spectral("torch conv_transpose2d", SpectralNorm(rng, ConvTranspose2d(rng, 2, 3)), input({1, 2, 2, 2}));
  check_spectral("torch embedding", SpectralNorm(rng, Embedding(rng, 4, 3)),
                 Tensor::from<std::int64_t>({2, 0, 2}, {3}));
  check_spectral("ajbrock linear", SpectralNorm(rng, Linear(rng, 4, 3), {.variant = V::ajbrock}), input({2, 4}));
  check_spectral("ajbrock conv2d",
                 SpectralNorm(rng, conv, {.variant = V::ajbrock, .eps = 1e-6, .iterations = 2, .singular_values = 2}),
                 input(image));
  check_spectral("mmgen conv2d", SpectralNorm(rng, conv, {.variant = V::mmgen, .singular_values = 2}), input(image));
  check_spectral("mimicry conv2d", SpectralNorm(rng, conv, {.variant = V::mimicry, .iterations = 2}), input(image));
}

TEST_CASE("spectral norm: state dictionaries keep the systems' names inside networks") {
  Rng rng(2);
  Sequential net{{SpectralNorm(rng, Conv2d(rng, 3, 4)),
                  SpectralNorm(rng, Linear(rng, 4, 2), {.variant = SpectralNormVariant::ajbrock})}};
  CHECK(state_names(net) == std::vector<std::string>{"0.bias", "0.weight_orig", "0.weight_u", "0.weight_v", "1.bias",
                                                     "1.sv0", "1.u0", "1.weight"});
  CHECK(state_dict(net).at("0.weight_u").shape() == Shape{4});
  CHECK(state_dict(net).at("0.weight_v").shape() == Shape{27});
  CHECK(state_dict(net).at("1.u0").shape() == Shape{1, 2});
}

TEST_CASE("spectral norm: training finds the largest singular values") {
  Rng rng(3);
  for (const SpectralNormVariant variant : {SpectralNormVariant::torch, SpectralNormVariant::ajbrock,
                                            SpectralNormVariant::mmgen, SpectralNormVariant::mimicry}) {
    CAPTURE(name_of(variant));
    const bool several = variant == SpectralNormVariant::ajbrock || variant == SpectralNormVariant::mmgen;
    SpectralNorm norm(rng, diagonal(rng, {2, -5, 0.5, 3}), {.variant = variant, .singular_values = several ? 3 : 1});
    const Tensor x = rng.normal({2, 4});
    for (int i = 0; i < 60; ++i) norm(x);
    const Variable wanted = linear(x, norm.layer.weight / 5, norm.layer.bias);
    CHECK(difference(norm(x, kEval).value(), wanted.value()) <= tolerance::kSingle);
    const std::vector<double> largest = {5, 3, 2};
    for (std::size_t i = 0; i < norm.state.sigmas().size(); ++i)
      CHECK(norm.state.sigmas()[i].item() == doctest::Approx(largest[i]).epsilon(tolerance::kPowerIteration));
  }
}

TEST_CASE("spectral norm: a weight of zeros stays zero, has the plain layer's gradient, and is found again later") {
  Rng rng(4);
  for (const SpectralNormVariant variant : {SpectralNormVariant::torch, SpectralNormVariant::ajbrock,
                                            SpectralNormVariant::mmgen, SpectralNormVariant::mimicry}) {
    CAPTURE(name_of(variant));
    SpectralNorm norm(rng, diagonal(rng, {0, 0, 0}), {.variant = variant});
    const Tensor x = rng.normal({2, 3});
    for (const Mode mode : {Mode::train, Mode::eval, Mode::train}) {
      const Variable y = norm(x, {.mode = mode});
      CHECK(difference(y.value(), norm.layer.bias.value().expand({2, 3})) == 0);
      const Variable plain = norm.layer(x);
      CHECK(difference(grad(sum(y * x), {norm.layer.weight})[0].value(),
                       grad(sum(plain * x), {norm.layer.weight})[0].value()) <= tolerance::kSingle);
    }
    Tensor(norm.layer.weight.value()).copy_(diagonal(rng, {1, 4, 2}).weight.value());
    for (int i = 0; i < 60; ++i) norm(x);
    CHECK(difference(norm(x, kEval).value(), linear(x, norm.layer.weight / 4, norm.layer.bias).value()) <=
          tolerance::kSingle);
  }
}

TEST_CASE("spectral norm: a further forward pass leaves the gradient of an earlier one alone") {
  Rng rng(5);
  SpectralNorm norm(rng, Linear(rng, 3, 2));
  const Tensor x = rng.normal({4, 3});
  const Variable first = norm(x);
  norm(x);
  CHECK_NOTHROW(grad(sum(first), {norm.layer.weight}));
}

TEST_CASE("spectral norm: vectors found together are those that each weight finds by itself") {
  const Variable x = numbers({2, 3, 4, 4}, 100).to(DType::float32);
  for (const auto variant : {SpectralNormVariant::torch, SpectralNormVariant::ajbrock, SpectralNormVariant::mmgen,
                             SpectralNormVariant::mimicry}) {
    CAPTURE(name_of(variant));
    Rng same(5), seed(5);
    Mixed alone(same, variant), together(seed, variant);
    for (const Mode mode : {Mode::train, Mode::train, Mode::eval}) {
      const std::vector<SpectralWeight> weights = spectral_weights(together);
      CHECK(weights.size() == 3);
      SpectralPass spectral(weights, mode);
      const Variable expected = alone(x, {.mode = mode}), found = together(x, {.mode = mode, .spectral = &spectral});
      CHECK(difference(found.value(), expected.value()) == 0);
      CHECK(!spectral.take(together.conv.state));  // given once
      StateDict state = state_dict(together);
      for (const auto& [key, tensor] : state_dict(alone)) CHECK(difference(state.at(key), tensor) == 0);
      const Variables theirs = grad(sum(square(expected)), parameters(alone)),
                      ours = grad(sum(square(found)), parameters(together));
      for (std::size_t i = 0; i < ours.size(); ++i) CHECK(difference(ours[i].value(), theirs[i].value()) == 0);
    }
  }
  Rng rng(1);
  SpectralNorm<Linear> several(rng, Linear(rng, 4, 4), {.variant = SpectralNormVariant::ajbrock, .singular_values = 2});
  CHECK(spectral_weights(several).empty());  // they follow each other by themselves
}

TEST_CASE("spectral norm: without it a layer is itself") {
  Rng rng(6);
  SpectralNorm norm(rng, Linear(rng, 3, 2), {.variant = spectral_norm_variant("none")});
  CHECK(state_names(norm) == std::vector<std::string>{"bias", "weight"});
  const Tensor x = rng.normal({4, 3});
  CHECK(difference(norm(x).value(), norm.layer(x).value()) == 0);
}

TEST_CASE("spectral norm: names of variants, and what is refused") {
  for (const char* name : {"none", "torch", "ajbrock", "mmgen", "mimicry"})
    CHECK(name_of(spectral_norm_variant(name)) == name);
  CHECK(error_of([] { spectral_norm_variant("mimicri"); }).find("nearest: mimicry") != std::string::npos);
  Rng rng(7);
  const Linear layer(rng, 3, 2);
  const auto refused = [&](const SpectralNormOptions& o) {
    return error_of([&] { SpectralNorm(rng, layer, o); }).starts_with("SpectralNorm: ");
  };
  CHECK(refused({.iterations = 0}));
  CHECK(refused({.eps = 0}));
  CHECK(refused({.eps = NAN}));
  CHECK(refused({.singular_values = 2}));
  CHECK(refused({.variant = SpectralNormVariant::mimicry, .singular_values = 2}));
  CHECK(refused({.variant = SpectralNormVariant::ajbrock, .singular_values = 3}));
  CHECK(refused({.variant = SpectralNormVariant::ajbrock, .singular_values = 0}));
}
