#include <algorithm>

#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

/// Indices below `size`, some of them equal, on the device.
Tensor indices(const Shape& shape, std::int64_t size, std::uint64_t seed) {
  return to_cuda(Rng(seed).integers(shape, size));
}

Shape with_size(Shape shape, int d, std::int64_t size) {
  shape[d] = size;
  return shape;
}

/// The same elements under strides that are neither row-major nor dense.
Tensor strided(const Tensor& t) {
  Shape wide = t.shape();
  wide[t.dim() - 1] = 2 * wide[t.dim() - 1] + 1;
  Shape order;
  for (int d = t.dim() - 1; d >= 0; --d) order.push_back(d);
  Shape reversed;
  for (const std::int64_t d : order) reversed.push_back(wide[static_cast<int>(d)]);
  const int last = t.dim() - 1;
  const Tensor view = Tensor::zeros(reversed, t.options()).permute(order).slice(last, 1, wide[last], 2);
  backend(t.device()).copy(t, view);
  return view;
}

std::vector<Tensor> layouts(const Tensor& t) { return {t, strided(t)}; }

const Shape kTable{5, 7, 12};
constexpr std::int64_t kCount = 11;

const std::vector<DType>& all_dtypes() {
  static const std::vector<DType> all{DType::float32, DType::float64, DType::int64, DType::uint8, DType::bfloat16};
  return all;
}

/// Calls check(x, y) for a table and a result with `kCount` in its place along d, under all layouts of both.
template <class F>
void for_all_layouts(DType dtype, int d, const F& check) {
  const Tensor values = gaussian(kTable, DType::float32, 1).to(Device::cpu);
  const Tensor table = Tensor::zeros(kTable, {.dtype = DType::float64});
  twin().unary(UnaryOp::affine, values.to(DType::float64), table, {10, 100});
  for (const Tensor& x : layouts(to_cuda(table.to(dtype))))
    for (const Tensor& y : layouts(poisoned(with_size(kTable, d, kCount), dtype))) {
      CAPTURE(dtype);
      CAPTURE(d);
      CAPTURE(x.strides());
      CAPTURE(y.strides());
      check(x, y);
    }
}

}  // namespace

TEST_CASE("gather, index_select: any strides, dimensions and dtypes" * on_cuda()) {
  for (const DType dtype : all_dtypes())
    for (int d = 0; d < 3; ++d)
      for_all_layouts(dtype, d, [&](const Tensor& x, const Tensor& y) {
        const Tensor expected = Tensor::empty(y.shape(), {.dtype = to_twin(x).dtype()});
        for (const Tensor& index : layouts(indices(y.shape(), kTable[d], 2))) {
          twin().gather(to_twin(x), to_twin(index), expected, d);
          cuda().gather(x, index, y, d);
          CHECK(relative_error(y, expected) == 0);
        }
        for (const Tensor& index : layouts(indices({kCount}, kTable[d], 3))) {
          twin().index_select(to_twin(x), to_twin(index), expected, d);
          cuda().index_select(x, index, y, d);
          CHECK(relative_error(y, expected) == 0);
        }
      });
}

TEST_CASE("scatter_add, index_add: any strides and dimensions, the rest untouched" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (int d = 0; d < 3; ++d)
      for_all_layouts(dtype, d, [&](const Tensor& y, const Tensor& like) {
        for (const Tensor& g : layouts(gaussian(like.shape(), dtype, 4))) {
          const auto compare = [&](const Tensor& index, auto slot) {
            const Tensor expected = to_twin(y).clone(), sum = y.clone();
            (twin().*slot)(to_twin(g), to_twin(index), expected, d);
            (cuda().*slot)(g, index, sum, d);
            CHECK(relative_error(sum, expected) < tolerance(dtype));
          };
          for (const Tensor& index : layouts(indices(g.shape(), kTable[d], 5))) compare(index, &Backend::scatter_add);
          for (const Tensor& index : layouts(indices({kCount}, kTable[d], 6))) compare(index, &Backend::index_add);
        }
      });
}

TEST_CASE("look-ups: sums in the order of the index, bit for bit as on the CPU" * on_cuda()) {
  const Tensor g = gaussian({40, 6}, DType::float32, 7), index = indices({40}, 3, 8), all = indices({40, 6}, 3, 9);
  const Tensor expected = Tensor::zeros({3, 6}), sum = to_cuda(expected).clone();
  twin().index_add(g.to(Device::cpu), index.to(Device::cpu), expected, 0);
  cuda().index_add(g, index, sum, 0);
  CHECK(relative_error(sum, expected) == 0);
  twin().scatter_add(g.to(Device::cpu), all.to(Device::cpu), expected, 0);
  cuda().scatter_add(g, all, sum, 0);
  CHECK(relative_error(sum, expected) == 0);
}

TEST_CASE("look-ups: an embedding's rows, more of them than one round of threads" * on_cuda()) {
  for (const DType dtype : computed_dtypes()) {
    CAPTURE(dtype);
    const Tensor table = gaussian({300, 24}, dtype, 1), labels = indices({65}, 300, 2);
    const Tensor rows = poisoned({65, 24}, dtype), expected = Tensor::empty({65, 24}, {.dtype = DType::float64});
    twin().index_select(to_twin(table), to_twin(labels), expected, 0);
    cuda().index_select(table, labels, rows, 0);
    CHECK(relative_error(rows, expected) == 0);
    const Tensor grad = to_cuda(Tensor::zeros({300, 24}, {.dtype = dtype}));
    const Tensor expected_grad = Tensor::zeros({300, 24}, {.dtype = DType::float64});
    twin().index_add(to_twin(rows), to_twin(labels), expected_grad, 0);
    cuda().index_add(rows, labels, grad, 0);
    CHECK(relative_error(grad, expected_grad) < tolerance(dtype));
  }
}

TEST_CASE("look-ups: sums over a table of more rows than there are threads" * on_cuda()) {
  const Tensor g = gaussian({33}, DType::float32, 1), index = indices({33}, 70000, 2);
  const Tensor expected = Tensor::zeros({70000}), sum = to_cuda(expected).clone();
  for (int i = 0; i < 2; ++i) {  // so that each index comes twice
    twin().index_add(g.to(Device::cpu), index.to(Device::cpu), expected, 0);
    cuda().index_add(g, index, sum, 0);
  }
  CHECK(relative_error(sum, expected) == 0);
}

TEST_CASE("look-ups: nothing to do" * on_cuda()) {
  const Tensor table = gaussian({3, 4}, DType::float32, 1), before = table.to(Device::cpu);
  const Tensor none = poisoned({0, 4}, DType::float32), index = indices({0}, 3, 1), all = indices({0, 4}, 3, 1);
  cuda().index_select(table, index, none, 0);
  cuda().gather(table, all, none, 0);
  cuda().index_add(none, index, table, 0);
  cuda().scatter_add(none, all, table, 0);
  CHECK(relative_error(table, before) == 0);
}

TEST_CASE("look-ups: an index out of range is an error at the next wait, and nothing is written" * on_cuda()) {
  const auto throws = [](const char* slot) {
    CHECK_THROWS_WITH_AS(synchronize(Device::cuda), doctest::Contains(slot), Error);
    CHECK_NOTHROW(synchronize(Device::cuda));
  };
  for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{3}, INT64_MIN, INT64_MAX}) {
    CAPTURE(bad);
    const Tensor table = gaussian({3, 2}, DType::float32, 1), zeros = to_cuda(Tensor::zeros({3, 2}));
    const Tensor ones = to_cuda(Tensor::full({2, 2}, 1)), rows = poisoned({2, 2}, DType::float32);
    const Tensor index = to_cuda(Tensor::from<std::int64_t>({bad, 1}, {2}));
    const Tensor all = to_cuda(Tensor::from<std::int64_t>({bad, bad, 1, 1}, {2, 2}));
    const auto wrong_row_is_0 = [&] {
      const std::vector<float> y = rows.to(Device::cpu).to_vector<float>();
      const std::vector<float> x = table.to(Device::cpu).to_vector<float>();
      CHECK(y == std::vector<float>{0, 0, x[2], x[3]});
    };
    const auto only_row_1_is_written = [&] {
      CHECK(zeros.to(Device::cpu).to_vector<float>() == std::vector<float>{0, 0, 1, 1, 0, 0});
      cuda().fill(zeros, 0);
    };
    cuda().index_select(table, index, rows, 0);
    throws("index_select");
    wrong_row_is_0();
    cuda().gather(table, all, rows, 0);
    throws("gather");
    wrong_row_is_0();
    cuda().index_add(ones, index, zeros, 0);
    throws("index_add");
    only_row_1_is_written();
    cuda().scatter_add(ones, all, zeros, 0);
    throws("scatter_add");
    only_row_1_is_written();
  }
}
