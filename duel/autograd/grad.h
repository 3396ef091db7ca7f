// grad(): the reverse walk. Its results are variables, so gradients can be differentiated again, to any order.
#pragma once

#include "duel/autograd/variable.h"

namespace duel {

struct GradOptions {
  /// Record the gradient computation too, so that the results can be differentiated. Nothing is consumed then.
  bool create_graph = false;
  /// Give zeros for an x that y does not depend on; otherwise that throws.
  bool allow_unused = false;
  /// The gradient with respect to y, of y's shape. Undefined means 1, and then y must have one element.
  Variable grad_output = {};
};

/// The gradients of y with respect to each x (leaves or intermediate results), of their shapes. Only operations on a
/// path from an x to y are walked; for all others nothing is computed.
/// Throws Error when an x is constant, or y doesn't depend on it, or a saved tensor was written since.
Variables grad(const Variable& y, const Variables& xs, const GradOptions& options = {});

/// The same, but frees what was saved for the gradient as the walk passes (unless `create_graph`): using that part of
/// the graph again throws. A temporary is taken the same way: `grad(sum(h), {x})` frees what lies behind h.
Variables grad(Variable&& y, const Variables& xs, const GradOptions& options = {});

}  // namespace duel
