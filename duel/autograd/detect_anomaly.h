// DetectAnomaly: finds the operation that made the first NaN or infinity (PyTorch's autograd.detect_anomaly).
#pragma once

#include "duel/autograd/observer.h"

namespace duel {

/// Whether no element is NaN or infinite, as none of an integer type can be.
bool all_finite(const Tensor& tensor);

/// While it lives, the first operation on this thread to give a NaN or an infinity, be it recorded or computed on
/// constants, inside a gradient or not, and the first gradient function to give one, throws Error. The message says
///  - the operation's name, the output's shape, and how many elements are NaN or infinite, of it and of each input (an
///    input that is not finite tells that the trouble came from outside, in data or parameters);
///  - in the backward pass, whose gradient it was;
///  - the file and line where that gradient is written;
///  - the calls that led to the operation (see `describe_call_stack`), for a gradient those of the forward pass, if it
///    was recorded under the guard.
///
///   {
///     const DetectAnomaly detect;
///     Variable loss = ...;
///     grads = grad(std::move(loss), xs);
///   }
///
/// Every value is read once more and every recording keeps its call stack: a step takes up to twice as long. Without a
/// guard nothing is slower.
class DetectAnomaly : Observer {
 public:
  DetectAnomaly() = default;

 private:
  void on_operation(const Operation& operation) override;
  void on_gradient(const Gradient& gradient) override;

  ObserverGuard guard_{*this};
};

}  // namespace duel
