#include "duel/tensor/cpu/conv2d_packed.h"

#include <algorithm>

#include "duel/tensor/cpu/conv2d_thin.h"
#include "duel/tensor/cpu/conv2d_weights.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {

template <class T>
bool streams_weights(const ImplicitProduct<T>& p) {
  constexpr std::int64_t kMany = 1 << 18;  // more than a cache keeps from one call to the next
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  if (p.groups > 1 || p.target_channels() <= kernels.lanes / 2) return false;
  std::int64_t weights = 0;
  for (const Phase& phase : p.phases) {
    if (p.target.count * phase.rows * phase.columns > 8 * kernels.rows) return false;
    weights += phase.window.taps() * p.source_channels() * p.target_channels();
  }
  return weights >= kMany;
}

template <class T>
PackedWeights<T>::PackedWeights(const GemmKernels<T>& kernels, const ImplicitProduct<T>& p)
    : kernels_(kernels),
      product_(p),
      narrow_(!thin_source(p) && p.target_channels() <= kernels.lanes / 2),
      streamed_(!thin_source(p) && streams_weights(p)),
      padded_n_(narrow_ ? p.target_channels() : round_up(p.target_channels(), kernels.columns)) {
  std::int64_t begin = 0;
  for (const Phase& phase : p.phases) {
    k_.push_back(phase.window.taps() * p.source_channels());
    begin_.push_back(begin);
    begin += k_.back() * padded_n_ * p.groups;
  }
  if (streamed_) return;
  data_ = derived_weights<T>(*p.weights.tensor, weights_key(p, 0), begin, [&](T* data) { pack(kernels, p, data); });
}

template <class T>
void PackedWeights<T>::pack(const GemmKernels<T>& kernels, const ImplicitProduct<T>& p, T* data) const {
  const std::int64_t parts = narrow_ ? 1 : padded_n_ / kernels.columns;
  const std::int64_t phases = static_cast<std::int64_t>(p.phases.size());
  parallel_for(phases * p.groups * parts, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) {
      const std::size_t phase = static_cast<std::size_t>(t / parts / p.groups);
      const std::int64_t group = t / parts % p.groups;
      if (narrow_)
        pack_rows(p, phase, group, data);
      else
        pack_panels(kernels, p, phase, group, t % parts * kernels.columns, data);
    }
  });
}

template <class T>
void PackedWeights<T>::pack_panels(const GemmKernels<T>& kernels, const ImplicitProduct<T>& p, std::size_t phase,
                                   std::int64_t group, std::int64_t n0, T* data) const {
  const Weights<T>& w = p.weights;
  const std::int64_t k = p.source_channels(), n = std::min(kernels.columns, p.target_channels() - n0);
  T* out = data + offset(phase, group) + n0 * k_[phase];
  for (const Tap& h : p.phases[phase].window.h.taps)
    for (const Tap& v : p.phases[phase].window.w.taps) {
      kernels.pack({k, n, w.at(group, h, v) + n0 * w.n, w.k, w.n, kernels.columns, out, 0});
      out += k * kernels.columns;
    }
}

template <class T>
void PackedWeights<T>::pack_rows(const ImplicitProduct<T>& p, std::size_t phase, std::int64_t group, T* data) const {
  const Weights<T>& w = p.weights;
  T* out = data + offset(phase, group);
  for (std::int64_t n = 0; n < p.target_channels(); ++n)
    for (const Tap& h : p.phases[phase].window.h.taps)
      for (const Tap& v : p.phases[phase].window.w.taps) {
        const T* source = w.at(group, h, v) + n * w.n;
        for (std::int64_t k = 0; k < p.source_channels(); ++k) *out++ = source[k * w.k];
      }
}

template <class T>
WeightPanels<T> PackedWeights<T>::panels(std::size_t phase, std::int64_t group, Span k, std::int64_t n0, std::int64_t n,
                                         T* scratch) const {
  const std::int64_t columns = kernels_.columns, k_all = k_[phase];
  if (!streamed_) return {at(phase, group) + n0 * k_all + k.begin * columns, k_all * columns, columns};
  const Weights<T>& w = product_.weights;
  const Window& window = product_.phases[phase].window;
  const std::int64_t channels = product_.source_channels(), across = static_cast<std::int64_t>(window.w.taps.size());
  const std::int64_t panel = (k.end - k.begin) * columns;
  for (std::int64_t i = k.begin; i < k.end;) {  // tap by tap
    const std::int64_t tap = i / channels, end = std::min((tap + 1) * channels, k.end);
    const T* from = w.at(group, window.h.taps[static_cast<std::size_t>(tap / across)],
                         window.w.taps[static_cast<std::size_t>(tap % across)]) +
                    i % channels * w.k + n0 * w.n;
    kernels_.pack({end - i, n, from, w.k, w.n, columns, scratch + (i - k.begin) * columns, panel});
    i = end;
  }
  return {scratch, panel, columns};
}

template bool streams_weights(const ImplicitProduct<float>&);
template bool streams_weights(const ImplicitProduct<double>&);
template class PackedWeights<float>;
template class PackedWeights<double>;

}  // namespace duel::cpu
