// The code of docs/gradients.md, section by section, and a test that the page shows exactly this.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

#include "duel/duel.h"

namespace duel::testing {
namespace {

TEST_CASE("1. A scalar product") {
  // page
  const Variable w = Variable::leaf(Tensor::from({2.0, -1.0, 0.5}, {3}));
  const Variable x = Variable::leaf(Tensor::from({1.0, 3.0, 4.0}, {3}));
  const Variable y = sum(w * x);
  const Variables g = grad(y, {w, x});  // dy/dw = x, dy/dx = w
  CHECK(g[0].value().to_vector<double>() == x.value().to_vector<double>());
  CHECK(g[1].value().to_vector<double>() == w.value().to_vector<double>());
}

TEST_CASE("2. A gradient is a computation") {
  // page
  const Variable x = Variable::leaf(Tensor::scalar(2, DType::float64));
  const Variable y = pow(x, 3);
  const Variable first = grad(y, {x}, {.create_graph = true})[0];       // 3 x^2 = 12
  const Variable second = grad(first, {x}, {.create_graph = true})[0];  // 6 x = 12
  const Variable third = grad(second, {x})[0];                          // 6
  CHECK(first.item() == 12);
  CHECK(second.item() == 12);
  CHECK(third.item() == 6);
}

TEST_CASE("2. A gradient is a computation (2)") {
  // page
  const Variable x = Variable::leaf(Tensor::from({1.0, 2.0}, {2}));
  const Variable x0 = slice(x, 0, 0, 1), x1 = slice(x, 0, 1, 2);
  const Variable L = sum(square(x0) * x1);  // H = [2 x1, 2 x0; 2 x0, 0] = [4, 2; 2, 0]
  const Tensor v = Tensor::from({1.0, 10.0}, {2});
  const Variable slope = grad(L, {x}, {.create_graph = true})[0];
  const Variable Hv = grad(sum(slope * v), {x})[0];
  CHECK(Hv.value().to_vector<double>() == std::vector<double>{24, 2});
}

TEST_CASE("3. First recipe: linear operations and their transposes") {
  // page
  Rng rng(1);
  const Variable x = rng.normal({3, 1}, 0, 1, {.dtype = DType::float64});
  const Variable y = rng.normal({2, 3, 4}, 0, 1, {.dtype = DType::float64});
  const double forward = sum(expand(x, {2, 3, 4}) * y).item();
  const double backward = sum(x * sum_to(y, {3, 1})).item();
  CHECK(forward == doctest::Approx(backward).epsilon(1e-12));
}

TEST_CASE("4. A convolution") {
  // page
  Rng rng(2);
  const Tensor z = rng.normal({1, 4, 3, 3}, 0, 1, {.dtype = DType::float64});
  const Tensor w = rng.normal({4, 2, 4, 4}, 0, 1, {.dtype = DType::float64});
  const Conv2dGeometry geometry{.stride = {2, 2}, .padding = {1, 1}};
  const Variable up = conv_transpose2d(z, w, {}, geometry);
  const Variable back = conv2d_input_grad(z, w, {6, 6}, geometry);
  CHECK(up.shape() == Shape{1, 2, 6, 6});
  CHECK(up.value().to_vector<double>() == back.value().to_vector<double>());
}

TEST_CASE("5. Second recipe: pointwise operations") {
  // page
  const Variable x = Variable::leaf(Tensor::scalar(0.3, DType::float64));
  const Variable y = tanh(x);
  const Variable first = grad(y, {x}, {.create_graph = true})[0];
  const double second = grad(first, {x})[0].item();
  const double t = std::tanh(0.3);
  CHECK(first.item() == doctest::Approx(1 - t * t).epsilon(1e-14));
  CHECK(second == doctest::Approx(-2 * t * (1 - t * t)).epsilon(1e-14));
}

TEST_CASE("6. A normalisation") {
  // page
  Rng rng(3);
  const Variable x = Variable::leaf(rng.normal({64, 1}, 5, 2, {.dtype = DType::float64}));
  const Variable y = batch_norm(x, {}, {}, 1e-12);
  const Tensor g = rng.normal({64, 1}, 0, 1, {.dtype = DType::float64});
  const Variable dx = grad(y, {x}, {.grad_output = g})[0];
  CHECK(std::abs(sum(dx).item()) < 1e-12);
  CHECK(std::abs(sum(dx * y.detach()).item()) < 1e-9);
}

TEST_CASE("7. Third recipe: fused operations") {
  // page
  // y = x / sqrt(mean(x^2) + 1), whose gradient is (g - y <g y>) / sqrt(mean(x^2) + 1).
  const auto rms_norm = [](const Variable& input) {
    const Composite composite = [](const Variables& in) { return in[0] * rsqrt(mean(square(in[0])) + 1); };
    const Tensor value = [&] {
      const NoGrad no_grad;
      return composite({input}).value();  // a kernel, in earnest
    }();
    return record_fused(
        "rms_norm", {input}, value,
        [x = Saved(input)](const Backward& b) -> Variables {  // recording is off here
          const Variable scale = rsqrt(mean(square(x.get())) + 1), y = x.get() * scale;
          return {(b.grad - y * mean(b.grad * y)) * scale};
        },
        composite);
  };
  Rng rng(4);
  const Tensor x = rng.normal({7}, 0, 1, {.dtype = DType::float64});
  expect_gradients("rms_norm", [&](const Variables& in) { return rms_norm(in[0]); }, {x});
}

TEST_CASE("8. The gradient penalty, by hand") {
  // page
  const Variable w = Variable::leaf(Tensor::from({3.0, 4.0}, {1, 2}));  // |w| = 5
  const Critic critic = [&](const Variable& x) { return linear(x, w); };
  Rng rng(5);
  const Tensor real = rng.normal({8, 2}, 0, 1, {.dtype = DType::float64});
  const Tensor fake = rng.normal({8, 2}, 0, 1, {.dtype = DType::float64});
  const Variable penalty = gradient_penalty(critic, real, fake, rng);
  CHECK(penalty.item() == doctest::Approx(16));
  const std::vector<double> slope = grad(penalty, {w})[0].value().to_vector<double>();
  CHECK(slope[0] == doctest::Approx(2 * 4 * 3 / 5.0));
  CHECK(slope[1] == doctest::Approx(2 * 4 * 4 / 5.0));
}

TEST_CASE("8. The gradient penalty, by hand (2)") {
  // page
  Rng rng(6);
  const TensorOptions f64{.dtype = DType::float64};
  const Tensor pictures = rng.normal({2, 3, 6, 6}, 0, 1, f64);
  const auto penalty = [&](const Variables& weights) {
    const Critic critic = [&](const Variable& x) {
      const Variable h = leaky_relu(conv2d(x, weights[0], {}, {.stride = {2, 2}, .padding = {1, 1}}));
      return conv2d(instance_norm(h, {}, {}, 1e-2), weights[1], {}, {});
    };
    return r1_penalty(critic, pictures, 10);
  };
  expect_gradients("R1 of a small critic", penalty,
                   {rng.normal({4, 3, 4, 4}, 0, 0.3, f64), rng.normal({1, 4, 3, 3}, 0, 0.3, f64)});
}

TEST_CASE("10. Where it goes wrong") {
  // page
  const Variable x = Variable::leaf(Tensor::scalar(3, DType::float64));
  Variable y = square(x);
  const Variable z = y + 1;
  grad(std::move(y), {x});
  CHECK_THROWS_AS(grad(z, {x}), Error);  // "the graph behind 'square' [] was consumed ..."
}

std::string text_of(const char* file) {
  std::ifstream in(file);
  REQUIRE_MESSAGE(in.good(), std::string(file));
  return {std::istreambuf_iterator<char>(in), {}};
}

// The lines from after `begin` to before `end`, each without `indent`; once per such block.
std::vector<std::string> blocks(const std::string& text, const std::string& begin, const std::string& end,
                                std::size_t indent) {
  std::vector<std::string> all;
  bool inside = false;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!inside && line == begin) {
      inside = true;
      all.emplace_back();
    } else if (inside && line == end) {
      inside = false;
    } else if (inside) {
      all.back() += (line.size() > indent ? line.substr(indent) : "") + "\n";
    }
  }
  return all;
}

TEST_CASE("docs/gradients.md shows this code") {
  const auto shown = blocks(text_of(DUEL_SOURCE_DIR "/docs/gradients.md"), "```cpp", "```", 0);
  const auto tested = blocks(text_of(__FILE__), "  // page", "}", 2);
  CHECK(shown.size() > 8);
  REQUIRE(shown.size() == tested.size());
  for (std::size_t i = 0; i < shown.size(); ++i) CHECK(shown[i] == tested[i]);
}

TEST_CASE("the files that docs/gradients.md names exist") {
  const std::string page = text_of(DUEL_SOURCE_DIR "/docs/gradients.md");
  const std::regex link(R"(\]\(([^) ]+)\))");
  std::size_t links = 0;
  for (auto i = std::sregex_iterator(page.begin(), page.end(), link); i != std::sregex_iterator(); ++i, ++links)
    CHECK_MESSAGE(std::filesystem::exists(std::filesystem::path(DUEL_SOURCE_DIR "/docs") / std::string((*i)[1])),
                  std::string((*i)[1]));
  CHECK(links > 12);
}

}  // namespace
}  // namespace duel::testing
