// Matrix products and convolutions as the table offers them: on a GPU by cuBLASLt and cuDNN, whose plans, padding and
// layouts must not show in the results.
#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

/// One way to compute, and what its results may differ by.
struct Arithmetic {
  const char* name;
  DType dtype;
  Precision precision;
  double tolerance;
};

constexpr Arithmetic kArithmetics[] = {{"float64", DType::float64, Precision::tf32, 1e-12},
                                       {"float32", DType::float32, Precision::fp32, 1e-5},
                                       {"TF32", DType::float32, Precision::tf32, 2e-3},
                                       {"bfloat16", DType::bfloat16, Precision::tf32, 1e-2}};

constexpr Layout kLast = Layout::channels_last;

Tensor twin_result(const Tensor& like) {
  return Tensor::empty(like.shape(), {DType::float64, Device::cpu, like.layout()});
}

struct Case {
  Shape x, w;
  Conv2dGeometry g;
};

const Case kCases[] = {
    {{2, 3, 16, 16}, {16, 3, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},  // colour, in
    {{2, 16, 9, 9}, {3, 16, 3, 3}, {.padding = {1, 1}}},                     // and out
    {{3, 16, 4, 4}, {1, 16, 4, 4}, {}},                                      // judgements
    {{2, 8, 8, 7}, {16, 8, 3, 3}, {.stride = {2, 1}, .padding = {1, 0}}},
    {{1, 13, 6, 5}, {9, 13, 2, 3}, {.padding = {1, 2}}},  // odd numbers of channels
    {{2, 8, 9, 8}, {12, 4, 3, 3}, {.padding = {2, 2}, .dilation = {2, 2}, .groups = 2}},
    {{2, 6, 7, 7}, {6, 1, 3, 3}, {.padding = {1, 1}, .groups = 6}},
    {{1, 32, 5, 5}, {24, 32, 1, 1}, {}},
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{0, 3, 5, 5}, {4, 3, 3, 3}, {}},
};

Shape result_shape(const Case& c) {
  const auto size = [](std::int64_t in, std::int64_t k, std::int64_t stride, std::int64_t padding,
                       std::int64_t dilation) { return (in + 2 * padding - dilation * (k - 1) - 1) / stride + 1; };
  return {c.x[0], c.w[0], size(c.x[2], c.w[2], c.g.stride.h, c.g.padding.h, c.g.dilation.h),
          size(c.x[3], c.w[3], c.g.stride.w, c.g.padding.w, c.g.dilation.w)};
}

/// All but the first picture of one more: memory that need not be aligned.
Tensor pictures(const Shape& shape, DType dtype, std::uint64_t seed) {
  return gaussian({shape[0] + 1, shape[1], shape[2], shape[3]}, dtype, seed, kLast).slice(0, 1, shape[0] + 1);
}

void check_convolutions(const Case& c, const Arithmetic& a) {
  const Tensor x = pictures(c.x, a.dtype, 1), w = gaussian(c.w, a.dtype, 2, kLast);
  const Tensor dy = pictures(result_shape(c), a.dtype, 3);
  // The twins take the three linear maps; epilogues of bias and rectifier are added by hand.
  const DType small = a.dtype == DType::bfloat16 ? DType::float32 : a.dtype;
  const Tensor bias = gaussian({c.w[0]}, small, 4), bias_of_x = gaussian({c.x[1]}, small, 5);
  const Epilogue e{bias, {0.25}}, twin_e{to_twin(bias), {0.25}};
  const Epilogue e_of_x{bias_of_x, {0}}, twin_e_of_x{to_twin(bias_of_x), {0}};

  const Tensor y = poisoned(dy.shape(), a.dtype, kLast), expected_y = twin_result(y);
  cuda().conv2d(x, w, y, c.g, e);
  twin().conv2d(to_twin(x), to_twin(w), expected_y, c.g, twin_e);
  CHECK(relative_error(y, expected_y) < a.tolerance);

  const Tensor dx = poisoned(c.x, a.dtype, kLast), expected_dx = twin_result(dx);
  cuda().conv2d_input_grad(dy, w, dx, c.g, e_of_x);
  twin().conv2d_input_grad(to_twin(dy), to_twin(w), expected_dx, c.g, twin_e_of_x);
  CHECK(relative_error(dx, expected_dx) < a.tolerance);

  const Tensor dw = poisoned(c.w, a.dtype, kLast), expected_dw = twin_result(dw);
  cuda().conv2d_weight_grad(x, dy, dw, c.g);
  twin().conv2d_weight_grad(to_twin(x), to_twin(dy), expected_dw, c.g);
  CHECK(relative_error(dw, expected_dw) < a.tolerance);

  const Tensor again = poisoned(c.w, a.dtype, kLast);
  cuda().conv2d_weight_grad(x, dy, again, c.g);
  CHECK(relative_error(again, dw) == 0);  // the same bits every time
}

/// The same sizes in several places in memory: rows together, columns together, spaced, one for all of the batch.
std::vector<Tensor> layouts(std::int64_t batch, std::int64_t rows, std::int64_t columns, DType dtype,
                            std::uint64_t seed) {
  return {gaussian({batch, rows, columns}, dtype, seed),
          gaussian({batch, columns, rows}, dtype, seed).transpose(1, 2),
          gaussian({batch, rows + 1, columns + 3}, dtype, seed).slice(1, 1, rows + 1).slice(2, 2, columns + 2),
          gaussian({batch, rows, 2 * columns}, dtype, seed).slice(2, 0, 2 * columns, 2),
          gaussian({rows, batch, columns}, dtype, seed).transpose(0, 1),
          gaussian({1, rows, columns}, dtype, seed).expand({batch, rows, columns})};
}

/// Without a bias, with one, and with one that is not aligned; so far from 0 that it does not cancel a small result.
void check_matmul(const Tensor& a, const Tensor& b, const Tensor& y, const Arithmetic& arithmetic) {
  const Tensor expected = twin_result(y);
  const Tensor biases = to_cuda(Rng(4).normal({y.size(2) + 1}, 8, 1, {.dtype = DType::float64}).to(y.dtype()));
  for (const Tensor& bias : {Tensor(), biases.slice(0, 0, y.size(2)), biases.slice(0, 1, y.size(2) + 1)}) {
    CAPTURE(bias);
    twin().matmul(to_twin(a), to_twin(b), expected, to_twin(bias));
    cuda().fill(y, NAN);
    cuda().matmul(a, b, y, bias);
    CHECK(relative_error(y, expected) < arithmetic.tolerance);
  }
}

}  // namespace

TEST_CASE("conv2d and its transposes" * on_cuda()) {
  for (const Arithmetic& a : kArithmetics) {
    const PrecisionGuard guard(a.precision);
    for (const Case& c : kCases) {
      CAPTURE(a.name);
      CAPTURE(c.x);
      CAPTURE(c.w);
      check_convolutions(c, a);
    }
  }
}

TEST_CASE("matmul" * on_cuda()) {
  struct Sizes {
    std::int64_t batch, m, n, k;
  };
  for (const Arithmetic& arithmetic : kArithmetics) {
    const PrecisionGuard guard(arithmetic.precision);
    const DType dtype = arithmetic.dtype;
    for (const Sizes& s :
         {Sizes{1, 24, 16, 40}, {3, 5, 7, 9}, {2, 1, 6, 8}, {2, 6, 1, 8}, {1, 1, 1, 3}, {2, 3, 4, 0}}) {
      const std::vector<Tensor> as = layouts(s.batch, s.m, s.k, dtype, 1), bs = layouts(s.batch, s.k, s.n, dtype, 2);
      std::vector<Tensor> ys = layouts(s.batch, s.m, s.n, dtype, 3);
      ys.pop_back();  // elements that share memory cannot be written
      for (std::size_t i = 0; i < as.size(); ++i)
        for (std::size_t j = 0; j < bs.size(); ++j) {
          const Tensor &a = as[i], &b = bs[j], &y = ys[(i + j) % ys.size()];
          CAPTURE(arithmetic.name);
          CAPTURE(y.shape());
          CAPTURE(s.k);
          CAPTURE(i);
          CAPTURE(j);
          check_matmul(a, b, y, arithmetic);
        }
    }
  }
}

TEST_CASE("matmul: linear layers of a usual size" * on_cuda()) {
  for (const Arithmetic& arithmetic : kArithmetics) {
    CAPTURE(arithmetic.name);
    const PrecisionGuard guard(arithmetic.precision);
    const DType dtype = arithmetic.dtype;
    const Tensor weight = gaussian({1, 128, 96}, dtype, 1).transpose(1, 2);
    check_matmul(gaussian({1, 64, 96}, dtype, 2), weight, poisoned({1, 64, 128}, dtype), arithmetic);
    check_matmul(gaussian({4, 16, 96}, dtype, 3), weight.expand({4, 96, 128}), poisoned({4, 16, 128}, dtype),
                 arithmetic);
  }
}
