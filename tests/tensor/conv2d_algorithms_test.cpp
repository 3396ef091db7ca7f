// Every algorithm of convolution, in all three directions, on layers drawn at random: odd sizes, strides, paddings,
// groups and dilations, single samples and channels.
#include <doctest/doctest.h>

#include <vector>

#include "tests/tensor/conv2d_reference.h"

using namespace duel;
using namespace duel::testing;
using cpu::ConvAlgorithm;

namespace {

using Case = ConvolutionCase;

/// The same layers for the same seed.
class Draw {
 public:
  explicit Draw(unsigned seed) : engine_(seed) {}
  /// From low to high, both included.
  std::int64_t number(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<unsigned>(high - low + 1));
  }
  /// One, three (a picture's), few, or more than a packet has.
  std::int64_t channels() {
    switch (number(0, 4)) {
      case 0: return 1;
      case 1: return 3;
      case 2: return number(10, 40);
      default: return number(1, 9);
    }
  }
  Size2 size(std::int64_t low, std::int64_t high) { return {number(low, high), number(low, high)}; }

 private:
  std::mt19937 engine_;
};

bool has_output(const Case& c) {
  const Shape y = output_shape(c);
  return c.x[2] + 2 * c.g.padding.h >= c.g.dilation.h * (c.w[2] - 1) + 1 &&
         c.x[3] + 2 * c.g.padding.w >= c.g.dilation.w * (c.w[3] - 1) + 1 && y[2] > 0 && y[3] > 0;
}

Case layer(std::int64_t batch, std::int64_t in, std::int64_t out, Size2 size, Size2 kernel, const Conv2dGeometry& g) {
  return {{batch, in * g.groups, size.h, size.w}, {out * g.groups, in, kernel.h, kernel.w}, g};
}

/// Anything.
Case any_layer(Draw& draw) {
  const std::int64_t groups = draw.number(0, 2) ? 1 : draw.number(2, 4);
  return layer(draw.number(1, 3), draw.channels(), draw.channels(), draw.size(1, 12), draw.size(1, 5),
               {.stride = draw.size(1, 4), .padding = draw.size(0, 5), .dilation = draw.size(1, 3), .groups = groups});
}

/// A map into a picture, or a picture into a map: the direction that writes the few channels works from its source's
/// side, the one that reads them gathers short runs.
Case thin_layer(Draw& draw) {
  const std::int64_t few = draw.number(1, 4), many = draw.number(5, 40), groups = draw.number(0, 3) ? 1 : 2;
  const Size2 kernel = draw.size(3, 7), padding{draw.number(0, kernel.h), draw.number(0, kernel.w)};
  if (draw.number(0, 1))
    return layer(draw.number(1, 2), many, few, draw.size(4, 20), kernel, {.padding = padding, .groups = groups});
  return layer(draw.number(1, 2), few, many, draw.size(4, 20), kernel,
               {.stride = draw.size(1, 2), .padding = padding, .groups = groups});
}

/// A thin layer whose maps are large enough to be cut into pieces.
Case large_thin_layer(Draw& draw) {
  const bool into_picture = draw.number(0, 1);
  const std::int64_t few = draw.number(0, 1) ? 1 : 3, many = draw.number(8, 16);
  const std::int64_t kernel = draw.number(3, 5), padding = kernel / 2;
  return layer(draw.number(1, 2), into_picture ? many : few, into_picture ? few : many, draw.size(30, 45),
               {kernel, kernel}, {.stride = {1, 1}, .padding = {padding, padding}});
}

/// What Winograd's algorithms are for.
Case dense_layer(Draw& draw) {
  const bool halves = draw.number(0, 1);
  const std::int64_t kernel = halves ? 4 : 3, stride = halves ? 2 : 1;
  return layer(draw.number(1, 3), draw.channels(), draw.channels(), draw.size(1, 20), {kernel, kernel},
               {.stride = {stride, stride}, .padding = draw.size(0, 3)});
}

/// A patch discriminator's.
Case patch_layer(Draw& draw) {
  return layer(draw.number(1, 3), draw.channels(), draw.channels(), draw.size(1, 20), {4, 4},
               {.padding = draw.size(0, 3)});
}

/// Sums taken as they are written are held to their terms, Winograd's to the largest result.
void check_error(const Tensor& t, const Sums& sums, ConvAlgorithm algorithm) {
  if (t.dtype() == DType::float64)
    CHECK(error_by_terms(t, sums) < tolerance::kReference);
  else if (algorithm == ConvAlgorithm::direct)
    CHECK(error_by_terms(t, sums) < tolerance::kRoundingsSingle);
  else
    CHECK(error_by_largest(t, sums) < tolerance::kWinograd);
}

void check_layer(const Case& c, DType dtype, const std::vector<ConvAlgorithm>& algorithms) {
  CAPTURE(c);
  CAPTURE(name_of(dtype));
  const Operands o = gaussian_operands(c, dtype);
  const Reference reference(c, o);
  for (ConvAlgorithm algorithm : algorithms)
    for (Direction d : kDirections) {
      CAPTURE(name_of(algorithm));
      CAPTURE(name_of(d));
      const auto run = [&] { return convolve(d, c, o, algorithm); };
      check_error(run(), reference[d], algorithm);
      CHECK(same_for_any_threads(run));
    }
}

const std::vector<ConvAlgorithm> kAny{ConvAlgorithm::automatic, ConvAlgorithm::direct};
const std::vector<ConvAlgorithm> kPatch{ConvAlgorithm::automatic, ConvAlgorithm::direct, ConvAlgorithm::winograd2,
                                        ConvAlgorithm::winograd3};
const std::vector<ConvAlgorithm> kDense{ConvAlgorithm::automatic, ConvAlgorithm::direct, ConvAlgorithm::winograd2,
                                        ConvAlgorithm::winograd4};

/// So many of the layers that `one` draws, in float32 by these algorithms and in float64.
void check_layers(unsigned seed, int count, Case (*one)(Draw&), const std::vector<ConvAlgorithm>& algorithms = kAny) {
  Draw draw(seed);
  for (int i = 0; i < count;) {
    const Case c = one(draw);
    if (!has_output(c)) continue;
    ++i;
    check_layer(c, DType::float32, algorithms);
    check_layer(c, DType::float64, kAny);
  }
}

}  // namespace

TEST_CASE("the direct algorithm agrees with the definition on any layer") { check_layers(5, 120, any_layer); }

TEST_CASE("the direct algorithm agrees with the definition where one side has few channels") {
  check_layers(6, 80, thin_layer);
  check_layers(7, 6, large_thin_layer);
}

TEST_CASE("all algorithms agree with the definition on layers that Winograd's are for") {
  check_layers(8, 100, dense_layer, kDense);
  check_layers(9, 40, patch_layer, kPatch);
}
