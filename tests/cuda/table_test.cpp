// The device's table of kernels is whole, and what has no device says so.
#include <cstring>

#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

TEST_CASE("cuda: no slot of the table is empty" * on_cuda()) {
  static_assert(std::is_trivially_copyable_v<Backend> && sizeof(Backend) % sizeof(void*) == 0);
  std::vector<void*> slots(sizeof(Backend) / sizeof(void*));
  std::memcpy(slots.data(), &cuda(), sizeof(Backend));
  for (std::size_t i = 0; i < slots.size(); ++i) {
    CAPTURE(i);
    CHECK(slots[i] != nullptr);
  }
  CHECK(cuda().describe().starts_with("cuda, "));
}

TEST_CASE("cuda: a device that is not there is named with the reason and what to do") {
  if (is_available(Device::cuda)) return;
  const std::string problem = device_problem(Device::cuda);
  MESSAGE("no device to test on: " << problem);
  CHECK_FALSE(problem.empty());
  CHECK(best_device() == Device::cpu);
  CHECK_THROWS_WITH_AS(device_named("cuda"), doctest::Contains("run with --device cpu"), Error);
  CHECK_THROWS_WITH_AS(Tensor::zeros({1}, {.device = Device::cuda}), doctest::Contains(problem.c_str()), Error);
}

TEST_CASE("cuda: tensors come and go between the devices" * on_cuda()) {
  const MemoryStats before = memory_stats(Device::cuda);
  {
    const Tensor here = Rng(1).normal({3, 5, 2}), there = here.to(Device::cuda);
    CHECK(there.device() == Device::cuda);
    CHECK(memory_stats(Device::cuda).live > before.live);
    CHECK(relative_error(there, here) == 0);
    Tensor back = Tensor::zeros({3, 5, 2});
    back.copy_(there);
    CHECK(relative_error(back, here) == 0);
    CHECK(there.slice(1, 1, 2).select(0, 2).to(Device::cpu).to_vector<float>() ==
          here.slice(1, 1, 2).select(0, 2).clone().to_vector<float>());
    CHECK(Tensor::scalar(2.5, DType::float64, Device::cuda).item() == 2.5);
  }
  CHECK(memory_stats(Device::cuda).live == before.live);
}
