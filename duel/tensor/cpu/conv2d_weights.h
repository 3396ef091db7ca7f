// Weights rearranged for a product and kept with the tensor they come from until that is written.
#pragma once

#include <memory>
#include <utility>

#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/tensor.h"

namespace duel::cpu {

/// What `fill(T* out)` makes of the contents of `w`, `count` numbers: from the last call with the same key, if nobody
/// has written to w's storage since.
template <class T, class Fill>
std::shared_ptr<const Scratch<T>> derived_weights(const Tensor& w, DerivedCache::Key key, std::int64_t count,
                                                  const Fill& fill) {
  DerivedCache& cache = w.storage()->derived();
  key.push_back(w.offset());
  key.push_back(static_cast<std::int64_t>(w.dtype()));
  if (DerivedCache::Value value = cache.find(key)) return std::static_pointer_cast<const Scratch<T>>(value);
  auto made = std::make_shared<Scratch<T>>(count);
  fill(made->data());
  cache.keep(std::move(key), made, static_cast<std::size_t>(count) * sizeof(T));
  return made;
}

}  // namespace duel::cpu
