// What discriminators say besides real and fake: StudioGAN's ways of conditioning on classes, mimicry's SSGAN and
// InfoMax-GAN. Counts and names as published, PyTorch's values and gradients, and what is refused.
#include "duel/gan/models/biggan.h"
#include "duel/gan/models/biggan_deep.h"
#include "duel/gan/models/sngan.h"
#include "tests/gan/residual_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

using enum ClassConditioning;
constexpr auto kTwin = AuxiliaryClassifier::twin;
constexpr auto kDiscriminative = AuxiliaryClassifier::discriminative;

// StudioGAN's of 32 pixels.
BigganDiscriminatorOptions small(ClassConditioning conditioning,
                                 AuxiliaryClassifier auxiliary = AuxiliaryClassifier::none) {
  BigganDiscriminatorOptions o = biggan_configuration("StudioGAN-BigGAN-C10").discriminator;
  o.width = 4;
  o.classes = 3;
  o.conditioning = conditioning;
  o.auxiliary = auxiliary;
  o.embedding = 5;
  return o;
}

template <class Discriminator>
Discriminator made_of(const typename Discriminator::Options& o) {
  Rng rng(2);
  return {rng, o};
}
BigganDiscriminator discriminator(const BigganDiscriminatorOptions& o) { return made_of<BigganDiscriminator>(o); }

SnganDiscriminatorOptions narrow(std::string_view name, std::int64_t width) {
  SnganDiscriminatorOptions o = sngan_configuration(name).discriminator;
  o.width = width;
  o.projection = 5;
  return o;
}

// All that is defined, one after the other.
Variable in_a_row(const Variables& found) {
  Variables flat;
  for (const Variable& v : found)
    if (v.defined()) flat.push_back(flatten(v, 0));
  return concat(flat, 0);
}
Variable joined(const ClassJudgement& j) {
  return in_a_row({j.logits, j.classes, j.embedding, j.proxy, j.twin_classes, j.twin_embedding, j.twin_proxy});
}
Variable joined(const SnganJudgement& j) { return in_a_row({j.logits, j.rotations, j.local, j.global}); }

struct Kind {
  std::string name;
  ClassConditioning conditioning;
  AuxiliaryClassifier auxiliary = AuxiliaryClassifier::none;
};
const std::vector<Kind> kKinds = {{"W/O", none},
                                  {"AC", classifier},
                                  {"AC TAC", classifier, kTwin},
                                  {"AC ADC", classifier, kDiscriminative},
                                  {"2C", contrastive},
                                  {"2C TAC", contrastive, kTwin},
                                  {"D2DCE ADC", data_to_data, kDiscriminative},
                                  {"MH", multi_hinge},
                                  {"MD", multi_discriminator}};

}  // namespace

TEST_CASE("heads: SSGAN and InfoMax-GAN have the published numbers of parameters") {
  // At 32 pixels as published; at others, SNGAN's, and those of the layers that are added.
  const std::map<std::string, std::int64_t> published = {
      {"mimicry-SSGAN-32", 1054341},
      {"mimicry-SSGAN-48", 10141441 + 4100},
      {"mimicry-SSGAN-64", 10141441 + 4100},
      {"mimicry-SSGAN-128", 29017857 + 4100},
      {"mimicry-InfoMax-32", 1615233},
      {"mimicry-InfoMax-48", 10141441 + 1313280 + 3148800},
      {"mimicry-InfoMax-64", 10141441 + 1313280 + 3148800},
      {"mimicry-InfoMax-128", 29017857 + 3148800 + 3148800},
  };
  for (const auto& [name, parameters] : published) {
    CAPTURE(name);
    CHECK(count<SnganDiscriminator>(sngan_configuration(name).discriminator) == parameters);
  }
}

TEST_CASE("heads: StudioGAN's names, values, gradients and buffers are PyTorch's") {
  for (const auto& [name, conditioning, auxiliary] : kKinds) {
    const Tensor y = conditioning == none ? Tensor() : int_labels({2, 0});
    const Forward<BigganDiscriminator> judge = [&](BigganDiscriminator& m, const Variable& x, const Pass& pass) {
      return joined(m.judge(x, y, PictureOrigin::fake, pass));
    };
    const auto d = discriminator(small(conditioning, auxiliary));
    check_whole_network("heads.json", "studiogan " + name, clone(d), {2, 3, 32, 32}, judge);
    check_single_precision("heads.json", "studiogan " + name, clone(d), {2, 3, 32, 32}, judge);
  }
}

TEST_CASE("heads: SSGAN's and InfoMax-GAN's names, values, gradients and buffers are PyTorch's") {
  const Forward<SnganDiscriminator> judge = [](SnganDiscriminator& m, const Variable& x, const Pass& pass) {
    return joined(m.judge(x, {}, pass));
  };
  const auto ssgan = made_of<SnganDiscriminator>(narrow("mimicry-SSGAN-32", 4));
  const auto infomax = made_of<SnganDiscriminator>(narrow("mimicry-InfoMax-48", 16));
  check_whole_network("heads.json", "ssgan", clone(ssgan), {2, 3, 32, 32}, judge);
  check_whole_network("heads.json", "infomax", clone(infomax), {2, 3, 48, 48}, judge);
  check_single_precision("heads.json", "ssgan", clone(ssgan), {2, 3, 32, 32}, judge);
  check_single_precision("heads.json", "infomax", clone(infomax), {2, 3, 48, 48}, judge);
}

TEST_CASE("heads: a judgement has the logits and the features that the network gives by themselves") {
  Rng rng(3);
  const Variable x = rng.normal({3, 3, 32, 32});
  for (const auto& [name, conditioning, auxiliary] : kKinds) {
    CAPTURE(name);
    const Tensor y = conditioning == none ? Tensor() : int_labels({2, 0, 1});
    auto d = discriminator(small(conditioning, auxiliary));
    const ClassJudgement j = d.judge(x, y, PictureOrigin::real, kEvaluation);
    CHECK(j.logits.shape() == (conditioning == multi_hinge ? Shape{3, 4} : Shape{3}));
    CHECK(j.features.shape() == Shape{3, 8});
    CHECK(difference(d(x, y, kEvaluation).value(), j.logits.value()) == 0);
    CHECK(difference(d.features(x, kEvaluation).value(), j.features.value()) == 0);
    if (j.embedding.defined())
      CHECK(difference(sum(square(j.embedding), {1}).value(), Tensor::full({3}, 1)) <= tolerance::kSingle);
    if (conditioning != none) {
      const std::int64_t factor = auxiliary == kDiscriminative ? 2 : 1;
      CHECK(j.labels.to_vector<std::int64_t>() == std::vector<std::int64_t>{2 * factor, 0, factor});
    }
    set_state(d);
    const Variable found = joined(d.judge(x.value().to(DType::float64), y, PictureOrigin::fake));
    check_all_gradients(d, sum(found * numbers(found.shape(), 200)));
  }
  for (const char* name : {"mimicry-SNGAN-32", "mimicry-SSGAN-32", "mimicry-InfoMax-32", "mimicry-WGAN-GP-32"}) {
    CAPTURE(name);
    auto d = made_of<SnganDiscriminator>(narrow(name, 4));
    const SnganJudgement j = d.judge(x, {}, kEvaluation);
    CHECK(difference(d(x, {}, kEvaluation).value(), j.logits.value()) == 0);
    CHECK(difference(d.features(x, kEvaluation).value(), j.features.value()) == 0);
    if (j.rotations.defined()) CHECK(j.rotations.shape() == Shape{3, 4});
    if (j.local.defined()) CHECK((j.local.shape() == Shape{3, 5, 8, 8} && j.global.shape() == Shape{3, 5}));
  }
}

TEST_CASE("heads: BigGAN-deep and BigGAN-PyTorch's networks can be conditioned in the same ways") {
  const Tensor y = int_labels({1, 0}), x = Rng(4).normal({2, 3, 32, 32});
  BigganDeepDiscriminatorOptions o = biggan_deep_configuration("StudioGAN-BigGAN-Deep-C10").discriminator;
  o.width = 4;
  o.conditioning = data_to_data;
  o.embedding = 5;
  auto deep = made_of<BigganDeepDiscriminator>(o);
  CHECK(has_names(deep, {"linear1.weight_orig", "linear2.bias", "embedding.weight_orig"}));
  const ClassJudgement j = deep.judge(x, y, PictureOrigin::real, kEvaluation);
  CHECK(j.proxy.shape() == Shape{2, 5});
  CHECK(difference(deep(x, y, kEvaluation).value(), j.logits.value()) == 0);
  CHECK(difference(deep.features(x, kEvaluation).value(), j.features.value()) == 0);

  auto d = discriminator({.resolution = 32, .width = 2, .classes = 2, .attention = "0", .conditioning = classifier});
  CHECK(has_names(d, {"linear.weight", "linear2.weight"}));
  CHECK(d.judge(x, y, PictureOrigin::real).classes.shape() == Shape{2, 2});
}

TEST_CASE("heads: options and inputs that do not fit are refused") {
  for (ClassConditioning c : {none, projection, multi_hinge, multi_discriminator})
    CHECK(error_of([&] { discriminator(small(c, kTwin)); }).starts_with("BigganDiscriminator: an auxiliary"));
  BigganDiscriminatorOptions o = small(contrastive);
  o.embedding = 0;
  CHECK(error_of([&] { discriminator(o); }).starts_with("BigganDiscriminator: features and embeddings"));
  SnganDiscriminatorOptions s = narrow("mimicry-InfoMax-32", 4);
  s.attention_after = 1;
  CHECK(error_of([&] { made_of<SnganDiscriminator>(s); }).starts_with("SnganDiscriminator: there is no attention"));
  s = narrow("mimicry-SSGAN-32", 4);
  s.classes = 2;
  CHECK(error_of([&] { made_of<SnganDiscriminator>(s); }).starts_with("SnganDiscriminator: SSGAN has no classes"));
  s = narrow("mimicry-SSGAN-32", 4);
  s.system = SnganSystem::mmgen;
  CHECK(error_of([&] { made_of<SnganDiscriminator>(s); }).starts_with("SnganDiscriminator: MMGeneration"));
  s = narrow("mimicry-InfoMax-32", 4);
  s.projection = 0;
  CHECK(error_of([&] { made_of<SnganDiscriminator>(s); }).starts_with("SnganDiscriminator: the projection"));

  const Tensor x = Tensor::zeros({2, 3, 32, 32});
  for (const auto& [name, conditioning, auxiliary] : kKinds) {
    CAPTURE(name);
    auto d = discriminator(small(conditioning, auxiliary));
    const Tensor wrong = conditioning == none ? int_labels({0, 1}) : Tensor();
    CHECK_FALSE(error_of([&] { d.judge(x, wrong, PictureOrigin::real); }).empty());
    CHECK_FALSE(error_of([&] { d(x, wrong); }).empty());
    CHECK_FALSE(error_of([&] { d.judge(Variable(), wrong, PictureOrigin::real); }).empty());
    CHECK_FALSE(error_of([&] { d.features(Tensor::zeros({2, 3, 32, 16})); }).empty());
    CHECK_FALSE(error_of([&] { d.features({}); }).empty());
    if (conditioning == contrastive || conditioning == multi_discriminator)
      for (std::int64_t label : {-1, 3})
        CHECK_FALSE(error_of([&] { d.judge(x, int_labels({0, label}), PictureOrigin::real); }).empty());
  }
}
