// Attention by tiles (Dao et al. 2022): scores of some queries and some keys at a time stay in the cache; each row's
// running maximum and sum make the softmax of tile after tile exact. The backward pass computes the scores again.
#include "duel/tensor/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "duel/tensor/cpu/gemm_blocks.h"
#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

// A tile of scores. Queries are a multiple of every register tile's rows, keys of its columns.
constexpr std::int64_t kQueries = 48, kKeys = 128;
// So many parts of a batch of few matrices work at the same time in the backward pass, each on its own copy of the
// gradients of keys and values.
constexpr std::int64_t kParts = 8;

struct Sizes {
  std::int64_t batch, queries, keys, d, e;

  Sizes(const Tensor& q, const Tensor& v)
      : batch(q.size(0)), queries(q.size(1)), keys(v.size(1)), d(q.size(2)), e(v.size(2)) {}
  std::int64_t tiles() const { return ceil_div(queries, kQueries); }
  /// Tasks of so many scores each that are worth a piece of parallel work.
  std::int64_t together(std::int64_t task_queries) const {
    return std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, std::min(queries, task_queries) * keys));
  }
};

/// A batch of matrices [k, n], dense, in panels as the kernels read their second operand.
template <class T>
class Panels {
 public:
  /// source[b * k * n + p * k_step + j * n_step]
  Panels(const GemmKernels<T>& kernels, const T* source, std::int64_t batch, std::int64_t k, std::int64_t n,
         std::int64_t k_step, std::int64_t n_step)
      : width_(kernels.columns),
        panel_(spread_row<T>(k * width_)),
        matrix_(ceil_div(n, width_) * panel_),
        data_(batch * matrix_) {
    parallel_for(
        batch, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, k * n)),
        [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t b = begin; b < end; ++b)
            kernels.pack({k, n, source + b * k * n, k_step, n_step, width_, data_.data() + b * matrix_, panel_});
        });
  }
  /// From row k0 and column n0 on, a multiple of the kernels' columns.
  const T* at(std::int64_t b, std::int64_t k0, std::int64_t n0) const {
    return data_.data() + b * matrix_ + n0 / width_ * panel_ + k0 * width_;
  }
  std::int64_t panel() const { return panel_; }
  std::int64_t width() const { return width_; }

 private:
  std::int64_t width_, panel_, matrix_;
  Scratch<T> data_;
};

/// The first operand: a[i * step + p], or its transpose a[p * step + i].
template <class T>
struct Left {
  const T* data;
  std::int64_t step;
  TileOrder order = TileOrder::rows;
};

/// c [m, n], rows `c_step` apart, = or += a [m, k] times the part of `b` from `at` on. At most max(kQueries, kKeys)
/// rows.
template <class T>
void multiply(const GemmKernels<T>& kernels, std::int64_t m, std::int64_t n, std::int64_t k, Left<T> a,
              const Panels<T>& b, const T* at, T* c, std::int64_t c_step, StoreMode mode) {
  T* rows[std::max(kQueries, kKeys)];
  for (std::int64_t i = 0; i < m; ++i) rows[i] = c + i * c_step;
  kernels.multiply({m, n, k, a.data, a.order == TileOrder::rows ? kernels.rows * a.step : kernels.rows, a.step, a.order,
                    at, b.panel(), b.width(), rows, 1, mode});
}

StoreMode add_after(std::int64_t first, std::int64_t now) {
  return now == first ? StoreMode::overwrite : StoreMode::accumulate;
}

template <class T>
void multiply_rows(T* y, std::int64_t rows, std::int64_t n, const T* factors) {
  for (std::int64_t i = 0; i < rows; ++i)
    if (factors[i] != 1)
      for (std::int64_t j = 0; j < n; ++j) y[i * n + j] *= factors[i];
}

template <class T>
void attend(const Sizes& n, const T* q, const T* k, const T* v, T scale, T* y, T* lse) {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  const Panels<T> keys(kernels, k, n.batch, n.d, n.keys, 1, n.d), values(kernels, v, n.batch, n.keys, n.e, n.e, 1);
  parallel_for(n.batch * n.tiles(), n.together(kQueries), [&](std::int64_t begin, std::int64_t end) {
    const Scratch<T> scores(kQueries * kKeys);
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t b = task / n.tiles(), t = task % n.tiles() * kQueries,
                         rows = std::min(kQueries, n.queries - t);
      const std::int64_t first = b * n.queries + t;
      T max[kQueries], factor[kQueries];
      double sum[kQueries] = {};
      std::fill_n(max, kQueries, -std::numeric_limits<T>::infinity());
      for (std::int64_t s = 0; s < n.keys; s += kKeys) {
        const std::int64_t count = std::min(kKeys, n.keys - s);
        multiply(kernels, rows, count, n.d, Left<T>{q + first * n.d, n.d}, keys, keys.at(b, 0, s), scores.data(), kKeys,
                 StoreMode::overwrite);
        loops<T>().softmax.attend(scores.data(), rows, count, kKeys, scale, max, sum, factor);
        if (s > 0) multiply_rows(y + first * n.e, rows, n.e, factor);
        multiply(kernels, rows, n.e, count, Left<T>{scores.data(), kKeys}, values, values.at(b, s, 0), y + first * n.e,
                 n.e, add_after(0, s));
      }
      for (std::int64_t i = 0; i < rows; ++i) {
        factor[i] = static_cast<T>(1 / sum[i]);
        lse[first + i] = static_cast<T>(max[i] + std::log(sum[i]));
      }
      multiply_rows(y + first * n.e, rows, n.e, factor);
    }
  });
}

// With p = softmax(scale q k') and delta = <y, dy> per query: dv = p' dy, dp = dy v', ds = p (dp - delta),
// dq = scale ds k, dk = scale ds' q.
template <class T>
class Gradient {
 public:
  Gradient(const Sizes& n, const T* q, const T* k, const T* v, T scale, const T* y, const T* lse, const T* dy)
      : n_(n),
        kernels_(gemm_kernels<T>()),
        q_(q),
        dy_(dy),
        lse_(lse),
        scale_(scale),
        keys_across_(kernels_, k, n.batch, n.d, n.keys, 1, n.d),
        values_across_(kernels_, v, n.batch, n.e, n.keys, 1, n.e),
        keys_(kernels_, k, n.batch, n.keys, n.d, n.d, 1),
        queries_(kernels_, q, n.batch, n.queries, n.d, n.d, 1),
        dys_(kernels_, dy, n.batch, n.queries, n.e, n.e, 1),
        delta_(n.batch * n.queries) {
    parallel_for(n.batch * n.queries, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, n.e)),
                 [&](std::int64_t begin, std::int64_t end) {
                   loops<T>().softmax.inner_products(y + begin * n.e, dy + begin * n.e, end - begin, n.e,
                                                     delta_.data() + begin);
                 });
  }

  void operator()(T* dq, T* dk, T* dv) const {
    const std::int64_t most = std::min(n_.tiles(), ceil_div(kParts, n_.batch)), tiles = ceil_div(n_.tiles(), most);
    const std::int64_t parts = ceil_div(n_.tiles(), tiles), key_size = n_.batch * n_.keys * n_.d,
                       value_size = n_.batch * n_.keys * n_.e;
    // The first part writes to the results themselves.
    const Scratch<T> more_dk((parts - 1) * key_size), more_dv((parts - 1) * value_size);
    parallel_for(n_.batch * parts, n_.together(tiles * kQueries), [&](std::int64_t begin, std::int64_t end) {
      const Scratch<T> s(kQueries * kKeys), dp(kQueries * kKeys);
      std::fill_n(s.data(), kQueries * kKeys, T(0));  // loops work on whole packets
      std::fill_n(dp.data(), kQueries * kKeys, T(0));
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t b = i / parts, part = i % parts;
        part_of(b, part * tiles * kQueries, std::min(n_.queries, (part + 1) * tiles * kQueries), s.data(), dp.data(),
                dq, (part == 0 ? dk : more_dk.data() + (part - 1) * key_size) + b * n_.keys * n_.d,
                (part == 0 ? dv : more_dv.data() + (part - 1) * value_size) + b * n_.keys * n_.e);
      }
    });
    add_parts(more_dk.data(), parts - 1, key_size, dk);
    add_parts(more_dv.data(), parts - 1, value_size, dv);
  }

 private:
  /// Queries [t0, t1) of matrix b against all keys.
  void part_of(std::int64_t b, std::int64_t t0, std::int64_t t1, T* scores, T* dp, T* dq, T* dk, T* dv) const {
    for (std::int64_t s = 0; s < n_.keys; s += kKeys)
      for (std::int64_t t = t0; t < t1; t += kQueries) {
        const std::int64_t count = std::min(kKeys, n_.keys - s), rows = std::min(kQueries, t1 - t);
        const std::int64_t first = b * n_.queries + t;
        multiply(kernels_, rows, count, n_.d, Left<T>{q_ + first * n_.d, n_.d}, keys_across_, keys_across_.at(b, 0, s),
                 scores, kKeys, StoreMode::overwrite);
        multiply(kernels_, rows, count, n_.e, Left<T>{dy_ + first * n_.e, n_.e}, values_across_,
                 values_across_.at(b, 0, s), dp, kKeys, StoreMode::overwrite);
        loops<T>().softmax.attend_grad(scores, dp, rows, count, kKeys, scale_, lse_ + first, delta_.data() + first);
        multiply(kernels_, count, n_.e, rows, Left<T>{scores, kKeys, TileOrder::columns}, dys_, dys_.at(b, t, 0),
                 dv + s * n_.e, n_.e, add_after(t0, t));
        multiply(kernels_, count, n_.d, rows, Left<T>{dp, kKeys, TileOrder::columns}, queries_, queries_.at(b, t, 0),
                 dk + s * n_.d, n_.d, add_after(t0, t));
        multiply(kernels_, rows, n_.d, count, Left<T>{dp, kKeys}, keys_, keys_.at(b, s, 0), dq + first * n_.d, n_.d,
                 add_after(0, s));
      }
  }

  static void add_parts(const T* parts, std::int64_t count, std::int64_t size, T* sum) {
    if (count == 0) return;
    parallel_for(size, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = 0; part < count; ++part)
        for (std::int64_t i = begin; i < end; ++i) sum[i] += parts[part * size + i];
    });
  }

  Sizes n_;
  const GemmKernels<T>& kernels_;
  const T *q_, *dy_, *lse_;
  T scale_;
  Panels<T> keys_across_, values_across_, keys_, queries_, dys_;
  Scratch<T> delta_;
};

}  // namespace

void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y, const Tensor& lse) {
  if (lse.numel() == 0) return;
  dispatch_floating("attention", q.dtype(), [&]<class T>(TypeTag<T>) {
    attend(Sizes(q, v), q.data<T>(), k.data<T>(), v.data<T>(), static_cast<T>(scale), y.mutable_data<T>(),
           lse.mutable_data<T>());
  });
}

void attention_grad(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& y, const Tensor& lse,
                    const Tensor& dy, const Tensor& dq, const Tensor& dk, const Tensor& dv) {
  if (lse.numel() == 0) {  // no queries
    fill(dk, 0);
    fill(dv, 0);
    return;
  }
  dispatch_floating("attention_grad", q.dtype(), [&]<class T>(TypeTag<T>) {
    const Gradient<T> gradient(Sizes(q, v), q.data<T>(), k.data<T>(), v.data<T>(), static_cast<T>(scale), y.data<T>(),
                               lse.data<T>(), dy.data<T>());
    gradient(dq.mutable_data<T>(), dk.mutable_data<T>(), dv.mutable_data<T>());
  });
}

}  // namespace duel::cpu
