// Optimisers: PyTorch's trajectories, flat buffers, states that can be saved, and what they refuse.
#include "duel/nn/optim.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "duel/autograd/pointwise.h"
#include "duel/nn/layers.h"
#include "duel/nn/sequential.h"
#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

// That of make_golden_nn.py: a weight whose order in memory is not the logical one, and small ones.
Sequential model(DType dtype = DType::float64) {
  Rng rng(1);
  Sequential net{{Conv2d(rng, 2, 2, {.kernel = 2}), Linear(rng, 3, 2)}};
  renumber(net, 1);
  if (dtype == DType::float64) return net;
  struct ToSingle : Visitor {
    void on_parameter(const std::string&, Variable& p) override {
      p = Variable::leaf(p.value().to(DType::float32).channels_last());
    }
  } to_single;
  net.visit(to_single);
  return net;
}

// The gradients of step `step`: any numbers.
Variables gradients(const Optimizer& optimizer, std::uint64_t step) {
  Variables grads;
  for (const Variable& p : optimizer.parameters())
    grads.push_back(numbers(p.shape(), 100 + 10 * step + grads.size()).to(p.dtype()));
  return grads;
}

std::vector<double> all_parameters(const Optimizer& optimizer) {
  std::vector<double> all;
  for (const Variable& p : optimizer.parameters())
    for (double v : doubles(p.value())) all.push_back(v);
  return all;
}

using Make = std::function<std::unique_ptr<Optimizer>(Sequential&)>;

const std::vector<std::pair<const char*, Make>>& optimizers() {
  static const std::vector<std::pair<const char*, Make>> all{
      {"sgd", [](auto& m) { return std::make_unique<Sgd>(m, SgdOptions{.lr = 0.1}); }},
      {"sgd_momentum", [](auto& m) { return std::make_unique<Sgd>(m, SgdOptions{.lr = 0.05, .momentum = 0.9}); }},
      {"sgd_dampening",
       [](auto& m) { return std::make_unique<Sgd>(m, SgdOptions{.lr = 0.05, .momentum = 0.9, .dampening = 0.3}); }},
      {"sgd_weight_decay",
       [](auto& m) { return std::make_unique<Sgd>(m, SgdOptions{.lr = 0.05, .momentum = 0.5, .weight_decay = 0.1}); }},
      {"rmsprop", [](auto& m) { return std::make_unique<RmsProp>(m, RmsPropOptions{.lr = 0.01}); }},
      {"rmsprop_weight_decay",
       [](auto& m) {
         return std::make_unique<RmsProp>(m,
                                          RmsPropOptions{.lr = 0.02, .alpha = 0.9, .eps = 1e-3, .weight_decay = 0.1});
       }},
      {"adam", [](auto& m) { return std::make_unique<Adam>(m, AdamOptions{.lr = 0.01}); }},
      {"adam_weight_decay",
       [](auto& m) {
         return std::make_unique<Adam>(
             m, AdamOptions{.lr = 0.02, .beta1 = 0.5, .beta2 = 0.99, .eps = 1e-3, .weight_decay = 0.1});
       }},
      {"adamw", [](auto& m) { return std::make_unique<AdamW>(m, AdamWOptions{.lr = 0.02}); }},
      {"adamw_weight_decay",
       [](auto& m) {
         return std::make_unique<AdamW>(m, AdamWOptions{.lr = 0.02, .beta1 = 0, .beta2 = 0.9, .weight_decay = 0.5});
       }},
  };
  return all;
}

}  // namespace

TEST_CASE("ten steps are PyTorch's ten steps, the rate halved in between") {
  for (const auto& [name, make] : optimizers())
    for (DType dtype : {DType::float64, DType::float32}) {
      CAPTURE(name);
      CAPTURE(dtype);
      const Tensor wanted = Golden(cat("optimizer ", name)).tensor("trajectory");
      Sequential net = model(dtype);
      const auto optimizer = make(net);
      for (std::int64_t step = 0; step < 10; ++step) {
        if (step == 5) optimizer->set_lr(0.5 * optimizer->lr());
        optimizer->step(gradients(*optimizer, static_cast<std::uint64_t>(step)));
        const std::vector<double> now = all_parameters(*optimizer);
        CHECK(difference(Tensor::from(now, {static_cast<std::int64_t>(now.size())}), wanted.select(0, step)) <=
              (dtype == DType::float64 ? tolerance::kGolden : tolerance::kGoldenOptimizerSingle));
      }
      CHECK(optimizer->steps() == 10);
    }
}

TEST_CASE("state saved and restored goes on to the same bits") {
  for (const auto& [name, make] : optimizers()) {
    CAPTURE(name);
    Sequential net = model(DType::float32);
    const auto optimizer = make(net);
    for (std::uint64_t step = 0; step < 4; ++step) optimizer->step(gradients(*optimizer, step));
    StateDict weights, state;
    for (const auto& [key, tensor] : state_dict(net)) weights[key] = tensor.clone();
    for (const auto& [key, tensor] : state_dict(*optimizer)) state[key] = tensor.clone();

    Sequential fresh = model(DType::float32);
    const auto restored = make(fresh);
    load_state_dict(fresh, weights);
    load_state_dict(*restored, state);
    CHECK(restored->steps() == 4);
    for (std::uint64_t step = 4; step < 8; ++step) {
      optimizer->step(gradients(*optimizer, step));
      restored->step(gradients(*restored, step));
    }
    CHECK(all_parameters(*restored) == all_parameters(*optimizer));
  }
}

TEST_CASE("the state is named after the parameters") {
  Sequential net = model();
  Adam adam(net);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_dict(adam)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"exp_avg.0.bias", "exp_avg.0.weight", "exp_avg.1.bias", "exp_avg.1.weight",
                                          "exp_avg_sq.0.bias", "exp_avg_sq.0.weight", "exp_avg_sq.1.bias",
                                          "exp_avg_sq.1.weight", "step"});
  Sgd plain(net);
  CHECK(state_dict(plain).size() == 1);
  Sgd heavy(net, {.momentum = 0.9});
  CHECK(state_dict(heavy).contains("momentum_buffer.1.weight"));
}

TEST_CASE("parameters are updated in place, in their flat buffer, and saved tensors notice") {
  Sequential net = model(DType::float32);
  Sgd sgd(net, {.lr = 1});
  const Tensor flat = flatten_parameters(net);
  CHECK(sgd.parameters()[0].value().storage() == flat.storage());
  const Variable weight = parameters(net)[0];
  const Variable y = sum(square(weight));
  const Tensor before = weight.value().clone();
  const Variables grads = gradients(sgd, 0);
  sgd.step(grads);
  CHECK(difference(weight.value(), (Variable(before) - grads[0]).value()) <= tolerance::kSingle);
  CHECK(error_of([&] { grad(y, {weight}); }).find("written in place") != std::string::npos);
}

TEST_CASE("gradients may lie in memory as they like") {
  Sequential a = model(), b = model();
  Adam one(a), other(b);
  Variables grads = gradients(one, 0);
  one.step(grads);
  for (Variable& g : grads) g = as_view(g.value(), View::gaps);
  other.step(grads);
  CHECK(all_parameters(one) == all_parameters(other));
}

TEST_CASE("gradients that do not fit are refused by name, and nothing moves") {
  Sequential net = model();
  Adam adam(net);
  const std::vector<double> before = all_parameters(adam);
  Variables grads = gradients(adam, 0);
  CHECK(error_of([&] { adam.step({grads[0]}); }) == "Optimizer::step: 1 gradients for 4 parameters");
  const auto with = [&](Variable g) {
    Variables wrong = grads;
    wrong[2] = std::move(g);
    return error_of([&] { adam.step(wrong); });
  };
  CHECK(with(Tensor::zeros({3, 2}, {.dtype = DType::float64})) ==
        "Optimizer::step: the gradient of 1.weight is float64[3, 2], needs float64[2, 3]");
  CHECK(with(Tensor::zeros({2, 3})).find("is float32[2, 3], needs float64[2, 3]") != std::string::npos);
  CHECK(with(Variable()).find("undefined") != std::string::npos);
  CHECK(all_parameters(adam) == before);
  CHECK(adam.steps() == 0);
}

TEST_CASE("rates and options that make no sense are refused") {
  Sequential net = model();
  Adam adam(net);
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (double lr : {nan, infinity, -infinity, -1e-3}) {
    CHECK(error_of([&] { adam.set_lr(lr); }).find("learning rate must be finite") != std::string::npos);
    CHECK_FALSE(error_of([&] { Sgd(net, {.lr = lr}); }).empty());
  }
  CHECK(adam.lr() == 1e-3);
  adam.set_lr(0);
  for (const AdamOptions& o : {AdamOptions{.beta1 = 1}, AdamOptions{.beta2 = -0.1}, AdamOptions{.eps = -1},
                               AdamOptions{.beta2 = nan}, AdamOptions{.weight_decay = -1}}) {
    CHECK_FALSE(error_of([&] { Adam(net, o); }).empty());
  }
  CHECK_FALSE(error_of([&] { AdamW(net, {.weight_decay = -1}); }).empty());
  for (const SgdOptions& o : {SgdOptions{.momentum = -1}, SgdOptions{.momentum = nan}, SgdOptions{.weight_decay = -1}})
    CHECK_FALSE(error_of([&] { Sgd(net, o); }).empty());
  for (const RmsPropOptions& o : {RmsPropOptions{.alpha = -1}, RmsPropOptions{.alpha = 1.5}, RmsPropOptions{.eps = -1},
                                  RmsPropOptions{.weight_decay = nan}})
    CHECK_FALSE(error_of([&] { RmsProp(net, o); }).empty());
}

TEST_CASE("gradients of several batches add up to those of their sum") {
  Sequential net = model();
  Sgd optimizer(net);
  const Variables first = gradients(optimizer, 0), second = gradients(optimizer, 1), third = gradients(optimizer, 2);
  Variables total;
  for (const Variables& grads : {first, second, third}) accumulate(total, grads);
  REQUIRE(total.size() == first.size());
  for (std::size_t i = 0; i < total.size(); ++i) {
    CHECK(total[i].is_constant());
    CHECK(difference(total[i].value(), (first[i] + second[i] + third[i]).value()) == 0);
    CHECK(difference(first[i].value(), gradients(optimizer, 0)[i].value()) == 0);  // not written to
  }
  CHECK(error_of([&] { accumulate(total, {first[0]}); }).starts_with("accumulate: 1 gradients to be added to"));
  Variables other = first;
  std::swap(other[0], other[1]);
  CHECK(error_of([&] { accumulate(total, other); }).starts_with("accumulate: gradient 0 is"));
  CHECK(error_of([&] { accumulate(total, Variables(first.size())); }).starts_with("accumulate: gradient 0 is"));
  Variables short_of_one = first;
  short_of_one.back() = {};
  CHECK_FALSE(error_of([&] { accumulate(total, short_of_one); }).empty());
  CHECK(difference(total[0].value(), (first[0] + second[0] + third[0]).value()) == 0);  // nothing was added
}

TEST_CASE("clip_weights limits every parameter, bounds included") {
  Sequential net = model();
  flatten_parameters(net);
  const Variables all = parameters(net);
  const std::vector<double> before = doubles(all[0].value());
  const std::uint64_t version = all[0].value().version();
  clip_weights(all, 0.25);
  CHECK(all[0].value().version() > version);
  const std::vector<double> after = doubles(all[0].value());
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(after[i] == std::clamp(before[i], -0.25, 0.25));
  CHECK_FALSE(error_of([&] { clip_weights(all, 0); }).empty());
  CHECK_FALSE(error_of([&] { clip_weights(all, std::nan("")); }).empty());
}

TEST_CASE("parameters that another optimiser has moved are noticed") {
  Sequential net = model();
  Sequential part{{net.layers[0]}};  // shares its parameters
  Adam whole(net);
  const Variables grads = gradients(whole, 0);
  Sgd other(part);
  CHECK(error_of([&] { whole.step(grads); }).starts_with("Optimizer::step: 0.weight has been moved"));
  CHECK(whole.steps() == 0);
  CHECK_NOTHROW(other.step({grads[0], grads[1]}));
}
