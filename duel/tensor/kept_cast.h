// A parameter's copy in bfloat16, kept beside it: an optimiser writes it in the pass that updates the parameter, and no
// pass through the network has to round the weights again.
#pragma once

#include "duel/tensor/tensor.h"

namespace duel {

/// The copy of `t` that is kept, of its shape and strides; undefined if there is none, or if t's storage was written
/// since. Notes, until that is written, that a copy was wanted.
Tensor kept_cast(const Tensor& t);
/// Whether `kept_cast` was asked for `t`.
bool wants_cast(const Tensor& t);
/// Keeps `copy`, bfloat16 and what `t` is when rounded, until t's storage is written.
void keep_cast(const Tensor& t, const Tensor& copy);
/// Whether `copy` is what `kept_cast` gives.
bool keeps_cast(const Tensor& t, const Tensor& copy);

}  // namespace duel
