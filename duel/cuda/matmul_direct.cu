// Batched matrix products of any strides, by the kernel of direct_product.cuh.
#include "duel/cuda/direct.h"
#include "duel/cuda/direct_product.cuh"

namespace duel::cuda {
namespace {

using direct::Run;

// A batch of matrices: element (b, i, j) is data[b * batch + i * row + j * column].
template <class T>
struct Matrices {
  T* data;
  std::int64_t batch, row, column;
};

template <class T>
Matrices<const T> matrices(const Tensor& t) {
  return {t.data<T>(), t.strides()[0], t.strides()[1], t.strides()[2]};
}

template <class T, Run run_a, Run run_b>
struct MatmulOperands {
  using Element = T;
  static constexpr Run kRunA = run_a, kRunB = run_b;
  std::int64_t batches, m, n, k;
  Matrices<const T> left, right;
  Matrices<T> y;
  const T* bias;  // or null

  __device__ const T* row(std::int64_t batch, std::int64_t i) const {
    return left.data + batch * left.batch + i * left.row;
  }
  __device__ const T* column(std::int64_t batch, std::int64_t j) const {
    return right.data + batch * right.batch + j * right.column;
  }
  __device__ std::int64_t step_a(std::int64_t i) const { return i * left.column; }
  __device__ std::int64_t step_b(std::int64_t i) const { return i * right.row; }
  __device__ compute_t<T> a(const T* from, std::int64_t step) const { return from[step]; }
  __device__ compute_t<T> b(const T* from, std::int64_t step) const { return from[step]; }
  __device__ void store(std::int64_t batch, std::int64_t i, std::int64_t j, compute_t<T> sum) const {
    if (bias) sum += static_cast<compute_t<T>>(bias[j]);
    y.data[batch * y.batch + i * y.row + j * y.column] = static_cast<T>(sum);
  }
};

template <class T, Run run_a, Run run_b>
void multiply(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& bias) {
  const Matrices<T> result{y.mutable_data<T>(), y.strides()[0], y.strides()[1], y.strides()[2]};
  direct::product("matmul",
                  MatmulOperands<T, run_a, run_b>{y.size(0), y.size(1), y.size(2), a.size(2), matrices<T>(a),
                                                  matrices<T>(b), result, bias.defined() ? bias.data<T>() : nullptr});
}

}  // namespace

// [B, M, K], [B, K, N], [B, M, N], [N]
void matmul_direct(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& bias) {
  if (y.numel() == 0) return;
  dispatch_computed("matmul", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool a_along_k = a.strides()[2] <= a.strides()[1], b_along_k = b.strides()[1] < b.strides()[2];
    if (a_along_k && b_along_k) multiply<T, Run::along_k, Run::along_k>(a, b, y, bias);
    if (a_along_k && !b_along_k) multiply<T, Run::along_k, Run::across_k>(a, b, y, bias);
    if (!a_along_k && b_along_k) multiply<T, Run::across_k, Run::along_k>(a, b, y, bias);
    if (!a_along_k && !b_along_k) multiply<T, Run::across_k, Run::across_k>(a, b, y, bias);
  });
}

}  // namespace duel::cuda
