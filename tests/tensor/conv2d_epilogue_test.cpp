// Bias and leaky ReLU in the convolutions' own pass, and their gradient, by each algorithm.
#include <doctest/doctest.h>

#include <vector>

#include "tests/support/tolerances.h"
#include "tests/tensor/conv2d_reference.h"

using namespace duel;
using namespace duel::testing;
using cpu::ConvAlgorithm;

namespace {

const std::vector<ConvolutionCase> kCases = {
    {{3, 1, 28, 28}, {24, 1, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},  // one channel in
    {{2, 3, 16, 18}, {64, 3, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},  // a picture in
    {{2, 70, 8, 8}, {72, 70, 3, 3}, {.padding = {1, 1}}},                    // blocks of k and of columns
    {{2, 16, 9, 7}, {40, 16, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},  // Winograd's, with edges
    {{1, 20, 20, 20}, {3, 20, 7, 7}, {.padding = {3, 3}}},                   // a picture out
    {{1, 64, 20, 9}, {3, 64, 3, 3}, {.padding = {1, 1}}},
    {{2, 64, 9, 7}, {4, 32, 3, 3}, {.padding = {1, 1}, .groups = 2}},
    {{2, 6, 9, 5}, {9, 2, 3, 3}, {.stride = {2, 1}, .padding = {1, 1}, .groups = 3}},
    {{2, 4, 9, 5}, {4, 1, 3, 3}, {.padding = {1, 1}, .groups = 4}},             // each channel by itself
    {{2, 64, 5, 6}, {64, 16, 3, 3}, {.padding = {1, 1}, .groups = 4}},          // groups that fill packets
    {{1, 128, 6, 6}, {136, 128, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},  // many weights for few pixels
    {{5, 40, 4, 4}, {1, 40, 4, 4}, {}},                                         // into one number
    {{2, 4, 7, 7}, {3, 4, 2, 2}, {.stride = {3, 3}}},                           // pixels that no tap meets
    {{1, 5, 6, 6}, {4, 5, 3, 3}, {.padding = {5, 5}, .dilation = {2, 2}}},
    {{2, 64, 8, 8}, {64, 16, 3, 3}, {.padding = {1, 1}, .groups = 4}},
    {{2, 64, 7, 7}, {32, 32, 3, 3}, {.padding = {1, 1}, .groups = 2}},
    {{1, 128, 4, 4}, {160, 128, 4, 4}, {.stride = {2, 2}, .padding = {1, 1}}},  // few pixels
    {{1, 96, 1, 1}, {100, 96, 4, 4}, {.padding = {3, 3}}},
    {{3, 40, 1, 1}, {64, 40, 1, 1}, {}},
    {{0, 3, 4, 4}, {2, 3, 3, 3}, {}},
};

/// All but the one that does nothing.
std::vector<Epilogue> epilogues(const Tensor& bias) {
  std::vector<Epilogue> all;
  for (const Rectifier r : kRectifiers) {
    all.push_back({bias, r});
    if (r != Rectifier()) all.push_back({{}, r});
  }
  return all;
}

/// The result with an epilogue, in memory that was full of NaN.
Tensor finished(Direction d, const ConvolutionCase& c, const Operands& o, ConvAlgorithm algorithm, const Epilogue& e) {
  const Tensor& like = d == Direction::forward ? o.dy : o.x;
  const Tensor out = channels_last(like.shape(), like.dtype());
  generate(out, [](std::int64_t) { return NAN; });
  if (d == Direction::forward)
    cpu::conv2d(o.x, o.w, out, c.g, algorithm, e);
  else
    cpu::conv2d_input_grad(o.dy, o.w, out, c.g, algorithm, e);
  return out;
}

/// The same done afterwards, in double.
Sums expected(const Tensor& plain, const Sums& terms, const Epilogue& e) {
  Sums sums = terms;
  const std::int64_t channels = plain.size(1), pixels = plain.size(2) * plain.size(3);
  const std::vector<double> bias = e.bias.defined() ? values(e.bias) : std::vector<double>();
  for (std::int64_t i = 0; i < plain.numel(); ++i) {
    if (!bias.empty()) sums.add(i, bias[static_cast<std::size_t>(i / pixels % channels)]);
    double& v = sums.value[static_cast<std::size_t>(i)];
    v = rectified(v, v, e.rectifier);
  }
  return sums;
}

void check_epilogues(const ConvolutionCase& c, DType dtype, ConvAlgorithm algorithm) {
  CAPTURE(c);
  CAPTURE(name_of(dtype));
  CAPTURE(name_of(algorithm));
  const Operands o = gaussian_operands(c, dtype);
  const Reference reference(c, o);
  for (Direction d : {Direction::forward, Direction::input_grad}) {
    const Tensor& like = d == Direction::forward ? o.dy : o.x;
    const Tensor bias = gaussian(Tensor::empty({like.size(1)}, {.dtype = dtype}), 4);
    for (const Epilogue& e : epilogues(bias)) {
      CAPTURE(name_of(d));
      CAPTURE(e.bias.defined());
      CAPTURE(e.rectifier.slope);
      const auto run = [&] { return finished(d, c, o, algorithm, e); };
      const Sums sums = expected(like, reference[d], e);
      if (algorithm == ConvAlgorithm::direct)
        CHECK(error_by_terms(run(), sums) < roundings(dtype));
      else
        CHECK(error_by_largest(run(), sums) < tolerance::kWinograd);
      CHECK(same_for_any_threads(run));
    }
  }
}

}  // namespace

TEST_CASE("convolutions and input gradients take a bias and a rectifier") {
  for (const ConvolutionCase& c : kCases)
    for (DType dtype : {DType::float32, DType::float64})
      for (ConvAlgorithm algorithm : {ConvAlgorithm::automatic, ConvAlgorithm::direct})
        check_epilogues(c, dtype, algorithm);
}

TEST_CASE("Winograd's convolutions take a bias and a rectifier") {
  for (ConvAlgorithm algorithm : {ConvAlgorithm::winograd2, ConvAlgorithm::winograd4}) {
    check_epilogues(kCases[2], DType::float32, algorithm);
    check_epilogues(kCases[3], DType::float32, algorithm);
  }
}

TEST_CASE("a rectifier keeps NaN and takes infinities to their limits") {
  Tensor x = channels_last({1, 1, 1, 3}), w = channels_last({1, 1, 1, 1});
  const Tensor y = channels_last({1, 1, 1, 3});
  x.copy_(Tensor::from({NAN, -INFINITY, INFINITY}, {1, 1, 1, 3}));
  w.fill_(1);
  cpu::conv2d(x, w, y, {}, Epilogue{{}, {0}});
  const std::vector<double> relu = values(y);
  CHECK(std::isnan(relu[0]));
  CHECK(relu[1] == 0);
  CHECK(relu[2] == INFINITY);
}

TEST_CASE("the gradient of an epilogue masks and sums, in place if wanted") {
  for (const Shape& shape : {Shape{5, 3, 7, 9}, Shape{3, 64, 16, 16}, Shape{2, 33, 5, 1}, Shape{1, 1, 1, 1},
                             Shape{0, 4, 3, 3}, Shape{3, 600, 2, 3}})
    for (DType dtype : {DType::float32, DType::float64})
      for (Rectifier r : kRectifiers) {
        CAPTURE(shape);
        CAPTURE(r.slope);
        const Tensor y = gaussian(channels_last(shape, dtype), 1), dy = gaussian(channels_last(shape, dtype), 2);
        const Tensor dbias = Tensor::empty({shape[1]}, {.dtype = dtype});
        const auto run = [&] {
          const Tensor dx = channels_last(shape, dtype);
          cpu::epilogue_grad(y, dy, r, dx, dbias);
          return dx;
        };
        const std::vector<double> ys = values(y), dys = values(dy), dxs = values(run());
        std::vector<double> expected;
        Sums sums(shape[1]);
        for (std::size_t i = 0; i < dxs.size(); ++i) {
          expected.push_back(rectified(dys[i], ys[i], r));
          sums.add(static_cast<std::int64_t>(i) / (shape[2] * shape[3]) % shape[1], dxs[i]);
        }
        CHECK(distance(dxs, expected) < roundings(dtype));
        CHECK(error_by_terms(dbias, sums) < roundings(dtype));
        CHECK(same_for_any_threads(run));
        CHECK(same_for_any_threads([&] {
          run();
          return dbias;
        }));
        const Tensor in_place = dy.clone();
        cpu::epilogue_grad(y, in_place, r, in_place, dbias);
        CHECK(values(in_place) == dxs);
        const Tensor alone = channels_last(shape, dtype);
        cpu::epilogue_grad(y, dy, r, alone, {});
        CHECK(values(alone) == dxs);
      }
}
