// The definition of convolution, for the tests of its kernels.
#pragma once

#include <ostream>

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

}  // namespace duel::testing
