// Winograd's convolutions and input gradients. A task takes a block of tiles through all three steps in its cache:
// transform the data, one small matrix product for each of the n x n points, transform back.
#include "duel/tensor/cpu/winograd.h"

#include <algorithm>

#include "duel/tensor/cpu/conv2d_weights.h"
#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/cpu/isa.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

struct TiledPhase {
  const Phase* phase;
  std::vector<DensePart> parts;
  PixelGrid tiles;
};

/// G g G' of every phase: for each point a matrix [parts x source channels, target channels] in panels.
class TransformedWeights {
 public:
  TransformedWeights(const WinogradKernels& kernels, const ImplicitProduct<float>& p,
                     const std::vector<TiledPhase>& phases);

  std::int64_t k() const { return k_; }
  std::int64_t panel() const { return panel_; }
  /// Matrix of a point.
  const float* at(std::size_t phase, std::int64_t point) const {
    return data_->data() + (static_cast<std::int64_t>(phase) * points_ + point) * panels_ * panel_;
  }

 private:
  void transform(const WinogradKernels& kernels, const ImplicitProduct<float>& p, const DensePart& part,
                 std::int64_t n0, float* out) const;

  const GemmKernels<float>& gemm_ = gemm_kernels<float>();
  std::int64_t k_, panels_, points_, panel_;
  std::shared_ptr<const Scratch<float>> data_;
};

TransformedWeights::TransformedWeights(const WinogradKernels& kernels, const ImplicitProduct<float>& p,
                                       const std::vector<TiledPhase>& phases)
    : panels_(ceil_div(p.target.channels, gemm_.columns)), points_(kernels.n() * kernels.n()) {
  const std::int64_t count = static_cast<std::int64_t>(phases.size());
  const std::int64_t parts = static_cast<std::int64_t>(phases.front().parts.size());
  k_ = parts * p.source.channels;
  panel_ = k_ * gemm_.columns;
  const auto fill = [&](float* data) {
    parallel_for(count * parts * panels_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        const std::int64_t panel = t % panels_, part = t / panels_ % parts, phase = t / panels_ / parts;
        transform(kernels, p, phases[static_cast<std::size_t>(phase)].parts[static_cast<std::size_t>(part)],
                  panel * gemm_.columns,
                  data + (phase * points_ * panels_ + panel) * panel_ + part * p.source.channels * gemm_.columns);
      }
    });
  };
  data_ =
      derived_weights<float>(*p.weights.tensor, weights_key(p, kernels.m), count * points_ * panels_ * panel_, fill);
}

/// The rows of one part in the panel of target channels from n0 on; `out` is their place at the first point.
void TransformedWeights::transform(const WinogradKernels& kernels, const ImplicitProduct<float>& p,
                                   const DensePart& part, std::int64_t n0, float* out) const {
  constexpr std::int64_t kRows = 32;  // at a time, to stay in the first-level cache
  const Weights<float>& w = p.weights;
  const std::int64_t r = kernels.r, width = gemm_.columns, n = std::min(width, p.target.channels - n0);
  Scratch<float> taps(r * r * kRows * width);
  const float* in[kMostWinogradPoints];
  float* points[kMostWinogradPoints];
  for (std::int64_t i = 0; i < r * r; ++i) in[i] = taps.data() + i * kRows * width;
  for (std::int64_t k0 = 0; k0 < p.source.channels; k0 += kRows) {
    const std::int64_t k = std::min(kRows, p.source.channels - k0);
    for (std::int64_t i = 0; i < r * r; ++i) {
      const Tap h{0, part.h.kernel[static_cast<std::size_t>(i / r)]};
      const Tap v{0, part.w.kernel[static_cast<std::size_t>(i % r)]};
      gemm_.pack({k, n, w.at(0, h, v) + k0 * w.k + n0 * w.n, w.k, w.n, width, taps.data() + i * kRows * width, 0});
    }
    for (std::int64_t i = 0; i < points_; ++i) points[i] = out + i * panels_ * panel_ + k0 * width;
    kernels.weights(in, points, k * width);
  }
}

/// How the work is cut: tiles and target channels of a task, and target channels at a time within it.
struct Cut {
  std::int64_t tiles, channels, step;
};

/// One task: tiles [t0, t1) of a phase, target channels [n0, n1).
struct Piece {
  std::size_t phase;
  std::int64_t t0, t1, n0, n1;
};

/// What all tasks share.
struct Job {
  const GemmKernels<float>& gemm;
  const WinogradKernels& kernels;
  const ImplicitProduct<float>& product;
  std::vector<TiledPhase> phases;
  TransformedWeights weights;
  Cut cut;
  std::vector<float> zeros;  // a pixel outside the picture

  std::int64_t points() const { return kernels.n() * kernels.n(); }
};

Cut cut_work(const GemmKernels<float>& gemm, std::int64_t points, std::int64_t k, std::int64_t n, std::int64_t tiles,
             std::int64_t phases) {
  const std::int64_t step = std::min(round_up(n, gemm.columns), 4 * gemm.columns);
  // Tiles and products that are too many for the caches come slowly; with fewer tiles the weights pass through too
  // often.
  constexpr std::int64_t kCache = 1 << 20;  // numbers
  const std::int64_t fit = kCache / (points * (k + step)) / gemm.rows * gemm.rows;
  const std::int64_t most = std::clamp(fit, 2 * gemm.rows, kBlockM);
  Cut cut{even_block(tiles, most, gemm.rows), n, step};
  const auto tasks = [&] { return phases * ceil_div(tiles, cut.tiles) * ceil_div(n, cut.channels); };
  while (tasks() < kEnoughTasks && cut.channels > 2 * step) cut.channels = round_up(ceil_div(cut.channels, 2), step);
  return cut;
}

/// B' d B of the piece's tiles into `out` [points, tiles, ld].
void transform_data(const Job& job, const Piece& piece, float* out, std::int64_t ld) {
  const ImplicitProduct<float>& p = job.product;
  const TiledPhase& phase = job.phases[piece.phase];
  const std::int64_t m = job.kernels.m, n = job.kernels.n(), tiles = piece.t1 - piece.t0;
  const float* in[kMostWinogradPoints];
  float* points[kMostWinogradPoints];
  PixelCursor tile(phase.tiles, piece.t0);
  for (std::int64_t t = 0; t < tiles; ++t, tile.next()) {
    for (std::int64_t i = 0; i < job.points(); ++i) points[i] = out + (i * tiles + t) * ld;
    for (const DensePart& d : phase.parts) {
      const SourceTiles source{
          &p.source, {phase.phase->window.h.step, phase.phase->window.w.step}, {d.h.offset, d.w.offset}};
      source.pixels(tile.image, tile.row * m, tile.column * m, n, job.zeros.data(), in);
      job.kernels.data(in, points, p.source.channels);
      for (std::int64_t i = 0; i < job.points(); ++i) points[i] += p.source.channels;
    }
  }
}

/// A' products A to target channels [n0, n1) of the piece's tiles.
void transform_output(const Job& job, const Piece& piece, const float* products, std::int64_t ld, std::int64_t n0,
                      std::int64_t n1, float* nowhere) {
  const Images<float>& target = job.product.target;
  const TiledPhase& phase = job.phases[piece.phase];
  const std::int64_t m = job.kernels.m, tiles = piece.t1 - piece.t0;
  const float* in[kMostWinogradPoints];
  float* out[kMostWinogradPoints];
  PixelCursor tile(phase.tiles, piece.t0);
  for (std::int64_t t = 0; t < tiles; ++t, tile.next()) {
    for (std::int64_t i = 0; i < job.points(); ++i) in[i] = products + (i * tiles + t) * ld;
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < m; ++j) {
        const std::int64_t row = tile.row * m + i, column = tile.column * m + j;
        out[i * m + j] = row < phase.phase->rows && column < phase.phase->columns
                             ? target.data + n0 +
                                   target.offset(tile.image, phase.phase->origin.h + row * phase.phase->step.h,
                                                 phase.phase->origin.w + column * phase.phase->step.w)
                             : nowhere;
      }
    job.kernels.output(in, out, n1 - n0);
    job.product.finish(out, m * m, n0, n1 - n0);
  }
}

void multiply_piece(const Job& job, const Piece& piece) {
  const GemmKernels<float>& gemm = job.gemm;
  const std::int64_t tiles = piece.t1 - piece.t0, k_all = job.weights.k();
  const std::int64_t k_ld = spread_row<float>(k_all), n_ld = spread_row<float>(job.cut.step);
  Scratch<float> data(job.points() * tiles * k_ld), products(job.points() * tiles * n_ld), nowhere(job.cut.step);
  Scratch<float*> rows(job.points() * tiles);
  for (std::int64_t i = 0; i < job.points() * tiles; ++i) rows[i] = products.data() + i * n_ld;
  transform_data(job, piece, data.data(), k_ld);
  for (std::int64_t n0 = piece.n0; n0 < piece.n1; n0 += job.cut.step) {
    const std::int64_t n1 = std::min(n0 + job.cut.step, piece.n1), n = round_up(n1 - n0, gemm.lanes);
    for (std::int64_t i = 0; i < job.points(); ++i)
      for (std::int64_t k0 = 0; k0 < k_all; k0 += kBlockK)
        gemm.multiply({tiles, n, std::min(kBlockK, k_all - k0), data.data() + i * tiles * k_ld + k0, gemm.rows * k_ld,
                       k_ld, TileOrder::rows,
                       job.weights.at(piece.phase, i) + n0 / gemm.columns * job.weights.panel() + k0 * gemm.columns,
                       job.weights.panel(), gemm.columns, rows.data() + i * tiles, 1,
                       k0 == 0 ? StoreMode::overwrite : StoreMode::accumulate});
    transform_output(job, piece, products.data(), n_ld, n0, n1, nowhere.data());
  }
}

std::vector<DenseAxis> dense_axes(const Axis& axis) {
  const std::int64_t count = static_cast<std::int64_t>(axis.taps.size());
  if (count % axis.step != 0) return {};
  for (std::size_t t = 1; t < axis.taps.size(); ++t)
    if (axis.taps[t].offset != axis.taps[t - 1].offset + 1) return {};
  std::vector<DenseAxis> parts;
  for (std::int64_t b = 0; b < axis.step && count > 0; ++b) {
    parts.push_back({axis.taps[static_cast<std::size_t>(b)].offset, {}});
    for (std::int64_t t = b; t < count; t += axis.step)
      parts.back().kernel.push_back(axis.taps[static_cast<std::size_t>(t)].kernel);
  }
  return parts;
}

}  // namespace

const WinogradKernels* winograd_kernels(std::int64_t m, std::int64_t r) {
  const WinogradKernels* all = simd_baseline::winograd_kernels;
#ifdef DUEL_SIMD_X86
  if (isa() == Isa::avx2) all = simd_avx2::winograd_kernels;
  if (isa() == Isa::avx512) all = simd_avx512::winograd_kernels;
#endif
  for (int i = 0; i < kWinogradVariants; ++i)
    if (all[i].m == m && all[i].r == r) return all + i;
  return nullptr;
}

std::vector<DensePart> dense_parts(const Window& window) {
  std::vector<DensePart> parts;
  for (const DenseAxis& h : dense_axes(window.h))
    for (const DenseAxis& w : dense_axes(window.w)) {
      if (h.kernel.size() != w.kernel.size()) return {};
      parts.push_back({h, w});
    }
  return parts;
}

void SourceTiles::pixels(std::int64_t image, std::int64_t i, std::int64_t j, std::int64_t n, const float* outside,
                         const float** in) const {
  const std::int64_t top = step.h * i + offset.h, left = step.w * j + offset.w;
  for (std::int64_t a = 0; a < n; ++a)
    for (std::int64_t b = 0; b < n; ++b) {
      const std::int64_t row = top + step.h * a, column = left + step.w * b;
      const bool inside = row >= 0 && row < source->height && column >= 0 && column < source->width;
      in[a * n + b] = inside ? source->data + source->offset(image, row, column) : outside;
    }
}

void winograd_product(const WinogradKernels& kernels, const ImplicitProduct<float>& p) {
  std::vector<TiledPhase> phases;
  std::int64_t most_tiles = 0;
  for (const Phase& phase : p.phases) {
    phases.push_back({&phase,
                      dense_parts(phase.window),
                      {p.target.count, {0, ceil_div(phase.rows, kernels.m)}, {0, ceil_div(phase.columns, kernels.m)}}});
    most_tiles = std::max(most_tiles, phases.back().tiles.size());
  }
  TransformedWeights weights(kernels, p, phases);
  const Cut cut = cut_work(gemm_kernels<float>(), kernels.n() * kernels.n(), weights.k(), p.target.channels, most_tiles,
                           static_cast<std::int64_t>(phases.size()));
  const Job job{gemm_kernels<float>(),
                kernels,
                p,
                std::move(phases),
                std::move(weights),
                cut,
                std::vector<float>(static_cast<std::size_t>(p.source.channels))};
  std::vector<Piece> pieces;
  for (std::size_t f = 0; f < job.phases.size(); ++f)
    for (std::int64_t t = 0, count = job.phases[f].tiles.size(); t < count; t += cut.tiles)
      for (std::int64_t n = 0; n < p.target.channels; n += cut.channels)
        pieces.push_back({f, t, std::min(t + cut.tiles, count), n, std::min(n + cut.channels, p.target.channels)});
  parallel_for(static_cast<std::int64_t>(pieces.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) multiply_piece(job, pieces[static_cast<std::size_t>(t)]);
  });
}

}  // namespace duel::cpu
