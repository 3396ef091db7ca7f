// Sorting along one dimension, line by line.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

// Strictly before, in the order wanted. NaN is the largest; of equals the earlier index comes first, so that there are
// no ties and every algorithm sorts stably.
template <class T, SortOrder order>
struct Before {
  struct Entry {
    T value;
    std::int64_t index;
  };
  static bool smaller(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
      if (b != b) return a == a;
    return a < b;
  }
  bool operator()(const Entry& a, const Entry& b) const {
    const bool forward = order == SortOrder::ascending ? smaller(a.value, b.value) : smaller(b.value, a.value);
    const bool backward = order == SortOrder::ascending ? smaller(b.value, a.value) : smaller(a.value, b.value);
    return forward || (!backward && a.index < b.index);
  }
};

// A line of n elements of x, `xs` apart, and the k first indices of it, `is` apart.
template <class T, SortOrder order>
class LineSorter {
 public:
  LineSorter(std::int64_t n, std::int64_t k, std::int64_t xs, std::int64_t is)
      : n_(n), k_(k), xs_(xs), is_(is), line_(k > 1 ? static_cast<std::size_t>(n) : 0) {}

  void operator()(const T* x, std::int64_t* index) {
    if (k_ == 1) {
      *index = first(x);
      return;
    }
    for (std::int64_t i = 0; i < n_; ++i) line_[static_cast<std::size_t>(i)] = {x[i * xs_], i};
    if (k_ == n_)
      std::sort(line_.begin(), line_.end(), before_);
    else
      std::partial_sort(line_.begin(), line_.begin() + k_, line_.end(), before_);
    for (std::int64_t i = 0; i < k_; ++i) index[i * is_] = line_[static_cast<std::size_t>(i)].index;
  }

 private:
  using Entry = typename Before<T, order>::Entry;

  std::int64_t first(const T* x) const {
    Entry best{x[0], 0};
    for (std::int64_t i = 1; i < n_; ++i)
      if (const Entry next{x[i * xs_], i}; before_(next, best)) best = next;
    return best.index;
  }

  std::int64_t n_, k_, xs_, is_;
  std::vector<Entry> line_;
  Before<T, order> before_;
};

template <class T, SortOrder order>
void argsort_lines(const Tensor& x, const Tensor& index, int d) {
  Shape lines = x.shape();
  lines[d] = 1;
  const auto s = strided<2>(lines, {index.strides(), x.strides()});
  const std::int64_t n = x.size(d);
  const T* px = x.data<T>();
  std::int64_t* pi = index.mutable_data<std::int64_t>();
  for_each_block(
      s,
      [&](const auto& at, std::int64_t rows, std::int64_t cols) {
        LineSorter<T, order> sort(n, index.size(d), x.strides()[d], index.strides()[d]);
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t c = 0; c < cols; ++c)
            sort(px + at[1] + r * s.row_step(1) + c * s.col_step(1),
                 pi + at[0] + r * s.row_step(0) + c * s.col_step(0));
      },
      std::max<std::int64_t>(1, kGrain / n));
}

}  // namespace

void argsort(const Tensor& x, const Tensor& index, int d, SortOrder order) {
  if (index.numel() == 0) return;
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (order == SortOrder::ascending)
      argsort_lines<T, SortOrder::ascending>(x, index, d);
    else
      argsort_lines<T, SortOrder::descending>(x, index, d);
  });
}

}  // namespace duel::cpu
