// Observers: they see every operation and gradient function of their thread, once, and leave no trace.
#include "duel/autograd/observer.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "duel/autograd/ops.h"

namespace duel::testing {
namespace {

// "exp", "grad exp", and "mul in exp" for an operation that the gradient of exp runs.
struct Log : Observer {
  void on_operation(const Operation& o) override {
    CHECK(o.seconds >= 0);
    entries.push_back(o.in_gradient ? cat(o.name, " in ", o.in_gradient->name()) : o.name);
    recorded.push_back(o.value.node() != nullptr);
  }
  void on_gradient(const Gradient& g) override {
    CHECK(g.seconds >= 0);
    CHECK(g.grad.shape() == g.node.shape());
    CHECK(g.grads.size() == g.node.inputs().size());
    entries.push_back(cat("grad ", g.node.name(), g.in_gradient ? cat(" in ", g.in_gradient->name()) : ""));
  }
  std::vector<std::string> entries;
  std::vector<bool> recorded;
};

using Entries = std::vector<std::string>;

TEST_CASE("operations, then gradient functions with the operations that they run") {
  const Variable x = Variable::leaf(Tensor::full({2}, 0.5));
  Log log;
  const ObserverGuard guard(log);
  const Variable y = sum(exp(x));
  CHECK(log.entries[0] == "exp");
  CHECK(log.recorded[0]);
  const std::size_t forward = log.entries.size();
  grad(y, {x});
  const Entries backward(log.entries.begin() + static_cast<std::ptrdiff_t>(forward), log.entries.end());
  REQUIRE(backward.size() >= 2);
  CHECK(backward[backward.size() - 2] == "mul in exp");
  CHECK(backward.back() == "grad exp");
  CHECK_FALSE(log.recorded.back());
}

TEST_CASE("constants, values and times") {
  struct Last : Observer {
    void on_operation(const Operation& o) override {
      value = o.value;
      where = place_of(o.where);
      inputs = o.inputs.size();
    }
    Variable value;
    std::string where;
    std::size_t inputs = 0;
  } last;
  const ObserverGuard guard(last);
  const Variable y = Variable(Tensor::full({3}, 2)) * Variable(Tensor::full({3}, 3));
  CHECK(last.value.is_constant());
  CHECK(last.value.value().storage() == y.value().storage());
  CHECK(last.inputs == 2);
  CHECK(last.where.starts_with("duel/autograd/"));
}

TEST_CASE("gradients inside gradients") {
  const Variable x = Variable::leaf(Tensor::scalar(0.5));
  Log log;
  const ObserverGuard guard(log);
  const Variable y = record("outer", {x}, x.value(), [](const Backward& b) -> Variables {
    const RecordingGuard on(RecordingGuard::Mode::on);
    const Variable inner = Variable::leaf(b.grad.value());
    return {grad(exp(inner), {inner})[0]};
  });
  grad(y, {x});
  const Entries expected{"outer", "exp in outer", "mul in exp", "grad exp in outer", "grad outer"};
  CHECK(log.entries == expected);
}

TEST_CASE("guards nest; an observer's own operations are not observed") {
  struct Computing : Log {
    void on_operation(const Operation& o) override {
      Log::on_operation(o);
      static_cast<void>(o.value + 1);
    }
  } outer;
  Log inner;
  const Variable x = Variable::leaf(Tensor::scalar(1));
  {
    const ObserverGuard outer_guard(outer);
    static_cast<void>(exp(x));
    {
      const ObserverGuard inner_guard(inner);
      static_cast<void>(tanh(x));
    }
    static_cast<void>(abs(x));
  }
  static_cast<void>(square(x));
  CHECK(outer.entries == Entries{"exp", "tanh", "abs"});
  CHECK(inner.entries == Entries{"tanh"});
}

TEST_CASE("exceptions leave everything as it was") {
  struct Refusing : Log {
    void on_operation(const Operation& o) override {
      Log::on_operation(o);
      if (std::string(o.name) == "exp") throw Error("no exp");
    }
    void on_gradient(const Gradient& g) override {
      Log::on_gradient(g);
      if (std::string(g.node.name()) == "tanh") throw Error("no gradient of tanh");
    }
  } refusing;
  const Variable x = Variable::leaf(Tensor::scalar(1));
  const ObserverGuard guard(refusing);
  CHECK_THROWS_WITH_AS(static_cast<void>(exp(x)), "no exp", Error);
  const Variable y = tanh(x);
  CHECK_THROWS_WITH_AS(grad(y, {x}), "no gradient of tanh", Error);
  refusing.entries.clear();
  static_cast<void>(abs(x));
  CHECK(refusing.entries == Entries{"abs"});  // not in any gradient
}

TEST_CASE("other threads are not observed") {
  Log log;
  const ObserverGuard guard(log);
  std::thread([] { static_cast<void>(exp(Variable::leaf(Tensor::scalar(1)))); }).join();
  CHECK(log.entries.empty());
}

TEST_CASE("observed results are the same bits") {
  Rng rng(3);
  const Variable x = Variable::leaf(rng.normal({2, 3, 5, 7})), w = Variable::leaf(rng.normal({4, 3, 3, 3}));
  const auto run = [&] {
    const Variable g = grad(sum(square(conv2d(x, w, {}))), {w}, {.create_graph = true})[0];
    return grad(sum(square(g)), {x})[0].value().to_vector<float>();
  };
  const std::vector<float> plain = run();
  Log log;
  const ObserverGuard guard(log);
  CHECK(run() == plain);
}

}  // namespace
}  // namespace duel::testing
