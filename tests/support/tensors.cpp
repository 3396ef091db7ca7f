#include "tests/support/tensors.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace duel::testing {
namespace {

double draw(Rng& rng, const Domain& d) {
  for (;;) {
    const double x = rng.uniform({}, d.low, d.high, {.dtype = DType::float64}).item();
    if (std::none_of(d.kinks.begin(), d.kinks.end(), [&](double kink) { return std::abs(x - kink) < d.margin; }))
      return x;
  }
}

}  // namespace

Tensor random_tensor(Rng& rng, const Shape& shape, const Domain& domain) {
  std::vector<double> values;
  const std::int64_t n = shape.numel();
  if (domain.distinct)
    for (std::int64_t i : rng.permutation(n))
      values.push_back(domain.low +
                       (domain.high - domain.low) * (static_cast<double>(i) + 0.5) / static_cast<double>(n));
  else
    for (std::int64_t i = 0; i < n; ++i) values.push_back(draw(rng, domain));
  return Tensor::from(values, shape);
}

const char* name_of(View view) {
  switch (view) {
    case View::channels_last: return "channels-last";
    case View::reversed: return "reversed";
    case View::gaps: return "gaps";
  }
  return "?";
}

Tensor as_view(const Tensor& t, View view) {
  Tensor like;
  if (view == View::channels_last) {
    like = Tensor::empty(t.shape(), {t.dtype(), t.device(), Layout::channels_last});
  } else if (view == View::reversed) {
    Shape order, shape;
    for (int i = t.dim() - 1; i >= 0; --i) {
      order.push_back(i);
      shape.push_back(t.shape()[i]);
    }
    like = Tensor::empty(shape, t.options()).permute(order);
  } else {
    Shape shape = t.shape();
    for (int i = 0; i < t.dim(); ++i) shape[i] = 2 * shape[i] + 1;
    like = Tensor::full(shape, std::numeric_limits<double>::quiet_NaN(), t.options());  // nobody may read the gaps
    for (int i = 0; i < t.dim(); ++i) like = like.slice(i, 1, shape[i], 2);
  }
  like.copy_(t);
  return like;
}

Tensor repeated(const Tensor& t, int d) {
  return t.slice(d, 0, std::min<std::int64_t>(1, t.size(d))).expand(t.shape());
}

double difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
  const std::vector<double> x = doubles(a), y = doubles(b);
  double size = 1, worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) != std::isnan(y[i])) return std::numeric_limits<double>::infinity();
    if (std::isnan(x[i]) || x[i] == y[i]) continue;
    size = std::max({size, std::abs(x[i]), std::abs(y[i])});
    worst = std::max(worst, std::abs(x[i] - y[i]));
  }
  return worst / size;
}

std::vector<double> doubles(const Tensor& t) { return t.to(DType::float64).to_vector<double>(); }

double inner_product(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = doubles(a), y = doubles(b);
  check(x.size() == y.size(), "inner_product", a, " and ", b);
  double s = 0;
  for (std::size_t i = 0; i < x.size(); ++i) s += x[i] * y[i];
  return s;
}

}  // namespace duel::testing
