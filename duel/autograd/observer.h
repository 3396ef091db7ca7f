// Observing what runs: a thread's operations and gradient functions, one by one, for profilers, debuggers and teaching.
// While nobody observes, all it costs is a test of one thread-local pointer.
#pragma once

#include <chrono>
#include <source_location>
#include <string>

#include "duel/autograd/variable.h"

namespace duel {

/// Is told what runs on a thread where an `ObserverGuard` of it lives. It may use operations itself (those are not
/// observed), keep the variables it is shown, and throw: that ends the operation or the walk with its exception.
class Observer {
 public:
  virtual ~Observer() = default;

  /// An operation whose value has just been computed.
  struct Operation {
    const char* name;
    const Variables& inputs;
    const Variable& value;       ///< `value.node()` is null if it was not recorded
    std::source_location where;  ///< where its gradient is written
    double seconds;              ///< since the last event on this thread, or since the guard was made
    const Node* in_gradient;     ///< the operation whose gradient runs it (or adds it up); null outside of `grad`
  };
  virtual void on_operation(const Operation&) {}

  /// A gradient function that has just run.
  struct Gradient {
    const Node& node;
    const Variable& grad;     ///< what came in
    const Variables& grads;   ///< what goes out, per input; undefined: zero, or not asked for
    double seconds;           ///< all it took, without the observers' own time
    const Node* in_gradient;  ///< the one whose gradient called `grad` in its turn; null outside
  };
  virtual void on_gradient(const Gradient&) {}
};

/// Lets `observer` observe this thread for as long as the guard lives. Guards nest: all their observers are told, the
/// innermost first. Destroy them in the reverse order, on the thread that made them.
class ObserverGuard {
 public:
  explicit ObserverGuard(Observer& observer);
  ~ObserverGuard();
  ObserverGuard(const ObserverGuard&) = delete;
  ObserverGuard& operator=(const ObserverGuard&) = delete;

  Observer& observer() const { return observer_; }
  const ObserverGuard* outer() const { return outer_; }

 private:
  Observer& observer_;
  const ObserverGuard* outer_;
};

/// "duel/autograd/conv2d.cpp:64": the library's own files from its top folder on, others as the compiler was given
/// them.
std::string place_of(const std::source_location& where);

namespace detail {

extern constinit thread_local const ObserverGuard* innermost_observer;

inline bool is_observed() { return innermost_observer != nullptr; }
void observe_operation(const char* name, const Variables& inputs, const Variable& value, std::source_location where);

/// Around a step of the walk. Does nothing if nobody observes when it is made.
class ObservedGradient {
 public:
  explicit ObservedGradient(const Node& node) {
    if (is_observed()) [[unlikely]]
      begin(node);
  }
  ~ObservedGradient() {
    if (node_) [[unlikely]]
      end();
  }
  ObservedGradient(const ObservedGradient&) = delete;
  ObservedGradient& operator=(const ObservedGradient&) = delete;
  /// After its gradient function has returned.
  void report(const Variable& grad, const Variables& grads) const {
    if (node_) [[unlikely]]
      tell(grad, grads);
  }

 private:
  using Clock = std::chrono::steady_clock;
  void begin(const Node& node);
  void tell(const Variable& grad, const Variables& grads) const;
  void end();

  const Node* node_ = nullptr;
  const Node* outer_ = nullptr;
  Clock::time_point start_;
  Clock::duration observing_before_;
};

}  // namespace detail
}  // namespace duel
