// Rows of autograd/reduce.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

Array summed(const Array& x, const Shape& kept) {
  Array y = Array::zeros(kept);
  for_each_index(x.shape, [&](const Shape& i) { y.at(i) += x.at(i); });
  return y;
}

struct Reduction {
  const char* label;
  Shape shape, dims, kept;  // kept: the shape with the reduced dimensions at 1
  Shape result;             // without them
};

const std::vector<Reduction> kReductions = {{"channel", {2, 3, 2, 5}, {0, 2, 3}, {1, 3, 1, 1}, {3}},
                                            {"last", {3, 7}, {-1}, {3, 1}, {3}},
                                            {"first", {5, 3}, {0}, {1, 3}, {3}},
                                            {"middle", {2, 5, 3}, {1}, {2, 1, 3}, {2, 3}},
                                            {"one", {1, 1}, {0}, {1, 1}, {1}},
                                            {"batch 1", {1, 3, 2}, {2, 0}, {1, 3, 1}, {3}}};

using Overload = Variable (*)(const Variable&, const Shape&, KeepDims);
using Reduce = std::function<Variable(const Variable&, const Shape&, KeepDims)>;
using ReduceReference = std::function<Array(const Array&, const Shape& kept)>;

// Each reduction, and the first with its dimensions kept.
std::vector<Case> reduction_cases(const Reduce& f, const ReduceReference& reference, const Domain& domain,
                                  const std::string& label = "",
                                  const std::vector<Reduction>& reductions = kReductions) {
  const std::string prefix = label.empty() ? "" : label + ", ";
  std::vector<Case> cases;
  for (const Reduction& r : reductions)
    cases.push_back({prefix + r.label,
                     {{r.shape, domain}},
                     [f, r](const Variables& x) { return f(x[0], r.dims, KeepDims::no); },
                     [reference, r](const std::vector<Array>& in) {
                       return Array{r.result, reference(in[0], r.kept).values};
                     }});
  const Reduction& r = reductions[0];
  cases.push_back({prefix + "keep",
                   {{r.shape, domain}},
                   [f, r](const Variables& x) { return f(x[0], r.dims, KeepDims::yes); },
                   [reference, r](const std::vector<Array>& in) { return reference(in[0], r.kept); }});
  return cases;
}

Array mean_of(const Array& x, const Shape& kept) {
  Array y = summed(x, kept);
  for (double& v : y.values) v *= static_cast<double>(kept.numel()) / static_cast<double>(x.shape.numel());
  return y;
}

Array largest_of(const Array& x, const Shape& kept) {
  Array y{kept, std::vector<double>(static_cast<std::size_t>(kept.numel()), -std::numeric_limits<double>::infinity())};
  for_each_index(x.shape, [&](const Shape& i) { y.at(i) = std::max(y.at(i), x.at(i)); });
  return y;
}

Array smallest_of(const Array& x, const Shape& kept) {
  Array negative = x;
  for (double& v : negative.values) v = -v;
  Array y = largest_of(negative, kept);
  for (double& v : y.values) v = -v;
  return y;
}

Array mapped(Array x, const std::function<double(double)>& f) {
  for (double& v : x.values) v = f(v);
  return x;
}

ReduceReference variance_of(double correction) {
  return [correction](const Array& x, const Shape& kept) {
    const Array mean = mean_of(x, kept);
    Array squares = x;
    for_each_index(x.shape, [&](const Shape& i) { squares.at(i) = std::pow(x.at(i) - mean.at(i), 2); });
    const double n = static_cast<double>(x.shape.numel()) / static_cast<double>(kept.numel()) - correction;
    return mapped(summed(squares, kept), [n](double v) { return v / n; });
  };
}

ReduceReference norm_of(double p) {
  return [p](const Array& x, const Shape& kept) {
    const Array size = mapped(x, [](double v) { return std::fabs(v); });
    if (std::isinf(p)) return largest_of(size, kept);
    return mapped(summed(mapped(size, [p](double v) { return std::pow(v, p); }), kept),
                  [p](double v) { return std::pow(v, 1 / p); });
  };
}

Case cumsum_case(const char* label, const Shape& shape, int d) {
  return {label,
          {{shape}},
          [d](const Variables& x) { return cumsum(x[0], d); },
          [d](const std::vector<Array>& in) {
            Array y = in[0];
            for_each_index(y.shape, [&](const Shape& i) {
              Shape before = i;
              --before[d];
              if (i[d] > 0) y.at(i) += y.at(before);
            });
            return y;
          }};
}

Case sum_to_case(const char* label, const Shape& from, const Shape& to) {
  return {label,
          {{from}},
          [to](const Variables& x) { return sum_to(x[0], to); },
          [to](const std::vector<Array>& in) { return summed(in[0], to); }};
}

// Of all elements.
std::vector<Case> total_cases(Variable (*f)(const Variable&), const ReduceReference& reference) {
  std::vector<Case> cases;
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{2, 3, 1, 5}})
    cases.push_back({cat("all of ", shape),
                     {{shape}},
                     [f](const Variables& x) { return f(x[0]); },
                     [reference](const std::vector<Array>& in) { return reference(in[0], {}); }});
  return cases;
}

void append(std::vector<Case>& cases, const std::vector<Case>& more) {
  cases.insert(cases.end(), more.begin(), more.end());
}

std::vector<Row> sum_rows() {
  Row sums{"sum", Recipe::linear, {}, {0}, reduction_cases(Overload(sum), summed, {})};
  append(sums.cases, total_cases(sum, summed));
  sums.cases.push_back({"empty",
                        {{{0, 3}}},
                        [](const Variables& x) { return sum(x[0], {0}); },
                        [](const std::vector<Array>&) { return Array::zeros({3}); }});
  Row means{"mean", Recipe::linear, {}, {0}, reduction_cases(Overload(mean), mean_of, {})};
  append(means.cases, total_cases(mean, mean_of));
  return {{"sum_to",
           Recipe::linear,
           {"sum"},
           {0},
           {sum_to_case("bias", {2, 3, 4, 5}, {3, 1, 1}), sum_to_case("leading", {3, 5}, {5}),
            sum_to_case("inner", {2, 4, 3}, {2, 1, 3}), sum_to_case("all", {3, 7}, {}),
            sum_to_case("same", {2, 3}, {2, 3}), sum_to_case("empty", {0, 3}, {1, 3}), sum_to_case("long", {1031}, {1}),
            sum_to_case("columns", {23, 2}, {1, 2})}},
          sums,
          means,
          {"cumsum",
           Recipe::linear,
           {"cumsum"},
           {0},
           {cumsum_case("last", {3, 7}, 1), cumsum_case("first", {7, 3}, 0), cumsum_case("image", {2, 3, 2, 5}, 1),
            cumsum_case("vector", {13}, 0), cumsum_case("one", {1, 1}, 1), cumsum_case("empty", {0, 3}, 0)}}};
}

// Selections, which change nowhere but at ties.
std::vector<Row> extreme_rows() {
  const Domain distinct{.low = -2, .high = 2, .distinct = true};
  return {{"amax", Recipe::linear, {"amax"}, {}, reduction_cases(amax, largest_of, distinct)},
          {"amin", Recipe::linear, {}, {}, reduction_cases(amin, smallest_of, distinct)}};
}

std::vector<Row> variance_rows() {
  // Of one element there is no variance.
  const std::vector<Reduction> reductions(kReductions.begin(), kReductions.begin() + 4);
  const auto var_with = [](std::int64_t correction) {
    return [correction](const Variable& x, const Shape& dims, KeepDims keep) {
      return var(x, dims, {.correction = correction, .keep = keep});
    };
  };
  Row variances{"var", Recipe::pointwise, {}, {}, reduction_cases(var_with(1), variance_of(1), {}, "", reductions)};
  append(variances.cases, reduction_cases(var_with(0), variance_of(0), {}, "biased"));
  Row deviations{"stddev",
                 Recipe::pointwise,
                 {},
                 {},
                 reduction_cases([](const Variable& x, const Shape& dims,
                                    KeepDims keep) { return stddev(x, dims, {.keep = keep}); },
                                 [](const Array& x, const Shape& kept) {
                                   return mapped(variance_of(1)(x, kept), [](double v) { return std::sqrt(v); });
                                 },
                                 {}, "", reductions)};
  return {variances, deviations};
}

Row norm_row() {
  const Domain no_zero{.kinks = {0}}, positive{.low = 0.3, .high = 2, .distinct = true};
  Row norms{"norm", Recipe::pointwise, {}, {}, {}};
  const auto add = [&](const std::string& label, double p, const Domain& domain) {
    append(norms.cases, reduction_cases([p](const Variable& x, const Shape& dims,
                                            KeepDims keep) { return norm(x, dims, {.p = p, .keep = keep}); },
                                        norm_of(p), domain, label));
  };
  add("", 2, no_zero);
  add("1", 1, no_zero);
  add("3", 3, no_zero);
  add("inf", std::numeric_limits<double>::infinity(), positive);
  append(norms.cases, total_cases(norm, norm_of(2)));
  return norms;
}

}  // namespace

std::vector<Row> reduce_rows() {
  std::vector<Row> rows = sum_rows();
  for (const auto& more : {extreme_rows(), variance_rows(), {norm_row()}})
    rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

}  // namespace duel::testing
