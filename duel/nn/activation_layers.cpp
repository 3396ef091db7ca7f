#include "duel/nn/activation_layers.h"

namespace duel {
namespace {

Rng& needed_rng(const char* name, const Pass& pass) {
  check(pass.rng != nullptr, name, "training needs a random stream: pass {.rng = &rng}");
  return *pass.rng;
}

}  // namespace

Variable Dropout::operator()(const Variable& x, const Pass& pass) const {
  return pass.mode == Mode::train ? dropout(x, p, needed_rng("Dropout", pass)) : x;
}

Variable Dropout2d::operator()(const Variable& x, const Pass& pass) const {
  return pass.mode == Mode::train ? dropout2d(x, p, needed_rng("Dropout2d", pass)) : x;
}

Variable Unflatten::operator()(const Variable& x) const {
  Shape full{x.size(0)};
  for (std::int64_t s : shape) full.push_back(s);
  return reshape(x, full);
}

}  // namespace duel
