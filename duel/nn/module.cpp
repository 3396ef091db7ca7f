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

Tensor detail::flatten(const std::vector<Variable*>& parameters) {
  check(!parameters.empty(), "flatten_parameters", "the module has no parameters");
  const Tensor& first = parameters[0]->value();
  const auto boundary = static_cast<std::int64_t>(64 / size_of(first.dtype()));
  std::vector<std::int64_t> offsets;
  std::int64_t total = 0;
  bool done = true;  // whether an earlier call has already laid them out so
  for (const Variable* p : parameters) {
    const Tensor& v = p->value();
    check(v.dtype() == first.dtype() && v.device() == first.device(), "flatten_parameters",
          "parameters of different kinds: ", first, " and ", v);
    done = done && v.storage() == first.storage() && v.offset() == total && v.is_dense();
    offsets.push_back(total);
    total += (v.numel() + boundary - 1) / boundary * boundary;
  }
  done = done && first.storage()->bytes() == static_cast<std::size_t>(total) * size_of(first.dtype());
  if (done) return Tensor(first.storage(), {total}, {1}, 0, first.dtype());

  const Tensor flat = Tensor::zeros({total}, {.dtype = first.dtype(), .device = first.device()});
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& v = parameters[i]->value();
    Tensor place(flat.storage(), v.shape(), Tensor::empty_like(v).strides(), offsets[i], v.dtype());
    backend(v.device()).copy(v, place);
    parameters[i]->set_value(place);
  }
  return flat;
}

}  // namespace duel
