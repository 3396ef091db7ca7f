#include "duel/gan/models/biggan.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "duel/autograd/rectified.h"
#include "duel/gan/models/inputs.h"
#include "duel/nn/init.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

constexpr const char* kGenerator = "BigganGenerator";
constexpr const char* kDiscriminator = "BigganDiscriminator";
constexpr std::int64_t kBottom = 4;      // pixels at which a generator starts
constexpr double kOutputNormEps = 1e-5;  // the original hands its option to all norms but the last
constexpr std::int64_t kStandardGroups = 16;

// Blocks of one resolution: feature maps in multiples of the width, and the name of the resolution they end with.
struct StagePlan {
  std::int64_t in, out, resolution;
};

std::vector<StagePlan> generator_plan(std::int64_t resolution) {
  std::vector<std::int64_t> maps;  // one more than stages
  switch (resolution) {
    case 32: maps = {4, 4, 4, 4}; break;
    case 64: maps = {16, 16, 8, 4, 2}; break;
    case 128: maps = {16, 16, 8, 4, 2, 1}; break;
    case 256: maps = {16, 16, 8, 8, 4, 2, 1}; break;
    case 512: maps = {16, 16, 8, 8, 4, 2, 1, 1}; break;
    default: fail(kGenerator, "the resolution must be 32, 64, 128, 256 or 512, got ", resolution);
  }
  std::vector<StagePlan> plan;
  for (std::size_t i = 0; i + 1 < maps.size(); ++i) plan.push_back({maps[i], maps[i + 1], (2 * kBottom) << i});
  return plan;
}

// The first stage's `in` stands for the pictures. At 32 pixels the original takes all stages for ones of 16 x 16, which
// matters for the attention's place only.
std::vector<StagePlan> discriminator_plan(std::int64_t resolution) {
  switch (resolution) {
    case 32: return {{0, 4, 16}, {4, 4, 16}, {4, 4, 16}, {4, 4, 16}};
    case 64: return {{0, 1, 32}, {1, 2, 16}, {2, 4, 8}, {4, 8, 4}, {8, 16, 4}};
    case 128: return {{0, 1, 64}, {1, 2, 32}, {2, 4, 16}, {4, 8, 8}, {8, 16, 4}, {16, 16, 4}};
    case 256: return {{0, 1, 128}, {1, 2, 64}, {2, 4, 32}, {4, 8, 16}, {8, 8, 8}, {8, 16, 4}, {16, 16, 4}};
    case 512: return {{0, 1, 256}, {1, 1, 128}, {1, 2, 64}, {2, 4, 32}, {4, 8, 16}, {8, 8, 8}, {8, 16, 4}, {16, 16, 4}};
    default: fail(kDiscriminator, "the resolution must be 32, 64, 128, 256 or 512, got ", resolution);
  }
}

// All of `text` as a number of 0 or more; -1 if it is none.
std::int64_t whole_number(std::string_view text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::max<std::int64_t>(number, -1) : -1;
}

// "32_64" -> {32, 64}. Resolutions that a network does not have are no mistake: 64 is the default for all of them.
std::vector<std::int64_t> attended(const char* network, const std::string& text) {
  std::vector<std::int64_t> found;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find('_', from), text.size());
    const std::int64_t n = whole_number(std::string_view(text).substr(from, to - from));
    check(n == 0 || (n >= kBottom && std::has_single_bit(static_cast<std::uint64_t>(n))), network, "attention is '",
          text, "'; it takes resolutions such as 64 or 32_64, or 0 for none");
    found.push_back(n);
    from = to + 1;
  }
  return found;
}

bool attends(const std::vector<std::int64_t>& places, std::int64_t resolution) {
  return std::find(places.begin(), places.end(), resolution) != places.end();
}

std::optional<SelfAttention> attention_after(Rng& rng, bool wanted, std::int64_t channels,
                                             SpectralNormOptions spectral) {
  if (!wanted) return std::nullopt;
  spectral.singular_values = std::clamp<std::int64_t>(channels / 8, 1, spectral.singular_values);
  return SelfAttention(rng, channels, spectral);
}

template <class Options>
void check_options(const char* network, const Options& o) {
  check(o.width >= 1 && o.channels >= 1 && o.classes >= 1 && o.depth >= 1, network,
        "width, channels, classes and depth must be positive, got ", o.width, ", ", o.channels, ", ", o.classes,
        " and ", o.depth);
  check(o.spectral.singular_values >= 1, network, "at least one singular value must be followed, got ",
        o.spectral.singular_values);
}

// With the sizes of the latent and of the shared embedding as they will be.
BigganGeneratorOptions checked(BigganGeneratorOptions o) {
  const auto stages = static_cast<std::int64_t>(generator_plan(o.resolution).size());
  check_options(kGenerator, o);
  check(o.latent >= 1 && o.shared >= 0, kGenerator, "the latent's size must be positive and that of the embedding at ",
        "least 0, got ", o.latent, " and ", o.shared);
  if (o.latent_use == LatentUse::hierarchical) {
    check(o.embedding == ClassEmbedding::shared, kGenerator,
          "a hierarchical latent goes with the embedding of the class and so needs ClassEmbedding::shared");
    check(o.latent > stages, kGenerator, "a latent of ", o.latent, " cannot be cut into ", stages + 1, " parts");
  }
  if (o.shared == 0) o.shared = o.latent;
  if (o.latent_use == LatentUse::hierarchical) o.latent -= o.latent % (stages + 1);
  check(o.statistics == BigganStatistics::torch || o.norm_style == "bn", kGenerator,
        "other statistics than torch's are for norm style bn, not ", o.norm_style);
  return o;
}

// What one part of a hierarchical latent has, of those that blocks get; 0 if they get none.
std::int64_t part(const BigganGeneratorOptions& o) {
  if (o.latent_use == LatentUse::bottom) return 0;
  return o.latent / (static_cast<std::int64_t>(generator_plan(o.resolution).size()) + 1);
}

std::int64_t bottom_channels(const BigganGeneratorOptions& o) { return generator_plan(o.resolution)[0].in * o.width; }

BatchNormOptions batch_norm_options(const BigganGeneratorOptions& o, double eps) {
  const bool own = o.statistics == BigganStatistics::own;
  return {.eps = eps, .stored_variance = own ? StoredVariance::biased : StoredVariance::unbiased};
}

Tensor counter(BigganStatistics statistics) {
  return statistics == BigganStatistics::own ? init::zeros({1}) : Tensor();
}

void visit_statistics(Visitor& v, std::string prefix, RunningMoments& moments, BigganStatistics statistics,
                      Tensor& accumulation_counter) {
  if (statistics == BigganStatistics::cross_replica) return v.child(prefix + "bn", moments);
  if (statistics == BigganStatistics::own) prefix += "bn.";
  v.running_moments(moments);
  v.buffer(prefix + "stored_mean", moments.mean);
  v.buffer(prefix + "stored_var", moments.var);
  v.buffer(prefix + "accumulation_counter", accumulation_counter);
}

std::variant<Embedding, SpectralNorm<Linear>> projection(Rng& rng, std::int64_t channels, std::int64_t condition,
                                                         const BigganGeneratorOptions& o) {
  if (o.embedding == ClassEmbedding::per_norm) return Embedding(rng, condition, channels);
  return normalized(rng, Linear(rng, condition, channels, {.bias = Bias::no}), o.spectral);
}

Variable project(std::variant<Embedding, SpectralNorm<Linear>>& how, const BigganCondition& y, const Pass& pass) {
  if (auto* table = std::get_if<Embedding>(&how)) return (*table)(y.labels);
  return std::get<SpectralNorm<Linear>>(how)(y.embedded, pass);
}

// "gn": 16 groups, "gn_grp_4": 4, "gn_ch_8": groups of 8 channels, and one of all if there are fewer.
std::int64_t groups(const std::string& style, std::int64_t channels) {
  if (style == "gn") return kStandardGroups;
  const bool by_channels = style.starts_with("gn_ch_");
  const std::int64_t n = by_channels                    ? whole_number(std::string_view(style).substr(6))
                         : style.starts_with("gn_grp_") ? whole_number(std::string_view(style).substr(7))
                                                        : -1;
  check(n >= 1, kGenerator, "there is no norm style '", style, "'; there are bn, in, gn, gn_ch_N, gn_grp_N and nonorm");
  return by_channels ? std::max<std::int64_t>(channels / n, 1) : n;
}

std::variant<RunningMoments, InstanceNorm, GroupNorm, Identity> norm_of(std::int64_t channels,
                                                                        const BigganGeneratorOptions& o) {
  if (o.norm_style == "bn") return RunningMoments(channels, TrackRunning::yes);
  if (o.norm_style == "in") return InstanceNorm(channels, {.eps = o.norm_eps, .track_running = TrackRunning::yes});
  if (o.norm_style == "nonorm") return Identity();
  return GroupNorm(groups(o.norm_style, channels), channels, {.affine = Affine::no});
}

Variable normalized_by(std::variant<RunningMoments, InstanceNorm, GroupNorm, Identity>& norm, const Variable& x,
                       const Pass& pass) {
  if (auto* instance = std::get_if<InstanceNorm>(&norm)) return (*instance)(x, pass);
  if (auto* group = std::get_if<GroupNorm>(&norm)) return (*group)(x);
  return x;
}

}  // namespace

BigganConditionalNorm::BigganConditionalNorm(Rng& rng, std::int64_t channels, std::int64_t condition,
                                             const BigganGeneratorOptions& o)
    : gain(projection(rng, channels, condition, o)),
      bias(projection(rng, channels, condition, o)),
      norm(norm_of(channels, o)),
      options(batch_norm_options(o, o.norm_eps)),
      statistics(o.statistics),
      accumulation_counter(counter(o.statistics)) {}

Variable BigganConditionalNorm::operator()(const Variable& x, const BigganCondition& y, const Pass& pass, Rectifier r) {
  const Variable scale = 1 + project(gain, y, pass), shift = project(bias, y, pass);  // [N, C]
  if (auto* running = std::get_if<RunningMoments>(&norm))
    return normalize_batch(x, scale, shift, *running, options, pass, r);
  const Shape of_maps{x.size(0), x.size(1), 1, 1};
  return rectified(normalized_by(norm, x, pass) * reshape(scale, of_maps) + reshape(shift, of_maps), r);
}

void BigganConditionalNorm::visit(Visitor& v) {
  std::visit([&](auto& layer) { v.child("gain", layer); }, gain);
  std::visit([&](auto& layer) { v.child("bias", layer); }, bias);
  if (auto* batch = std::get_if<RunningMoments>(&norm))
    visit_statistics(v, "", *batch, statistics, accumulation_counter);
  else if (auto* instance = std::get_if<InstanceNorm>(&norm))
    visit_statistics(v, "", instance->running, statistics, accumulation_counter);
}

BigganGenerator::BigganGenerator(Rng& rng, const Options& given)
    : options(checked(given)),
      linear(normalized(rng,
                        Linear(rng, options.latent_use == LatentUse::bottom ? options.latent : part(options),
                               bottom_channels(options) * kBottom * kBottom),
                        options.spectral)),
      output_norm(generator_plan(options.resolution).back().out * options.width,
                  batch_norm_options(options, kOutputNormEps)),
      output_accumulation_counter(counter(options.statistics)),
      output(same_size_conv(rng, output_norm.weight.size(0), options.channels, 3, options.spectral)) {
  const Options& o = options;
  const bool is_shared = o.embedding == ClassEmbedding::shared;
  if (is_shared) shared = Embedding(rng, o.classes, o.shared);
  const std::int64_t condition = is_shared ? o.shared + part(o) : o.classes;
  const std::vector<std::int64_t> places = attended(kGenerator, o.attention);
  for (const StagePlan& plan : generator_plan(o.resolution)) {
    auto& stage = blocks.emplace_back();
    for (std::int64_t i = 1; i <= o.depth; ++i) {
      const bool last = i == o.depth;  // the one that upsamples
      const std::int64_t in = plan.in * o.width, out = last ? plan.out * o.width : in;
      stage.blocks.emplace_back(rng,
                                GeneratorBlockOptions{.in = in,
                                                      .out = out,
                                                      .upsampling = last ? Upsampling::nearest : Upsampling::none,
                                                      .nonlinearity = o.nonlinearity,
                                                      .spectral = o.spectral},
                                BigganConditionalNorm(rng, in, condition, o),
                                BigganConditionalNorm(rng, out, condition, o));
    }
    stage.attention = attention_after(rng, attends(places, plan.resolution), plan.out * o.width, o.spectral);
  }
  initialize_weights(rng, *this, o.init);
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
    const BigganCondition here = hierarchical ? BigganCondition{{}, concat({y.embedded, parts[i + 1]}, 1)} : y;
    for (auto& block : blocks[i].blocks) x = block(x, here, pass);
    if (blocks[i].attention) x = (*blocks[i].attention)(x, pass);
  }
  const Variable seen = activate(options.nonlinearity, [&](Rectifier r) { return output_norm(x, pass, r); });
  return tanh(output(seen, pass));
}

void BigganGenerator::visit(Visitor& v) {
  if (shared) v.child("shared", *shared);
  v.child("linear", linear);
  for (std::size_t i = 0; i < blocks.size(); ++i) v.child(cat("blocks.", i), blocks[i]);
  v.parameter("output_layer.0.gain", output_norm.weight);
  v.parameter("output_layer.0.bias", output_norm.bias);
  visit_statistics(v, "output_layer.0.", output_norm.running, options.statistics, output_accumulation_counter);
  v.child("output_layer.2", output);
}

namespace {

std::int64_t features(const BigganDiscriminatorOptions& o) {
  const std::vector<StagePlan> plan = discriminator_plan(o.resolution);
  check_options(kDiscriminator, o);
  return plan.back().out * o.width;
}

}  // namespace

BigganDiscriminator::BigganDiscriminator(Rng& rng, const Options& o)
    : options(o),
      linear(normalized(rng, Linear(rng, features(o), 1), o.spectral)),
      embed(normalized(rng, Embedding(rng, o.classes, features(o)), o.spectral)) {
  const std::vector<std::int64_t> places = attended(kDiscriminator, o.attention);
  const std::vector<StagePlan> plans = discriminator_plan(o.resolution);
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
                                    .nonlinearity = o.nonlinearity,
                                    .spectral = o.spectral});
    }
    stage.attention = attention_after(rng, attends(places, plans[s].resolution), plans[s].out * o.width, o.spectral);
  }
  initialize_weights(rng, *this, o.init);
}

Variable BigganDiscriminator::operator()(const Variable& pictures, const Tensor& labels, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels, {options.resolution, options.resolution});
  check_labels(kDiscriminator, labels, pictures, options.classes);
  Variable x = pictures;
  for (auto& stage : blocks) {
    for (auto& block : stage.blocks) x = block(x, pass);
    if (stage.attention) x = (*stage.attention)(x, pass);
  }
  const Variable h = global_sum_pool(activate(options.nonlinearity, x));  // [N, features]
  return flatten(linear(h, pass), 0) + sum(embed(labels, pass) * h, {1});
}

void BigganDiscriminator::visit(Visitor& v) {
  for (std::size_t i = 0; i < blocks.size(); ++i) v.child(cat("blocks.", i), blocks[i]);
  v.child("linear", linear);
  v.child("embed", embed);
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
    cifar("BigGAN-C10", 10);
    cifar("BigGAN-C100", 100);
    imagenet("BigGAN-I128", 128, 96, 120, "64");
    imagenet("BigGAN-I128-ch64", 128, 64, 120, "64");
    imagenet("BigGAN-I256", 256, 96, 140, "128");
    add("SAGAN-I128", {.init = WeightInit::xavier_uniform}, {.init = WeightInit::xavier_uniform});
    add("SNGAN-I128", {.attention = "0", .init = WeightInit::xavier_uniform},
        {.attention = "0", .block_width = BlockWidth::thin, .init = WeightInit::xavier_uniform});
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
