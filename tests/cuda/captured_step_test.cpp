// CapturedStep and what it stands on: memory that is nobody else's, seeds on the device, updates that look at the loss.
#include "duel/tensor/captured_step.h"

#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/gan/games/player.h"
#include "duel/nn/layers.h"
#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Inputs = CapturedStep::Inputs;
using Outputs = CapturedStep::Outputs;

Inputs of(double value, std::string variant = "") {
  return {std::move(variant), {Tensor::full({3}, value, {.device = Device::cuda}), {}}, {}};
}

}  // namespace

TEST_CASE("captured step: done at once, recorded, replayed; a variant is another one" * on_cuda()) {
  CapturedStep step(Device::cuda, Capture::on);
  int asked = 0, prepared = 0;
  const auto twice = [&](const Inputs& in, Doing doing) -> Outputs {
    CHECK(doing == (asked++ % 2 == 0 ? Doing::now : Doing::recorded));
    CHECK_FALSE(in.tensors[1].defined());
    const double factor = in.variant == "thrice" ? 3 : 2;
    return {{"y", (factor * Variable(in.tensors[0])).value()}};
  };
  const auto value = [&](const Inputs& in) {
    return step(in, twice, [&] { ++prepared; })[0].second.to_vector<float>()[2];
  };
  for (int i = 1; i <= 5; ++i) CHECK(value(of(i)) == 2 * i);
  CHECK(asked == 2);
  CHECK(prepared == 4);
  for (int i = 1; i <= 3; ++i) CHECK(value(of(i, "thrice")) == 3 * i);
  CHECK(value(of(7)) == 14);
  CHECK(asked == 4);
  CHECK(step.replays() == 4 + 2 + 1);
  CHECK(step.refusal() == "");
}

TEST_CASE("captured step: without capture, and on the CPU, everything is done at once" * on_cuda()) {
  for (const Device device : {Device::cpu, Device::cuda}) {
    CapturedStep step(device, Capture::off);
    int asked = 0;
    for (int i = 0; i < 3; ++i)
      step({}, [&](const Inputs&, Doing doing) -> Outputs {
        CHECK(doing == Doing::now);
        ++asked;
        return {};
      });
    CHECK(asked == 3);
    CHECK(step.replays() == 0);
  }
}

TEST_CASE("captured step: what asks for values is refused, with the reason, and done all the same" * on_cuda()) {
  CapturedStep step(Device::cuda, Capture::on);
  const auto work = [](const Inputs& in, Doing) -> Outputs {
    const double read = sum(Variable(in.tensors[0])).item();
    return {{"y", Tensor::scalar(read, DType::float64)}};
  };
  for (int i = 1; i <= 4; ++i) CHECK(step(of(i), work)[0].second.item() == 3 * i);
  CHECK(step.refusal().find("being recorded") != std::string::npos);
  CHECK(step.replays() == 0);
  CHECK(sum(Variable(of(2).tensors[0])).item() == 6);  // the device is as before
}

TEST_CASE("captured step: random numbers are those of the seeds, split ones too" * on_cuda()) {
  CapturedStep step(Device::cuda, Capture::on);
  const auto draw = [](Rng rng, Device device) {
    const Tensor a = rng.uniform({5}, 0, 1, {.device = device});
    Rng other = rng.split();
    const Tensor b = other.normal({3, 2}, 0, 1, {.device = device}), c = rng.uniform({2}, 0, 1, {.device = device});
    return Outputs{{"a", a}, {"b", b}, {"c", c}};
  };
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Inputs in{"", {}, {Rng(seed, 7)}};
    const Outputs found = step(in, [&](const Inputs& given, Doing) { return draw(given.draws[0], Device::cuda); });
    const Outputs expected = draw(Rng(seed, 7), Device::cpu);
    for (std::size_t i = 0; i < 3; ++i) CHECK(relative_error(found[i].second, expected[i].second) < 1e-6);
  }
  CHECK(step.replays() == 4);
  CHECK(step.refusal() == "");
  Rng on_device = Rng(Tensor::zeros({1}, {.dtype = DType::int64, .device = Device::cuda}));
  CHECK_THROWS_WITH_AS(on_device.below(3), doctest::Contains("Rng::below: the seed of this stream lies on cuda"),
                       Error);
  CHECK_THROWS_WITH_AS(on_device.uniform({2}), doctest::Contains("its numbers are asked for on cpu"), Error);
}

TEST_CASE("captured step: its memory is nobody else's, and comes back with it" * on_cuda()) {
  release_cached_memory(Device::cuda);
  const std::size_t before = memory_stats(Device::cuda).live;
  {
    CapturedStep step(Device::cuda, Capture::on);
    const auto work = [](const Inputs& in, Doing) -> Outputs {
      const Variable x = in.tensors[0];
      return {{"y", (exp(x) * exp(x + 1) + sin(x)).value()}};  // with memory in between
    };
    const double expected = std::exp(0.5) * std::exp(1.5) + std::sin(0.5);
    for (int i = 0; i < 2; ++i) step(of(0.5), work);
    // Whoever is given memory meanwhile writes all of it.
    std::vector<Tensor> others;
    for (int i = 0; i < 20; ++i) others.push_back(Tensor::full({3}, 99, {.device = Device::cuda}));
    const Outputs found = step(of(0.5), work);
    CHECK(found[0].second.to_vector<float>()[0] == doctest::Approx(expected));
    for (const Tensor& other : others) CHECK(other.to_vector<float>()[1] == 99);
  }
  CHECK(memory_stats(Device::cuda).live == before);
}

TEST_CASE("player: a loss that was not finite once leaves the weights, and is told later" * on_cuda()) {
  Rng rng(1);
  Linear layer(rng, 3, 1);
  to(layer, Device::cuda);
  Player player("generator", layer, {.kind = OptimizerKind::sgd, .lr = 0.1});
  CapturedStep step(Device::cuda, Capture::on);
  const auto weights = [&] { return layer.weight.value().to(Device::cpu).to_vector<float>(); };
  const auto learn = [&](double x) {
    return step(
               of(x),
               [&](const Inputs& in, Doing doing) -> Outputs {
                 const auto loss = [&] { return mean(square(layer(reshape(Variable(in.tensors[0]), {1, 3})))); };
                 return {{"loss", player.learn({loss}, doing)}};
               },
               [&] { player.begin_update(); })[0]
        .second;
  };
  for (int i = 0; i < 3; ++i) CHECK(std::isfinite(player.value_of(learn(1))));
  const std::vector<float> before = weights();
  learn(INFINITY);
  CHECK(weights() == before);
  const Tensor loss = learn(1);  // finite again, but what was before is not forgotten
  CHECK_THROWS_AS(player.value_of(loss), NotFinite);
}
