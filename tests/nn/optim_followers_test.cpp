// What an optimiser moves besides its parameters: averages, and copies in bfloat16.
#include <doctest/doctest.h>

#include <cmath>

#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
#include "duel/nn/ema.h"
#include "duel/nn/layers.h"
#include "duel/nn/optim.h"
#include "duel/nn/sequential.h"
#include "duel/tensor/kept_cast.h"
#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

// The gradients of step `step`: any numbers.
Variables gradients(const Optimizer& optimizer, std::uint64_t step) {
  Variables grads;
  for (const Variable& p : optimizer.parameters())
    grads.push_back(numbers(p.shape(), 100 + 10 * step + grads.size()).to(p.dtype()));
  return grads;
}

Variable pictures(std::uint64_t seed) { return numbers({4, 1, 5, 5}, seed).to(DType::float32); }

// Parameters, and buffers of both kinds: a layer, and a batch norm that has seen something. With one channel the same
// order in memory has several strides.
Sequential with_buffers() {
  Rng rng(3);
  Sequential net{{Conv2d(rng, 1, 3, {.kernel = 2}), BatchNorm(3)}};
  to(net, DType::float32);
  net(pictures(1), {.mode = Mode::train});
  return net;
}

std::vector<double> all_state(Sequential& net) {
  std::vector<double> all;
  for (const auto& [name, tensor] : state_dict(net))
    for (double v : doubles(tensor)) all.push_back(v);
  return all;
}

}  // namespace

TEST_CASE("averages that an optimiser moves are those that are moved after it, to the bit") {
  for (const EmaBuffers buffers : {EmaBuffers::copy, EmaBuffers::average})
    for (const bool frozen : {false, true}) {
      Sequential net = with_buffers(), other = with_buffers();
      Adam adam(net), plain(other);
      Ema<Sequential> together(net, 0.75, 1, buffers), after(other, 0.75, 1, buffers);
      for (std::uint64_t step = 0; step < 4; ++step) {
        if (frozen && step == 2)
          for (Adam* a : {&adam, &plain}) a->set_lr_scale("0", 0);
        for (Sequential* each : {&net, &other}) (*each)(pictures(step), {.mode = Mode::train});
        adam.set_averages(together.averages(net, static_cast<std::int64_t>(step)));
        adam.step(gradients(adam, step));
        plain.step(gradients(plain, step));
        after.update(other, static_cast<std::int64_t>(step));
        CHECK(all_state(together.model) == all_state(after.model));
        CHECK(all_state(net) == all_state(other));
      }
      CHECK(all_state(together.model) != all_state(net));
    }
}

TEST_CASE("averages that do not fit are refused") {
  Sequential net = with_buffers();
  Adam adam(net);
  const Tensor weight = parameters(net)[0].value(), like = Tensor::zeros_like(weight);
  const auto refused = [&](const Average& a, const char* why) {
    CHECK(error_of([&] { adam.set_averages({a}); }).find(why) != std::string::npos);
  };
  refused({weight, Tensor::zeros({2}), 0.5}, "differ");
  refused({weight, like.to(DType::float64), 0.5}, "differ");
  refused({weight, Tensor::zeros({3, 1, 2, 2}).transpose(2, 3), 0.5}, "differ");
  for (double share : {-0.1, 1.1, double(NAN)}) refused({weight, like, share}, "must lie in [0, 1]");
  const Tensor count = Tensor::zeros({}, {.dtype = DType::int64});
  refused({count, count.clone(), 0.5}, "be 1 for tensors of another dtype");
  refused({Tensor(weight.storage(), {2}, {1}, 1, weight.dtype()), Tensor::zeros({2}), 0.5}, "is none of them");
  CHECK(adam.averages().empty());
}

TEST_CASE("bfloat16 copies of parameters that a pass converts are written with them and read in their place") {
  Sequential net = with_buffers();
  Adam adam(net);
  const Variable weight = parameters(net)[0], bias = parameters(net)[1];
  const auto rounded = [](const Variable& p) { return doubles(p.value().to(DType::bfloat16).to(DType::float64)); };
  const auto copied = [&] { return doubles(cast(weight, DType::bfloat16).value().to(DType::float64)); };
  std::uint64_t step = 0;
  const auto update = [&] { adam.step(gradients(adam, ++step)); };

  CHECK(adam.keep_casts() == 0);
  CHECK(copied() == rounded(weight));
  update();
  CHECK(adam.keep_casts() == 1);
  const Tensor copy = kept_cast(weight.value());
  REQUIRE(copy.defined());
  CHECK_FALSE(kept_cast(bias.value()).defined());  // asking makes the next update keep one
  for (int i = 0; i < 2; ++i) {
    update();
    adam.check_casts();
    CHECK(cast(weight, DType::bfloat16).value().storage() == copy.storage());
    CHECK(copied() == rounded(weight));
    CHECK(adam.keep_casts() == 2);
  }

  const Variable y = sum(cast(cast(weight, DType::bfloat16), DType::float32) * weight);
  update();
  CHECK(error_of([&] { grad(y, {weight}); }).find("written in place") != std::string::npos);

  SUBCASE("stale, once somebody else has written the parameters, until made good") {
    Tensor(weight.value()).fill_(3);
    CHECK_FALSE(kept_cast(weight.value()).defined());
    CHECK(copied() == rounded(weight));
    adam.set_lr_scale("0.weight", 0);
    update();
    CHECK(copied() == rounded(weight));
    CHECK(adam.keep_casts() == 2);
    CHECK(kept_cast(weight.value()).storage() == copy.storage());
    CHECK(copied() == rounded(weight));
    update();
    CHECK(kept_cast(weight.value()).storage() == copy.storage());
  }
  SUBCASE("none, once the parameters are written after their update") {
    clip_weights(adam.parameters(), 0.25);
    adam.check_casts();
    for (int i = 0; i < 2; ++i) {
      CHECK(adam.keep_casts() == 0);
      CHECK(copied() == rounded(weight));
      CHECK_FALSE(kept_cast(weight.value()).defined());
      update();
    }
  }
}
