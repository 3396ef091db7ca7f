// Look-up along one dimension and its transpose. One index for each element (gather, scatter_add) is the general case;
// one for all that lies beside it (index_select, index_add) is the same with an index that repeats with stride 0.
#include <algorithm>
#include <cstring>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

void check_indices(const char* operation, const Tensor& index, const Tensor& table, int d) {
  const std::int64_t size = table.size(d);
  const Tensor places = index.row_major();
  const std::int64_t *first = places.data<std::int64_t>(), *last = first + places.numel();
  const std::int64_t* bad = std::find_if_not(first, last, [&](std::int64_t i) { return i >= 0 && i < size; });
  if (bad != last)
    fail(operation, "index ", *bad, " at position ", bad - first, " is outside dimension ", d, " of ", table);
}

// An index for each place along dimension d, the same for all that lies beside it.
Tensor spread(const Tensor& index, const Shape& shape, int d) {
  Shape strides = Shape::filled(shape.dim(), 0);
  strides[d] = index.strides()[0];
  return Tensor(index.storage(), shape, strides, index.offset(), index.dtype());
}

// Strides that stay where they are along dimension d: the index says where to go.
Shape fixed_along(int d, Shape strides) {
  strides[d] = 0;
  return strides;
}

template <class T>
void gather_rows(const Tensor& x, const Tensor& index, const Tensor& y, int d) {
  const auto s = strided<3>(y.shape(), {y.strides(), index.strides(), fixed_along(d, x.strides())});
  const std::int64_t along = x.strides()[d];
  const std::int64_t yc = s.col_step(0), ic = s.col_step(1), xc = s.col_step(2);
  const T* px = x.data<T>();
  const std::int64_t* pi = index.data<std::int64_t>();
  T* py = y.mutable_data<T>();
  for_each_block(s, [&](const auto& at, std::int64_t rows, std::int64_t n) {
    for (std::int64_t r = 0; r < rows; ++r) {
      T* to = py + at[0] + r * s.row_step(0);
      const std::int64_t* which = pi + at[1] + r * s.row_step(1);
      const T* from = px + at[2] + r * s.row_step(2);
      if (ic != 0) {
        for (std::int64_t i = 0; i < n; ++i) to[i * yc] = from[i * xc + which[i * ic] * along];
      } else if (yc == 1 && xc == 1) {
        std::memcpy(to, from + *which * along, static_cast<std::size_t>(n) * sizeof(T));
      } else {
        from += *which * along;
        for (std::int64_t i = 0; i < n; ++i) to[i * yc] = from[i * xc];
      }
    }
  });
}

// Pieces of parallel work lie side by side, and each goes along dimension d in order: so the sums have one order, and
// no two pieces write to one place.
template <class T>
void scatter_rows(const Tensor& g, const Tensor& index, const Tensor& y, int d) {
  Shape beside = g.shape();
  beside[d] = 1;
  const auto s = strided<3>(beside, {y.strides(), index.strides(), g.strides()});
  const std::int64_t size = g.size(d), yd = y.strides()[d], id = index.strides()[d], gd = g.strides()[d];
  const std::int64_t yc = s.col_step(0), ic = s.col_step(1), gc = s.col_step(2);
  const T* pg = g.data<T>();
  const std::int64_t* pi = index.data<std::int64_t>();
  T* py = y.mutable_data<T>();
  const auto add = [&](const auto& at, std::int64_t rows, std::int64_t n) {
    for (std::int64_t r = 0; r < rows; ++r) {
      T* to = py + at[0] + r * s.row_step(0);
      const std::int64_t* which = pi + at[1] + r * s.row_step(1);
      const T* from = pg + at[2] + r * s.row_step(2);
      if (gd < gc) {  // the elements along d are the closer ones
        for (std::int64_t j = 0; j < n; ++j)
          for (std::int64_t i = 0; i < size; ++i) to[j * yc + which[j * ic + i * id] * yd] += from[j * gc + i * gd];
      } else if (ic != 0) {
        for (std::int64_t i = 0; i < size; ++i)
          for (std::int64_t j = 0; j < n; ++j) to[j * yc + which[j * ic + i * id] * yd] += from[j * gc + i * gd];
      } else {
        for (std::int64_t i = 0; i < size; ++i) {
          T* row = to + which[i * id] * yd;
          const T* row_of_g = from + i * gd;
          for (std::int64_t j = 0; j < n; ++j) row[j * yc] += row_of_g[j * gc];
        }
      }
    }
  };
  for_each_block(s, add, std::max<std::int64_t>(16, kGrain / size));
}

void gather_checked(const Tensor& x, const Tensor& index, const Tensor& y, int d) {
  if (y.numel() > 0) dispatch(y.dtype(), [&](auto tag) { gather_rows<typename decltype(tag)::type>(x, index, y, d); });
}

void scatter_checked(const char* operation, const Tensor& g, const Tensor& index, const Tensor& y, int d) {
  if (g.numel() > 0)
    dispatch_floating(operation, y.dtype(),
                      [&](auto tag) { scatter_rows<typename decltype(tag)::type>(g, index, y, d); });
}

}  // namespace

void gather(const Tensor& x, const Tensor& index, const Tensor& y, int d) {
  check_indices("gather", index, x, d);
  gather_checked(x, index, y, d);
}

void scatter_add(const Tensor& g, const Tensor& index, const Tensor& y, int d) {
  check_indices("scatter_add", index, y, d);
  scatter_checked("scatter_add", g, index, y, d);
}

void index_select(const Tensor& x, const Tensor& index, const Tensor& y, int d) {
  check_indices("index_select", index, x, d);
  gather_checked(x, spread(index, y.shape(), d), y, d);
}

void index_add(const Tensor& g, const Tensor& index, const Tensor& y, int d) {
  check_indices("index_add", index, y, d);
  scatter_checked("index_add", g, spread(index, g.shape(), d), y, d);
}

}  // namespace duel::cpu
