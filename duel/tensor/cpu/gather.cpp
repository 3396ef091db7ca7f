// Rows picked from a table, and gradients added back to the rows they came from.
#include <vector>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

std::vector<std::int64_t> checked_rows(const char* operation, const Tensor& index, const Tensor& table) {
  std::vector<std::int64_t> rows = index.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < rows.size(); ++i)
    check(rows[i] >= 0 && rows[i] < table.size(0), operation, "index ", rows[i], " at position ", i,
          " is not a row of the table, which is ", table);
  return rows;
}

}  // namespace

void gather_rows(const Tensor& table, const Tensor& index, const Tensor& y) {
  const std::vector<std::int64_t> rows = checked_rows("gather_rows", index, table);
  const std::int64_t n = y.size(0), d = y.size(1);
  if (y.numel() == 0) return;
  dispatch(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* from = table.data<T>();
    T* to = y.mutable_data<T>();
    const Shape ts = table.strides(), ys = y.strides();
    parallel_for(n, std::max<std::int64_t>(1, kGrain / d), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* row = from + rows[static_cast<std::size_t>(i)] * ts[0];
        if (ts[1] == 1 && ys[1] == 1) {
          std::copy_n(row, d, to + i * ys[0]);
        } else {
          for (std::int64_t j = 0; j < d; ++j) to[i * ys[0] + j * ys[1]] = row[j * ts[1]];
        }
      }
    });
  });
}

void scatter_add_rows(const Tensor& g, const Tensor& index, const Tensor& table) {
  const std::vector<std::int64_t> rows = checked_rows("scatter_add_rows", index, table);
  if (g.numel() == 0) return;
  dispatch_floating("scatter_add_rows", g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto add = loops<T>().pointwise.binary[static_cast<int>(BinaryOp::add)];
    const Shape gs = g.strides(), ts = table.strides();
    // Threads share out the columns, so that each element sees its additions in the order of the index.
    const std::int64_t columns = std::max<std::int64_t>(16, kGrain / g.size(0));
    parallel_for(g.size(1), columns, [&](std::int64_t begin, std::int64_t end) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const T* from = g.data<T>() + static_cast<std::int64_t>(i) * gs[0] + begin * gs[1];
        T* to = table.mutable_data<T>() + rows[i] * ts[0] + begin * ts[1];
        add(to, {0, ts[1]}, from, {0, gs[1]}, to, {0, ts[1]}, 1, end - begin, T(0), T(0));
      }
    });
  });
}

}  // namespace duel::cpu
