// Rows of autograd/pool.h and grid_sample.h, against their definitions pixel by pixel.
#include <cmath>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

struct Pool {
  const char* label;
  Shape x;
  Size2 kernel, stride, padding, dilation = {1, 1};
};

Shape output_shape(const Pool& p) {
  const auto size = [](std::int64_t in, std::int64_t k, std::int64_t s, std::int64_t pad, std::int64_t d) {
    return (in + 2 * pad - d * (k - 1) - 1) / s + 1;
  };
  return {p.x[0], p.x[1], size(p.x[2], p.kernel.h, p.stride.h, p.padding.h, p.dilation.h),
          size(p.x[3], p.kernel.w, p.stride.w, p.padding.w, p.dilation.w)};
}

// Calls f(index of x) for the elements of output o's window.
void for_each_element(const Pool& p, const Shape& o, const std::function<void(const Shape&)>& f) {
  for_each_index({p.kernel.h, p.kernel.w}, [&](const Shape& k) {
    const std::int64_t h = o[2] * p.stride.h - p.padding.h + k[0] * p.dilation.h;
    const std::int64_t w = o[3] * p.stride.w - p.padding.w + k[1] * p.dilation.w;
    if (h >= 0 && h < p.x[2] && w >= 0 && w < p.x[3]) f({o[0], o[1], h, w});
  });
}

Case avg_case(const Pool& p, PadCount count) {
  return {p.label,
          {{p.x}},
          [p, count](const Variables& x) {
            return avg_pool2d(x[0], {.kernel = p.kernel, .stride = p.stride, .padding = p.padding, .count = count});
          },
          [p, count](const std::vector<Array>& in) {
            Array y = Array::zeros(output_shape(p));
            for_each_index(y.shape, [&](const Shape& o) {
              double sum = 0, elements = 0;
              for_each_element(p, o, [&](const Shape& i) {
                sum += in[0].at(i);
                ++elements;
              });
              y.at(o) = sum / (count == PadCount::include ? static_cast<double>(p.kernel.h * p.kernel.w) : elements);
            });
            return y;
          }};
}

Case adaptive_case(const char* label, const Shape& x, Size2 size) {
  return {label,
          {{x}},
          [size](const Variables& v) { return adaptive_avg_pool2d(v[0], size); },
          [size](const std::vector<Array>& in) {
            const Shape& s = in[0].shape;
            Array y = Array::zeros({s[0], s[1], size.h, size.w});
            // Input i is in window o if the two overlap: [i, i + 1) and [o * in / out, (o + 1) * in / out).
            const auto overlaps = [](std::int64_t i, std::int64_t n, std::int64_t o, std::int64_t out) {
              return (i + 1) * out > o * n && i * out < (o + 1) * n;
            };
            for_each_index(y.shape, [&](const Shape& o) {
              double sum = 0, elements = 0;
              for_each_index({s[2], s[3]}, [&](const Shape& i) {
                if (!overlaps(i[0], s[2], o[2], size.h) || !overlaps(i[1], s[3], o[3], size.w)) return;
                sum += in[0].at({o[0], o[1], i[0], i[1]});
                ++elements;
              });
              y.at(o) = sum / elements;
            });
            return y;
          }};
}

Case max_case(const Pool& p) {
  return {p.label,
          {{p.x, {.distinct = true}}},
          [p](const Variables& x) {
            return max_pool2d(x[0],
                              {.kernel = p.kernel, .stride = p.stride, .padding = p.padding, .dilation = p.dilation});
          },
          [p](const std::vector<Array>& in) {
            Array y = Array::zeros(output_shape(p));
            for_each_index(y.shape, [&](const Shape& o) {
              double& largest = y.at(o) = -INFINITY;
              for_each_element(p, o, [&](const Shape& i) { largest = std::max(largest, in[0].at(i)); });
            });
            return y;
          }};
}

Case global_case(const char* label, const Shape& x, Variable (*f)(const Variable&), bool mean) {
  return {label,
          {{x}},
          [f](const Variables& v) { return f(v[0]); },
          [mean](const std::vector<Array>& in) {
            const Shape& s = in[0].shape;
            Array y = Array::zeros({s[0], s[1]});
            for_each_index(s, [&](const Shape& i) {
              y.at({i[0], i[1]}) += in[0].at(i) / (mean ? static_cast<double>(s[2] * s[3]) : 1);
            });
            return y;
          }};
}

std::vector<Case> global_cases(Variable (*f)(const Variable&), bool mean) {
  return {global_case("image", {2, 3, 4, 5}, f, mean), global_case("one pixel", {3, 2, 1, 1}, f, mean),
          global_case("batch 1", {1, 1, 7, 3}, f, mean), global_case("batch 0", {0, 3, 2, 2}, f, mean)};
}

// A coordinate among an axis's pixels, brought in by walking.
double place(double coordinate, std::int64_t size, PadMode outside) {
  const double n = static_cast<double>(size);
  double p = (coordinate + 1) / 2 * n - 0.5;
  if (outside == PadMode::reflect)
    while (p < -0.5 || p > n - 0.5) p = p < -0.5 ? -1 - p : 2 * n - 1 - p;
  return outside == PadMode::zeros ? p : std::min(std::max(p, 0.0), n - 1);
}

// Calls f(index of x, index of y, weight) for every product.
void for_each_sample(const Shape& x, const Array& grid, PadMode outside,
                     const std::function<void(const Shape&, const Shape&, double)>& f) {
  for_each_index({x[0], x[1], grid.shape[1], grid.shape[2]}, [&](const Shape& o) {
    const double w = place(grid.at({o[0], o[2], o[3], 0}), x[3], outside);
    const double h = place(grid.at({o[0], o[2], o[3], 1}), x[2], outside);
    for_each_index({x[2], x[3]}, [&](const Shape& i) {
      const double weight = std::max(0.0, 1 - std::abs(h - static_cast<double>(i[0]))) *
                            std::max(0.0, 1 - std::abs(w - static_cast<double>(i[1])));
      if (weight != 0) f({o[0], o[1], i[0], i[1]}, o, weight);
    });
  });
}

// Coordinates at which a picture of this size has pixel centres or edges, where the derivative jumps.
Domain grid_domain(std::int64_t size) {
  Domain d{.low = -1.9, .high = 1.9, .margin = 0.05};
  for (std::int64_t i = -2 * size; i <= 4 * size; ++i)
    d.kinks.push_back(static_cast<double>(i) / static_cast<double>(size) - 1);
  return d;
}

struct Sampling {
  const char* label;
  Shape x;
  Size2 out;
  PadMode outside;
};

const std::vector<Sampling> kSamplings = {
    {"zeros", {2, 3, 3, 3}, {2, 4}, PadMode::zeros},        {"border", {2, 2, 4, 4}, {3, 2}, PadMode::replicate},
    {"reflection", {1, 3, 3, 3}, {4, 3}, PadMode::reflect}, {"one pixel", {2, 1, 1, 1}, {2, 2}, PadMode::zeros},
    {"one place", {1, 5, 5, 5}, {1, 1}, PadMode::reflect},  {"not square", {1, 2, 2, 4}, {5, 1}, PadMode::zeros},
    {"empty", {0, 2, 3, 3}, {2, 2}, PadMode::zeros}};

std::vector<Case> grid_sample_cases() {
  std::vector<Case> cases;
  for (const Sampling& s : kSamplings)
    cases.push_back({s.label,
                     {{s.x}, {{s.x[0], s.out.h, s.out.w, 2}, grid_domain(std::max(s.x[2], s.x[3]))}},
                     [s](const Variables& x) { return grid_sample(x[0], x[1], s.outside); },
                     [s](const std::vector<Array>& in) {
                       Array y = Array::zeros({s.x[0], s.x[1], s.out.h, s.out.w});
                       for_each_sample(s.x, in[1], s.outside, [&](const Shape& i, const Shape& o, double weight) {
                         y.at(o) += weight * in[0].at(i);
                       });
                       return y;
                     }});
  return cases;
}

std::vector<Case> grid_sample_input_grad_cases() {
  std::vector<Case> cases;
  for (const Sampling& s : kSamplings)
    cases.push_back(
        {s.label,
         {{{s.x[0], s.x[1], s.out.h, s.out.w}}, {{s.x[0], s.out.h, s.out.w, 2}, grid_domain(std::max(s.x[2], s.x[3]))}},
         [s](const Variables& x) {
           return grid_sample_input_grad(x[0], x[1], {s.x[2], s.x[3]}, s.outside);
         },
         [s](const std::vector<Array>& in) {
           Array dx = Array::zeros(s.x);
           for_each_sample(s.x, in[1], s.outside,
                           [&](const Shape& i, const Shape& o, double weight) { dx.at(i) += weight * in[0].at(o); });
           return dx;
         }});
  return cases;
}

Case affine_grid_case(const char* label, std::int64_t n, Size2 size) {
  return {label,
          {{{n, 2, 3}}},
          [size](const Variables& x) { return affine_grid(x[0], size); },
          [size](const std::vector<Array>& in) {
            Array y = Array::zeros({in[0].shape[0], size.h, size.w, 2});
            for_each_index(y.shape, [&](const Shape& o) {
              const double px = (static_cast<double>(o[2]) + 0.5) / static_cast<double>(size.w) * 2 - 1;
              const double py = (static_cast<double>(o[1]) + 0.5) / static_cast<double>(size.h) * 2 - 1;
              const auto t = [&](std::int64_t k) { return in[0].at({o[0], o[3], k}); };
              y.at(o) = t(0) * px + t(1) * py + t(2);
            });
            return y;
          }};
}

}  // namespace

std::vector<Row> pool_rows() {
  const Recipe linear = Recipe::linear;
  const PadCount include = PadCount::include, exclude = PadCount::exclude;
  return {
      {"avg_pool2d",
       linear,
       {},
       {0},
       {avg_case({"halve", {2, 3, 4, 6}, {2, 2}, {2, 2}, {0, 0}}, include),
        avg_case({"padded", {1, 2, 5, 4}, {3, 3}, {2, 2}, {1, 1}}, include),
        avg_case({"without padding", {1, 2, 5, 4}, {3, 3}, {2, 2}, {1, 1}}, exclude),
        avg_case({"uneven", {2, 1, 7, 5}, {4, 2}, {1, 3}, {2, 1}}, exclude),
        avg_case({"left over", {1, 1, 5, 7}, {2, 3}, {2, 3}, {0, 0}}, include),
        avg_case({"one", {1, 3, 1, 1}, {1, 1}, {1, 1}, {0, 0}}, include),
        avg_case({"empty", {0, 2, 4, 4}, {2, 2}, {2, 2}, {0, 0}}, include)},
       kAnyOrder,
       3},
      {"adaptive_avg_pool2d",
       linear,
       {},
       {0},
       {adaptive_case("even", {2, 3, 4, 6}, {2, 3}), adaptive_case("overlapping", {1, 2, 7, 5}, {3, 2}),
        adaptive_case("larger", {1, 1, 2, 3}, {5, 4}), adaptive_case("one", {2, 3, 3, 5}, {1, 1}),
        adaptive_case("empty", {0, 2, 4, 4}, {2, 2})},
       kAnyOrder,
       3},
      {"max_pool2d",
       linear,
       {"max_pool2d"},
       {},
       {max_case({"halve", {2, 3, 4, 6}, {2, 2}, {2, 2}, {0, 0}}),
        max_case({"overlapping", {1, 2, 5, 4}, {3, 3}, {1, 2}, {1, 1}}),
        max_case({"uneven", {2, 1, 7, 5}, {4, 1}, {1, 3}, {2, 0}}),
        max_case({"dilated", {1, 2, 7, 6}, {2, 3}, {2, 1}, {1, 1}, {3, 2}}),
        max_case({"one", {1, 3, 1, 1}, {1, 1}, {1, 1}, {0, 0}}),
        max_case({"empty", {0, 2, 4, 4}, {2, 2}, {2, 2}, {0, 0}})},
       kAnyOrder,
       3},
      {"global_sum_pool", linear, {}, {0}, global_cases(global_sum_pool, false), kAnyOrder, 3},
      {"global_mean_pool", linear, {}, {0}, global_cases(global_mean_pool, true), kAnyOrder, 3},
      {"affine_grid",
       linear,
       {},
       {0},
       {affine_grid_case("image", 2, {3, 4}), affine_grid_case("one", 1, {1, 1}), affine_grid_case("tall", 3, {5, 2}),
        affine_grid_case("empty", 0, {2, 2})}},
      {"grid_sample", linear, {"grid_sample"}, {0}, grid_sample_cases()},
      {"grid_sample_input_grad", linear, {"grid_sample_input_grad"}, {0}, grid_sample_input_grad_cases()},
  };
}

}  // namespace duel::testing
