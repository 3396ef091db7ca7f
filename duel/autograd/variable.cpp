#include "duel/autograd/variable.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "duel/autograd/observer.h"

namespace duel {
namespace {

thread_local bool recording = true;

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

// Deleting a node drops its inputs' last owners, which deletes those, and so on: for a chain of 100,000 operations that
// recursion would overflow the stack. So nodes queue up and the outermost deletion works the queue off. The queue is
// its own: static variables are destroyed after all that is local to the thread.
void delete_iteratively(Node* node) {
  thread_local std::vector<Node*>* outermost = nullptr;
  if (outermost) return outermost->push_back(node);
  std::vector<Node*> queue;
  outermost = &queue;
  delete node;
  while (!queue.empty()) {
    Node* next = queue.back();
    queue.pop_back();
    delete next;
  }
  outermost = nullptr;
}

}  // namespace

bool is_recording() { return recording; }

RecordingGuard::RecordingGuard(Mode mode) : before_(recording) { recording = mode == Mode::on; }
RecordingGuard::~RecordingGuard() { recording = before_; }

Variable Variable::leaf(Tensor value) {
  check(value.defined(), "Variable::leaf", "the tensor is undefined");
  check(is_floating(value.dtype()), "Variable::leaf", "gradients need a floating dtype, got ", value.dtype());
  auto node = Node::make("leaf", value);
  node->leaf_ = true;
  node->home_ = value.storage().get();
  return Variable(std::move(value), std::move(node));
}

void Variable::set_value(Tensor value) {
  check(value.defined() && value.shape() == shape() && value.dtype() == dtype(), "Variable::set_value", "a ", value,
        " cannot replace a ", value_);
  value_ = std::move(value);
  if (node_) node_->home_ = value_.storage().get();
}

Node::Node(const char* name, const Tensor& value)
    : name_(name), id_(next_id()), shape_(value.shape()), dtype_(value.dtype()) {}

std::shared_ptr<Node> Node::make(const char* name, const Tensor& value) {
  return std::shared_ptr<Node>(new Node(name, value), delete_iteratively);
}

Variable Node::variable(Tensor value, std::shared_ptr<Node> node) {
  return Variable(std::move(value), std::move(node));
}

Variable record(const char* name, const Variables& inputs, Tensor value, GradFunction function, Keep keep, Order order,
                std::source_location where) {
  const bool constant = std::all_of(inputs.begin(), inputs.end(), [](const Variable& v) { return v.is_constant(); });
  std::shared_ptr<Node> node;
  if (!constant && recording) {
    node = Node::make(name, value);
    node->inputs_.reserve(inputs.size());
    for (const Variable& v : inputs) node->inputs_.push_back(v.node());
    node->function_ = std::move(function);
    node->order_ = order;
    node->where_ = where;
    if (keep == Keep::output) {
      node->output_ = value;
      node->output_version_ = value.version();
    }
  }
  Variable result = Node::variable(std::move(value), std::move(node));
  if (detail::is_observed()) [[unlikely]]
    detail::observe_operation(name, inputs, result, where);
  return result;
}

Variables Node::backward(Variable grad, const std::vector<bool>& wanted) const {
  check(!is_consumed(), "grad", "the graph behind '", name_, "' ", shape_,
        " was consumed by an earlier grad() of a moved or temporary y; pass a named variable, without std::move, to "
        "keep the graph");
  check(order_ == Order::any || !recording, "grad", "'", name_, "' ", shape_,
        " can be differentiated once only: do not ask for .create_graph through it");
  try {
    Variables grads = function_(Backward{grad, *this, wanted});
    check(grads.size() == inputs_.size(), "grad", "its gradient function returned ", grads.size(), " gradients for ",
          inputs_.size(), " inputs");
    return grads;
  } catch (const Error& e) {
    throw Error(cat("gradient of '", name_, "' ", shape_, ": ", e.what()));
  }
}

Variable Node::output() const {
  check(output_.defined(), "Backward::output", "'", name_, "' was not recorded with Keep::output");
  check(output_.version() == output_version_, "Backward::output", "the output of '", name_, "' ", shape_,
        " was written in place after it was computed");
  return Variable(output_, std::const_pointer_cast<Node>(shared_from_this()));
}

Variable Backward::output() const { return node.output(); }

void Node::consume() {
  function_ = nullptr;
  output_ = Tensor();
  inputs_.clear();
}

const Variable& Saved::get() const {
  if (variable_.defined() && variable_.value().version() != version_)
    fail("saved tensor", variable_.value(), " was written in place after the forward pass (version ",
         variable_.value().version(), ", saved at ", version_,
         "); take the gradient before updating it, or use a clone");
  return variable_;
}

}  // namespace duel
