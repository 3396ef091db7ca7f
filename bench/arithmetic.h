// What a step computes, and how long each kind of layer takes: told by an observer of its operations.
#pragma once

#include <map>
#include <string>

#include "duel/autograd/observer.h"

namespace duel::bench {

/// Calls of one operation on tensors of the same shapes.
struct LayerTime {
  std::int64_t calls = 0;
  double seconds = 0, gflop = 0;  ///< of all calls; arithmetic by the direct algorithm
};

/// Counts while an ObserverGuard of it lives.
class LayerObserver : public Observer {
 public:
  void on_operation(const Operation& op) override;

  double gflop() const;
  /// By name and shapes of inputs.
  const std::map<std::string, LayerTime>& layers() const { return layers_; }

 private:
  std::map<std::string, LayerTime> layers_;
};

}  // namespace duel::bench
