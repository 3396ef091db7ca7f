// Optimiser steps of many parameters in one launch, with the averages and bfloat16 copies that follow them; the
// formulas are those of PyTorch. An element costs the memory it is read from and written to once, whatever the number
// of parameters.
#include <cmath>
#include <cstring>

#include "duel/cuda/kernels.h"
#include "duel/cuda/strided.cuh"
#include "duel/tensor/functors.h"

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
  const T* grad[kMostParameters];  // this and what is below: null where there is none
  T* state[kStates][kMostParameters];
  T* average[kMostParameters];
  bfloat16* cast[kMostParameters];
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

// What one parameter's elements are found by, at one of them.
template <class T>
struct Place {
  T* param;
  const T* grad;
  T *first, *second, *average;
  bfloat16* cast;

  __device__ Place at(std::int64_t i) const {
    const auto moved = [i](auto* p) { return p ? p + i : p; };
    return {param + i, moved(grad), moved(first), moved(second), moved(average), moved(cast)};
  }
  __device__ bool is_aligned() const {
    const auto places = reinterpret_cast<std::uintptr_t>(param) | reinterpret_cast<std::uintptr_t>(grad) |
                        reinterpret_cast<std::uintptr_t>(first) | reinterpret_cast<std::uintptr_t>(second) |
                        reinterpret_cast<std::uintptr_t>(average) | reinterpret_cast<std::uintptr_t>(cast);
    return places % sizeof(Pack<T, kPack<T>>) == 0;
  }
};

// V elements of a parameter, and what follows them. `share`: of a parameter in its average.
template <int V, class T, class Update>
__device__ inline void update_elements(const Update& update, T share, const Place<T>& at) {
  using P = Pack<T, V>;
  P p = *reinterpret_cast<P*>(at.param);
  if (at.grad) {
    const P g = *reinterpret_cast<const P*>(at.grad);
    P s{}, t{};
    if (at.first) s = *reinterpret_cast<P*>(at.first);
    if (at.second) t = *reinterpret_cast<P*>(at.second);
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) update(p.v[j], g.v[j], s.v[j], t.v[j], at.first != nullptr);
    *reinterpret_cast<P*>(at.param) = p;
    if (at.first) *reinterpret_cast<P*>(at.first) = s;
    if (at.second) *reinterpret_cast<P*>(at.second) = t;
  }
  if (at.average) {
    P a = p;
    if (share != 1) {
      a = *reinterpret_cast<P*>(at.average);
      DUEL_UNROLL
      for (int j = 0; j < V; ++j) a.v[j] = functors::lerp::apply(a.v[j], p.v[j], share, T(0));
    }
    *reinterpret_cast<P*>(at.average) = a;
  }
  if (at.cast) {
    Pack<bfloat16, V> rounded;
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) rounded.v[j] = bfloat16(static_cast<float>(p.v[j]));
    *reinterpret_cast<Pack<bfloat16, V>*>(at.cast) = rounded;
  }
}

template <template <class> class Update, class T, class Step>
__global__ void __launch_bounds__(kThreads) update_kernel(Group<T> group, Control<Step> control) {
  if (!control.is_good()) return;
  const int parameter = group.parameter_of(blockIdx.x);
  __shared__ Update<T> shared;
  __shared__ T shared_share;
  if (threadIdx.x == 0) {
    const Step step = control.step_of(parameter);
    shared = Update<T>::of(step);
    shared_share = static_cast<T>(step.average_share);
  }
  __syncthreads();
  const Update<T> update = shared;
  const T share = shared_share;
  const Place<T> place{group.param[parameter],    group.grad[parameter],    group.state[0][parameter],
                       group.state[1][parameter], group.average[parameter], group.cast[parameter]};
  const std::int64_t begin = std::int64_t{blockIdx.x - group.first_block[parameter]} * kBlockElements;
  const std::int64_t end =
      begin + kBlockElements < group.numel[parameter] ? begin + kBlockElements : group.numel[parameter];
  constexpr int V = kPack<T>;
  const std::int64_t whole = place.is_aligned() ? end - (end - begin) % V : begin;
  for (std::int64_t i = begin + V * static_cast<std::int64_t>(threadIdx.x); i < whole; i += V * kThreads)
    update_elements<V>(update, share, place.at(i));
  for (std::int64_t i = whole + threadIdx.x; i < end; i += kThreads) update_elements<1>(update, share, place.at(i));
}

template <class T>
T* pointer(const Tensor& t) {
  return t.defined() ? t.mutable_data<T>() : nullptr;
}

template <class T>
Group<T> group_of(std::span<const ParameterTensors> parameters) {
  Group<T> group{};
  std::int64_t blocks = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const ParameterTensors& t = parameters[i];
    group.param[i] = t.param.mutable_data<T>();
    group.grad[i] = t.grad.defined() ? t.grad.data<T>() : nullptr;
    for (std::size_t s = 0; s < kStates; ++s) group.state[s][i] = pointer<T>(t.state[s]);
    group.average[i] = pointer<T>(t.average);
    group.cast[i] = pointer<bfloat16>(t.cast);
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
