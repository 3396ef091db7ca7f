// CUDA's table of kernels.
#include "duel/tensor/backend.h"

#include "duel/cuda/backend.h"
#include "duel/cuda/kernels.h"
#include "duel/cuda/runtime.h"

namespace duel::cuda {
namespace {

std::string describe() {
  const cudaDeviceProp& p = device_properties();
  int runtime = 0;
  DUEL_CUDA_CHECK(cudaRuntimeGetVersion(&runtime));
  return cat("cuda, ", p.name, ", ", p.totalGlobalMem >> 30, " GiB, compute capability ", p.major, ".", p.minor,
             ", CUDA ", runtime / 1000, ".", runtime % 1000 / 10);
}

}  // namespace

const Backend& cuda_backend() {
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

}  // namespace duel::cuda
