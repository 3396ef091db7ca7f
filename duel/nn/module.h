// Modules: plain structs with value members and one `visit` that names their parameters, buffers and children. That
// single walk serves parameter lists, state dictionaries, copies, optimisers, averages and summaries.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duel/autograd/variable.h"
#include "duel/tensor/rng.h"

namespace duel {

enum class Mode : std::uint8_t { train, eval };

/// How training passes bring running statistics up to date: by each norm's momentum, or to the plain mean over the
/// batches since they were reset (see `reset_running_statistics`).
enum class StatisticsUpdate : std::uint8_t { momentum, cumulative };

class Replicas;
class SpectralNormState;
class SpectralPass;
struct RunningMoments;

/// How a forward pass runs.
struct Pass {
  Mode mode = Mode::train;
  Rng* rng = nullptr;  ///< for those who draw (dropout in training)
  StatisticsUpdate statistics = StatisticsUpdate::momentum;
  /// If given, batch norms in training take the statistics of all replicas' batches together (synchronised batch norm).
  Replicas* replicas = nullptr;
  /// If given, the power method's vectors of all weights together; else each weight finds its own as it is used.
  SpectralPass* spectral = nullptr;
};

/// Walks a module. Names are joined by dots, as in PyTorch: "main.3.weight".
class Visitor {
 public:
  virtual ~Visitor() = default;

  // Called by a module's `visit`. Undefined parameters and buffers are skipped.
  void parameter(std::string_view name, Variable& p) {
    if (p.defined()) on_parameter(path(name), p);
  }
  void buffer(std::string_view name, Tensor& b) {
    if (b.defined()) on_buffer(path(name), b);
  }
  /// The running statistics of a norm as a whole; their tensors are visited as buffers besides.
  void running_moments(RunningMoments& moments) { on_running_moments(moments); }
  /// A weight with spectral normalisation; it is visited as a parameter besides, and its vectors as buffers.
  void spectral_norm(SpectralNormState& state, Variable& weight) { on_spectral_norm(state, weight); }
  template <class Module>
  void child(std::string_view name, Module& module) {
    const std::size_t length = prefix_.size();
    prefix_.append(name).push_back('.');
    module.visit(*this);
    prefix_.resize(length);
  }

 protected:
  virtual void on_parameter(const std::string& name, Variable& p) = 0;
  virtual void on_buffer(const std::string&, Tensor&) {}
  virtual void on_running_moments(RunningMoments&) {}
  virtual void on_spectral_norm(SpectralNormState&, Variable&) {}

 private:
  std::string path(std::string_view name) const { return prefix_ + std::string(name); }
  std::string prefix_;
};

using StateDict = std::map<std::string, Tensor>;

namespace detail {

struct CollectParameters : Visitor {
  std::vector<std::pair<std::string, Variable>> found;
  void on_parameter(const std::string& name, Variable& p) override { found.emplace_back(name, p); }
};

struct CollectState : Visitor {
  StateDict found;
  void on_parameter(const std::string& name, Variable& p) override { found[name] = p.value(); }
  void on_buffer(const std::string& name, Tensor& b) override { found[name] = b; }
};

/// Gives running statistics a count of batches of their own, which not every module has among its buffers.
void make_own(RunningMoments& moments);
/// Moves that count too.
void move(RunningMoments& moments, Device device);

struct MakeOwn : Visitor {
  void on_parameter(const std::string&, Variable& p) override { p = Variable::leaf(p.value().clone()); }
  void on_buffer(const std::string&, Tensor& b) override { b = b.clone(); }
  void on_running_moments(RunningMoments& moments) override { make_own(moments); }
};

struct Convert : Visitor {
  DType dtype;
  explicit Convert(DType wanted) : dtype(wanted) {}
  void on_parameter(const std::string&, Variable& p) override { p = Variable::leaf(p.value().to(dtype)); }
  void on_buffer(const std::string&, Tensor& b) override {
    if (is_floating(b.dtype())) b = b.to(dtype);
  }
};

struct Move : Visitor {
  Device device;
  explicit Move(Device wanted) : device(wanted) {}
  void on_parameter(const std::string&, Variable& p) override {
    if (p.value().device() != device) p = Variable::leaf(p.value().to(device));
  }
  void on_buffer(const std::string&, Tensor& b) override { b = b.to(device); }
  void on_running_moments(RunningMoments& moments) override { move(moments, device); }
};

}  // namespace detail

/// Parameters with their names, in the order of the walk.
template <class Module>
std::vector<std::pair<std::string, Variable>> named_parameters(Module& module) {
  detail::CollectParameters collect;
  module.visit(collect);
  return std::move(collect.found);
}

template <class Module>
Variables parameters(Module& module) {
  Variables all;
  for (auto& [name, p] : named_parameters(module)) all.push_back(p);
  return all;
}

template <class Module>
std::int64_t count_parameters(Module& module) {
  std::int64_t n = 0;
  for (const Variable& p : parameters(module)) n += p.numel();
  return n;
}

/// Parameters and buffers by name. The tensors share memory with the module.
template <class Module>
StateDict state_dict(Module& module) {
  detail::CollectState collect;
  module.visit(collect);
  return std::move(collect.found);
}

/// Throws unless names, shapes and dtypes agree; the message lists what is missing, unexpected and different. `what`
/// names the state `given` in it.
void check_state(const StateDict& own, const StateDict& given, const char* what);

/// Copies each tensor of `given` into the one of that name in `own`. Throws, having changed nothing, as `check_state`.
void load_state(const StateDict& own, const StateDict& given, const char* what);

/// The same into a module's parameters and buffers.
template <class Module>
void load_state_dict(Module& module, const StateDict& state, const char* what = "state") {
  load_state(state_dict(module), state, what);
}

/// A copy with parameters and buffers of its own (a plain copy of a module shares them).
template <class Module>
Module clone(const Module& module) {
  Module copy = module;
  detail::MakeOwn make_own;
  copy.visit(make_own);
  return copy;
}

/// Makes a module one of float32 or float64: parameters become new leaves, and buffers new tensors, of that dtype
/// (integer buffers stay). To be done before an optimiser or another copy holds on to them.
template <class Module>
void to(Module& module, DType dtype) {
  check(is_floating(dtype), "to", "parameters must be float32 or float64, got ", dtype);
  detail::Convert convert(dtype);
  module.visit(convert);
}

/// Moves a module's parameters and buffers to `device`, parameters as new leaves. To be done as the above; modules that
/// are there already stay as they are.
template <class Module>
void to(Module& module, Device device) {
  detail::Move move(device);
  module.visit(move);
}

/// Moves the parameters into one buffer, in the order of the walk, each on a 64-byte boundary, and returns that buffer
/// (1-dimensional). Calling it again returns the same buffer. All parameters must be of one dtype and device.
template <class Module>
Tensor flatten_parameters(Module& module);

namespace detail {

struct Flatten : Visitor {
  std::vector<Variable*> found;
  void on_parameter(const std::string&, Variable& p) override { found.push_back(&p); }
};
Tensor flatten(const std::vector<Variable*>& parameters);
/// The buffer that these, in their order, have been moved into; undefined if they have not.
Tensor flat_buffer(const std::vector<Tensor>& parameters);

}  // namespace detail

template <class Module>
Tensor flatten_parameters(Module& module) {
  detail::Flatten visitor;
  module.visit(visitor);
  return detail::flatten(visitor.found);
}

}  // namespace duel
