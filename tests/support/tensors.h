// Tensors for tests: random ones of a domain, the same elements under other strides, and distances.
#pragma once

#include <string>
#include <vector>

#include "duel/tensor/rng.h"
#include "duel/tensor/tensor.h"

namespace duel::testing {

/// What a function may be given: numbers in [low, high], at least `margin` away from each of `kinks`. `distinct` ones
/// are evenly spaced and shuffled instead, so that maxima have no ties.
struct Domain {
  double low = -1.5, high = 1.5;
  std::vector<double> kinks = {};
  double margin = 0.1;
  bool distinct = false;
};

/// float64, row-major.
Tensor random_tensor(Rng& rng, const Shape& shape, const Domain& domain = {});

/// Ways in which the same elements can lie in memory.
enum class View {
  channels_last,
  reversed,  ///< dimensions in reversed order in memory: a permuted view
  gaps,      ///< every second element of a larger tensor, from an offset on, in every dimension
};
constexpr View kViews[] = {View::channels_last, View::reversed, View::gaps};
const char* name_of(View view);
Tensor as_view(const Tensor& t, View view);
/// Only the first element along dimension `d`, repeated with stride 0: other elements than t's.
Tensor repeated(const Tensor& t, int d);

/// max |a - b| / max(max |a|, max |b|, 1), in float64; infinite when the shapes differ or an element is NaN in only one
/// of them. 0 for no elements.
double difference(const Tensor& a, const Tensor& b);
/// Elements as float64 in row-major order.
std::vector<double> doubles(const Tensor& t);
/// sum_i a[i] b[i]
double inner_product(const Tensor& a, const Tensor& b);

/// The message of the Error that `f` throws; "" if it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace duel::testing
