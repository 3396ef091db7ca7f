#include "duel/cuda/epilogue.h"

#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

DType sum_dtype(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{{3, 5, 4, 7},   {2, 64, 3, 3},   {1, 1, 9, 9},  {2, 3, 16, 16},
                                      {5, 100, 1, 1}, {2, 24, 30, 33}, {2, 300, 5, 8}};
  return all;
}

constexpr double kSlopes[] = {0.0, 0.2, 1.0};

}  // namespace

TEST_CASE("apply_epilogue" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Shape& shape : shapes())
      for (const double slope : kSlopes)
        for (const DType bias_dtype : {dtype, sum_dtype(dtype)}) {
          CAPTURE(dtype);
          CAPTURE(shape);
          CAPTURE(slope);
          const Tensor y = gaussian(shape, dtype, 1, Layout::channels_last), bias = gaussian({shape[1]}, bias_dtype, 2);
          const Tensor expected = to_twin(y), wide_bias = to_twin(bias).reshape({1, shape[1], 1, 1}).expand(shape);
          twin().binary(BinaryOp::add, expected, wide_bias, expected, {});
          twin().unary(UnaryOp::leaky_relu, expected, expected, {slope});
          duel::cuda::apply_epilogue(y, {bias, {slope}});
          CHECK(relative_error(y, expected) < tolerance(dtype));
        }
}

TEST_CASE("apply_epilogue without a bias, and to rows" * on_cuda()) {
  const Tensor y = gaussian({7, 10}, DType::float32, 1), expected = to_twin(y);
  twin().unary(UnaryOp::relu, expected, expected, {});
  duel::cuda::apply_epilogue(y, {{}, {0}});
  CHECK(relative_error(y, expected) == 0);
  duel::cuda::apply_epilogue(Tensor::empty({0, 4, 2, 2}, {DType::float32, Device::cuda, Layout::channels_last}),
                             {{}, {0}});
}

TEST_CASE("epilogue_grad" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Shape& shape : shapes())
      for (const double slope : kSlopes) {
        CAPTURE(dtype);
        CAPTURE(shape);
        CAPTURE(slope);
        const Tensor y = gaussian(shape, dtype, 1, Layout::channels_last),
                     dy = gaussian(shape, dtype, 2, Layout::channels_last);
        const Tensor wide_dy = to_twin(dy).channels_last(), expected = Tensor::empty_like(wide_dy);
        const Tensor expected_dbias = Tensor::empty({shape[1]}, {.dtype = DType::float64});
        twin().epilogue_grad(to_twin(y).channels_last(), wide_dy, {slope}, expected, expected_dbias);
        const Tensor dx = poisoned(shape, dtype, Layout::channels_last), dbias = poisoned({shape[1]}, sum_dtype(dtype));
        testing::cuda().epilogue_grad(y, dy, {slope}, dx, dbias);
        CHECK(relative_error(dx, expected) < tolerance(dtype));
        CHECK(relative_error(dbias, expected_dbias) < tolerance(sum_dtype(dtype)));
        testing::cuda().epilogue_grad(y, dy, {slope}, dy, {});  // in place, without sums
        CHECK(relative_error(dy, expected) < tolerance(dtype));
      }
}

TEST_CASE("epilogue_grad of nothing" * on_cuda()) {
  const Tensor y = Tensor::empty({0, 3, 2, 2}, {DType::float32, Device::cuda, Layout::channels_last});
  const Tensor dbias = poisoned({3}, DType::float32);
  testing::cuda().epilogue_grad(y, y, {0.2}, y, dbias);
  CHECK(dbias.to(Device::cpu).to_vector<float>() == std::vector<float>(3, 0));
}
