// The conditional DCGAN: names, counts, shapes, what the label does, and what it refuses.
#include "duel/gan/models/conditional_dcgan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Options = ConditionalDcganOptions;

ConditionalDcganGenerator generator(const Options& o, std::uint64_t seed = 1) {
  Rng rng(seed);
  return {rng, o};
}

ConditionalDcganDiscriminator discriminator(const Options& o, std::uint64_t seed = 2) {
  Rng rng(seed);
  return {rng, o};
}

Tensor labels(std::initializer_list<std::int64_t> values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

// The largest size of an element; NaN if there is one.
double largest(const Tensor& t) {
  double most = 0;
  for (double v : doubles(t)) most = std::isnan(v) ? v : std::max(most, std::abs(v));
  return most;
}

// The standard deviation of a weight's elements.
double spread(const Tensor& t) { return std::sqrt(inner_product(t, t) / static_cast<double>(t.numel())); }

}  // namespace

TEST_CASE("names and counts of the 28 x 28 model") {
  auto g = generator({});
  auto d = discriminator({});
  CHECK(parameter_names(g) == std::vector<std::string>{"project.weight", "norms.0.gain.weight", "norms.0.bias.weight",
                                                       "ups.0.weight", "norms.1.gain.weight", "norms.1.bias.weight",
                                                       "ups.1.weight", "ups.1.bias"});
  CHECK(parameter_names(d) == std::vector<std::string>{"downs.0.weight", "downs.0.bias", "downs.1.weight",
                                                       "downs.1.bias", "psi.weight", "psi.bias", "classes.weight"});
  CHECK(state_dict(g).contains("norms.1.running_var"));
  const std::int64_t features = 128 * 7 * 7;
  CHECK(count_parameters(g) == 64 * features + 2 * 10 * 128 + 128 * 64 * 16 + 2 * 10 * 64 + 64 * 16 + 1);
  CHECK(count_parameters(d) == 64 * 16 + 64 + 128 * 64 * 16 + 128 + features + 1 + 10 * features);
}

TEST_CASE("feature maps double at each halving, up to eight times the width") {
  auto g = generator({.size = {64, 32}, .channels = 3, .classes = 2, .latent = 5, .width = 2, .stages = 5});
  std::vector<Shape> shapes;
  for (const auto& up : g.ups) shapes.push_back(up.weight.shape());
  CHECK(shapes == std::vector<Shape>{{16, 16, 4, 4}, {16, 8, 4, 4}, {8, 4, 4, 4}, {4, 2, 4, 4}, {2, 3, 4, 4}});
  CHECK(g.project.weight.shape() == Shape{16 * 2 * 1, 5});
}

TEST_CASE("any size that halves evenly: pictures in [-1, 1], a finite logit each") {
  Rng rng(3);
  for (const Options& o : {Options{.latent = 7, .width = 4},
                           Options{.size = {32, 48}, .channels = 3, .classes = 4, .latent = 7, .width = 4, .stages = 3},
                           Options{.size = {8, 2}, .channels = 2, .classes = 1, .latent = 7, .width = 4, .stages = 1},
                           Options{.size = {4, 4}, .classes = 2, .latent = 7, .width = 1, .stages = 2}}) {
    CAPTURE(o.size.h);
    auto g = generator(o);
    auto d = discriminator(o);
    const Tensor y = rng.integers({5}, o.classes);
    const Tensor pictures = g(rng.normal({5, 7}, 0, 100), y).value();
    CHECK(pictures.shape() == Shape{5, o.channels, o.size.h, o.size.w});
    CHECK(pictures.is_channels_last());
    CHECK(largest(pictures) <= 1);
    CHECK(largest(pictures) > 0);
    const Tensor logits = d(pictures, y).value();
    CHECK(logits.shape() == Shape{5});
    CHECK(std::isfinite(largest(logits)));
  }
}

TEST_CASE("weights start as DCGAN's: N(0, 0.02), no biases, neutral norms") {
  auto g = generator({});
  auto d = discriminator({});
  for (const Variable& w : {g.project.weight, g.ups[0].weight, d.downs[1].weight, d.psi.weight, d.classes.weight}) {
    CAPTURE(w.shape());
    CHECK(spread(w.value()) == doctest::Approx(0.02).epsilon(0.05));
    CHECK_FALSE(w.is_constant());
  }
  for (const Variable& b : {g.ups[1].bias, d.downs[0].bias, d.psi.bias, g.norms[0].gain.weight, g.norms[1].bias.weight})
    CHECK(spread(b.value()) == 0);
  CHECK(difference(generator({}, 5).project.weight.value(), generator({}, 5).project.weight.value()) == 0);
  CHECK(difference(generator({}, 5).project.weight.value(), generator({}, 6).project.weight.value()) > 0);
}

TEST_CASE("evaluation: a sample alone is the sample among others") {
  const Options o{.size = {8, 8}, .classes = 3, .latent = 6, .width = 4};
  auto g = generator(o);
  Rng rng(4);
  const Tensor z = rng.normal({4, 6}), y = labels({2, 0, 1, 2});
  g(z, y);  // statistics that are not the first ones
  const Pass eval{.mode = Mode::eval};
  const Tensor together = g(z, y, eval).value(), alone = g(z.slice(0, 2, 3), y.slice(0, 2, 3), eval).value();
  CHECK(difference(alone, together.slice(0, 2, 3)) <= tolerance::kSingle);
  CHECK(g.norms[0].running.num_batches_tracked.item() == 1);
  CHECK(g(z.slice(0, 0, 0), y.slice(0, 0, 0), eval).shape() == Shape{0, 1, 8, 8});
}

TEST_CASE("the label picks gain and bias in one network, and adds <embedding, h> in the other") {
  const Options o{.size = {8, 8}, .classes = 3, .latent = 6, .width = 4};
  auto g = generator(o);
  auto d = discriminator(o);
  Rng rng(5);
  const Tensor z = rng.normal({4, 6}), x = rng.normal({4, 1, 8, 8});
  const Tensor zeros = labels({0, 0, 0, 0}), ones = labels({1, 1, 1, 1});
  CHECK(difference(g(z, zeros).value(), g(z, ones).value()) == 0);  // all classes start equal
  Tensor(g.norms[0].gain.weight.value()).select(0, 1).fill_(1);
  CHECK(difference(g(z, zeros).value(), g(z, ones).value()) > 0);

  const Tensor once = d(x, ones).value();
  Tensor(d.classes.weight.value()).copy_((2 * d.classes.weight).value());
  const Tensor twice = d(x, ones).value();
  Tensor(d.classes.weight.value()).fill_(0);
  const Tensor none = d(x, ones).value();
  CHECK(difference(none, d(x, zeros).value()) == 0);
  CHECK(difference(once, none) > 0);
  CHECK(difference((Variable(twice) - none).value(), (2 * (Variable(once) - none)).value()) <= tolerance::kSingle);
}

TEST_CASE("every parameter of both networks gets a gradient") {
  const Options o{.size = {8, 8}, .classes = 3, .latent = 6, .width = 4};
  auto g = generator(o);
  auto d = discriminator(o);
  Rng rng(6);
  const Tensor y = labels({0, 1, 2, 1});
  Variables all = parameters(g);
  for (const Variable& p : parameters(d)) all.push_back(p);
  const Variables grads = grad(mean(softplus(d(g(rng.normal({4, 6}), y), y))), all);
  for (const Variable& gradient : grads) CHECK(spread(gradient.value()) > 0);
}

TEST_CASE("options and inputs that do not fit are refused") {
  for (const Options& o : {Options{.size = {30, 28}}, Options{.size = {28, 2}, .stages = 2}, Options{.channels = 0},
                           Options{.classes = 0}, Options{.latent = -1}, Options{.width = 0}, Options{.stages = 0},
                           Options{.stages = 64}, Options{.size = {0, 0}}, Options{.size = {-4, 4}}}) {
    CHECK(error_of([&] { generator(o); }).starts_with("ConditionalDcgan: "));
    CHECK(error_of([&] { discriminator(o); }).starts_with("ConditionalDcgan: "));
  }
  CHECK(error_of([] {
          generator({.size = {30, 28}});
        }) ==
        "ConditionalDcgan: pictures of 30 x 28 do not halve evenly 2 times: resize them to multiples of "
        "4, or take fewer stages");

  const Options o{.size = {8, 8}, .classes = 3, .latent = 6, .width = 4};
  auto g = generator(o);
  auto d = discriminator(o);
  const Tensor y = labels({0, 1}), z = Tensor::zeros({2, 6}), x = Tensor::zeros({2, 1, 8, 8});
  CHECK_FALSE(error_of([&] { g(Tensor::zeros({2, 5}), y); }).empty());
  CHECK_FALSE(error_of([&] { g(z, labels({0, 3})); }).empty());
  CHECK(error_of([&] { g(z, labels({0})); }).find("a label for each of float32[2, 6], got int64[1]") !=
        std::string::npos);
  CHECK_FALSE(error_of([&] { d(Tensor::zeros({2, 1, 8, 12}), y); }).empty());
  CHECK_FALSE(error_of([&] { d(Tensor::zeros({2, 3, 8, 8}), y); }).empty());
  CHECK_FALSE(error_of([&] { d(x, labels({0, -1})); }).empty());
  CHECK(error_of([&] { d(x, labels({0})); }).find("a label for each") != std::string::npos);
  CHECK(error_of([&] { d(x, Tensor()); }).find("a label for each") != std::string::npos);
}
