// The options of batch norm, its conditional forms, and running statistics (update_running): which variance, how
// averaged, when reset.
#include "duel/nn/batch_norm.h"

#include "duel/nn/layers.h"
#include "duel/nn/sequential.h"
#include "tests/nn/by_name.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr Pass kEval{.mode = Mode::eval};
constexpr Pass kCumulative{.statistics = StatisticsUpdate::cumulative};

Tensor batch(std::uint64_t seed) { return (3 * Variable(numbers({2, 3, 2, 2}, seed)) + 1).value(); }

// What batch_norm sees of a batch.
BatchMoments moments_of(const Tensor& x) {
  BatchMoments m;
  batch_norm(x, {}, {}, 0, {}, &m);
  return m;
}

}  // namespace

TEST_CASE("batch norm: parameters and running statistics are kept as the options say") {
  BatchNorm plain(3, {.affine = Affine::no}), untracked(3, {.track_running = TrackRunning::no});
  CHECK(state_names(plain) == std::vector<std::string>{"num_batches_tracked", "running_mean", "running_var"});
  CHECK(state_names(untracked) == std::vector<std::string>{"bias", "weight"});
  CHECK(parameters(plain).empty());
  to(untracked, DType::float64);
  const Tensor x = batch(1);
  CHECK(difference(untracked(x, kEval).value(), untracked(x).value()) == 0);
  CHECK(difference(untracked(x).value(), batch_norm(x, {}, {}, 1e-5).value()) <= tolerance::kFused);
}

TEST_CASE("batch norm: the stored variance is unbiased, or biased if asked for") {
  const BatchMoments m = moments_of(batch(1));
  for (const StoredVariance stored : {StoredVariance::unbiased, StoredVariance::biased}) {
    BatchNorm norm(3, {.momentum = 1, .stored_variance = stored});
    to(norm, DType::float64);
    norm(batch(1));
    const double factor = stored == StoredVariance::biased ? 1 : 8.0 / 7;
    CHECK(difference(norm.running.var, affine(m.var, factor, 0).value()) <= tolerance::kClosedForm);
    CHECK(difference(norm.running.mean, m.mean) <= tolerance::kClosedForm);
  }
}

TEST_CASE("standing statistics: cumulative passes after a reset store the plain mean over batches") {
  BatchNorm norm(3, {.stored_variance = StoredVariance::biased});
  Sequential net{{Sequential{{norm}}, Identity()}};
  to(net, DType::float64);
  for (std::uint64_t i = 0; i < 5; ++i) net(batch(50 + i));  // ordinary training
  reset_running_statistics(net);
  CHECK(state_dict(net).at("0.0.num_batches_tracked").item() == 0);
  CHECK(difference(state_dict(net).at("0.0.running_var"), Tensor::full({3}, 1)) == 0);
  Variable mean = Tensor::zeros({3}, {.dtype = DType::float64}), var = mean;
  StateDict halfway;
  for (std::uint64_t i = 0; i < 4; ++i) {
    const BatchMoments m = moments_of(batch(i));
    mean = mean + m.mean / 4.0, var = var + m.var / 4.0;
    net(batch(i), kCumulative);
    if (i == 1)
      for (const auto& [name, tensor] : state_dict(net)) halfway[name] = tensor.clone();
  }
  CHECK(difference(state_dict(net).at("0.0.running_mean"), mean.value()) <= tolerance::kClosedForm);
  CHECK(difference(state_dict(net).at("0.0.running_var"), var.value()) <= tolerance::kClosedForm);
  CHECK(difference(net(batch(9), kEval).value(),
                   normalize_channels(batch(9), mean.value(), var.value(), {}, {}, 1e-5).value()) <= tolerance::kFused);

  Sequential resumed = clone(net);  // from what was saved after two of four batches
  load_state_dict(resumed, halfway);
  for (std::uint64_t i = 2; i < 4; ++i) resumed(batch(i), kCumulative);
  for (const auto& [name, tensor] : state_dict(resumed)) CHECK(difference(tensor, state_dict(net).at(name)) == 0);
}

TEST_CASE("standing statistics by momentum: after a reset as in a new norm") {
  BatchNorm used(3), fresh(3);
  to(used, DType::float64);
  to(fresh, DType::float64);
  used(batch(7));
  reset_running_statistics(used);
  for (std::uint64_t i = 0; i < 3; ++i) used(batch(i)), fresh(batch(i));
  CHECK(difference(used.running.mean, fresh.running.mean) == 0);
  CHECK(difference(used.running.var, fresh.running.var) == 0);
}

TEST_CASE("conditional batch norm by a table used directly starts as, and computes, what one added to 1 does") {
  Rng rng(1);
  ConditionalBatchNorm2d added(rng, 3, 4), direct(rng, 3, 4, {}, GainTable::direct);
  to(added, DType::float64);
  to(direct, DType::float64);
  const Tensor x = batch(1), labels = Tensor::from<std::int64_t>({3, 1}, {2});
  CHECK(difference(direct(x, labels).value(), added(x, labels).value()) == 0);
  CHECK(difference(direct.gain.weight.value(), Tensor::full({4, 3}, 1)) == 0);
  Tensor(added.gain.weight.value()).copy_(numbers({4, 3}, 2));
  Tensor(direct.gain.weight.value()).copy_((1 + Variable(numbers({4, 3}, 2))).value());
  CHECK(difference(direct(x, labels).value(), added(x, labels).value()) == 0);
}

TEST_CASE("conditional batch norm by linear maps: gain 1 + W y and bias W' y, normalised spectrally by choice") {
  Rng rng(2);
  for (const SpectralNormVariant variant : {SpectralNormVariant::none, SpectralNormVariant::ajbrock}) {
    CAPTURE(name_of(variant));
    LinearConditionalBatchNorm2d norm(rng, 3, 5, {.eps = 1e-4}, {.variant = variant});
    std::vector<std::string> wanted = {"bias.weight", "gain.weight", "num_batches_tracked", "running_mean",
                                       "running_var"};
    if (variant == SpectralNormVariant::ajbrock)
      wanted = {"bias.sv0",   "bias.u0",     "bias.weight",         "gain.sv0",
                "gain.u0",    "gain.weight", "num_batches_tracked", "running_mean",
                "running_var"};
    CHECK(state_names(norm) == wanted);
    to(norm, DType::float64);
    LinearConditionalBatchNorm2d same = clone(norm);
    const Variable x = batch(1), y = numbers({2, 5}, 2);
    const auto map = [](const Variable& v) { return reshape(v, {2, 3, 1, 1}); };
    const Variable composed = batch_norm(x, {}, {}, 1e-4) * map(1 + same.gain(y)) + map(same.bias(y));
    CHECK(difference(norm(x, y).value(), composed.value()) <= tolerance::kFused);
    CHECK(norm.running.num_batches_tracked.item() == 1);
    CHECK(norm(x, y, kEval).shape() == x.shape());
    CHECK_FALSE(error_of([&] { norm(x, numbers({2, 4}, 1)); }).empty());
  }
}

TEST_CASE("instance norm: running statistics and evaluation are PyTorch's; without them evaluation is training") {
  const Golden golden = golden_layer("running instance_norm");
  InstanceNorm2d norm(3, {.momentum = 0.3, .affine = Affine::yes, .track_running = TrackRunning::yes});
  CHECK(state_names(norm) ==
        std::vector<std::string>{"bias", "num_batches_tracked", "running_mean", "running_var", "weight"});
  renumber(norm, 1);
  for (std::uint64_t i = 0; i < 3; ++i) norm(numbers({2, 3, 2, 4}, 100 + i));
  CHECK(golden.difference_of("running_mean", norm.running.mean) <= tolerance::kGolden);
  CHECK(golden.difference_of("running_var", norm.running.var) <= tolerance::kGolden);
  const Variable x = Variable::leaf(numbers({2, 3, 2, 4}, 200));
  const Variable y = norm(x, kEval);
  CHECK(golden.difference_of("y", y.value()) <= tolerance::kGolden);
  CHECK(golden.difference_of("x.grad", grad(sum(y * numbers(y.shape(), 201)), {x})[0].value()) <= tolerance::kGolden);
  InstanceNorm2d plain(3);
  CHECK(state_names(plain).empty());
  CHECK(difference(plain(x).value(), plain(x, kEval).value()) == 0);
}

TEST_CASE("running statistics refuse those of other channels or another dtype, and where there are none") {
  BatchNorm norm(3, {.affine = Affine::no});
  for (const Tensor& x : {Tensor::zeros({4, 5}), Tensor::zeros({4, 3}, {.dtype = DType::float64})})
    CHECK(error_of([&] { norm(x); }).starts_with("RunningMoments: "));
  CHECK(norm.running.num_batches_tracked.item() == 0);
  RunningMoments none(3, TrackRunning::no);
  CHECK(error_of([&] {
          none.update({Tensor::zeros({3}), Tensor::zeros({3}), 4}, StoredVariance::biased, 0.1, {});
        }).starts_with("RunningMoments: "));
  CHECK(error_of([] { BatchNorm(0); }).starts_with("BatchNorm: "));
}

TEST_CASE("running statistics refuse a momentum outside [0, 1], and are then as they were") {
  InstanceNorm2d norm(3, {.momentum = -0.1, .track_running = TrackRunning::yes});
  to(norm, DType::float64);
  CHECK(error_of([&] { norm(batch(1)); }).find("must lie in [0, 1]") != std::string::npos);
  CHECK(norm.running.num_batches_tracked.item() == 0);
  CHECK(difference(norm.running.mean, Tensor::zeros({3})) == 0);
}

TEST_CASE("norms: a rectifier is the leaky ReLU after them") {
  Rng rng(8);
  const Variable x = rng.normal({4, 6, 3, 5}), y = rng.normal({4, 7});
  const Tensor labels = Tensor::from<std::int64_t>({2, 0, 1, 2}, {4});
  const auto check = [](auto norm, const auto&... inputs) {
    auto other = clone(norm);
    for (const Mode mode : {Mode::train, Mode::eval})
      CHECK(difference(norm(inputs..., {.mode = mode}, {0.2}).value(),
                       leaky_relu(other(inputs..., {.mode = mode}), 0.2).value()) <= tolerance::kSingle);
  };
  check(BatchNorm(6), x);
  check(BatchNorm(6, {.affine = Affine::no, .track_running = TrackRunning::no}), x);
  check(ConditionalBatchNorm2d(rng, 6, 3), x, labels);
  check(LinearConditionalBatchNorm2d(rng, 6, 7), x, y);
  check(InstanceNorm(6), x);
  check(InstanceNorm(6, {.affine = Affine::yes, .track_running = TrackRunning::yes}), x);
  check(GroupNorm(3, 6), x);
  check(LayerNorm({6, 3, 5}), x);
  check(LayerNorm({5}), x);
}
