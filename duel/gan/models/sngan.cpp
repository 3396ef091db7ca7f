#include "duel/gan/models/sngan.h"

#include <cmath>

#include "duel/autograd/mixed_precision.h"
#include "duel/gan/models/biggan_parts.h"
#include "duel/gan/models/inputs.h"
#include "duel/nn/init.h"

namespace duel {
namespace {

constexpr const char* kGenerator = "SnganGenerator";
constexpr const char* kDiscriminator = "SnganDiscriminator";

// The one of these names that is the system's.
std::string named(SnganSystem system, std::string mimicry, std::string mmgen, std::string studiogan) {
  return system == SnganSystem::mimicry ? mimicry : system == SnganSystem::mmgen ? mmgen : studiogan;
}

// Only names of a block's parts are the same in all blocks.
BlockNames block_names(SnganSystem system) {
  if (system == SnganSystem::mimicry) return {"b1", "b2", "c1", "c2", "c_sc"};
  if (system == SnganSystem::mmgen) return {"norm_1", "norm_2", "conv_1.conv", "conv_2.conv", "shortcut.conv"};
  return {"bn1", "bn2", "conv2d1", "conv2d2", "conv2d0", "bn0"};
}

[[noreturn]] void fail_resolution(const char* network, std::int64_t resolution, SnganSystem system) {
  fail(network, "the resolution must be ",
       system == SnganSystem::studiogan ? "32, 64, 128, 256 or 512" : "32, 48, 64 or 128", ", got ", resolution);
}

// Parts of the width that maps have between blocks, as divisors.
std::vector<std::int64_t> generator_divisors(std::int64_t resolution, SnganSystem system) {
  const bool studiogan = system == SnganSystem::studiogan;
  if (resolution == 32) return {1, 1, 1, 1};
  if (resolution == 48 && !studiogan) return {1, 2, 4, 8};
  if (resolution == 64) return {1, 2, 4, 8, 16};
  if (resolution == 128) return {1, 1, 2, 4, 8, 16};
  if (resolution == 256 && studiogan) return {1, 1, 2, 2, 4, 8, 16};
  if (resolution == 512 && studiogan) return {1, 1, 2, 2, 4, 8, 16, 16};
  fail_resolution(kGenerator, resolution, system);
}

// After each block, and how many blocks halve the picture: the first ones.
struct DiscriminatorPlan {
  std::vector<std::int64_t> divisors;
  std::size_t halvings;
};

DiscriminatorPlan discriminator_plan(std::int64_t resolution, SnganSystem system) {
  const bool studiogan = system == SnganSystem::studiogan;
  if (resolution == 32) return {{1, 1, 1, 1}, 2};
  if (resolution == 48 && !studiogan) return {{16, 8, 4, 2, 1}, 4};
  if (resolution == 64) return {{16, 8, 4, 2, 1}, studiogan ? 4U : 5U};
  if (resolution == 128) return {{16, 8, 4, 2, 1, 1}, 5};
  if (resolution == 256 && studiogan) return {{16, 8, 4, 2, 2, 1, 1}, 6};
  if (resolution == 512 && studiogan) return {{16, 16, 8, 4, 2, 2, 1, 1}, 7};
  fail_resolution(kDiscriminator, resolution, system);
}

template <class Options>
const Options& checked(const char* network, const Options& o, std::size_t blocks) {
  check(o.width >= 1 && o.channels >= 1 && o.classes >= 0, network,
        "width and channels must be positive and classes at least 0, got ", o.width, ", ", o.channels, " and ",
        o.classes);
  check(o.resolution == 32 || o.width % 16 == 0, network, "above 32 pixels the width must be a multiple of 16, got ",
        o.width);
  check(o.attention_after >= 0 && o.attention_after <= static_cast<std::int64_t>(blocks), network, "has ", blocks,
        " blocks; there is no place for attention after block ", o.attention_after);
  return o;
}

const SnganGeneratorOptions& checked(const SnganGeneratorOptions& o) {
  check(o.latent >= 1, kGenerator, "the latent's size must be positive, got ", o.latent);
  check(o.upsampling != Upsampling::none, kGenerator, "needs a way of upsampling");
  return checked(kGenerator, o, generator_divisors(o.resolution, o.system).size() - 1);
}

const SnganDiscriminatorOptions& checked(const SnganDiscriminatorOptions& o) {
  check(o.projection >= 1, kDiscriminator, "the projection's size must be positive, got ", o.projection);
  check(o.self_supervision == SelfSupervision::none || o.system == SnganSystem::mimicry, kDiscriminator,
        "MMGeneration and StudioGAN have no self-supervision");
  check(o.self_supervision != SelfSupervision::rotation || o.classes == 0, kDiscriminator,
        "SSGAN has no classes: the layers for these and for rotations have one name");
  check(o.self_supervision != SelfSupervision::infomax || o.attention_after == 0, kDiscriminator,
        "there is no attention in InfoMax-GAN");
  return checked(kDiscriminator, o, discriminator_plan(o.resolution, o.system).divisors.size());
}

std::int64_t bottom(const SnganGeneratorOptions& o) { return o.resolution == 48 ? 6 : 4; }

bool counts_from_one(SnganSystem system, SnganInit init) {
  return system == SnganSystem::studiogan || init == SnganInit::biggan || init == SnganInit::studio;
}

bool is_mimicrys(SnganInit init) { return init == SnganInit::mimicry || init == SnganInit::mimicry_wgan_gp; }

// StudioGAN's discriminators have one kind of norm or the other.
bool has_batch_norms(const SnganDiscriminatorOptions& o) {
  return o.system == SnganSystem::studiogan && o.spectral.variant == SpectralNormVariant::none;
}

// All weights but those of norms, by name.
struct Initialize : Visitor {
  Rng& rng;
  SnganSystem system;
  SnganInit how;
  BlockNames names;
  Initialize(Rng& r, SnganSystem s, SnganInit h) : rng(r), system(s), how(h), names(block_names(s)) {}

  void on_parameter(const std::string& name, Variable& p) override {
    const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
    const bool of_norm = has(cat(".", names.norm1, ".")) || has(cat(".", names.norm2, "."));
    const bool mimicry = is_mimicrys(how);
    if (p.dim() < 2) {
      if (name.ends_with(".bias") && !mimicry && how != SnganInit::biggan) p = Variable::leaf(init::zeros(p.shape()));
      return;
    }
    if ((of_norm && !counts_from_one(system, how)) || (mimicry && has("attn_block"))) return;
    const bool in_block = has(cat(".", names.conv1, ".")) || has(cat(".", names.conv2, "."));
    if (how == SnganInit::mimicry_wgan_gp && p.dim() == 4 && !in_block) return;
    const bool of_attention =
        p.dim() == 4 && !in_block && !has(names.shortcut) && !has(system == SnganSystem::mmgen ? "to_rgb" : "conv2d5");
    const bool larger = (mimicry && in_block) || (how == SnganInit::sngan && (in_block || of_attention));
    p = Variable::leaf(how == SnganInit::studio ? init::orthogonal(rng, p.shape())
                                                : init::xavier_uniform(rng, p.shape(), larger ? std::sqrt(2.0) : 1));
  }
};

std::optional<SelfAttention> attention_of(Rng& rng, std::int64_t channels, SnganSystem system,
                                          const SpectralNormOptions& spectral) {
  SelfAttention attention(rng, channels, spectral);
  if (system == SnganSystem::studiogan) attention.gamma = Variable::leaf(init::zeros({1}));
  return attention;
}

void visit_attention(Visitor& v, const std::string& name, SnganSystem system, SelfAttention& attention) {
  if (system == SnganSystem::mimicry) return v.child(name, attention);
  if (system == SnganSystem::studiogan) return biggan::visit_attention(v, name, attention, BigganSystem::studiogan);
  v.child(name + ".theta.conv", attention.theta);
  v.child(name + ".phi.conv", attention.phi);
  v.child(name + ".g.conv", attention.g);
  v.child(name + ".o.conv", attention.o);
  v.parameter(name + ".gamma", attention.gamma);
}

// Blocks "block1", ... and "attn_block", or "conv_blocks.0", ..., attention among them, the first one being called
// `head` if it has a name of its own; or "blocks.0.0", "blocks.1.0", ..., likewise.
template <class Blocks>
void visit_blocks(Visitor& v, SnganSystem system, Blocks& blocks, std::optional<SelfAttention>& attention,
                  std::int64_t attention_after, std::int64_t first_number, const char* head) {
  std::int64_t place = 0;
  const auto name = [&](const std::string& mimicry) {
    const std::string found = named(system, mimicry, cat("conv_blocks.", place), cat("blocks.", place, ".0"));
    ++place;
    return found;
  };
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto number = static_cast<std::int64_t>(i) + 1;
    v.child(i == 0 && head && system == SnganSystem::mmgen ? head : name(cat("block", number - 1 + first_number)),
            blocks[i]);
    if (attention && number == attention_after) visit_attention(v, name("attn_block"), system, *attention);
  }
}

}  // namespace

SnganNorm::SnganNorm(Rng& rng, std::int64_t channels, const SnganGeneratorOptions& o)
    : system(o.system),
      gain_table(counts_from_one(o.system, o.init) ? GainTable::added_to_one : GainTable::direct),
      norm(channels, {.eps = o.norm_eps, .affine = o.classes > 0 ? Affine::no : Affine::yes}) {
  if (o.classes == 0) return;
  const auto add = [&](const Tensor& rows) {
    Embedding table(rng, rows.size(0), rows.size(1));
    table.weight = Variable::leaf(rows);
    const bool plain = o.system == SnganSystem::mimicry;
    tables.push_back(
        normalized(rng, table, plain ? SpectralNormOptions{.variant = SpectralNormVariant::none} : o.spectral));
  };
  const Shape shape{o.classes, channels};
  if (o.system == SnganSystem::studiogan) {
    for (int of_gain_and_bias = 0; of_gain_and_bias < 2; ++of_gain_and_bias)
      transposed_tables.push_back(normalized(rng, Linear(rng, o.classes, channels, {.bias = Bias::no}), o.spectral));
  } else if (o.system == SnganSystem::mimicry) {
    add(concat({init::normal(rng, shape, gain_table == GainTable::direct ? 1 : 0, 0.02), init::zeros(shape)}, 1)
            .value());
  } else {
    add(init::ones(shape));
    add(init::zeros(shape));
  }
}

// Of the gain and of the bias, [N, C] each.
std::pair<Variable, Variable> SnganNorm::rows(const Tensor& labels, const Pass& pass) {
  if (system == SnganSystem::studiogan) {
    const Variable& weight = transposed_tables[0].layer.weight;
    const Tensor y = one_hot(labels, weight.size(1), weight.dtype());
    const Variable gain = transposed_tables[0](y, pass);
    return {gain, transposed_tables[1](y, pass)};
  }
  const Variable first = tables[0](labels, pass);
  if (tables.size() == 2) return {first, tables[1](labels, pass)};
  const std::int64_t c = norm.running.mean.size(0);
  return {slice(first, 1, 0, c), slice(first, 1, c, 2 * c)};
}

Variable SnganNorm::operator()(const Variable& x, const Tensor& labels, const Pass& pass, Rectifier r) {
  if (norm.weight.defined()) return norm(x, pass, r);
  const auto [gain, bias] = rows(labels, pass);
  return normalize_batch(x, gain_table == GainTable::direct ? gain : 1 + gain, bias, norm.running, norm.options, pass,
                         r);
}

void SnganNorm::visit(Visitor& v) {
  if (system != SnganSystem::mmgen && norm.weight.defined()) return norm.visit(v);
  v.child(system == SnganSystem::mmgen ? "norm" : "bn", norm);
  if (!tables.empty()) v.child(tables.size() == 1 ? "embed" : "weight_embedding", tables[0]);
  if (tables.size() == 2) v.child("bias_embedding", tables[1]);
  if (transposed_tables.empty()) return;
  v.child("gain", transposed_tables[0]);
  v.child("bias", transposed_tables[1]);
}

SnganGenerator::SnganGenerator(Rng& rng, const Options& o)
    : options(checked(o)),
      linear(normalized(rng, Linear(rng, o.latent, o.width * bottom(o) * bottom(o)), o.spectral)),
      output_norm(o.width / generator_divisors(o.resolution, o.system).back(), {.eps = o.norm_eps}),
      output(same_size_conv(rng, output_norm.weight.size(0), o.channels, 3, o.spectral)) {
  const std::vector<std::int64_t> divisors = generator_divisors(o.resolution, o.system);
  const BlockNames names = block_names(o.system);
  for (std::size_t i = 0; i + 1 < divisors.size(); ++i) {
    const std::int64_t in = o.width / divisors[i], out = o.width / divisors[i + 1];
    blocks.emplace_back(
        rng,
        GeneratorBlockOptions{.in = in, .out = out, .upsampling = o.upsampling, .spectral = o.spectral, .names = names},
        SnganNorm(rng, in, o), SnganNorm(rng, out, o));
    if (static_cast<std::int64_t>(i) + 1 == o.attention_after) attention = attention_of(rng, out, o.system, o.spectral);
  }
  Initialize initialize(rng, o.system, o.init);
  visit(initialize);
}

Variable SnganGenerator::operator()(const Variable& z, const Tensor& labels, const Pass& pass) {
  check_latents(kGenerator, z, options.latent);
  check_labels(kGenerator, labels, z, options.classes);
  Variable x = reshape(linear(z, pass), {z.size(0), options.width, bottom(options), bottom(options)});
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    x = blocks[i](x, labels, pass);
    if (attention && static_cast<std::int64_t>(i) + 1 == options.attention_after) x = (*attention)(x, pass);
  }
  return tanh(output(output_norm(x, pass, Rectifier{0}), pass));
}

void SnganGenerator::visit(Visitor& v) {
  const SnganSystem system = options.system;
  v.child(named(system, "l1", "noise2feat", "linear0"), linear);
  visit_blocks(v, system, blocks, attention, options.attention_after, 2, nullptr);
  const std::size_t last = blocks.size() + 2;
  v.child(named(system, cat("b", last), "to_rgb.bn", "bn4"), output_norm);
  v.child(named(system, cat("c", last), "to_rgb.conv", "conv2d5"), output);
}

namespace {

Variable pooled(const Variable& map, FeaturePooling how) {
  return how == FeaturePooling::sum ? global_sum_pool(map) : global_mean_pool(map);
}

// mimicry counts it as the layer after the blocks, but for the five blocks of 48 pixels where they are not WGAN-GP's.
std::string linear_name(const SnganDiscriminatorOptions& o, std::size_t blocks) {
  if (o.system != SnganSystem::mimicry) return o.system == SnganSystem::mmgen ? "decision" : "linear1";
  if (o.self_supervision == SelfSupervision::infomax) return "linear";
  return o.resolution == 48 && o.pooling == FeaturePooling::sum ? "l5" : cat("l", blocks + 1);
}

}  // namespace

SnganDiscriminator::SnganDiscriminator(Rng& rng, const Options& o)
    : options(checked(o)), linear(normalized(rng, Linear(rng, o.width, 1), o.spectral)) {
  const auto [divisors, halvings] = discriminator_plan(o.resolution, o.system);
  const bool normed = has_batch_norms(o);
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    const bool first = i == 0;
    BlockNames names = block_names(o.system);
    if (first) names.norm2 = names.norm1;  // the first that it has
    const std::int64_t in = first ? o.channels : o.width / divisors[i - 1], out = o.width / divisors[i];
    blocks.emplace_back(rng, DiscriminatorBlockOptions{
                                 .in = in,
                                 .hidden = first || o.block_width == BlockWidth::wide ? out : in,
                                 .out = out,
                                 .downsampling = i < halvings ? Downsampling::average : Downsampling::none,
                                 .preactivation = first ? Preactivation::no : Preactivation::yes,
                                 // A ReLU in place changes the norm's result then, not the input.
                                 .shortcut_input = normed ? ShortcutInput::raw : o.shortcut_input,
                                 .spectral = o.spectral,
                                 .norm = normed ? std::optional(BatchNormOptions{.eps = o.norm_eps}) : std::nullopt,
                                 .names = names});
    if (static_cast<std::int64_t>(i) + 1 == o.attention_after) attention = attention_of(rng, out, o.system, o.spectral);
  }
  if (o.classes > 0) embed = normalized(rng, Embedding(rng, o.classes, o.width), o.spectral);
  if (o.self_supervision == SelfSupervision::rotation) rotation = normalized(rng, Linear(rng, o.width, 4), o.spectral);
  if (o.self_supervision == SelfSupervision::infomax) {
    const std::int64_t before_last = o.width / divisors[divisors.size() - 2];
    const auto conv = [&](std::int64_t out) { return same_size_conv(rng, before_last, out, 1, o.spectral); };
    const auto fully = [&](std::int64_t out) { return normalized(rng, Linear(rng, o.width, out), o.spectral); };
    local = {conv(before_last), conv(o.projection), conv(o.projection)};
    global = {fully(o.width), fully(o.projection), fully(o.projection)};
  }
  Initialize initialize(rng, o.system, o.init);
  visit(initialize);
}

struct SnganDiscriminator::Maps {
  Variable before_last, last;  // what the last block is given, and what it returns
};

SnganDiscriminator::Maps SnganDiscriminator::maps(const Variable& pictures, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels, {options.resolution, options.resolution});
  Variable x = pictures, given;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    given = x;
    x = blocks[i](x, pass);
    if (attention && static_cast<std::int64_t>(i) + 1 == options.attention_after) x = (*attention)(x, pass);
  }
  return {given, x};
}

Variable SnganDiscriminator::logits(const Variable& h, const Tensor& labels, const Pass& pass) {
  const Variable found = flatten(linear(h, pass), 0);
  return embed ? found + sum((*embed)(labels, pass) * h, {1}) : found;
}

// The heads compute in the dtype of their weights.
Variable SnganDiscriminator::pooled_features(const Variable& last) const {
  return follow(pooled(relu(last), options.pooling), linear.layer.weight.dtype());
}

Variable SnganDiscriminator::features(const Variable& pictures, const Pass& pass) {
  return pooled_features(maps(pictures, pass).last);
}

Variable SnganDiscriminator::operator()(const Variable& pictures, const Tensor& labels, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels);
  check_labels(kDiscriminator, labels, pictures, options.classes);
  return logits(features(pictures, pass), labels, pass);
}

SnganJudgement SnganDiscriminator::judge(const Variable& pictures, const Tensor& labels, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels);
  check_labels(kDiscriminator, labels, pictures, options.classes);
  const Maps m = maps(pictures, pass);
  SnganJudgement j;
  j.features = pooled_features(m.last);
  j.logits = logits(j.features, labels, pass);
  if (rotation) j.rotations = (*rotation)(j.features, pass);
  if (local) {
    // The last block's first ReLU, where it is done in place, changes what the projection sees.
    const bool in_place = options.shortcut_input == ShortcutInput::activated;
    j.local = follow((*local)(in_place ? relu(m.before_last) : m.before_last, pass), j.features.dtype());
    j.global = (*global)(j.features, pass);
  }
  return j;
}

void SnganDiscriminator::visit(Visitor& v) {
  if (local) {
    for (std::size_t i = 0; i < blocks.size(); ++i)
      v.child(i + 1 < blocks.size() ? cat("local_feat_blocks.", i) : "global_feat_blocks.0", blocks[i]);
  } else {
    visit_blocks(v, options.system, blocks, attention, options.attention_after, 1, "from_rgb");
  }
  v.child(linear_name(options, blocks.size()), linear);
  if (embed) v.child(named(options.system, "l_y", "proj_y", "embedding"), *embed);
  if (rotation) v.child("l_y", *rotation);
  if (local) {
    local->visit(v, "local_nrkhs");
    global->visit(v, "global_nrkhs");
  }
}

}  // namespace duel
