// The CPU's table of kernels.
#include "duel/tensor/backend.h"

#include "duel/tensor/cpu/conv2d.h"
#include "duel/tensor/cpu/gemm.h"
#include "duel/tensor/cpu/isa.h"
#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

std::string describe() {
  const char* set = isa() == Isa::avx512 ? "AVX-512" : isa() == Isa::avx2 ? "AVX2" : "baseline instructions";
  return cat("cpu, ", set, ", ", num_threads(), num_threads() == 1 ? " thread" : " threads");
}

}  // namespace

const Backend& cpu_backend() {
  static const Backend table{
      .describe = describe,
      .copy = copy,
      .fill = fill,
      .unary = unary,
      .binary = binary,
      .sum = sum,
      .amax = amax,
      .matmul = matmul,
      .conv2d = conv2d,
      .conv2d_input_grad = conv2d_input_grad,
      .conv2d_weight_grad = conv2d_weight_grad,
      .gather_rows = gather_rows,
      .scatter_add_rows = scatter_add_rows,
      .channel_moments = channel_moments,
      .normalize_channels = normalize_channels,
      .batch_norm_grad = batch_norm_grad,
      .uniform = uniform,
      .normal = normal,
      .adam = adam,
      .sgd = sgd,
      .rmsprop = rmsprop,
  };
  return table;
}

}  // namespace duel::cpu
