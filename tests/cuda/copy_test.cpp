#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr DType kAll[] = {DType::float32, DType::float64, DType::int64, DType::uint8, DType::bfloat16};

// Numbers on the host, some of them such as no narrower type has.
Tensor numbers(const Shape& shape, DType dtype, Layout layout = Layout::row_major) {
  const Tensor wide = Rng(3).uniform(shape, -20, 300, {DType::float64, Device::cpu, layout});
  return wide.to(dtype);
}

// What a copy of src in `dtype` has on the CPU.
Tensor expected(const Tensor& src, DType dtype) {
  const Tensor y = Tensor::empty(src.shape(), {.dtype = dtype});
  twin().copy(src, y);
  return y;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && relative_error(a, b) == 0;
}

// Dense, padded and permuted tensors of one shape [3, C, 5, W], made by `make(shape)`.
template <class Make>
std::vector<Tensor> views(std::int64_t c, std::int64_t w, const Make& make) {
  return {make({3, c, 5, w}, Layout::row_major), make({3, c, 5, w}, Layout::channels_last),
          make({3, c, 5, w + 3}, Layout::row_major).slice(3, 1, w + 1),
          make({3, c, 5, 2 * w}, Layout::channels_last).slice(3, 0, 2 * w, 2),
          make({w, 5, c, 3}, Layout::row_major).permute({3, 2, 1, 0})};
}

}  // namespace

TEST_CASE("cuda copy: any strides to any strides" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::uint8})
    for (const auto& [c, w] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {3, 7}, {40, 33}, {8, 16}}) {
      const auto make = [&](const Shape& shape, Layout layout) { return numbers(shape, dtype, layout); };
      const auto hole = [&](const Shape& shape, Layout layout) { return poisoned(shape, dtype, layout); };
      for (const Tensor& src : views(c, w, make)) {
        const Tensor on_device = src.to(Device::cuda);
        CHECK(same(on_device, src));
        for (const Tensor& dst : views(c, w, hole)) {
          cuda().copy(on_device, dst);
          CHECK(same(dst, src));
        }
      }
    }
}

TEST_CASE("cuda copy: what lies beside the destination stays" * on_cuda()) {
  const Tensor whole = Tensor::full({6, 9}, 7, {.device = Device::cuda});
  cuda().copy(numbers({4, 5}, DType::float32), whole.slice(0, 1, 5).slice(1, 3, 8));
  const Tensor on_host = whole.to(Device::cpu);
  twin().fill(on_host.slice(0, 1, 5).slice(1, 3, 8), 7);
  CHECK(same(on_host, Tensor::full({6, 9}, 7)));
}

TEST_CASE("cuda copy: between any dtypes, on the device and across" * on_cuda()) {
  for (const DType from : kAll)
    for (const DType to : kAll)
      for (const Layout layout : {Layout::row_major, Layout::channels_last}) {
        const Tensor src = numbers({2, 9, 3, 5}, from), on_device = src.to(Device::cuda);
        const Tensor want = expected(src, to);
        const Tensor device = poisoned(src.shape(), to, layout), uploaded = poisoned(src.shape(), to, layout);
        const Tensor downloaded = Tensor::full(src.shape(), 113, {.dtype = to, .layout = layout});
        cuda().copy(on_device, device);
        cuda().copy(src, uploaded);
        cuda().copy(on_device, downloaded);
        CHECK(same(device, want));
        CHECK(same(uploaded, want));
        CHECK(same(downloaded, want));
      }
}

TEST_CASE("cuda copy: values that other dtypes have not" * on_cuda()) {
  const Tensor odd = Tensor::from<double>(
      {0.0, -0.0, 0.5, 255.7, 256.0, -1.0, 1e300, -1e300, INFINITY, -INFINITY, NAN, 9.3e18, -9.3e18, 1e-310, 3.0000001},
      {15});
  for (const DType to : kAll) {
    const Tensor y = poisoned(odd.shape(), to);
    cuda().copy(odd.to(Device::cuda), y);
    CHECK(same(y, expected(odd, to)));
  }
}

TEST_CASE("cuda copy: repeated and strided elements to and from the host" * on_cuda()) {
  const Tensor row = numbers({7}, DType::float64), repeated = row.expand({5, 7});
  for (const DType to : {DType::float32, DType::float64}) {
    const Tensor y = poisoned({5, 7}, to);
    cuda().copy(repeated, y);
    CHECK(same(y, expected(repeated, to)));
    const Tensor host = Tensor::full({7, 5}, 113, {.dtype = to});
    cuda().copy(row.to(Device::cuda).expand({5, 7}).transpose(0, 1), host);
    CHECK(same(host, expected(repeated.transpose(0, 1), to)));
    const Tensor part = Tensor::full({10, 14}, 113, {.dtype = to});
    cuda().copy(repeated.to(Device::cuda), part.slice(0, 0, 10, 2).slice(1, 1, 14, 2));
    CHECK(same(part.slice(0, 0, 10, 2).slice(1, 1, 14, 2).clone(), expected(repeated, to)));
  }
}

// Nothing is waited for between the uploads, and what they write is read in between.
TEST_CASE("cuda copy: uploads arrive in order, however many and large" * on_cuda()) {
  constexpr std::int64_t kMegabyte = std::int64_t{1} << 20;
  for (const std::int64_t n : {std::int64_t{100}, std::int64_t{1} << 16, (std::int64_t{1} << 16) + 1, kMegabyte}) {
    const Tensor place = Tensor::zeros({n}, {.dtype = DType::uint8, .device = Device::cuda});
    std::vector<Tensor> seen;
    for (int i = 0; i < 9; ++i) {
      Tensor host = Tensor::full({n}, i + 1, {.dtype = DType::uint8});
      cuda().copy(host, place);
      host.fill_(99);
      seen.push_back(place.clone());
    }
    for (int i = 0; i < 9; ++i)
      CHECK(same(seen[static_cast<std::size_t>(i)], Tensor::full({n}, i + 1, {.dtype = DType::uint8})));
  }
  const Tensor large = Rng(1).integers({41 * kMegabyte + 3}, 256).to(DType::uint8);
  CHECK(same(large.to(Device::cuda), large));
}

TEST_CASE("cuda copy: nothing to copy, and one element" * on_cuda()) {
  cuda().copy(Tensor::empty({0, 3}), Tensor::empty({0, 3}, {.device = Device::cuda}));
  CHECK(Tensor::scalar(2.5, DType::float64, Device::cuda).item() == 2.5);
  CHECK(Tensor::scalar(2.5, DType::bfloat16, Device::cuda).expand({1, 1}).item() == 2.5);
}

TEST_CASE("cuda fill: every dtype and stride, as on the CPU" * on_cuda()) {
  for (const DType dtype : kAll)
    for (const double value : {0.0, 3.75, -2.0, 1e20, double(INFINITY), double(NAN)}) {
      const Tensor y = poisoned({37}, dtype), part = Tensor::full({8, 9}, 1, {dtype, Device::cuda});
      const Tensor want = Tensor::empty({37}, {.dtype = dtype}), want_part = Tensor::full({8, 9}, 1, {.dtype = dtype});
      cuda().fill(y, value);
      twin().fill(want, value);
      CHECK(same(y, want));
      for (const bool across : {false, true}) {
        const auto inside = [&](const Tensor& t) {
          return across ? t.slice(1, 2, 9, 3) : t.slice(0, 1, 7).slice(1, 1, 8).transpose(0, 1);
        };
        cuda().fill(inside(part), value);
        twin().fill(inside(want_part), value);
        CHECK(same(part, want_part));
      }
    }
}
