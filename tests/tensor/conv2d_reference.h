// Convolution and its gradients by their definition, for the tests of the kernels: what they are given, what they
// should give, and how far from it a result is.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <ostream>

#include "duel/tensor/cpu/conv2d.h"
#include "tests/tensor/reference.h"

namespace duel::testing {

struct ConvolutionCase {
  Shape x, w;  // [N, C, H, W], [O, C / groups, KH, KW]
  Conv2dGeometry g;
};

inline std::int64_t output_size(std::int64_t in, std::int64_t k, std::int64_t stride, std::int64_t padding,
                                std::int64_t dilation) {
  return (in + 2 * padding - dilation * (k - 1) - 1) / stride + 1;
}

inline Shape output_shape(const ConvolutionCase& c) {
  return {c.x[0], c.w[0], output_size(c.x[2], c.w[2], c.g.stride.h, c.g.padding.h, c.g.dilation.h),
          output_size(c.x[3], c.w[3], c.g.stride.w, c.g.padding.w, c.g.dilation.w)};
}

inline std::ostream& operator<<(std::ostream& out, const ConvolutionCase& c) {
  return out << "x " << c.x << ", w " << c.w << ", stride " << c.g.stride.h << ' ' << c.g.stride.w << ", padding "
             << c.g.padding.h << ' ' << c.g.padding.w << ", dilation " << c.g.dilation.h << ' ' << c.g.dilation.w
             << ", groups " << c.g.groups;
}

inline std::int64_t index(const Shape& s, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  return ((n * s[1] + c) * s[2] + h) * s[3] + w;
}

/// Calls f(element of x, of w, of y) for every product of the convolution.
template <class F>
void for_each_product(const ConvolutionCase& c, const F& f) {
  const Shape y = output_shape(c);
  const std::int64_t outputs = c.w[0] / c.g.groups;
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t o = 0; o < y[1]; ++o)
      for (std::int64_t i = 0; i < y[2]; ++i)
        for (std::int64_t j = 0; j < y[3]; ++j)
          for (std::int64_t kh = 0; kh < c.w[2]; ++kh)
            for (std::int64_t kw = 0; kw < c.w[3]; ++kw) {
              const std::int64_t h = i * c.g.stride.h - c.g.padding.h + kh * c.g.dilation.h;
              const std::int64_t v = j * c.g.stride.w - c.g.padding.w + kw * c.g.dilation.w;
              if (h < 0 || h >= c.x[2] || v < 0 || v >= c.x[3]) continue;
              for (std::int64_t q = 0; q < c.w[1]; ++q)
                f(index(c.x, n, o / outputs * c.w[1] + q, h, v), index(c.w, o, q, kh, kw), index(y, n, o, i, j));
            }
}

/// Uninitialised, as the kernels want it.
inline Tensor channels_last(const Shape& shape, DType dtype = DType::float32) {
  return Tensor::empty(shape, {.dtype = dtype, .layout = Layout::channels_last});
}

/// The two inputs of a convolution and the gradient of its output.
struct Operands {
  Tensor x, w, dy;
};

inline Operands gaussian_operands(const ConvolutionCase& c, DType dtype = DType::float32, double mean = 0) {
  return {gaussian(channels_last(c.x, dtype), 1, mean), gaussian(channels_last(c.w, dtype), 2),
          gaussian(channels_last(output_shape(c), dtype), 3, mean)};
}

enum class Direction : std::uint8_t { forward, input_grad, weight_grad };
constexpr Direction kDirections[] = {Direction::forward, Direction::input_grad, Direction::weight_grad};

inline std::string name_of(Direction d) {
  constexpr const char* kNames[] = {"forward", "input gradient", "weight gradient"};
  return kNames[static_cast<int>(d)];
}

inline std::string name_of(cpu::ConvAlgorithm algorithm) {
  constexpr const char* kNames[] = {"automatic", "direct", "Winograd 2 x 2", "Winograd 3 x 3", "Winograd 4 x 4"};
  return kNames[static_cast<int>(algorithm)];
}

/// y, dx or dw by the algorithm, in memory that was full of NaN.
inline Tensor convolve(Direction d, const ConvolutionCase& c, const Operands& o, cpu::ConvAlgorithm algorithm) {
  const Tensor& like = d == Direction::forward ? o.dy : d == Direction::input_grad ? o.x : o.w;
  const Tensor out = channels_last(like.shape(), like.dtype());
  generate(out, [](std::int64_t) { return NAN; });
  switch (d) {
    case Direction::forward: cpu::conv2d(o.x, o.w, out, c.g, algorithm); break;
    case Direction::input_grad: cpu::conv2d_input_grad(o.dy, o.w, out, c.g, algorithm); break;
    case Direction::weight_grad: cpu::conv2d_weight_grad(o.x, o.dy, out, c.g, algorithm); break;
  }
  return out;
}

/// A result in float64, and the sums of its terms' magnitudes.
struct Sums {
  explicit Sums(std::int64_t size) : value(static_cast<std::size_t>(size)), magnitude(static_cast<std::size_t>(size)) {}
  void add(std::int64_t i, double term) {
    value[static_cast<std::size_t>(i)] += term;
    magnitude[static_cast<std::size_t>(i)] += std::fabs(term);
  }
  std::vector<double> value, magnitude;
};

/// y, dx and dw by the definition.
class Reference {
 public:
  Reference(const ConvolutionCase& c, const Operands& o)
      : sums_{Sums(o.dy.numel()), Sums(o.x.numel()), Sums(o.w.numel())} {
    const std::vector<double> xs = values(o.x), ws = values(o.w), dys = values(o.dy);
    for_each_product(c, [&](std::int64_t ix, std::int64_t iw, std::int64_t iy) {
      const double x = xs[static_cast<std::size_t>(ix)], w = ws[static_cast<std::size_t>(iw)];
      const double dy = dys[static_cast<std::size_t>(iy)];
      sums_[0].add(iy, x * w);
      sums_[1].add(ix, dy * w);
      sums_[2].add(iw, x * dy);
    });
  }
  const Sums& operator[](Direction d) const { return sums_[static_cast<std::size_t>(d)]; }

 private:
  std::array<Sums, 3> sums_;
};

/// The largest error of an element relative to the magnitudes of its terms: what sums taken as they are written bound.
inline double error_by_terms(const Tensor& t, const Sums& sums) {
  const std::vector<double> v = values(t);
  double worst = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (std::isnan(v[i])) return INFINITY;
    if (v[i] != sums.value[i]) worst = std::fmax(worst, std::fabs(v[i] - sums.value[i]) / sums.magnitude[i]);
  }
  return worst;
}

/// The same relative to the largest element; to 1, a single product, where all products cancel.
inline double error_by_largest(const Tensor& t, const Sums& sums) {
  const std::vector<double> v = values(t);
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (std::isnan(v[i])) return INFINITY;
    worst = std::fmax(worst, std::fabs(v[i] - sums.value[i]));
    largest = std::fmax(largest, std::fabs(sums.value[i]));
  }
  return worst / largest;
}

/// All three directions of a case against the definition, with the same bits for any number of threads.
inline void check_directions(const ConvolutionCase& c, DType dtype, cpu::ConvAlgorithm algorithm) {
  CAPTURE(c);
  CAPTURE(name_of(dtype));
  const Operands o = gaussian_operands(c, dtype);
  const Reference reference(c, o);
  for (Direction d : kDirections) {
    CAPTURE(name_of(d));
    const auto run = [&] { return convolve(d, c, o, algorithm); };
    CHECK(error_by_terms(run(), reference[d]) < roundings(dtype));
    CHECK(same_for_any_threads(run));
  }
}

}  // namespace duel::testing
