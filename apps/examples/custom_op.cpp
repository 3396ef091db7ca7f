// Three operations made outside of the library, one by each recipe for gradients, each proved to the second order by
// finite differences in one line. Prints the errors, and exits with 1 unless all gradients are right.
#include <cmath>
#include <iostream>
#include <numeric>

#include "duel/autograd/fused.h"
#include "duel/duel.h"

using namespace duel;

namespace {

// Calls f(x, y, n) with x's elements in row-major order and those of a new tensor of `size` elements, returned as
// `shape`. On the CPU; for another device an operation would call kernels of its own.
template <class F>
Tensor compute(const Tensor& x, const Shape& shape, F&& f) {
  const Tensor in = x.row_major(), out = Tensor::zeros(shape, {.dtype = x.dtype()});
  dispatch_floating("compute", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    f(in.data<T>(), out.mutable_data<T>(), x.numel());
  });
  return out;
}

// Linear: bring the transpose along; each is the gradient of the other, so both have gradients of any order.
Variable transposed_differences(const Variable& g);

/// y[i] = x[i + 1] - x[i]; x [N], y [N - 1]
Variable differences(const Variable& x) {
  check(x.defined() && x.dim() == 1 && x.size(0) >= 1, "differences", "needs a vector of 1 or more, got ", x.value());
  Tensor y = compute(x.value(), {x.size(0) - 1}, [](const auto* in, auto* out, std::int64_t n) {
    for (std::int64_t i = 0; i + 1 < n; ++i) out[i] = in[i + 1] - in[i];
  });
  return record("differences", {x}, std::move(y),
                [](const Backward& b) -> Variables { return {transposed_differences(b.grad)}; });
}

Variable transposed_differences(const Variable& g) {
  Tensor dx = compute(g.value(), {g.size(0) + 1}, [](const auto* in, auto* out, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
      out[i + 1] += in[i];
      out[i] -= in[i];
    }
  });
  return record("transposed_differences", {g}, std::move(dx),
                [](const Backward& b) -> Variables { return {differences(b.grad)}; });
}

// Pointwise: the value by a loop, the gradient by the library's operations, which can be differentiated again.
/// x / (1 + |x|)
Variable softsign(const Variable& x) {
  Tensor y = compute(x.value(), x.shape(), [](const auto* in, auto* out, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = in[i] / (1 + std::abs(in[i]));
  });
  return record("softsign", {x}, std::move(y),
                [x = Saved(x)](const Backward& b) -> Variables { return {b.grad / square(1 + abs(x.get()))}; });
}

// Fused: fast code for value and gradient, and a definition in ordinary operations for gradients of gradients.
/// x / |x|; x [N]
Variable direction(const Variable& x) {
  const Composite composite = [](const Variables& in) { return in[0] / sqrt(sum(square(in[0]))); };
  const auto norm = [](const auto* v, std::int64_t n) { return std::sqrt(std::inner_product(v, v + n, v, 0.0)); };
  Tensor y = compute(x.value(), x.shape(), [&](const auto* in, auto* out, std::int64_t n) {
    const double size = norm(in, n);
    for (std::int64_t i = 0; i < n; ++i) out[i] = in[i] / size;
  });
  const GradFunction gradient = [x = Saved(x), norm](const Backward& b) -> Variables {
    const Tensor dy = b.grad.value().row_major();
    return {compute(x.get().value(), dy.shape(), [&]<class T>(const T* in, T* out, std::int64_t n) {
      const double size = norm(in, n);
      double along = 0;  // (dy - y <y, dy>) / |x|
      for (std::int64_t i = 0; i < n; ++i) along += in[i] / size * dy.data<T>()[i];
      for (std::int64_t i = 0; i < n; ++i) out[i] = (dy.data<T>()[i] - in[i] / size * along) / size;
    })};
  };
  return record_fused("direction", {x}, std::move(y), gradient, composite);
}

void prove(const char* name, Variable (*operation)(const Variable&)) {
  const Tensor x = Tensor::from({0.5, -1.25, 2.0, 0.75, -0.5}, {5});
  const GradcheckResult r = expect_gradients(name, [&](const Variables& v) { return exp(operation(v[0])); }, {x});
  std::cout << name << ": relative error " << r.max_error(1) << " at order 1, " << r.max_error(2) << " at order 2\n";
}

}  // namespace

int main() try {
  prove("differences", differences);
  prove("softsign", softsign);
  prove("direction", direction);
  return 0;
} catch (const std::exception& e) {
  std::cerr << "example_custom_op: " << e.what() << '\n';
  return 1;
}
