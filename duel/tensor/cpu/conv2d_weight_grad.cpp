// The weight gradient of a convolution: the output gradient's channels times the gathered input, summed over pixels.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "duel/tensor/cpu/conv2d.h"
#include "duel/tensor/cpu/conv2d_gather.h"
#include "duel/tensor/cpu/conv2d_grouped.h"
#include "duel/tensor/cpu/conv2d_thin.h"
#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/cpu/winograd.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

/// dw[o, q] = sum over pixels of dy[pixel, o] x[pixel meets q], q = tap x channel, for each group.
template <class T>
struct WeightGrad {
  Images<const T> x, dy;
  Window window;
  std::int64_t groups, outputs, channels, columns;  // per group: o, c, taps x c
  PixelGrid grid;

  std::int64_t size() const { return groups * outputs * columns; }
  /// Whether sums over few pixels, which are whole at once, go past the caches: there are too many for those.
  bool streams(const T* dw) const {
    constexpr std::int64_t kMany = 1 << 20, kLine = 64 / sizeof(T);
    return size() >= kMany && grid.size() <= kBlockK && columns % kLine == 0 &&
           reinterpret_cast<std::uintptr_t>(dw) % 64 == 0;
  }
};

/// Which of the two goes along the packets.
enum class Along { columns, outputs };

/// How the work is cut: blocks of o and q, and chunks of pixels whose sums are added up afterwards.
struct Cut {
  Along along;
  std::int64_t o_block, q_block, chunk, chunks;
};

template <class T>
Cut cut_work(const GemmKernels<T>& kernels, const WeightGrad<T>& g) {
  Cut cut;
  const std::int64_t tile_q = ceil_div(g.columns, kernels.lanes) * g.outputs;
  const std::int64_t tile_o = ceil_div(g.outputs, kernels.lanes) * g.columns;
  cut.along = tile_o * 4 < tile_q * 3 ? Along::outputs : Along::columns;
  const std::int64_t unit = cut.along == Along::columns ? kernels.columns : kernels.rows;
  const std::int64_t o_unit = cut.along == Along::columns ? kernels.rows : kernels.columns;
  cut.o_block = even_block(g.outputs, round_up(kBlockM, o_unit), o_unit);
  cut.q_block = even_block(g.columns, round_up(2 * kBlockM, unit), unit);  // dy is packed anew for each
  const std::int64_t tasks = g.groups * ceil_div(g.outputs, cut.o_block) * ceil_div(g.columns, cut.q_block);
  const std::int64_t pixels = g.grid.size();
  constexpr std::int64_t kLeastChunk = 4 * kBlockK;
  const std::int64_t chunks = std::clamp(ceil_div(pixels, kLeastChunk), std::int64_t{1}, ceil_div(kEnoughTasks, tasks));
  cut.chunk = even_block(pixels, ceil_div(pixels, chunks), kBlockK);
  cut.chunks = std::max(std::int64_t{1}, ceil_div(pixels, cut.chunk));
  return cut;
}

/// One task: outputs [o0, o1) and columns [q0, q1) of a group, over pixels [p0, p1), into `dw`.
template <class T>
struct Piece {
  std::int64_t group, o0, o1, q0, q1, p0, p1;
  T* dw;  // [groups, outputs, columns]
};

template <class T>
void multiply_piece(const GemmKernels<T>& kernels, const WeightGrad<T>& g, Along along, const Piece<T>& piece) {
  const bool along_columns = along == Along::columns;
  const std::int64_t outputs = piece.o1 - piece.o0, columns = piece.q1 - piece.q0;
  const std::int64_t dy_width = along_columns ? kernels.rows : kernels.columns;
  // The output gradient lies right as it is: packing pays only if it is read more than once.
  const bool in_place =
      along_columns ? columns <= kernels.columns : columns <= kernels.rows && outputs % kernels.lanes == 0;
  const std::int64_t whole = round_up(columns, kernels.lanes), ld = spread_row<T>(whole);
  const std::int64_t most_k = std::min(kBlockK, piece.p1 - piece.p0), packed_tile = spread_row<T>(most_k * dy_width);
  const std::int64_t tile = in_place ? dy_width : packed_tile, stride = in_place ? g.dy.channels : dy_width;
  Scratch<T> x(most_k * ld), packed(in_place ? 0 : ceil_div(outputs, dy_width) * packed_tile);
  Scratch<T*> rows(along_columns ? outputs : columns);
  T* corner = piece.dw + (piece.group * g.outputs + piece.o0) * g.columns + piece.q0;
  if (along_columns)
    for (std::int64_t o = 0; o < outputs; ++o) rows[o] = corner + o * g.columns;
  else
    for (std::int64_t q = 0; q < columns; ++q) rows[q] = corner + q;

  const StoreMode first_mode = along_columns && g.streams(piece.dw) ? StoreMode::stream : StoreMode::overwrite;
  const Gather<T> gather(g.x, g.window, piece.group * g.channels, g.channels, piece.q0, piece.q1);
  std::int64_t p = piece.p0;
  do {  // once even without pixels, which makes zeros
    const std::int64_t k = std::min(kBlockK, piece.p1 - p);
    const StoreMode mode = p > piece.p0 ? StoreMode::accumulate : first_mode;
    const T* dy = g.dy.data + p * g.dy.channels + piece.group * g.outputs + piece.o0;
    if (k > 0) gather(g.grid, p, p + k, x.data(), ld, whole);
    if (!in_place) {
      kernels.pack({k, outputs, dy, g.dy.channels, 1, dy_width, packed.data(), tile});
      dy = packed.data();
    }
    if (along_columns)
      kernels.multiply({outputs, columns, k, dy, tile, stride, TileOrder::columns, x.data(), kernels.columns, ld,
                        rows.data(), 1, mode});
    else
      kernels.multiply({columns, outputs, k, x.data(), kernels.rows, ld, TileOrder::columns, dy, tile, stride,
                        rows.data(), g.columns, mode});
    p += kBlockK;
  } while (p < piece.p1);
}

template <class T>
void multiply(const WeightGrad<T>& g, T* dw) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const Cut cut = cut_work(kernels, g);
  const std::int64_t o_blocks = ceil_div(g.outputs, cut.o_block), q_blocks = ceil_div(g.columns, cut.q_block);
  const std::int64_t pixels = g.grid.size(), size = g.size();
  Scratch<T> partial((cut.chunks - 1) * size);  // of every chunk but the first, which goes to dw
  parallel_for(g.groups * o_blocks * q_blocks * cut.chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t chunk = t % cut.chunks, q0 = t / cut.chunks % q_blocks * cut.q_block;
      const std::int64_t o0 = t / cut.chunks / q_blocks % o_blocks * cut.o_block;
      multiply_piece(
          kernels, g, cut.along,
          {t / cut.chunks / q_blocks / o_blocks, o0, std::min(o0 + cut.o_block, g.outputs), q0,
           std::min(q0 + cut.q_block, g.columns), chunk * cut.chunk, std::min((chunk + 1) * cut.chunk, pixels),
           chunk == 0 ? dw : partial.data() + (chunk - 1) * size});
    }
  });
  if (cut.chunks == 1) return;
  parallel_for(size, kGrain / cut.chunks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = 0; c + 1 < cut.chunks; ++c)
      for (std::int64_t i = begin; i < end; ++i) dw[i] += partial[c * size + i];
  });
}

/// Takes the thin form where x or dy is thin, the thinner of the two as such; tells whether it was.
template <class T>
bool by_thin(const WeightGrad<T>& g, T* dw) {
  const std::int64_t row = static_cast<std::int64_t>(g.window.w.taps.size()) * g.channels, filter = g.columns;
  const bool step_1 = g.window.h.step == 1 && g.window.w.step == 1;
  if (step_1 && g.outputs < g.channels && thin_windows(g.dy, g.x, mirrored(g.window), g.groups))
    weight_grad_thin(
        ThinWeightGrad<T>{g.dy, g.x, mirrored(g.window), g.groups, dw, g.outputs * filter, row, g.channels, filter, 1});
  else if (thin_windows(g.x, g.dy, g.window, g.groups))
    weight_grad_thin(
        ThinWeightGrad<T>{g.x, g.dy, g.window, g.groups, dw, g.outputs * filter, row, g.channels, 1, filter});
  else
    return false;
  return true;
}

}  // namespace

void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g,
                        ConvAlgorithm algorithm) {
  if (dw.numel() == 0) return;
  const Size2 kernel{dw.size(2), dw.size(3)};
  const Window window = convolution_window(g, kernel);
  dispatch_floating("conv2d_weight_grad", dw.dtype(), [&]<class T>(TypeTag<T>) {
    const Images<const T> xs = images<T>(x), dys = images<T>(dy);
    if constexpr (std::is_same_v<T, float>) {
      if (const WinogradKernels* kernels = choose_winograd(algorithm, xs, dys, window, g.groups))
        return winograd_weight_grad(*kernels, xs, dys, window, dw.mutable_data<T>());
    }
    if (grouped_weight_grad(xs, dys, window, g.groups, dw.mutable_data<T>())) return;
    const WeightGrad<T> grad{xs,
                             dys,
                             window,
                             g.groups,
                             dw.size(0) / g.groups,
                             dw.size(1),
                             kernel.h * kernel.w * dw.size(1),
                             PixelGrid{dy.size(0), {0, dy.size(2)}, {0, dy.size(3)}}};
    if (!by_thin(grad, dw.mutable_data<T>())) multiply(grad, dw.mutable_data<T>());
  });
}

void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dGeometry& g) {
  conv2d_weight_grad(x, dy, dw, g, ConvAlgorithm::automatic);
}

}  // namespace duel::cpu
