// Losses of classes, rotations and pairs of features: closed forms, PyTorch's values, gradients and double gradients,
// finite differences, extremes, and what is refused.
#include "duel/gan/class_losses.h"

#include "duel/gan/losses.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/golden/losses.h"

using namespace duel;
using namespace duel::testing;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor labels(const std::vector<std::int64_t>& y) { return Tensor::from(y, {static_cast<std::int64_t>(y.size())}); }

Tensor twice(const Shape& shape, std::uint64_t seed) { return (2 * Variable(numbers(shape, seed))).value(); }

// Those of make_golden_heads.py.
const Tensor kLabels = labels({0, 1, 0, 2, 1, 0});

ClassJudgement judgement(const Variable& logits, const Variable& classes, const Tensor& y) {
  return {.logits = logits, .labels = y, .classes = classes};
}

struct Case {
  std::string name;
  DifferentiableFunction loss;
  std::vector<Tensor> inputs;
};

std::vector<Case> of_embeddings() {
  const std::vector<Tensor> pair{numbers({6, 5}, 1), numbers({6, 5}, 2)};
  const auto contrastive = [](double temperature) {
    return [=](const Variables& v) { return conditional_contrastive_loss(v[0], v[1], kLabels, {temperature}); };
  };
  const auto data_to_data = [](const DataToDataOptions& o) {
    return [=](const Variables& v) { return data_to_data_loss(v[0], v[1], kLabels, o); };
  };
  return {{"2c 1", contrastive(1), pair},
          {"2c 0.3", contrastive(0.3), pair},
          {"d2d-ce", data_to_data({}), pair},
          {"d2d-ce 0.9", data_to_data({.temperature = 0.25, .margin = 0.9}), pair},
          {"d2d-ce paper", data_to_data({.repulsion = Repulsion::paper}), pair},
          {"feature matching",
           [](const Variables& v) { return feature_matching_loss(v[0], v[1], FeatureDistance::mean_absolute); }, pair}};
}

std::vector<Case> of_classes() {
  const std::vector<Tensor> scores{twice({6, 4}, 3)}, six{twice({6, 6}, 5), twice({6, 6}, 6)};
  const auto labelled = [](const Variable& classes, PictureOrigin origin) {
    return judgement(classes, classes, discriminative_labels(kLabels, origin));
  };
  const auto twins = [](const Variables& v) {
    ClassJudgement j = judgement(v[0], v[0], kLabels);
    j.twin_classes = v[1];
    return j;
  };
  return {{"mh", [](const Variables& v) { return class_loss("mh").generator(judgement(v[0], {}, kLabels)); }, scores},
          {"mh discriminator",
           [](const Variables& v) {
             return class_loss("mh").discriminator(judgement(v[0], {}, kLabels), judgement(v[1], {}, kLabels));
           },
           {scores[0], twice({6, 4}, 7)}},
          {"ac", [](const Variables& v) { return class_loss("ac").generator(judgement({}, v[0], kLabels)); }, scores},
          {"tac discriminator", [=](const Variables& v) { return class_loss("tac").discriminator(twins(v), twins(v)); },
           six},
          {"tac generator", [=](const Variables& v) { return class_loss("tac").generator(twins(v)); }, six},
          {"adc discriminator",
           [=](const Variables& v) {
             return class_loss("adc").discriminator(labelled(v[0], PictureOrigin::real),
                                                    labelled(v[1], PictureOrigin::fake));
           },
           six},
          {"adc generator",
           [=](const Variables& v) { return class_loss("adc").generator(labelled(v[0], PictureOrigin::real)); },
           {six[0]}}};
}

std::vector<Case> of_pictures() {
  const Tensor global = numbers({3, 4}, 9);
  std::vector<Case> cases{{"rotation",
                           [](const Variables& v) {
                             return rotation_loss(v[0], labels({0, 0, 1, 2, 2, 3}));
                           },
                           {twice({6, 4}, 3)}},
                          {"rotated quarters",
                           [](const Variables& v) { return rotated_quarters(v[0]).pictures; },
                           {numbers({6, 2, 3, 3}, 4)}},
                          {"info nce",
                           [](const Variables& v) { return info_nce_loss(v[0], v[1]); },
                           {numbers({3, 4, 2, 3}, 8), (3 * Variable(global)).value()}},
                          {"info nce others",
                           [](const Variables& v) { return info_nce_loss(v[0], v[1], {.own_score = -kInfinity}); },
                           {numbers({3, 4, 2, 3}, 8), global}}};
  for (std::int64_t turns = 0; turns < 4; ++turns)
    cases.push_back({cat("rotated ", turns),
                     [=](const Variables& v) { return rotated(v[0], turns - 4); },
                     {numbers({2, 1, 2, 3}, 4)}});
  return cases;
}

std::vector<Case> all_cases() {
  std::vector<Case> all = of_embeddings();
  for (const auto& more : {of_classes(), of_pictures()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

void check_finite(const Variable& loss, const Variables& inputs) {
  CHECK(std::isfinite(loss.item()));
  for (const Variable& g : grad(loss, inputs, {.allow_unused = true}))
    for (double v : doubles(g.value())) CHECK(std::isfinite(v));
}

}  // namespace

TEST_CASE("class losses are PyTorch's, gradients and double gradients too") {
  for (const auto& [name, loss, inputs] : all_cases()) {
    CAPTURE(name);
    check_second_order(Golden(name, "heads.json"), "", loss, inputs);
    Variables single;
    for (const Tensor& t : inputs) single.push_back(t.to(DType::float32));
    CHECK(Golden(name, "heads.json").difference_of("values", loss(single).value()) <= tolerance::kGoldenSingle);
  }
}

TEST_CASE("class losses pass the gradient check") {
  for (const auto& [name, loss, inputs] : all_cases()) {
    if (name == "d2d-ce" || name == "d2d-ce 0.9") continue;  // StudioGAN's, of which a part counts as constant
    expect_gradients(
        name, [&](const Variables& v) { return 0 * sum(v[0]) + loss(v); }, inputs);
  }
}

TEST_CASE("class losses: closed forms") {
  // Orthogonal embeddings, each at its proxy.
  const Tensor unit = Tensor::from<double>({3, 0, 0, 0.5}, {2, 2});
  const double e = std::exp(1.0);
  CHECK(conditional_contrastive_loss(unit, unit, labels({0, 1})).item() == doctest::Approx(-std::log(e / (e + 1))));
  CHECK(conditional_contrastive_loss(unit, unit, labels({1, 1})).item() == doctest::Approx(0));
  const DataToDataOptions paper{.repulsion = Repulsion::paper};
  CHECK(data_to_data_loss(unit, unit, labels({0, 1}), paper).item() == doctest::Approx(std::log(2.0)));
  CHECK(data_to_data_loss(unit, unit, labels({0, 1})).item() == doctest::Approx(std::log1p(std::exp(0.04))));
  CHECK(data_to_data_loss(unit, unit, labels({1, 1})).item() == doctest::Approx(0));

  const Tensor scores = Tensor::from<double>({3, 1, 2.5, 0, 2, 0}, {2, 3});
  CHECK(multi_hinge_loss(scores, labels({0, 2})).item() == doctest::Approx((0.5 + 3) / 2));
  CHECK(feature_matching_loss(Tensor::from<double>({1, 2, 3, 4}, {2, 2}), Tensor::from<double>({1, 1}, {1, 2}),
                              FeatureDistance::mean_absolute)
            .item() == doctest::Approx(1.5));
  CHECK(rotation_loss(Tensor::zeros({3, 4}), labels({0, 1, 3})).item() == doctest::Approx(std::log(4.0)));
  const Tensor local = Tensor::full({3, 2, 1, 5}, 1), global = Tensor::zeros({3, 2});
  CHECK(info_nce_loss(local, global, {.own_score = -kInfinity}).item() == doctest::Approx(std::log(11.0)));
  CHECK(info_nce_loss(local, global).item() == doctest::Approx(std::log(11 + 5 * std::exp(-10.0))));
}

TEST_CASE("rotations are counter-clockwise, and each takes a quarter of the batch") {
  const Tensor picture = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {1, 1, 2, 3});
  CHECK(doubles(rotated(picture, 1).value()) == std::vector<double>{3, 6, 2, 5, 1, 4});
  CHECK(doubles(rotated(picture, 2).value()) == std::vector<double>{6, 5, 4, 3, 2, 1});
  CHECK(doubles(rotated(picture, -1).value()) == std::vector<double>{4, 1, 5, 2, 6, 3});
  CHECK(rotated(picture, 5).shape() == Shape{1, 1, 3, 2});
  const auto turns = [](std::int64_t n) {
    return rotated_quarters(Tensor::zeros({n, 1, 2, 2})).turns.to_vector<std::int64_t>();
  };
  using Turns = std::vector<std::int64_t>;
  CHECK(turns(1) == Turns{0});
  CHECK(turns(2) == Turns{0, 2});
  CHECK(turns(3) == Turns{0, 1, 2});
  CHECK(turns(8) == Turns{0, 0, 1, 1, 2, 2, 3, 3});
  CHECK(turns(10) == Turns{0, 0, 0, 1, 1, 2, 2, 2, 3, 3});
}

TEST_CASE("class losses are finite for one picture, one class, zeros and large numbers") {
  for (DType dtype : {DType::float32, DType::float64}) {
    const auto leaf = [&](const Tensor& t) { return Variable::leaf(t.to(dtype)); };
    for (const Tensor& t : {numbers({1, 3}, 1), Tensor::zeros({4, 3}), (1e4 * Variable(numbers({4, 3}, 2))).value()}) {
      const Variable e = leaf(t), p = leaf(t);
      for (const Tensor& y : {Tensor::zeros({t.size(0)}, {.dtype = DType::int64}), kLabels.slice(0, 0, t.size(0))}) {
        check_finite(conditional_contrastive_loss(e, p, y, {.temperature = 1e-3}), {e, p});
        for (Repulsion r : {Repulsion::studiogan, Repulsion::paper})
          check_finite(data_to_data_loss(e, p, y, {.temperature = 1e-3, .repulsion = r}), {e, p});
        check_finite(multi_hinge_loss(e, y), {e});
      }
      const Variable local = leaf(numbers({t.size(0), 3, 2, 2}, 3));
      check_finite(info_nce_loss(local, e), {local, e});
      check_finite(info_nce_loss(local, e, {.own_score = -kInfinity}), {local, e});
    }
  }
  const Tensor one = numbers({1, 3}, 1);
  CHECK(std::abs(conditional_contrastive_loss(one, one, labels({4})).item()) <= tolerance::kClosedForm);
  CHECK(std::abs(data_to_data_loss(one, one, labels({4})).item()) <= tolerance::kClosedForm);
}

TEST_CASE("class losses by name") {
  std::vector<std::string> names;
  for (const ClassLoss& loss : class_losses()) {
    names.emplace_back(loss.name);
    CHECK(class_loss(loss.name).conditioning == loss.conditioning);
  }
  CHECK(names == std::vector<std::string>{"ac", "tac", "adc", "2c", "d2d-ce", "mh", "projection", "md"});
  CHECK(error_of([] { class_loss("3c"); }) ==
        "class_loss: unknown loss '3c'; known: ac, tac, adc, 2c, d2d-ce, mh, projection, md");
  ClassJudgement j = judgement(numbers({6}, 1), {}, kLabels);
  for (const char* name : {"projection", "md"}) {
    CHECK(class_loss(name).discriminator(j, j).item() == 0);
    CHECK(class_loss(name).generator(j).item() == 0);
  }
  j.embedding = numbers({6, 5}, 1);
  j.proxy = numbers({6, 5}, 2);
  for (const char* name : {"2c", "d2d-ce"}) {
    const std::string group = name == std::string("2c") ? "2c 1" : name;
    CHECK(Golden(group, "heads.json").difference_of("values", class_loss(name).discriminator(j, {}).value()) <=
          tolerance::kGolden);
    CHECK(Golden(group, "heads.json").difference_of("values", class_loss(name).generator(j).value()) <=
          tolerance::kGolden);
  }
  CHECK(class_loss("d2d-ce").discriminator_weight == 0.5);
  CHECK(class_loss("mh").place == ClassLossPlace::instead_of_adversarial);
}

TEST_CASE("class losses: inputs that do not fit are refused") {
  const Tensor e = numbers({3, 2}, 1), y = labels({0, 1, 1});
  const auto refused = [](const auto& f) { CHECK_FALSE(error_of(f).empty()); };
  refused([&] { conditional_contrastive_loss({}, e, y); });
  refused([&] { conditional_contrastive_loss(e, {}, y); });
  refused([&] { conditional_contrastive_loss(e, numbers({3, 3}, 1), y); });
  refused([&] { conditional_contrastive_loss(e, e, labels({0, 1})); });
  refused([&] { conditional_contrastive_loss(e, e, {}); });
  refused([&] { conditional_contrastive_loss(e, e, y, {.temperature = 0}); });
  refused([&] { conditional_contrastive_loss(Tensor::zeros({0, 2}), Tensor::zeros({0, 2}), labels({})); });
  refused([&] { data_to_data_loss(e, e, y, {.temperature = -1}); });
  refused([&] { data_to_data_loss(e, e, y, {.margin = std::nan("")}); });
  refused([&] { data_to_data_loss(e, e, Tensor::zeros({3})); });
  refused([&] { multi_hinge_loss(e, labels({0, 1, 2})); });
  refused([&] { multi_hinge_loss(e, labels({0, 1, -1})); });
  refused([&] { multi_hinge_loss(numbers({3, 1}, 1), labels({0, 0, 0})); });
  refused([&] { rotated({}, 1); });
  refused([&] { rotated_quarters(Tensor::zeros({4, 3, 2, 3})); });
  refused([&] { rotated_quarters(Tensor::zeros({0, 3, 2, 2})); });
  refused([&] { rotation_loss(numbers({3, 3}, 1), y); });
  refused([&] { rotation_loss(numbers({3, 4}, 1), labels({0, 1, 4})); });
  refused([&] { info_nce_loss(numbers({3, 2, 2, 2}, 1), numbers({3, 3}, 1)); });
  refused([&] { info_nce_loss(numbers({3, 2, 0, 2}, 1), e); });
  refused([&] { info_nce_loss(numbers({3, 2, 2, 2}, 1), e, {.own_score = std::nan("")}); });
  refused([&] { discriminative_labels(labels({0, -1}), PictureOrigin::real); });
  refused([&] { discriminative_labels({}, PictureOrigin::real); });
  refused([&] { unit_rows(numbers({2}, 1), 1e-8); });
  const ClassJudgement nothing;
  for (const ClassLoss& loss : class_losses()) {
    CAPTURE(std::string(loss.name));
    refused([&] { loss.discriminator(nothing, nothing); });
    refused([&] { loss.generator(nothing); });
  }
  const ClassJudgement odd = judgement(e, numbers({3, 4}, 1), labels({1, 3, 1}));
  CHECK(error_of([&] { class_loss("adc").generator(odd); }).find("PictureOrigin::real") != std::string::npos);
  CHECK(error_of([&] { class_loss("adc").discriminator(odd, odd); }).starts_with("class_loss(adc): pictures must be"));
}
