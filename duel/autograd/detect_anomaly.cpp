#include "duel/autograd/detect_anomaly.h"

#include <algorithm>
#include <cmath>

#include "duel/autograd/call_stack.h"

namespace duel {
namespace {

struct Anomalies {
  std::int64_t nans = 0, infinities = 0;
  bool any() const { return nans + infinities > 0; }
};

Anomalies count_anomalies(const Variable& v) {
  Anomalies found;
  if (!v.defined() || !is_floating(v.dtype()) || v.numel() == 0) return found;
  Tensor on_cpu = v.value().to(Device::cpu);
  if (on_cpu.dtype() == DType::bfloat16) on_cpu = on_cpu.to(DType::float32);
  const Tensor dense = on_cpu.is_dense() ? on_cpu : on_cpu.clone();
  dispatch_floating("detect_anomaly", dense.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *begin = dense.data<T>(), *end = begin + dense.numel();
    T zero = 0;  // stays 0 as long as all are finite; a loop without branches
    for (const T* x = begin; x != end; ++x) zero += *x * T(0);
    if (zero == 0) return;
    found.nans = std::count_if(begin, end, [](T x) { return std::isnan(x); });
    found.infinities = std::count_if(begin, end, [](T x) { return std::isinf(x); });
  });
  return found;
}

// "float32[2, 3]: 1 NaN and 2 infinite of 6 elements"
std::string describe(const Variable& v) {
  if (!v.defined()) return "none";
  const Anomalies a = count_anomalies(v);
  if (!a.any()) return cat(v.value(), ": all finite");
  return cat(v.value(), ": ", a.nans, " NaN and ", a.infinities, " infinite of ", v.numel(), " elements");
}

std::string titled(const char* title, const std::string& calls) { return calls.empty() ? "" : cat(title, calls); }

// The operation whose gradient was running.
std::string describe_gradient_of(const Node& node) {
  return cat("\n  in the gradient of '", node.name(), "' ", node.dtype(), node.shape(), ", written at ",
             place_of(node.where()), titled("\n  which was recorded by\n", describe_call_stack(node.call_stack())));
}

std::string without_last_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

bool all_finite(const Tensor& tensor) { return !count_anomalies(tensor).any(); }

void DetectAnomaly::on_operation(const Operation& o) {
  if (!count_anomalies(o.value).any()) {
    if (const auto& node = o.value.node()) node->set_call_stack(call_stack());
    return;
  }
  std::string text = cat("'", o.name, "' gave ", describe(o.value));
  for (std::size_t i = 0; i < o.inputs.size(); ++i) text += cat("\n  input ", i, "  ", describe(o.inputs[i]));
  text += cat("\n  its gradient is written at ", place_of(o.where));
  if (o.in_gradient)
    text += describe_gradient_of(*o.in_gradient);
  else
    text += titled("\n  called by\n", describe_call_stack(call_stack()));
  fail("detect_anomaly", without_last_newline(std::move(text)));
}

void DetectAnomaly::on_gradient(const Gradient& g) {
  for (std::size_t i = 0; i < g.grads.size(); ++i) {
    if (!count_anomalies(g.grads[i]).any()) continue;
    fail("detect_anomaly", without_last_newline(cat("the gradient of '", g.node.name(), "' for its input ", i, " is ",
                                                    describe(g.grads[i]), "\n  the gradient that came in  ",
                                                    describe(g.grad), describe_gradient_of(g.node))));
  }
}

}  // namespace duel
