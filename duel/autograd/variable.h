// Variable: a tensor and the place in the graph it came from. Node: one recorded operation.
//
// The graph is made as operations run. A Variable made from a plain Tensor is a constant; `Variable::leaf` makes one
// that gradients can be asked for; what an operation computes from at least one non-constant has a node of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <utility>
#include <vector>

#include "duel/tensor/tensor.h"

namespace duel {

class Node;

/// A handle to a value in the graph; copying it copies no elements.
class Variable {
 public:
  Variable() = default;
  /// A constant. Implicit, so that tensors can stand wherever operations take variables.
  Variable(Tensor value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  /// A variable that gradients can be asked for; its dtype must be floating.
  static Variable leaf(Tensor value);

  bool defined() const { return value_.defined(); }
  bool is_constant() const { return node_ == nullptr; }
  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  int dim() const { return value_.dim(); }
  std::int64_t size(int i) const { return value_.size(i); }
  std::int64_t numel() const { return value_.numel(); }
  DType dtype() const { return value_.dtype(); }
  /// The one element as a number; throws unless numel() == 1.
  double item() const { return value_.item(); }
  /// The same value as a constant: no gradient flows through it.
  Variable detach() const { return Variable(value_); }

  const std::shared_ptr<Node>& node() const { return node_; }
  /// Puts another tensor of the same shape and dtype behind this handle (other copies of it keep the old one). For
  /// parameters that move, into an optimiser's flat buffer say.
  void set_value(Tensor value);

 private:
  friend class Node;
  Variable(Tensor value, std::shared_ptr<Node> node) : value_(std::move(value)), node_(std::move(node)) {}

  Tensor value_;
  std::shared_ptr<Node> node_;
};

using Variables = std::vector<Variable>;

/// What a gradient function is handed.
struct Backward {
  /// With respect to the operation's output; same shape. If the tensor `is_sole_owner`, nobody will look at it any more
  /// and a kernel may write into it.
  const Variable& grad;
  const Node& node;
  const std::vector<bool>& wanted;  ///< per input

  /// Whether input `i`'s gradient is asked for. A gradient function returns one entry per input and may leave those
  /// that are not needed, or are zero, undefined.
  bool needs(int i) const { return wanted[static_cast<std::size_t>(i)]; }
  /// The operation's output, as a variable of the graph. Only if recorded with `Keep::output`.
  Variable output() const;
};

using GradFunction = std::function<Variables(const Backward&)>;
enum class Keep : std::uint8_t { nothing, output };
/// How often an operation can be differentiated: as often as one likes, or only when the gradient is not recorded.
enum class Order : std::uint8_t { any, first };

/// One operation in the graph. Ids rise in the order of recording, so inputs have smaller ids than outputs.
class Node : public std::enable_shared_from_this<Node> {
 public:
  const char* name() const { return name_; }
  std::uint64_t id() const { return id_; }
  const std::vector<std::shared_ptr<Node>>& inputs() const { return inputs_; }  ///< nullptr stands for a constant
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  bool is_leaf() const { return leaf_; }
  /// Of a leaf: whether its value lies there, as far as `Variable::set_value` of any of its handles has said.
  bool lies_in(const Storage& storage) const { return home_ == &storage; }
  Order highest_order() const { return order_; }
  /// Where its gradient is written: the place of the call of `record`.
  const std::source_location& where() const { return where_; }
  /// The calls that led to its recording, innermost first, as return addresses. Empty unless an observer kept them.
  const std::vector<void*>& call_stack() const { return call_stack_; }
  void set_call_stack(std::vector<void*> addresses) { call_stack_ = std::move(addresses); }
  /// Its saved tensors are gone: `grad` was given the loss to consume.
  bool is_consumed() const { return !leaf_ && !function_; }

  Variables backward(Variable grad, const std::vector<bool>& wanted) const;
  Variable output() const;
  /// Frees what was saved and the way to the inputs.
  void consume();

 private:
  friend class Variable;
  friend Variable record(const char*, const Variables&, Tensor, GradFunction, Keep, Order, std::source_location);
  Node(const char* name, const Tensor& value);
  static std::shared_ptr<Node> make(const char* name, const Tensor& value);
  static Variable variable(Tensor value, std::shared_ptr<Node> node);

  const char* name_;
  std::uint64_t id_;
  std::vector<std::shared_ptr<Node>> inputs_;
  GradFunction function_;
  Tensor output_;  // if kept; the tensor alone, so that no node owns itself
  std::uint64_t output_version_ = 0;
  Shape shape_;
  DType dtype_;
  Order order_ = Order::any;
  std::source_location where_;
  std::vector<void*> call_stack_;
  bool leaf_ = false;
  const Storage* home_ = nullptr;  // only compared
};

/// The result of an operation: a node of the graph if recording is on and an input is not constant, else a constant.
/// `function` captures what the gradient needs, inputs as `Saved`, and never the output: that it asks of its node.
/// An operation whose gradient is not made of recorded operations must say `Order::first`: then a backward pass that is
/// itself recorded throws. `where` is filled in by the compiler.
Variable record(const char* name, const Variables& inputs, Tensor value, GradFunction function,
                Keep keep = Keep::nothing, Order order = Order::any,
                std::source_location where = std::source_location::current());

/// An input kept for the gradient (an undefined one stays so), with the version of its memory: reading it after a write
/// in place throws.
class Saved {
 public:
  Saved(const Variable& v)
      : variable_(v), version_(v.defined() ? v.value().version() : 0) {}  // NOLINT(google-explicit-constructor)
  const Variable& get() const;

 private:
  Variable variable_;
  std::uint64_t version_;
};

/// Whether operations are recorded on this thread.
bool is_recording();

/// Turns recording on or off on this thread for as long as the guard lives.
class RecordingGuard {
 public:
  enum class Mode : std::uint8_t { off, on };
  explicit RecordingGuard(Mode mode);
  ~RecordingGuard();
  RecordingGuard(const RecordingGuard&) = delete;
  RecordingGuard& operator=(const RecordingGuard&) = delete;

 private:
  bool before_;
};

/// No recording while it lives: for sampling, evaluation and the writing of parameters.
class NoGrad : RecordingGuard {
 public:
  NoGrad() : RecordingGuard(Mode::off) {}
};

}  // namespace duel
