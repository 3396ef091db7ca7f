#include "duel/cuda/conv2d_plans.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <optional>

#include "duel/cuda/conv2d_plan_file.h"
#include "duel/cuda/products.h"
#include "duel/cuda/runtime.h"
#include "duel/tensor/tensor.h"

namespace duel::cuda {
namespace {

class Event {
 public:
  Event() { DUEL_CUDA_CHECK(cudaEventCreate(&event_)); }
  ~Event() { static_cast<void>(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record() { DUEL_CUDA_CHECK(cudaEventRecord(event_, stream())); }
  /// Waits for it.
  double milliseconds_since(const Event& earlier) const {
    float elapsed = 0;
    DUEL_CUDA_CHECK(cudaEventSynchronize(event_));
    DUEL_CUDA_CHECK(cudaEventElapsedTime(&elapsed, earlier.event_, event_));
    return elapsed;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Of one execution: the shortest of some runs, after one that is not counted. The later ones are left out if the first
/// took more than twice `best`.
double milliseconds(const ExecutionPlan& plan, const Conv2dPointers& tensors, double best) {
  const Tensor workspace = Tensor::empty({plan.workspace_bytes()}, {DType::uint8, Device::cuda});
  Event before, after;
  const auto execute = [&] { plan.execute(tensors, workspace.mutable_data<std::uint8_t>()); };
  // Behind an execution that the device is busy with while the host asks for the others: else it is the host's time
  // that is taken.
  const auto run = [&] {
    constexpr int kExecutions = 5;
    execute();
    before.record();
    for (int i = 0; i < kExecutions; ++i) execute();
    after.record();
    return after.milliseconds_since(before) / kExecutions;
  };
  execute();  // loads its kernels
  constexpr int kRuns = 3;
  double shortest = run();
  for (int i = 1; i < kRuns && shortest < 2 * best; ++i) shortest = std::min(shortest, run());
  return shortest;
}

/// Throws what the last one threw if none can be executed: that is no want of plans.
ExecutionPlan& fastest(std::vector<ExecutionPlan>& candidates, const Conv2dPointers& tensors) {
  ExecutionPlan* winner = nullptr;
  std::exception_ptr problem;
  double best = std::numeric_limits<double>::infinity();
  for (ExecutionPlan& plan : candidates) {
    try {
      const double time = milliseconds(plan, tensors, best);
      if (time >= best) continue;
      best = time;
      winner = &plan;
    } catch (const Error&) {  // out of memory for its workspace, or not supported after all: not this one
      problem = std::current_exception();
    }
  }
  if (!winner) std::rethrow_exception(problem);
  return *winner;
}

std::atomic<std::int64_t> unplanned = 0;

/// The plans of this process.
class Plans {
 public:
  Plans() : device_(DeviceDescription::of_this_device()) {
    if (const auto folder = plan_folder()) file_.emplace(*folder / "conv2d_plans.jsonl", device_properties().name);
  }

  const ExecutionPlan* find(const Conv2dProblem& problem, const Conv2dPointers& tensors) {
    std::lock_guard lock(mutex_);
    auto known = plans_.find(problem);
    // While a step is recorded nothing can be timed: what was chosen for less aligned memory does as well.
    for (Conv2dProblem less = problem; known == plans_.end() && less.alignment > 1 && is_capturing();) {
      less.alignment /= 2;
      known = plans_.find(less);
    }
    if (known == plans_.end()) known = plans_.emplace(problem, choose(problem, tensors)).first;
    return known->second ? &*known->second : nullptr;
  }

 private:
  std::optional<ExecutionPlan> choose(const Conv2dProblem& problem, const Conv2dPointers& tensors) {
    if (file_)
      if (auto kept = file_->find(problem, device_)) return kept;
    const bool timed = file_ && !is_capturing();
    constexpr std::size_t kCandidates = 16;
    std::vector<ExecutionPlan> candidates =
        plan_convolution(problem, device_, {.plans = timed ? kCandidates : std::size_t{1}});
    if (candidates.empty()) {
      ++unplanned;
      return std::nullopt;
    }
    if (!timed) return std::move(candidates.front());
    ExecutionPlan& winner = fastest(candidates, tensors);
    file_->keep(problem, winner);
    return std::move(winner);
  }

  std::mutex mutex_;
  DeviceDescription device_;
  std::optional<Conv2dPlanFile> file_;
  std::map<Conv2dProblem, std::optional<ExecutionPlan>> plans_;
};

}  // namespace

Conv2dProblem with_padded_channels(Conv2dProblem p) {
  constexpr std::int64_t kEight = 8;
  if (p.dtype != DType::bfloat16 || p.groups() != 1) return p;
  p.x[1] = p.w[1] = std::max(p.x[1], kEight);
  p.y[1] = p.w[0] = std::max(p.y[1], kEight);
  return p;
}

std::int64_t unplanned_convolutions() { return unplanned; }

const ExecutionPlan* conv2d_plan(const Conv2dProblem& problem, const Conv2dPointers& tensors) {
  static Plans& plans = *new Plans;  // never destroyed: cuDNN may be gone before
  return plans.find(problem, tensors);
}

}  // namespace duel::cuda
