// Which plan each convolution is computed by: the fastest of cuDNN's candidates, found by trying them once.
#pragma once

#include "duel/cuda/cudnn_graph.h"

namespace duel::cuda {

/// The problem that is computed in place of `problem`: tensor cores take bfloat16 in eights of channels, so that fewer
/// (pictures in grey or colour, judgements) become eight, the added ones being 0.
Conv2dProblem with_padded_channels(Conv2dProblem problem);

/// The plan for `problem` on this device; null where cuDNN has none. It stays. When it is first asked for, candidates
/// are run on `tensors` and timed (what they are to write is overwritten) and the fastest is kept in a file in
/// `plan_folder()`, unless one is there already. While work is being recorded, and where there is no such folder, it is
/// cuDNN's own first choice.
const ExecutionPlan* conv2d_plan(const Conv2dProblem& problem, const Conv2dPointers& tensors);

}  // namespace duel::cuda
