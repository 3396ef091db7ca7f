#include "duel/gan/data/resize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <numeric>
#include <vector>

#include "duel/tensor/cpu/pixel_sums.h"

namespace duel {
namespace {

constexpr std::int64_t kMostSide = std::int64_t{1} << 20;
constexpr std::int64_t kLanes = cpu::kPixelLanes;

// The filters, and how far from 0 they end.
struct Kernel {
  double (*weight)(double x);
  double reach;
};

double sinc(double x) { return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x); }
double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }
double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }
double hamming(double x) { return std::abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * std::cos(std::numbers::pi * x)) : 0; }
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

Kernel kernel_of(ResizeFilter filter) {
  switch (filter) {
    case ResizeFilter::box: return {box, 0.5};
    case ResizeFilter::bilinear: return {triangle, 1};
    case ResizeFilter::hamming: return {hamming, 1};
    case ResizeFilter::bicubic: return {cubic, 2};
    case ResizeFilter::lanczos: return {lanczos, 3};
    case ResizeFilter::nearest: break;  // has no weights
  }
  fail("resize", "there is no such filter as number ", static_cast<int>(filter));
}

// How sums are made: of bytes in fixed point, whose roundings are part of the result, of floats in double.
struct Bytes {
  using Pixel = std::uint8_t;
  using Weight = std::int32_t;
  static Weight weight(double w) {
    return static_cast<Weight>(w * (1 << cpu::kPixelWeightBits) + (w < 0 ? -0.5 : 0.5));
  }
  static constexpr auto kSum = &cpu::PixelSums::bytes;
};
struct Floats {
  using Pixel = float;
  using Weight = double;
  static Weight weight(double w) { return w; }
  static constexpr auto kSum = &cpu::PixelSums::floats;
};

// Which inputs an output pixel is made of along one axis, and with which weights.
template <class Weight>
struct Window {
  std::int64_t first, count;
  const Weight* weights;
};

template <class Arithmetic>
class Windows {
 public:
  using Weight = typename Arithmetic::Weight;

  Windows(std::int64_t in, std::int64_t out, const Kernel& kernel) {
    const double scale = static_cast<double>(in) / static_cast<double>(out), stretch = std::max(scale, 1.0);
    const double reach = kernel.reach * stretch;
    stride_ = 2 * static_cast<std::int64_t>(std::ceil(reach)) + 1;
    weights_.resize(static_cast<std::size_t>(out * stride_));
    std::vector<double> exact(static_cast<std::size_t>(stride_));
    for (std::int64_t o = 0; o < out; ++o) {
      const double centre = (static_cast<double>(o) + 0.5) * scale;
      const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(centre - reach + 0.5), 0);
      const std::int64_t count = std::min(static_cast<std::int64_t>(centre + reach + 0.5), in) - first;
      double total = 0;
      for (std::int64_t i = 0; i < count; ++i)
        total += exact[i] = kernel.weight((static_cast<double>(i + first) - centre + 0.5) * (1 / stretch));
      for (std::int64_t i = 0; i < count; ++i)
        weights_[o * stride_ + i] = Arithmetic::weight(total != 0 ? exact[i] / total : exact[i]);
      ranges_.push_back({first, count});
    }
  }

  Window<Weight> operator[](std::int64_t o) const {
    return {ranges_[o].first, ranges_[o].count, weights_.data() + o * stride_};
  }

 private:
  struct Range {
    std::int64_t first, count;
  };
  std::int64_t stride_;
  std::vector<Range> ranges_;
  std::vector<Weight> weights_;
};

// A picture [H, W, C] in memory, each row padded to whole groups of lanes.
template <class Pixel>
struct Rows {
  Rows(std::int64_t channels, std::int64_t height, std::int64_t width)
      : c(channels),
        h(height),
        w(width),
        stride((c * w + kLanes - 1) / kLanes * kLanes),
        storage(Tensor::empty({h, stride}, {.dtype = dtype_of<Pixel>()})),
        pixels(storage.template mutable_data<Pixel>()) {}

  std::int64_t c, h, w, stride;
  Tensor storage;
  Pixel* pixels;
};

// out[j][i] = in[i][j] of 8x8 bytes: halves of blocks change places across the diagonal, then quarters, then eighths.
void transpose_8x8(const std::uint8_t* in, std::int64_t in_step, std::uint8_t* out, std::int64_t out_step) {
  std::uint64_t rows[8];
  for (int i = 0; i < 8; ++i) std::memcpy(&rows[i], in + i * in_step, 8);
  const auto exchange = [&](int distance, std::uint64_t mask) {
    for (int i = 0; i < 8; ++i) {
      if (i & distance) continue;
      const std::uint64_t changed = ((rows[i] >> (8 * distance)) ^ rows[i + distance]) & mask;
      rows[i + distance] ^= changed;
      rows[i] ^= changed << (8 * distance);
    }
  };
  exchange(4, 0x00000000FFFFFFFF);
  exchange(2, 0x0000FFFF0000FFFF);
  exchange(1, 0x00FF00FF00FF00FF);
  for (int j = 0; j < 8; ++j) std::memcpy(out + j * out_step, &rows[j], 8);
}

// out[j][i] = in[i][j] for i < rows, j < cols; the steps are from row to row.
template <class Pixel>
void transpose(const Pixel* in, std::int64_t in_step, std::int64_t rows, std::int64_t cols, Pixel* out,
               std::int64_t out_step) {
  for (std::int64_t top = 0; top < rows; top += 8)
    for (std::int64_t left = 0; left < cols; left += 8) {
      const Pixel* const from = in + top * in_step + left;
      Pixel* const to = out + left * out_step + top;
      const std::int64_t high = std::min<std::int64_t>(rows - top, 8), wide = std::min<std::int64_t>(cols - left, 8);
      if constexpr (sizeof(Pixel) == 1 && std::endian::native == std::endian::little)
        if (high == 8 && wide == 8) {
          transpose_8x8(from, in_step, to, out_step);
          continue;
        }
      for (std::int64_t i = 0; i < high; ++i)
        for (std::int64_t j = 0; j < wide; ++j) to[j * out_step + i] = from[i * in_step + j];
    }
}

// Along the rows, of `in` [H, W, C], its pixels side by side. Some rows at a time are turned into columns, so that what
// is summed lies side by side.
template <class Arithmetic, class Pixel = typename Arithmetic::Pixel>
void resize_rows(const Tensor& in, const Kernel& kernel, const Rows<Pixel>& out) {
  const std::int64_t h = in.size(0), w = in.size(1), c = in.size(2), row_step = in.strides()[0];
  const Windows<Arithmetic> windows(w, out.w, kernel);
  const Tensor columns = Tensor::empty({w * c, kLanes}, {.dtype = in.dtype()});
  const Tensor resized = Tensor::empty({out.w * c, kLanes}, {.dtype = in.dtype()});
  Pixel *const from = columns.mutable_data<Pixel>(), *const to = resized.mutable_data<Pixel>();
  const auto sum = cpu::pixel_sums().*Arithmetic::kSum;
  for (std::int64_t top = 0; top < h; top += kLanes) {
    const std::int64_t rows = std::min(kLanes, h - top);
    transpose(in.data<Pixel>() + top * row_step, row_step, rows, w * c, from, kLanes);
    for (std::int64_t i = 0; i < out.w * c; ++i) {
      const auto window = windows[i / c];
      sum(from + (window.first * c + i % c) * kLanes, c * kLanes, window.weights, window.count, to + i * kLanes);
    }
    transpose(to, kLanes, out.w * c, rows, out.pixels + top * out.stride, out.stride);
  }
}

// Down the columns, to `out` [H, W, C], dense.
template <class Arithmetic, class Pixel = typename Arithmetic::Pixel>
void resize_columns(const Rows<Pixel>& in, std::int64_t out_h, const Kernel& kernel, Pixel* out) {
  const Windows<Arithmetic> windows(in.h, out_h, kernel);
  const std::int64_t n = in.w * in.c;
  const auto sum = cpu::pixel_sums().*Arithmetic::kSum;
  Pixel sums[kLanes];
  for (std::int64_t y = 0; y < out_h; ++y, out += n) {
    const auto window = windows[y];
    for (std::int64_t i = 0; i < n; i += kLanes) {
      sum(in.pixels + window.first * in.stride + i, in.stride, window.weights, window.count, sums);
      std::copy_n(sums, std::min(kLanes, n - i), out + i);
    }
  }
}

// The column (or row) that lies under each output's centre. The centres are summed up as PIL does it, so that roundings
// fall alike.
std::vector<std::int64_t> nearest(std::int64_t in, std::int64_t out) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  std::vector<std::int64_t> index(static_cast<std::size_t>(out));
  double centre = 0.5 * step;
  for (std::int64_t& i : index) {
    i = std::min(static_cast<std::int64_t>(centre), in - 1);
    centre += step;
  }
  return index;
}

// The elements of `in` [C, H, W] at those rows and columns, to [rows, columns, C] in memory, `out_stride` from row to
// row.
template <class Pixel>
void pick(const Tensor& in, const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& columns, Pixel* out,
          std::int64_t out_stride) {
  const std::int64_t c = in.size(0);
  const Shape& step = in.strides();
  for (const std::int64_t y : rows) {
    Pixel* to = out;
    for (const std::int64_t x : columns) {
      const Pixel* const from = in.data<Pixel>() + y * step[1] + x * step[2];
      for (std::int64_t channel = 0; channel < c; ++channel) *to++ = from[channel * step[0]];
    }
    out += out_stride;
  }
}

std::vector<std::int64_t> all(std::int64_t n) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(n));
  std::iota(index.begin(), index.end(), 0);
  return index;
}

// `in` [C, H, W] as [H, W, C], its pixels side by side: copied if they lie otherwise.
template <class Pixel>
Tensor interleaved(const Tensor& in) {
  const std::int64_t c = in.size(0), h = in.size(1), w = in.size(2);
  if ((c == 1 || in.strides()[0] == 1) && in.strides()[2] == c) return in.permute({1, 2, 0});
  const Tensor copy = Tensor::empty({h, w, c}, {.dtype = in.dtype()});
  pick(in, all(h), all(w), copy.mutable_data<Pixel>(), w * c);
  return copy;
}

template <class Arithmetic, class Pixel = typename Arithmetic::Pixel>
void resize_to(const Tensor& in, Size2 to, ResizeFilter filter, Pixel* out) {
  const std::int64_t c = in.size(0), h = in.size(1), w = in.size(2);
  if (filter == ResizeFilter::nearest) return pick(in, nearest(h, to.h), nearest(w, to.w), out, to.w * c);
  const Kernel kernel = kernel_of(filter);
  const Rows<Pixel> rows(c, h, to.w);
  if (to.w != w)
    resize_rows<Arithmetic>(interleaved<Pixel>(in), kernel, rows);
  else
    pick(in, all(h), all(w), rows.pixels, rows.stride);
  if (to.h != h) return resize_columns<Arithmetic>(rows, to.h, kernel, out);
  for (std::int64_t y = 0; y < h; ++y) std::copy_n(rows.pixels + y * rows.stride, to.w * c, out + y * to.w * c);
}

}  // namespace

Tensor resize(const Tensor& picture, Size2 to, ResizeFilter filter) {
  check(picture.defined() && picture.dim() == 3 && picture.numel() > 0 && picture.device() == Device::cpu &&
            (picture.dtype() == DType::uint8 || picture.dtype() == DType::float32),
        "resize", "needs a uint8 or float32 picture [C, H, W] of one pixel or more on the CPU, got ", picture);
  const Size2 from{picture.size(1), picture.size(2)};
  check(to.h >= 1 && to.w >= 1, "resize", "the new size ", to.h, "x", to.w, " has no pixels");
  check(std::max({from.h, from.w, to.h, to.w}) <= kMostSide, "resize", "from ", from.h, "x", from.w, " to ", to.h, "x",
        to.w, ": sides are at most ", kMostSide);
  if (to == from) return picture;
  const Tensor resized = Tensor::empty({to.h, to.w, picture.size(0)}, {.dtype = picture.dtype()});
  if (picture.dtype() == DType::uint8)
    resize_to<Bytes>(picture, to, filter, resized.mutable_data<std::uint8_t>());
  else
    resize_to<Floats>(picture, to, filter, resized.mutable_data<float>());
  return resized.permute({2, 0, 1});
}

}  // namespace duel
