// The CPU's table of kernels.
#include "duel/tensor/backend.h"

#include "duel/tensor/cpu/attention.h"
#include "duel/tensor/cpu/conv2d.h"
#include "duel/tensor/cpu/gemm.h"
#include "duel/tensor/cpu/isa.h"
#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/resample.h"
#include "duel/tensor/cpu/softmax.h"
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
      .where = where,
      .sum = sum,
      .amax = amax,
      .matmul = matmul,
      .conv2d = conv2d,
      .conv2d_input_grad = conv2d_input_grad,
      .conv2d_weight_grad = conv2d_weight_grad,
      .epilogue_grad = epilogue_grad,
      .cumsum = cumsum,
      .argsort = argsort,
      .index_select = index_select,
      .index_add = index_add,
      .gather = gather,
      .scatter_add = scatter_add,
      .resample2d = resample2d,
      .max_pool2d = max_pool2d,
      .grid_sample = grid_sample,
      .grid_sample_input_grad = grid_sample_input_grad,
      .channel_moments = channel_moments,
      .normalize_channels = normalize_channels,
      .batch_norm_grad = batch_norm_grad,
      .update_running = update_running,
      .group_moments = group_moments,
      .normalize_groups = normalize_groups,
      .group_norm_grad = group_norm_grad,
      .softmax = softmax,
      .log_softmax = log_softmax,
      .softmax_grad = softmax_grad,
      .log_softmax_grad = log_softmax_grad,
      .attention = attention,
      .attention_grad = attention_grad,
      .power_method = power_method,
      .spectral_norm_grad = spectral_norm_grad,
      .uniform = uniform,
      .normal = normal,
      .dropout = dropout,
      .split_seed = split_seed,
      .adam = adam,
      .sgd = sgd,
      .rmsprop = rmsprop,
  };
  return table;
}

}  // namespace duel::cpu
