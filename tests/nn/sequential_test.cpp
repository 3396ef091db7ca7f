// Sequential: order, names, copies, and what it hands on to its layers.
#include "duel/nn/sequential.h"

#include <doctest/doctest.h>

#include "duel/autograd/print_graph.h"
#include "duel/nn/layers.h"
#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

TEST_CASE("sequential applies its layers in order and names them by their place") {
  Rng rng(1);
  Linear first(rng, 3, 4), second(rng, 4, 2);
  Sequential net{{first, Tanh(), second}};
  const Tensor x = rng.normal({5, 3});
  CHECK(difference(net(x).value(), second(tanh(first(x))).value()) == 0);
  CHECK(parameter_names(net) == std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias"});
  CHECK(count_parameters(net) == 3 * 4 + 4 + 4 * 2 + 2);
}

TEST_CASE("a layer does the rectifier after it, and names stay as they are") {
  Rng rng(6);
  Conv2d conv(rng, 3, 4, {.padding = 1});
  BatchNorm2d norm(4);
  ConvTranspose2d up(rng, 4, 2, {.kernel = 4, .stride = 2, .padding = 1});
  SpectralNorm last(rng, Conv2d(rng, 2, 2));
  Sequential net{{conv, LeakyReLU{0.2}, norm, ReLU{}, up, LeakyReLU{0.1}, Dropout2d{0}, ReLU{}, last, ReLU{}}};
  CHECK(parameter_names(net) == std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias", "4.weight",
                                                         "4.bias", "8.weight_orig", "8.bias"});
  const Variable x = Variable::leaf(rng.normal({2, 3, 6, 6}));
  const Pass eval{.mode = Mode::eval};
  const Variable a = leaky_relu(conv(x), 0.2), b = leaky_relu(up(relu(norm(a, eval))), 0.1);
  const Variable y = net(x, eval);
  CHECK(difference(y.value(), relu(last(relu(b), eval)).value()) <= tolerance::kSingle);
  for (const GraphNode& node : graph_nodes(y)) CHECK(node.name != "leaky_relu");
}

TEST_CASE("a rectifier that no layer takes is done by itself") {
  Rng rng(7);
  const Tensor x = rng.normal({4, 3});
  CHECK(difference(Sequential{{ReLU{}}}(x).value(), relu(x).value()) == 0);
  CHECK(difference(Sequential{{Tanh{}, ReLU{}, ReLU{}}}(x).value(), relu(tanh(x)).value()) == 0);
  CHECK(difference(Sequential{{Tanh{}, LeakyReLU{2}}}(x).value(), leaky_relu(tanh(x), 2).value()) == 0);
  CHECK(difference(Sequential{{Tanh{}, LeakyReLU{-1}}}(x).value(), abs(tanh(x)).value()) == 0);
}

TEST_CASE("sequentials nest, take any function of one variable, and may be empty") {
  Rng rng(2);
  Sequential net{{Sequential{{Linear(rng, 3, 3), BatchNorm1d(3)}}, [](const Variable& x) { return 2 * x; }}};
  CHECK(parameter_names(net) == std::vector<std::string>{"0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias"});
  CHECK(state_dict(net).contains("0.1.running_mean"));
  CHECK(net(rng.normal({4, 3})).shape() == Shape{4, 3});

  const Tensor x = rng.normal({2, 2});
  CHECK(difference(Sequential()(x).value(), x) == 0);
}

TEST_CASE("sequential hands the pass on to the layers that take one") {
  Rng rng(3);
  Sequential net{{BatchNorm1d(2), Dropout{0.5}}};
  const Tensor x = rng.normal({8, 2});
  const Tensor a = net(x, {.mode = Mode::eval}).value();
  CHECK(state_dict(net).at("0.num_batches_tracked").item() == 0);
  CHECK(difference(a, x) <= tolerance::kSingle);  // fresh statistics, no dropout
  CHECK_FALSE(error_of([&] { net(x); }).empty());
  CHECK(difference(net(x, {.rng = &rng}).value(), a) > 0);
  CHECK(state_dict(net).at("0.num_batches_tracked").item() == 2);  // the failed pass reached the batch norm too
}

TEST_CASE("a copy shares its parameters, a clone has its own") {
  Rng rng(4);
  Sequential net{{Linear(rng, 2, 2)}};
  Sequential copy = net, cloned = clone(net);
  state_dict(net)["0.weight"].fill_(7);
  CHECK(state_dict(copy)["0.weight"].select(0, 0).select(0, 0).item() == 7);
  CHECK(state_dict(cloned)["0.weight"].select(0, 0).select(0, 0).item() != 7);
  CHECK(parameter_names(cloned) == parameter_names(net));
  copy = cloned;
  CHECK(difference(state_dict(copy)["0.weight"], state_dict(cloned)["0.weight"]) == 0);
}
