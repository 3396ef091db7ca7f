// Layers made of several operations: attention, style layers, conditional norms. Against PyTorch where the formula is a
// published one, and all against finite differences at orders 1 and 2.
#include <cmath>

#include "duel/nn/layers.h"
#include "tests/nn/by_name.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr Pass kEval{.mode = Mode::eval};
constexpr SpectralNormOptions kPlain{.variant = SpectralNormVariant::none};

// How layers with one input, with two, and with a mode are called.
template <class Module>
Variable one(Module& module, const Variables& x) {
  return module(x[0]);
}
template <class Module>
Variable two(Module& module, const Variables& x) {
  return module(x[0], x[1]);
}
template <class Module>
Variable evaluated(Module& module, const Variables& x) {
  return module(x[0], kEval);
}

}  // namespace

TEST_CASE("attention and style layers compute what their formulas do in PyTorch") {
  Rng rng(1);
  check_by_name<SelfAttention>("pooled attention", {rng, 8, kPlain}, one<SelfAttention>, {{1, 8, 4, 5}});
  check_by_name<UnpooledSelfAttention>("fastai attention", {rng, 8}, one<UnpooledSelfAttention>, {{2, 8, 3, 2}});
  check_by_name<MultiHeadAttention>("cross attention", {rng, 4, 2},
                                    [](auto& m, const Variables& x) { return m(x[0], x[1], x[2]); },
                                    {{2, 3, 4}, {2, 5, 4}, {2, 5, 4}});
  check_by_name<EqualizedLinear>("equalized linear", {rng, 4, 3, {.gain = 1.5, .lr_mul = 0.01}}, one<EqualizedLinear>,
                                 {{2, 4}});
  check_by_name<EqualizedConv2d>("equalized conv2d", {rng, 2, 3, {.stride = 2, .padding = 1, .gain = std::sqrt(2)}},
                                 one<EqualizedConv2d>, {{2, 2, 4, 5}});
  check_by_name<AdaptiveInstanceNorm2d>("adaptive instance norm", {rng, 2, 3}, two<AdaptiveInstanceNorm2d>,
                                        {{2, 2, 3, 2}, {2, 3}});
  check_by_name<ModulatedConv2d>("modulated conv2d", {rng, 2, 3, 4}, two<ModulatedConv2d>, {{2, 2, 3, 4}, {2, 4}});
  check_by_name<ModulatedConv2d>("modulated conv2d plain", {rng, 2, 3, 4, {.demodulate = Demodulate::no}},
                                 two<ModulatedConv2d>, {{2, 2, 3, 4}, {2, 4}});
}

TEST_CASE("composite layers: gradients of orders 1 and 2 by finite differences") {
  Rng rng(2);
  using SnConv = SpectralNorm<Conv2d>;
  check_by_differences<SnConv>("SpectralNorm", {rng, Conv2d(rng, 2, 3, {.padding = 1})}, evaluated<SnConv>,
                               {{1, 2, 3, 4}});
  check_by_differences<Conv2d>("Conv2d, reflected", {rng, 2, 2, {.padding = 1, .padding_mode = PadMode::reflect}},
                               one<Conv2d>, {{1, 2, 3, 2}});
  check_by_differences<Conv1d>("Conv1d", {rng, 2, 3, {.padding = 1}}, one<Conv1d>, {{2, 2, 4}});
  check_by_differences<BatchNorm>("BatchNorm", BatchNorm(2), one<BatchNorm>, {{3, 2, 2, 1}});
  const Tensor labels = Tensor::from<std::int64_t>({1, 0, 1}, {3});
  check_by_differences<ConditionalBatchNorm2d>("ConditionalBatchNorm2d", {rng, 2, 2, {}, GainTable::direct},
                                               [labels](auto& m, const Variables& x) { return m(x[0], labels); },
                                               {{3, 2, 2, 1}});
  check_by_differences<LinearConditionalBatchNorm2d>("LinearConditionalBatchNorm2d", {rng, 2, 3},
                                                     two<LinearConditionalBatchNorm2d>, {{3, 2, 2, 1}, {3, 3}});
  check_by_differences<InstanceNorm>("InstanceNorm", InstanceNorm(2, {.affine = Affine::yes}), one<InstanceNorm>,
                                     {{2, 2, 3, 2}});
  check_by_differences<LayerNorm>("LayerNorm", LayerNorm({2, 3, 2}), one<LayerNorm>, {{2, 2, 3, 2}});
  check_by_differences<GroupNorm>("GroupNorm", GroupNorm(2, 4), one<GroupNorm>, {{2, 4, 1, 2}});
  check_by_differences<EqualizedConv2d>("EqualizedConv2d", {rng, 2, 2}, one<EqualizedConv2d>, {{1, 2, 3, 4}});
  check_by_differences<AdaptiveInstanceNorm2d>("AdaptiveInstanceNorm2d", {rng, 2, 3}, two<AdaptiveInstanceNorm2d>,
                                               {{2, 2, 3, 2}, {2, 3}});
  check_by_differences<ModulatedConv2d>("ModulatedConv2d", {rng, 2, 3, 2}, two<ModulatedConv2d>,
                                        {{2, 2, 2, 3}, {2, 2}});
  check_by_differences<SelfAttention>("SelfAttention", {rng, 8}, evaluated<SelfAttention>, {{1, 8, 2, 4}});
  check_by_differences<UnpooledSelfAttention>("UnpooledSelfAttention", {rng, 8}, evaluated<UnpooledSelfAttention>,
                                              {{1, 8, 2, 2}});
  check_by_differences<MultiHeadAttention>("MultiHeadAttention", {rng, 4, 2}, one<MultiHeadAttention>, {{2, 3, 4}});
}

TEST_CASE("self-attention starts as the identity and has 1.25 C^2 + 1 parameters") {
  Rng rng(3);
  for (const std::int64_t channels : {8, 128, 256}) {
    SelfAttention pooled(rng, channels);
    CHECK(count_parameters(pooled) == channels * channels * 5 / 4 + 1);
    UnpooledSelfAttention unpooled(rng, channels);
    CHECK(count_parameters(unpooled) == channels * channels * 5 / 4 + 1);
    const Tensor x = rng.normal({2, channels, 4, 6});
    CHECK(difference(pooled(x).value(), x) == 0);
    CHECK(difference(unpooled(x).value(), x) == 0);
  }
  SelfAttention pooled(rng, 8);
  CHECK(parameter_names(pooled) ==
        std::vector<std::string>{"theta.weight_orig", "phi.weight_orig", "g.weight_orig", "o.weight_orig", "gamma"});
}

TEST_CASE("fastai's attention takes sequences too, and what mixes pixels is the softmax over its queries' axis") {
  Rng rng(4);
  UnpooledSelfAttention attention(rng, 8, kPlain);
  set_state(attention);
  const Variable x = numbers({2, 8, 5}, 100);
  const Variable beta = softmax(matmul(transpose(attention.query.layer(x), 1, 2), attention.key.layer(x)), 1);
  const Variable wanted = attention.gamma * matmul(attention.value.layer(x), beta) + x;
  CHECK(difference(attention(x).value(), wanted.value()) <= tolerance::kFused);
}

TEST_CASE("equalised layers start with unit outputs; modulation starts at 1") {
  Rng rng(5);
  EqualizedLinear slow(rng, 400, 200, {.lr_mul = 0.01, .bias_start = 2});
  CHECK(inner_product(slow.weight.value(), slow.weight.value()) / 80000 == doctest::Approx(1e4).epsilon(0.03));
  const Tensor y = (slow(rng.normal({50, 400})) - 2).value();
  CHECK(inner_product(y, y) / 10000 == doctest::Approx(1).epsilon(0.1));
  ModulatedConv2d conv(rng, 16, 8, 4);
  CHECK(difference(conv.affine(Tensor::zeros({3, 4})).value(), Tensor::full({3, 16}, 1)) == 0);
  const Variable x = rng.normal({3, 16, 5, 6});
  // Demodulated, it does not matter how large styles are.
  CHECK(
      difference(modulated_conv2d(x, conv.weight, Tensor::full({3, 16}, 7), {.geometry = {.padding = {1, 1}}}).value(),
                 conv(x, Tensor::zeros({3, 4})).value()) <= tolerance::kSingle);
}

TEST_CASE("pixel norm: each pixel's channels have mean square 1") {
  Rng rng(6);
  const Tensor y = PixelNorm()(rng.normal({2, 7, 3, 4}, 0, 5)).value();
  CHECK(difference(mean(square(y), {1}).value(), Tensor::full({2, 3, 4}, 1)) <= tolerance::kSingle);
}
