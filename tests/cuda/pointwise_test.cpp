#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr Constants kConstants{.p = 0.7, .q = 1.3};

// Whether the operation is taken of numbers above 0 only.
bool is_of_positive(UnaryOp op) {
  return op == UnaryOp::log || op == UnaryOp::log1p || op == UnaryOp::sqrt || op == UnaryOp::rsqrt ||
         op == UnaryOp::pow;
}

Tensor absolute(const Tensor& x) {
  const Tensor y = Tensor::empty_like(x);
  cuda().unary(UnaryOp::abs, x, y, {});
  return y;
}

// Constants as the device has them: of the dtype it computes in.
Constants rounded(Constants c, DType dtype) {
  return dtype == DType::float64 ? c : Constants{static_cast<float>(c.p), static_cast<float>(c.q)};
}

void check_unary(UnaryOp op, const Tensor& x, const Tensor& y) {
  CAPTURE(static_cast<int>(op));
  const Tensor want = to_twin(Tensor::zeros_like(y));
  cuda().unary(op, x, y, kConstants);
  twin().unary(op, to_twin(x), want, rounded(kConstants, y.dtype()));
  CHECK(relative_error(y, want) <= tolerance(y.dtype()));
}

void check_binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) {
  CAPTURE(static_cast<int>(op));
  const Tensor want = to_twin(Tensor::zeros_like(y));
  cuda().binary(op, a, b, y, kConstants);
  twin().binary(op, to_twin(a), to_twin(b), want, rounded(kConstants, y.dtype()));
  CHECK(relative_error(y, want) <= tolerance(y.dtype()));
}

}  // namespace

TEST_CASE("cuda unary: every operation" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (int i = 0; i < static_cast<int>(UnaryOp::count); ++i) {
      const auto op = static_cast<UnaryOp>(i);
      const Tensor any = gaussian({7, 43}, dtype, 1), x = is_of_positive(op) ? absolute(any) : any;
      check_unary(op, x, poisoned({7, 43}, dtype));
      check_unary(op, x.slice(1, 3, 40), poisoned({7, 37}, dtype));
    }
}

TEST_CASE("cuda binary: every operation" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (int i = 0; i < static_cast<int>(BinaryOp::count); ++i) {
      const auto op = static_cast<BinaryOp>(i);
      const Tensor any = gaussian({7, 43}, dtype, 1), b = gaussian({7, 43}, dtype, 2);
      const Tensor a = op == BinaryOp::power ? absolute(any) : any;
      check_binary(op, a, b, poisoned({7, 43}, dtype));
      check_binary(op, a.slice(1, 3, 40), b.slice(1, 5, 42), poisoned({7, 37}, dtype));
    }
}

TEST_CASE("cuda binary: broadcasting, layouts, offsets" * on_cuda()) {
  const Shape shape{3, 8, 5, 6};
  for (const DType dtype : computed_dtypes())
    for (const Layout layout : {Layout::row_major, Layout::channels_last}) {
      const Tensor x = gaussian(shape, dtype, 1, layout), y = poisoned(shape, dtype, layout);
      const Tensor channels = gaussian({8, 1, 1}, dtype, 2).expand(shape);
      check_binary(BinaryOp::mul, x, channels, y);
      check_binary(BinaryOp::sub, channels, x, y);
      check_binary(BinaryOp::add, x, gaussian({3, 1, 1, 1}, dtype, 3).expand(shape), y);
      check_binary(BinaryOp::add, x, gaussian({}, dtype, 4).expand(shape), y);
      check_binary(BinaryOp::add, x, gaussian({5, 6}, dtype, 5).expand(shape), y);
      check_binary(BinaryOp::add, channels, channels, y);
      check_binary(BinaryOp::mul, x, gaussian(shape, dtype, 6, Layout::row_major), y);
      const Tensor shifted = gaussian({1441}, dtype, 7);
      check_binary(BinaryOp::add, shifted.slice(0, 1, 721), shifted.slice(0, 0, 720), poisoned({720}, dtype));
      check_binary(BinaryOp::add, shifted.slice(0, 1, 1441, 2), shifted.slice(0, 0, 720), poisoned({720}, dtype));
    }
  check_binary(BinaryOp::add, gaussian({0, 3}, DType::float32, 1), gaussian({0, 3}, DType::float32, 1),
               poisoned({0, 3}, DType::float32));
  check_binary(BinaryOp::add, gaussian({}, DType::float32, 1), gaussian({}, DType::float32, 2),
               poisoned({}, DType::float32));
}

TEST_CASE("cuda unary, binary: in place" * on_cuda()) {
  for (const DType dtype : computed_dtypes()) {
    const Tensor x = gaussian({5, 13}, dtype, 1), want = to_twin(x);
    cuda().unary(UnaryOp::square, x, x, {});
    cuda().binary(BinaryOp::add, x, x, x, {});
    twin().unary(UnaryOp::square, want, want, {});
    twin().binary(BinaryOp::add, want, want, want, {});
    CHECK(relative_error(x, want) <= tolerance(dtype));
  }
}

TEST_CASE("cuda where: of each, with broadcasting" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Layout layout : {Layout::row_major, Layout::channels_last}) {
      const Shape shape{3, 8, 5, 3};
      const Tensor condition = Tensor::empty(shape, {dtype, Device::cuda, layout}), y = poisoned(shape, dtype, layout);
      cuda().unary(UnaryOp::relu, gaussian(shape, dtype, 1, layout), condition, {});
      const Tensor a = gaussian(shape, dtype, 2, layout), b = gaussian({1, 8, 1, 1}, dtype, 3).expand(shape);
      const Tensor want = Tensor::empty(shape, {.dtype = DType::float64});
      cuda().where(condition, a, b, y);
      twin().where(to_twin(condition), to_twin(a), to_twin(b), want);
      CHECK(relative_error(y, want) == 0);
      const Tensor zero = Tensor::scalar(-0.0, dtype, Device::cuda).expand(shape);
      cuda().where(zero, a, b, y);
      CHECK(relative_error(y, b) == 0);
    }
}

TEST_CASE("cuda pointwise: NaN and infinities as on the CPU" * on_cuda()) {
  const Tensor host = Tensor::from<double>({NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e30, -1e30, 1.0}, {8});
  for (const DType dtype : computed_dtypes())
    for (int i = 0; i < static_cast<int>(UnaryOp::count); ++i) {
      const auto op = static_cast<UnaryOp>(i);
      if (op == UnaryOp::sin || op == UnaryOp::cos) continue;  // of 1e30: not to the last bit
      const Tensor x = host.to(dtype).to(Device::cuda), y = poisoned({8}, dtype);
      const Tensor want = Tensor::empty({8}, {.dtype = dtype == DType::float64 ? dtype : DType::float32});
      CAPTURE(i);
      cuda().unary(op, x, y, kConstants);
      twin().unary(op, x.to(Device::cpu).to(want.dtype()), want, kConstants);
      CHECK(relative_error(y, want.to(dtype)) <= tolerance(dtype));
    }
}

TEST_CASE("cuda pointwise: dtypes that it does not compute in are refused" * on_cuda()) {
  const Tensor labels = Tensor::zeros({3}, {DType::int64, Device::cuda});
  CHECK_THROWS_WITH_AS(cuda().unary(UnaryOp::exp, labels, labels, {}),
                       doctest::Contains("unary: needs a floating dtype, got int64"), Error);
}
