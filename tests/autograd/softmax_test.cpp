// Softmax, log-softmax and logsumexp beyond the range of exp.
#include "duel/autograd/softmax.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/autograd/ops.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor row(std::initializer_list<double> values, DType dtype) {
  return Tensor::from(values, {1, static_cast<std::int64_t>(values.size())}).to(dtype);
}

bool all_nan(const Tensor& t) {
  for (double v : doubles(t))
    if (!std::isnan(v)) return false;
  return true;
}

TEST_CASE("very large logits") {
  for (DType dtype : {DType::float32, DType::float64}) {
    const double e = std::exp(-1.0), total = 1 + e;
    const Variable x = Variable::leaf(row({1e4, 1e4 - 1, -1e4}, dtype));
    CHECK(difference(softmax(x, 1).value(), row({1 / total, e / total, 0}, dtype)) <= tolerance::kClosedFormSingle);
    CHECK(difference(log_softmax(x, 1).value(), row({-std::log(total), -1 - std::log(total), -2e4 - std::log(total)},
                                                    dtype)) <= tolerance::kClosedFormSingle);
    CHECK(difference(logsumexp(x, {1}).value(), Tensor::scalar(1e4 + std::log(total)).reshape({1})) <=
          tolerance::kClosedFormSingle);
    CHECK(difference(grad(sum(logsumexp(x, {1})), {x})[0].value(), row({1 / total, e / total, 0}, dtype)) <=
          tolerance::kClosedFormSingle);
    const Variable g = grad(sum(square(log_softmax(x, 1))), {x}, {.create_graph = true})[0];
    for (double v : doubles(grad(sum(g * g), {x})[0].value())) CHECK(std::isfinite(v));
  }
}

TEST_CASE("log_softmax is accurate where the probability is next to 1") {
  const Tensor y = log_softmax(row({0, -30}, DType::float64), 1).value();
  CHECK(std::abs(doubles(y)[0] + std::log1p(std::exp(-30.0))) <= tolerance::kBelowOne);
}

TEST_CASE("-inf is a probability of 0") {
  for (DType dtype : {DType::float32, DType::float64}) {
    const Variable x = Variable::leaf(row({-kInf, 0, 0}, dtype));
    CHECK(doubles(softmax(x, 1).value()) == std::vector<double>{0, 0.5, 0.5});
    CHECK(doubles(log_softmax(x, 1).value())[0] == -kInf);
    CHECK(doubles(grad(sum(square(softmax(x, 1))), {x})[0].value())[0] == 0);
    CHECK(doubles(grad(sum(logsumexp(x, {1})), {x})[0].value()) == std::vector<double>{0, 0.5, 0.5});
  }
}

TEST_CASE("rows of -inf, inf and NaN") {
  for (DType dtype : {DType::float32, DType::float64}) {
    const Variable nothing = Variable::leaf(row({-kInf, -kInf}, dtype));
    CHECK(all_nan(softmax(nothing, 1).value()));
    CHECK(all_nan(log_softmax(nothing, 1).value()));
    CHECK(logsumexp(nothing, {1}).item() == -kInf);
    CHECK(doubles(grad(sum(logsumexp(nothing, {1})), {nothing})[0].value()) == std::vector<double>{0, 0});
    const Variable g = grad(sum(logsumexp(nothing, {1})), {nothing}, {.create_graph = true})[0];
    CHECK(doubles(grad(sum(g * g), {nothing})[0].value()) == std::vector<double>{0, 0});
    CHECK(logsumexp(row({kInf, 1}, dtype), {1}).item() == kInf);
    CHECK(all_nan(softmax(row({NAN, 1, 2}, dtype), 1).value()));
    CHECK(std::isnan(logsumexp(row({NAN, 1}, dtype), {1}).item()));
    CHECK(logsumexp(Tensor::zeros({2, 0}, {.dtype = dtype}), {1}).value().to(DType::float64).to_vector<double>() ==
          std::vector<double>{-kInf, -kInf});
  }
}

TEST_CASE("long rows add up to 1") {
  Rng rng(1);
  const Tensor x = rng.normal({3, 100003});
  for (double v : doubles(sum(cast(softmax(x, 1), DType::float64), {1}).value()))
    CHECK(std::abs(v - 1) <= tolerance::kSumSingle);
}

TEST_CASE("softmax over the channels of channels-last data needs no copy and keeps their order") {
  Rng rng(2);
  const Tensor x = random_tensor(rng, {2, 5, 3, 4});
  CHECK(softmax(x.channels_last(), 1).value().is_channels_last());
  CHECK(difference(softmax(x.channels_last(), 1).value(), softmax(x, 1).value()) == 0);
}

}  // namespace
}  // namespace duel::testing
