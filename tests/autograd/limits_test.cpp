// At the ends of what numbers can say and of what is alive: refused or right, never a crash or a silent mistake.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/autograd/ops.h"
#include "duel/nn/layers.h"
#include "tests/support/tensors.h"

namespace duel::testing {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// Destroyed after everything that is local to the thread.
Variable outlives_the_thread;

}  // namespace

TEST_CASE("shapes beyond 64 bits and views beyond their storage are refused") {
  const std::int64_t half = std::int64_t{1} << 32;
  CHECK_THROWS_AS(Tensor::zeros({kMost}), Error);
  CHECK_THROWS_AS(Tensor::zeros({half, half}), Error);
  CHECK_THROWS_AS(Tensor::zeros({0, half, half}), Error);
  CHECK_THROWS_AS(Tensor::zeros({0}).reshape({half, half}), Error);
  CHECK_THROWS_AS(Tensor::zeros({1}).expand({half, half}), Error);
  CHECK_THROWS_AS(Rng(1).integers({-1}, 3), Error);
  const Tensor t = Tensor::zeros({4});
  CHECK_THROWS_AS(Tensor(t.storage(), {5}, {1}, 0, DType::float32), Error);
  CHECK_THROWS_AS(Tensor(t.storage(), {2}, {-1}, 0, DType::float32), Error);
  CHECK_THROWS_AS(Tensor(t.storage(), {4}, {1}, 1, DType::float32), Error);
  CHECK(Tensor(t.storage(), {2, 2}, {-2, 1}, 2, DType::float32).numel() == 4);
}

TEST_CASE("what is undefined or makes no sense is refused by name") {
  CHECK_THROWS_AS(sum(Variable()), Error);
  CHECK_THROWS_AS(expand(Variable(), {2}), Error);
  const Variable x = Tensor::zeros({2, 3});
  CHECK_THROWS_AS(batch_norm(x, {}, {}, -1e-5), Error);
  BatchNorm norm(3, {.momentum = 1.5});
  CHECK_THROWS_AS(norm(x), Error);
}

TEST_CASE("a step as large as can be takes the first element") {
  const Variable x = Variable::leaf(Tensor::from({1.0f, 2.0f, 3.0f}, {3}));
  const Variable y = slice(x, 0, 1, 3, kMost);
  CHECK(y.shape() == Shape{1});
  CHECK(y.item() == 2);
  CHECK(grad(sum(y), {x})[0].value().to_vector<float>() == std::vector<float>{0, 1, 0});
}

TEST_CASE("a broadcast tensor can't be written to") {
  Tensor t = Tensor::zeros({1}).expand({4});
  CHECK_THROWS_AS(t.fill_(1), Error);
  CHECK_THROWS_AS(t.copy_(Tensor::zeros({4})), Error);
}

TEST_CASE("a tensor can be copied onto a part or another view of itself") {
  Tensor t = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f}, {2, 2});
  t.copy_(t.transpose(0, 1));
  CHECK(t.to_vector<float>() == std::vector<float>{1, 3, 2, 4});
}

TEST_CASE("convolutions: strides, dilations and padding that overflow; groups that do not divide") {
  const Variable x = Tensor::zeros({1, 1, 4, 4}), w = Tensor::zeros({1, 1, 5, 5});
  const std::int64_t quarter = std::int64_t{1} << 62;
  CHECK_THROWS_AS(conv2d(x, w, {}, {.dilation = {quarter, quarter}}), Error);
  CHECK_THROWS_AS(conv2d(x, w, {}, {.padding = {kMost, kMost}}), Error);
  const Variable dy = Tensor::zeros({1, 3, 2, 2}), three = Tensor::zeros({3, 1, 1, 1});
  CHECK_THROWS_AS(conv2d_input_grad(dy, three, {2, 2}, {.groups = 2}), Error);
}

TEST_CASE("maximum and minimum keep NaN on either side; abs has no negative zero") {
  const Variable nan = Tensor::scalar(NAN), one = Tensor::scalar(1);
  for (const Variable& y : {maximum(nan, one), maximum(one, nan), minimum(nan, one), minimum(one, nan)})
    CHECK(std::isnan(y.item()));
  CHECK_FALSE(std::signbit(abs(Variable(Tensor::scalar(-0.0))).item()));
}

TEST_CASE("statistics and indices written after the forward pass are noticed") {
  Rng rng(1);
  BatchNorm norm(1);
  const Variable x = rng.normal({4, 1});
  const Variable y = sum(norm(x, {.mode = Mode::eval}));
  norm(x, {.mode = Mode::train});  // moves the running mean
  CHECK_THROWS_AS(grad(y, {norm.weight}), Error);

  BatchMoments moments;
  const Variable gain = Variable::leaf(Tensor::full({1}, 1)), z = sum(batch_norm(x, gain, {}, 1e-5, {}, &moments) * x);
  moments.mean.fill_(0);
  CHECK_THROWS_AS(grad(z, {gain}), Error);

  const Variable table = Variable::leaf(Tensor::zeros({3, 1}));
  Tensor index = Tensor::zeros({1}, {.dtype = DType::int64});
  const Variable rows = sum(embedding(table, index));
  index.fill_(2);
  CHECK_THROWS_AS(grad(rows, {table}), Error);
}

TEST_CASE("a graph may be held by a static variable") {
  outlives_the_thread = Variable::leaf(Tensor::zeros({1}));
  for (int i = 0; i < 100; ++i) outlives_the_thread = outlives_the_thread + 1;
  CHECK(outlives_the_thread.item() == 100);
}

}  // namespace duel::testing
