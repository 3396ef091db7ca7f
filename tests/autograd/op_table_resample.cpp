// Rows of autograd/resample.h and upfirdn2d.h, against their definitions pixel by pixel.
#include <cmath>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

using Weights = std::vector<std::vector<double>>;  // [out][in]

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// y[n, c, i, j] = sum over k, l of h[i][k] * w[j][l] * x[n, c, k, l]
Reference weighted(const Weights& h, const Weights& w) {
  return [h, w](const std::vector<Array>& in) {
    const Array& x = in[0];
    Array y = Array::zeros({x.shape[0], x.shape[1], std::ssize(h), std::ssize(w)});
    for_each_index(y.shape, [&](const Shape& o) {
      double& sum = y.at(o);
      for_each_index({x.shape[2], x.shape[3]}, [&](const Shape& i) {
        sum += h[at(o[2])][at(i[0])] * w[at(o[3])][at(i[1])] * x.at({o[0], o[1], i[0], i[1]});
      });
    });
    return y;
  };
}

// f(o, i) for all of them.
Weights weights(std::int64_t out, std::int64_t in, const std::function<double(std::int64_t, std::int64_t)>& f) {
  Weights m(at(out), std::vector<double>(at(in)));
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i) m[at(o)][at(i)] = f(o, i);
  return m;
}

Taps dense_taps(const Weights& m) {
  std::vector<std::vector<Tap>> rows;
  for (const auto& row : m) {
    rows.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i)
      if (row[i] != 0) rows.back().push_back({static_cast<std::int64_t>(i), row[i]});
  }
  return make_taps(rows);
}

Case resample_case(const char* label, const Shape& x, const Weights& h, const Weights& w) {
  return {label,
          {{x}},
          [h = dense_taps(h), w = dense_taps(w)](const Variables& v) { return resample2d(v[0], h, w); },
          weighted(h, w)};
}

Weights nearest(std::int64_t in, std::int64_t out, double scale) {
  return weights(out, in, [&](std::int64_t o, std::int64_t i) {
    const std::int64_t source = scale == 0 ? o * in / out : static_cast<std::int64_t>(static_cast<double>(o) / scale);
    return source == i ? 1.0 : 0.0;
  });
}

// A hat around each output's place, which is moved in from outside.
Weights bilinear(std::int64_t in, std::int64_t out, double scale) {
  const double step = scale == 0 ? static_cast<double>(in) / static_cast<double>(out) : 1 / scale;
  return weights(out, in, [&](std::int64_t o, std::int64_t i) {
    const double place =
        std::min(std::max((static_cast<double>(o) + 0.5) * step - 0.5, 0.0), static_cast<double>(in - 1));
    return std::max(0.0, 1 - std::abs(place - static_cast<double>(i)));
  });
}

struct Resize {
  const char* label;
  Shape x;
  Size2 out;
  Scale2 scale{0, 0};  // 0: by size
};

const std::vector<Resize> kResizes = {{"double", {1, 2, 2, 3}, {4, 6}, {2, 2}},
                                      {"up by size", {1, 2, 3, 2}, {7, 5}},
                                      {"down by size", {2, 1, 7, 5}, {3, 2}},
                                      {"up by scale", {1, 1, 3, 4}, {4, 10}, {1.5, 2.5}},
                                      {"down by scale", {1, 2, 5, 7}, {3, 4}, {0.7, 0.6}},
                                      {"mixed", {1, 3, 5, 2}, {2, 6}},
                                      {"same", {2, 2, 3, 2}, {3, 2}},
                                      {"one pixel", {2, 3, 1, 1}, {3, 2}},
                                      {"to one pixel", {1, 2, 5, 3}, {1, 1}},
                                      {"empty", {0, 2, 3, 3}, {6, 6}, {2, 2}}};

std::vector<Case> resize_cases(Variable (*f)(const Variable&, const UpsampleOptions&),
                               Weights (*reference)(std::int64_t, std::int64_t, double)) {
  std::vector<Case> cases;
  for (const Resize& r : kResizes) {
    const bool by_scale = r.scale.h != 0;
    const UpsampleOptions o{.size = by_scale ? Size2{0, 0} : r.out, .scale = r.scale};
    cases.push_back({r.label,
                     {{r.x}},
                     [f, o](const Variables& x) { return f(x[0], o); },
                     weighted(reference(r.x[2], r.out.h, r.scale.h), reference(r.x[3], r.out.w, r.scale.w))});
  }
  return cases;
}

// By walking step by step, turning round at the borders.
std::int64_t reflected(std::int64_t i, std::int64_t in) {
  std::int64_t position = 0, direction = 1;
  for (std::int64_t k = 0; k < std::abs(i); ++k) {
    if (position + direction < 0 || position + direction >= in) direction = -direction;
    position += in == 1 ? 0 : direction;
  }
  return position;
}

Case pad2d_case(const char* label, const Shape& x, const Padding2& p, PadMode mode) {
  const auto axis = [mode](std::int64_t in, Padding pad) {
    return weights(in + pad.before + pad.after, in, [&](std::int64_t o, std::int64_t i) {
      std::int64_t source = o - pad.before;
      if (mode == PadMode::replicate) source = std::min(std::max<std::int64_t>(source, 0), in - 1);
      if (mode == PadMode::reflect) source = reflected(source, in);
      return source == i ? 1.0 : 0.0;
    });
  };
  return {label,
          {{x}},
          [p, mode](const Variables& v) { return pad2d(v[0], p, mode); },
          weighted(axis(x[2], p.h), axis(x[3], p.w))};
}

Case shuffle_case(const char* label, const Shape& x, std::int64_t r) {
  return {label,
          {{x}},
          [r](const Variables& v) { return pixel_shuffle(v[0], r); },
          [r](const std::vector<Array>& in) {
            const Shape& s = in[0].shape;
            Array y = Array::zeros({s[0], s[1] / (r * r), s[2] * r, s[3] * r});
            for_each_index(y.shape, [&](const Shape& o) {
              y.at(o) = in[0].at({o[0], (o[1] * r + o[2] % r) * r + o[3] % r, o[2] / r, o[3] / r});
            });
            return y;
          }};
}

Case unshuffle_case(const char* label, const Shape& x, std::int64_t r) {
  return {label,
          {{x}},
          [r](const Variables& v) { return pixel_unshuffle(v[0], r); },
          [r](const std::vector<Array>& in) {
            const Shape& s = in[0].shape;
            Array y = Array::zeros({s[0], s[1] * r * r, s[2] / r, s[3] / r});
            for_each_index(in[0].shape, [&](const Shape& i) {
              y.at({i[0], (i[1] * r + i[2] % r) * r + i[3] % r, i[2] / r, i[3] / r}) = in[0].at(i);
            });
            return y;
          }};
}

// The definition, step by step: zeros put in, padded or cropped, filtered, thinned out. f [KH][KW].
Reference upfirdn2d_reference(const Weights& f, const Upfirdn2dOptions& o) {
  return [f, o](const std::vector<Array>& in) {
    const Array& x = in[0];
    const std::int64_t kh = std::ssize(f), kw = std::ssize(f[0]);
    const std::int64_t h = x.shape[2] * o.up.h + o.padding.h.before + o.padding.h.after;
    const std::int64_t w = x.shape[3] * o.up.w + o.padding.w.before + o.padding.w.after;
    Array padded = Array::zeros({x.shape[0], x.shape[1], h, w});
    for_each_index(x.shape, [&](const Shape& i) {
      const std::int64_t row = i[2] * o.up.h + o.padding.h.before, column = i[3] * o.up.w + o.padding.w.before;
      if (row >= 0 && row < h && column >= 0 && column < w) padded.at({i[0], i[1], row, column}) = x.at(i);
    });
    Array y = Array::zeros({x.shape[0], x.shape[1], (h - kh) / o.down.h + 1, (w - kw) / o.down.w + 1});
    for_each_index(y.shape, [&](const Shape& i) {
      double& sum = y.at(i);
      for_each_index({kh, kw}, [&](const Shape& k) {
        const bool turned = o.mode == FilterMode::convolution;
        const double tap = f[at(turned ? kh - 1 - k[0] : k[0])][at(turned ? kw - 1 - k[1] : k[1])];
        sum += o.gain * tap * padded.at({i[0], i[1], i[2] * o.down.h + k[0], i[3] * o.down.w + k[1]});
      });
    });
    return y;
  };
}

Weights outer(const std::vector<double>& f) {
  return weights(std::ssize(f), std::ssize(f), [&](std::int64_t i, std::int64_t j) { return f[at(i)] * f[at(j)]; });
}

Case upfirdn2d_case(const char* label, const Shape& x, const std::vector<double>& filter, const Upfirdn2dOptions& o) {
  return {label,
          {{x}},
          [f = Tensor::from(filter, {std::ssize(filter)}), o](const Variables& v) { return upfirdn2d(v[0], f, o); },
          upfirdn2d_reference(outer(filter), o)};
}

Case upfirdn2d_case(const char* label, const Shape& x, const Weights& filter, const Upfirdn2dOptions& o) {
  std::vector<double> values;
  for (const auto& row : filter) values.insert(values.end(), row.begin(), row.end());
  const Tensor f = Tensor::from(values, {std::ssize(filter), std::ssize(filter[0])});
  return {label, {{x}}, [f, o](const Variables& v) { return upfirdn2d(v[0], f, o); }, upfirdn2d_reference(filter, o)};
}

const std::vector<double> k121 = {0.25, 0.5, 0.25}, k1331 = {0.125, 0.375, 0.375, 0.125}, kUneven = {0.5, -0.25, 0.75};
const Weights kSquare = {{0.5, -0.25, 0.75}, {1, 0.25, -0.5}};

std::vector<Case> upfirdn2d_cases() {
  const FilterMode correlation = FilterMode::correlation;
  return {
      upfirdn2d_case("up", {2, 2, 2, 3}, k1331, {.up = {2, 2}, .padding = {{2, 1}, {2, 1}}, .gain = 4}),
      upfirdn2d_case("down", {1, 2, 6, 5}, k1331, {.down = {2, 2}, .padding = {{1, 1}, {1, 1}}}),
      upfirdn2d_case("uneven", {1, 1, 5, 4}, kUneven,
                     {.up = {3, 2}, .down = {2, 3}, .padding = {{1, 2}, {0, 3}}, .gain = 1.5}),
      upfirdn2d_case("correlation", {1, 2, 4, 3}, kUneven, {.padding = {{1, 1}, {2, 0}}, .mode = correlation}),
      upfirdn2d_case("crop", {2, 1, 5, 6}, kUneven, {.up = {2, 1}, .padding = {{-3, 1}, {2, -2}}}),
      upfirdn2d_case("one pixel", {1, 1, 1, 1}, k121, {.padding = {{1, 1}, {1, 1}}}),
      upfirdn2d_case("empty", {0, 2, 4, 4}, k121, {.down = {2, 2}}),
      upfirdn2d_case("square", {2, 2, 3, 4}, kSquare,
                     {.up = {2, 1}, .down = {1, 2}, .padding = {{1, 0}, {2, 1}}, .gain = 2}),
      upfirdn2d_case("square correlation", {1, 3, 4, 3}, kSquare, {.padding = {{1, 1}, {1, 1}}, .mode = correlation}),
      upfirdn2d_case("square crop", {1, 1, 3, 5}, kSquare, {.up = {3, 2}, .padding = {{-2, 1}, {1, -3}}}),
      upfirdn2d_case("square empty", {0, 2, 4, 4}, kSquare, {}),
  };
}

Case fir_case(const char* label, Variable (*f)(const Variable&, const Tensor&, std::int64_t), const Shape& x,
              const std::vector<double>& filter, std::int64_t factor, const Upfirdn2dOptions& o) {
  return {label,
          {{x}},
          [f, filter = Tensor::from(filter, {std::ssize(filter)}), factor](const Variables& v) {
            return f(v[0], filter, factor);
          },
          upfirdn2d_reference(outer(filter), o)};
}

}  // namespace

std::vector<Row> resample_rows() {
  const Recipe linear = Recipe::linear;
  const PadMode reflect = PadMode::reflect, replicate = PadMode::replicate, zeros = PadMode::zeros;
  const Weights thin = {{0, 2}, {0, 0}, {-1.5, 0.5}, {1, 0}}, wide = {{0, 1, 0}, {0.5, -2, 1.25}};
  return {
      {"resample2d",
       linear,
       {"resample2d"},
       {0},
       {resample_case("thin", {2, 3, 2, 3}, thin, wide), resample_case("one column", {1, 5, 3, 1}, wide, {{2}, {1}}),
        resample_case("nothing", {1, 2, 2, 2}, {{0, 0}}, thin), resample_case("batch 0", {0, 3, 2, 3}, thin, wide),
        resample_case("no output", {2, 3, 2, 3}, {}, wide), resample_case("no channels", {2, 0, 2, 3}, thin, wide)}},
      {"upsample_nearest", linear, {}, {0}, resize_cases(upsample_nearest, nearest)},
      {"upsample_bilinear", linear, {}, {0}, resize_cases(upsample_bilinear, bilinear)},
      {"pad2d",
       linear,
       {},
       {0},
       {pad2d_case("reflect", {1, 2, 4, 3}, {{3, 2}, {1, 2}}, reflect),
        pad2d_case("replicate", {2, 2, 3, 2}, {{2, 5}, {1, 0}}, replicate),
        pad2d_case("zeros", {1, 2, 3, 5}, {{1, 2}, {0, 3}}, zeros),
        pad2d_case("reflect and crop", {1, 1, 5, 4}, {{-2, 3}, {2, -3}}, reflect),
        pad2d_case("replicate and crop", {1, 3, 5, 3}, {{3, -4}, {-1, 2}}, replicate),
        pad2d_case("crop", {1, 2, 5, 5}, {{-1, -2}, {0, -3}}, zeros),
        pad2d_case("one pixel", {2, 1, 1, 1}, {{1, 2}, {2, 1}}, replicate),
        pad2d_case("nothing added", {1, 1, 1, 2}, {}, reflect),
        pad2d_case("empty", {0, 2, 3, 3}, {{1, 1}, {1, 1}}, reflect)}},
      {"pixel_shuffle",
       linear,
       {},
       {0},
       {shuffle_case("2", {1, 8, 3, 2}, 2), shuffle_case("3", {1, 9, 1, 2}, 3), shuffle_case("1", {2, 3, 2, 2}, 1),
        shuffle_case("empty", {0, 4, 2, 3}, 2)}},
      {"pixel_unshuffle",
       linear,
       {},
       {0},
       {unshuffle_case("2", {2, 3, 4, 2}, 2), unshuffle_case("3", {1, 1, 3, 6}, 3),
        unshuffle_case("1", {2, 3, 2, 2}, 1), unshuffle_case("empty", {0, 1, 4, 2}, 2)}},
      {"upfirdn2d", linear, {}, {0}, upfirdn2d_cases()},
      {"fir_upsample2d",
       linear,
       {},
       {0},
       {fir_case("1331", fir_upsample2d, {2, 2, 3, 2}, k1331, 2,
                 {.up = {2, 2}, .padding = {{2, 1}, {2, 1}}, .gain = 4}),
        fir_case("121", fir_upsample2d, {1, 3, 2, 1}, k121, 2, {.up = {2, 2}, .padding = {{2, 0}, {2, 0}}, .gain = 4}),
        fir_case("by 3", fir_upsample2d, {1, 1, 2, 3}, k121, 3, {.up = {3, 3}, .padding = {{2, 0}, {2, 0}}, .gain = 9}),
        fir_case("short filter", fir_upsample2d, {1, 1, 3, 2}, {1, 0.5}, 3,
                 {.up = {3, 3}, .padding = {{2, -1}, {2, -1}}, .gain = 9})}},
      {"fir_downsample2d",
       linear,
       {},
       {0},
       {fir_case("1331", fir_downsample2d, {1, 2, 4, 6}, k1331, 2, {.down = {2, 2}, .padding = {{1, 1}, {1, 1}}}),
        fir_case("121", fir_downsample2d, {1, 3, 5, 4}, k121, 2, {.down = {2, 2}, .padding = {{1, 0}, {1, 0}}}),
        fir_case("by 3", fir_downsample2d, {1, 1, 7, 6}, k121, 3, {.down = {3, 3}, .padding = {{0, 0}, {0, 0}}})}},
  };
}

}  // namespace duel::testing
