// Winograd's weight gradient: tiles of the input and of the output's gradient are transformed, multiplied and summed at
// each of the n x n points, and only the sums are transformed back.
#include <algorithm>

#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/cpu/winograd.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

struct Job {
  const GemmKernels<float>& gemm;
  const WinogradKernels& kernels;
  const Images<const float>&x, &dy;
  const Window& window;
  Span outputs;  // channels of dy
  std::vector<DensePart> parts;
  PixelGrid tiles;
  std::vector<float> zeros;  // a pixel outside the picture

  std::int64_t points() const { return kernels.n() * kernels.n(); }
  /// Rows of the sums, and columns: parts x input channels.
  std::int64_t rows() const { return outputs.end - outputs.begin; }
  std::int64_t columns() const { return static_cast<std::int64_t>(parts.size()) * x.channels; }
};

/// Transformed tiles: for each point a matrix [tiles, ld].
struct Tiles {
  float* data;
  std::int64_t count, ld;
  float* at(std::int64_t point, std::int64_t tile) const { return data + (point * count + tile) * ld; }
};

/// B' d B of tiles [t0, t1) into rows t0 - first, ...
void transform_input(const Job& job, std::int64_t t0, std::int64_t t1, std::int64_t first, const Tiles& to) {
  const std::int64_t m = job.kernels.m;
  const float* in[kMostWinogradPoints];
  float* out[kMostWinogradPoints];
  PixelCursor tile(job.tiles, t0);
  for (std::int64_t t = t0; t < t1; ++t, tile.next()) {
    for (std::int64_t i = 0; i < job.points(); ++i) out[i] = to.at(i, t - first);
    for (const DensePart& part : job.parts) {
      const SourceTiles source{&job.x, {job.window.h.step, job.window.w.step}, {part.h.offset, part.w.offset}};
      source.pixels(tile.image, tile.row * m, tile.column * m, job.kernels.n(), job.zeros.data(), in);
      job.kernels.data(in, out, job.x.channels);
      for (std::int64_t i = 0; i < job.points(); ++i) out[i] += job.x.channels;
    }
  }
}

/// A dy A' likewise.
void transform_output_grad(const Job& job, std::int64_t t0, std::int64_t t1, std::int64_t first, const Tiles& to) {
  const std::int64_t m = job.kernels.m;
  const SourceTiles source{&job.dy, {1, 1}, {0, 0}};
  const float* in[kMostWinogradPoints];
  float* out[kMostWinogradPoints];
  PixelCursor tile(job.tiles, t0);
  for (std::int64_t t = t0; t < t1; ++t, tile.next()) {
    for (std::int64_t i = 0; i < job.points(); ++i) out[i] = to.at(i, t - first);
    source.pixels(tile.image, tile.row * m, tile.column * m, m, job.zeros.data(), in);
    for (std::int64_t i = 0; i < m * m; ++i) in[i] += job.outputs.begin;
    job.kernels.output_grad(in, out, job.rows());
  }
}

/// One product: sums of a point, outputs [o0, o1), columns [q0, q1).
struct Piece {
  std::int64_t point, o0, o1, q0, q1;
};

void multiply_piece(const Job& job, const Piece& piece, const Tiles& x, const Tiles& dy, std::int64_t tiles,
                    const Tiles& sums, StoreMode mode) {
  const GemmKernels<float>& gemm = job.gemm;
  const std::int64_t outputs = piece.o1 - piece.o0, columns = piece.q1 - piece.q0;
  const std::int64_t a_tile = spread_row<float>(tiles * gemm.rows), b_panel = spread_row<float>(tiles * gemm.columns);
  Scratch<float> a(ceil_div(outputs, gemm.rows) * a_tile), b(ceil_div(columns, gemm.columns) * b_panel);
  Scratch<float*> rows(outputs);
  for (std::int64_t o = 0; o < outputs; ++o) rows[o] = sums.at(piece.point, piece.o0 + o) + piece.q0;
  gemm.pack({tiles, outputs, dy.at(piece.point, 0) + piece.o0, dy.ld, 1, gemm.rows, a.data(), a_tile});
  gemm.pack({tiles, columns, x.at(piece.point, 0) + piece.q0, x.ld, 1, gemm.columns, b.data(), b_panel});
  gemm.multiply({outputs, columns, tiles, a.data(), a_tile, gemm.rows, TileOrder::columns, b.data(), b_panel,
                 gemm.columns, rows.data(), 1, mode});
}

/// Adds the products of tiles [t0, t1) to the sums.
void add_tiles(const Job& job, std::int64_t t0, std::int64_t t1, const Tiles& x, const Tiles& dy, const Tiles& sums) {
  constexpr std::int64_t kGrainTiles = 4;
  const std::int64_t tiles = t1 - t0;
  parallel_for(tiles, kGrainTiles, [&](std::int64_t begin, std::int64_t end) {
    transform_input(job, t0 + begin, t0 + end, t0, x);
    transform_output_grad(job, t0 + begin, t0 + end, t0, dy);
  });
  const std::int64_t outputs = job.rows(), columns = job.columns();
  const ProductCut cut = cut_product(job.points(), outputs, columns, job.gemm.rows, job.gemm.columns);
  const std::int64_t o_blocks = ceil_div(outputs, cut.m_block), q_blocks = ceil_div(columns, cut.n_block);
  parallel_for(job.points() * o_blocks * q_blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t o0 = t / q_blocks % o_blocks * cut.m_block, q0 = t % q_blocks * cut.n_block;
      multiply_piece(
          job,
          {t / q_blocks / o_blocks, o0, std::min(o0 + cut.m_block, outputs), q0, std::min(q0 + cut.n_block, columns)},
          x, dy, tiles, sums, t0 == 0 ? StoreMode::overwrite : StoreMode::accumulate);
    }
  });
}

/// G' sums G to the weights' own places.
void transform_sums(const Job& job, const Tiles& sums, float* dw) {
  const std::int64_t r = job.kernels.r, channels = job.x.channels;
  const std::int64_t across = static_cast<std::int64_t>(job.window.w.taps.size());
  const std::int64_t filter = job.window.taps() * channels;
  parallel_for(job.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
    const float* in[kMostWinogradPoints];
    float* out[kMostWinogradPoints];
    for (std::int64_t o = begin; o < end; ++o)
      for (std::size_t part = 0; part < job.parts.size(); ++part) {
        const DensePart& p = job.parts[part];
        for (std::int64_t i = 0; i < job.points(); ++i)
          in[i] = sums.at(i, o) + static_cast<std::int64_t>(part) * channels;
        for (std::int64_t i = 0; i < r * r; ++i)
          out[i] =
              dw + (job.outputs.begin + o) * filter +
              (p.h.kernel[static_cast<std::size_t>(i / r)] * across + p.w.kernel[static_cast<std::size_t>(i % r)]) *
                  channels;
        job.kernels.weight_grad(in, out, channels);
      }
  });
}

/// The weights of the job's outputs.
void multiply(const Job& job, float* dw) {
  const std::int64_t tiles = job.tiles.size(), points = job.points();
  const std::int64_t x_ld = spread_row<float>(job.columns()), dy_ld = spread_row<float>(job.rows());
  // The sums pass through the caches with every block of tiles, the transformed tiles a few times: blocks somewhat
  // larger than the sums, and no smaller than the last cache.
  constexpr std::int64_t kLeast = 2 << 20, kMost = 5 << 20;  // numbers
  const std::int64_t numbers = std::clamp(2 * points * job.rows() * x_ld, kLeast, kMost);
  const std::int64_t most = std::clamp<std::int64_t>(numbers / (points * (x_ld + dy_ld)), 96, 2 * kBlockK);
  const std::int64_t block = even_block(tiles, most, 4);
  Scratch<float> x_data(points * block * x_ld), dy_data(points * block * dy_ld);
  Scratch<float> sums(points * job.rows() * x_ld);
  for (std::int64_t t = 0; t < tiles; t += block)
    add_tiles(job, t, std::min(t + block, tiles), {x_data.data(), block, x_ld}, {dy_data.data(), block, dy_ld},
              {sums.data(), job.rows(), x_ld});
  transform_sums(job, {sums.data(), job.rows(), x_ld}, dw);
}

}  // namespace

void winograd_weight_grad(const WinogradKernels& kernels, const Images<const float>& x, const Images<const float>& dy,
                          const Window& window, float* dw) {
  Job job{gemm_kernels<float>(),
          kernels,
          x,
          dy,
          window,
          {0, 0},
          dense_parts(window),
          {dy.count, {0, ceil_div(dy.height, kernels.m)}, {0, ceil_div(dy.width, kernels.m)}},
          std::vector<float>(static_cast<std::size_t>(std::max(x.channels, dy.channels)))};
  // Sums take several times the memory of the weights: of no more outputs at a time than make so many numbers.
  constexpr std::int64_t kMostSums = 4 << 20;
  const std::int64_t most = std::max<std::int64_t>(kMostSums / (job.points() * spread_row<float>(job.columns())), 1);
  const std::int64_t block = even_block(dy.channels, most, 4 * job.gemm.rows);
  for (std::int64_t o = 0; o < dy.channels; o += block) {
    job.outputs = {o, std::min(o + block, dy.channels)};
    multiply(job, dw);
  }
}

}  // namespace duel::cpu
