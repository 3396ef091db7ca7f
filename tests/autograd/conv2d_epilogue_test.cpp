// Convolutions with bias and rectifier as one operation: one node, what it keeps, and gradients that are written over
// what came in.
#include <doctest/doctest.h>

#include "duel/autograd/grad.h"
#include "duel/autograd/observer.h"
#include "duel/autograd/ops.h"
#include "duel/autograd/print_graph.h"
#include "duel/tensor/allocator.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

using namespace duel;
using namespace duel::testing;

namespace {

struct Layer {
  Variable x, w, b;

  Layer() {
    Rng rng(1);
    const TensorOptions f64{.dtype = DType::float64};
    x = Variable::leaf(rng.normal({2, 3, 6, 5}, 0, 1, f64));
    w = Variable::leaf(rng.normal({4, 3, 3, 3}, 0, 1, f64));
    b = Variable::leaf(rng.normal({4}, 0, 1, f64));
  }
  Variables all() const { return {x, w, b}; }
  Variable fused() const { return conv2d(x, w, b, {.padding = {1, 1}}, {0.2}); }
  Variable separate() const {
    return leaky_relu(conv2d(x, w, {}, {.padding = {1, 1}}) + reshape(b, {1, 4, 1, 1}), 0.2);
  }
};

void check_same(const Variables& a, const Variables& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(difference(a[i].value(), b[i].value()) <= tolerance::kReference);
}

}  // namespace

TEST_CASE("a convolution with bias and rectifier is one node") {
  const Layer layer;
  const std::vector<GraphNode> nodes = graph_nodes(layer.fused());
  REQUIRE(nodes.size() == 4);
  CHECK(nodes.back().name == "conv2d");
  CHECK(nodes.back().inputs.size() == 3);
  Rng rng(1);
  const Variable y = Variable::leaf(rng.normal({2, 4, 3, 3}));
  CHECK(graph_nodes(conv_transpose2d(y, rng.normal({4, 2, 4, 4}), {}, {.stride = {2, 2}}, {}, {0})).back().name ==
        "conv_transpose2d");
}

TEST_CASE("it is the convolution, the sum and the rectifier, at every order") {
  const Layer layer;
  CHECK(difference(layer.fused().value(), layer.separate().value()) <= tolerance::kReference);
  const auto twice = [&](const Variable& y) {
    Variables grads = grad(sum(square(y)), layer.all(), {.create_graph = true});
    Variable length = Tensor::scalar(0, DType::float64);
    for (const Variable& g : grads) length = length + sum(square(g));
    for (const Variable& g : grad(length, layer.all())) grads.push_back(g);
    return grads;
  };
  check_same(twice(layer.fused()), twice(layer.separate()));
  check_same(grad(sum(square(layer.fused())), layer.all()), grad(sum(square(layer.separate())), layer.all()));
}

TEST_CASE("convolutions along one dimension hand their rectifier on") {
  Rng rng(2);
  const Tensor x = rng.normal({2, 3, 9}), b = rng.normal({4});
  const Tensor w = rng.normal({4, 3, 3}), back = rng.normal({3, 4, 3});
  CHECK(difference(conv1d(x, w, b, {}, {0}).value(), relu(conv1d(x, w, b)).value()) <= tolerance::kSingle);
  CHECK(difference(conv_transpose1d(x, back, b, {.stride = 2}, 1, {0}).value(),
                   relu(conv_transpose1d(x, back, b, {.stride = 2}, 1)).value()) <= tolerance::kSingle);
}

TEST_CASE("nothing before the rectifier is kept") {
  Rng rng(2);
  const Variable x = rng.normal({2, 8, 64, 64}), w = Variable::leaf(rng.normal({8, 8, 3, 3}));
  static_cast<void>(conv2d(x, w));  // packs the weights
  const std::size_t before = memory_stats(Device::cpu).live;
  const Variable y = conv2d(x, w, Variable::leaf(rng.normal({8})), {.padding = {1, 1}}, {0});
  const std::size_t kept = memory_stats(Device::cpu).live - before;
  CHECK(kept < 1.5 * static_cast<double>(y.numel()) * sizeof(float));
}

TEST_CASE("a gradient that somebody else holds is not written over") {
  const Layer layer;
  Rng rng(3);
  const Tensor given = rng.normal({2, 4, 6, 5}, 0, 1, {.dtype = DType::float64, .layout = Layout::channels_last});
  const Tensor before = given.clone();
  const Variables plain = grad(layer.separate(), layer.all(), {.grad_output = given});

  check_same(grad(layer.fused(), layer.all(), {.grad_output = given}), plain);
  CHECK(difference(given, before) == 0);

  // Asked for besides.
  const Variable y = layer.fused();
  Variables wanted = layer.all();
  wanted.push_back(y);
  const Variable same = y * 1;
  const Variables found = grad(same, wanted, {.grad_output = given});
  CHECK(difference(found[3].value(), before) == 0);
  check_same({found[0], found[1], found[2]}, plain);

  // Shared by two results.
  const Variable z = layer.fused() + layer.fused();
  const Variables twice = grad(z, layer.all(), {.grad_output = given});
  for (std::size_t i = 0; i < plain.size(); ++i)
    CHECK(difference(twice[i].value(), (plain[i] * 2).value()) <= tolerance::kReference);

  // And in memory that is not the library's: a gradient function that returns such.
  std::vector<double> memory = before.to_vector<double>();
  const Variable odd = record("odd", {y}, y.value(), [&](const Backward&) -> Variables {
    return {Tensor::wrap(memory.data(), {2, 4, 6, 5})};
  });
  grad(odd, layer.all(), {.grad_output = given});
  CHECK(memory == before.to_vector<double>());
}

TEST_CASE("an observer sees gradients as they came in") {
  struct Sums : Observer {
    std::vector<double> sums;
    void on_gradient(const Gradient& g) override { sums.push_back(sum(g.grad).item()); }
  } sums;
  const Layer layer;
  const Variable y = layer.fused();
  const ObserverGuard guard(sums);
  grad(sum(y * 3), {layer.w, layer.b});
  REQUIRE(sums.sums.size() >= 3);
  CHECK(sums.sums[1] == doctest::Approx(static_cast<double>(y.numel())));      // at the product
  CHECK(sums.sums[2] == doctest::Approx(3 * static_cast<double>(y.numel())));  // at the convolution
}

TEST_CASE("gradients of several uses add up, whoever holds them") {
  const Variable x = Variable::leaf(Tensor::from({1.0, -2.0}, {2}));
  const Variable y = x * 2;
  // The gradient of y is the sum of three, and so is asked for itself.
  const Variables found = grad(sum(y * y) + sum(y) + sum(y * 3), {x, y});
  CHECK(found[1].value().to_vector<double>() == std::vector<double>{8, -4});
  CHECK(found[0].value().to_vector<double>() == std::vector<double>{16, -8});
}
