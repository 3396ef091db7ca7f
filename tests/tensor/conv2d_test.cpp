// The direct convolutions and their gradients on chosen layers.
#include <doctest/doctest.h>

#include <vector>

#include "tests/tensor/conv2d_reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Case = ConvolutionCase;

void check_cases(const std::vector<Case>& cases) {
  for (const Case& c : cases)
    for (DType dtype : {DType::float32, DType::float64}) check_directions(c, dtype, cpu::ConvAlgorithm::direct);
}

}  // namespace

TEST_CASE("convolution and its gradients agree with the definition on layers of GANs") {
  check_cases({
      {{3, 1, 28, 28}, {24, 1, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},    // one channel in
      {{2, 3, 16, 16}, {40, 3, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},    // a picture in
      {{2, 32, 16, 16}, {48, 32, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},  // blocks of k and of columns
      {{16, 64, 4, 4}, {72, 64, 3, 3}, {.padding = {1, 1}}},                     // much border
      {{5, 130, 4, 4}, {1, 130, 4, 4}, {}},                                      // the whole picture into one number
      {{64, 40, 4, 4}, {20, 40, 4, 4}, {}},                                      // and from one to a picture
      {{40, 16, 4, 4}, {33, 16, 7, 7}, {.padding = {3, 3}}},
      {{1, 20, 20, 20}, {3, 20, 7, 7}, {.padding = {3, 3}}},  // a picture out
      {{1, 40, 40, 9}, {2, 40, 3, 3}, {.padding = {1, 1}}},   // bands of one picture
      {{9, 3, 16, 16}, {40, 3, 1, 1}, {}},
      {{9, 40, 16, 16}, {3, 40, 1, 1}, {}},
      {{10, 3, 33, 33}, {5, 3, 3, 3}, {.stride = {2, 2}, .padding = {1, 1}}},  // chunks of pixels
  });
}

TEST_CASE("convolutions with few channels on one side agree with the definition on odd shapes") {
  check_cases({
      {{2, 1, 37, 29}, {33, 1, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},
      {{3, 3, 33, 70}, {20, 3, 3, 3}, {.padding = {1, 1}}},
      {{1, 3, 40, 23}, {64, 3, 7, 7}, {}},
      {{1, 6, 31, 21}, {48, 6, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},
      {{1, 9, 12, 10}, {35, 9, 7, 7}, {.padding = {3, 3}}},  // more than a block of k
      {{7, 3, 16, 16}, {130, 3, 1, 1}, {}},
      {{2, 3, 17, 21}, {40, 3, 5, 3}, {.stride = {3, 2}, .padding = {2, 1}, .dilation = {2, 1}}},
      {{1, 64, 37, 23}, {3, 64, 7, 7}, {.padding = {3, 3}}},  // patches that overlap across bands
      {{2, 300, 13, 9}, {1, 300, 4, 4}, {.padding = {1, 1}}},
      {{1, 2, 45, 18}, {100, 2, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},
      {{2, 64, 12, 5}, {3, 64, 3, 3}, {.padding = {2, 3}, .dilation = {2, 2}}},  // taps apart
      {{2, 3, 20, 11}, {70, 3, 4, 4}, {.stride = {2, 3}, .dilation = {3, 1}}},
      {{2, 10, 9, 11}, {66, 5, 3, 3}, {.stride = {2, 2}, .groups = 2}},
      {{2, 66, 9, 11}, {6, 33, 3, 3}, {.padding = {1, 1}, .groups = 2}},
      // What windows reach is far more than the picture.
      {{1, 3, 5, 5}, {70, 3, 3, 3}, {.padding = {1000000, 999}, .dilation = {1000000, 999}}},
      {{1, 3, 5, 5}, {70, 3, 2, 2}, {.stride = {1000000, 999}, .padding = {1000000, 999}}},
      {{1, 70, 5, 5}, {3, 70, 3, 3}, {.padding = {1000000, 999}, .dilation = {1000000, 999}}},
  });
}

TEST_CASE("convolution and its gradients agree with the definition at the edges of their arguments") {
  check_cases({
      {{0, 3, 8, 8}, {4, 3, 3, 3}, {.padding = {1, 1}}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{1, 2, 5, 5}, {3, 2, 1, 1}, {.stride = {2, 2}, .padding = {3, 3}}},  // padding beyond the kernel
      {{1, 5, 6, 6}, {4, 5, 3, 3}, {.padding = {5, 5}, .dilation = {2, 2}}},
      {{2, 4, 7, 7}, {3, 4, 2, 2}, {.stride = {3, 3}}},  // pixels that no tap meets
      {{1, 40, 9, 8}, {3, 40, 2, 1}, {.stride = {4, 3}, .padding = {1, 2}, .dilation = {1, 3}}},
      {{2, 9, 11, 5}, {70, 9, 3, 5}, {.stride = {1, 2}, .padding = {2, 4}, .dilation = {3, 1}}},
      {{2, 32, 9, 9}, {32, 1, 3, 3}, {.padding = {1, 1}, .groups = 32}},  // depthwise
      {{2, 8, 9, 9}, {16, 1, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}, .groups = 8}},
      {{2, 6, 9, 9}, {12, 2, 3, 3}, {.stride = {2, 1}, .padding = {1, 1}, .groups = 3}},
      {{1, 140, 3, 3}, {34, 70, 3, 3}, {.padding = {1, 1}, .groups = 2}},
  });
}
