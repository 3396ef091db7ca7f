// Rows of autograd/conv2d.h, folded_conv2d.h and conv1d.h, against the seven loops of the definition.
#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

struct Conv {
  const char* label;
  Shape x;       // [N, C, H, W]
  Shape weight;  // [O, C / groups, KH, KW]
  Conv2dGeometry g;
  Size2 output_padding = {0, 0};  // of the transposed one that leads back to x
};

const std::vector<Conv> kConvs = {
    {"padded", {2, 3, 5, 4}, {4, 3, 3, 3}, {.padding = {1, 1}}},
    {"strided", {1, 2, 8, 6}, {3, 2, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},
    {"uneven", {2, 1, 7, 5}, {2, 1, 3, 2}, {.stride = {1, 2}, .padding = {2, 0}}, {0, 1}},
    {"groups", {2, 4, 5, 5}, {6, 2, 3, 3}, {.stride = {2, 1}, .padding = {1, 1}, .groups = 2}},
    {"depthwise", {1, 3, 5, 4}, {3, 1, 3, 3}, {.padding = {1, 1}, .groups = 3}},
    {"dilated", {1, 1, 7, 9}, {1, 1, 3, 2}, {.dilation = {2, 3}}},
    {"1 x 1", {3, 5, 2, 3}, {7, 5, 1, 1}, {}},
    {"one", {1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {"left over", {1, 2, 8, 9}, {2, 2, 3, 3}, {.stride = {3, 3}}, {2, 0}},
    {"whole", {2, 3, 4, 3}, {2, 3, 4, 3}, {}},
    {"far padding", {1, 1, 2, 2}, {1, 1, 2, 2}, {.stride = {2, 2}, .padding = {3, 3}}},
    {"wide", {1, 16, 6, 6}, {17, 16, 3, 3}, {.padding = {1, 1}}},
    {"empty", {0, 2, 4, 4}, {3, 2, 3, 3}, {.padding = {1, 1}}},
    {"kernel beyond picture", {2, 1, 2, 3}, {2, 1, 5, 4}, {.padding = {2, 1}}},
    {"stride beyond kernel", {1, 2, 7, 9}, {3, 2, 2, 1}, {.stride = {3, 4}}, {2, 0}},
    {"no channels", {2, 0, 3, 3}, {2, 0, 2, 2}, {}},
};

// Those of height 1, for conv1d.
const std::vector<Conv> kFlatConvs = {
    {"padded", {2, 3, 1, 7}, {4, 3, 1, 3}, {.padding = {0, 1}}},
    {"strided", {1, 2, 1, 8}, {3, 2, 1, 4}, {.stride = {1, 2}, .padding = {0, 1}}},
    {"groups", {2, 4, 1, 5}, {6, 2, 1, 3}, {.stride = {1, 3}, .padding = {0, 1}, .groups = 2}, {0, 1}},
    {"dilated", {1, 1, 1, 9}, {1, 1, 1, 2}, {.dilation = {1, 3}}},
    {"1 tap", {3, 5, 1, 2}, {7, 5, 1, 1}, {}},
    {"one", {1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {"empty", {0, 2, 1, 4}, {3, 2, 1, 3}, {}},
};

// Those with a rectifier; few results, as each has a kink to stay away from.
struct RectifiedConv {
  Conv conv;
  double slope;
};
const std::vector<RectifiedConv> kRectifiedConvs = {
    {{"relu", {1, 2, 4, 4}, {3, 2, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}}, 0},
    {{"leaky relu without bias", {1, 2, 3, 2}, {2, 2, 3, 3}, {.stride = {2, 1}, .padding = {1, 1}}}, 0.2},
    {{"leaky relu", {1, 4, 3, 3}, {4, 2, 2, 2}, {.groups = 2}}, 0.2},
};

Shape output_shape(const Conv& c) {
  const auto size = [](std::int64_t in, std::int64_t k, std::int64_t s, std::int64_t p, std::int64_t d) {
    return (in + 2 * p - d * (k - 1) - 1) / s + 1;
  };
  return {c.x[0], c.weight[0], size(c.x[2], c.weight[2], c.g.stride.h, c.g.padding.h, c.g.dilation.h),
          size(c.x[3], c.weight[3], c.g.stride.w, c.g.padding.w, c.g.dilation.w)};
}

// Calls f(index of x, index of the weight, index of y) for every product in the definition.
void for_each_product(const Conv& c, const std::function<void(const Shape&, const Shape&, const Shape&)>& f) {
  const std::int64_t outputs = c.weight[0] / c.g.groups, inputs = c.weight[1];
  for_each_index(output_shape(c), [&](const Shape& y) {
    for_each_index({inputs, c.weight[2], c.weight[3]}, [&](const Shape& k) {
      const std::int64_t h = y[2] * c.g.stride.h - c.g.padding.h + k[1] * c.g.dilation.h;
      const std::int64_t w = y[3] * c.g.stride.w - c.g.padding.w + k[2] * c.g.dilation.w;
      if (h < 0 || h >= c.x[2] || w < 0 || w >= c.x[3]) return;
      f({y[0], y[1] / outputs * inputs + k[0], h, w}, {y[1], k[0], k[1], k[2]}, y);
    });
  });
}

void add_bias(Array& y, const std::vector<Array>& in) {
  if (in.size() == 3) for_each_index(y.shape, [&](const Shape& i) { y.at(i) += in[2].at({i[1]}); });
}

Variable bias_of(const Variables& x) { return x.size() == 3 ? x[2] : Variable(); }

// Every other case has a bias.
std::vector<Input> with_bias(std::vector<Input> inputs, std::size_t number, std::int64_t channels) {
  if (number % 2 == 0) inputs.push_back({{channels}});
  return inputs;
}

Case forward_case(const Conv& c, std::size_t number) {
  return {c.label, with_bias({{c.x}, {c.weight}}, number, c.weight[0]),
          [c](const Variables& x) { return conv2d(x[0], x[1], bias_of(x), c.g); },
          [c](const std::vector<Array>& in) {
            Array y = Array::zeros(output_shape(c));
            for_each_product(
                c, [&](const Shape& x, const Shape& w, const Shape& o) { y.at(o) += in[0].at(x) * in[1].at(w); });
            add_bias(y, in);
            return y;
          }};
}

Array rectified(Array y, double slope) {
  for (double& v : y.values) v = v > 0 ? v : slope * v;
  return y;
}

// Adds to `cases` those with a rectifier, given how to make one without for a Conv, and the function with it.
template <class Make, class F>
std::vector<Case> with_rectified(std::vector<Case> cases, const Make& make, const F& f,
                                 const std::vector<RectifiedConv>& convs = kRectifiedConvs) {
  for (const auto& [conv, slope] : convs) {
    Case c = make(conv, cases.size());
    if (c.inputs.size() == 3) c.bent_in = {0, 1, 2};  // without bias it is homogeneous, which looks the same
    c.f = [f, conv, r = Rectifier{slope}](const Variables& x) { return f(x, conv, r); };
    c.reference = [reference = c.reference, slope](const std::vector<Array>& in) {
      return rectified(reference(in), slope);
    };
    cases.push_back(std::move(c));
  }
  return cases;
}

std::vector<Case> forward_cases() {
  std::vector<Case> cases;
  for (const Conv& c : kConvs) cases.push_back(forward_case(c, cases.size()));
  return with_rectified(std::move(cases), forward_case, [](const Variables& x, const Conv& c, Rectifier r) {
    return conv2d(x[0], x[1], bias_of(x), c.g, r);
  });
}

Array transposed(const Conv& c, const std::vector<Array>& in) {
  Array dx = Array::zeros(c.x);
  for_each_product(c, [&](const Shape& x, const Shape& w, const Shape& o) { dx.at(x) += in[0].at(o) * in[1].at(w); });
  return dx;
}

Case transposed_case(const Conv& c, std::size_t number) {
  return {c.label, with_bias({{output_shape(c)}, {c.weight}}, number, c.x[1]),
          [c](const Variables& x) { return conv_transpose2d(x[0], x[1], bias_of(x), c.g, c.output_padding); },
          [c](const std::vector<Array>& in) {
            Array y = transposed(c, in);
            add_bias(y, in);
            return y;
          }};
}

std::vector<Case> transposed_cases() {
  std::vector<Case> cases;
  for (const Conv& c : kConvs) cases.push_back(transposed_case(c, cases.size()));
  return with_rectified(std::move(cases), transposed_case, [](const Variables& x, const Conv& c, Rectifier r) {
    return conv_transpose2d(x[0], x[1], bias_of(x), c.g, c.output_padding, r);
  });
}

std::vector<Case> input_grad_cases() {
  std::vector<Case> cases;
  for (const Conv& c : kConvs)
    cases.push_back({c.label,
                     {{output_shape(c)}, {c.weight}},
                     [c](const Variables& x) {
                       return conv2d_input_grad(x[0], x[1], {c.x[2], c.x[3]}, c.g);
                     },
                     [c](const std::vector<Array>& in) { return transposed(c, in); }});
  return cases;
}

std::vector<Case> weight_grad_cases() {
  std::vector<Case> cases;
  for (const Conv& c : kConvs)
    cases.push_back({c.label,
                     {{c.x}, {output_shape(c)}},
                     [c](const Variables& x) {
                       return conv2d_weight_grad(x[0], x[1], {c.weight[2], c.weight[3]}, c.g);
                     },
                     [c](const std::vector<Array>& in) {
                       Array dw = Array::zeros(c.weight);
                       for_each_product(c, [&](const Shape& x, const Shape& w, const Shape& o) {
                         dw.at(w) += in[0].at(x) * in[1].at(o);
                       });
                       return dw;
                     }});
  return cases;
}

// Without the height of 1, and with it again.
Shape flat(const Shape& s) { return {s[0], s[1], s[3]}; }
Array high(const Array& x) { return {{x.shape[0], x.shape[1], 1, x.shape[2]}, x.values}; }

Conv1dGeometry flat(const Conv2dGeometry& g) { return {g.stride.w, g.padding.w, g.dilation.w, g.groups}; }

std::vector<Case> flat_cases() {
  std::vector<Case> cases;
  for (const Conv& c : kFlatConvs)
    cases.push_back({c.label, with_bias({{flat(c.x)}, {flat(c.weight)}}, cases.size(), c.weight[0]),
                     [c](const Variables& x) { return conv1d(x[0], x[1], bias_of(x), flat(c.g)); },
                     [c](const std::vector<Array>& in) {
                       Array y = Array::zeros(output_shape(c));
                       const Array x = high(in[0]), weight = high(in[1]);
                       for_each_product(c, [&](const Shape& i, const Shape& w, const Shape& o) {
                         y.at(o) += x.at(i) * weight.at(w);
                       });
                       add_bias(y, in);
                       return Array{flat(y.shape), y.values};
                     }});
  return cases;
}

std::vector<Case> flat_transposed_cases() {
  std::vector<Case> cases;
  for (const Conv& c : kFlatConvs)
    cases.push_back(
        {c.label, with_bias({{flat(output_shape(c))}, {flat(c.weight)}}, cases.size(), c.x[1]),
         [c](const Variables& x) { return conv_transpose1d(x[0], x[1], bias_of(x), flat(c.g), c.output_padding.w); },
         [c](const std::vector<Array>& in) {
           Array y = transposed(c, {high(in[0]), high(in[1])});
           add_bias(y, in);
           return Array{flat(y.shape), y.values};
         }});
  return cases;
}

// With half of x's height and width, upsample_conv2d; of x itself, conv2d_avg_pool2d.
const std::vector<Conv> kFoldedConvs = {
    {"3 x 3", {2, 3, 8, 6}, {4, 3, 3, 3}, {.padding = {1, 1}}},
    {"unpadded", {1, 2, 6, 8}, {3, 2, 3, 3}, {}},
    {"uneven", {2, 1, 6, 10}, {2, 1, 5, 2}, {.padding = {3, 1}}},
    {"one pixel", {1, 2, 2, 2}, {2, 2, 3, 3}, {.padding = {1, 1}}},
    {"one channel", {1, 1, 4, 6}, {1, 1, 3, 3}, {.padding = {2, 2}}},
    {"1 x 1", {2, 3, 4, 6}, {2, 3, 1, 1}, {}},
    {"padded 1 x 1", {1, 2, 4, 4}, {2, 2, 1, 1}, {.padding = {1, 1}}},
    {"far padding", {1, 1, 4, 2}, {2, 1, 2, 3}, {.padding = {3, 3}}},
    {"strided", {2, 2, 8, 6}, {3, 2, 3, 3}, {.stride = {2, 1}, .padding = {1, 1}}},
    {"dilated", {1, 2, 8, 8}, {2, 2, 3, 2}, {.padding = {1, 1}, .dilation = {2, 1}}},
    {"groups", {1, 4, 4, 6}, {6, 2, 3, 3}, {.padding = {1, 1}, .groups = 2}},
    {"wide", {1, 16, 6, 6}, {17, 16, 3, 3}, {.padding = {1, 1}}},
    {"no pictures", {0, 2, 4, 4}, {3, 2, 3, 3}, {.padding = {1, 1}}},
};
// Whose last row or column no window has.
const std::vector<Conv> kOddConvs = {
    {"odd", {2, 3, 7, 5}, {4, 3, 3, 3}, {.padding = {1, 1}}},
    {"odd unpadded", {1, 2, 7, 6}, {3, 2, 3, 2}, {}},
    {"odd 1 x 1", {1, 2, 5, 3}, {2, 2, 1, 1}, {}},
};

Shape halved(const Shape& s) { return {s[0], s[1], s[2] / 2, s[3] / 2}; }

Case upsample_case(const Conv& c, std::size_t number) {
  return {c.label, with_bias({{halved(c.x)}, {c.weight}}, number, c.weight[0]),
          [c](const Variables& x) { return upsample_conv2d(x[0], x[1], bias_of(x), c.g); },
          [c](const std::vector<Array>& in) {
            Array y = Array::zeros(output_shape(c));
            for_each_product(c, [&](const Shape& x, const Shape& w, const Shape& o) {
              y.at(o) += in[0].at(halved(x)) * in[1].at(w);
            });
            add_bias(y, in);
            return y;
          }};
}

std::vector<Case> upsample_cases() {
  std::vector<Case> cases;
  for (const Conv& c : kFoldedConvs) cases.push_back(upsample_case(c, cases.size()));
  return with_rectified(
      std::move(cases), upsample_case,
      [](const Variables& x, const Conv& c, Rectifier r) { return upsample_conv2d(x[0], x[1], bias_of(x), c.g, r); },
      {{{"relu", {1, 2, 4, 4}, {2, 2, 3, 3}, {.padding = {1, 1}}}, 0},
       {{"leaky relu", {2, 2, 2, 4}, {1, 2, 1, 1}, {}}, 0.2},
       {{"leaky relu with groups", {1, 2, 2, 4}, {2, 1, 3, 3}, {.padding = {1, 1}, .groups = 2}}, 0.2}});
}

std::vector<Case> pooled_cases() {
  std::vector<Conv> convs = kFoldedConvs;
  convs.insert(convs.end(), kOddConvs.begin(), kOddConvs.end());
  std::vector<Case> cases;
  for (const Conv& c : convs)
    cases.push_back({c.label, with_bias({{c.x}, {c.weight}}, cases.size(), c.weight[0]),
                     [c](const Variables& x) { return conv2d_avg_pool2d(x[0], x[1], bias_of(x), c.g); },
                     [c](const std::vector<Array>& in) {
                       Array y = Array::zeros(halved(output_shape(c)));
                       for_each_product(c, [&](const Shape& x, const Shape& w, const Shape& o) {
                         if (o[2] / 2 < y.shape[2] && o[3] / 2 < y.shape[3])
                           y.at(halved(o)) += in[0].at(x) * in[1].at(w) / 4;
                       });
                       add_bias(y, in);
                       return y;
                     }});
  return cases;
}

}  // namespace

std::vector<Row> conv2d_rows() {
  return {{"conv2d", Recipe::linear, {"conv2d", "epilogue_grad"}, {0, 1, 2}, forward_cases(), kAnyOrder, 3},
          {"conv_transpose2d", Recipe::linear, {}, {0, 1, 2}, transposed_cases(), kAnyOrder, 3},
          {"conv2d_input_grad", Recipe::linear, {"conv2d_input_grad"}, {0, 1}, input_grad_cases(), kAnyOrder, 3},
          {"conv2d_weight_grad", Recipe::linear, {"conv2d_weight_grad"}, {0, 1}, weight_grad_cases(), kAnyOrder, 3},
          {"upsample_conv2d", Recipe::linear, {}, {0, 1, 2}, upsample_cases(), kAnyOrder, 3},
          {"conv2d_avg_pool2d", Recipe::linear, {}, {0, 1, 2}, pooled_cases(), kAnyOrder, 3},
          {"conv1d", Recipe::linear, {}, {0, 1, 2}, flat_cases(), kAnyOrder, 3},
          {"conv_transpose1d", Recipe::linear, {}, {0, 1, 2}, flat_transposed_cases(), kAnyOrder, 3}};
}

}  // namespace duel::testing
