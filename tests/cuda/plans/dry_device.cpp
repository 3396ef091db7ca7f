#include "tests/cuda/plans/dry_device.h"

#include <utility>

#include "duel/tensor/devices.h"

namespace duel {
namespace testing {
namespace {

std::set<Convolution> seen;
bool recording = false;

void expect_no_recording(const char* operation) {
  check(!recording, operation, "needs values on the host, which a step that is being recorded does not have");
}

void see(const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g) {
  const auto sizes = [](const Tensor& t) { return std::array{t.size(0), t.size(1), t.size(2), t.size(3)}; };
  seen.insert({sizes(x),
               sizes(w),
               sizes(y),
               {g.stride.h, g.stride.w},
               {g.padding.h, g.padding.w},
               {g.dilation.h, g.dilation.w}});
}

template <class... Arguments>
void nothing(Arguments...) {}

const Backend& dry_kernels() {
  static const Backend table{
      .describe = [] { return std::string("dry"); },
      .copy =
          [](const Tensor& src, const Tensor& dst) {
            if (src.device() != dst.device()) expect_no_recording("copy");
            if (dst.device() == Device::cpu) backend(Device::cpu).fill(dst, 0);
          },
      .fill = nothing,
      .unary = nothing,
      .binary = nothing,
      .where = nothing,
      .sum = nothing,
      .amax = nothing,
      .matmul = nothing,
      .conv2d = [](const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dGeometry& g,
                   const Epilogue&) { see(x, w, y, g); },
      .conv2d_input_grad = [](const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dGeometry& g,
                              const Epilogue&) { see(dx, w, dy, g); },
      .conv2d_weight_grad = [](const Tensor& x, const Tensor& dy, const Tensor& dw,
                               const Conv2dGeometry& g) { see(x, dw, dy, g); },
      .epilogue_grad = nothing,
      .cumsum = nothing,
      .argsort = nothing,
      .index_select = nothing,
      .index_add = nothing,
      .gather = nothing,
      .scatter_add = nothing,
      .resample2d = nothing,
      .max_pool2d = nothing,
      .grid_sample = nothing,
      .grid_sample_input_grad = nothing,
      .channel_moments = nothing,
      .normalize_channels = nothing,
      .batch_norm_grad = nothing,
      .update_running = nothing,
      .group_moments = nothing,
      .normalize_groups = nothing,
      .group_norm_grad = nothing,
      .softmax = nothing,
      .log_softmax = nothing,
      .softmax_grad = nothing,
      .log_softmax_grad = nothing,
      .attention = nothing,
      .attention_grad = nothing,
      .power_method = nothing,
      .spectral_norm_grad = nothing,
      .uniform = nothing,
      .normal = nothing,
      .dropout = nothing,
      .split_seed = nothing,
      .adam = nothing,
      .sgd = nothing,
      .rmsprop = nothing,
  };
  return table;
}

/// Addresses that nobody may use: there is nothing there.
void* next_address(std::size_t bytes) {
  static std::uintptr_t next = std::uintptr_t{1} << 56;
  return reinterpret_cast<void*>(std::exchange(next, next + (bytes + 255) / 256 * 256));
}

}  // namespace

std::set<Convolution> take_convolutions() { return std::exchange(seen, {}); }

}  // namespace testing

/// In place of the library's function of this name.
const DeviceFunctions* cuda_functions() {
  static const DeviceFunctions table{
      .problem = [] { return std::string(); },
      .kernels = testing::dry_kernels,
      .allocate = testing::next_address,
      .deallocate = [](void*, std::size_t) noexcept {},
      .memory_stats = [] { return MemoryStats(); },
      .reset_peak_memory = testing::nothing,
      .release_cached_memory = testing::nothing,
      .synchronize = [] { testing::expect_no_recording("synchronize"); },
      .set_precision = testing::nothing,
      .unplanned_convolutions = [] { return std::int64_t{0}; },
      .begin_capture = [] { testing::recording = true; },
      .end_capture = []() -> std::shared_ptr<const void> {
        testing::recording = false;
        return std::make_shared<int>();
      },
      .abandon_capture = []() noexcept { testing::recording = false; },
      .replay = testing::nothing,
  };
  return &table;
}

}  // namespace duel
