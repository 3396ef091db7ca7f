// Rows of autograd/shape_ops.h.
#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

// y[i] = x[source(i)]
Reference moved(const Shape& shape, const std::function<Shape(const Shape&)>& source) {
  return [shape, source](const std::vector<Array>& in) {
    Array y = Array::zeros(shape);
    for_each_index(shape, [&](const Shape& i) { y.at(i) = in[0].at(source(i)); });
    return y;
  };
}

Reference reshaped(const Shape& shape) {
  return [shape](const std::vector<Array>& in) { return Array{shape, in[0].values}; };
}

Case expand_case(const char* label, const Shape& from, const Shape& to) {
  return {label, {{from}}, [to](const Variables& x) { return expand(x[0], to); }, moved(to, [](const Shape& i) {
            return i;
          })};
}

Case reshape_case(const char* label, const Shape& from, const Shape& to, const Shape& result) {
  return {label, {{from}}, [to](const Variables& x) { return reshape(x[0], to); }, reshaped(result)};
}

Case flatten_case(const char* label, const Shape& from, int first, const Shape& result) {
  return {label, {{from}}, [first](const Variables& x) { return flatten(x[0], first); }, reshaped(result)};
}

Case permute_case(const char* label, const Shape& from, const Shape& order) {
  Shape to;
  for (std::int64_t d : order) to.push_back(from[static_cast<int>(d < 0 ? d + from.dim() : d)]);
  return {
      label, {{from}}, [order](const Variables& x) { return permute(x[0], order); }, moved(to, [order](const Shape& i) {
        Shape source = i;
        for (int k = 0; k < i.dim(); ++k) source[static_cast<int>(order[k] < 0 ? order[k] + i.dim() : order[k])] = i[k];
        return source;
      })};
}

Case transpose_case(const char* label, const Shape& from, int a, int b) {
  Shape to = from;
  std::swap(to[a], to[b]);
  return {label, {{from}}, [a, b](const Variables& x) { return transpose(x[0], a, b); }, moved(to, [a, b](Shape i) {
            std::swap(i[a], i[b]);
            return i;
          })};
}

struct Range {
  int d;
  std::int64_t start, end, step;
};

Case slice_case(const char* label, const Shape& from, const Range& r) {
  Shape to = from;
  to[r.d] = (r.end - r.start + r.step - 1) / r.step;
  return {label,
          {{from}},
          [r](const Variables& x) { return slice(x[0], r.d, r.start, r.end, r.step); },
          moved(to, [r](Shape i) {
            i[r.d] = r.start + i[r.d] * r.step;
            return i;
          })};
}

// Of a dimension of `size`.
Case slice_grad_case(const char* label, const Shape& from, const Range& r, std::int64_t size) {
  Shape to = from;
  to[r.d] = size;
  return {label,
          {{from}},
          [r, size](const Variables& x) { return slice_grad(x[0], r.d, size, r.start, r.step); },
          [to, r](const std::vector<Array>& in) {
            Array y = Array::zeros(to);
            for_each_index(in[0].shape, [&](const Shape& i) {
              Shape at = i;
              at[r.d] = r.start + i[r.d] * r.step;
              y.at(at) = in[0].at(i);
            });
            return y;
          }};
}

Case concat_case(const char* label, const std::vector<Input>& inputs, int d) {
  return {label, inputs, [d](const Variables& x) { return concat(x, d); },
          [d](const std::vector<Array>& in) {
            Shape shape = in[0].shape;
            shape[d] = 0;
            for (const Array& x : in) shape[d] += x.shape[d];
            Array y = Array::zeros(shape);
            std::int64_t start = 0;
            for (const Array& x : in) {
              for_each_index(x.shape, [&](const Shape& i) {
                Shape at = i;
                at[d] += start;
                y.at(at) = x.at(i);
              });
              start += x.shape[d];
            }
            return y;
          }};
}

Case unsqueeze_case(const char* label, const Shape& from, int d, const Shape& to) {
  return {label, {{from}}, [d](const Variables& x) { return unsqueeze(x[0], d); }, reshaped(to)};
}

Case squeeze_case(const char* label, const Shape& from, int d, const Shape& to) {
  return {label, {{from}}, [d](const Variables& x) { return squeeze(x[0], d); }, reshaped(to)};
}

Case stack_case(const char* label, const Shape& shape, std::size_t count, int d) {
  return {label, std::vector<Input>(count, {shape}), [d](const Variables& x) { return stack(x, d); },
          [shape, d](const std::vector<Array>& in) {
            Shape stacked;
            const int at = d < 0 ? d + shape.dim() + 1 : d;
            for (int k = 0; k <= shape.dim(); ++k) {
              if (k == at) stacked.push_back(static_cast<std::int64_t>(in.size()));
              if (k < shape.dim()) stacked.push_back(shape[k]);
            }
            Array y = Array::zeros(stacked);
            for_each_index(stacked, [&](const Shape& i) {
              Shape from;
              for (int k = 0; k < i.dim(); ++k)
                if (k != at) from.push_back(i[k]);
              y.at(i) = in[static_cast<std::size_t>(i[at])].at(from);
            });
            return y;
          }};
}

// Operations that give several parts: each times its number, and one after the other in reversed order. `starts` are
// where the parts begin, and the end.
Variable joined(const Variables& parts, int d) {
  Variables turned;
  for (std::size_t i = parts.size(); i-- > 0;) turned.push_back(parts[i] * static_cast<double>(i + 1));
  return concat(turned, d);
}

Reference joined_parts(int d, const std::vector<std::int64_t>& starts) {
  return [=](const std::vector<Array>& in) {
    Array y = Array::zeros(in[0].shape);
    std::int64_t at = 0;
    for (std::size_t part = starts.size() - 1; part-- > 0;)
      for (std::int64_t from = starts[part]; from < starts[part + 1]; ++from, ++at)
        for_each_index(y.shape, [&](Shape i) {
          if (i[d] != at) return;
          double& target = y.at(i);
          i[d] = from;
          target = static_cast<double>(part + 1) * in[0].at(i);
        });
    return y;
  };
}

Case split_case(const char* label, const Shape& from, const std::vector<std::int64_t>& sizes, int d,
                const std::vector<std::int64_t>& starts) {
  return {
      label, {{from}}, [=](const Variables& x) { return joined(split(x[0], sizes, d), d); }, joined_parts(d, starts)};
}

Case even_split_case(const char* label, const Shape& from, std::int64_t size, int d,
                     const std::vector<std::int64_t>& starts) {
  return {
      label, {{from}}, [=](const Variables& x) { return joined(split(x[0], size, d), d); }, joined_parts(d, starts)};
}

Case chunk_case(const char* label, const Shape& from, std::int64_t parts, int d,
                const std::vector<std::int64_t>& starts) {
  return {
      label, {{from}}, [=](const Variables& x) { return joined(chunk(x[0], parts, d), d); }, joined_parts(d, starts)};
}

Case unbind_case(const char* label, const Shape& from, int d, const std::vector<std::int64_t>& starts) {
  return {label,
          {{from}},
          [=](const Variables& x) {
            Variables parts = unbind(x[0], d);
            for (Variable& part : parts) part = unsqueeze(part, d);
            return joined(parts, d);
          },
          joined_parts(d, starts)};
}

Case pad_case(const char* label, const Shape& from, const std::vector<Padding>& pads, double value = 0) {
  return {label,
          {{from}},
          [pads, value](const Variables& x) { return pad(x[0], pads, value); },
          [pads, value](const std::vector<Array>& in) {
            const int skipped = in[0].shape.dim() - static_cast<int>(pads.size());
            Shape shape = in[0].shape;
            for (std::size_t k = 0; k < pads.size(); ++k)
              shape[static_cast<int>(k) + skipped] += pads[k].before + pads[k].after;
            Array y = Array::zeros(shape);
            for_each_index(shape, [&](Shape i) {
              double& target = y.at(i);
              bool inside = true;
              for (std::size_t k = 0; k < pads.size(); ++k) {
                const int d = static_cast<int>(k) + skipped;
                i[d] -= pads[k].before;
                inside = inside && i[d] >= 0 && i[d] < in[0].shape[d];
              }
              target = inside ? in[0].at(i) : value;
            });
            return y;
          }};
}

}  // namespace

std::vector<Row> shape_rows() {
  const Recipe linear = Recipe::linear;
  return {
      {"expand",
       linear,
       {},
       {0},
       {expand_case("leading", {5}, {3, 2, 5}), expand_case("inner", {2, 1, 3}, {2, 4, 3}),
        expand_case("scalar", {}, {2, 3}), expand_case("channel", {1, 3, 1, 1}, {2, 3, 4, 5}),
        expand_case("empty", {1, 3}, {0, 3}), expand_case("same", {2, 3}, {2, 3})}},
      {"reshape",
       linear,
       {},
       {0},
       {reshape_case("split", {6, 5}, {2, 3, 5}, {2, 3, 5}), reshape_case("merge", {2, 3, 7}, {-1, 7}, {6, 7}),
        reshape_case("mixed", {4, 3}, {2, 6}, {2, 6}), reshape_case("one", {1, 1}, {}, {}),
        reshape_case("empty", {0, 3}, {3, 0}, {3, 0}), reshape_case("image", {2, 3, 2, 2}, {2, 12}, {2, 12})}},
      {"flatten",
       linear,
       {},
       {0},
       {flatten_case("image", {2, 3, 2, 5}, 1, {2, 30}), flatten_case("all", {3, 5}, 0, {15}),
        flatten_case("last", {2, 3, 5}, -2, {2, 15}), flatten_case("batch 1", {1, 7}, 1, {1, 7}),
        flatten_case("empty", {0, 3, 2}, 1, {0, 6})}},
      {"permute",
       linear,
       {},
       {0},
       {permute_case("image", {2, 3, 4, 5}, {0, 2, 3, 1}), permute_case("rotate", {2, 3, 5}, {2, 0, 1}),
        permute_case("negative", {2, 3, 5}, {-1, 0, 1}), permute_case("none", {}, {}),
        permute_case("one", {1, 1, 3}, {2, 1, 0}), permute_case("empty", {0, 2, 3}, {1, 2, 0})}},
      {"transpose",
       linear,
       {},
       {0},
       {transpose_case("matrix", {3, 5}, 0, 1), transpose_case("inner", {2, 3, 4, 5}, 1, 3),
        transpose_case("one", {1, 7}, 0, 1), transpose_case("empty", {3, 0}, 0, 1)}},
      {"slice",
       linear,
       {},
       {0},
       {slice_case("middle", {7, 3}, {0, 2, 5, 1}), slice_case("step", {2, 7}, {1, 1, 7, 2}),
        slice_case("channels", {2, 5, 2, 3}, {1, 1, 3, 1}), slice_case("one", {7}, {0, 6, 7, 1}),
        slice_case("none", {5, 2}, {0, 3, 3, 1}), slice_case("long step", {2, 5}, {1, 0, 5, 4}),
        slice_case("all", {3, 2}, {0, 0, 3, 1})}},
      {"slice_grad",
       linear,
       {},
       {0},
       {slice_grad_case("middle", {3, 3}, {0, 2, 5, 1}, 7), slice_grad_case("step", {2, 3}, {1, 1, 7, 2}, 7),
        slice_grad_case("channels", {2, 2, 2, 3}, {1, 1, 3, 1}, 5), slice_grad_case("none", {0, 2}, {0, 3, 3, 1}, 5),
        slice_grad_case("long step", {2, 2}, {1, 0, 5, 4}, 5)}},
      {"concat",
       linear,
       {},
       {0, 1, 2},
       {concat_case("rows", {{{2, 3}}, {{1, 3}}, {{4, 3}}}, 0),
        concat_case("channels", {{{2, 3, 2, 2}}, {{2, 1, 2, 2}}}, 1), concat_case("last", {{{2, 3}}, {{2, 5}}}, 1),
        concat_case("single", {{{5}}}, 0), concat_case("empty", {{{2, 0}}, {{2, 3}}}, 1)}},
      {"unsqueeze",
       linear,
       {},
       {0},
       {unsqueeze_case("first", {3, 5}, 0, {1, 3, 5}), unsqueeze_case("last", {3, 5}, -1, {3, 5, 1}),
        unsqueeze_case("middle", {2, 3, 5}, 1, {2, 1, 3, 5}), unsqueeze_case("scalar", {}, 0, {1}),
        unsqueeze_case("empty", {0, 3}, 1, {0, 1, 3})}},
      {"squeeze",
       linear,
       {},
       {0},
       {squeeze_case("first", {1, 3, 5}, 0, {3, 5}), squeeze_case("last", {3, 5, 1}, -1, {3, 5}),
        squeeze_case("one", {1}, 0, {}), squeeze_case("image", {2, 3, 1, 5}, 2, {2, 3, 5}),
        squeeze_case("empty", {0, 1, 3}, 1, {0, 3})}},
      {"stack",
       linear,
       {},
       {0, 1, 2},
       {stack_case("first", {3, 5}, 3, 0), stack_case("last", {3, 5}, 2, -1), stack_case("middle", {2, 3, 5}, 2, 1),
        stack_case("scalars", {}, 3, 0), stack_case("single", {1}, 1, 1), stack_case("empty", {0, 3}, 2, 0)}},
      {"split",
       linear,
       {},
       {0},
       {split_case("sizes", {7, 3}, {2, 0, 4, 1}, 0, {0, 2, 2, 6, 7}),
        split_case("channels", {2, 5, 2, 3}, {2, 3}, 1, {0, 2, 5}), even_split_case("even", {3, 7}, 3, 1, {0, 3, 6, 7}),
        even_split_case("whole", {5}, 9, 0, {0, 5}), even_split_case("empty", {0, 3}, 2, 0, {0, 0})}},
      {"chunk",
       linear,
       {},
       {0},
       {chunk_case("half", {3, 7}, 2, 1, {0, 4, 7}), chunk_case("channels", {2, 6, 1, 3}, 3, 1, {0, 2, 4, 6}),
        chunk_case("fewer", {6}, 4, 0, {0, 2, 4, 6}), chunk_case("one", {1, 2}, 1, 0, {0, 1})}},
      {"unbind",
       linear,
       {},
       {0},
       {unbind_case("rows", {3, 5}, 0, {0, 1, 2, 3}), unbind_case("channels", {2, 3, 2, 2}, 1, {0, 1, 2, 3}),
        unbind_case("vector", {3}, 0, {0, 1, 2, 3}), unbind_case("one", {1, 2}, 0, {0, 1})}},
      {"pad",
       linear,
       {"fill"},
       {0},
       {pad_case("image", {2, 3, 3, 4}, {{1, 2}, {0, 1}}), pad_case("value", {3, 2}, {{1, 1}}, -0.7),
        pad_case("crop", {5, 7}, {{-1, -2}, {-3, 0}}), pad_case("both", {5, 3}, {{-1, 2}, {2, -1}}),
        pad_case("one", {1}, {{0, 3}}), pad_case("empty", {0, 3}, {{1, 1}}),
        pad_case("crop all", {3, 2}, {{2, -4}, {0, 0}}), pad_case("crop more", {3}, {{-4, 3}}),
        pad_case("none", {2, 3}, {})}},
  };
}

}  // namespace duel::testing
