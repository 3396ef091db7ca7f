#include <doctest/doctest.h>

#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr int kSteps = 3;

// One parameter of any layout, its gradients, and two states; the naive step works on `p`, `s` and `t`.
struct Problem {
  Tensor param, grad, first, second;
  std::vector<double> p, s, t;

  Problem(const Tensor& like, unsigned seed)
      : param(gaussian(Tensor::empty_like(like), seed)),
        grad(Tensor::empty_like(like)),
        first(Tensor::zeros_like(like)),
        second(Tensor::zeros_like(like)),
        p(values(param)),
        s(values(first)),
        t(values(second)) {}
  std::vector<double> next_grad(int step) { return values(gaussian(grad, 100 + static_cast<unsigned>(step))); }
  void check() const {
    CHECK(distance(values(param), p) <= 2 * roundings(param.dtype()));
    CHECK(distance(values(first), s) <= 2 * roundings(param.dtype()));
    CHECK(distance(values(second), t) <= 2 * roundings(param.dtype()));
  }
};

template <class F>
void for_each_problem(DType dtype, const F& f) {
  for (const Shape& shape : odd_shapes())
    for (Layout layout : {Layout::row_major, Layout::channels_last}) {
      CAPTURE(shape);
      Problem problem(Tensor::empty(shape, {.dtype = dtype, .layout = layout}), 1);
      f(problem);
      problem.check();
    }
}

// The kernels, of one parameter.
void adam(const Problem& q, const AdamStep& s) {
  const ParameterTensors tensors{q.param, q.grad, {q.first, q.second}};
  cpu().adam({&tensors, 1}, {&s, 1}, {});
}

void sgd(const Problem& q, const Tensor& momentum, const SgdStep& s) {
  const ParameterTensors tensors{q.param, q.grad, {momentum}};
  cpu().sgd({&tensors, 1}, {&s, 1}, {});
}

void rmsprop(const Problem& q, const RmsPropStep& s) {
  const ParameterTensors tensors{q.param, q.grad, {q.first}};
  cpu().rmsprop({&tensors, 1}, {&s, 1}, {});
}

}  // namespace

TEST_CASE_TEMPLATE("adam: plain, with weight decay, and decoupled", T, float, double) {
  struct Decay {
    double coupled, decoupled;
  };
  for (const Decay decay : {Decay{0, 0}, Decay{0.1, 0}, Decay{0, 0.1}})
    for_each_problem(dtype_of<T>(), [&](Problem& q) {
      constexpr double rate = 0.01, beta1 = 0.5, beta2 = 0.99, eps = 1e-3;
      for (int step = 1; step <= kSteps; ++step) {
        const double c1 = 1 - std::pow(beta1, step), c2 = 1 - std::pow(beta2, step);
        const std::vector<double> g = q.next_grad(step);
        for (std::size_t i = 0; i < g.size(); ++i) {
          q.p[i] *= 1 - rate * decay.decoupled;
          const double gi = g[i] + decay.coupled * q.p[i];
          q.s[i] = beta1 * q.s[i] + (1 - beta1) * gi;
          q.t[i] = beta2 * q.t[i] + (1 - beta2) * gi * gi;
          q.p[i] -= rate / c1 * q.s[i] / (std::sqrt(q.t[i]) / std::sqrt(c2) + eps);
        }
        adam(q, {.rate = rate,
                 .beta1 = beta1,
                 .beta2 = beta2,
                 .eps = eps,
                 .weight_decay = decay.coupled,
                 .decoupled_decay = decay.decoupled,
                 .correction1 = c1,
                 .correction2 = c2});
      }
    });
}

TEST_CASE_TEMPLATE("sgd: without and with momentum", T, float, double) {
  for (double momentum : {0.0, 0.9})
    for_each_problem(dtype_of<T>(), [&](Problem& q) {
      constexpr double rate = 0.1, decay = 0.01;
      for (int step = 1; step <= kSteps; ++step) {
        const double share = step == 1 ? 1 : 0.75;
        const std::vector<double> g = q.next_grad(step);
        for (std::size_t i = 0; i < g.size(); ++i) {
          const double gi = g[i] + decay * q.p[i];
          if (momentum > 0) q.s[i] = momentum * q.s[i] + share * gi;
          q.p[i] -= rate * (momentum > 0 ? q.s[i] : gi);
        }
        sgd(q, momentum > 0 ? q.first : Tensor(),
            {.rate = rate, .momentum = momentum, .weight_decay = decay, .gradient_share = share});
      }
    });
}

TEST_CASE_TEMPLATE("rmsprop", T, float, double) {
  for_each_problem(dtype_of<T>(), [](Problem& q) {
    constexpr double rate = 0.01, alpha = 0.9, eps = 1e-3, decay = 0.01;
    for (int step = 1; step <= kSteps; ++step) {
      const std::vector<double> g = q.next_grad(step);
      for (std::size_t i = 0; i < g.size(); ++i) {
        const double gi = g[i] + decay * q.p[i];
        q.s[i] = alpha * q.s[i] + (1 - alpha) * gi * gi;
        q.p[i] -= rate * gi / (std::sqrt(q.s[i]) + eps);
      }
      rmsprop(q, {.rate = rate, .alpha = alpha, .eps = eps, .weight_decay = decay});
    }
  });
}

TEST_CASE("adam: the same bits for any number of threads") {
  CHECK(same_for_any_threads([] {
    Problem q(Tensor::empty({100003}), 2);
    q.next_grad(0);
    adam(q, {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .correction1 = 0.1, .correction2 = 0.001});
    return q.param;
  }));
}

TEST_CASE("what is recorded now and done later: steps come in a tensor, and a loss that is not finite stops them") {
  const Tensor like = Tensor::empty({5});
  Problem given(like, 1), stopped(like, 1), later(like, 1);
  for (Problem* q : {&given, &stopped, &later}) q->next_grad(1);
  const SgdStep s{.rate = 0.5, .momentum = 0.25, .weight_decay = 0.125, .gradient_share = 1};
  sgd(given, given.first, s);
  const Tensor steps = Tensor::from({0.5, 0.25, 0.125, 1.0, 0.0}, {1, 5});
  const SgdStep none{.rate = 0};
  const auto run = [&](const Problem& q, const Tensor& loss) {
    const ParameterTensors tensors{q.param, q.grad, {q.first}};
    cpu().sgd({&tensors, 1}, {&none, 1}, {steps, loss});
  };
  run(later, Tensor::scalar(3));
  CHECK(values(later.param) == values(given.param));
  CHECK(values(later.first) == values(given.first));
  for (double loss : {NAN, INFINITY}) run(stopped, Tensor::scalar(loss));
  stopped.check();
}

TEST_CASE_TEMPLATE("what follows a parameter: its average and its copy in bfloat16, also without a gradient", T, float,
                   double) {
  const AdamStep adam_step{
      .rate = 0.1, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-3, .correction1 = 0.5, .correction2 = 0.1};
  for (const double share : {0.0, 0.25, 1.0})
    for (const bool has_gradient : {true, false})
      for_each_problem(dtype_of<T>(), [&](Problem& q) {
        CAPTURE(share);
        Problem alone(q.param, 1);
        for (Problem* each : {&q, &alone}) each->next_grad(1);
        Tensor average = gaussian(Tensor::empty_like(q.param), 9), cast = q.param.to(DType::bfloat16);
        const std::vector<double> before = values(average);
        const ParameterTensors tensors{q.param, has_gradient ? q.grad : Tensor(), {q.first, q.second}, average, cast};
        AdamStep step = adam_step;
        step.average_share = share;
        cpu().adam({&tensors, 1}, {&step, 1}, {});
        if (has_gradient) adam(alone, adam_step);
        CHECK(values(q.param) == values(alone.param));
        CHECK(values(cast.to(DType::float64)) == values(q.param.to(DType::bfloat16).to(DType::float64)));
        std::vector<double> expected = before;
        const std::vector<double> target = values(q.param);
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += share * (target[i] - expected[i]);
        CHECK(distance(values(average), share == 1 ? target : expected) <=
              (share == 0 || share == 1 ? 0 : 2 * roundings(q.param.dtype())));
        q.p = values(alone.param);
        q.s = values(alone.first);
        q.t = values(alone.second);
      });
}

TEST_CASE("every optimiser lets averages follow") {
  for (const bool is_sgd : {true, false}) {
    Problem q(Tensor::empty({5}), 1);
    q.next_grad(1);
    const Tensor average = Tensor::zeros({5});
    const ParameterTensors tensors{q.param, q.grad, {q.first}, average, {}};
    const SgdStep sgd_step{.rate = 0.5, .average_share = 0.5};
    const RmsPropStep rmsprop_step{.rate = 0.5, .alpha = 0.5, .eps = 1, .average_share = 0.5};
    if (is_sgd)
      cpu().sgd({&tensors, 1}, {&sgd_step, 1}, {});
    else
      cpu().rmsprop({&tensors, 1}, {&rmsprop_step, 1}, {});
    const std::vector<double> target = values(q.param), moved = values(average);
    for (std::size_t i = 0; i < moved.size(); ++i) CHECK(moved[i] == target[i] / 2);
  }
}
