#include "duel/gan/models/biggan_deep.h"

#include "duel/autograd/mixed_precision.h"
#include "duel/gan/models/inputs.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

constexpr const char* kGenerator = "BigganDeepGenerator";
constexpr const char* kDiscriminator = "BigganDeepDiscriminator";
constexpr std::int64_t kChannelRatio = 4;  // of a block to its bottleneck
using namespace biggan;

std::vector<StagePlan> plan_of(const BigganDeepGeneratorOptions& o) {
  return generator_plan(kGenerator, o.resolution, o.system);
}

// At 32 pixels the original takes all stages for ones of 16 x 16, as in BigGAN.
std::vector<StagePlan> plan_of(const BigganDeepDiscriminatorOptions& o) {
  std::vector<std::int64_t> maps;  // one more than stages
  switch (o.resolution) {
    case 32:
      maps = {4, 4, 4, 4};
      if (o.system == BigganSystem::studiogan && o.shortcut == BigganDeepShortcut::convolved) maps[0] = 1;
      break;
    case 64: maps = {1, 2, 4, 8, 16}; break;
    case 128: maps = {1, 2, 4, 8, 16, 16}; break;
    case 256: maps = {1, 2, 4, 8, 8, 16, 16}; break;
    case 512: maps = {1, 1, 2, 4, 8, 8, 16, 16}; break;
    default: fail(kDiscriminator, "the resolution must be 32, 64, 128, 256 or 512, got ", o.resolution);
  }
  std::vector<StagePlan> plan;
  for (std::size_t i = 0; i + 1 < maps.size(); ++i)
    plan.push_back({maps[i], maps[i + 1], o.resolution == 32 ? 16 : (o.resolution / 2) >> i});
  if (o.system == BigganSystem::studiogan) number_stages(plan);
  return plan;
}

// With the sizes of the shared embedding and of the last convolution as they will be.
BigganDeepGeneratorOptions checked(BigganDeepGeneratorOptions o) {
  check_generator_options(kGenerator, o);
  check(o.output_maps == 0 || o.output_maps >= o.channels, kGenerator, "the last convolution's ", o.output_maps,
        " maps do not suffice for pictures of ", o.channels, " channels");
  if (o.shared == 0) o.shared = o.latent;
  if (o.output_maps == 0) o.output_maps = o.channels;
  return o;
}

// With as many classes as labels are given of.
BigganDeepDiscriminatorOptions checked(BigganDeepDiscriminatorOptions o) {
  check_options(kDiscriminator, o);
  if (o.conditioning == ClassConditioning::none) o.classes = 0;
  return o;
}

std::int64_t bottom_channels(const BigganDeepGeneratorOptions& o) { return plan_of(o)[0].in * o.width; }

ClassHeadOptions head_options(const BigganDeepDiscriminatorOptions& o) {
  return biggan::head_options(o, plan_of(o).back().out * o.width);
}

std::int64_t bottleneck(const char* network, std::int64_t channels) {
  check(channels >= kChannelRatio, network, "a block's bottleneck has a quarter of its ", channels,
        " feature maps, which must be 4 or more");
  return channels / kChannelRatio;
}

// 1 x 1, 3 x 3, 3 x 3, 1 x 1
std::vector<SpectralNorm<Conv2d>> bottleneck_convs(Rng& rng, std::int64_t in, std::int64_t hidden, std::int64_t out,
                                                   const SpectralNormOptions& spectral) {
  std::vector<SpectralNorm<Conv2d>> convs;
  convs.push_back(same_size_conv(rng, in, hidden, 1, spectral));
  for (int i = 0; i < 2; ++i) convs.push_back(same_size_conv(rng, hidden, hidden, 3, spectral));
  convs.push_back(same_size_conv(rng, hidden, out, 1, spectral));
  return convs;
}

void visit_convs(Visitor& v, BigganSystem system, std::vector<SpectralNorm<Conv2d>>& convs,
                 std::optional<SpectralNorm<Conv2d>>& shortcut) {
  const bool studiogan = system == BigganSystem::studiogan;
  for (std::size_t i = 0; i < convs.size(); ++i) v.child(cat(studiogan ? "conv2d" : "conv", i + 1), convs[i]);
  if (shortcut) v.child(studiogan ? "conv2d0" : "conv_sc", *shortcut);
}

BigganNesting nesting(BigganSystem system) {
  return system == BigganSystem::biggan_pytorch ? BigganNesting::block : BigganNesting::layer;
}

}  // namespace

BigganDeepGeneratorBlock::BigganDeepGeneratorBlock(Rng& rng, const BigganDeepBlockOptions& o, std::int64_t condition,
                                                   const BigganNormOptions& norm)
    : options(o) {
  const std::int64_t hidden = bottleneck(kGenerator, o.in);
  convs = bottleneck_convs(rng, o.in, hidden, o.out, o.spectral);
  for (std::int64_t channels : {o.in, hidden, hidden, hidden}) norms.emplace_back(rng, channels, condition, norm);
  if (o.shortcut == BigganDeepShortcut::convolved) shortcut = same_size_conv(rng, o.in, o.out, 1, o.spectral);
}

Variable BigganDeepGeneratorBlock::operator()(const Variable& x, const BigganCondition& y, const Pass& pass) {
  const Upsampling up = options.upsampling;
  const auto seen = [&](std::size_t i, const Variable& map) {
    return activate(options.nonlinearity, [&](Rectifier r) { return norms[i](map, y, pass, r); });
  };
  Variable h = seen(1, convs[0](seen(0, x), pass));
  h = up == Upsampling::nearest ? convs[1].after_upsampling(h, pass) : convs[1](upsampled(h, up), pass);
  h = convs[3](seen(3, convs[2](seen(2, h), pass)), pass);
  // Upsampling and a 1 x 1 convolution commute, and this order needs a quarter of the work.
  return h + upsampled(shortcut ? (*shortcut)(x, pass) : slice(x, 1, 0, options.out), up);
}

void BigganDeepGeneratorBlock::visit(Visitor& v) {
  visit_convs(v, options.system, convs, shortcut);
  for (std::size_t i = 0; i < norms.size(); ++i) v.child(cat("bn", i + 1), norms[i]);
}

BigganDeepDiscriminatorBlock::BigganDeepDiscriminatorBlock(Rng& rng, const BigganDeepBlockOptions& o)
    : options(o), convs(bottleneck_convs(rng, o.in, bottleneck(kDiscriminator, o.out), o.out, o.spectral)) {
  const bool convolved = o.shortcut == BigganDeepShortcut::convolved;
  if (o.in != o.out || (convolved && o.downsampling != Downsampling::none))
    shortcut = same_size_conv(rng, o.in, convolved ? o.out : o.out - o.in, 1, o.spectral);
}

Variable BigganDeepDiscriminatorBlock::beside(const Variable& x, const Pass& pass) {
  const bool halved = options.downsampling == Downsampling::average;
  if (options.shortcut == BigganDeepShortcut::convolved)
    return !shortcut ? x : halved ? shortcut->before_pooling(x, pass) : (*shortcut)(x, pass);
  const Variable kept = halved ? avg_pool2d(x) : x;
  return shortcut ? concat({kept, (*shortcut)(kept, pass)}, 1) : kept;
}

Variable BigganDeepDiscriminatorBlock::operator()(const Variable& x, const Pass& pass) {
  const bool halved = options.downsampling == Downsampling::average;
  const Nonlinearity f = options.nonlinearity;
  const Variable seen = activate(options.system == BigganSystem::studiogan ? f : Nonlinearity::relu, x);
  Variable h = seen;
  for (std::size_t i : {0, 1}) h = activate(f, [&](Rectifier r) { return convs[i](h, pass, r); });
  if (halved && options.shortcut == BigganDeepShortcut::convolved) {
    h = activate(f, convs[2].before_pooling(h, pass));
  } else {
    h = activate(f, [&](Rectifier r) { return convs[2](h, pass, r); });
    if (halved) h = avg_pool2d(h);
  }
  return convs[3](h, pass) + beside(options.shortcut_input == ShortcutInput::activated ? seen : x, pass);
}

void BigganDeepDiscriminatorBlock::visit(Visitor& v) { visit_convs(v, options.system, convs, shortcut); }

BigganDeepGenerator::BigganDeepGenerator(Rng& rng, const Options& given)
    : options(checked(given)),
      shared(rng, options.classes, options.shared),
      linear(normalized(rng, Linear(rng, options.shared + options.latent, bottom_channels(options) * kBottom * kBottom),
                        options.spectral)),
      output(rng, plan_of(options).back().out * options.width, options.output_maps, options.system,
             statistics_of(options), options.output_norm_eps, options.spectral) {
  const Options& o = options;
  const BigganNormOptions norm{ClassEmbedding::shared, o.norm_style, statistics_of(o), o.norm_eps, o.spectral};
  const std::vector<std::int64_t> places = attended(kGenerator, o.attention, o.system);
  for (const StagePlan& plan : plan_of(o)) {
    auto& stage = blocks.emplace_back();
    for (std::int64_t i = 1; i <= o.depth; ++i) {
      const bool last = i == o.depth;
      stage.blocks.emplace_back(rng,
                                BigganDeepBlockOptions{.in = plan.in * o.width,
                                                       .out = (last ? plan.out : plan.in) * o.width,
                                                       .upsampling = last ? Upsampling::nearest : Upsampling::none,
                                                       .system = o.system,
                                                       .shortcut = o.shortcut,
                                                       .nonlinearity = o.nonlinearity,
                                                       .spectral = o.spectral},
                                o.shared + o.latent, norm);
    }
    stage.attention = attention_after(rng, places, plan.place, plan.out * o.width, o.system, o.spectral);
  }
  initialize(rng, *this, o.init, o.system);
}

Variable BigganDeepGenerator::operator()(const Variable& z, const Tensor& labels, const Pass& pass) {
  check_latents(kGenerator, z, options.latent);
  check_labels(kGenerator, labels, z, options.classes);
  return from_embedding(z, shared(labels), pass);
}

Variable BigganDeepGenerator::from_embedding(const Variable& z, const Variable& embedded, const Pass& pass) {
  check_latents(kGenerator, z, options.latent);
  check(embedded.defined() && embedded.shape() == Shape{z.size(0), options.shared}, kGenerator,
        "needs an embedding of ", options.shared, " numbers for each of ", z.value());
  const bool class_first = options.latent_order == LatentOrder::after_class;
  const Variable y = follow(embedded, z.dtype()), both = concat(class_first ? Variables{y, z} : Variables{z, y}, 1);
  Variable x = reshape(linear(both, pass), {z.size(0), bottom_channels(options), kBottom, kBottom});
  for (auto& stage : blocks) {
    for (auto& block : stage.blocks) x = block(x, {{}, both}, pass);
    if (stage.attention) x = (*stage.attention)(x, pass);
  }
  const Variable maps = output(x, options.nonlinearity, pass);
  return options.output_maps == options.channels ? maps : slice(maps, 1, 0, options.channels);
}

void BigganDeepGenerator::visit(Visitor& v) {
  v.child("shared", shared);
  v.child(options.system == BigganSystem::studiogan ? "linear0" : "linear", linear);
  visit_stages(v, blocks, nesting(options.system), options.system);
  output.visit(v);
}

BigganDeepDiscriminator::BigganDeepDiscriminator(Rng& rng, const Options& given)
    : options(checked(given)),
      input(same_size_conv(rng, options.channels, plan_of(options)[0].in * options.width, 3, options.spectral)),
      head(rng, kDiscriminator, head_options(options)) {
  const Options& o = options;
  const std::vector<std::int64_t> places = attended(kDiscriminator, o.attention, o.system);
  const std::vector<StagePlan> plans = plan_of(o);
  const std::size_t halvings = o.resolution == 32 ? 2 : plans.size();
  for (std::size_t s = 0; s < plans.size(); ++s) {
    auto& stage = blocks.emplace_back();
    const std::int64_t out = plans[s].out * o.width;
    for (std::int64_t i = 0; i < o.depth; ++i) {
      const bool first = i == 0;
      stage.blocks.emplace_back(
          rng,
          BigganDeepBlockOptions{.in = first ? plans[s].in * o.width : out,
                                 .out = out,
                                 .downsampling = first && s < halvings ? Downsampling::average : Downsampling::none,
                                 .system = o.system,
                                 .shortcut = o.shortcut,
                                 .shortcut_input = o.shortcut_input,
                                 .nonlinearity = o.nonlinearity,
                                 .spectral = o.spectral});
    }
    stage.attention = attention_after(rng, places, plans[s].place, out, o.system, o.spectral);
  }
  initialize(rng, *this, o.init, o.system);
}

Variable BigganDeepDiscriminator::features(const Variable& pictures, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels, {options.resolution, options.resolution});
  Variable x = input(pictures, pass);
  for (auto& stage : blocks) {
    for (auto& block : stage.blocks) x = block(x, pass);
    if (stage.attention) x = (*stage.attention)(x, pass);
  }
  return global_sum_pool(activate(options.nonlinearity, x));
}

Variable BigganDeepDiscriminator::operator()(const Variable& pictures, const Tensor& labels, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels);
  check_labels(kDiscriminator, labels, pictures, options.classes);
  return head.logits(features(pictures, pass), labels, pass);
}

ClassJudgement BigganDeepDiscriminator::judge(const Variable& pictures, const Tensor& labels, PictureOrigin origin,
                                              const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels);
  check_labels(kDiscriminator, labels, pictures, options.classes);
  return head.judge(features(pictures, pass), labels, origin, pass);
}

void BigganDeepDiscriminator::visit(Visitor& v) {
  v.child("input_conv", input);
  visit_stages(v, blocks, nesting(options.system), options.system);
  head.visit(v);
}

const std::vector<BigganDeepConfiguration>& biggan_deep_configurations() {
  static const std::vector<BigganDeepConfiguration> all = [] {
    std::vector<BigganDeepConfiguration> list;
    const auto hub = [&](std::string_view name, std::int64_t resolution) {
      const SpectralNormOptions spectral{.variant = SpectralNormVariant::ajbrock, .eps = 1e-4};
      list.push_back({name,
                      {.resolution = resolution,
                       .latent_order = LatentOrder::before_class,
                       .norm_eps = 1e-4,
                       .output_norm_eps = 1e-4,
                       .output_maps = 128,
                       .spectral = spectral},
                      {.resolution = resolution, .spectral = spectral}});
    };
    const auto studiogan = [&](std::string_view name, BigganDeepShortcut shortcut) {
      const SpectralNormOptions spectral{.variant = SpectralNormVariant::torch, .eps = 1e-6};
      list.push_back({name,
                      {.system = BigganSystem::studiogan,
                       .shortcut = shortcut,
                       .resolution = 32,
                       .classes = 10,
                       .attention = "2",
                       .norm_eps = 1e-4,
                       .output_norm_eps = 1e-4,
                       .spectral = spectral},
                      {.system = BigganSystem::studiogan,
                       .shortcut = shortcut,
                       .resolution = 32,
                       .classes = 10,
                       .attention = "1",
                       .shortcut_input = ShortcutInput::activated,
                       .spectral = spectral}});
    };
    hub("BigGAN-deep-I128", 128);
    hub("BigGAN-deep-I256", 256);
    hub("BigGAN-deep-I512", 512);
    studiogan("StudioGAN-BigGAN-Deep-C10", BigganDeepShortcut::resized);
    studiogan("StudioGAN-BigGAN-Deep-StudioGAN-C10", BigganDeepShortcut::convolved);
    return list;
  }();
  return all;
}

const BigganDeepConfiguration& biggan_deep_configuration(std::string_view name) {
  std::vector<std::string> names;
  for (const BigganDeepConfiguration& c : biggan_deep_configurations()) {
    if (c.name == name) return c;
    names.emplace_back(c.name);
  }
  fail("biggan_deep_configuration", "there is no configuration '", name, "'", nearest(name, names));
}

}  // namespace duel
