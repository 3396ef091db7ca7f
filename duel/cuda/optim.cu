// Optimiser steps of many parameters in one launch; the formulas are those of PyTorch. An element costs the memory it
// is read from and written to once, whatever the number of parameters.
#include <cmath>
#include <cstring>

#include "duel/cuda/kernels.h"
#include "duel/cuda/strided.cuh"

namespace duel::cuda {
namespace {

constexpr int kStates = 2;
constexpr int kMostParameters = 64;
// Elements that a block updates: as many for each thread as keep several loads on their way.
constexpr std::int64_t kBlockElements = 16 * kThreads;

// The parameters of a launch: an argument of the kernel, of which there are at most 4 KB.
template <class T>
struct Group {
  T* param[kMostParameters];
  const T* grad[kMostParameters];
  T* state[kStates][kMostParameters];  // null where there is none
  std::int64_t numel[kMostParameters];
  std::uint32_t first_block[kMostParameters + 1];
  std::int32_t count;

  // Which parameter has this block: the last whose first block is not beyond it.
  __device__ int parameter_of(std::uint32_t block) const {
    int low = 0, high = count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (first_block[middle] <= block ? low : high) = middle;
    }
    return low;
  }
};

// Where a kernel finds what it depends on: the step by value, or float64 [parameters, members] from that of the group's
// first one on; the loss that must be finite.
template <class Step>
struct Control {
  Step step;
  const double* steps;
  const float* loss32;
  const double* loss64;

  __device__ bool is_good() const { return (!loss32 || std::isfinite(*loss32)) && (!loss64 || std::isfinite(*loss64)); }
  __device__ Step step_of(int parameter) const {
    if (!steps) return step;
    constexpr int kMembers = sizeof(Step) / sizeof(double);
    double members[kMembers];
    DUEL_UNROLL
    for (int i = 0; i < kMembers; ++i) members[i] = steps[parameter * kMembers + i];
    Step read = step;
    std::memcpy(static_cast<void*>(&read), members, sizeof read);
    return read;
  }
};

// An update's constants come from the step in float64 and are rounded once, as on the CPU. One thread makes them for
// its block: many GPUs divide doubles slowly.
template <class T>
struct Adam {
  T keep, weight_decay, beta1, share1, beta2, share2, eps, inverse_root_correction2, rate;

  static __device__ Adam of(const AdamStep& s) {
    return {.keep = static_cast<T>(1 - s.rate * s.decoupled_decay),
            .weight_decay = static_cast<T>(s.weight_decay),
            .beta1 = static_cast<T>(s.beta1),
            .share1 = static_cast<T>(1 - s.beta1),
            .beta2 = static_cast<T>(s.beta2),
            .share2 = static_cast<T>(1 - s.beta2),
            .eps = static_cast<T>(s.eps),
            .inverse_root_correction2 = static_cast<T>(1 / std::sqrt(s.correction2)),
            .rate = static_cast<T>(s.rate / s.correction1)};
  }
  __device__ void operator()(T& param, T grad, T& exp_avg, T& exp_avg_sq, bool) const {
    const T p = keep * param, g = grad + weight_decay * p;
    exp_avg = beta1 * exp_avg + share1 * g;
    exp_avg_sq = beta2 * exp_avg_sq + share2 * g * g;
    param = p - rate * exp_avg / (std::sqrt(exp_avg_sq) * inverse_root_correction2 + eps);
  }
};

template <class T>
struct Sgd {
  T rate, momentum, share, weight_decay;

  static __device__ Sgd of(const SgdStep& s) {
    return {.rate = static_cast<T>(s.rate),
            .momentum = static_cast<T>(s.momentum),
            .share = static_cast<T>(s.gradient_share),
            .weight_decay = static_cast<T>(s.weight_decay)};
  }
  __device__ void operator()(T& param, T grad, T& velocity, T&, bool has_velocity) const {
    const T g = grad + weight_decay * param;
    velocity = momentum * velocity + share * g;
    param -= rate * (has_velocity ? velocity : g);
  }
};

template <class T>
struct RmsProp {
  T rate, alpha, share, eps, weight_decay;

  static __device__ RmsProp of(const RmsPropStep& s) {
    return {.rate = static_cast<T>(s.rate),
            .alpha = static_cast<T>(s.alpha),
            .share = static_cast<T>(1 - s.alpha),
            .eps = static_cast<T>(s.eps),
            .weight_decay = static_cast<T>(s.weight_decay)};
  }
  __device__ void operator()(T& param, T grad, T& square_avg, T&, bool) const {
    const T g = grad + weight_decay * param;
    square_avg = alpha * square_avg + share * g * g;
    param -= rate * g / (std::sqrt(square_avg) + eps);
  }
};

// V elements from i on of a parameter.
template <int V, class T, class Update>
__device__ inline void update_elements(const Update& update, T* param, const T* grad, T* first, T* second) {
  using P = Pack<T, V>;
  P p = *reinterpret_cast<P*>(param), s{}, t{};
  const P g = *reinterpret_cast<const P*>(grad);
  if (first) s = *reinterpret_cast<P*>(first);
  if (second) t = *reinterpret_cast<P*>(second);
  DUEL_UNROLL
  for (int j = 0; j < V; ++j) update(p.v[j], g.v[j], s.v[j], t.v[j], first != nullptr);
  *reinterpret_cast<P*>(param) = p;
  if (first) *reinterpret_cast<P*>(first) = s;
  if (second) *reinterpret_cast<P*>(second) = t;
}

template <template <class> class Update, class T, class Step>
__global__ void __launch_bounds__(kThreads) update_kernel(Group<T> group, Control<Step> control) {
  if (!control.is_good()) return;
  const int parameter = group.parameter_of(blockIdx.x);
  __shared__ Update<T> shared;
  if (threadIdx.x == 0) shared = Update<T>::of(control.step_of(parameter));
  __syncthreads();
  const Update<T> update = shared;
  T* const param = group.param[parameter];
  const T* const grad = group.grad[parameter];
  T *const first = group.state[0][parameter], *const second = group.state[1][parameter];
  const auto at = [](T* state, std::int64_t i) { return state ? state + i : nullptr; };
  const std::int64_t begin = std::int64_t{blockIdx.x - group.first_block[parameter]} * kBlockElements;
  const std::int64_t end =
      begin + kBlockElements < group.numel[parameter] ? begin + kBlockElements : group.numel[parameter];
  constexpr int V = kPack<T>;
  const auto places = reinterpret_cast<std::uintptr_t>(param) | reinterpret_cast<std::uintptr_t>(grad) |
                      reinterpret_cast<std::uintptr_t>(first) | reinterpret_cast<std::uintptr_t>(second);
  const std::int64_t whole = places % sizeof(Pack<T, V>) == 0 ? end - (end - begin) % V : begin;
  for (std::int64_t i = begin + V * static_cast<std::int64_t>(threadIdx.x); i < whole; i += V * kThreads)
    update_elements<V>(update, param + i, grad + i, at(first, i), at(second, i));
  for (std::int64_t i = whole + threadIdx.x; i < end; i += kThreads)
    update_elements<1>(update, param + i, grad + i, at(first, i), at(second, i));
}

template <class T>
Group<T> group_of(std::span<const ParameterTensors> parameters) {
  Group<T> group{};
  std::int64_t blocks = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const ParameterTensors& t = parameters[i];
    group.param[i] = t.param.mutable_data<T>();
    group.grad[i] = t.grad.data<T>();
    for (std::size_t s = 0; s < kStates; ++s)
      group.state[s][i] = t.state[s].defined() ? t.state[s].mutable_data<T>() : nullptr;
    group.numel[i] = t.param.numel();
    group.first_block[i] = static_cast<std::uint32_t>(blocks);
    blocks += ceil_div(t.param.numel(), kBlockElements);
  }
  group.count = static_cast<std::int32_t>(parameters.size());
  group.first_block[parameters.size()] = static_cast<std::uint32_t>(blocks);
  return group;
}

// How many parameters from the first on one launch takes: by value it has one step for all.
template <class Step>
std::size_t group_size(std::span<const Step> steps, std::size_t most, bool by_value) {
  constexpr auto is_same = [](const Step& a, const Step& b) {
    return std::memcmp(static_cast<const void*>(&a), static_cast<const void*>(&b), sizeof a) == 0;
  };
  most = std::min<std::size_t>(most, kMostParameters);
  std::size_t n = 1;
  while (n < most && (!by_value || is_same(steps[n], steps[0]))) ++n;
  return n;
}

template <template <class> class Update, class Step>
void update(const char* operation, std::span<const ParameterTensors> parameters, std::span<const Step> steps,
            const UpdateControl& control) {
  if (parameters.empty()) return;
  constexpr std::size_t kMembers = sizeof(Step) / sizeof(double);
  Control<Step> c{};
  if (control.loss.defined()) {
    if (control.loss.dtype() == DType::float32)
      c.loss32 = control.loss.data<float>();
    else
      c.loss64 = control.loss.data<double>();
  }
  dispatch_floating(operation, parameters[0].param.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    static_assert(sizeof(Group<T>) + sizeof(Control<Step>) <= 4096, "a kernel's arguments");
    const bool by_value = !control.steps.defined();
    for (std::size_t first = 0, n = 0; first < parameters.size(); first += n) {
      if (by_value)
        c.step = steps[first];
      else
        c.steps = control.steps.data<double>() + first * kMembers;
      n = group_size(by_value ? steps.subspan(first) : steps, parameters.size() - first, by_value);
      const auto group = group_of<T>(parameters.subspan(first, n));
      if (group.first_block[n] > 0)
        DUEL_LAUNCH((update_kernel<Update, T, Step>), group.first_block[n], kThreads, 0, group, c);
    }
  });
}

}  // namespace

void adam(std::span<const ParameterTensors> parameters, std::span<const AdamStep> steps, const UpdateControl& control) {
  update<Adam>("adam", parameters, steps, control);
}

void sgd(std::span<const ParameterTensors> parameters, std::span<const SgdStep> steps, const UpdateControl& control) {
  update<Sgd>("sgd", parameters, steps, control);
}

void rmsprop(std::span<const ParameterTensors> parameters, std::span<const RmsPropStep> steps,
             const UpdateControl& control) {
  update<RmsProp>("rmsprop", parameters, steps, control);
}

}  // namespace duel::cuda
