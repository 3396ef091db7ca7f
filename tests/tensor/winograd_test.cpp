// Winograd's convolutions against the definition: how large their rounding errors become, and what may not change them.
#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "duel/tensor/allocator.h"
#include "duel/tensor/exact_convolutions.h"
#include "tests/tensor/conv2d_reference.h"

using namespace duel;
using namespace duel::testing;
using cpu::ConvAlgorithm;

namespace {

using Case = ConvolutionCase;

/// What there is for the dense parts of a kernel.
std::vector<ConvAlgorithm> variants(const Case& c) {
  return {ConvAlgorithm::winograd2, c.w[2] / c.g.stride.h == 4 ? ConvAlgorithm::winograd3 : ConvAlgorithm::winograd4};
}

/// Both against the definition, with the same bits for any number of threads.
void check_case(const Case& c, const Operands& o) {
  CAPTURE(c);
  const Reference reference(c, o);
  for (ConvAlgorithm algorithm : variants(c))
    for (Direction d : kDirections) {
      CAPTURE(name_of(algorithm));
      CAPTURE(name_of(d));
      const auto run = [&] { return convolve(d, c, o, algorithm); };
      CHECK(error_by_largest(run(), reference[d]) < tolerance::kWinograd);
      CHECK(same_for_any_threads(run));
    }
}

/// A layer: 3x3 of stride 1, or 4x4 of stride 2.
Case layer(std::int64_t batch, std::int64_t in, std::int64_t out, Size2 size, std::int64_t kernel, Size2 padding) {
  const std::int64_t stride = kernel == 4 ? 2 : 1;
  return {{batch, in, size.h, size.w}, {out, in, kernel, kernel}, {.stride = {stride, stride}, .padding = padding}};
}

}  // namespace

TEST_CASE("Winograd's convolutions agree with the definition for odd sizes and any padding") {
  for (std::int64_t kernel : {3, 4})
    for (std::int64_t padding : {0, 1, 2, 3})
      for (const Size2 size : {Size2{4, 4}, Size2{7, 5}, Size2{9, 14}}) {
        const Case c = layer(2, 3, 5, size, kernel, {padding, padding});
        check_case(c, gaussian_operands(c));
      }
  for (const Case& c : {layer(1, 1, 1, {3, 3}, 3, {0, 0}), layer(1, 1, 1, {1, 1}, 3, {1, 1}),
                        layer(1, 2, 2, {2, 1}, 4, {1, 2}), layer(3, 2, 1, {13, 6}, 3, {0, 3})})
    check_case(c, gaussian_operands(c));
}

TEST_CASE("Winograd's convolutions agree with the definition for any number of channels") {
  for (std::int64_t kernel : {3, 4})
    for (std::int64_t in : {1, 3, 17, 64})
      for (std::int64_t out : {1, 3, 17, 64}) {
        const Case c = layer(1, in, out, {6, 7}, kernel, {1, 1});
        check_case(c, gaussian_operands(c));
      }
  // More than a block of rows, of channels, of tiles.
  for (const Case& c : {layer(1, 290, 100, {5, 5}, 3, {1, 1}), layer(2, 80, 130, {8, 8}, 4, {1, 1}),
                        layer(9, 5, 7, {32, 31}, 3, {1, 1}), layer(5, 4, 6, {50, 48}, 4, {1, 1})})
    check_case(c, gaussian_operands(c));
}

TEST_CASE("Winograd's convolutions take every kernel that falls into dense parts of 2x2 to 4x4") {
  for (const Case& c : {Case{{2, 9, 7, 8}, {11, 9, 2, 2}, {.padding = {1, 0}}},
                        Case{{2, 9, 11, 8}, {11, 9, 6, 6}, {.stride = {2, 2}, .padding = {2, 3}}},
                        Case{{2, 9, 14, 13}, {11, 9, 6, 6}, {.stride = {3, 3}, .padding = {1, 2}}},
                        Case{{2, 9, 9, 8}, {11, 9, 4, 2}, {.stride = {2, 1}, .padding = {1, 1}}},
                        Case{{1, 2, 1, 9}, {3, 2, 4, 4}, {.stride = {2, 2}, .padding = {2, 1}}},
                        Case{{2, 19, 9, 8}, {11, 19, 4, 4}, {.padding = {1, 1}}},
                        Case{{1, 40, 11, 4}, {33, 40, 4, 4}, {.padding = {3, 0}}},
                        Case{{1, 7, 13, 12}, {5, 7, 8, 8}, {.stride = {2, 2}, .padding = {3, 2}}}})
    check_case(c, gaussian_operands(c));
}

TEST_CASE("Winograd's rounding errors stay small for inputs that are not noise") {
  using Value = std::function<double(std::int64_t)>;
  const Value patterns[] = {
      [](std::int64_t) { return 1.0; }, [](std::int64_t i) { return i % 2 ? 1.0 : -1.0; },  // from pixel to pixel
      [](std::int64_t i) { return i / 9 % 2 ? 1.0 : -1.0; },                                // from row to row
      [](std::int64_t i) { return i % 97 == 0 ? 1e4 : 1.0; },                               // outliers
      [](std::int64_t i) { return 1.0 / double(1 + i % 1000); }                             // all magnitudes
  };
  for (std::int64_t kernel : {3, 4}) {
    const Case c = layer(3, 24, 20, {9, 9}, kernel, {1, 1});
    check_case(c, gaussian_operands(c, DType::float32, 1000));
    for (const Value& x : patterns) {
      Operands o = gaussian_operands(c);
      generate(o.x, x);
      check_case(c, o);
      generate(o.dy, x);
      check_case(c, o);
      o.w.fill_(1);
      check_case(c, o);
    }
  }
}

TEST_CASE("Winograd's algorithms refuse what they are not for") {
  const auto run = [](const Case& c, DType dtype) {
    const TensorOptions options{.dtype = dtype, .layout = Layout::channels_last};
    const Tensor x = gaussian(Tensor::empty(c.x, options), 1), w = gaussian(Tensor::empty(c.w, options), 2);
    cpu::conv2d(x, w, Tensor::empty(output_shape(c), options), c.g, ConvAlgorithm::winograd2);
  };
  const Case c = layer(1, 4, 4, {9, 9}, 3, {1, 1});
  CHECK_NOTHROW(run(c, DType::float32));
  CHECK_THROWS_AS(run(c, DType::float64), Error);
  CHECK_THROWS_AS(run({c.x, {4, 2, 3, 3}, {.groups = 2}}, DType::float32), Error);
  CHECK_THROWS_AS(run({c.x, c.w, {.dilation = {2, 2}}}, DType::float32), Error);
  CHECK_THROWS_AS(run({c.x, c.w, {.stride = {2, 2}}}, DType::float32), Error);
  CHECK_THROWS_AS(run({c.x, {4, 4, 5, 5}, {}}, DType::float32), Error);
}

TEST_CASE("automatic convolutions take the direct algorithm while an ExactConvolutions lives") {
  const Case c = layer(8, 64, 64, {32, 32}, 3, {1, 1});
  const Operands o = gaussian_operands(c);
  const auto run = [&](ConvAlgorithm algorithm) {
    const Tensor y = channels_last(output_shape(c));
    cpu::conv2d(o.x, o.w, y, c.g, algorithm);
    return y;
  };
  const Tensor direct = run(ConvAlgorithm::direct), automatic = run(ConvAlgorithm::automatic);
  CHECK_FALSE(same_bits(direct, automatic));
  {
    const ExactConvolutions outer;
    {
      const ExactConvolutions inner;
      CHECK(same_bits(direct, run(ConvAlgorithm::automatic)));
    }
    CHECK(same_bits(direct, run(ConvAlgorithm::automatic)));
  }
  CHECK(same_bits(automatic, run(ConvAlgorithm::automatic)));
}

TEST_CASE("packed and transformed weights are kept until the weights change") {
  const Case c = layer(2, 40, 24, {8, 8}, 3, {1, 1});
  const Operands o = gaussian_operands(c), other = {o.x, gaussian(channels_last(c.w), 7), o.dy};
  DerivedCache& cache = o.w.storage()->derived();
  for (ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd2, ConvAlgorithm::winograd4}) {
    const auto forward = [&](const Tensor& w) {
      const Tensor y = channels_last(output_shape(c));
      cpu::conv2d(o.x, w, y, c.g, algorithm);
      return y;
    };
    const auto backward = [&](const Tensor& w) {
      const Tensor dx = channels_last(c.x);
      cpu::conv2d_input_grad(o.dy, w, dx, c.g, algorithm);
      return dx;
    };
    Tensor w = o.w.clone();
    const Tensor y = forward(w), dx = backward(w);
    const std::size_t bytes = w.storage()->derived().bytes();
    CHECK(bytes > 0);
    CHECK(same_bits(y, forward(w)));  // from what was kept
    CHECK(same_bits(dx, backward(w)));
    CHECK(w.storage()->derived().bytes() == bytes);
    w.copy_(other.w);
    CHECK(w.storage()->derived().bytes() == 0);
    CHECK(same_bits(forward(w), forward(other.w)));
    CHECK(same_bits(backward(w), backward(other.w)));
  }
  CHECK(cache.bytes() == 0);
}

TEST_CASE("weights that share a storage are told apart") {
  const Case c = layer(1, 16, 16, {6, 6}, 3, {1, 1});
  const Tensor x = gaussian(channels_last(c.x), 1), both = gaussian(channels_last({32, 16, 3, 3}), 2);
  const auto forward = [&](const Tensor& w) {
    const Tensor y = channels_last(output_shape(c));
    cpu::conv2d(x, w, y, c.g, ConvAlgorithm::winograd2);
    return y;
  };
  const Tensor first = both.slice(0, 0, 16), second = both.slice(0, 16, 32);
  for (int i = 0; i < 2; ++i)
    for (const Tensor& w : {first, second}) {
      Tensor alone = channels_last(c.w);
      alone.copy_(w);
      CHECK(same_bits(forward(w), forward(alone)));
    }
}

TEST_CASE("derived values go with their storage and are counted") {
  const Case c = layer(1, 64, 64, {8, 8}, 3, {1, 1});
  const Tensor x = gaussian(channels_last(c.x), 1), y = channels_last(output_shape(c));
  const std::size_t before = memory_stats(Device::cpu).live;
  std::vector<Tensor> results;
  for (unsigned seed : {2u, 3u, 4u}) {  // each in the memory that the one before has left
    const Tensor w = gaussian(channels_last(c.w), seed);
    cpu::conv2d(x, w, y, c.g, ConvAlgorithm::winograd4);
    CHECK(memory_stats(Device::cpu).live > before + 4 * static_cast<std::size_t>(c.w.numel()) * sizeof(float));
    results.push_back(y.clone());
  }
  CHECK_FALSE(same_bits(results[0], results[1]));
  CHECK_FALSE(same_bits(results[1], results[2]));
  results.clear();
  CHECK(memory_stats(Device::cpu).live == before);
}

TEST_CASE("memory of somebody else keeps nothing derived") {
  const Case c = layer(1, 16, 16, {6, 6}, 3, {1, 1});
  std::vector<float> memory(static_cast<std::size_t>(c.w.numel()), 1.0f);
  const Tensor w = Tensor::wrap(memory.data(), {16, 3, 3, 16}).permute({0, 3, 1, 2});
  const Tensor x = gaussian(channels_last(c.x), 1), y = channels_last(output_shape(c));
  cpu::conv2d(x, w, y, c.g, ConvAlgorithm::winograd2);
  std::fill(memory.begin(), memory.end(), 0.0f);
  cpu::conv2d(x, w, y, c.g, ConvAlgorithm::winograd2);
  for (double v : values(y)) CHECK(v == 0);
}
