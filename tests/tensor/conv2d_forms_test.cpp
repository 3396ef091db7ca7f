// The direct convolutions that are not plain products: in groups, of single channels, of many weights for few pixels.
#include <doctest/doctest.h>

#include <vector>

#include "tests/tensor/conv2d_reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Case = ConvolutionCase;

void check_cases(const std::vector<Case>& cases) {
  for (const Case& c : cases)
    for (DType dtype : {DType::float32, DType::float64}) check_directions(c, dtype, cpu::ConvAlgorithm::automatic);
}

}  // namespace

TEST_CASE("convolutions in groups that fill packets agree with the definition") {
  check_cases({
      {{2, 64, 4, 4}, {64, 16, 3, 3}, {.padding = {1, 1}, .groups = 4}},
      {{3, 320, 8, 8}, {320, 16, 3, 3}, {.padding = {1, 1}, .groups = 20}},  // several tasks per picture
      {{1, 32, 70, 60}, {32, 16, 3, 3}, {.padding = {1, 1}, .groups = 2}},   // several bands
      {{2, 72, 7, 5}, {51, 24, 3, 3}, {.padding = {1, 2}, .groups = 3}},     // other widths than packets'
      {{2, 34, 6, 9}, {80, 17, 2, 5}, {.padding = {0, 3}, .groups = 2}},
      {{1, 96, 5, 6}, {64, 48, 3, 3}, {.padding = {1, 1}, .groups = 2}},  // blocks of k
      {{2, 40, 9, 8}, {40, 20, 3, 2}, {.padding = {4, 1}, .dilation = {3, 2}, .groups = 2}},
      {{2, 40, 5, 4}, {40, 20, 3, 3}, {.padding = {7, 5}, .groups = 2}},  // windows outside the picture
      {{2, 64, 6, 7}, {32, 32, 1, 1}, {.groups = 2}},
      {{1, 32, 5, 5}, {32, 16, 3, 3}, {.padding = {1000, 999}, .dilation = {1000, 999}, .groups = 2}},
      {{2, 48, 7, 9}, {48, 16, 4, 3}, {.stride = {2, 3}, .padding = {1, 1}, .groups = 3}},
      {{2, 48, 4, 4}, {6, 16, 4, 4}, {.groups = 3}},  // thin out
  });
}

TEST_CASE("convolutions of single channels agree with the definition") {
  check_cases({
      {{2, 5, 6, 7}, {5, 1, 3, 3}, {.padding = {1, 1}, .groups = 5}},
      {{3, 150, 4, 4}, {150, 1, 4, 4}, {.groups = 150}},
      {{2, 67, 9, 8}, {67, 1, 3, 2}, {.stride = {2, 3}, .padding = {2, 1}, .dilation = {1, 2}, .groups = 67}},
      {{1, 3, 40, 41}, {3, 1, 1, 5}, {.padding = {0, 2}, .groups = 3}},
      {{2, 9, 3, 3}, {9, 1, 2, 2}, {.stride = {3, 3}, .padding = {3, 3}, .groups = 9}},  // pixels without any tap
      {{2, 6, 5, 5}, {18, 1, 3, 3}, {.padding = {1, 1}, .groups = 6}},                   // several outputs of each
  });
}

TEST_CASE("convolutions of many weights for few pixels agree with the definition") {
  constexpr Conv2dGeometry kHalving{.stride = {2, 2}, .padding = {1, 1}};
  check_cases({
      {{1, 128, 8, 8}, {160, 128, 4, 4}, kHalving},
      {{1, 130, 4, 4}, {131, 130, 4, 4}, kHalving},
      {{1, 128, 2, 2}, {160, 128, 4, 4}, kHalving},  // most taps meet no pixel
      {{3, 150, 5, 3}, {200, 150, 3, 3}, {.padding = {1, 1}}},
      {{2, 600, 2, 3}, {450, 600, 1, 1}, {}},  // blocks of k within a tap
      {{1, 70, 6, 5}, {160, 70, 5, 5}, {.stride = {3, 2}, .padding = {4, 6}, .dilation = {1, 2}}},
  });
}

TEST_CASE("weight gradients too large for the caches agree with the definition") {
  check_directions({{1, 256, 4, 6}, {272, 256, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}}, DType::float32,
                   cpu::ConvAlgorithm::automatic);
  check_directions({{2, 256, 5, 4}, {500, 256, 3, 3}, {.padding = {1, 1}}}, DType::float64,
                   cpu::ConvAlgorithm::automatic);
  check_directions({{3, 130, 2, 2}, {520, 130, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}}, DType::float32,
                   cpu::ConvAlgorithm::automatic);
  const Case many_sums{{2, 240, 4, 4}, {300, 240, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}};  // in parts
  const Operands o = gaussian_operands(many_sums);
  const Reference reference(many_sums, o);
  const auto run = [&] { return convolve(Direction::weight_grad, many_sums, o, cpu::ConvAlgorithm::winograd4); };
  CHECK(error_by_largest(run(), reference[Direction::weight_grad]) < tolerance::kWinograd);
  CHECK(same_for_any_threads(run));
}

TEST_CASE("weights for few pixels are read where they are") {
  const Case c{{1, 128, 8, 8}, {160, 128, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}};
  const Operands o = gaussian_operands(c);
  for (Direction d : {Direction::forward, Direction::input_grad}) {
    convolve(d, c, o, cpu::ConvAlgorithm::automatic);
    CHECK(o.w.storage()->derived().bytes() == 0);
  }
}
