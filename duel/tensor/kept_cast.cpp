#include "duel/tensor/kept_cast.h"

namespace duel {
namespace {

// Others that derive values begin their keys with numbers that are not negative.
enum Kind : std::int64_t { kCast = -1, kWish = -2 };

DerivedCache::Key key_of(Kind kind, const Tensor& t) {
  DerivedCache::Key key{kind, t.offset(), static_cast<std::int64_t>(t.dtype())};
  for (int d = 0; d < t.dim(); ++d) {
    key.push_back(t.size(d));
    key.push_back(t.strides()[d]);
  }
  return key;
}

}  // namespace

Tensor kept_cast(const Tensor& t) {
  DerivedCache& derived = t.storage()->derived();
  if (const auto kept = derived.find(key_of(kCast, t))) return *static_cast<const Tensor*>(kept.get());
  derived.keep(key_of(kWish, t), std::make_shared<const bool>(true), 0);
  return {};
}

bool wants_cast(const Tensor& t) { return t.storage()->derived().find(key_of(kWish, t)) != nullptr; }

void keep_cast(const Tensor& t, const Tensor& copy) {
  check(copy.dtype() == DType::bfloat16 && copy.shape() == t.shape() && copy.strides() == t.strides() &&
            copy.device() == t.device(),
        "keep_cast", "needs a bfloat16 copy of ", t, ", got ", copy);
  t.storage()->derived().keep(key_of(kCast, t), std::make_shared<const Tensor>(copy), copy.storage()->bytes());
}

bool keeps_cast(const Tensor& t, const Tensor& copy) {
  const auto kept = t.storage()->derived().find(key_of(kCast, t));
  return kept && static_cast<const Tensor*>(kept.get())->storage() == copy.storage();
}

}  // namespace duel
