// The graph itself: what is walked, what is kept, when it complains, and that it goes away.
#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <thread>

#include "duel/autograd/ops.h"
#include "duel/tensor/allocator.h"
#include "tests/support/tensors.h"

namespace duel::testing {
namespace {

Tensor vector_of(std::initializer_list<double> values) {
  return Tensor::from<double>(values, {static_cast<std::int64_t>(values.size())});
}

// The identity, which counts how often its gradient is computed.
Variable counted(const Variable& x, int& calls) {
  return record("counted", {x}, x.value(), [&calls](const Backward& b) -> Variables {
    ++calls;
    return {b.grad};
  });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("grad computes nothing off the path") {
  int on = 0, off = 0, above = 0, below = 0;
  const Variable x = Variable::leaf(vector_of({1, 2})), w = Variable::leaf(vector_of({3, 4}));
  const Variable h = counted(counted(x, below) * 2, on);
  const Variable y = sum(counted(h * counted(w, off), above));

  CHECK(grad(y, {w})[0].value().to_vector<double>() == std::vector<double>{2, 4});
  CHECK(off == 1);  // on the way to w
  CHECK(above == 1);
  CHECK(on == 0);
  CHECK(below == 0);

  CHECK(grad(y, {h})[0].value().to_vector<double>() == std::vector<double>{3, 4});  // an intermediate result
  CHECK(above == 2);
  CHECK(on == 0);  // h itself is asked for; what made it is not walked
  CHECK(below == 0);

  CHECK(grad(y, {x})[0].value().to_vector<double>() == std::vector<double>{6, 8});
  CHECK(on == 1);
  CHECK(below == 1);
  CHECK(off == 1);
}

TEST_CASE("a gradient function is told which inputs are wanted") {
  std::vector<bool> asked;
  const Variable a = Variable::leaf(vector_of({1})), b = Variable::leaf(vector_of({2}));
  const Variable y = record("probe", {a, b, Tensor::scalar(1, DType::float64)}, vector_of({3}),
                            [&asked](const Backward& k) -> Variables {
                              asked = {k.needs(0), k.needs(1), k.needs(2)};
                              return {k.grad, k.grad, {}};
                            });
  grad(y, {b});
  CHECK(asked == std::vector<bool>{false, true, false});
  grad(y, {a, b});
  CHECK(asked == std::vector<bool>{true, true, false});
}

TEST_CASE("gradients add up over all paths and may be asked for twice") {
  const Variable x = Variable::leaf(vector_of({2}));
  const Variable square_of_x = x * x;
  const Variable y = square_of_x * x + square_of_x;  // x^3 + x^2
  const Variables g = grad(y, {x, square_of_x, x, y});
  CHECK(g[0].item() == 16);
  CHECK(g[1].item() == 3);
  CHECK(g[2].item() == 16);
  CHECK(g[3].item() == 1);
}

TEST_CASE("create_graph gives gradients of gradients, and only then") {
  const Variable x = Variable::leaf(vector_of({2}));
  const Variable y = x * x * x;
  CHECK(grad(y, {x})[0].is_constant());
  const Variable first = grad(y, {x}, {.create_graph = true})[0];
  const Variable second = grad(first, {x}, {.create_graph = true})[0];
  const Variable third = grad(second, {x}, {.create_graph = true})[0];
  CHECK(first.item() == 12);
  CHECK(second.item() == 12);
  CHECK(third.item() == 6);
}

TEST_CASE("grad_output weighs the elements of y and is differentiated through") {
  const Variable x = Variable::leaf(vector_of({1, 2})), c = Variable::leaf(vector_of({10, 100}));
  const Variable g = grad(x * x, {x}, {.create_graph = true, .grad_output = c})[0];
  CHECK(g.value().to_vector<double>() == std::vector<double>{20, 400});
  CHECK(grad(sum(g), {c})[0].value().to_vector<double>() == std::vector<double>{2, 4});
}

TEST_CASE("what y does not depend on throws, or gives zeros when allowed") {
  const Variable x = Variable::leaf(vector_of({1, 2})), other = Variable::leaf(vector_of({3}));
  CHECK(contains(error_of([&] { grad(sum(x), {x, other}); }), "does not depend on x number 1 (float64[1])"));
  const Variables g = grad(sum(x), {x, other}, {.allow_unused = true});
  CHECK(g[1].value().to_vector<double>() == std::vector<double>{0});
  const Variable constant = vector_of({1});
  CHECK(contains(error_of([&] { grad(sum(x), {constant}); }), "is a constant: make it with Variable::leaf"));
  CHECK(contains(error_of([&] { grad(constant, {x}); }), "does not depend"));
  CHECK(contains(error_of([&] { grad(sum(x.detach()), {x}); }), "does not depend"));
  CHECK(grad(constant, {x}, {.allow_unused = true})[0].value().to_vector<double>() == std::vector<double>{0, 0});
}

TEST_CASE("what y depends on with gradient zero gives zeros") {
  const Variable x = Variable::leaf(vector_of({1, -2}));
  CHECK(grad(sum(sign(x)), {x})[0].value().to_vector<double>() == std::vector<double>{0, 0});
  const Variable slope = grad(sum(leaky_relu(x)), {x}, {.create_graph = true})[0];
  CHECK(grad(sum(slope), {x})[0].value().to_vector<double>() == std::vector<double>{0, 0});
}

TEST_CASE("y must be a number unless grad_output is given") {
  const Variable x = Variable::leaf(vector_of({1, 2}));
  CHECK(contains(error_of([&] { grad(x * x, {x}); }), "y has shape [2]"));
  CHECK(contains(error_of([&] { grad(x * x, {x}, {.grad_output = Tensor::scalar(1, DType::float64)}); }),
                 "grad_output is float64[]"));
  CHECK(contains(error_of([&] { grad(Variable(), {x}); }), "y is undefined"));
  CHECK(contains(error_of([&] { grad(sum(x), {Variable()}); }), "constant"));
}

TEST_CASE("a consumed graph says so and names the operation") {
  const Variable x = Variable::leaf(vector_of({1, 2}));
  const Variable h = exp(x);
  Variable loss = sum(h * h);
  CHECK(grad(std::move(loss), {x})[0].value().numel() == 2);
  const std::string error = error_of([&] { grad(sum(h), {x}); });
  CHECK(contains(error, "'exp' [2] was consumed"));
  CHECK(contains(error, "without std::move"));
  CHECK(h.node()->is_consumed());
}

TEST_CASE("consuming takes only the path to the xs") {
  const Variable x = Variable::leaf(vector_of({1, 2})), w = Variable::leaf(vector_of({3, 4}));
  const Variable h = exp(x), v = exp(w);
  grad(sum(h * v), {v});
  CHECK(grad(sum(h), {x})[0].numel() == 2);
  CHECK(grad(sum(v), {w})[0].numel() == 2);
}

TEST_CASE("create_graph consumes nothing") {
  const Variable x = Variable::leaf(vector_of({2}));
  Variable y = x * x * x;
  const Variable g = grad(std::move(y), {x}, {.create_graph = true})[0];
  CHECK(grad(g, {x})[0].item() == 12);
}

TEST_CASE("a write in place after saving is found and the operation named") {
  const Variable x = Variable::leaf(vector_of({1, 2})), w = Variable::leaf(vector_of({3, 4}));
  const Variable y = sum(x * w);
  Tensor(w.value()).fill_(0);
  const std::string error = error_of([&] { grad(y, {x}); });
  CHECK(contains(error, "gradient of 'mul' [2]"));
  CHECK(contains(error, "written in place"));
  CHECK(grad(y, {w})[0].value().to_vector<double>() == std::vector<double>{1, 2});  // needs x only

  const Variable e = exp(x);
  Tensor(e.value()).fill_(0);
  CHECK(contains(error_of([&] { grad(sum(e), {x}); }), "the output of 'exp' [2] was written in place"));
}

TEST_CASE("a write through a view is found too") {
  const Variable x = Variable::leaf(vector_of({1, 2}));
  const Variable y = sum(square(x));
  x.value().slice(0, 1, 2).fill_(5);
  CHECK(contains(error_of([&] { grad(y, {x}); }), "gradient of 'square'"));
}

TEST_CASE("100,000 operations in a row: forward, backward, destruction") {
  const Variable x = Variable::leaf(Tensor::scalar(1, DType::float64));
  for (const bool consume : {false, true}) {
    Variable y = x;
    for (int i = 0; i < 100'000; ++i) y = affine(y, 1, 1e-5);
    CHECK((consume ? grad(std::move(y), {x}) : grad(y, {x}))[0].item() == 1);
  }
  Variable y = x;  // and one whose gradient is a graph of this length
  for (int i = 0; i < 100'000; ++i) y = y * 1.00001;
  CHECK(grad(y, {x}, {.create_graph = true})[0].item() == doctest::Approx(2.71827));
}

TEST_CASE("all memory comes back when the graph dies") {
  const std::size_t before = memory_stats(Device::cpu).live;
  {
    const Variable x = Variable::leaf(Tensor::full({4, 3, 8, 8}, 0.5)),
                   w = Variable::leaf(Tensor::full({5, 3, 3, 3}, 0.1));
    const Variable gain = Variable::leaf(Tensor::full({5}, 1)), bias = Variable::leaf(Tensor::full({5}, 0.1));
    Variable y = sum(square(tanh(batch_norm(conv2d(x, w, bias), gain, bias, 1e-5))));
    const Variables first = grad(y, {x, w}, {.create_graph = true});
    const Variables second = grad(sum(square(first[0])), {w, gain}, {.create_graph = true});
    CHECK(memory_stats(Device::cpu).live > before);
    grad(std::move(y), {w});
  }
  CHECK(memory_stats(Device::cpu).live == before);
}

TEST_CASE("consuming frees memory while the leaves live") {
  const Variable x = Variable::leaf(Tensor::full({1000}, 0.5));
  const std::size_t before = memory_stats(Device::cpu).live;
  Variable y = x;
  for (int i = 0; i < 10; ++i) y = exp(-y);
  const Variable kept = y;  // holds the node, not what was saved
  grad(sum(y), {x});
  CHECK(memory_stats(Device::cpu).live <= before + 4096);  // kept's value
}

TEST_CASE("no operation owns itself") {
  const Variable x = Variable::leaf(vector_of({1, 2}));
  std::weak_ptr<Node> node;
  {
    const Variable y = tanh(exp(x) / x);
    node = y.node();
    CHECK(!node.expired());
  }
  CHECK(node.expired());
}

TEST_CASE("NoGrad records nothing, nests, and is over at the end of its scope") {
  const Variable x = Variable::leaf(vector_of({1}));
  {
    const NoGrad no_grad;
    CHECK(!is_recording());
    CHECK(exp(x).is_constant());
    {
      const RecordingGuard on(RecordingGuard::Mode::on);
      CHECK(!exp(x).is_constant());
    }
    CHECK(exp(x).is_constant());
  }
  CHECK(is_recording());
  CHECK(!exp(x).is_constant());
}

TEST_CASE("recording is off while gradients are computed, and on again after an error") {
  const Variable x = Variable::leaf(vector_of({1}));
  bool recorded = true;
  const Variable y = record("probe", {x}, x.value(), [&](const Backward&) -> Variables {
    recorded = is_recording();
    fail("probe", "on purpose");
  });
  CHECK(contains(error_of([&] { grad(y, {x}); }), "gradient of 'probe' [1]: probe: on purpose"));
  CHECK(!recorded);
  CHECK(is_recording());
}

TEST_CASE("a gradient of wrong shape, type or number is the operation's fault") {
  const Variable x = Variable::leaf(vector_of({1, 2}));
  const auto with = [&](const Variables& grads) {
    const Variable y = record("wrong", {x}, x.value(), [grads](const Backward&) { return grads; });
    return error_of([&] { grad(sum(y), {x}); });
  };
  CHECK(
      contains(with({vector_of({1})}), "the gradient function of 'wrong' gave a float64[1] for an input of shape [2]"));
  CHECK(contains(with({Tensor::zeros({2})}), "gave a float32[2]"));
  CHECK(contains(with({}), "returned 0 gradients for 1 inputs"));
}

TEST_CASE("threads record graphs of their own and share leaves") {
  const Variable w = Variable::leaf(vector_of({2, 3}));
  std::vector<double> results(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < results.size(); ++t)
    threads.emplace_back([&, t] {
      if (t == 3) {
        const NoGrad no_grad;  // of this thread alone
        results[t] = square(w).is_constant() ? 1 : 0;
        return;
      }
      for (int i = 0; i < 200; ++i)
        results[t] = grad(sum(square(w) * static_cast<double>(t)), {w})[0].value().to_vector<double>()[1];
    });
  for (std::thread& t : threads) t.join();
  CHECK(results == std::vector<double>{0, 6, 12, 1});
  CHECK(is_recording());
}

TEST_CASE("a graph made on one thread can be walked and dropped on another") {
  const Variable x = Variable::leaf(vector_of({1, 2}));
  Variable y;
  std::thread([&] { y = sum(square(x)); }).join();
  double g = 0;
  std::thread([&] {
    g = grad(std::move(y), {x})[0].value().to_vector<double>()[1];
    y = {};
  }).join();
  CHECK(g == 4);
}

TEST_CASE("leaves need a floating dtype; set_value needs the same shape and dtype") {
  CHECK(contains(error_of([] { Variable::leaf(Tensor::zeros({2}, {.dtype = DType::int64})); }), "got int64"));
  CHECK(contains(error_of([] { Variable::leaf(Tensor()); }), "undefined"));
  Variable x = Variable::leaf(vector_of({1, 2}));
  CHECK(contains(error_of([&] { x.set_value(vector_of({1})); }), "a float64[1] cannot replace a float64[2]"));
  x.set_value(vector_of({3, 4}));
  CHECK(grad(sum(square(x)), {x})[0].value().to_vector<double>() == std::vector<double>{6, 8});
}

TEST_CASE("detach stops gradients") {
  const Variable x = Variable::leaf(vector_of({3}));
  CHECK(grad(x * x.detach(), {x})[0].item() == 3);
}

}  // namespace
}  // namespace duel::testing
