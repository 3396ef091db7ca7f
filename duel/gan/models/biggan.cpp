#include "duel/gan/models/biggan.h"

#include "duel/autograd/mixed_precision.h"
#include "duel/gan/models/inputs.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

constexpr const char* kGenerator = "BigganGenerator";
constexpr const char* kDiscriminator = "BigganDiscriminator";
using namespace biggan;

// The first stage's `in` stands for the pictures. At 32 pixels the original takes all stages for ones of 16 x 16, which
// matters for the attention's place only.
std::vector<StagePlan> discriminator_plan(const BigganDiscriminatorOptions& o) {
  const bool studiogan = o.system == BigganSystem::studiogan;
  std::vector<StagePlan> plan;
  switch (o.resolution) {
    case 32:
      plan = {{0, 4, 16}, {4, 4, 16}, {4, 4, 16}, {4, 4, 16}};
      if (studiogan) plan = {{0, 2, 0}, {2, 2, 0}, {2, 2, 0}, {2, 2, 0}};
      break;
    case 64: plan = {{0, 1, 32}, {1, 2, 16}, {2, 4, 8}, {4, 8, 4}, {8, 16, 4}}; break;
    case 128: plan = {{0, 1, 64}, {1, 2, 32}, {2, 4, 16}, {4, 8, 8}, {8, 16, 4}, {16, 16, 4}}; break;
    case 256: plan = {{0, 1, 128}, {1, 2, 64}, {2, 4, 32}, {4, 8, 16}, {8, 8, 8}, {8, 16, 4}, {16, 16, 4}}; break;
    case 512:
      plan = {{0, 1, 256}, {1, 1, 128}, {1, 2, 64}, {2, 4, 32}, {4, 8, 16}, {8, 8, 8}, {8, 16, 4}, {16, 16, 4}};
      break;
    default: fail(kDiscriminator, "the resolution must be 32, 64, 128, 256 or 512, got ", o.resolution);
  }
  if (studiogan) number_stages(plan);
  return plan;
}

std::vector<StagePlan> plan_of(const BigganGeneratorOptions& o) {
  return generator_plan(kGenerator, o.resolution, o.system);
}

// With the sizes of the latent and of the shared embedding as they will be.
BigganGeneratorOptions checked(BigganGeneratorOptions o) {
  const auto stages = static_cast<std::int64_t>(plan_of(o).size());
  check_generator_options(kGenerator, o);
  check(o.system == BigganSystem::biggan_pytorch || o.latent_use == LatentUse::hierarchical, kGenerator,
        "StudioGAN's latent is hierarchical: LatentUse::hierarchical");
  if (o.latent_use == LatentUse::hierarchical) {
    check(o.embedding == ClassEmbedding::shared, kGenerator,
          "a hierarchical latent goes with the embedding of the class and so needs ClassEmbedding::shared");
    check(o.latent > stages, kGenerator, "a latent of ", o.latent, " cannot be cut into ", stages + 1, " parts");
  }
  if (o.shared == 0) o.shared = o.latent;
  if (o.latent_use == LatentUse::hierarchical) o.latent -= o.latent % (stages + 1);
  return o;
}

// What one part of a hierarchical latent has, of those that blocks get; 0 if they get none.
std::int64_t part(const BigganGeneratorOptions& o) {
  if (o.latent_use == LatentUse::bottom) return 0;
  return o.latent / (static_cast<std::int64_t>(plan_of(o).size()) + 1);
}

std::int64_t bottom_channels(const BigganGeneratorOptions& o) { return plan_of(o)[0].in * o.width; }

BlockNames block_names(BigganSystem system) {
  if (system == BigganSystem::biggan_pytorch) return {};
  return {.conv1 = "conv2d1", .conv2 = "conv2d2", .shortcut = "conv2d0"};
}

BigganNesting nesting(BigganSystem system) {
  return system == BigganSystem::biggan_pytorch ? BigganNesting::stage : BigganNesting::layer;
}

}  // namespace

BigganGenerator::BigganGenerator(Rng& rng, const Options& given)
    : options(checked(given)),
      linear(normalized(rng,
                        Linear(rng, options.latent_use == LatentUse::bottom ? options.latent : part(options),
                               bottom_channels(options) * kBottom * kBottom),
                        options.spectral)),
      output(rng, plan_of(options).back().out * options.width, options.channels, options.system, statistics_of(options),
             options.output_norm_eps, options.spectral) {
  const Options& o = options;
  const bool is_shared = o.embedding == ClassEmbedding::shared;
  if (is_shared) shared = Embedding(rng, o.classes, o.shared);
  const std::int64_t condition = is_shared ? o.shared + part(o) : o.classes;
  const BigganNormOptions norm{o.embedding, o.norm_style, statistics_of(o), o.norm_eps, o.spectral};
  const std::vector<std::int64_t> places = attended(kGenerator, o.attention, o.system);
  for (const StagePlan& plan : plan_of(o)) {
    auto& stage = blocks.emplace_back();
    for (std::int64_t i = 1; i <= o.depth; ++i) {
      const bool last = i == o.depth;  // the one that upsamples
      const std::int64_t in = plan.in * o.width, out = last ? plan.out * o.width : in;
      stage.blocks.emplace_back(rng,
                                GeneratorBlockOptions{.in = in,
                                                      .out = out,
                                                      .upsampling = last ? Upsampling::nearest : Upsampling::none,
                                                      .nonlinearity = o.nonlinearity,
                                                      .spectral = o.spectral,
                                                      .names = block_names(o.system)},
                                BigganConditionalNorm(rng, in, condition, norm),
                                BigganConditionalNorm(rng, out, condition, norm));
    }
    stage.attention = attention_after(rng, places, plan.place, plan.out * o.width, o.system, o.spectral);
  }
  initialize(rng, *this, o.init, o.system);
}

Variable BigganGenerator::operator()(const Variable& z, const Tensor& labels, const Pass& pass) {
  check_latents(kGenerator, z, options.latent);
  check_labels(kGenerator, labels, z, options.classes);
  return synthesize(z, shared ? BigganCondition{labels, (*shared)(labels)} : BigganCondition{labels, {}}, pass);
}

Variable BigganGenerator::from_embedding(const Variable& z, const Variable& embedded, const Pass& pass) {
  check(shared.has_value(), kGenerator, "has no shared embedding (ClassEmbedding::shared); give labels");
  check_latents(kGenerator, z, options.latent);
  check(embedded.defined() && embedded.shape() == Shape{z.size(0), options.shared}, kGenerator,
        "needs an embedding of ", options.shared, " numbers for each of ", z.value());
  return synthesize(z, {{}, embedded}, pass);
}

Variable BigganGenerator::synthesize(const Variable& z, const BigganCondition& y, const Pass& pass) {
  const bool hierarchical = options.latent_use == LatentUse::hierarchical;
  const Variables parts = hierarchical ? split(z, part(options), 1) : Variables{z};
  Variable x = reshape(linear(parts[0], pass), {z.size(0), bottom_channels(options), kBottom, kBottom});
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const BigganCondition here =
        hierarchical ? BigganCondition{{}, concat({follow(y.embedded, z.dtype()), parts[i + 1]}, 1)} : y;
    for (auto& block : blocks[i].blocks) x = block(x, here, pass);
    if (blocks[i].attention) x = (*blocks[i].attention)(x, pass);
  }
  return output(x, options.nonlinearity, pass);
}

void BigganGenerator::visit(Visitor& v) {
  if (shared) v.child("shared", *shared);
  v.child(options.system == BigganSystem::studiogan ? "linear0" : "linear", linear);
  visit_stages(v, blocks, nesting(options.system), options.system);
  output.visit(v);
}

namespace {

// With as many classes as labels are given of.
BigganDiscriminatorOptions checked(BigganDiscriminatorOptions o) {
  check_options(kDiscriminator, o);
  check(o.system == BigganSystem::biggan_pytorch || o.nonlinearity == Nonlinearity::relu, kDiscriminator,
        "blocks start with ReLU, so StudioGAN's, whose nonlinearities are all the same, must have ReLU everywhere");
  if (o.conditioning == ClassConditioning::none) o.classes = 0;
  return o;
}

ClassHeadOptions head_options(const BigganDiscriminatorOptions& o) {
  return biggan::head_options(o, discriminator_plan(o).back().out * o.width);
}

}  // namespace

BigganDiscriminator::BigganDiscriminator(Rng& rng, const Options& given)
    : options(checked(given)), head(rng, kDiscriminator, head_options(options)) {
  const Options& o = options;
  const std::vector<std::int64_t> places = attended(kDiscriminator, o.attention, o.system);
  const std::vector<StagePlan> plans = discriminator_plan(o);
  const std::size_t halvings = o.resolution == 32 ? 2 : plans.size() - 1;
  for (std::size_t s = 0; s < plans.size(); ++s) {
    auto& stage = blocks.emplace_back();
    for (std::int64_t i = 0; i < o.depth; ++i) {
      const bool first = i == 0;  // the one that downsamples
      const std::int64_t out = plans[s].out * o.width;
      const std::int64_t in = !first ? out : s == 0 ? o.channels : plans[s].in * o.width;
      stage.blocks.emplace_back(
          rng,
          DiscriminatorBlockOptions{.in = in,
                                    .hidden = o.block_width == BlockWidth::wide ? out : in,
                                    .out = out,
                                    .downsampling = first && s < halvings ? Downsampling::average : Downsampling::none,
                                    .preactivation = s == 0 && first ? Preactivation::no : Preactivation::yes,
                                    .shortcut_input = o.shortcut_input,
                                    .nonlinearity = o.nonlinearity,
                                    .spectral = o.spectral,
                                    .names = block_names(o.system)});
    }
    stage.attention = attention_after(rng, places, plans[s].place, plans[s].out * o.width, o.system, o.spectral);
  }
  initialize(rng, *this, o.init, o.system);
}

Variable BigganDiscriminator::features(const Variable& pictures, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels, {options.resolution, options.resolution});
  Variable x = pictures;
  for (auto& stage : blocks) {
    for (auto& block : stage.blocks) x = block(x, pass);
    if (stage.attention) x = (*stage.attention)(x, pass);
  }
  return global_sum_pool(activate(options.nonlinearity, x));
}

Variable BigganDiscriminator::operator()(const Variable& pictures, const Tensor& labels, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels);
  check_labels(kDiscriminator, labels, pictures, options.classes);
  return head.logits(features(pictures, pass), labels, pass);
}

ClassJudgement BigganDiscriminator::judge(const Variable& pictures, const Tensor& labels, PictureOrigin origin,
                                          const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels);
  check_labels(kDiscriminator, labels, pictures, options.classes);
  return head.judge(features(pictures, pass), labels, origin, pass);
}

void BigganDiscriminator::visit(Visitor& v) {
  visit_stages(v, blocks, nesting(options.system), options.system);
  head.visit(v);
}

const std::vector<BigganConfiguration>& biggan_configurations() {
  static const std::vector<BigganConfiguration> all = [] {
    std::vector<BigganConfiguration> list;
    const auto add = [&](std::string_view name, const BigganGeneratorOptions& g, const BigganDiscriminatorOptions& d) {
      list.push_back({name, g, d});
    };
    const auto cifar = [&](std::string_view name, std::int64_t classes) {
      add(name, {.resolution = 32, .classes = classes, .attention = "0", .init = WeightInit::normal_002},
          {.resolution = 32, .classes = classes, .attention = "0", .init = WeightInit::normal_002});
    };
    const auto imagenet = [&](std::string_view name, std::int64_t resolution, std::int64_t width, std::int64_t latent,
                              const char* attention) {
      const SpectralNormOptions spectral{.variant = SpectralNormVariant::ajbrock, .eps = 1e-6};
      add(name,
          {.resolution = resolution,
           .width = width,
           .latent = latent,
           .embedding = ClassEmbedding::shared,
           .shared = 128,
           .latent_use = LatentUse::hierarchical,
           .attention = attention,
           .spectral = spectral},
          {.resolution = resolution, .width = width, .attention = attention, .spectral = spectral});
    };
    const auto studiogan = [&](std::string_view name, std::int64_t resolution, std::int64_t classes,
                               std::int64_t latent, const char* attention) {
      const SpectralNormOptions spectral{.variant = SpectralNormVariant::torch, .eps = 1e-6};
      add(name,
          {.system = BigganSystem::studiogan,
           .resolution = resolution,
           .width = 96,
           .classes = classes,
           .latent = latent,
           .embedding = ClassEmbedding::shared,
           .shared = 128,
           .latent_use = LatentUse::hierarchical,
           .attention = attention,
           .norm_eps = 1e-4,
           .output_norm_eps = 1e-4,
           .spectral = spectral},
          {.system = BigganSystem::studiogan,
           .resolution = resolution,
           .width = 96,
           .classes = classes,
           .attention = "1",
           .shortcut_input = ShortcutInput::activated,
           .spectral = spectral});
    };
    cifar("BigGAN-C10", 10);
    cifar("BigGAN-C100", 100);
    imagenet("BigGAN-I128", 128, 96, 120, "64");
    imagenet("BigGAN-I128-ch64", 128, 64, 120, "64");
    imagenet("BigGAN-I256", 256, 96, 140, "128");
    add("SAGAN-I128", {.init = WeightInit::xavier_uniform}, {.init = WeightInit::xavier_uniform});
    add("SNGAN-I128", {.attention = "0", .init = WeightInit::xavier_uniform},
        {.attention = "0", .block_width = BlockWidth::thin, .init = WeightInit::xavier_uniform});
    studiogan("StudioGAN-BigGAN-C10", 32, 10, 80, "2");
    const BigganConfiguration big = list.back();
    const auto conditioned = [&](std::string_view name, ClassConditioning conditioning,
                                 AuxiliaryClassifier auxiliary = AuxiliaryClassifier::none) {
      list.push_back(big);
      list.back().name = name;
      list.back().discriminator.conditioning = conditioning;
      list.back().discriminator.auxiliary = auxiliary;
    };
    conditioned("StudioGAN-ContraGAN-C10", ClassConditioning::contrastive);
    conditioned("StudioGAN-ReACGAN-C10", ClassConditioning::data_to_data);
    conditioned("StudioGAN-MHGAN-C10", ClassConditioning::multi_hinge);
    conditioned("StudioGAN-MDGAN-C10", ClassConditioning::multi_discriminator);
    conditioned("StudioGAN-ACGAN-Big-C10", ClassConditioning::classifier);
    conditioned("StudioGAN-ACGAN-Big-TAC-C10", ClassConditioning::classifier, AuxiliaryClassifier::twin);
    conditioned("StudioGAN-ACGAN-Big-ADC-C10", ClassConditioning::classifier, AuxiliaryClassifier::discriminative);
    studiogan("StudioGAN-BigGAN-I128", 128, 1000, 120, "4");
    return list;
  }();
  return all;
}

const BigganConfiguration& biggan_configuration(std::string_view name) {
  std::vector<std::string> names;
  for (const BigganConfiguration& c : biggan_configurations()) {
    if (c.name == name) return c;
    names.emplace_back(c.name);
  }
  fail("biggan_configuration", "there is no configuration '", name, "'", nearest(name, names));
}

}  // namespace duel
