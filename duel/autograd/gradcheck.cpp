#include "duel/autograd/gradcheck.h"

#include <algorithm>
#include <cmath>

#include "duel/autograd/grad.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
#include "duel/tensor/rng.h"

namespace duel {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double s = 0;
  for (std::size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}

double norm(const Vector& a) { return std::sqrt(dot(a, a)); }

Vector unit_vector(std::size_t n, std::size_t i) {
  Vector e(n, 0.0);
  e[i] = 1;
  return e;
}

// Elements of random sign and of size 0.5 to 1: no direction is nearly left out.
Vector random_vector(Rng& rng, std::size_t n) {
  Vector v = rng.uniform({static_cast<std::int64_t>(n)}, -0.5, 0.5, {.dtype = DType::float64}).to_vector<double>();
  for (double& x : v) x += x < 0 ? -0.5 : 0.5;
  return v;
}

Vector joined(const Variables& values) {
  Vector all;
  for (const Variable& v : values) {
    const Vector part = v.value().to_vector<double>();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

// `v` cut into tensors shaped like `like`.
std::vector<Tensor> cut(const Vector& v, const Variables& like) {
  std::vector<Tensor> parts;
  std::size_t at = 0;
  for (const Variable& l : like) {
    const auto n = static_cast<std::size_t>(l.numel());
    parts.push_back(Tensor::from(std::span(v).subspan(at, n), l.shape()).to(l.value().device()));
    at += n;
  }
  return parts;
}

Variable contract(const Variables& values, const Vector& weights) {
  const std::vector<Tensor> parts = cut(weights, values);
  Variable s = Tensor::scalar(0, DType::float64, values[0].value().device());
  for (std::size_t i = 0; i < values.size(); ++i) s = s + sum(values[i] * parts[i]);
  return s;
}

// f as a function of some of its inputs, and its derivatives. F_1 = f, F_{k+1} = grad <F_k, c_k>.
class Tower {
 public:
  Tower(const DifferentiableFunction& f, std::vector<Tensor> inputs, std::vector<std::size_t> chosen)
      : f_(f), inputs_(std::move(inputs)), chosen_(std::move(chosen)) {}

  std::size_t input_numel() const {
    std::size_t n = 0;
    for (std::size_t i : chosen_) n += static_cast<std::size_t>(inputs_[i].numel());
    return n;
  }

  void push_cotangent(Vector c) { cotangents_.push_back(std::move(c)); }

  /// F_order at x + t v.
  Vector value(int order, const Vector& v, double t) const { return joined(derivative(order, leaves(v, t))); }

  /// grad <F_order, c> at x.
  Vector gradient(int order, const Vector& c, bool create_graph) const {
    const Variables xs = leaves({}, 0);
    return joined(
        grad(contract(derivative(order, xs), c), selected(xs), {.create_graph = create_graph, .allow_unused = true}));
  }

 private:
  Variables leaves(const Vector& v, double t) const {
    Variables xs(inputs_.begin(), inputs_.end());
    std::size_t at = 0;
    for (std::size_t i : chosen_) {
      Tensor x = inputs_[i];
      if (t != 0) {
        const auto n = static_cast<std::size_t>(x.numel());
        const Tensor direction = Tensor::from(std::span(v).subspan(at, n), x.shape()).to(x.device());
        x = (Variable(x) + t * Variable(direction)).value();
        at += n;
      }
      xs[i] = Variable::leaf(x);
    }
    return xs;
  }

  Variables selected(const Variables& xs) const {
    Variables some;
    for (std::size_t i : chosen_) some.push_back(xs[i]);
    return some;
  }

  Variables derivative(int order, const Variables& xs) const {
    Variables y{f_(xs)};
    check(y[0].defined() && y[0].dtype() == DType::float64, "gradcheck", "the function must give float64, got ",
          y[0].value());
    for (int k = 1; k < order; ++k)
      y = grad(contract(y, cotangents_[static_cast<std::size_t>(k - 1)]), selected(xs),
               {.create_graph = true, .allow_unused = true});
    return y;
  }

  const DifferentiableFunction& f_;
  std::vector<Tensor> inputs_;
  std::vector<std::size_t> chosen_;
  std::vector<Vector> cotangents_;
};

// dF(x + t v)/dt at t = 0 by the five-point stencil.
Vector difference(const Tower& tower, int order, const Vector& v, double h) {
  const Vector a = tower.value(order, v, -2 * h), b = tower.value(order, v, -h), c = tower.value(order, v, h),
               d = tower.value(order, v, 2 * h);
  Vector out(a.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = (8 * (c[i] - b[i]) - (d[i] - a[i])) / (12 * h);
  return out;
}

// Takes in the pair if it is the worst so far; NaN is worse than anything.
void compare(GradcheckEntry& worst, double numeric, double analytic, bool create_graph, double size) {
  const double difference = std::abs(numeric - analytic);
  const double error = difference == 0 ? 0 : difference / size;
  if (!(error <= worst.error)) worst = {worst.order, worst.input, error, numeric, analytic, create_graph};
}

void check_direction(const Tower& tower, const GradcheckOptions& o, Rng& rng, const Vector& c, GradcheckEntry& entry) {
  const Vector v = random_vector(rng, tower.input_numel());
  const double numeric = dot(difference(tower, entry.order, v, o.step), c);
  for (const bool create_graph : {false, true}) {
    const Vector gradient = tower.gradient(entry.order, c, create_graph);
    const double analytic = dot(gradient, v);
    compare(entry, numeric, analytic, create_graph,
            std::max({std::abs(numeric), std::abs(analytic), norm(gradient), o.floor}));
  }
}

void check_jacobian(const Tower& tower, const GradcheckOptions& o, std::size_t outputs, GradcheckEntry& entry) {
  const std::size_t n = tower.input_numel();
  std::vector<Vector> numeric;  // [n][outputs]
  double size = o.floor;
  for (std::size_t i = 0; i < n; ++i) {
    numeric.push_back(difference(tower, entry.order, unit_vector(n, i), o.step));
    for (double g : numeric.back()) size = std::max(size, std::abs(g));
  }
  for (const bool create_graph : {false, true})
    for (std::size_t j = 0; j < outputs; ++j) {
      const Vector row = tower.gradient(entry.order, unit_vector(outputs, j), create_graph);
      for (std::size_t i = 0; i < n; ++i) compare(entry, numeric[i][j], row[i], create_graph, size);
    }
}

void check_orders(Tower tower, int input, const GradcheckOptions& o, GradcheckResult& result) {
  Rng rng(o.seed);
  for (int order = 1; order <= o.max_order; ++order) {
    const Vector y = tower.value(order, {}, 0);
    check(y == tower.value(order, {}, 0), "gradcheck", "the function gives another value when called again");
    Vector c = random_vector(rng, y.size());
    GradcheckEntry entry{order, input};
    if (o.mode == GradcheckMode::random_direction)
      check_direction(tower, o, rng, c, entry);
    else
      check_jacobian(tower, o, y.size(), entry);
    result.entries.push_back(entry);
    tower.push_cotangent(std::move(c));
  }
}

}  // namespace

double GradcheckResult::max_error(int order) const {
  double worst = 0;
  for (const GradcheckEntry& e : entries)
    if (e.order == order && !(e.error <= worst)) worst = e.error;
  return worst;
}

GradcheckResult gradcheck(const DifferentiableFunction& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options) {
  const RecordingGuard recording(RecordingGuard::Mode::on);
  std::vector<std::size_t> differentiable;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check(inputs[i].defined() && inputs[i].dtype() != DType::float32 && inputs[i].dtype() != DType::bfloat16,
          "gradcheck", "input ", i, " is ", inputs[i], ": finite differences need float64");
    if (inputs[i].dtype() == DType::float64) differentiable.push_back(i);
  }
  check(!differentiable.empty(), "gradcheck", "needs at least one float64 input");
  check(options.max_order >= 1 && options.step > 0 && options.floor > 0, "gradcheck",
        "order, step and floor must be positive");
  GradcheckResult result;
  check_orders(Tower(f, inputs, differentiable), GradcheckEntry::kAllInputs, options, result);
  if (differentiable.size() > 1)
    for (std::size_t i : differentiable) check_orders(Tower(f, inputs, {i}), static_cast<int>(i), options, result);
  return result;
}

GradcheckResult expect_gradients(const std::string& name, const DifferentiableFunction& f,
                                 const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  check(!options.tolerances.empty(), "expect_gradients", "needs at least one tolerance");
  const GradcheckResult result = gradcheck(f, inputs, options);
  for (const GradcheckEntry& e : result.entries) {
    const auto at = std::min(static_cast<std::size_t>(e.order), options.tolerances.size()) - 1;
    const double tolerance = options.tolerances[at];
    if (e.error <= tolerance) continue;
    const std::string which =
        e.input == GradcheckEntry::kAllInputs ? std::string("all inputs jointly") : cat("input ", e.input, " alone");
    fail("gradcheck", name, ", order ", e.order, ", ", which, ": finite differences give ", e.numeric, ", grad ",
         e.create_graph ? "with create_graph " : "", "gives ", e.analytic, ", relative error ", e.error, " > ",
         tolerance);
  }
  return result;
}

}  // namespace duel
