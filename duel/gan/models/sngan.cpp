#include "duel/gan/models/sngan.h"

#include <cmath>

#include "duel/gan/models/inputs.h"
#include "duel/nn/init.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

constexpr const char* kGenerator = "SnganGenerator";
constexpr const char* kDiscriminator = "SnganDiscriminator";

// What the two systems call things. Only names of a block's parts are the same in all blocks.
BlockNames block_names(SnganSystem system) {
  if (system == SnganSystem::mimicry) return {"b1", "b2", "c1", "c2", "c_sc"};
  return {"norm_1", "norm_2", "conv_1.conv", "conv_2.conv", "shortcut.conv"};
}

// Parts of the width that maps have between blocks, as divisors.
std::vector<std::int64_t> generator_divisors(std::int64_t resolution) {
  switch (resolution) {
    case 32: return {1, 1, 1, 1};
    case 48: return {1, 2, 4, 8};
    case 64: return {1, 2, 4, 8, 16};
    case 128: return {1, 1, 2, 4, 8, 16};
    default: fail(kGenerator, "the resolution must be 32, 48, 64 or 128, got ", resolution);
  }
}

// After each block, and how many blocks halve the picture: the first ones.
struct DiscriminatorPlan {
  std::vector<std::int64_t> divisors;
  std::size_t halvings;
};

DiscriminatorPlan discriminator_plan(std::int64_t resolution) {
  switch (resolution) {
    case 32: return {{1, 1, 1, 1}, 2};
    case 48: return {{16, 8, 4, 2, 1}, 4};
    case 64: return {{16, 8, 4, 2, 1}, 5};
    case 128: return {{16, 8, 4, 2, 1, 1}, 5};
    default: fail(kDiscriminator, "the resolution must be 32, 48, 64 or 128, got ", resolution);
  }
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
  return checked(kGenerator, o, generator_divisors(o.resolution).size() - 1);
}

const SnganDiscriminatorOptions& checked(const SnganDiscriminatorOptions& o) {
  return checked(kDiscriminator, o, discriminator_plan(o.resolution).divisors.size());
}

std::int64_t bottom(const SnganGeneratorOptions& o) { return o.resolution == 48 ? 6 : 4; }

bool counts_from_one(SnganInit init) { return init == SnganInit::biggan || init == SnganInit::studio; }

// All weights but those of norms, by name.
struct Initialize : Visitor {
  Rng& rng;
  SnganInit how;
  BlockNames names;
  Initialize(Rng& r, SnganInit h, BlockNames n) : rng(r), how(h), names(n) {}

  void on_parameter(const std::string& name, Variable& p) override {
    const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
    const bool of_norm = has(cat(".", names.norm1, ".")) || has(cat(".", names.norm2, "."));
    const bool mimicry = how == SnganInit::mimicry;
    if (p.dim() < 2) {
      if (name.ends_with(".bias") && !mimicry && how != SnganInit::biggan) p = Variable::leaf(init::zeros(p.shape()));
      return;
    }
    if ((of_norm && !counts_from_one(how)) || (mimicry && has("attn_block"))) return;
    const bool in_block = has(cat(".", names.conv1, ".")) || has(cat(".", names.conv2, "."));
    const bool of_attention = p.dim() == 4 && !in_block && !has(names.shortcut) && !has("to_rgb");
    const bool larger = (mimicry && in_block) || (how == SnganInit::sngan && (in_block || of_attention));
    p = Variable::leaf(how == SnganInit::studio ? init::orthogonal(rng, p.shape())
                                                : init::xavier_uniform(rng, p.shape(), larger ? std::sqrt(2.0) : 1));
  }
};

void visit_attention(Visitor& v, const std::string& name, SnganSystem system, SelfAttention& attention) {
  if (system == SnganSystem::mimicry) return v.child(name, attention);
  v.child(name + ".theta.conv", attention.theta);
  v.child(name + ".phi.conv", attention.phi);
  v.child(name + ".g.conv", attention.g);
  v.child(name + ".o.conv", attention.o);
  v.parameter(name + ".gamma", attention.gamma);
}

// Blocks "block1", ... and "attn_block", or "conv_blocks.0", ..., attention among them, the first one being called
// `head` if it has a name of its own.
template <class Blocks>
void visit_blocks(Visitor& v, SnganSystem system, Blocks& blocks, std::optional<SelfAttention>& attention,
                  std::int64_t attention_after, std::int64_t first_number, const char* head) {
  const bool mimicry = system == SnganSystem::mimicry;
  std::int64_t place = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto number = static_cast<std::int64_t>(i) + 1;
    v.child(mimicry          ? cat("block", number - 1 + first_number)
            : i == 0 && head ? head
                             : cat("conv_blocks.", place++),
            blocks[i]);
    if (attention && number == attention_after)
      visit_attention(v, mimicry ? "attn_block" : cat("conv_blocks.", place++), system, *attention);
  }
}

}  // namespace

SnganNorm::SnganNorm(Rng& rng, std::int64_t channels, const SnganGeneratorOptions& o)
    : system(o.system),
      gain_table(counts_from_one(o.init) ? GainTable::added_to_one : GainTable::direct),
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
  if (o.system == SnganSystem::mimicry) {
    add(concat({init::normal(rng, shape, gain_table == GainTable::direct ? 1 : 0, 0.02), init::zeros(shape)}, 1)
            .value());
  } else {
    add(init::ones(shape));
    add(init::zeros(shape));
  }
}

Variable SnganNorm::operator()(const Variable& x, const Tensor& labels, const Pass& pass, Rectifier r) {
  if (tables.empty()) return norm(x, pass, r);
  const Variable first = tables[0](labels, pass);
  const std::int64_t c = norm.running.mean.size(0);
  const bool joined = tables.size() == 1;
  const Variable gain = joined ? slice(first, 1, 0, c) : first;
  const Variable bias = joined ? slice(first, 1, c, 2 * c) : tables[1](labels, pass);
  return normalize_batch(x, gain_table == GainTable::direct ? gain : 1 + gain, bias, norm.running, norm.options, pass,
                         r);
}

void SnganNorm::visit(Visitor& v) {
  if (system == SnganSystem::mimicry && tables.empty()) return norm.visit(v);
  v.child(system == SnganSystem::mimicry ? "bn" : "norm", norm);
  if (tables.empty()) return;
  v.child(tables.size() == 1 ? "embed" : "weight_embedding", tables[0]);
  if (tables.size() == 2) v.child("bias_embedding", tables[1]);
}

SnganGenerator::SnganGenerator(Rng& rng, const Options& o)
    : options(checked(o)),
      linear(normalized(rng, Linear(rng, o.latent, o.width * bottom(o) * bottom(o)), o.spectral)),
      output_norm(o.width / generator_divisors(o.resolution).back(), {.eps = o.norm_eps}),
      output(same_size_conv(rng, output_norm.weight.size(0), o.channels, 3, o.spectral)) {
  const std::vector<std::int64_t> divisors = generator_divisors(o.resolution);
  const BlockNames names = block_names(o.system);
  for (std::size_t i = 0; i + 1 < divisors.size(); ++i) {
    const std::int64_t in = o.width / divisors[i], out = o.width / divisors[i + 1];
    blocks.emplace_back(
        rng,
        GeneratorBlockOptions{.in = in, .out = out, .upsampling = o.upsampling, .spectral = o.spectral, .names = names},
        SnganNorm(rng, in, o), SnganNorm(rng, out, o));
    if (static_cast<std::int64_t>(i) + 1 == o.attention_after) attention = SelfAttention(rng, out, o.spectral);
  }
  Initialize initialize(rng, o.init, names);
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
  const bool mimicry = options.system == SnganSystem::mimicry;
  v.child(mimicry ? "l1" : "noise2feat", linear);
  visit_blocks(v, options.system, blocks, attention, options.attention_after, 2, nullptr);
  const std::size_t last = blocks.size() + 2;
  v.child(mimicry ? cat("b", last) : "to_rgb.bn", output_norm);
  v.child(mimicry ? cat("c", last) : "to_rgb.conv", output);
}

SnganDiscriminator::SnganDiscriminator(Rng& rng, const Options& o)
    : options(checked(o)), linear(normalized(rng, Linear(rng, o.width, 1), o.spectral)) {
  const auto [divisors, halvings] = discriminator_plan(o.resolution);
  const BlockNames names = block_names(o.system);
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    const bool first = i == 0;
    const std::int64_t in = first ? o.channels : o.width / divisors[i - 1], out = o.width / divisors[i];
    blocks.emplace_back(
        rng, DiscriminatorBlockOptions{.in = in,
                                       .hidden = first || o.block_width == BlockWidth::wide ? out : in,
                                       .out = out,
                                       .downsampling = i < halvings ? Downsampling::average : Downsampling::none,
                                       .preactivation = first ? Preactivation::no : Preactivation::yes,
                                       .shortcut_input = o.shortcut_input,
                                       .spectral = o.spectral,
                                       .names = names});
    if (static_cast<std::int64_t>(i) + 1 == o.attention_after) attention = SelfAttention(rng, out, o.spectral);
  }
  if (o.classes > 0) embed = normalized(rng, Embedding(rng, o.classes, o.width), o.spectral);
  Initialize initialize(rng, o.init, names);
  visit(initialize);
}

Variable SnganDiscriminator::operator()(const Variable& pictures, const Tensor& labels, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels, {options.resolution, options.resolution});
  check_labels(kDiscriminator, labels, pictures, options.classes);
  Variable x = pictures;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    x = blocks[i](x, pass);
    if (attention && static_cast<std::int64_t>(i) + 1 == options.attention_after) x = (*attention)(x, pass);
  }
  const Variable h = global_sum_pool(relu(x));  // [N, width]
  const Variable logits = flatten(linear(h, pass), 0);
  return embed ? logits + sum((*embed)(labels, pass) * h, {1}) : logits;
}

void SnganDiscriminator::visit(Visitor& v) {
  const bool mimicry = options.system == SnganSystem::mimicry;
  visit_blocks(v, options.system, blocks, attention, options.attention_after, 1, "from_rgb");
  v.child(mimicry ? cat("l", blocks.size() + 1) : "decision", linear);
  if (embed) v.child(mimicry ? "l_y" : "proj_y", *embed);
}

namespace {

std::int64_t published_classes(std::int64_t resolution) { return resolution == 128 ? 1000 : 10; }

// mimicry's SNGAN, on which its others are variations.
SnganConfiguration mimicry(std::string_view name, std::int64_t resolution) {
  const std::int64_t width = resolution == 32 ? 256 : resolution == 48 ? 512 : 1024;
  return {.name = cat("mimicry-", name, "-", resolution),
          .generator = {.resolution = resolution, .width = width},
          .discriminator = {.resolution = resolution, .width = resolution == 32 ? 128 : 1024}};
}

SnganConfiguration mimicry_conditional(std::string_view name, std::int64_t resolution) {
  SnganConfiguration c = mimicry(name, resolution);
  c.generator.classes = c.discriminator.classes = published_classes(resolution);
  return c;
}

SnganConfiguration mmgen(std::string_view name, std::int64_t resolution) {
  const std::int64_t classes = published_classes(resolution), width = resolution == 32 ? 256 : 1024;
  return {.name = cat("mmgen-", name, "-", resolution),
          .generator = {.system = SnganSystem::mmgen,
                        .resolution = resolution,
                        .width = width,
                        .classes = classes,
                        .upsampling = Upsampling::nearest,
                        .norm_eps = 1e-4,
                        .init = SnganInit::studio},
          .discriminator = {.system = SnganSystem::mmgen,
                            .resolution = resolution,
                            .width = resolution == 32 ? 128 : 1024,
                            .classes = classes,
                            .block_width = BlockWidth::wide,
                            .shortcut_input = ShortcutInput::raw,
                            .init = SnganInit::studio}};
}

std::vector<SnganConfiguration> all_configurations() {
  constexpr SpectralNormOptions kTorch{.variant = SpectralNormVariant::torch};
  std::vector<SnganConfiguration> all;
  for (std::int64_t resolution : {32, 48, 64, 128}) {
    all.push_back(mimicry("SNGAN", resolution));
    all.push_back(mimicry("WGAN-GP", resolution));
    all.back().discriminator.spectral.variant = SpectralNormVariant::none;
  }
  for (std::int64_t resolution : {32, 128}) {
    all.push_back(mimicry_conditional("cGAN-PD", resolution));
    all.push_back(mimicry_conditional("SAGAN", resolution));
    all.back().generator.spectral = kTorch;
    all.back().generator.attention_after = resolution == 32 ? 2 : 3;
    all.back().discriminator.attention_after = 2;
  }
  for (std::int64_t resolution : {32, 64, 128}) all.push_back(mmgen("SNGAN", resolution));
  for (std::int64_t resolution : {32, 128}) {
    all.push_back(mmgen("SAGAN", resolution));
    all.back().generator.spectral = kTorch;
    all.back().generator.attention_after = resolution == 32 ? 2 : 4;
    all.back().discriminator.attention_after = 1;
  }
  return all;
}

}  // namespace

const std::vector<SnganConfiguration>& sngan_configurations() {
  static const std::vector<SnganConfiguration> all = all_configurations();
  return all;
}

const SnganConfiguration& sngan_configuration(std::string_view name) {
  std::vector<std::string> names;
  for (const SnganConfiguration& c : sngan_configurations()) {
    if (c.name == name) return c;
    names.push_back(c.name);
  }
  fail("sngan_configuration", "there is no configuration '", name, "'", nearest(name, names));
}

}  // namespace duel
