// Convolution and its input gradient as implicit matrix products: pixels x (taps x channels) gathered block by block,
// times the weights packed once. The input gradient falls into sub-pixel phases, each a small convolution of stride 1
// with its own taps, so it neither multiplies by zeros nor scatters.
#include "duel/tensor/cpu/conv2d.h"

#include <algorithm>
#include <vector>

#include "duel/tensor/cpu/conv2d_gather.h"
#include "duel/tensor/cpu/conv2d_grouped.h"
#include "duel/tensor/cpu/conv2d_overlap.h"
#include "duel/tensor/cpu/conv2d_packed.h"
#include "duel/tensor/cpu/conv2d_product.h"
#include "duel/tensor/cpu/conv2d_thin.h"
#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/cpu/winograd.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

/// Part of a phase whose pixels meet the taps of `blocks` and, but for zeros, no others.
struct Region {
  std::size_t phase;
  PixelGrid grid;
  std::vector<Span> blocks;  // ranges of k, at most kBlockK each
};

/// Positions along an axis that have the same taps inside the picture.
struct AxisSpan {
  Span positions, taps;
};

std::vector<AxisSpan> axis_spans(const Axis& axis, std::int64_t positions, std::int64_t size) {
  const std::int64_t count = static_cast<std::int64_t>(axis.taps.size());
  std::vector<AxisSpan> spans;
  for (std::int64_t i = 0; i < positions; ++i) {
    Span taps{0, count};
    const auto at = [&](std::int64_t t) { return i * axis.step + axis.taps[static_cast<std::size_t>(t)].offset; };
    while (taps.begin < taps.end && at(taps.begin) < 0) ++taps.begin;
    while (taps.end > taps.begin && at(taps.end - 1) >= size) --taps.end;
    if (!spans.empty() && spans.back().taps == taps)
      ++spans.back().positions.end;
    else
      spans.push_back({{i, i + 1}, taps});
  }
  return spans;
}

/// All positions, and the taps that any of them has inside.
AxisSpan joined(const std::vector<AxisSpan>& spans) {
  AxisSpan all = spans.front();
  for (const AxisSpan& s : spans) {
    all.positions.end = s.positions.end;
    if (s.taps.begin == s.taps.end) continue;
    if (all.taps.begin == all.taps.end) all.taps = s.taps;
    all.taps = {std::min(all.taps.begin, s.taps.begin), std::max(all.taps.end, s.taps.end)};
  }
  return all;
}

/// Cuts ranges of k that meet end to end into blocks.
std::vector<Span> k_blocks(const AxisSpan& h, const AxisSpan& w, std::int64_t across, std::int64_t channels) {
  std::vector<Span> blocks;
  std::vector<Span> ranges;
  for (std::int64_t t = h.taps.begin; t < h.taps.end && w.taps.begin < w.taps.end; ++t) {
    const Span range{(t * across + w.taps.begin) * channels, (t * across + w.taps.end) * channels};
    if (!ranges.empty() && ranges.back().end == range.begin)
      ranges.back().end = range.end;
    else
      ranges.push_back(range);
  }
  for (const Span& r : ranges)
    for (std::int64_t k = r.begin; k < r.end; k += kBlockK) blocks.push_back({k, std::min(k + kBlockK, r.end)});
  return blocks;
}

/// How many k-steps of a register tile of `rows` rows these regions take.
std::int64_t tile_steps(const std::vector<Region>& regions, std::int64_t rows) {
  std::int64_t steps = 0;
  for (const Region& r : regions)
    for (const Span& b : r.blocks) steps += ceil_div(r.grid.size(), rows) * (b.end - b.begin);
  return steps;
}

/// Regions share the weights: those that are read where they are should be read once.
enum class Split { where_it_pays, never };

/// A phase as one region or, where the picture is so small that its border is much of it, as one region for each set of
/// taps that falls inside.
std::vector<Region> split_phase(std::size_t index, const Phase& phase, std::int64_t images, Size2 source,
                                std::int64_t channels, std::int64_t tile_rows, Split split) {
  const std::int64_t across = static_cast<std::int64_t>(phase.window.w.taps.size());
  const std::vector<AxisSpan> rows = axis_spans(phase.window.h, phase.rows, source.h);
  const std::vector<AxisSpan> columns = axis_spans(phase.window.w, phase.columns, source.w);
  std::vector<Region> whole = {{index,
                                {images, {0, phase.rows}, {0, phase.columns}},
                                k_blocks(joined(rows), joined(columns), across, channels)}};
  if (split == Split::never) return whole;
  std::vector<Region> parts;
  for (const AxisSpan& h : rows)
    for (const AxisSpan& w : columns)
      parts.push_back({index, {images, h.positions, w.positions}, k_blocks(h, w, across, channels)});
  return tile_steps(parts, tile_rows) * 10 < tile_steps(whole, tile_rows) * 9 ? parts : whole;
}

/// One task: pixels [p0, p1) of a region, target channels [n0, n1) of a group.
struct Piece {
  const Region* region;
  std::int64_t group, p0, p1, n0, n1;
};

std::vector<Piece> cut_pieces(const std::vector<Region>& regions, std::int64_t groups, std::int64_t n,
                              std::int64_t tile_rows, std::int64_t tile_columns) {
  std::vector<Piece> pieces;
  const std::int64_t copies = groups * static_cast<std::int64_t>(regions.size());
  for (const Region& region : regions) {
    const std::int64_t pixels = region.grid.size();
    const ProductCut cut = cut_product(copies, pixels, n, tile_rows, tile_columns);
    for (std::int64_t group = 0; group < groups; ++group)
      for (std::int64_t p = 0; p < pixels; p += cut.m_block)
        for (std::int64_t j = 0; j < n; j += cut.n_block)
          pieces.push_back({&region, group, p, std::min(p + cut.m_block, pixels), j, std::min(j + cut.n_block, n)});
  }
  return pieces;
}

template <class T>
void multiply_piece(const GemmKernels<T>& kernels, const ImplicitProduct<T>& p, const PackedWeights<T>& weights,
                    const Piece& piece) {
  const Region& region = *piece.region;
  const Phase& phase = p.phases[region.phase];
  const std::int64_t m = piece.p1 - piece.p0, n = piece.n1 - piece.n0, k_all = weights.k(region.phase);
  Scratch<T*> rows(m);
  PixelCursor pixel(region.grid, piece.p0);
  for (std::int64_t i = 0; i < m; ++i, pixel.next())
    rows[i] = p.target.data + piece.group * p.target_channels() + piece.n0 +
              p.target.offset(pixel.image, phase.origin.h + pixel.row * phase.step.h,
                              phase.origin.w + pixel.column * phase.step.w);

  const std::int64_t ld = spread_row<T>(std::min(kBlockK, k_all));
  Scratch<T> a(m * ld), packed(weights.streamed() ? kBlockK * round_up(n, kernels.columns) : 0);
  const auto multiply = [&](Span block, StoreMode mode) {
    const std::int64_t k = block.end - block.begin;
    if (weights.narrow())
      kernels.multiply_narrow({m, n, k, a.data(), ld,
                               weights.at(region.phase, piece.group) + piece.n0 * k_all + block.begin, k_all,
                               rows.data(), 1, mode});
    else {
      const WeightPanels<T> w = weights.panels(region.phase, piece.group, block, piece.n0, n, packed.data());
      kernels.multiply(
          {m, n, k, a.data(), kernels.rows * ld, ld, TileOrder::rows, w.data, w.panel, w.stride, rows.data(), 1, mode});
    }
  };
  if (region.blocks.empty()) multiply({0, 0}, StoreMode::overwrite);  // pixels that meet nothing: zeros
  StoreMode mode = StoreMode::overwrite;
  for (const Span& block : region.blocks) {
    const Gather<T> gather(p.source, phase.window, piece.group * p.source_channels(), p.source_channels(), block.begin,
                           block.end);
    gather(region.grid, piece.p0, piece.p1, a.data(), ld, block.end - block.begin);
    multiply(block, mode);
    mode = StoreMode::accumulate;
  }
  p.finish(rows.data(), m, piece.group * p.target_channels() + piece.n0, n);
}

template <class T>
void multiply(const ImplicitProduct<T>& p) {
  if (thin_source(p)) return multiply_thin(p);
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const PackedWeights<T> weights(kernels, p);
  std::vector<Region> regions;
  for (std::size_t i = 0; i < p.phases.size(); ++i)
    for (Region& region :
         split_phase(i, p.phases[i], p.target.count, {p.source.height, p.source.width}, p.source_channels(),
                     kernels.rows, weights.streamed() ? Split::never : Split::where_it_pays))
      regions.push_back(std::move(region));
  const std::vector<Piece> pieces = cut_pieces(regions, p.groups, p.target_channels(), kernels.rows, kernels.columns);
  parallel_for(static_cast<std::int64_t>(pieces.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) multiply_piece(kernels, p, weights, pieces[static_cast<std::size_t>(t)]);
  });
}

/// Along one axis of the input gradient, the taps of the input positions `residue` + stride * i: output position
/// i + offset met them with kernel element t where residue + padding - t * dilation = stride * offset.
Axis phase_axis(std::int64_t residue, std::int64_t stride, std::int64_t padding, std::int64_t dilation,
                std::int64_t kernel) {
  Axis axis{1, {}};
  for (std::int64_t t = kernel - 1; t >= 0; --t) {
    const std::int64_t distance = residue + padding - t * dilation;
    if (distance % stride == 0) axis.taps.push_back({distance / stride, t});
  }
  return axis;
}

std::vector<Phase> input_grad_phases(const Conv2dGeometry& g, Size2 kernel, Size2 size) {
  std::vector<Phase> phases;
  for (std::int64_t i = 0; i < std::min(g.stride.h, size.h); ++i)
    for (std::int64_t j = 0; j < std::min(g.stride.w, size.w); ++j)
      phases.push_back({{phase_axis(i, g.stride.h, g.padding.h, g.dilation.h, kernel.h),
                         phase_axis(j, g.stride.w, g.padding.w, g.dilation.w, kernel.w)},
                        {i, j},
                        g.stride,
                        ceil_div(size.h - i, g.stride.h),
                        ceil_div(size.w - j, g.stride.w)});
  return phases;
}

/// Whether few target channels are better served from the source's side, where packets hold taps x channels: by what a
/// product of each takes, in numbers per source channel, and the overlaps.
template <class T>
bool prefer_overlap(const ImplicitProduct<T>& p, const Window& taps) {
  const std::int64_t lanes = gemm_kernels<T>().lanes, n = p.target_channels(), k = p.source_channels();
  if (n > lanes || !is_compact(taps)) return false;
  std::int64_t gathered = 0;
  for (const Phase& phase : p.phases) gathered += phase.rows * phase.columns * phase.window.taps();
  const std::int64_t patches = p.source.height * p.source.width * round_up(taps.taps() * n, lanes);
  constexpr std::int64_t kOverlap = 16;  // adding a patch takes as long as so many channels more
  return patches > 0 && patches * (k + kOverlap) <= gathered * std::min(round_up(n, lanes), 2 * n) * k;
}

/// Takes Winograd's algorithm where it is the choice; tells whether it was.
bool by_winograd(ConvAlgorithm algorithm, const ImplicitProduct<float>& p) {
  if (algorithm == ConvAlgorithm::automatic && streams_weights(p)) return false;  // to transform them takes longer
  const WinogradKernels* kernels = choose_winograd(algorithm, p);
  if (kernels) winograd_product(*kernels, p);
  return kernels != nullptr;
}
bool by_winograd(ConvAlgorithm algorithm, const ImplicitProduct<double>&) {
  check(algorithm <= ConvAlgorithm::direct, "conv2d", "Winograd's algorithms are for float32");
  return false;
}

}  // namespace

void conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g, ConvAlgorithm algorithm,
            const Epilogue& e) {
  if (y.numel() == 0) return;
  const std::int64_t outputs = w.size(0) / g.groups, channels = w.size(1);
  const Size2 kernel{w.size(2), w.size(3)};
  const Window window = convolution_window(g, kernel);
  dispatch_floating("conv2d", y.dtype(), [&]<class T>(TypeTag<T>) {
    const std::int64_t filter = kernel.h * kernel.w * channels;
    const ImplicitProduct<T> p{images<T>(x),
                               mutable_images<T>(y),
                               Weights<T>{w.data<T>(), outputs * filter, kernel.w * channels, channels, 1, filter, &w},
                               g.groups,
                               {{window, {0, 0}, {1, 1}, y.size(2), y.size(3)}},
                               finish<T>(e)};
    if (by_winograd(algorithm, p) || grouped_product(p)) return;
    const Window mirror = mirrored(window);
    if (g.stride == Size2{1, 1} && prefer_overlap(p, mirror))
      overlap_add(OverlapAdd<T>{p.source, p.target, p.weights, mirror, g.groups, p.finish});
    else
      multiply(p);
  });
}

void conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g,
                       ConvAlgorithm algorithm, const Epilogue& e) {
  if (dx.numel() == 0) return;
  const std::int64_t outputs = w.size(0) / g.groups, channels = w.size(1);
  const Size2 kernel{w.size(2), w.size(3)};
  const Window window = convolution_window(g, kernel);
  dispatch_floating("conv2d_input_grad", dx.dtype(), [&]<class T>(TypeTag<T>) {
    const std::int64_t filter = kernel.h * kernel.w * channels;
    const ImplicitProduct<T> p{images<T>(dy),
                               mutable_images<T>(dx),
                               Weights<T>{w.data<T>(), outputs * filter, kernel.w * channels, channels, filter, 1, &w},
                               g.groups,
                               input_grad_phases(g, kernel, {dx.size(2), dx.size(3)}),
                               finish<T>(e)};
    if (by_winograd(algorithm, p) || grouped_product(p)) return;
    if (prefer_overlap(p, window))
      overlap_add(OverlapAdd<T>{p.source, p.target, p.weights, window, g.groups, p.finish});
    else
      multiply(p);
  });
}

void conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g, const Epilogue& e) {
  conv2d(x, w, y, g, ConvAlgorithm::automatic, e);
}
void conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g,
                       const Epilogue& e) {
  conv2d_input_grad(dy, w, dx, g, ConvAlgorithm::automatic, e);
}

}  // namespace duel::cpu
