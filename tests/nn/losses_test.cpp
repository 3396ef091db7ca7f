// Losses: closed forms, PyTorch's values, gradients and double gradients, finite differences, and numbers that would
// overflow.
#include "duel/nn/losses.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>

#include "tests/golden/losses.h"

using namespace duel;
using namespace duel::testing;

namespace {

Variable row(std::initializer_list<double> values) {
  return Tensor::from<double>(values, {static_cast<std::int64_t>(values.size())});
}

Tensor labels(std::initializer_list<std::int64_t> values, const Shape& shape) {
  return Tensor::from<std::int64_t>(values, shape);
}

// One class in the place of each pixel of logits [N, C, S...].
Tensor labels_for(const Shape& logits) {
  Shape shape{logits[0]};
  for (int i = 2; i < logits.dim(); ++i) shape.push_back(logits[i]);
  return Rng(3).integers(shape, logits[1]);
}

double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

constexpr auto kNone = Reduction::none;
constexpr double kBeta = 0.7;

// The losses of each element, with a number and with a variable for a target.
struct Elementwise {
  const char* name;
  Variable (*number)(const Variable& x, double target, Reduction reduction);
  Variable (*variable)(const Variable& x, const Variable& target, Reduction reduction);
};
const std::array<Elementwise, 5> kElementwise{{
    {"bce", bce, bce},
    {"bce_with_logits", bce_with_logits, bce_with_logits},
    {"mse", mse, mse},
    {"l1", l1, l1},
    {"smooth_l1",
     [](const Variable& x, double t, Reduction r) { return smooth_l1(x, t, {.beta = kBeta, .reduction = r}); },
     [](const Variable& x, const Variable& t, Reduction r) {
       return smooth_l1(x, t, {.beta = kBeta, .reduction = r});
     }},
}};

bool is(const Elementwise& loss, const char* name) { return std::string(loss.name) == name; }

Tensor input_of(const Elementwise& loss, const Shape& shape) {
  const Variable n = numbers(shape, 1);
  return (is(loss, "bce") ? 0.5 + 0.45 * n : 3 * n).value();
}
Tensor target_of(const Elementwise& loss, const Shape& shape) {
  const Variable n = numbers(shape, 2);
  return (std::string(loss.name).starts_with("bce") ? 0.5 + 0.45 * n : n).value();
}

const Shape kShapes[] = {{}, {1}, {7}, {3, 1}, {2, 3, 1, 5}};

}  // namespace

TEST_CASE("losses of elements: closed forms") {
  CHECK(bce(row({0.25, 0.5}), 1).item() == doctest::Approx(std::log(8.0) / 2));
  CHECK(bce(row({0.25, 0.5}), 0).item() == doctest::Approx(-std::log(0.375) / 2));
  CHECK(bce(row({0.25}), 0.9).item() == doctest::Approx(-0.9 * std::log(0.25) - 0.1 * std::log(0.75)));
  CHECK(bce_with_logits(row({0}), 1).item() == doctest::Approx(std::log(2.0)));
  CHECK(bce_with_logits(row({2, -1}), 0).item() == doctest::Approx((softplus_of(2) + softplus_of(-1)) / 2));
  CHECK(bce_with_logits(row({2}), 0.9).item() == doctest::Approx(softplus_of(2) - 0.9 * 2));
  CHECK(mse(row({3, 0}), 1).item() == doctest::Approx(2.5));
  CHECK(l1(row({3, 0}), 1).item() == doctest::Approx(1.5));
  CHECK(l1(row({3, 0}), row({-1, 0})).item() == doctest::Approx(2));
  CHECK(smooth_l1(row({3, 0.5}), 0).item() == doctest::Approx((2.5 + 0.125) / 2));
  CHECK(smooth_l1(row({3}), 1, {.beta = 4}).item() == doctest::Approx(0.5));
  CHECK(smooth_l1(row({3, -2}), 1, {.beta = 0, .reduction = Reduction::sum}).item() == doctest::Approx(5));
}

TEST_CASE("a variable full of a number is that number; sum and mean are those of none") {
  for (const Elementwise& loss : kElementwise)
    for (const Shape& shape : kShapes) {
      CAPTURE(loss.name);
      const Variable x = input_of(loss, shape);
      for (double t : {0.0, 0.3, 1.0}) {
        const Variable each = loss.number(x, t, kNone);
        CHECK(each.shape() == shape);
        const Variable full = Tensor::full(shape, t, {.dtype = DType::float64});
        CHECK(difference(loss.variable(x, full, kNone).value(), each.value()) <= tolerance::kRoundings);
        CHECK(difference(loss.number(x, t, Reduction::sum).value(), sum(each).value()) <= tolerance::kRoundings);
        CHECK(difference(loss.number(x, t, Reduction::mean).value(), mean(each).value()) <= tolerance::kRoundings);
        CHECK(loss.variable(x, full, Reduction::mean).shape() == Shape{});
      }
    }
}

TEST_CASE("losses of elements are PyTorch's, gradients and double gradients too") {
  const Shape shape{2, 1, 3, 2};
  for (const Elementwise& loss : kElementwise) {
    CAPTURE(loss.name);
    const Tensor x = input_of(loss, shape);
    check_second_order(golden_loss(cat("loss ", loss.name)), "",
                       [&](const Variables& v) { return loss.variable(v[0], v[1], kNone); },
                       {x, target_of(loss, shape)});
    for (double t : {0.0, 0.9, 1.0})
      check_second_order(golden_loss(cat("loss ", loss.name, " ", t)), "",
                         [&](const Variables& v) { return loss.number(v[0], t, kNone); }, {x});
  }
}

TEST_CASE("losses of elements pass the gradient check") {
  for (const Elementwise& loss : kElementwise)
    for (const Shape& shape : kShapes) {
      const Tensor x = input_of(loss, shape), t = target_of(loss, shape);
      for (Reduction reduction : {kNone, Reduction::sum, Reduction::mean}) {
        expect_gradients(loss.name, [&](const Variables& v) { return loss.variable(v[0], v[1], reduction); }, {x, t});
        expect_gradients(loss.name, [&](const Variables& v) { return loss.number(v[0], 0.3, reduction); }, {x});
      }
    }
}

TEST_CASE("logits of any size give finite losses and gradients of at most 1, also in float32") {
  constexpr double smallest = std::numeric_limits<float>::min();
  for (double x : {-1e4, -104.0, -95.0, -88.0, -20.0, 0.0, 20.0, 88.0, 95.0, 104.0, 1e4})
    for (double target : {0.0, 0.9, 1.0})
      for (DType dtype : {DType::float32, DType::float64}) {
        CAPTURE(x);
        CAPTURE(target);
        const Variable logit = Variable::leaf(Tensor::full({1}, x, {.dtype = dtype}));
        const Variable direct = bce_with_logits(logit, target);
        const double loss = target * softplus_of(-x) + (1 - target) * softplus_of(x);
        CHECK(std::abs(direct.item() - loss) <= tolerance::kClosedFormSingle * loss + smallest);
        const double slope = grad(direct, {logit}, {.create_graph = true})[0].item();
        CHECK(slope == doctest::Approx(1 / (1 + std::exp(-x)) - target));
        const Variable soft = bce_with_logits(logit, Tensor::full({1}, target, {.dtype = dtype}));
        CHECK(std::abs(soft.item() - loss) <= tolerance::kClosedFormSingle * loss + smallest);
        const Variable again = grad(grad(soft, {logit}, {.create_graph = true})[0], {logit})[0];
        CHECK(again.item() == doctest::Approx(1 / (2 + std::exp(x) + std::exp(-x))));

        const Variable through_sigmoid = bce(sigmoid(logit), target);
        CHECK(std::isfinite(through_sigmoid.item()));
        CHECK(std::abs(grad(through_sigmoid, {logit})[0].item()) <= 1.001);
      }
}

TEST_CASE("bce at the ends: no more than the cut, and no gradient beyond it") {
  const double cut = -std::log(1e-37);
  for (DType dtype : {DType::float32, DType::float64}) {
    const Variable ends = Variable::leaf(Tensor::from<double>({0, 1}, {2}).to(dtype));
    for (double target : {0.0, 1.0}) {
      for (const Variable& loss : {bce(ends, target), bce(ends, Tensor::full({2}, target, {.dtype = dtype}))}) {
        CHECK(loss.item() == doctest::Approx(cut / 2));
        for (double g : doubles(grad(loss, {ends})[0].value())) CHECK(std::abs(g) <= 0.5);
      }
    }
    CHECK(bce(ends, 0.9).item() == doctest::Approx(cut / 2));
  }
}

TEST_CASE("where input and target are equal: l1 has no slope, smooth_l1 keeps its curvature") {
  const Variable x = Variable::leaf(row({2}).value());
  CHECK(grad(l1(x, 2), {x})[0].item() == 0);
  const Variable slope = grad(smooth_l1(x, 2, {.beta = 0.5}), {x}, {.create_graph = true})[0];
  CHECK(slope.item() == 0);
  CHECK(grad(slope, {x})[0].item() == doctest::Approx(2));
  CHECK(std::isfinite(smooth_l1(row({1e200}), -1e200).item()));
}

TEST_CASE("cross entropy: closed forms, by rows and by maps") {
  const Variable x = Tensor::from<double>({0, std::log(3.0), 1, 1}, {2, 2});
  CHECK(cross_entropy(x, labels({1, 0}, {2})).item() == doctest::Approx((-std::log(0.75) + std::log(2.0)) / 2));
  const Variable each = cross_entropy(x, labels({0, 0}, {2}), {.label_smoothing = 0.4, .reduction = kNone});
  CHECK(each.shape() == Shape{2});
  CHECK(doubles(each.value())[0] == doctest::Approx(-0.8 * std::log(0.25) - 0.2 * std::log(0.75)));
  const Variable map = numbers({2, 3, 2, 5}, 1);
  const Tensor y = Rng(2).integers({2, 2, 5}, 3);
  const Variable rows = reshape(permute(map, {0, 2, 3, 1}), {20, 3});
  CHECK(difference(cross_entropy(map, y, {.reduction = kNone}).value().reshape({20}),
                   cross_entropy(rows, y.reshape({20}), {.reduction = kNone}).value()) <= tolerance::kClosedForm);
}

TEST_CASE("cross entropy is PyTorch's, gradients and double gradients too, and passes the gradient check") {
  for (const Shape& shape : {Shape{5, 3}, {2, 4, 3, 2}, {1, 1}, {1, 7}, {3, 2, 1}}) {
    const Tensor x = (3 * Variable(numbers(shape, 1))).value(), y = labels_for(shape);
    for (double smoothing : {0.0, 0.2, 1.0}) {
      const auto loss = [&](const Variables& v) {
        return cross_entropy(v[0], y, {.label_smoothing = smoothing, .reduction = kNone});
      };
      expect_gradients("cross_entropy", loss, {x});
      if (shape.numel() >= 15)
        check_second_order(golden_loss(cat("cross_entropy ", shape, " ", smoothing)), "", loss, {x});
    }
  }
}

TEST_CASE("cross entropy of logits of any size is finite") {
  for (DType dtype : {DType::float32, DType::float64}) {
    const Variable x = Variable::leaf(Tensor::from<double>({1e4, -1e4, 0, -1e4, -1e4, -1e4}, {2, 3}).to(dtype));
    const Variable each = cross_entropy(x, labels({1, 2}, {2}), {.reduction = kNone});
    CHECK(doubles(each.value())[0] == doctest::Approx(2e4));
    CHECK(doubles(each.value())[1] == doctest::Approx(std::log(3.0)));
    const Variable smooth = cross_entropy(x, labels({0, 0}, {2}), {.label_smoothing = 0.3});
    CHECK(std::isfinite(smooth.item()));
    const Variable g = grad(smooth, {x}, {.create_graph = true})[0];
    for (double v : doubles(g.value())) CHECK(std::abs(v) <= 1);
    for (double v : doubles(grad(sum(square(g)), {x})[0].value())) CHECK(std::isfinite(v));
  }
}

TEST_CASE("kl_gaussian: 0 for the standard normal, closed forms, PyTorch's, the gradient check") {
  const Variable zero = Tensor::zeros({3, 2}, {.dtype = DType::float64});
  CHECK(kl_gaussian(zero, zero).item() == 0);
  const Variable mu = Tensor::from<double>({1, 2, 0, 0}, {2, 2}), log_var = Tensor::from<double>({0, 0, 1, 0}, {2, 2});
  const Variable each = kl_gaussian(mu, log_var, kNone);
  CHECK(doubles(each.value())[0] == doctest::Approx(2.5));
  CHECK(doubles(each.value())[1] == doctest::Approx(-0.5 * (2 - std::exp(1.0))));
  CHECK(kl_gaussian(mu, log_var).item() == doctest::Approx(mean(each).item()));
  CHECK(kl_gaussian(mu, log_var, Reduction::sum).item() == doctest::Approx(sum(each).item()));
  const auto loss = [](const Variables& v) { return kl_gaussian(v[0], v[1], kNone); };
  check_second_order(golden_loss("kl_gaussian"), "", loss, {numbers({3, 2, 2}, 1), numbers({3, 2, 2}, 2)});
  for (const Shape& shape : {Shape{1, 1}, {5, 3}, {2, 1, 3, 1}})
    expect_gradients("kl_gaussian", loss, {numbers(shape, 1), numbers(shape, 2)});
}

TEST_CASE("no elements: no mean, an empty list of losses, a sum of 0") {
  const Variable none = Tensor::empty({0, 3});
  for (const Elementwise& loss : kElementwise) {
    CHECK(error_of([&] { loss.number(none, 1, Reduction::mean); }).starts_with(cat(loss.name, ": the mean of no")));
    CHECK(loss.variable(none, none, kNone).shape() == Shape{0, 3});
    CHECK(loss.number(none, 1, Reduction::sum).item() == 0);
  }
  CHECK(error_of([&] { cross_entropy(none, labels({}, {0})); }).starts_with("cross_entropy: the mean of no losses"));
  CHECK(cross_entropy(none, labels({}, {0}), {.reduction = Reduction::sum}).item() == 0);
  CHECK(error_of([&] { kl_gaussian(none, none); }).starts_with("kl_gaussian: the mean of no losses"));
}

TEST_CASE("losses refuse what is undefined, of another shape or dtype, and out of range") {
  const Variable x = row({0.5, 0.5}), longer = row({0.5, 0.5, 0.5}), single = x.value().to(DType::float32);
  for (const Elementwise& loss : kElementwise) {
    const std::string name = loss.name;
    CHECK(error_of([&] { loss.number({}, 1, kNone); }) == name + ": the input is undefined");
    CHECK(error_of([&] { loss.variable({}, x, kNone); }) == name + ": the input is undefined");
    CHECK(error_of([&] { loss.variable(x, {}, kNone); }) == name + ": the target is undefined");
    CHECK(error_of([&] { loss.variable(x, longer, kNone); }).starts_with(name + ": the input float64[2]"));
    CHECK(error_of([&] { loss.variable(x, row({0.5}), kNone); }).starts_with(name + ": the input float64[2]"));
    CHECK(error_of([&] { loss.variable(x, single, kNone); }).starts_with(name + ": the input float64[2]"));
    CHECK(error_of([&] { loss.number(labels({1}, {1}), 1, kNone); }).starts_with(name + ": needs float32"));
  }
  for (double target : {-0.1, 1.1, std::nan("")}) {
    CHECK(error_of([&] { bce(row({0.5}), target); }).starts_with("bce: the target must lie in [0, 1]"));
    CHECK(error_of([&] { bce_with_logits(row({0.5}), target); }).starts_with("bce_with_logits: "));
  }
  for (double beta : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK(error_of([&] { smooth_l1(x, 1, {.beta = beta}); }).starts_with("smooth_l1: beta"));
}

TEST_CASE("cross_entropy and kl_gaussian refuse what does not fit") {
  const Variable x = numbers({2, 3}, 1);
  const auto refused = [](const Variable& logits, const Tensor& y, double smoothing = 0) {
    return error_of([&] { cross_entropy(logits, y, {.label_smoothing = smoothing}); });
  };
  CHECK(refused({}, labels({0, 0}, {2})).starts_with("cross_entropy: the input is undefined"));
  CHECK(refused(numbers({2}, 1), labels({0, 0}, {2})).starts_with("cross_entropy: needs logits"));
  CHECK(refused(numbers({2, 0}, 1), labels({0, 0}, {2})).starts_with("cross_entropy: needs logits"));
  CHECK(refused(x, {}).starts_with("cross_entropy: needs int64 labels [2]"));
  CHECK(refused(x, numbers({2}, 1)).starts_with("cross_entropy: needs int64 labels [2]"));
  CHECK(refused(x, labels({0, 0, 0}, {3})).starts_with("cross_entropy: needs int64 labels [2]"));
  CHECK(refused(numbers({2, 3, 4}, 1), labels({0, 0}, {2})).starts_with("cross_entropy: needs int64 labels [2, 4]"));
  for (std::int64_t label : {-1, 3})
    for (double smoothing : {0.0, 1.0}) CHECK_FALSE(refused(x, labels({0, label}, {2}), smoothing).empty());
  for (double smoothing : {-0.1, 1.1, std::nan("")})
    CHECK(refused(x, labels({0, 0}, {2}), smoothing).starts_with("cross_entropy: label_smoothing"));
  CHECK(error_of([&] { kl_gaussian(x, numbers({3, 2}, 1)); }).starts_with("kl_gaussian: the input"));
  CHECK(error_of([&] { kl_gaussian(row({1}), row({1})); }).starts_with("kl_gaussian: needs samples"));
  CHECK_FALSE(error_of([&] { kl_gaussian(x, {}); }).empty());
}
