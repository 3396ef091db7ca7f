// The drivers: what must hold for every operation, run over every case of every row.
#include <doctest/doctest.h>

#include "tests/autograd/op_drivers.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

template <class F>
void for_each_case(F&& f) {
  for (const Row& row : op_table())
    for (const Case& c : row.cases) {
      INFO(row.name, ", ", c.label);
      f(row, c);
    }
}

Tensor cotangent_of(const Case& c) {
  Rng rng(19);
  return random_tensor(rng, value_of(c.f, inputs_of(c)).shape());
}

// Value and gradients agree, one after the other.
void check_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CAPTURE(i);
    CHECK(difference(a[i], b[i]) <= tolerance);
  }
}

TEST_CASE("operations give what naive loops give") {
  for_each_case([](const Row&, const Case& c) {
    const std::vector<Tensor> inputs = inputs_of(c);
    std::vector<Array> arrays;
    for (const Tensor& x : inputs) arrays.push_back(Array::of(x));
    CHECK(difference(value_of(c.f, inputs), c.reference(arrays).tensor()) <= tolerance::kReference);
  });
}

TEST_CASE("gradients agree with finite differences") {
  for_each_case([](const Row& row, const Case& c) {
    CHECK_NOTHROW(expect_gradients(row.name + ", " + c.label, c.f, inputs_of(c), gradcheck_options(row)));
  });
}

TEST_CASE("gradients of compositions agree with finite differences") {
  for_each_case([](const Row& row, const Case& c) {
    CHECK_NOTHROW(expect_gradients(row.name + ", " + c.label + ", composed", composed(c), composed_inputs(c),
                                   gradcheck_options(row)));
  });
}

TEST_CASE("the strides of inputs change nothing") {
  for_each_case([](const Row&, const Case& c) {
    const std::vector<Tensor> inputs = inputs_of(c);
    const Tensor cotangent = cotangent_of(c);
    const std::vector<Tensor> expected = value_and_gradients(c.f, inputs, cotangent);
    for (View view : kViews) {
      INFO(name_of(view));
      for (std::size_t i = 0; i <= inputs.size(); ++i) {  // one of them and the cotangent; then all
        std::vector<Tensor> viewed = inputs;
        for (std::size_t k = 0; k < inputs.size(); ++k)
          if (k == i || i == inputs.size()) viewed[k] = as_view(inputs[k], view);
        check_same(value_and_gradients(c.f, viewed, as_view(cotangent, view)), expected, tolerance::kLayout);
      }
    }
  });
}

TEST_CASE("inputs that repeat with stride 0 are as good as their copies") {
  for_each_case([](const Row&, const Case& c) {
    const std::vector<Tensor> inputs = inputs_of(c);
    const Tensor cotangent = cotangent_of(c);
    for (std::size_t i = 0; i < inputs.size(); ++i)
      for (int d = 0; d < inputs[i].dim(); ++d) {
        CAPTURE(i);
        CAPTURE(d);
        std::vector<Tensor> repeating = inputs, copied = inputs;
        repeating[i] = repeated(inputs[i], d);
        copied[i] = Tensor::from(doubles(repeating[i]), inputs[i].shape());
        check_same(value_and_gradients(c.f, repeating, cotangent), value_and_gradients(c.f, copied, cotangent),
                   tolerance::kLayout);
      }
  });
}

TEST_CASE("float32 follows float64") {
  for_each_case([](const Row&, const Case& c) {
    std::vector<Tensor> singles, doubles;  // of the same values
    for (const Tensor& x : inputs_of(c)) {
      singles.push_back(x.to(DType::float32));
      doubles.push_back(singles.back().to(DType::float64));
    }
    const Tensor cotangent = cotangent_of(c).to(DType::float32);
    const std::vector<Tensor> found = value_and_gradients(c.f, singles, cotangent);
    for (const Tensor& t : found) CHECK(t.dtype() == DType::float32);
    check_same(found, value_and_gradients(c.f, doubles, cotangent.to(DType::float64)), tolerance::kSingle);
  });
}

// f(x) - f(0) = A x for linear inputs; A' is what grad() computes.
TEST_CASE("gradients of linear operations are their transposes") {
  for_each_case([](const Row& row, const Case& c) {
    const std::vector<Tensor> inputs = inputs_of(c);
    const Tensor y = cotangent_of(c);
    for (int k : row.linear_in) {
      const auto i = static_cast<std::size_t>(k);
      if (i >= inputs.size() || std::ranges::find(c.bent_in, k) != c.bent_in.end()) continue;
      CAPTURE(i);
      std::vector<Tensor> at_zero = inputs;
      at_zero[i] = Tensor::zeros_like(inputs[i]);
      const std::vector<Tensor> found = value_and_gradients(c.f, inputs, y);
      const double forward = inner_product(found[0], y) - inner_product(value_of(c.f, at_zero), y);
      const double backward = inner_product(inputs[i], found[i + 1]);
      const double size = std::max(1.0, std::abs(inner_product(found[0], y)));
      CHECK(std::abs(forward - backward) <= tolerance::kAdjoint * size);
    }
  });
}

TEST_CASE("fused operations are their composites, at every order") {
  for (const Row& row : op_table())
    if (row.recipe == Recipe::fused)
      for (const Case& c : row.cases) {
        INFO(row.name, ", ", c.label);
        REQUIRE(c.composite);
        Case other = c;
        other.f = c.composite;
        const std::vector<Tensor> inputs = inputs_of(c);
        const Tensor cotangent = cotangent_of(c);
        check_same(value_and_gradients(c.f, inputs, cotangent), value_and_gradients(c.composite, inputs, cotangent),
                   tolerance::kFused);
        // Second order, alone and composed: the gradients of the gradients' squared norm.
        const auto penalty = [](const DifferentiableFunction& f) {
          return [f](const Variables& xs) {
            Variable s = Tensor::scalar(0, DType::float64);
            for (const Variable& g : grad(sum(square(f(xs))), xs, {.create_graph = true})) s = s + sum(square(g));
            return s;
          };
        };
        const Tensor one = Tensor::scalar(1, DType::float64);
        check_same(value_and_gradients(penalty(c.f), inputs, one),
                   value_and_gradients(penalty(c.composite), inputs, one), tolerance::kFused);
        check_same(value_and_gradients(penalty(composed(c)), composed_inputs(c), one),
                   value_and_gradients(penalty(composed(other)), composed_inputs(c), one), tolerance::kFused);
      }
}

}  // namespace
}  // namespace duel::testing
