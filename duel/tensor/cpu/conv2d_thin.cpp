#include "duel/tensor/cpu/conv2d_thin.h"

#include <algorithm>
#include <vector>

#include "duel/tensor/cpu/conv2d_packed.h"
#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

/// Rows and columns of a picture; either may reach beyond it.
struct Area {
  Span rows, columns;

  std::int64_t width() const { return columns.end - columns.begin; }
  std::int64_t pixels() const { return (rows.end - rows.begin) * width(); }
};

/// What windows from positions rows x columns reach.
Area reach(const Window& window, Span rows, std::int64_t columns) {
  const Axis &h = window.h, &w = window.w;
  return {{rows.begin * h.step + h.taps.front().offset, (rows.end - 1) * h.step + h.taps.back().offset + 1},
          {w.taps.front().offset, (columns - 1) * w.step + w.taps.back().offset + 1}};
}

/// An area of a picture, with zeros for what lies outside.
template <class T>
void copy_area(const Images<const T>& x, std::int64_t image, const Area& area, T* out) {
  const std::int64_t begin = std::clamp<std::int64_t>(area.columns.begin, 0, x.width);
  const std::int64_t end = std::clamp(area.columns.end, begin, x.width);
  const std::int64_t left = std::clamp<std::int64_t>(-area.columns.begin, 0, area.width()) * x.channels;
  const std::int64_t middle = (end - begin) * x.channels, row = area.width() * x.channels;
  for (std::int64_t i = area.rows.begin; i < area.rows.end; ++i, out += row) {
    if (i < 0 || i >= x.height) {
      std::fill_n(out, row, T(0));
      continue;
    }
    std::fill_n(out, left, T(0));
    std::copy_n(x.data + x.offset(image, i, begin), middle, out + left);
    std::fill_n(out + left + middle, row - left - middle, T(0));
  }
}

/// Where a window has element (tap, channel), from its first tap, in a picture of this width.
std::vector<std::int64_t> window_offsets(const Window& window, std::int64_t width, std::int64_t all_channels,
                                         std::int64_t channels) {
  std::vector<std::int64_t> offsets;
  const std::int64_t top = window.h.taps.front().offset, left = window.w.taps.front().offset;
  for (const Tap& h : window.h.taps)
    for (const Tap& w : window.w.taps)
      for (std::int64_t c = 0; c < channels; ++c)
        offsets.push_back(((h.offset - top) * width + w.offset - left) * all_channels + c);
  return offsets;
}

/// Whether the rows of a window are so short, and what it reaches can be copied.
bool short_rows(const Window& window, std::int64_t channels) {
  constexpr std::int64_t kThinRow = 64;
  const std::int64_t row = static_cast<std::int64_t>(window.w.taps.size()) * channels;
  return is_compact(window) && row > 0 && row < kThinRow;
}

/// Rows of a phase's grid in one task: enough tasks for many threads, and a source that stays in the cache.
std::int64_t band_rows(std::int64_t images, const Phase& phase) {
  constexpr std::int64_t kMostPixels = 1024;
  return std::clamp(std::min(kMostPixels / phase.columns, ceil_div(images * phase.rows, kEnoughTasks)), std::int64_t{1},
                    phase.rows);
}

template <class T>
void multiply_band(const GemmKernels<T>& kernels, const ImplicitProduct<T>& p, std::size_t phase_index,
                   const PackedWeights<T>& weights, std::int64_t image, Span rows) {
  const Phase& phase = p.phases[phase_index];
  const Area area = reach(phase.window, rows, phase.columns);
  Scratch<T> source(area.pixels() * p.source.channels);
  copy_area(p.source, image, area, source.data());
  const std::vector<std::int64_t> offsets =
      window_offsets(phase.window, area.width(), p.source.channels, p.source_channels());
  const std::int64_t n = p.target_channels(), k_all = static_cast<std::int64_t>(offsets.size());
  Scratch<T*> pixels(phase.columns);
  for (std::int64_t i = rows.begin; i < rows.end; ++i)
    for (std::int64_t g = 0; g < p.groups; ++g) {
      T* row = p.target.data + p.target.offset(image, phase.origin.h + i * phase.step.h, phase.origin.w) + g * n;
      for (std::int64_t j = 0; j < phase.columns; ++j) pixels[j] = row + j * phase.step.w * p.target.channels;
      const T* windows = source.data() + (i - rows.begin) * phase.window.h.step * area.width() * p.source.channels +
                         g * p.source_channels();
      for (std::int64_t k = 0; k < k_all; k += kBlockK)
        kernels.multiply({phase.columns, n, std::min(kBlockK, k_all - k), windows, 0,
                          phase.window.w.step * p.source.channels, TileOrder::windows,
                          weights.at(phase_index, g) + k * kernels.columns, k_all * kernels.columns, kernels.columns,
                          pixels.data(), 1, k == 0 ? StoreMode::overwrite : StoreMode::accumulate, offsets.data() + k});
      p.finish(pixels.data(), phase.columns, g * n, n);
    }
}

/// Rows of dw that meet elements of the thin picture which lie together.
struct Run {
  std::int64_t offset, row, length;
};

std::vector<Run> runs(const std::vector<std::int64_t>& offsets) {
  std::vector<Run> all;
  for (std::size_t row = 0; row < offsets.size(); ++row)
    if (row > 0 && offsets[row] == offsets[row - 1] + 1)
      ++all.back().length;
    else
      all.push_back({offsets[row], static_cast<std::int64_t>(row), 1});
  return all;
}

/// The sums of one task, [group, row, thick channels filled up to whole packets].
template <class T>
class ThinSums {
 public:
  ThinSums(const GemmKernels<T>& kernels, const ThinWeightGrad<T>& p, std::int64_t band, T* sums)
      : kernels_(kernels),
        p_(p),
        width_(reach(p.window, {0, band}, p.thick.width).width()),
        padded_n_(round_up(p.thick_channels(), kernels.lanes)),
        in_place_(p.thick_channels() == padded_n_),
        runs_(runs(window_offsets(p.window, width_, p.thin.channels, p.thin_channels()))),
        pixels_(band * p.thick.width),
        targets_(p.groups * panels() * p.rows()),
        thin_(reach(p.window, {0, band}, p.thick.width).pixels() * p.thin.channels),
        packed_(in_place_ ? 0 : panels() * band * p.thick.width * kernels.columns) {
    for (std::int64_t i = 0; i < band * p.thick.width; ++i)
      pixels_[i] =
          (i / p.thick.width * p.window.h.step * width_ + i % p.thick.width * p.window.w.step) * p.thin.channels;
    T** to = targets_.data();
    for (std::int64_t g = 0; g < p.groups; ++g)
      for (std::int64_t j = 0; j < padded_n_; j += kernels.columns)
        for (std::int64_t row = 0; row < p.rows(); ++row) *to++ = sums + (g * p.rows() + row) * padded_n_ + j;
  }

  /// Adds rows [begin, end) of a picture, at most `band` of them.
  void add(std::int64_t image, Span rows, StoreMode mode) {
    copy_area(p_.thin, image, reach(p_.window, rows, p_.thick.width), thin_.data());
    const std::int64_t n = p_.thick_channels(), k = (rows.end - rows.begin) * p_.thick.width;
    for (std::int64_t g = 0; g < p_.groups; ++g) {
      const T* thick = p_.thick.data + p_.thick.offset(image, rows.begin, 0) + g * n;
      if (!in_place_)
        kernels_.pack({k, n, thick, p_.thick.channels, 1, kernels_.columns, packed_.data(), k * kernels_.columns});
      for (std::int64_t panel = 0; panel < panels(); ++panel) {
        const T* b = in_place_ ? thick + panel * kernels_.columns : packed_.data() + panel * k * kernels_.columns;
        for (const Run& run : runs_)
          kernels_.multiply({run.length, std::min(kernels_.columns, padded_n_ - panel * kernels_.columns), k,
                             thin_.data() + g * p_.thin_channels() + run.offset, 0, 0, TileOrder::window_columns, b, 0,
                             in_place_ ? p_.thick.channels : kernels_.columns,
                             targets_.data() + (g * panels() + panel) * p_.rows() + run.row, 1, mode, pixels_.data()});
      }
    }
  }

 private:
  std::int64_t panels() const { return ceil_div(padded_n_, kernels_.columns); }

  const GemmKernels<T>& kernels_;
  const ThinWeightGrad<T>& p_;
  std::int64_t width_, padded_n_;  // of an area, of a row of sums
  bool in_place_;                  // the thick picture fills whole packets
  std::vector<Run> runs_;
  Scratch<std::int64_t> pixels_;  // where the windows of a band's pixels begin
  Scratch<T*> targets_;           // [group, panel, row]
  Scratch<T> thin_, packed_;
};

/// dw from the sums of all tasks, added up in their order.
template <class T>
void collect(const ThinWeightGrad<T>& p, const T* sums, std::int64_t padded_n, std::int64_t tasks) {
  const std::int64_t n = p.thick_channels(), channels = p.thin_channels(), size = p.groups * p.rows() * padded_n;
  parallel_for(p.groups * p.rows(), std::max<std::int64_t>(1, kGrain / (n * tasks)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) {
                   const std::int64_t tap = r % p.rows() / channels;
                   const std::int64_t across = static_cast<std::int64_t>(p.window.w.taps.size());
                   T* to = p.dw + r / p.rows() * p.group + r % channels * p.i +
                           p.window.h.taps[static_cast<std::size_t>(tap / across)].kernel * p.kernel_row +
                           p.window.w.taps[static_cast<std::size_t>(tap % across)].kernel * p.kernel_column;
                   for (std::int64_t j = 0; j < n; ++j) {
                     T total = 0;
                     for (std::int64_t t = 0; t < tasks; ++t) total += sums[t * size + r * padded_n + j];
                     to[j * p.j] = total;
                   }
                 }
               });
}

}  // namespace

template <class T>
bool thin_source(const ImplicitProduct<T>& p) {
  return std::all_of(p.phases.begin(), p.phases.end(),
                     [&](const Phase& phase) { return short_rows(phase.window, p.source_channels()); });
}

template <class T>
void multiply_thin(const ImplicitProduct<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const PackedWeights<T> weights(kernels, p);
  for (std::size_t i = 0; i < p.phases.size(); ++i) {
    const Phase& phase = p.phases[i];
    const std::int64_t rows = band_rows(p.target.count, phase), bands = ceil_div(phase.rows, rows);
    parallel_for(p.target.count * bands, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        const std::int64_t row = t % bands * rows;
        multiply_band(kernels, p, i, weights, t / bands, {row, std::min(row + rows, phase.rows)});
      }
    });
  }
}

template <class T>
bool thin_windows(const Images<const T>& thin, const Images<const T>& thick, const Window& window,
                  std::int64_t groups) {
  return thick.count * thick.height * thick.width > 0 && short_rows(window, thin.channels / groups);
}

template <class T>
void weight_grad_thin(const ThinWeightGrad<T>& p) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  constexpr std::int64_t kLeastPixels = 4 * kBlockK;  // of a task
  const std::int64_t band = std::clamp(kBlockK / p.thick.width, std::int64_t{1}, p.thick.height);
  const std::int64_t rows = p.thick.count * p.thick.height;  // of all pictures
  const std::int64_t share =
      round_up(std::max(ceil_div(rows, kEnoughTasks), ceil_div(kLeastPixels, p.thick.width)), band);
  const std::int64_t tasks = ceil_div(rows, share), padded_n = round_up(p.thick_channels(), kernels.lanes);
  const std::int64_t size = p.groups * p.rows() * padded_n;
  Scratch<T> sums(tasks * size);
  parallel_for(tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      ThinSums<T> task(kernels, p, band, sums.data() + t * size);
      const std::int64_t last = std::min((t + 1) * share, rows);
      for (std::int64_t r = t * share; r < last;) {
        const std::int64_t i = r % p.thick.height, count = std::min({band, p.thick.height - i, last - r});
        task.add(r / p.thick.height, {i, i + count}, r == t * share ? StoreMode::overwrite : StoreMode::accumulate);
        r += count;
      }
    }
  });
  collect(p, sums.data(), padded_n, tasks);
}

#define DUEL_DEFINE_THIN(T)                                                                                \
  template bool thin_source(const ImplicitProduct<T>&);                                                    \
  template void multiply_thin(const ImplicitProduct<T>&);                                                  \
  template bool thin_windows(const Images<const T>&, const Images<const T>&, const Window&, std::int64_t); \
  template void weight_grad_thin(const ThinWeightGrad<T>&);
DUEL_DEFINE_THIN(float)
DUEL_DEFINE_THIN(double)
#undef DUEL_DEFINE_THIN

}  // namespace duel::cpu
