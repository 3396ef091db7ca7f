// How large the rounding errors of the convolutions become, by algorithm, direction and kind of input: bounds that a
// test keeps, and the whole distribution as a table,
//   test_tensor --no-skip --test-case="table of rounding errors"
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "tests/tensor/conv2d_reference.h"

using namespace duel;
using namespace duel::testing;
using cpu::ConvAlgorithm;

namespace {

/// Numbers of one element after the other; `pixel` counts the row and column of its place.
using Fill = std::function<double(std::mt19937&, std::int64_t pixel)>;

double normal(std::mt19937& engine) { return std::normal_distribution<>()(engine); }
double normals(std::mt19937& engine, std::int64_t) { return normal(engine); }

/// Of one sign on the black squares of a chess board and of the other on the white ones.
double checkered(std::mt19937& engine, std::int64_t pixel) { return (pixel % 2 ? -1 : 1) * (1 + 0.1 * normal(engine)); }

struct Input {
  std::string name;
  Fill maps;  ///< x and the gradient of y
  Fill weights = normals;
  bool cancels = false;  ///< in some direction the terms of a sum cancel; relative to the sum, errors are large then
};

const Input kInputs[] = {
    {.name = "normal", .maps = normals},
    {.name = "after a ReLU", .maps = [](auto& engine, auto) { return std::max(0.0, normal(engine)); }},
    {.name = "far from 0", .maps = [](auto& engine, auto) { return 100 + normal(engine); }},
    {.name = "all magnitudes",
     .maps = [](auto& engine, auto) { return normal(engine) * std::exp(3 * normal(engine)); }},
    {.name = "checkered", .maps = checkered, .cancels = true},
    {.name = "checkered, smooth weights",
     .maps = checkered,
     .weights = [](auto& engine, auto) { return 1 + 0.1 * normal(engine); },
     .cancels = true},
};

void fill(const Tensor& t, const Fill& f, std::mt19937& engine) {
  const std::int64_t columns = t.size(3), rows = t.size(2);
  generate(t, [&](std::int64_t i) { return f(engine, i % columns + i / columns % rows); });
}

struct Kernel {
  std::int64_t size, stride;
  bool operator==(const Kernel&) const = default;
};
constexpr Kernel kKernels[] = {{3, 1}, {4, 2}, {4, 1}};

struct Variant {
  std::string name;
  Kernel kernel;
  ConvAlgorithm algorithm;
};
const Variant kVariants[] = {
    {"direct, 3x3", {3, 1}, ConvAlgorithm::direct},    {"F(2x2, 3x3)", {3, 1}, ConvAlgorithm::winograd2},
    {"F(4x4, 3x3)", {3, 1}, ConvAlgorithm::winograd4}, {"direct, 4x4 stride 2", {4, 2}, ConvAlgorithm::direct},
    {"F(2x2, 2x2)", {4, 2}, ConvAlgorithm::winograd2}, {"F(4x4, 2x2)", {4, 2}, ConvAlgorithm::winograd4},
    {"direct, 4x4", {4, 1}, ConvAlgorithm::direct},    {"F(2x2, 4x4)", {4, 1}, ConvAlgorithm::winograd2},
    {"F(3x3, 4x4)", {4, 1}, ConvAlgorithm::winograd3}};

/// Of a whole result.
struct Errors {
  double norm;     ///< root of the sum of squares, relative to that of the exact result
  double largest;  ///< largest error of an element, relative to the largest element
  double terms;    ///< root of the sum of squares, relative to that of the magnitudes of the terms: blind to cancelling
};

Errors errors(const Tensor& t, const Sums& exact) {
  const std::vector<double> v = values(t);
  double squares = 0, all_squares = 0, term_squares = 0, worst = 0, largest = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double difference = std::fabs(v[i] - exact.value[i]), size = std::fabs(exact.value[i]);
    squares += difference * difference;
    all_squares += size * size;
    term_squares += exact.magnitude[i] * exact.magnitude[i];
    worst = std::fmax(worst, difference);
    largest = std::fmax(largest, size);
  }
  return {std::sqrt(squares / all_squares), worst / largest, std::sqrt(squares / term_squares)};
}

/// Layers of 24 to 24 channels and 20 x 20 pixels (of the result), four samples each.
struct Trial {
  Trial(const Input& input, Kernel kernel, unsigned seed)
      : c(layer(kernel)), o(operands(c, input, seed)), exact(c, o) {}

  static ConvolutionCase layer(Kernel k) {
    const std::int64_t side = k == Kernel{4, 1} ? 21 : 20 * k.stride;
    return {{4, 24, side, side}, {24, 24, k.size, k.size}, {.stride = {k.stride, k.stride}, .padding = {1, 1}}};
  }
  static Operands operands(const ConvolutionCase& c, const Input& input, unsigned seed) {
    std::mt19937 engine(seed);
    const Operands o{channels_last(c.x), channels_last(c.w), channels_last(output_shape(c))};
    fill(o.x, input.maps, engine);
    fill(o.w, input.weights, engine);
    fill(o.dy, input.maps, engine);
    return o;
  }

  ConvolutionCase c;
  Operands o;
  Reference exact;
};

/// The errors of every variant and direction on one kind of input, once for each trial.
using Distribution = std::vector<std::array<std::vector<Errors>, 3>>;

Distribution distribution(const Input& input, unsigned trials) {
  Distribution all(std::size(kVariants));
  for (Kernel kernel : kKernels)
    for (unsigned seed = 1; seed <= trials; ++seed) {
      const Trial trial(input, kernel, seed);
      for (std::size_t i = 0; i < all.size(); ++i)
        for (Direction d : kDirections)
          if (kVariants[i].kernel == kernel)
            all[i][static_cast<std::size_t>(d)].push_back(
                errors(convolve(d, trial.c, trial.o, kVariants[i].algorithm), trial.exact[d]));
    }
  return all;
}

}  // namespace

TEST_CASE("Winograd's rounding errors are within bounds for every kind of input") {
  for (const Input& input : kInputs) {
    CAPTURE(input.name);
    const Distribution all = distribution(input, 1);
    for (std::size_t i = 0; i < all.size(); ++i)
      for (Direction d : kDirections) {
        CAPTURE(kVariants[i].name);
        CAPTURE(name_of(d));
        for (const Errors& e : all[i][static_cast<std::size_t>(d)]) {
          if (input.cancels)
            CHECK(e.terms < tolerance::kWinogradTerms);
          else
            CHECK(e.norm < tolerance::kWinograd);
        }
      }
  }
}

TEST_CASE("table of rounding errors" * doctest::skip()) {
  constexpr unsigned kTrials = 100;
  std::vector<Distribution> all;
  for (const Input& input : kInputs) all.push_back(distribution(input, kTrials));
  for (const auto& [title, measure] :
       {std::pair("norm", &Errors::norm), std::pair("largest", &Errors::largest), std::pair("terms", &Errors::terms)}) {
    std::printf("\n| %s, 1e-7: median / 99 %% / max |", title);
    for (const Input& input : kInputs) std::printf(" %s |", input.name.c_str());
    std::printf("\n|---|");
    for (std::size_t i = 0; i < std::size(kInputs); ++i) std::printf("---|");
    for (std::size_t i = 0; i < std::size(kVariants); ++i)
      for (Direction d : kDirections) {
        std::printf("\n| %s, %s |", kVariants[i].name.c_str(), name_of(d).c_str());
        for (const Distribution& of_input : all) {
          std::vector<double> e;
          for (const Errors& one : of_input[i][static_cast<std::size_t>(d)]) e.push_back(1e7 * one.*measure);
          std::sort(e.begin(), e.end());
          std::printf(" %.2g / %.2g / %.2g |", e[e.size() / 2], e[(e.size() - 1) * 99 / 100], e.back());
        }
      }
    std::printf("\n");
  }
}
