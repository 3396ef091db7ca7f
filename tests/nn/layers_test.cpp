// Layers against PyTorch (values, gradients, names, running statistics) and against their definitions.
#include "duel/nn/layers.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "duel/nn/sequential.h"
#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

struct Case {
  const char* name;
  Layer layer;
  Shape x;
  const char* file = "nn.json";
};

// The layers of make_golden_nn.py.
std::vector<Case> cases() {
  Rng rng(3);
  const Shape images{2, 3, 4, 5};
  return {
      {"linear", Linear(rng, 5, 3), {4, 5}},
      {"linear_without_bias", Linear(rng, 5, 3, {.bias = Bias::no}), {4, 5}},
      {"conv2d", Conv2d(rng, 3, 4, {.padding = 1}), images},
      {"conv2d_dilated", Conv2d(rng, 2, 3, {.stride = 2, .padding = 2, .dilation = 2}), {2, 2, 7, 6}},
      {"conv2d_groups", Conv2d(rng, 4, 6, {.groups = 2, .bias = Bias::no}), {2, 4, 5, 4}},
      {"conv2d_depthwise", Conv2d(rng, 4, 4, {.kernel = 4, .stride = 2, .padding = 1, .groups = 4}), {1, 4, 6, 4}},
      {"conv_transpose2d", ConvTranspose2d(rng, 3, 2, {.kernel = 4, .stride = 2, .padding = 1}), {2, 3, 3, 4}},
      {"conv_transpose2d_output_padding",
       ConvTranspose2d(rng, 4, 6, {.stride = 2, .padding = 1, .output_padding = 1, .groups = 2}),
       {2, 4, 3, 2}},
      {"conv_transpose2d_dilated",
       ConvTranspose2d(rng, 2, 3, {.padding = 1, .dilation = 2, .bias = Bias::no}),
       {1, 2, 4, 3}},
      {"batch_norm1d", BatchNorm1d(3), {6, 3}},
      {"batch_norm2d", BatchNorm2d(3, {.eps = 1e-3, .momentum = 0.3}), images},
      {"relu", ReLU(), images},
      {"leaky_relu", LeakyReLU(), images},
      {"tanh", Tanh(), images},
      {"sigmoid", Sigmoid(), images},
      {"softplus", Softplus(), images},
      {"flatten", Flatten(), images},
      {"unflatten", Unflatten{{2, 3}}, {4, 6}},
      {"sequential",
       Sequential{{Conv2d(rng, 2, 3, {.stride = 2, .padding = 1}), BatchNorm2d(3), LeakyReLU(), Flatten(),
                   Linear(rng, 12, 2)}},
       {3, 2, 4, 4}},
  };
}

// Those of make_golden_layers.py.
std::vector<Case> further_cases() {
  Rng rng(4);
  const Shape images{2, 4, 3, 4}, small{1, 2, 2, 3}, row{3, 5};
  std::vector<Case> all = {
      {"conv1d", Conv1d(rng, 4, 6, {.stride = 2, .padding = 1, .groups = 2}), {2, 4, 7}},
      {"conv_transpose1d", ConvTranspose1d(rng, 4, 2, {.stride = 2, .padding = 1, .output_padding = 1}), {2, 4, 5}},
      {"conv2d_reflect", Conv2d(rng, 4, 2, {.padding = 2, .padding_mode = PadMode::reflect}), images},
      {"conv2d_replicate", Conv2d(rng, 4, 2, {.stride = 2, .padding = 1, .padding_mode = PadMode::replicate}), images},
      {"reflection_pad2d", ReflectionPad2d(), small},
      {"replication_pad2d", ReplicationPad2d(), small},
      {"zero_pad2d", ZeroPad2d(), small},
      {"upsample_nearest", Upsample(), small},
      {"upsample_bilinear", Upsample{.mode = UpsampleMode::bilinear}, small},
      {"avg_pool2d", AvgPool2d{{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}}, images},
      {"max_pool2d", MaxPool2d{{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}}, images},
      {"adaptive_avg_pool2d", AdaptiveAvgPool2d{{2, 3}}, images},
      {"pixel_shuffle", PixelShuffle(), images},
      {"pixel_unshuffle", PixelUnshuffle(), {2, 1, 2, 4}},
      {"elu", ELU{0.7}, row},
      {"selu", SELU(), row},
      {"gelu", GELU(), row},
      {"gelu_tanh", GELU{GeluForm::tanh}, row},
      {"silu", SiLU(), row},
      {"hardtanh", Hardtanh{-0.4, 0.6}, row},
      {"softmax", Softmax{1}, row},
      {"softplus_beta", Softplus{2}, row},
      {"identity", Identity(), row},
      {"batch_norm_plain", BatchNorm2d(4, {.affine = Affine::no, .track_running = TrackRunning::no}), images},
      {"instance_norm", InstanceNorm2d(4), images},
      {"instance_norm_affine", InstanceNorm2d(4, {.eps = 1e-3, .affine = Affine::yes}), images},
      {"instance_norm1d", InstanceNorm1d(4), {2, 4, 6}},
      {"layer_norm", LayerNorm({4, 3, 4}, {.eps = 1e-3}), images},
      {"layer_norm_last", LayerNorm({4}), images},
      {"layer_norm_plain", LayerNorm({3, 4}, {.affine = Affine::no}), images},
      {"group_norm", GroupNorm(2, 4), images},
      {"group_norm_plain", GroupNorm(4, 4, {.affine = Affine::no}), images},
      {"multi_head_attention", MultiHeadAttention(rng, 6, 3), {2, 5, 6}},
      {"multi_head_attention_without_bias", MultiHeadAttention(rng, 4, 1, {.bias = Bias::no}), {1, 3, 4}},
  };
  for (Case& c : all) c.file = "layers.json";
  return all;
}

std::vector<Case> all_cases() {
  std::vector<Case> all = cases();
  for (Case& c : further_cases()) all.push_back(std::move(c));
  return all;
}

double square_sum(const Tensor& t) { return inner_product(t, t); }

}  // namespace

TEST_CASE("layers compute what PyTorch's do, and name their parameters alike") {
  for (Case& c : all_cases()) {
    CAPTURE(c.name);
    const Golden golden(cat("layer ", c.name), c.file);
    renumber(c.layer, 1);
    const Variable x = Variable::leaf(numbers(c.x, 100));
    const Variable y = c.layer(x, {});
    CHECK(golden.difference_of("y", y.value()) <= tolerance::kGolden);

    Variables inputs = parameters(c.layer);
    std::vector<std::string> names = parameter_names(c.layer);
    CHECK(names == (golden.has("names") ? golden.names("names") : std::vector<std::string>()));
    inputs.push_back(x);
    names.push_back("x");
    const Variables grads = grad(sum(y * numbers(y.shape(), 200)), inputs);
    for (std::size_t i = 0; i < grads.size(); ++i) {
      CAPTURE(names[i]);
      CHECK(golden.difference_of(names[i] + ".grad", grads[i].value()) <= tolerance::kGolden);
    }
  }
}

TEST_CASE("layers compute in float32 what they compute in float64") {
  for (Case& c : all_cases()) {
    CAPTURE(c.name);
    renumber(c.layer, 1);
    Layer single = c.layer;
    to(single, DType::float32);
    const Tensor x = numbers(c.x, 100);
    CHECK(difference(single(x.to(DType::float32), {}).value(), c.layer(x, {}).value()) <= tolerance::kSingle);
  }
}

TEST_CASE("new layers have float32 leaves of PyTorch's shapes, within PyTorch's default bounds") {
  struct Wanted {
    Layer layer;
    std::vector<Shape> shapes;
    double bound;  // 1 / sqrt(fan-in)
  };
  Rng rng(4);
  for (Wanted& w : std::vector<Wanted>{
           {Linear(rng, 16, 64), {{64, 16}, {64}}, 1 / std::sqrt(16)},
           {Conv2d(rng, 8, 32, {.kernel = 4, .groups = 2}), {{32, 4, 4, 4}, {32}}, 1 / std::sqrt(64)},
           {ConvTranspose2d(rng, 8, 32, {.kernel = 3, .groups = 4}), {{8, 8, 3, 3}, {32}}, 1 / std::sqrt(72)},
       }) {
    const Variables found = parameters(w.layer);
    REQUIRE(found.size() == w.shapes.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].shape() == w.shapes[i]);
      CHECK(found[i].dtype() == DType::float32);
      CHECK_FALSE(found[i].is_constant());
      double largest = 0;
      for (double v : doubles(found[i].value())) largest = std::max(largest, std::abs(v));
      CHECK(largest <= w.bound);
      CHECK(largest >= 0.8 * w.bound);
    }
  }
}

TEST_CASE("batch norm: running statistics and evaluation are PyTorch's") {
  const auto compare = [](const char* name, BatchNorm norm, const Shape& shape) {
    CAPTURE(name);
    const Golden golden(cat("running ", name));
    renumber(norm, 1);
    for (std::uint64_t batch = 0; batch < 3; ++batch) norm(numbers(shape, 100 + batch));
    StateDict state = state_dict(norm);
    CHECK(state.size() == golden.names("names").size());
    for (const std::string& key : golden.names("names")) {
      CAPTURE(key);
      REQUIRE(state.contains(key));
      CHECK(golden.difference_of(key, state[key]) <= tolerance::kGolden);
    }
    CHECK(norm.running.num_batches_tracked.dtype() == DType::int64);

    const Variable x = Variable::leaf(numbers(shape, 200));
    const Variable y = norm(x, {.mode = Mode::eval});
    CHECK(golden.difference_of("y", y.value()) <= tolerance::kGolden);
    CHECK(golden.difference_of("x.grad", grad(sum(y * numbers(shape, 201)), {x})[0].value()) <= tolerance::kGolden);
    CHECK(norm.running.num_batches_tracked.item() == 3);  // evaluation leaves them alone
  };
  compare("batch_norm1d", BatchNorm1d(3), {4, 3});
  compare("batch_norm2d", BatchNorm2d(2, {.eps = 1e-3, .momentum = 0.3}), {2, 2, 3, 2});
}

TEST_CASE("batch norm: training needs two elements per channel, evaluation needs none") {
  BatchNorm1d norm(3);
  CHECK(error_of([&] { norm(Tensor::zeros({1, 3})); }).find("more than one element per channel") != std::string::npos);
  CHECK(norm.running.num_batches_tracked.item() == 0);
  CHECK(norm(Tensor::zeros({1, 3}), {.mode = Mode::eval}).shape() == Shape{1, 3});
  CHECK(norm(Tensor::zeros({0, 3}), {.mode = Mode::eval}).shape() == Shape{0, 3});
  CHECK_FALSE(error_of([&] { norm(Tensor::zeros({4, 2})); }).empty());
}

TEST_CASE("conditional batch norm starts as a plain one and then is gain and bias of the class") {
  Rng rng(5);
  ConditionalBatchNorm2d norm(rng, 3, 4);
  BatchNorm2d plain(3);
  const Tensor single = rng.normal({5, 3, 2, 4});
  const Tensor labels = Tensor::from<std::int64_t>({2, 0, 3, 3, 1}, {5});
  CHECK(difference(norm(single, labels).value(), plain(single).value()) == 0);
  CHECK(difference(norm.running.var, plain.running.var) == 0);
  const Pass eval{.mode = Mode::eval};
  CHECK(difference(norm(single, labels, eval).value(), plain(single, eval).value()) == 0);

  CHECK(parameter_names(norm) == std::vector<std::string>{"gain.weight", "bias.weight"});
  renumber(norm, 1);
  const Variable x = Variable::leaf(numbers({5, 3, 2, 4}, 100));
  const auto per_channel = [](const Variable& v) { return reshape(v, {5, 3, 1, 1}); };
  const Variable composed = batch_norm(x, {}, {}, 1e-5) * per_channel(1 + embedding(norm.gain.weight, labels)) +
                            per_channel(embedding(norm.bias.weight, labels));
  const Variable y = norm(x, labels);
  CHECK(difference(y.value(), composed.value()) <= tolerance::kFused);
  const Tensor c = numbers(y.shape(), 200);
  Variables inputs = parameters(norm);
  inputs.push_back(x);
  const Variables grads = grad(sum(y * c), inputs), wanted = grad(sum(composed * c), inputs);
  for (std::size_t i = 0; i < grads.size(); ++i)
    CHECK(difference(grads[i].value(), wanted[i].value()) <= tolerance::kFused);
}

TEST_CASE("embedding gives rows, and refuses others") {
  Rng rng(6);
  Embedding table(rng, 50, 40);
  CHECK(table.weight.shape() == Shape{50, 40});
  CHECK(square_sum(table.weight.value()) / 2000 == doctest::Approx(1).epsilon(0.1));  // N(0, 1)
  const Variable rows = table(Tensor::from<std::int64_t>({7, 0, 7}, {3}));
  CHECK(rows.shape() == Shape{3, 40});
  CHECK(difference(rows.value().select(0, 2), table.weight.value().select(0, 7)) == 0);
  const Tensor dtable = grad(sum(rows), {table.weight})[0].value();
  CHECK(dtable.select(0, 7).select(0, 0).item() == 2);
  CHECK(dtable.select(0, 1).select(0, 0).item() == 0);
  CHECK_FALSE(error_of([&] { table(Tensor::from<std::int64_t>({50}, {1})); }).empty());
  CHECK_FALSE(error_of([&] { table(Tensor::from<std::int64_t>({-1}, {1})); }).empty());
}

TEST_CASE("dropout drops its share, scales up the rest, and does nothing in evaluation") {
  Rng rng(7);
  const Tensor x = Tensor::full({100, 20, 4, 5}, 3);
  const auto share_of = [](double value, const Tensor& y) {
    const std::vector<double> all = doubles(y);
    return static_cast<double>(std::count(all.begin(), all.end(), value)) / static_cast<double>(all.size());
  };
  const Tensor y = Dropout{0.25}(x, {.rng = &rng}).value();
  CHECK(share_of(0, y) == doctest::Approx(0.25).epsilon(0.03));
  CHECK(share_of(0, y) + share_of(4, y) == doctest::Approx(1));
  const Tensor maps = Dropout2d{0.25}(x, {.rng = &rng}).value();
  CHECK(share_of(0, maps) == doctest::Approx(0.25).epsilon(0.1));
  CHECK(share_of(0, maps) + share_of(4, maps) == doctest::Approx(1));
  CHECK(difference(maps, maps.slice(2, 0, 1).slice(3, 0, 1).expand(x.shape())) == 0);

  const Variable leaf = Variable::leaf(x);
  const Variable dropped = Dropout{0.25}(leaf, {.rng = &rng});
  CHECK(difference(grad(sum(dropped), {leaf})[0].value(), (dropped / 3).value()) <= tolerance::kSingle);

  const Pass eval{.mode = Mode::eval};
  CHECK(difference(Dropout{0.25}(x, eval).value(), x) == 0);
  CHECK(difference(Dropout2d{0.25}(x, eval).value(), x) == 0);
  CHECK(difference(Dropout{0}(x, {.rng = &rng}).value(), x) == 0);
}

TEST_CASE("dropout: the same stream gives the same mask; without one, or with an impossible share, it throws") {
  const Tensor x = Tensor::full({6, 5}, 1);
  Rng a(8), b(8), c(9);
  const Tensor first = Dropout{}(x, {.rng = &a}).value();
  CHECK(difference(first, Dropout{}(x, {.rng = &b}).value()) == 0);
  CHECK(difference(first, Dropout{}(x, {.rng = &c}).value()) > 0);
  CHECK(difference(first, Dropout{}(x, {.rng = &a}).value()) > 0);
  CHECK(error_of([&] { Dropout{}(x, {}); }) == "Dropout: training needs a random stream: pass {.rng = &rng}");
  CHECK(error_of([&] { Dropout2d{}(x, {}); }).find("random stream") != std::string::npos);
  CHECK_FALSE(error_of([&] { Dropout{1}(x, {.rng = &a}); }).empty());
  CHECK_FALSE(error_of([&] { Dropout{-0.1}(x, {.rng = &a}); }).empty());
  CHECK_FALSE(error_of([&] { Dropout{NAN}(x, {.rng = &a}); }).empty());
}

TEST_CASE("layers refuse impossible sizes by name") {
  Rng rng(10);
  CHECK(error_of([&] { Linear(rng, 0, 3); }).starts_with("Linear: "));
  CHECK(error_of([&] { Conv2d(rng, 3, 4, {.groups = 2}); }).starts_with("Conv2d: "));
  CHECK(error_of([&] { Conv2d(rng, 3, 4, {.kernel = 0}); }).starts_with("Conv2d: "));
  CHECK(error_of([&] { ConvTranspose2d(rng, 4, 3, {.groups = 4}); }).starts_with("ConvTranspose2d: "));
  CHECK(error_of([&] { Embedding(rng, 3, -1); }).starts_with("Embedding: "));
  CHECK(error_of([&] { Conv1d(rng, 3, 0); }).starts_with("Conv1d: "));
  CHECK(error_of([&] { ConvTranspose1d(rng, 3, 4, {.groups = 2}); }).starts_with("ConvTranspose1d: "));
  CHECK(error_of([&] { InstanceNorm(0); }).starts_with("InstanceNorm: "));
  CHECK(error_of([&] { LayerNorm({}); }).starts_with("LayerNorm: "));
  CHECK(error_of([&] { LayerNorm({3, 0}); }).starts_with("LayerNorm: "));
  CHECK(error_of([&] { GroupNorm(3, 4); }).starts_with("GroupNorm: "));
  CHECK(error_of([&] { GroupNorm(0, 4); }).starts_with("GroupNorm: "));
  CHECK(error_of([&] { EqualizedLinear(rng, 3, 0); }).starts_with("EqualizedLinear: "));
  CHECK(error_of([&] { EqualizedLinear(rng, 3, 2, {.lr_mul = 0}); }).starts_with("EqualizedLinear: "));
  CHECK(error_of([&] { EqualizedConv2d(rng, 3, 2, {.kernel = 0}); }).starts_with("EqualizedConv2d: "));
  CHECK(error_of([&] { ModulatedConv2d(rng, 3, 2, 4, {.kernel = 0}); }).starts_with("ModulatedConv2d: "));
  CHECK(error_of([&] { SelfAttention(rng, 7); }).starts_with("SelfAttention: "));
  CHECK(error_of([&] { UnpooledSelfAttention(rng, 7); }).starts_with("UnpooledSelfAttention: "));
  CHECK(error_of([&] { MultiHeadAttention(rng, 6, 4); }).starts_with("MultiHeadAttention: "));
  CHECK(error_of([&] { InstanceNorm(3)(Tensor::zeros({1, 2, 4, 4})); }).starts_with("InstanceNorm: "));
  CHECK(error_of([&] { SelfAttention(rng, 8)(Tensor::zeros({1, 4, 4, 4})); }).starts_with("SelfAttention: "));
  CHECK(error_of([&] { SelfAttention(rng, 8)(Tensor::zeros({1, 8, 4, 1})); }).starts_with("SelfAttention: "));
  CHECK(error_of([&] { MultiHeadAttention(rng, 6, 2)(Tensor::zeros({5, 6})); }).starts_with("MultiHeadAttention: "));
  CHECK_FALSE(error_of([&] { LayerNorm({4})(Tensor::zeros({2, 5})); }).empty());
  CHECK_FALSE(error_of([&] { GroupNorm(2, 4)(Tensor::zeros({2, 6, 3, 3})); }).empty());
  CHECK_FALSE(error_of([&] { ReflectionPad2d{3}(Tensor::zeros({1, 1, 3, 3})); }).empty());
  CHECK_FALSE(error_of([&] { InstanceNorm(3)(Variable()); }).empty());
  CHECK_FALSE(error_of([&] { Softmax{2}(Tensor::zeros({2, 3})); }).empty());
  CHECK_FALSE(error_of([&] { BatchNorm(-1); }).empty());
  CHECK_FALSE(error_of([&] { Linear(rng, 3, 2)(Tensor::zeros({4, 5})); }).empty());
  CHECK_FALSE(error_of([&] { Conv2d(rng, 3, 4)(Tensor::zeros({1, 2, 8, 8})); }).empty());
  CHECK_FALSE(error_of([&] { Conv2d(rng, 3, 4)(Tensor::zeros({1, 3, 2, 8})); }).empty());
  CHECK_FALSE(error_of([&] { Conv2d(rng, 1, 1, {.stride = 0})(Tensor::zeros({1, 1, 4, 4})); }).empty());
  CHECK_FALSE(error_of([&] {
                ConvTranspose2d(rng, 1, 1, {.output_padding = 1})(Tensor::zeros({1, 1, 4, 4}));
              }).empty());
}
