// Ema: the law of the average, its start, its buffers, its independence.
#include "duel/nn/ema.h"

#include <doctest/doctest.h>

#include <cmath>

#include "duel/nn/layers.h"
#include "duel/nn/optim.h"
#include "tests/golden/nn.h"
#include "tests/support/tolerances.h"

using namespace duel;
using namespace duel::testing;

namespace {

// A batch norm has both parameters, starting at 1 and 0, and buffers.
double weight_of(BatchNorm& norm) { return norm.weight.value().select(0, 0).item(); }

}  // namespace

TEST_CASE("towards a constant target it goes 1 - d^n of the way in n steps") {
  for (double decay : {0.0, 0.5, 0.9, 0.999, 1.0}) {
    CAPTURE(decay);
    BatchNorm source(3);
    Ema<BatchNorm> ema(source, decay);
    Tensor(source.weight.value()).fill_(3);
    for (int n = 1; n <= 20; ++n) {
      ema.update(source, n - 1);
      CHECK(weight_of(ema.model) ==
            doctest::Approx(1 + 2 * (1 - std::pow(decay, n))).epsilon(tolerance::kClosedFormSingle));
    }
    CHECK(difference(ema.model.bias.value(), Tensor::zeros({3})) == 0);
  }
}

TEST_CASE("until the start it is an exact copy") {
  BatchNorm source(3);
  Ema<BatchNorm> ema(source, 0.5, 2);
  Tensor(source.weight.value()).fill_(1e8);  // where 1 + (1e8 - 1) and 1e8 are told apart
  ema.update(source, 0);
  CHECK(weight_of(ema.model) == 1e8);
  Tensor(source.weight.value()).fill_(1e-8);
  ema.update(source, 1);
  CHECK(weight_of(ema.model) == static_cast<float>(1e-8));
  Tensor(source.weight.value()).fill_(2);
  ema.update(source, 2);
  CHECK(weight_of(ema.model) == doctest::Approx(1));
}

TEST_CASE("buffers are copied, not averaged") {
  BatchNorm source(3);
  Ema<BatchNorm> ema(source, 0.9);
  for (std::uint64_t i = 0; i < 3; ++i) source(numbers({5, 3}, i).to(DType::float32));
  CHECK(ema.model.running.num_batches_tracked.item() == 0);
  ema.update(source, 0);
  CHECK(ema.model.running.num_batches_tracked.item() == 3);
  CHECK(difference(ema.model.running.mean, source.running.mean) == 0);
  CHECK(difference(ema.model.running.var, source.running.var) == 0);
}

TEST_CASE("buffers are averaged if asked for, but for counts, and copied until the start") {
  BatchNorm source(3);
  Ema<BatchNorm> ema(source, 0.75, 1, EmaBuffers::average);
  const auto pass = [&](std::uint64_t seed) { source(numbers({5, 3}, seed).to(DType::float32)); };
  pass(1);
  ema.update(source, 0);
  CHECK(difference(ema.model.running.mean, source.running.mean) == 0);
  CHECK(difference(ema.model.running.var, source.running.var) == 0);
  for (std::int64_t step = 1; step < 4; ++step) {
    const std::vector<double> mean = doubles(ema.model.running.mean), var = doubles(ema.model.running.var);
    pass(10 + static_cast<std::uint64_t>(step));
    ema.update(source, step);
    CHECK(ema.model.running.num_batches_tracked.item() == static_cast<double>(step + 1));
    for (std::int64_t c = 0; c < 3; ++c) {
      const auto follows = [&](const std::vector<double>& before, const Tensor& now, const Tensor& average) {
        const double expected = 0.75 * before[static_cast<std::size_t>(c)] + 0.25 * now.select(0, c).item();
        return average.select(0, c).item() == doctest::Approx(expected).epsilon(tolerance::kClosedFormSingle);
      };
      CHECK(follows(mean, source.running.mean, ema.model.running.mean));
      CHECK(follows(var, source.running.var, ema.model.running.var));
    }
  }
}

TEST_CASE("neither shares memory with the other") {
  BatchNorm source(3);
  Ema<BatchNorm> ema(source, 0.9);
  Tensor(source.weight.value()).fill_(5);
  source(numbers({5, 3}, 1).to(DType::float32));
  CHECK(weight_of(ema.model) == 1);
  CHECK(ema.model.running.num_batches_tracked.item() == 0);
  ema.update(source, 0);
  Tensor(ema.model.weight.value()).fill_(7);
  ema.model.running.mean.fill_(7);
  CHECK(weight_of(source) == 5);
  CHECK(difference(source.running.mean, ema.model.running.mean) > 0);
}

TEST_CASE("the average is part of its model's state and goes on from what is loaded") {
  BatchNorm source(3);
  Ema<BatchNorm> ema(source, 0.5), other(source, 0.5);
  Tensor(source.weight.value()).fill_(3);
  ema.update(source, 0);
  load_state_dict(other.model, state_dict(ema.model));
  ema.update(source, 1);
  other.update(source, 1);
  CHECK(weight_of(ema.model) == 2.5);
  CHECK(weight_of(other.model) == 2.5);
}

TEST_CASE("saved tensors notice an update") {
  BatchNorm source(3);
  Ema<BatchNorm> ema(source, 0.5);
  const Variable y = sum(square(ema.model.weight));
  ema.update(source, 0);
  CHECK(error_of([&] { grad(y, {ema.model.weight}); }).find("written in place") != std::string::npos);
}

TEST_CASE("decays outside [0, 1] are refused") {
  BatchNorm source(3);
  for (double decay : {-0.1, 1.1, std::nan("")})
    CHECK(error_of([&] { Ema<BatchNorm>(source, decay); }).find("must lie in [0, 1]") != std::string::npos);
}

TEST_CASE("the decay can change from update to update") {
  BatchNorm source(3);
  Ema<BatchNorm> ema(source, 0);
  Tensor(source.weight.value()).fill_(3);
  ema.set_decay(0.75);
  CHECK(ema.decay() == 0.75);
  ema.update(source, 0);
  CHECK(weight_of(ema.model) == 1.5);
  ema.set_decay(0.5);
  ema.update(source, 1);
  CHECK(weight_of(ema.model) == 2.25);
  for (double decay : {-0.1, 1.1, std::nan("")})
    CHECK(error_of([&] { ema.set_decay(decay); }).find("must lie in [0, 1]") != std::string::npos);
  CHECK(ema.decay() == 0.5);
}

TEST_CASE("a half-life in images: what is left after as many, ramps, and what is refused") {
  for (std::int64_t batch : {1, 32, 500})
    CHECK(std::pow(ema_decay(10000, batch), 10000.0 / static_cast<double>(batch)) ==
          doctest::Approx(0.5).epsilon(tolerance::kClosedForm));
  CHECK(ema_decay(10000, 32, 1000, 0.05) == doctest::Approx(std::pow(0.5, 32 / 50.0)).epsilon(1e-14));
  CHECK(ema_decay(10000, 32, 1000000, 0.05) == ema_decay(10000, 32));
  CHECK(ema_decay(10000, 32, 0, 0.05) == 0);
  CHECK(ema_decay(0, 32) == 0);
  for (double wrong : {-1.0, std::nan("")}) {
    CHECK(error_of([&] { ema_decay(wrong, 1); }).starts_with("ema_decay: "));
    CHECK(error_of([&] { ema_decay(1, 1, 1, wrong); }).starts_with("ema_decay: "));
  }
  CHECK_FALSE(error_of([] { ema_decay(1, 0); }).empty());
  CHECK_FALSE(error_of([] { ema_decay(1, 1, -1); }).empty());
}

TEST_CASE("an average of one part leaves the parameters of an optimiser of the whole where they are") {
  struct Two {
    BatchNorm first{3}, second{3};
    void visit(Visitor& v) {
      v.child("first", first);
      v.child("second", second);
    }
  } model;
  Sgd optimizer(model, {.lr = 1});
  Ema<BatchNorm> ema(model.first, 0.5);
  ema.update(model.first, 0);
  Variables ones;
  for (const Variable& p : optimizer.parameters()) ones.push_back(Tensor::full(p.shape(), 1));
  optimizer.step(ones);
  CHECK(weight_of(model.first) == 0);
  CHECK(weight_of(model.second) == 0);
}
