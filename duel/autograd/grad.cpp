#include "duel/autograd/grad.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "duel/autograd/observer.h"
#include "duel/autograd/pointwise.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

struct Visit {
  bool leads_to_x = false;
  Variable grad;  // accumulated so far
};

// One walk from y back to the xs.
class Walk {
 public:
  Walk(const Variable& y, const Variables& xs) {
    std::uint64_t oldest = UINT64_MAX;
    for (const Variable& x : xs) {
      check(x.defined() && !x.is_constant(), "grad", "an x (", x.value(),
            ") is a constant: make it with Variable::leaf, or ask for a result computed from one");
      wanted_.insert(x.node().get());
      oldest = std::min(oldest, x.node()->id());
    }
    if (!y.is_constant()) collect(y.node(), oldest);
    mark();
  }

  void run(const Variable& y, Variable grad_output, bool consume) {
    if (order_.empty()) return;
    visits_[y.node().get()].grad = std::move(grad_output);
    for (; !order_.empty(); order_.pop_back()) {  // falling ids: every user of a node comes before it
      Node& node = *order_.back();
      Visit& visit = visits_[&node];
      if (!visit.leads_to_x || !visit.grad.defined()) continue;
      if (wanted_.contains(&node)) results_[&node] = visit.grad;
      step(node, std::exchange(visit.grad, {}), consume);
    }
  }

  /// Whether x lies behind y at all; its gradient may be zero and undefined nevertheless.
  bool reached(const Variable& x) const { return visits_.contains(x.node().get()); }

  Variable result(const Variable& x) const {
    const auto found = results_.find(x.node().get());
    return found == results_.end() ? Variable() : found->second;
  }

 private:
  // All nodes behind `root` that are not older than the oldest x, by rising id.
  void collect(const std::shared_ptr<Node>& root, std::uint64_t oldest) {
    std::vector<std::shared_ptr<Node>> stack{root};
    while (!stack.empty()) {
      std::shared_ptr<Node> node = std::move(stack.back());
      stack.pop_back();
      if (!node || node->id() < oldest || !visits_.try_emplace(node.get()).second) continue;
      stack.insert(stack.end(), node->inputs().begin(), node->inputs().end());
      order_.push_back(std::move(node));
    }
    std::sort(order_.begin(), order_.end(), [](const auto& a, const auto& b) { return a->id() < b->id(); });
  }

  bool leads_to_x(const Node* node) const {
    const auto found = visits_.find(node);
    return found != visits_.end() && found->second.leads_to_x;
  }

  void mark() {
    for (const auto& node : order_)
      visits_[node.get()].leads_to_x =
          wanted_.contains(node.get()) || node->is_consumed() ||  // a consumed one may have led there: let it complain
          std::any_of(node->inputs().begin(), node->inputs().end(), [&](const auto& i) { return leads_to_x(i.get()); });
  }

  void step(Node& node, Variable grad, bool consume) {
    std::vector<bool> needed;
    for (const auto& input : node.inputs()) needed.push_back(leads_to_x(input.get()));
    if (!node.is_consumed() && std::find(needed.begin(), needed.end(), true) == needed.end()) return;
    const detail::ObservedGradient observed(node);
    const Variable seen = detail::is_observed() ? grad : Variable();
    Variables grads = node.backward(std::move(grad), needed);
    observed.report(seen, grads);
    for (std::size_t i = 0; i < grads.size(); ++i)
      if (needed[i] && grads[i].defined()) accumulate(node, *node.inputs()[i], std::move(grads[i]));
    if (consume) node.consume();
  }

  void accumulate(const Node& node, const Node& input, Variable grad) {
    check(grad.shape() == input.shape() && grad.dtype() == input.dtype(), "grad", "the gradient function of '",
          node.name(), "' gave a ", grad.value(), " for an input of shape ", input.shape(), " and type ",
          input.dtype());
    Variable& sum = visits_[&input].grad;
    const Tensor& s = sum.value();
    if (!sum.defined()) {
      sum = std::move(grad);
    } else if (!is_recording() && !detail::is_observed() && s.is_sole_owner() && s.is_dense()) {
      backend(s.device()).binary(BinaryOp::add, s, grad.value(), s, {});
      s.storage()->bump_version();
    } else {
      sum = sum + grad;
    }
  }

  std::unordered_map<const Node*, Visit> visits_;
  std::unordered_set<const Node*> wanted_;
  std::unordered_map<const Node*, Variable> results_;
  std::vector<std::shared_ptr<Node>> order_;
};

Variable first_gradient(const Variable& y, const GradOptions& options) {
  if (options.grad_output.defined()) {
    check(options.grad_output.shape() == y.shape() && options.grad_output.dtype() == y.dtype(), "grad",
          "grad_output is ", options.grad_output.value(), " but y is ", y.value());
    return options.grad_output;
  }
  check(y.numel() == 1, "grad", "y has shape ", y.shape(), ": give .grad_output, or reduce it to one element first");
  return Tensor::full(y.shape(), 1, {.dtype = y.dtype(), .device = y.value().device()});
}

Variables walk(const Variable& y, const Variables& xs, const GradOptions& options, bool consume) {
  check(y.defined(), "grad", "y is undefined");
  const RecordingGuard guard(options.create_graph ? RecordingGuard::Mode::on : RecordingGuard::Mode::off);
  Walk walk(y, xs);
  walk.run(y, first_gradient(y, options), consume && !options.create_graph);
  Variables results;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    Variable g = walk.result(xs[i]);
    check(g.defined() || walk.reached(xs[i]) || options.allow_unused, "grad", "y does not depend on x number ", i, " (",
          xs[i].value(), "); if that is meant, ask for zeros with .allow_unused = true");
    results.push_back(g.defined() ? g : Variable(Tensor::zeros_like(xs[i].value())));
  }
  return results;
}

}  // namespace

Variables grad(const Variable& y, const Variables& xs, const GradOptions& options) {
  return walk(y, xs, options, false);
}

Variables grad(Variable&& y, const Variables& xs, const GradOptions& options) {
  const Variable taken = std::move(y);
  return walk(taken, xs, options, true);
}

}  // namespace duel
