// Bilinear look-up at the places of a grid, and its transpose.
//
// The transpose adds up what falls into a pixel, in one order: a block has a tile of the input's pixels and looks
// through the points of the grid. These come in patches of neighbours, whose bounds are found first, so that few have
// to be looked at more closely.
#include <limits>

#include "duel/cuda/kernels.h"
#include "duel/cuda/pictures.cuh"
#include "duel/tensor/grid_place.h"

namespace duel::cuda {
namespace {

struct Picture {
  std::int64_t channels, height, width;

  explicit Picture(const Tensor& t) : channels(t.size(1)), height(t.size(2)), width(t.size(3)) {}
};

// x and y in units of V channels; a thread makes one unit of y.
template <class T, int V>
__global__ void look_up(PictureUnits units, Picture in, PadMode outside, const T* x, const T* grid, T* y) {
  using C = compute_t<T>;
  for (auto i = static_cast<std::uint32_t>(thread_index()); i < units.count; i += gridDim.x * blockDim.x) {
    const PictureUnit at = units.at(i);
    const std::int64_t point = i / units.units.value;
    const GridPlace w = grid_place(grid[2 * point], in.width, outside);
    const GridPlace h = grid_place(grid[2 * point + 1], in.height, outside);
    const T* const picture = x + at.n * in.height * in.width * in.channels + std::int64_t{at.unit} * V;
    C sum[V] = {};
    DUEL_UNROLL
    for (int corner = 0; corner < 4; ++corner) {
      const int down = corner / 2, right = corner % 2;
      const std::int64_t ih = h.first + down, iw = w.first + right;
      if (ih < 0 || ih >= in.height || iw < 0 || iw >= in.width) continue;
      const C weight = static_cast<C>((down ? h.part : 1 - h.part) * (right ? w.part : 1 - w.part));
      const auto pixel = *reinterpret_cast<const Pack<T, V>*>(picture + (ih * in.width + iw) * in.channels);
      DUEL_UNROLL
      for (int j = 0; j < V; ++j) sum[j] += weight * static_cast<C>(pixel.v[j]);
    }
    Pack<T, V> out;
    DUEL_UNROLL
    for (int j = 0; j < V; ++j) out.v[j] = static_cast<T>(sum[j]);
    *reinterpret_cast<Pack<T, V>*>(y + std::int64_t{i} * V) = out;
  }
}

template <class T, int V>
void look_up_all(const Tensor& x, const Tensor& grid, const Tensor& y, PadMode outside) {
  for_each_run_of_pictures("grid_sample", y, V, [&](const PictureUnits& units, std::int64_t n) {
    DUEL_LAUNCH((look_up<T, V>), blocks_for(units.count), kThreads, 0, units, Picture(x), outside,
                x.data<T>() + n * picture_size(x), grid.data<T>() + n * 2 * y.size(2) * y.size(3),
                y.mutable_data<T>() + n * picture_size(y));
  });
}

constexpr int kSide = 16;  // of tiles and patches: a thread for each pixel or point
static_assert(kSide * kSide == kThreads);

// The squares of kSide x kSide that cover pictures, numbered image by image and row by row.
struct Squares {
  std::int64_t height, width, across, each;  ///< of the pictures; squares in a row of them, and in a picture

  Squares(std::int64_t h, std::int64_t w) : height(h), width(w), across(ceil_div(w, kSide)) {
    each = across * ceil_div(h, kSide);
  }
  /// The row and column of this thread's place in square i of a picture; it may lie outside.
  __device__ std::int64_t row(std::int64_t i) const { return i / across * kSide + threadIdx.x / kSide; }
  __device__ std::int64_t column(std::int64_t i) const { return i % across * kSide + threadIdx.x % kSide; }
};

// The pixels that a patch of points touches: rows -v[0] to v[2], columns -v[1] to v[3].
struct Bounds {
  int v[4];
};
constexpr int kNone = std::numeric_limits<int>::min();

// A point's pixel and weights; far from every pixel if it is none.
struct Point {
  int h, w;
  double part_h, part_w;
};

// What is found first: the points of each patch, kThreads of them, and its bounds.
struct Places {
  Point* points;
  Bounds* bounds;
};

// A block for each patch.
template <class T>
__global__ void __launch_bounds__(kThreads)
    find_places(Squares patches, Picture in, PadMode outside, const T* grid, Places places) {
  __shared__ Bounds of_warp[kThreads / kWarp];
  const std::int64_t n = blockIdx.x / patches.each, patch = blockIdx.x % patches.each;
  const std::int64_t row = patches.row(patch), column = patches.column(patch);
  Point p{-2, -2, 0, 0};
  if (row < patches.height && column < patches.width) {
    const T* const at = grid + 2 * ((n * patches.height + row) * patches.width + column);
    const GridPlace w = grid_place(at[0], in.width, outside), h = grid_place(at[1], in.height, outside);
    p = {static_cast<int>(h.first), static_cast<int>(w.first), h.part, w.part};
  }
  places.points[std::int64_t{blockIdx.x} * kThreads + threadIdx.x] = p;
  Bounds b{{kNone, kNone, kNone, kNone}};
  if (p.h > -2 && p.w > -2 && p.h < in.height && p.w < in.width) b = {{-p.h, -p.w, p.h + 1, p.w + 1}};
  DUEL_UNROLL
  for (int& v : b.v)
    for (int step = kWarp / 2; step > 0; step /= 2) v = max(v, __shfl_xor_sync(0xffffffffu, v, step));
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = b;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (const Bounds& other : of_warp)
    for (int k = 0; k < 4; ++k) b.v[k] = max(b.v[k], other.v[k]);
  places.bounds[blockIdx.x] = b;
}

// A block for each tile of dx and `Channels` of its channels, a thread for each pixel of the tile.
template <class T, int Channels>
__global__ void __launch_bounds__(kThreads)
    add_points(Squares tiles, Squares patches, Picture in, Places places, const T* dy, T* dx) {
  using C = compute_t<T>;
  __shared__ Point point[kThreads];
  __shared__ C values[kThreads][Channels];
  const std::int64_t chunks = (in.channels + Channels - 1) / Channels, channel = blockIdx.x % chunks * Channels;
  const std::int64_t n = blockIdx.x / chunks / tiles.each, tile = blockIdx.x / chunks % tiles.each;
  const auto row = static_cast<int>(tiles.row(tile)), column = static_cast<int>(tiles.column(tile));
  const int top = row - static_cast<int>(threadIdx.x) / kSide, left = column - static_cast<int>(threadIdx.x) % kSide;
  C sums[Channels] = {};
  for (std::int64_t patch = 0; patch < patches.each; ++patch) {
    const Bounds b = places.bounds[n * patches.each + patch];
    if (b.v[2] < top || b.v[3] < left || -b.v[0] >= top + kSide || -b.v[1] >= left + kSide) continue;
    __syncthreads();  // whoever still reads the last patch
    point[threadIdx.x] = places.points[(n * patches.each + patch) * kThreads + threadIdx.x];
    for (int i = static_cast<int>(threadIdx.x); i < kThreads * Channels; i += kThreads) {
      const int p = i / Channels, c = i % Channels;
      const std::int64_t h = patch / patches.across * kSide + p / kSide, w = patch % patches.across * kSide + p % kSide;
      const bool exists = h < patches.height && w < patches.width && channel + c < in.channels;
      values[p][c] = exists ? dy[((n * patches.height + h) * patches.width + w) * in.channels + channel + c] : C(0);
    }
    __syncthreads();
    for (int p = 0; p < kThreads; ++p) {
      const int down = row - point[p].h, right = column - point[p].w;
      if (down < 0 || down > 1 || right < 0 || right > 1) continue;
      const C weight = static_cast<C>((down ? point[p].part_h : 1 - point[p].part_h) *
                                      (right ? point[p].part_w : 1 - point[p].part_w));
      DUEL_UNROLL
      for (int c = 0; c < Channels; ++c) sums[c] += weight * values[p][c];
    }
  }
  if (row >= in.height || column >= in.width) return;
  DUEL_UNROLL
  for (int c = 0; c < Channels; ++c)
    if (channel + c < in.channels)
      dx[((n * in.height + row) * in.width + column) * in.channels + channel + c] = static_cast<T>(sums[c]);
}

template <class T, int Channels>
void add_all_points(const Squares& patches, const Places& places, const Tensor& dy, const Tensor& dx) {
  const Picture in(dx);
  const Squares tiles(in.height, in.width);
  const std::int64_t blocks = dx.size(0) * tiles.each * ceil_div(in.channels, Channels);
  DUEL_LAUNCH((add_points<T, Channels>), static_cast<unsigned>(blocks), kThreads, 0, tiles, patches, in, places,
              dy.data<T>(), dx.mutable_data<T>());
}

}  // namespace

void grid_sample(const Tensor& x, const Tensor& grid, const Tensor& y, PadMode outside) {
  if (y.numel() == 0) return;
  dispatch_computed("grid_sample", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kWide = kPack<T>;
    if (x.size(1) % kWide == 0 && is_aligned(x.data<T>(), 16) && is_aligned(y.data<T>(), 16))
      look_up_all<T, kWide>(x, grid, y, outside);
    else
      look_up_all<T, 1>(x, grid, y, outside);
  });
}

void grid_sample_input_grad(const Tensor& dy, const Tensor& grid, const Tensor& dx, PadMode outside) {
  if (dx.numel() == 0) return;
  dispatch_computed("grid_sample_input_grad", dy.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Squares patches(dy.size(2), dy.size(3));
    const std::int64_t count = dy.size(0) * patches.each;
    const auto memory = [](std::int64_t n, std::size_t bytes) {
      return Tensor::empty({n * static_cast<std::int64_t>(bytes)}, {DType::uint8, Device::cuda});
    };
    const Tensor points = memory(count * kThreads, sizeof(Point)), bounds = memory(count, sizeof(Bounds));
    const Places places{reinterpret_cast<Point*>(points.mutable_data<std::uint8_t>()),
                        reinterpret_cast<Bounds*>(bounds.mutable_data<std::uint8_t>())};
    if (count > 0)
      DUEL_LAUNCH((find_places<T>), static_cast<unsigned>(count), kThreads, 0, patches, Picture(dx), outside,
                  grid.data<T>(), places);
    if (dx.size(1) <= 4)
      add_all_points<T, 4>(patches, places, dy, dx);
    else
      add_all_points<T, 16>(patches, places, dy, dx);
  });
}

}  // namespace duel::cuda
