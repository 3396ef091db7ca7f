#include <doctest/doctest.h>

#include <vector>

#include "tests/tensor/conv2d_reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Case = ConvolutionCase;

/// A result in float64, and the sum of its terms' magnitudes: what rounding errors are measured by.
struct Sums {
  explicit Sums(const Shape& shape)
      : value(static_cast<std::size_t>(shape.numel())), magnitude(static_cast<std::size_t>(shape.numel())) {}
  void add(std::int64_t i, double term) {
    value[static_cast<std::size_t>(i)] += term;
    magnitude[static_cast<std::size_t>(i)] += std::fabs(term);
  }
  std::vector<double> value, magnitude;
};

Tensor empty(const Shape& shape, DType dtype) {
  return Tensor::empty(shape, {.dtype = dtype, .layout = Layout::channels_last});
}

double error(const Tensor& t, const Sums& sums) {
  const std::vector<double> v = values(t);
  double worst = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (std::isnan(v[i])) return INFINITY;
    worst = std::fmax(worst, std::fabs(v[i] - sums.value[i]) / (sums.magnitude[i] + 1e-30));
  }
  return worst;
}

/// All three functions against the definition, into memory full of NaN, with the same bits for any number of threads.
void check_case(const Case& c, DType dtype) {
  CAPTURE(c);
  CAPTURE(name_of(dtype));
  const Tensor x = gaussian(empty(c.x, dtype), 1), w = gaussian(empty(c.w, dtype), 2);
  const Tensor dy = gaussian(empty(output_shape(c), dtype), 3);
  const std::vector<double> xs = values(x), ws = values(w), dys = values(dy);
  Sums y_sums(dy.shape()), dx_sums(c.x), dw_sums(c.w);
  for_each_product(c, [&](std::int64_t ix, std::int64_t iw, std::int64_t iy) {
    const double vx = xs[static_cast<std::size_t>(ix)], vw = ws[static_cast<std::size_t>(iw)];
    const double vy = dys[static_cast<std::size_t>(iy)];
    y_sums.add(iy, vx * vw);
    dx_sums.add(ix, vy * vw);
    dw_sums.add(iw, vx * vy);
  });
  const auto check_one = [&](const Shape& shape, const Sums& sums, auto&& compute) {
    const auto run = [&] {
      const Tensor out = empty(shape, dtype);
      generate(out, [](std::int64_t) { return NAN; });
      compute(out);
      return out;
    };
    CHECK(error(run(), sums) < roundings(dtype));
    CHECK(same_for_any_threads(run));
  };
  check_one(dy.shape(), y_sums, [&](const Tensor& y) { cpu().conv2d(x, w, y, c.g); });
  check_one(c.x, dx_sums, [&](const Tensor& dx) { cpu().conv2d_input_grad(dy, w, dx, c.g); });
  check_one(c.w, dw_sums, [&](const Tensor& dw) { cpu().conv2d_weight_grad(x, dy, dw, c.g); });
}

void check_cases(const std::vector<Case>& cases) {
  for (const Case& c : cases)
    for (DType dtype : {DType::float32, DType::float64}) check_case(c, dtype);
}

}  // namespace

TEST_CASE("convolution and its gradients agree with the definition on layers of GANs") {
  check_cases({
      {{3, 1, 28, 28}, {24, 1, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},    // one channel in
      {{2, 3, 16, 16}, {40, 3, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},    // a picture in
      {{2, 32, 16, 16}, {48, 32, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},  // blocks of k and of columns
      {{16, 64, 4, 4}, {72, 64, 3, 3}, {.padding = {1, 1}}},                     // much border
      {{5, 130, 4, 4}, {1, 130, 4, 4}, {}},                                      // the whole picture into one number
      {{64, 40, 4, 4}, {20, 40, 4, 4}, {}},                                      // and from one to a picture
      {{40, 16, 4, 4}, {33, 16, 7, 7}, {.padding = {3, 3}}},
      {{1, 20, 20, 20}, {3, 20, 7, 7}, {.padding = {3, 3}}},  // a picture out
      {{1, 40, 40, 9}, {2, 40, 3, 3}, {.padding = {1, 1}}},   // bands of one picture
      {{9, 3, 16, 16}, {40, 3, 1, 1}, {}},
      {{9, 40, 16, 16}, {3, 40, 1, 1}, {}},
      {{10, 3, 33, 33}, {5, 3, 3, 3}, {.stride = {2, 2}, .padding = {1, 1}}},  // chunks of pixels
  });
}

TEST_CASE("convolution and its gradients agree with the definition at the edges of their arguments") {
  check_cases({
      {{0, 3, 8, 8}, {4, 3, 3, 3}, {.padding = {1, 1}}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{1, 2, 5, 5}, {3, 2, 1, 1}, {.stride = {2, 2}, .padding = {3, 3}}},  // padding beyond the kernel
      {{1, 5, 6, 6}, {4, 5, 3, 3}, {.padding = {5, 5}, .dilation = {2, 2}}},
      {{2, 4, 7, 7}, {3, 4, 2, 2}, {.stride = {3, 3}}},  // pixels that no tap meets
      {{1, 40, 9, 8}, {3, 40, 2, 1}, {.stride = {4, 3}, .padding = {1, 2}, .dilation = {1, 3}}},
      {{2, 9, 11, 5}, {70, 9, 3, 5}, {.stride = {1, 2}, .padding = {2, 4}, .dilation = {3, 1}}},
      {{2, 32, 9, 9}, {32, 1, 3, 3}, {.padding = {1, 1}, .groups = 32}},  // depthwise
      {{2, 8, 9, 9}, {16, 1, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}, .groups = 8}},
      {{2, 6, 9, 9}, {12, 2, 3, 3}, {.stride = {2, 1}, .padding = {1, 1}, .groups = 3}},
      {{1, 140, 3, 3}, {34, 70, 3, 3}, {.padding = {1, 1}, .groups = 2}},
  });
}

TEST_CASE("convolution and its gradients agree with the definition on random arguments") {
  std::mt19937 engine(5);
  const auto draw = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine() % static_cast<unsigned>(high - low + 1));
  };
  std::vector<Case> cases;
  while (cases.size() < 60) {
    const std::int64_t groups = draw(0, 2) ? 1 : draw(2, 4);
    const std::int64_t channels = draw(0, 2) ? draw(1, 9) : draw(10, 40),
                       outputs = draw(0, 2) ? draw(1, 9) : draw(10, 40);
    const Case c{{draw(1, 3), channels * groups, draw(1, 12), draw(1, 12)},
                 {outputs * groups, channels, draw(1, 5), draw(1, 5)},
                 {.stride = {draw(1, 4), draw(1, 4)},
                  .padding = {draw(0, 5), draw(0, 5)},
                  .dilation = {draw(1, 3), draw(1, 3)},
                  .groups = groups}};
    const auto fits = [&](int d, std::int64_t padding, std::int64_t dilation) {
      return c.x[d] + 2 * padding >= dilation * (c.w[d] - 1) + 1;
    };
    if (fits(2, c.g.padding.h, c.g.dilation.h) && fits(3, c.g.padding.w, c.g.dilation.w)) cases.push_back(c);
  }
  check_cases(cases);
}
