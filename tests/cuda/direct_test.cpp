#include "duel/cuda/direct.h"

#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

struct MatmulCase {
  std::int64_t batch, m, n, k;
};

/// [batch, rows, columns], row-major, or with the last two dimensions the other way round in memory.
Tensor matrices(std::int64_t batch, std::int64_t rows, std::int64_t columns, bool transposed, DType dtype,
                std::uint64_t seed) {
  return transposed ? gaussian({batch, columns, rows}, dtype, seed).transpose(1, 2)
                    : gaussian({batch, rows, columns}, dtype, seed);
}

/// Without and with a bias.
void check_matmul(const Tensor& a, const Tensor& b, const Tensor& y) {
  const Tensor expected = Tensor::empty(y.shape(), {.dtype = DType::float64});
  for (const Tensor& bias : {Tensor(), gaussian({y.size(2)}, y.dtype(), 7)}) {
    CAPTURE(bias.defined());
    twin().matmul(to_twin(a), to_twin(b), expected, to_twin(bias));
    testing::cuda().fill(y, NAN);
    cuda::matmul_direct(a, b, y, bias);
    CHECK(relative_error(y, expected) < tolerance(y.dtype()));
  }
}

struct ConvCase {
  Shape x, w;  // [N, C, H, W], [O, C / groups, KH, KW]
  Conv2dGeometry g;
};

const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> all{
      {{2, 3, 9, 8}, {5, 3, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},
      {{4, 5, 12, 12}, {7, 5, 3, 3}, {.padding = {1, 1}}},  // so many pixels that several blocks share their sum
      {{1, 70, 3, 5}, {66, 70, 1, 1}, {}},
      {{2, 6, 7, 10}, {9, 2, 3, 2}, {.stride = {1, 3}, .padding = {2, 0}, .dilation = {2, 3}, .groups = 3}},
      {{2, 5, 6, 5}, {5, 1, 3, 3}, {.padding = {1, 1}, .groups = 5}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{1, 2, 2, 3}, {3, 2, 1, 1}, {.stride = {3, 2}, .padding = {4, 5}}},  // nearly all outputs see padding alone
      {{0, 3, 4, 4}, {2, 3, 3, 3}, {}},                                     // no pictures: the weight gradient is 0
      {{2, 0, 3, 3}, {2, 0, 3, 3}, {.padding = {1, 1}}},                    // no channels: the result is 0
  };
  return all;
}

Shape output_shape(const ConvCase& c) {
  const auto size = [](std::int64_t in, std::int64_t k, std::int64_t stride, std::int64_t padding,
                       std::int64_t dilation) { return (in + 2 * padding - dilation * (k - 1) - 1) / stride + 1; };
  return {c.x[0], c.w[0], size(c.x[2], c.w[2], c.g.stride.h, c.g.padding.h, c.g.dilation.h),
          size(c.x[3], c.w[3], c.g.stride.w, c.g.padding.w, c.g.dilation.w)};
}

constexpr Layout kLast = Layout::channels_last;

Tensor twin_result(const Shape& shape) { return Tensor::empty(shape, {.dtype = DType::float64, .layout = kLast}); }

DType of_parameters(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

}  // namespace

TEST_CASE("matmul_direct: any sizes and strides" * on_cuda()) {
  const std::vector<MatmulCase> cases{{1, 1, 1, 1}, {3, 5, 7, 9}, {2, 70, 33, 90}, {1, 3, 5, 1100}, {2, 4, 3, 0}};
  for (const DType dtype : computed_dtypes())
    for (const MatmulCase& c : cases)
      for (const int transposed : {0, 1, 2, 3, 4, 7}) {
        CAPTURE(dtype);
        CAPTURE(c.k);
        CAPTURE(transposed);
        const Tensor y = transposed & 4 ? poisoned({c.batch, c.n, c.m}, dtype).transpose(1, 2)
                                        : poisoned({c.batch, c.m, c.n}, dtype);
        check_matmul(matrices(c.batch, c.m, c.k, transposed & 1, dtype, 1),
                     matrices(c.batch, c.k, c.n, transposed & 2, dtype, 2), y);
      }
}

TEST_CASE("matmul_direct: one matrix for all of the batch, slices, nothing to do" * on_cuda()) {
  for (const DType dtype : computed_dtypes()) {
    CAPTURE(dtype);
    const Tensor one = gaussian({1, 6, 4}, dtype, 3).expand({5, 6, 4});
    check_matmul(one, gaussian({5, 4, 3}, dtype, 4), poisoned({5, 6, 3}, dtype));
    check_matmul(gaussian({5, 7, 6}, dtype, 5), one, poisoned({5, 7, 4}, dtype));
    const Tensor wide = gaussian({5, 9, 20}, dtype, 6).slice(1, 1, 9, 2).slice(2, 3, 19, 4);  // [5, 4, 4]
    check_matmul(one, wide, poisoned({5, 6, 9}, dtype).slice(2, 1, 9, 2));
    check_matmul(gaussian({0, 7, 6}, dtype, 5), gaussian({0, 6, 2}, dtype, 5), poisoned({0, 7, 2}, dtype));
  }
}

TEST_CASE("conv2d_direct: any geometry, with and without an epilogue" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const ConvCase& c : conv_cases())
      for (const double slope : {1.0, 0.2, 0.0}) {
        CAPTURE(dtype);
        CAPTURE(c.x);
        CAPTURE(slope);
        const Tensor x = gaussian(c.x, dtype, 1, kLast), w = gaussian(c.w, dtype, 2, kLast);
        const Tensor bias = slope == 1 ? Tensor() : gaussian({c.w[0]}, of_parameters(dtype), 3);
        const Tensor y = poisoned(output_shape(c), dtype, kLast), expected = twin_result(y.shape());
        twin().conv2d(to_twin(x), to_twin(w), expected, c.g, {to_twin(bias), {slope}});
        cuda::conv2d_direct(x, w, y, c.g, {bias, {slope}});
        CHECK(relative_error(y, expected) < tolerance(dtype));
      }
}

TEST_CASE("conv2d_input_grad_direct: any geometry, with and without an epilogue" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const ConvCase& c : conv_cases())
      for (const double slope : {1.0, 0.2}) {
        CAPTURE(dtype);
        CAPTURE(c.x);
        CAPTURE(slope);
        const Tensor dy = gaussian(output_shape(c), dtype, 1, kLast), w = gaussian(c.w, dtype, 2, kLast);
        const Tensor bias = slope == 1 ? Tensor() : gaussian({c.x[1]}, of_parameters(dtype), 3);
        const Tensor dx = poisoned(c.x, dtype, kLast), expected = twin_result(c.x);
        twin().conv2d_input_grad(to_twin(dy), to_twin(w), expected, c.g, {to_twin(bias), {slope}});
        cuda::conv2d_input_grad_direct(dy, w, dx, c.g, {bias, {slope}});
        CHECK(relative_error(dx, expected) < tolerance(dtype));
      }
}

TEST_CASE("conv2d_weight_grad_direct: any geometry" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const ConvCase& c : conv_cases()) {
      CAPTURE(dtype);
      CAPTURE(c.x);
      const Tensor x = gaussian(c.x, dtype, 1, kLast), dy = gaussian(output_shape(c), dtype, 2, kLast);
      const Tensor dw = poisoned(c.w, dtype, kLast), expected = twin_result(c.w);
      twin().conv2d_weight_grad(to_twin(x), to_twin(dy), expected, c.g);
      cuda::conv2d_weight_grad_direct(x, dy, dw, c.g);
      CHECK(relative_error(dw, expected) < tolerance(dtype));
    }
}

TEST_CASE("direct products: not-a-number comes through" * on_cuda()) {
  const Tensor x = to_cuda(Tensor::full({1, 1, 2, 2}, NAN, {.layout = kLast}));
  const Tensor w = to_cuda(Tensor::full({1, 1, 1, 1}, 1, {.layout = kLast}));
  for (const double slope : {0.0, 0.2}) {
    const Tensor y = to_cuda(Tensor::zeros({1, 1, 2, 2}, {.layout = kLast}));
    cuda::conv2d_direct(x, w, y, {}, {{}, {slope}});
    for (const float v : y.to(Device::cpu).to_vector<float>()) CHECK(std::isnan(v));
  }
}
