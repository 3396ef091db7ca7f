// Recorder: keeps what an observed computation did, operation by operation.
#pragma once

#include <unordered_map>

#include "duel/autograd/observer.h"

namespace duel::app {

/// Observe the making of a loss with it, call `start_backward`, and observe its `grad`.
class Recorder : public Observer {
 public:
  struct Record {
    double forward_seconds = 0, backward_seconds = 0;
    std::uint64_t recorded_by = 0;  ///< the node whose gradient function recorded it; 0 if none did
    Tensor value;                   ///< undefined if never seen
    Tensor gradient;                ///< of the loss with respect to the value; undefined if nobody asked for it
  };

  void start_backward() { backward_ = true; }
  /// By node id.
  const Record& operator[](std::uint64_t id) const;

 private:
  void on_operation(const Operation& operation) override;
  void on_gradient(const Gradient& gradient) override;

  std::unordered_map<std::uint64_t, Record> records_;
  bool backward_ = false;
};

}  // namespace duel::app
