// Gradients proved by finite differences, of any order, in float64.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "duel/autograd/variable.h"

namespace duel {

/// A differentiable function of variables. It must give the same value each time it is called.
using DifferentiableFunction = std::function<Variable(const Variables&)>;

enum class GradcheckMode : std::uint8_t {
  random_direction,  ///< one number per order: a random contraction of the derivative along a random direction
  full_jacobian,     ///< every element; as many evaluations as there are elements
};

struct GradcheckOptions {
  int max_order = 2;
  GradcheckMode mode = GradcheckMode::random_direction;
  /// Of the differences: f(x +- step v), f(x +- 2 step v), the five-point stencil, whose error falls with step^4.
  /// Elements of v are of size 1, so inputs should be too, and lie a few steps away from kinks and singularities.
  double step = 1e-3;
  /// Derivatives smaller than this are compared absolutely, not relatively: error = |difference| / max(size, floor).
  double floor = 1e-3;
  std::uint64_t seed = 1;
  /// What `expect_gradients` accepts at order 1, 2, ...; the last one serves for all further orders.
  std::vector<double> tolerances = {1e-6, 1e-5, 1e-4};
};

/// What was found for one order and one choice of differentiated inputs.
struct GradcheckEntry {
  static constexpr int kAllInputs = -1;
  int order;
  int input;         ///< differentiated alone, the others being constants; or kAllInputs: jointly
  double error = 0;  ///< relative to the size of the derivative, see `GradcheckOptions::floor`
  // Where they differ most:
  double numeric = 0, analytic = 0;
  bool create_graph = false;  ///< whether `analytic` was computed with that
};

struct GradcheckResult {
  std::vector<GradcheckEntry> entries;
  /// The largest error of this order; 0 if it was not checked.
  double max_error(int order) const;
};

/// Compares grad() with central finite differences of f at `inputs`, for orders 1 to max_order and for all float64
/// inputs, jointly and each one alone. Inputs of integer types are passed on as constants.
///
/// Order 1 differentiates F_1 = f; order k differentiates F_k(x) = grad <F_{k-1}, c>, c random, so each order rests on
/// the one below, which has been checked. Gradients are computed with create_graph and without, as operations may take
/// different ways to them, and both are compared. With one random direction v, <c, dF_k(x + t v)/dt> is compared with
/// <grad <F_k, c>, v>, relative to the largest of both and the norm of the gradient; with the full Jacobian every
/// element is, relative to the largest element.
/// Throws Error when there is no float64 input, an input is float32, or f is not deterministic.
GradcheckResult gradcheck(const DifferentiableFunction& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options = {});

/// The same; throws Error naming the order, the input, and both numbers when an error exceeds its tolerance.
GradcheckResult expect_gradients(const std::string& name, const DifferentiableFunction& f,
                                 const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

}  // namespace duel
