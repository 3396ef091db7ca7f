// Optimisers: PyTorch's trajectories, flat buffers, states that can be saved, and what they refuse.
#include "duel/nn/optim.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "duel/autograd/observer.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
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

TEST_CASE("rates of parts: a pattern names parameters, or the part they lie in") {
  Rng rng(1);
  std::vector<Layer> layers;
  for (int i = 0; i < 11; ++i) layers.push_back(Linear(rng, 1, 1));
  Sequential net{std::move(layers)};
  const auto matched = [&](const char* pattern) {
    Sgd sgd(net);
    sgd.set_lr_scale(pattern, 2);
    std::string names;
    for (std::size_t i = 0; i < sgd.names().size(); ++i)
      if (sgd.lr_scale(i) == 2) names += sgd.names()[i] + " ";
    return names;
  };
  CHECK(matched("1") == "1.weight 1.bias ");
  CHECK(matched("1.bias") == "1.bias ");
  CHECK(matched("1*") == "1.weight 1.bias 10.weight 10.bias ");
  CHECK(matched("1?") == "10.weight 10.bias ");
  CHECK(matched("?.b*s") == "0.bias 1.bias 2.bias 3.bias 4.bias 5.bias 6.bias 7.bias 8.bias 9.bias ");
  CHECK(matched("*0.*t*") == "0.weight 10.weight ");
  CHECK(matched("**").size() == matched("*").size());

  Sgd sgd(net);
  CHECK(
      error_of([&] { sgd.set_lr_scale("9.wieght", 2); }) ==
      "Optimizer::set_lr_scale: no parameter is called '9.wieght' or lies in a part of that name (nearest: 9.weight)");
  for (const char* pattern : {"", "1.", ".bias", "???", "bias"})
    CHECK_FALSE(error_of([&] { sgd.set_lr_scale(pattern, 2); }).empty());
  for (double scale : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)})
    CHECK_FALSE(error_of([&] { sgd.set_lr_scale("*", scale); }).empty());
  CHECK(sgd.trainable().size() == sgd.parameters().size());
}

TEST_CASE("a part's own rate is that of an optimiser of its own") {
  for (const auto& [name, make] : optimizers()) {
    CAPTURE(name);
    Sequential net = model(), slow_net = model(), fast_net = model();
    const auto scaled = make(net), slow = make(slow_net), fast = make(fast_net);
    scaled->set_lr_scale("1", 0.25);
    slow->set_lr(0.25 * slow->lr());
    for (std::uint64_t step = 0; step < 4; ++step)
      for (Optimizer* o : {scaled.get(), slow.get(), fast.get()}) o->step(gradients(*o, step));
    for (std::size_t i = 0; i < 4; ++i)
      CHECK(doubles(scaled->parameters()[i].value()) == doubles((i < 2 ? fast : slow)->parameters()[i].value()));
  }
}

TEST_CASE("what is frozen does not change, nor its state, and later goes on as if it had not waited") {
  for (const auto& [name, make] : optimizers()) {
    CAPTURE(name);
    Sequential net = model(), undisturbed = model();
    const auto optimizer = make(net), other = make(undisturbed);
    const auto of_first_layer = [](Optimizer& o) {
      std::vector<double> all;
      for (const auto& [key, tensor] : state_dict(o))
        if (key.find(".0.") != std::string::npos)
          for (double v : doubles(tensor)) all.push_back(v);
      for (std::size_t i : {0, 1})
        for (double v : doubles(o.parameters()[i].value())) all.push_back(v);
      return all;
    };
    const auto step = [&](Optimizer& o, std::uint64_t number) { o.step(gradients(o, number)); };
    step(*optimizer, 0);
    step(*other, 0);

    optimizer->set_lr_scale("0", 0);
    CHECK(optimizer->trainable().size() == 2);
    const std::vector<double> before = of_first_layer(*optimizer);
    for (std::uint64_t number : {20, 21, 22}) {
      Variables grads = gradients(*optimizer, number);
      if (number != 21) grads[0] = grads[1] = {};  // needed neither way
      optimizer->step(grads);
    }
    CHECK(of_first_layer(*optimizer) == before);
    CHECK(optimizer->steps() == 4);

    optimizer->set_lr_scale("0", 1);
    for (std::uint64_t number : {1, 2}) {
      step(*optimizer, number);
      step(*other, number);
    }
    CHECK(of_first_layer(*optimizer) == of_first_layer(*other));
    CHECK(all_parameters(*optimizer) != all_parameters(*other));
  }
}

TEST_CASE("steps missed while frozen are part of the state, from the first freeze on") {
  Sequential net = model(DType::float32);
  Adam adam(net);
  CHECK_FALSE(state_dict(adam).contains("missed_steps"));
  adam.set_lr_scale("1.bias", 0);
  CHECK(state_dict(adam).contains("missed_steps"));
  for (std::uint64_t step = 0; step < 3; ++step) adam.step(gradients(adam, step));

  Sequential fresh = clone(net);
  Adam restored(fresh);
  restored.set_lr_scale("1.bias", 0);
  load_state_dict(restored, state_dict(adam));
  for (Adam* a : {&adam, &restored}) a->set_lr_scale("*", 1);
  for (std::uint64_t step = 3; step < 6; ++step) {
    adam.step(gradients(adam, step));
    restored.step(gradients(restored, step));
  }
  CHECK(all_parameters(restored) == all_parameters(adam));
  Sequential unfrozen = model(DType::float32);
  Adam other(unfrozen);
  CHECK(error_of([&] { load_state_dict(other, state_dict(adam)); }).find("missed_steps") != std::string::npos);
}

TEST_CASE("no gradient is computed for what is frozen") {
  struct Count : Observer {
    int weight_grads = 0;
    void on_operation(const Operation& o) override { weight_grads += o.in_gradient && o.value.shape() == Shape{3, 3}; }
  };
  Rng rng(1);
  Sequential net{{Linear(rng, 3, 3), Tanh{}, Linear(rng, 3, 3), Tanh{}, Linear(rng, 3, 3)}};
  Sgd sgd(net);
  const Tensor x = numbers({2, 3}, 1).to(DType::float32);
  const auto run = [&] {
    Count count;
    const ObserverGuard guard(count);
    const Variables found = gradients(sum(square(net(x))), sgd);
    REQUIRE(found.size() == 6);
    for (std::size_t i = 0; i < 6; ++i) CHECK(found[i].defined() == !sgd.is_frozen(i));
    sgd.step(found);
    return count.weight_grads;
  };
  const int all = run();
  sgd.set_lr_scale("0", 0);
  sgd.set_lr_scale("2.weight", 0);
  CHECK(run() < all);
  sgd.set_lr_scale("*", 0);
  const Variable y = sum(square(net(x)));
  CHECK(run() == 0);
  CHECK_NOTHROW(grad(y, sgd.parameters()));  // nothing was written

  const Variables none = gradients(y, sgd);
  Variables total;
  for (int i = 0; i < 2; ++i) accumulate(total, none);
  CHECK_FALSE(total[0].defined());
  CHECK(clip_grad_norm(total, 1).item() == 0);
}

TEST_CASE("gradients are those of grad, and consume the graph as it does") {
  Sequential net = model();
  Sgd sgd(net);
  const Variable loss = sum(square(sgd.parameters()[0]));
  const GradOptions unused{.allow_unused = true};
  const Variables wanted = grad(loss, sgd.parameters(), unused);
  CHECK(difference(gradients(loss, sgd, unused)[0].value(), wanted[0].value()) == 0);
  CHECK(difference(gradients(Variable(loss), sgd, unused)[0].value(), wanted[0].value()) == 0);
  CHECK(error_of([&] { gradients(loss, sgd, unused); }).find("sum") != std::string::npos);
}

TEST_CASE("betas can be changed between steps, as PyTorch's") {
  const auto trajectory = [](auto&& change, Optimizer& optimizer) {
    std::vector<double> all;
    for (std::uint64_t step = 0; step < 6; ++step) {
      change(optimizer, step);
      optimizer.step(gradients(optimizer, step));
      for (double v : all_parameters(optimizer)) all.push_back(v);
    }
    return Tensor::from(all, {6, static_cast<std::int64_t>(all.size()) / 6});
  };
  const auto both = [](Optimizer& o, std::uint64_t step) {
    o.set_beta1(0.9 - 0.1 * static_cast<double>(step));
    o.set_beta2(0.9 + 0.015 * static_cast<double>(step));
  };
  const Golden golden("optimizer betas");
  Sequential net = model();
  Adam adam(net, {.lr = 0.01});
  CHECK(difference(trajectory(both, adam), golden.tensor("adam")) <= tolerance::kGolden);
  Sequential second = model();
  Sgd sgd(second, {.lr = 0.05, .momentum = 0.9});
  const auto momentum = [](Optimizer& o, std::uint64_t step) { o.set_beta1(0.9 - 0.1 * static_cast<double>(step)); };
  CHECK(difference(trajectory(momentum, sgd), golden.tensor("sgd")) <= tolerance::kGolden);
  Sequential third = model();
  RmsProp rmsprop(third);
  const auto alpha = [](Optimizer& o, std::uint64_t step) { o.set_beta2(0.9 + 0.015 * static_cast<double>(step)); };
  CHECK(difference(trajectory(alpha, rmsprop), golden.tensor("rmsprop")) <= tolerance::kGolden);

  CHECK(error_of([&] { adam.set_beta1(1); }) == "Adam: beta1 must lie in [0, 1), got 1");
  CHECK(error_of([&] { adam.set_beta2(NAN); }) == "Adam: beta2 must lie in [0, 1), got nan");
  CHECK_FALSE(error_of([&] { sgd.set_beta1(2); }).empty());
  CHECK_FALSE(error_of([&] { sgd.set_beta2(0.5); }).empty());
  CHECK_FALSE(error_of([&] { rmsprop.set_beta1(0.5); }).empty());
  CHECK_FALSE(error_of([&] { rmsprop.set_beta2(-0.5); }).empty());
  Sgd plain(second);
  CHECK(error_of([&] { plain.set_beta1(0.5); }).find("without momentum") != std::string::npos);
}

TEST_CASE("an optimiser by its name is the one of that name") {
  for (const std::string& name : optimizer_names()) {
    CAPTURE(name);
    CHECK(name_of(optimizer_kind(name)) == name);
    OptimizerOptions o{.kind = optimizer_kind(name), .lr = 0.02, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-3};
    o.weight_decay = 0.1;
    o.momentum = 0.8;
    o.alpha = 0.7;
    Sequential net = model(), same = model();
    const auto made = make_optimizer(net, o);
    const auto wanted = [&]() -> std::unique_ptr<Optimizer> {
      if (name == "adam") return std::make_unique<Adam>(same, AdamOptions{0.02, 0.5, 0.9, 1e-3, 0.1});
      if (name == "adamw") return std::make_unique<AdamW>(same, AdamWOptions{0.02, 0.5, 0.9, 1e-3, 0.1});
      if (name == "rmsprop") return std::make_unique<RmsProp>(same, RmsPropOptions{0.02, 0.7, 1e-3, 0.1});
      return std::make_unique<Sgd>(same, SgdOptions{.lr = 0.02, .momentum = 0.8, .weight_decay = 0.1});
    }();
    for (std::uint64_t step = 0; step < 3; ++step) {
      made->step(gradients(*made, step));
      wanted->step(gradients(*wanted, step));
    }
    CHECK(all_parameters(*made) == all_parameters(*wanted));
  }
  CHECK(error_of([] { optimizer_kind("adamm"); }) == "optimizer_kind: there is no optimiser 'adamm' (nearest: adam)");
}

TEST_CASE("clipping of gradients is PyTorch's") {
  Sequential net = model();
  Sgd sgd(net);
  const Golden golden("clipping");
  const auto concatenated = [](const Variables& grads) {
    std::vector<double> all;
    for (const Variable& g : grads)
      for (double v : doubles(g.value())) all.push_back(v);
    return Tensor::from(all, {static_cast<std::int64_t>(all.size())});
  };
  const Variables original = gradients(sgd, 0);
  Variables by_norm = original, loose = original, by_value = original;
  CHECK(clip_grad_norm(by_norm, 0.5).item() == doctest::Approx(golden.tensor("norm").item()).epsilon(1e-13));
  CHECK(golden.difference_of("by_norm", concatenated(by_norm)) <= tolerance::kGolden);
  CHECK(clip_grad_norm(by_norm, 10).item() == doctest::Approx(0.5).epsilon(1e-5));
  clip_grad_norm(loose, 10);
  CHECK(difference(concatenated(loose), concatenated(original)) == 0);
  clip_grad_value(by_value, 0.25);
  CHECK(golden.difference_of("by_value", concatenated(by_value)) <= tolerance::kGolden);

  Variables large{Tensor::full({2}, 2e30), Variable(), Tensor::full({2, 1}, 1e30)};
  CHECK(clip_grad_norm(large, 1).item() == doctest::Approx(std::sqrt(10.0) * 1e30).epsilon(1e-6));
  CHECK(large[0].value().select(0, 0).item() == doctest::Approx(2 / std::sqrt(10.0)).epsilon(1e-6));
  CHECK_FALSE(large[1].defined());
  Variables broken{Tensor::full({2}, 1), Tensor::full({2}, NAN)};
  CHECK(error_of([&] { clip_grad_norm(broken, 0.1); }).starts_with("clip_grad_norm: the norm of the gradients is "));
  CHECK(broken[0].value().select(0, 0).item() == 1);
  CHECK_FALSE(error_of([&] { clip_grad_norm(large, 0); }).empty());
  CHECK_FALSE(error_of([&] { clip_grad_value(large, -1); }).empty());
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
