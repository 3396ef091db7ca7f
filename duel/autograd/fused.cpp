#include "duel/autograd/fused.h"

#include <utility>

#include "duel/autograd/grad.h"

namespace duel {
namespace {

// The same value under a node of its own. The composite is entered through these, so that its gradient stops at the
// operation's inputs: without them an input that depends on another would have that path counted twice.
Variable alias(const Variable& x) {
  if (!x.defined()) return x;
  return record("alias", {x}, x.value(), [](const Backward& b) -> Variables { return {b.grad}; });
}

Variables composite_gradient(const Composite& composite, const std::vector<Saved>& saved, const Backward& b) {
  Variables inputs, wanted, grads(saved.size());
  for (const Saved& s : saved) inputs.push_back(alias(s.get()));
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (b.needs(static_cast<int>(i))) {
      wanted.push_back(inputs[i]);
      places.push_back(i);
    }
  const Variables found = grad(composite(inputs), wanted, {.create_graph = true, .grad_output = b.grad});
  for (std::size_t i = 0; i < found.size(); ++i) grads[places[i]] = found[i];
  return grads;
}

}  // namespace

Variable record_fused(const char* name, const Variables& inputs, Tensor value, GradFunction gradient,
                      Composite composite, Keep keep, std::source_location where) {
  return record(
      name, inputs, std::move(value),
      [saved = std::vector<Saved>(inputs.begin(), inputs.end()), gradient = std::move(gradient),
       composite = std::move(composite)](const Backward& b) {
        return is_recording() ? composite_gradient(composite, saved, b) : gradient(b);
      },
      keep, Order::any, where);
}

}  // namespace duel
