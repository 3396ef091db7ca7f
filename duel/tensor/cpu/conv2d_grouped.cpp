#include "duel/tensor/cpu/conv2d_grouped.h"

#include <algorithm>
#include <vector>

#include "duel/tensor/cpu/conv2d_depthwise.h"
#include "duel/tensor/cpu/conv2d_packed.h"
#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

/// Part of a product: pictures, rows of each, and groups.
struct Band {
  Span images, rows, groups;
};

/// How the channels of one group lie in a slab: rows of `width` pixels, from the one on that pixel (0, 0) of the band
/// meets with its first tap.
struct SlabShape {
  std::int64_t rows, width, channels;
  Size2 first;  // of the picture's pixels

  std::int64_t size() const { return rows * width * channels; }
};

SlabShape slab_shape(const Window& window, std::int64_t rows, std::int64_t columns, std::int64_t channels) {
  const std::vector<Tap>&h = window.h.taps, &w = window.w.taps;
  return {rows + h.back().offset - h.front().offset,
          columns + w.back().offset - w.front().offset,
          channels,
          {h.front().offset, w.front().offset}};
}

/// Copies what the band meets in a picture, one slab for each of its groups; zeros outside the picture.
template <class T>
void fill_slabs(const Images<const T>& x, const SlabShape& shape, const Band& band, std::int64_t image, T* slabs) {
  const std::int64_t groups = band.groups.end - band.groups.begin;
  const std::int64_t begin = std::clamp<std::int64_t>(-shape.first.w, 0, shape.width);
  const std::int64_t end = std::clamp(x.width - shape.first.w, begin, shape.width);
  if (begin > 0 || end < shape.width || band.rows.begin + shape.first.h < 0 ||
      band.rows.begin + shape.first.h + shape.rows > x.height)
    std::fill_n(slabs, groups * shape.size(), T(0));
  for (std::int64_t i = 0; i < shape.rows && begin < end; ++i) {
    const std::int64_t row = band.rows.begin + shape.first.h + i;
    if (row < 0 || row >= x.height) continue;
    const T* from = x.data + x.offset(image, row, begin + shape.first.w) + band.groups.begin * shape.channels;
    gemm_kernels<T>().pack({end - begin, groups * shape.channels, from, x.channels, 1, shape.channels,
                            slabs + (i * shape.width + begin) * shape.channels, shape.size()});
  }
}

/// Where a window has element (tap, channel) of a slab, from its first tap.
std::vector<std::int64_t> window_offsets(const Window& window, const SlabShape& slab) {
  std::vector<std::int64_t> offsets;
  for (const Tap& h : window.h.taps)
    for (const Tap& w : window.w.taps)
      for (std::int64_t c = 0; c < slab.channels; ++c)
        offsets.push_back(((h.offset - slab.first.h) * slab.width + w.offset - slab.first.w) * slab.channels + c);
  return offsets;
}

/// Pictures, rows and groups of a task: as many as keep its slabs in the second-level cache, and rather more pictures
/// of few groups than the reverse, for they share the weights.
struct BandSize {
  std::int64_t images, rows, groups;
};

BandSize band_size(const Window& window, std::int64_t images, std::int64_t rows, std::int64_t columns,
                   std::int64_t channels, std::int64_t groups) {
  constexpr std::int64_t kSlab = 1 << 15, kSlabs = 1 << 17;  // numbers
  const SlabShape least = slab_shape(window, 1, columns, channels);
  const std::int64_t fit = kSlab / (least.width * channels) - least.rows;
  const std::int64_t band = even_block(rows, std::clamp<std::int64_t>(fit, std::min<std::int64_t>(8, rows), rows), 1);
  const std::int64_t slabs = std::max<std::int64_t>(kSlabs / slab_shape(window, band, columns, channels).size(), 1);
  const std::int64_t share = std::min(slabs, ceil_div(groups, kEnoughTasks));
  return {std::min(images, slabs / share), band, share};
}

bool fits_slabs(const Window& window) { return window.h.step == 1 && window.w.step == 1 && is_compact(window); }

/// The product of a phase, band by band.
template <class T>
class PhaseProduct {
 public:
  PhaseProduct(const ImplicitProduct<T>& p, const PackedWeights<T>& weights, std::size_t index)
      : p_(p), weights_(weights), index_(index), phase_(p.phases[index]) {}

  void operator()() const {
    const BandSize size =
        band_size(phase_.window, p_.target.count, phase_.rows, phase_.columns, p_.source_channels(), p_.groups);
    const std::int64_t bands = ceil_div(phase_.rows, size.rows), blocks = ceil_div(p_.groups, size.groups);
    parallel_for(ceil_div(p_.target.count, size.images) * bands * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        const std::int64_t n = t / blocks / bands * size.images, r = t / blocks % bands * size.rows;
        const std::int64_t g = t % blocks * size.groups;
        multiply({{n, std::min(n + size.images, p_.target.count)},
                  {r, std::min(r + size.rows, phase_.rows)},
                  {g, std::min(g + size.groups, p_.groups)}});
      }
    });
  }

 private:
  void multiply(const Band& band) const;

  const ImplicitProduct<T>& p_;
  const PackedWeights<T>& weights_;
  std::size_t index_;
  const Phase& phase_;
};

/// The products of all slab pixels between the first and the last of the band: those between its rows go nowhere.
template <class T>
void PhaseProduct<T>::multiply(const Band& band) const {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const std::int64_t height = band.rows.end - band.rows.begin, n = p_.target_channels();
  const SlabShape shape = slab_shape(phase_.window, height, phase_.columns, p_.source_channels());
  const std::vector<std::int64_t> offsets = window_offsets(phase_.window, shape);
  const std::int64_t m = (height - 1) * shape.width + phase_.columns, groups = band.groups.end - band.groups.begin;
  const std::int64_t images = band.images.end - band.images.begin, picture = p_.target.offset(1, 0, 0);
  Scratch<T> slabs(images * groups * shape.size()), nowhere(n);
  std::fill_n(nowhere.data(), n, T(0));
  Scratch<T*> pixels(m);
  for (std::int64_t i = 0; i < m; ++i) pixels[i] = nowhere.data();
  for (std::int64_t i = 0; i < images; ++i)
    fill_slabs(p_.source, shape, band, band.images.begin + i, slabs.data() + i * groups * shape.size());
  for (std::int64_t i = 0; i < height; ++i)
    for (std::int64_t j = 0; j < phase_.columns; ++j)
      pixels[i * shape.width + j] =
          p_.target.data + band.groups.begin * n +
          p_.target.offset(band.images.begin, phase_.origin.h + (band.rows.begin + i) * phase_.step.h,
                           phase_.origin.w + j * phase_.step.w);
  for (std::int64_t t = 0; t < groups * images; ++t) {
    const std::int64_t image = t % images, g = band.groups.begin + t / images;
    const T* slab = slabs.data() + (image * groups + t / images) * shape.size();
    for (std::int64_t k = 0, k_all = weights_.k(index_); k < k_all; k += kBlockK)
      kernels.multiply({m, n, std::min(kBlockK, k_all - k), slab, 0, shape.channels, TileOrder::windows,
                        weights_.at(index_, g) + k * kernels.columns, k_all * kernels.columns, kernels.columns,
                        pixels.data(), 1, k == 0 ? StoreMode::overwrite : StoreMode::accumulate, offsets.data() + k});
    const std::int64_t step = image + 1 < images ? picture : n - image * picture;  // to the next picture or group
    for (std::int64_t i = 0; i < height; ++i) {
      T** row = pixels.data() + i * shape.width;
      p_.finish(row, phase_.columns, g * n, n);
      for (std::int64_t j = 0; j < phase_.columns; ++j) row[j] += step;
    }
  }
}

/// A weight gradient: sums over the pixels of all bands of a chunk.
template <class T>
struct WeightGrad {
  const Images<const T>&x, &dy;
  const Window& window;
  std::int64_t groups, outputs, channels;  // the latter two of a group
  BandSize size;

  std::int64_t columns() const { return window.taps() * channels; }
  std::int64_t bands() const { return dy.count * ceil_div(dy.height, size.rows); }
};

/// Where the taps of each row of a window begin that lie side by side, or else each tap.
std::vector<std::int64_t> run_offsets(const Window& window, const SlabShape& slab) {
  const std::vector<Tap>& w = window.w.taps;
  const std::size_t count = w.size();
  const bool dense = w.back().offset - w.front().offset + 1 == static_cast<std::int64_t>(count);
  std::vector<std::int64_t> offsets;
  for (const Tap& h : window.h.taps)
    for (std::size_t t = 0; t < count; t += dense ? count : 1)
      offsets.push_back(((h.offset - slab.first.h) * slab.width + w[t].offset - slab.first.w) * slab.channels);
  return offsets;
}

/// The sums of `groups` over bands [b0, b1), into `dw` [groups, outputs, taps x channels].
template <class T>
void add_bands(const WeightGrad<T>& g, Span groups, std::int64_t b0, std::int64_t b1, T* dw) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const std::int64_t per_image = ceil_div(g.dy.height, g.size.rows), count = groups.end - groups.begin;
  const SlabShape most = slab_shape(g.window, g.size.rows, g.dy.width, g.channels);
  Scratch<T> x(count * most.size() + kernels.columns), dy(count * g.size.rows * most.width * g.outputs);
  Scratch<T*> rows(g.outputs);
  for (std::int64_t b = b0; b < b1; ++b) {
    const std::int64_t r = b % per_image * g.size.rows;
    const std::int64_t image = b / per_image;
    const Band band{{image, image + 1}, {r, std::min(r + g.size.rows, g.dy.height)}, groups};
    const std::int64_t height = band.rows.end - r;
    const SlabShape shape = slab_shape(g.window, height, g.dy.width, g.channels);
    const SlabShape dy_shape{height, shape.width, g.outputs, {0, 0}};
    fill_slabs(g.x, shape, band, image, x.data());
    fill_slabs(g.dy, dy_shape, band, image, dy.data());  // zeros between the rows
    const std::vector<std::int64_t> runs = run_offsets(g.window, shape);
    const std::int64_t pixels = (height - 1) * shape.width + g.dy.width;
    const std::int64_t columns = g.columns() / static_cast<std::int64_t>(runs.size());
    for (std::int64_t i = 0; i < count; ++i)
      for (std::size_t t = 0; t < runs.size(); ++t) {
        T* corner = dw + (groups.begin + i) * g.outputs * g.columns() + static_cast<std::int64_t>(t) * columns;
        for (std::int64_t o = 0; o < g.outputs; ++o) rows[o] = corner + o * g.columns();
        for (std::int64_t p = 0; p < pixels; p += kBlockK)
          kernels.multiply({g.outputs, columns, std::min(kBlockK, pixels - p),
                            dy.data() + i * dy_shape.size() + p * g.outputs, kernels.rows, g.outputs,
                            TileOrder::columns, x.data() + i * shape.size() + runs[t] + p * g.channels, kernels.columns,
                            g.channels, rows.data(), 1,
                            b == b0 && p == 0 ? StoreMode::overwrite : StoreMode::accumulate});
      }
  }
}

template <class T>
void sum_bands(const WeightGrad<T>& g, T* dw) {
  const std::int64_t bands = g.bands(), blocks = ceil_div(g.groups, g.size.groups);
  const std::int64_t chunk = ceil_div(bands, std::clamp(ceil_div(kEnoughTasks, blocks), std::int64_t{1}, bands));
  const std::int64_t chunks = ceil_div(bands, chunk), size = g.groups * g.outputs * g.columns();
  Scratch<T> partial((chunks - 1) * size);  // of every chunk but the first, which goes to dw
  parallel_for(chunks * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t c = t / blocks, g0 = t % blocks * g.size.groups;
      add_bands(g, {g0, std::min(g0 + g.size.groups, g.groups)}, c * chunk, std::min((c + 1) * chunk, bands),
                c == 0 ? dw : partial.data() + (c - 1) * size);
    }
  });
  if (chunks == 1) return;
  parallel_for(size, kGrain / chunks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = 0; c + 1 < chunks; ++c)
      for (std::int64_t i = begin; i < end; ++i) dw[i] += partial[c * size + i];
  });
}

}  // namespace

template <class T>
bool grouped_product(const ImplicitProduct<T>& p) {
  if (p.groups == 1) return false;
  if (p.source_channels() == 1 && p.target_channels() == 1) {
    depthwise_product(p);
    return true;
  }
  for (const Phase& phase : p.phases)
    if (!fits_slabs(phase.window)) return false;
  if (p.target_channels() <= gemm_kernels<T>().lanes / 2) return false;
  const PackedWeights<T> weights(gemm_kernels<T>(), p);
  for (std::size_t i = 0; i < p.phases.size(); ++i) PhaseProduct<T>(p, weights, i)();
  return true;
}

template <class T>
bool grouped_weight_grad(const Images<const T>& x, const Images<const T>& dy, const Window& window, std::int64_t groups,
                         T* dw) {
  const std::int64_t outputs = dy.channels / groups, channels = x.channels / groups;
  if (groups == 1 || dy.count * dy.height * dy.width == 0) return false;
  if (outputs == 1 && channels == 1) {
    depthwise_weight_grad(x, dy, window, dw);
    return true;
  }
  if (!fits_slabs(window) || std::min(outputs, channels) <= gemm_kernels<T>().lanes / 2) return false;
  sum_bands(WeightGrad<T>{x, dy, window, groups, outputs, channels,
                          band_size(window, dy.count, dy.height, dy.width, std::max(outputs, channels), groups)},
            dw);
  return true;
}

template bool grouped_product(const ImplicitProduct<float>&);
template bool grouped_product(const ImplicitProduct<double>&);
template bool grouped_weight_grad(const Images<const float>&, const Images<const float>&, const Window&, std::int64_t,
                                  float*);
template bool grouped_weight_grad(const Images<const double>&, const Images<const double>&, const Window&, std::int64_t,
                                  double*);

}  // namespace duel::cpu
