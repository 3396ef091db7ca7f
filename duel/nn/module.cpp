#include "duel/nn/module.h"

#include "duel/tensor/backend.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

std::vector<std::string> names_of(const StateDict& state) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) names.push_back(name);
  return names;
}

}  // namespace

void check_state(const StateDict& own, const StateDict& given, const char* what) {
  constexpr int kMostLines = 24;
  std::string table;
  int lines = 0;
  const auto add = [&](const auto&... words) {
    if (++lines <= kMostLines) table += cat(words...);
  };
  for (const auto& [name, tensor] : own) {
    const auto found = given.find(name);
    if (found == given.end())
      add("\n  missing     ", name, " ", tensor, lines < kMostLines ? nearest(name, names_of(given)) : "");
    else if (found->second.shape() != tensor.shape() || found->second.dtype() != tensor.dtype())
      add("\n  different   ", name, " is ", found->second, ", needs ", tensor);
  }
  for (const auto& [name, tensor] : given)
    if (!own.contains(name))
      add("\n  unexpected  ", name, " ", tensor, lines < kMostLines ? nearest(name, names_of(own)) : "");
  if (lines > kMostLines) table += cat("\n  and ", lines - kMostLines, " more");
  check(table.empty(), "load_state_dict", what, " does not fit this module; nothing was loaded:", table);
}

void load_state(const StateDict& own, const StateDict& given, const char* what) {
  check_state(own, given, what);
  for (const auto& [name, tensor] : own) Tensor(tensor).copy_(given.at(name));
}

namespace {

// Where parameters lie in one buffer, each on a 64-byte boundary.
struct FlatLayout {
  std::vector<std::int64_t> offsets;
  std::int64_t total = 0;
};

FlatLayout flat_layout(const std::vector<Tensor>& parameters) {
  const auto boundary = static_cast<std::int64_t>(64 / size_of(parameters[0].dtype()));
  FlatLayout layout;
  for (const Tensor& v : parameters) {
    layout.offsets.push_back(layout.total);
    layout.total += (v.numel() + boundary - 1) / boundary * boundary;
  }
  return layout;
}

}  // namespace

Tensor detail::flat_buffer(const std::vector<Tensor>& parameters) {
  if (parameters.empty()) return {};
  const Tensor& first = parameters[0];
  const FlatLayout layout = flat_layout(parameters);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& v = parameters[i];
    if (v.storage() != first.storage() || v.dtype() != first.dtype() || v.offset() != layout.offsets[i] ||
        !v.is_dense())
      return {};
  }
  if (first.storage()->bytes() != static_cast<std::size_t>(layout.total) * size_of(first.dtype())) return {};
  return Tensor(first.storage(), {layout.total}, {1}, 0, first.dtype());
}

Tensor detail::flatten(const std::vector<Variable*>& parameters) {
  check(!parameters.empty(), "flatten_parameters", "the module has no parameters");
  std::vector<Tensor> values;
  for (const Variable* p : parameters) values.push_back(p->value());
  const Tensor& first = values[0];
  for (const Tensor& v : values)
    check(v.dtype() == first.dtype() && v.device() == first.device(), "flatten_parameters",
          "parameters of different kinds: ", first, " and ", v);
  if (Tensor done = flat_buffer(values); done.defined()) return done;

  const FlatLayout layout = flat_layout(values);
  const Tensor flat = Tensor::zeros({layout.total}, {.dtype = first.dtype(), .device = first.device()});
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& v = values[i];
    Tensor place(flat.storage(), v.shape(), Tensor::empty_like(v).strides(), layout.offsets[i], v.dtype());
    backend(v.device()).copy(v, place);
    parameters[i]->set_value(place);
  }
  return flat;
}

}  // namespace duel
