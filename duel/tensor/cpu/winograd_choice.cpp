// Which algorithm a convolution takes: the cheapest by a model that counts multiply-adds of the micro-kernel and
// numbers that are moved. Its costs were fitted to times with AVX-512 of layers of 3 to 256 channels and 8 to 32 pixels
// a side, where it seldom misses the fastest by much.
#include <algorithm>

#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/cpu/winograd.h"
#include "duel/tensor/error.h"
#include "duel/tensor/exact_convolutions.h"

namespace duel::cpu {
namespace {

/// What an algorithm works through, in numbers: multiply-adds, and what it moves.
struct Work {
  double products = 0, in = 0, out = 0, weights = 0;
};

/// What moving a number costs, in multiply-adds.
struct Costs {
  double product, in, out, weights;
  double many_weights;  ///< in addition, of those that no cache keeps from one call to the next
};
// The direct algorithm gathers its input and packs its weights, Winograd's transform all three. Weights are often kept
// from an earlier call: here they cost half. The last factor is what Winograd's algorithms have to gain at least.
constexpr Costs kDirect{1, 13, 0, 15, 64}, kDirectWeightGrad{1, 13, 0, 0, 0};
constexpr Costs kWinograd{1.15 / 0.9, 4.2 / 0.9, 10 / 0.9, 22 / 0.9, 90 / 0.9};
constexpr Costs kWinogradWeightGrad{1.15 / 0.9, 11 / 0.9, 75 / 0.9, 14 / 0.9, 12 / 0.9};

double cost(const Work& w, const Costs& c) {
  constexpr double kKept = 1 << 20;
  return c.product * w.products + c.in * w.in + c.out * w.out + c.weights * w.weights +
         c.many_weights * std::max(0.0, w.weights - kKept);
}

/// Products of `rows` rows: fewer than so many take as long.
double products(double rows, double k, std::int64_t n) {
  constexpr double kLeastRows = 8;
  return std::max(rows, kLeastRows) * k * static_cast<double>(round_up(n, gemm_kernels<float>().lanes));
}

/// Channels as the transforms see them: what fills no packet goes through a buffer, which takes as long as two more.
double transformed(std::int64_t channels) {
  const std::int64_t lanes = gemm_kernels<float>().lanes;
  return static_cast<double>(channels % lanes == 0 ? channels : round_up(channels, lanes) + 2 * lanes);
}

/// Part of the taps along an axis that fall inside the picture.
double taps_inside(const Axis& axis, std::int64_t positions, std::int64_t size) {
  std::int64_t inside = 0;
  for (std::int64_t i = 0; i < positions; ++i)
    for (const Tap& tap : axis.taps) {
      const std::int64_t at = i * axis.step + tap.offset;
      inside += at >= 0 && at < size;
    }
  return static_cast<double>(inside) / static_cast<double>(positions * static_cast<std::int64_t>(axis.taps.size()));
}

Work direct_work(const ImplicitProduct<float>& p) {
  constexpr double kSplit = 1.15;  // the small parts that this cuts a picture into fill fewer register tiles
  Work w;
  for (const Phase& phase : p.phases) {
    const double rows = static_cast<double>(p.target.count * phase.rows * phase.columns);
    const double k = static_cast<double>(phase.window.taps() * p.source.channels);
    // Where much of a picture is border, the direct algorithm leaves out the taps beyond it.
    const double inside = taps_inside(phase.window.h, phase.rows, p.source.height) *
                          taps_inside(phase.window.w, phase.columns, p.source.width);
    const double met = inside < 0.9 ? kSplit * inside : 1;
    w.products += met * products(rows, k, p.target.channels);
    w.in += met * rows * k;
    w.weights += k * static_cast<double>(p.target.channels);
  }
  return w;
}

Work winograd_work(const ImplicitProduct<float>& p, std::int64_t m, std::int64_t r) {
  const double points = static_cast<double>((m + r - 1) * (m + r - 1));
  Work w;
  for (const Phase& phase : p.phases) {
    const double tiles = static_cast<double>(p.target.count * ceil_div(phase.rows, m) * ceil_div(phase.columns, m));
    const double parts = static_cast<double>(phase.window.h.step * phase.window.w.step);
    const double k = parts * static_cast<double>(p.source.channels);
    w.products += points * products(tiles, k, p.target.channels);
    w.in += points * tiles * parts * transformed(p.source.channels);
    w.out += points * tiles * transformed(p.target.channels);
    w.weights += points * k * static_cast<double>(p.target.channels);
  }
  return w;
}

Work direct_weight_grad_work(const Images<const float>& x, const Images<const float>& dy, const Window& window) {
  const double pixels = static_cast<double>(dy.count * dy.height * dy.width);
  const double columns = static_cast<double>(window.taps() * x.channels);
  return {products(pixels, columns, dy.channels), pixels * columns, 0, 0};
}

Work winograd_weight_grad_work(const Images<const float>& x, const Images<const float>& dy, const Window& window,
                               std::int64_t m, std::int64_t r) {
  const double points = static_cast<double>((m + r - 1) * (m + r - 1));
  const double parts = static_cast<double>(window.h.step * window.w.step);
  const double tiles = static_cast<double>(dy.count * ceil_div(dy.height, m) * ceil_div(dy.width, m));
  const double columns = parts * static_cast<double>(x.channels);
  return {points * products(tiles, columns, dy.channels), points * tiles * parts * transformed(x.channels),
          points * tiles * transformed(dy.channels), points * columns * static_cast<double>(dy.channels)};
}

/// m of the algorithm asked for, 0 if it is none of Winograd's.
std::int64_t tile_of(ConvAlgorithm algorithm) {
  switch (algorithm) {
    case ConvAlgorithm::winograd2: return 2;
    case ConvAlgorithm::winograd3: return 3;
    case ConvAlgorithm::winograd4: return 4;
    default: return 0;
  }
}

/// `r` taps, 0 if Winograd's algorithms don't apply; direct() is the direct algorithm's cost, winograd(m) theirs.
template <class DirectCost, class WinogradCost>
const WinogradKernels* choose(ConvAlgorithm algorithm, std::int64_t r, std::int64_t fewest_channels,
                              const DirectCost& direct, const WinogradCost& winograd) {
  if (const std::int64_t m = tile_of(algorithm)) {
    const WinogradKernels* k = winograd_kernels(m, r);
    check(k != nullptr, "conv2d", "Winograd's algorithm for ", m, " x ", m, " outputs is for ",
          m == 3   ? "4x4 kernels of stride 1"
          : m == 4 ? "3x3 kernels of stride 1 and 4x4 kernels of stride 2"
                   : "3x3 kernels of stride 1 and 4x4 kernels of stride 1 or 2",
          ", in float32, without groups or dilation; take the automatic choice");
    return k;
  }
  constexpr std::int64_t kLeastChannels = 8;  // else packets are too empty
  if (algorithm == ConvAlgorithm::direct || ExactConvolutions::active() || fewest_channels < kLeastChannels)
    return nullptr;
  if (!winograd_kernels(2, r)) return nullptr;
  const WinogradKernels* best = nullptr;
  double least = direct();
  for (std::int64_t m = 2; m <= 4; ++m)
    if (const WinogradKernels* k = winograd_kernels(m, r))
      if (const double c = winograd(m); c < least) {
        least = c;
        best = k;
      }
  return best;
}

/// r, or 0 if the window has no dense parts.
std::int64_t dense_taps(const Window& window) {
  const std::vector<DensePart> parts = dense_parts(window);
  return parts.empty() ? 0 : static_cast<std::int64_t>(parts.front().h.kernel.size());
}

}  // namespace

const WinogradKernels* choose_winograd(ConvAlgorithm algorithm, const ImplicitProduct<float>& p) {
  std::int64_t r = p.groups == 1 ? dense_taps(p.phases.front().window) : 0;
  for (const Phase& phase : p.phases)
    if (dense_taps(phase.window) != r) r = 0;
  return choose(
      algorithm, r, std::min(p.source.channels, p.target.channels), [&] { return cost(direct_work(p), kDirect); },
      [&](std::int64_t m) { return cost(winograd_work(p, m, r), kWinograd); });
}

const WinogradKernels* choose_winograd(ConvAlgorithm algorithm, const Images<const float>& x,
                                       const Images<const float>& dy, const Window& window, std::int64_t groups) {
  const std::int64_t r = groups == 1 && dy.count * dy.height * dy.width > 0 ? dense_taps(window) : 0;
  return choose(
      algorithm, r, std::min(x.channels, dy.channels),
      [&] { return cost(direct_weight_grad_work(x, dy, window), kDirectWeightGrad); },
      [&](std::int64_t m) { return cost(winograd_weight_grad_work(x, dy, window, m, r), kWinogradWeightGrad); });
}

}  // namespace duel::cpu
