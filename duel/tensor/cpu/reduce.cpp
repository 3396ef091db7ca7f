// Sums and maxima over any set of dimensions, and running sums along one.
//
// The kept dimensions are cut into tiles of outputs, the reduced ones into pieces, both by size only. A piece of a tile
// is reduced in double by one inner loop; where a tile has several pieces their results are put together in order. So
// the bits do not depend on the threads, and the error not on the number of elements.
#include <limits>
#include <memory>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

constexpr std::int64_t kMaxTile = 512;

struct Sum {
  static constexpr double kStart = 0;
  template <class T>
  static auto loop() {
    return loops<T>().reduce.sum;
  }
};

struct Amax {
  static constexpr double kStart = -std::numeric_limits<double>::infinity();
  template <class T>
  static auto loop() {
    return loops<T>().reduce.amax;
  }
};

// How a reduction is cut. Tensor 0 of `kept` is x, 1 is y; `reduced` is of x alone.
struct Plan {
  Strided<2> kept;
  Strided<1> reduced;
  std::int64_t depth;          // reduced elements for each output
  std::int64_t tile, tiles;    // outputs in a tile, and tiles along the innermost kept dimension
  std::int64_t piece, pieces;  // reduced elements in a piece, and pieces
  std::int64_t units;          // pieces of all tiles
};

Plan plan(const Tensor& x, const Tensor& y) {
  Shape kept = x.shape(), reduced = x.shape();
  for (int i = 0; i < x.dim(); ++i) (y.shape()[i] == x.shape()[i] ? reduced : kept)[i] = 1;
  Plan p;
  p.kept = strided<2>(kept, {x.strides(), y.strides()});
  p.reduced = strided<1>(reduced, {x.strides()});
  p.depth = p.reduced.numel();
  // Whichever side has x's innermost dimension gets the long runs.
  const bool run_is_kept = p.kept.row_size() > 1 && (p.depth == 1 || p.kept.col_step(0) < p.reduced.col_step(0));
  if (run_is_kept) {
    p.tile = std::min(p.kept.row_size(), kMaxTile);
    p.piece = std::min(p.depth, kGrain / p.tile);
  } else {
    p.piece = std::min(p.depth, kGrain);
    p.tile = std::min({p.kept.row_size(), kMaxTile, kGrain / p.piece});
  }
  p.tiles = ceil_div(p.kept.row_size(), p.tile);
  p.pieces = ceil_div(p.depth, p.piece);
  p.units = p.kept.numel() / p.kept.row_size() * p.tiles * p.pieces;
  return p;
}

// Elements [begin, end) of the reduced dimensions, for n outputs, into acc.
template <class Op, class T>
void reduce_piece(const Plan& p, const T* x, std::int64_t begin, std::int64_t end, std::int64_t n, double* acc) {
  std::fill_n(acc, n, Op::kStart);
  const std::int64_t row = p.reduced.row_size();
  while (begin < end) {
    const std::int64_t count = std::min(end - begin, row - begin % row);
    const T* from = x + p.reduced.offset(begin / row, 1)[0] + begin % row * p.reduced.col_step(0);
    Op::template loop<T>()(from, count, p.reduced.col_step(0), n, p.kept.col_step(0), acc);
    begin += count;
  }
}

template <class T>
void store(const double* acc, std::int64_t n, T* y, std::int64_t step) {
  for (std::int64_t j = 0; j < n; ++j) y[j * step] = static_cast<T>(acc[j]);
}

// Where tile i begins in x and y, and how many outputs it has.
struct Tile {
  std::int64_t x, y, n;
};

Tile tile_at(const Plan& p, std::int64_t i) {
  const auto at = p.kept.offset(i / p.tiles, 1);
  const std::int64_t first = i % p.tiles * p.tile;
  return {at[0] + first * p.kept.col_step(0), at[1] + first * p.kept.col_step(1),
          std::min(p.tile, p.kept.row_size() - first)};
}

template <class Op, class T>
void reduce(const Plan& p, const T* x, T* y) {
  const std::int64_t y_step = p.kept.col_step(1);
  std::unique_ptr<double[]> partial;  // [unit, tile]
  if (p.pieces > 1) partial = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(p.units * p.tile));
  parallel_for(p.units, kGrain / (p.tile * p.piece), [&](std::int64_t begin, std::int64_t end) {
    double local[kMaxTile];
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const Tile tile = tile_at(p, unit / p.pieces);
      const std::int64_t first = unit % p.pieces * p.piece;
      double* acc = partial ? partial.get() + unit * p.tile : local;
      reduce_piece<Op>(p, x + tile.x, first, std::min(p.depth, first + p.piece), tile.n, acc);
      if (!partial) store(acc, tile.n, y + tile.y, y_step);
    }
  });
  if (!partial) return;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (p.tile * p.pieces));
  parallel_for(p.units / p.pieces, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const Tile tile = tile_at(p, i);
      double acc[kMaxTile];
      std::fill_n(acc, tile.n, Op::kStart);
      // The partial results of one tile are themselves rows to reduce.
      Op::template loop<double>()(partial.get() + i * p.pieces * p.tile, p.pieces, p.tile, tile.n, 1, acc);
      store(acc, tile.n, y + tile.y, y_step);
    }
  });
}

template <class Op>
void reduce(const char* operation, const Tensor& x, const Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating(operation, x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    reduce<Op>(plan(x, y), x.data<T>(), y.mutable_data<T>());
  });
}

}  // namespace

void sum(const Tensor& x, const Tensor& y) {
  if (x.numel() == 0) return fill(y, 0);
  reduce<Sum>("sum", x, y);
}

void amax(const Tensor& x, const Tensor& y) {
  check(x.numel() > 0 || y.numel() == 0, "amax", "no elements to take the largest of in shape ", x.shape());
  reduce<Amax>("amax", x, y);
}

// Lines run side by side, in tiles as above.
void cumsum(const Tensor& x, const Tensor& y, int d) {
  if (y.numel() == 0) return;
  dispatch_floating("cumsum", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Shape lines = y.shape();
    lines[d] = 1;
    const auto s = strided<2>(lines, {y.strides(), x.strides()});
    const std::int64_t n = y.size(d), yd = y.strides()[d], xd = x.strides()[d], yc = s.col_step(0), xc = s.col_step(1);
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    for_each_block(
        s,
        [&](const auto& at, std::int64_t rows, std::int64_t cols) {
          for (std::int64_t r = 0; r < rows; ++r) {
            double acc[kMaxTile] = {};
            T* to = py + at[0] + r * s.row_step(0);
            const T* from = px + at[1] + r * s.row_step(1);
            for (std::int64_t i = 0; i < n; ++i, to += yd, from += xd)
              for (std::int64_t c = 0; c < cols; ++c) to[c * yc] = static_cast<T>(acc[c] += from[c * xc]);
          }
        },
        std::clamp<std::int64_t>(kGrain / n, 1, kMaxTile));
  });
}

}  // namespace duel::cpu
