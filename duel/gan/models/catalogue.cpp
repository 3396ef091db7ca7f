#include "duel/gan/models/catalogue.h"

#include "duel/gan/models/autoencoders.h"
#include "duel/gan/models/biggan.h"
#include "duel/gan/models/biggan_deep.h"
#include "duel/gan/models/conditional_dcgan.h"
#include "duel/gan/models/cyclegan_generator.h"
#include "duel/gan/models/dcgan.h"
#include "duel/gan/models/fastai.h"
#include "duel/gan/models/fastai_unet.h"
#include "duel/gan/models/ganzo_plain.h"
#include "duel/gan/models/ganzo_resnet.h"
#include "duel/gan/models/ganzo_translation.h"
#include "duel/gan/models/patch_discriminator.h"
#include "duel/gan/models/pix2pix_generator.h"
#include "duel/gan/models/r3gan.h"
#include "duel/gan/models/resnet_encoder.h"
#include "duel/gan/models/sngan.h"
#include "duel/gan/models/studiogan_dcgan.h"
#include "duel/gan/models/tutorial_gans.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

// A U-Net whose encoder is a ResNet's body.
struct FastaiResnetUnet {
  struct Options {
    ResnetEncoderOptions encoder;
    FastaiUnetOptions unet;
  };
  Options options;
  FastaiUnet unet;

  FastaiResnetUnet(Rng& rng, const Options& o) : options(o), unet(rng, resnet_encoder(rng, o.encoder), o.unet) {}
  Variable operator()(const Variable& pictures, const Pass& pass) { return unet(pictures, pass); }
  void visit(Visitor& v) { unet.visit(v); }
};

template <class F>
void describe(FastaiResnetUnet::Options& o, F&& f) {
  f("encoder_width", o.encoder.width);
  f("encoder_blocks", o.encoder.blocks);
  f("encoder_kind", o.encoder.kind);
  describe(o.unet, f);
}

constexpr Size2 kAnySize{256, 256};  // of pictures for networks that take all sizes

template <class O>
std::int64_t classes_of(const O& o) {
  if constexpr (requires { o.classes; }) return o.classes;
  return 0;
}

template <class O>
NetworkInput latents(const O& o) {
  return {Shape{o.latent}, classes_of(o)};
}

template <class O>
NetworkInput pictures(const O& o) {
  const auto square = [](std::int64_t side) { return Size2{side, side}; };
  const Size2 size = [&] {
    if constexpr (requires { o.size.h; })
      return o.size;
    else if constexpr (requires { o.size(); })
      return square(o.size());
    else if constexpr (requires { square(o.size); })
      return square(o.size);
    else if constexpr (requires { o.resolution; })
      return square(o.resolution);
    else
      return kAnySize;
  }();
  const std::int64_t channels = [&] {
    if constexpr (requires { o.in_channels; })
      return o.in_channels;
    else if constexpr (requires { o.channels; })
      return o.channels;
    else
      return std::int64_t{1};
  }();
  return {Shape{channels, size.h, size.w}, classes_of(o)};
}

NetworkInput unet_pictures(const FastaiResnetUnet::Options& o) { return pictures(o.unet); }

template <class G>
std::pair<std::string, Blueprint> generator(const typename G::Options& o) {
  return {"generator", Blueprint::of<G>(o, latents<typename G::Options>)};
}
template <class G>
std::pair<std::string, Blueprint> translator(const typename G::Options& o) {
  return {"generator", Blueprint::of<G>(o, pictures<typename G::Options>)};
}
template <class D>
std::pair<std::string, Blueprint> discriminator(const typename D::Options& o) {
  return {"discriminator", Blueprint::of<D>(o, pictures<typename D::Options>)};
}
template <class A>
std::pair<std::string, Blueprint> autoencoder(const typename A::Options& o) {
  return {"autoencoder", Blueprint::of<A>(o, pictures<typename A::Options>)};
}

using Entries = std::vector<CatalogueEntry>;

void add_tutorial(Entries& all) {
  const std::string source = "the explained pytorch-CycleGAN-and-pix2pix";
  const MlpGanOptions gan, cgan{.classes = 10, .generator_widths = {128, 256, 512}};
  all.push_back({"tutorial-GAN",
                 source + "; Goodfellow et al. 2014",
                 {generator<MlpGanGenerator>(gan), discriminator<MlpGanDiscriminator>(gan)}});
  all.push_back({"tutorial-CGAN",
                 source + "; Mirza and Osindero 2014",
                 {generator<MlpGanGenerator>(cgan), discriminator<MlpGanDiscriminator>(cgan)}});
  all.push_back({"tutorial-DCGAN",
                 source + "; Radford et al. 2016",
                 {generator<TutorialDcganGenerator>({}), discriminator<TutorialDcganDiscriminator>({})}});
  const auto encoder = [&](const char* kind, const char* paper, const AutoencoderOptions& o) {
    all.push_back({cat("autoencoder-", kind), paper, {autoencoder<Autoencoder>(o)}});
  };
  encoder("undercomplete", "Rumelhart, Hinton and Williams 1986", undercomplete_autoencoder());
  encoder("overcomplete", "Rumelhart, Hinton and Williams 1986", overcomplete_autoencoder());
  encoder("denoising", "Vincent et al. 2008", denoising_autoencoder());
  all.push_back({"autoencoder-variational", "Kingma and Welling 2014", {autoencoder<VariationalAutoencoder>({})}});
}

void add_dcgans(Entries& all) {
  const auto plain = [&](const std::string& name, const std::string& source, const DcganOptions& o) {
    all.push_back({name, source, {generator<DcganGenerator>(o), discriminator<DcganDiscriminator>(o)}});
  };
  for (std::int64_t size : {32, 64, 128})
    plain(cat("DCGAN-", size), "PyTorch's example dcgan; Radford et al. 2016", {.size = size});
  plain("fastai-basic", "fastai.vision.gan: basic_generator, basic_critic", {.layout = DcganLayout::fastai});
  all.push_back(conditional_dcgan());
  all.push_back({"StudioGAN-DCGAN-C10",
                 "PyTorch-StudioGAN; after Radford et al. 2016",
                 {generator<StudioganDcganGenerator>({}), discriminator<StudioganDcganDiscriminator>({})}});
}

void add_fastai(Entries& all) {
  all.push_back({"fastai-gan_critic", "fastai.vision.gan: gan_critic", {discriminator<FastaiCritic>({})}});
  for (const char* body : {"resnet18", "resnet34", "resnet50"})
    all.push_back({cat("fastai-unet-", body),
                   "fastai.vision.models.unet: DynamicUnet",
                   {{"generator", Blueprint::of<FastaiResnetUnet>({resnet_configuration(body), {}}, unet_pictures)}}});
}

void add_ganzo(Entries& all) {
  const std::string source = "Ganzo";
  all.push_back({"ganzo-fc", source, {generator<GanzoFcGenerator>({}), discriminator<GanzoFcDiscriminator>({})}});
  all.push_back({"ganzo-conv",
                 source + "; after Radford et al. 2016",
                 {generator<GanzoConvGenerator>({}), discriminator<GanzoConvDiscriminator>({})}});
  all.push_back({"ganzo-good",
                 source + "; after Gulrajani et al. 2017",
                 {generator<GanzoResnetGenerator>({}), discriminator<GanzoResnetDiscriminator>({})}});
  all.push_back({"ganzo-pix2pix",
                 source + ": u-gen, patch-gan; after Isola et al. 2017",
                 {translator<GanzoUGenerator>({}), discriminator<GanzoPatchDiscriminator>({})}});
}

void add_translation(Entries& all) {
  const std::string source = "pytorch-CycleGAN-and-pix2pix; ";
  const std::string cyclegan = source + "Zhu et al. 2017", pix2pix = source + "Isola et al. 2017";
  for (std::int64_t blocks : {6, 9})
    all.push_back({cat("CycleGAN-resnet_", blocks, "blocks"),
                   cyclegan,
                   {translator<CycleganGenerator>({.blocks = blocks}), discriminator<PatchDiscriminator>({})}});
  const auto unet = [&](const std::string& name, const Pix2pixGeneratorOptions& o) {
    all.push_back({name,
                   pix2pix,
                   {translator<Pix2pixGenerator>(o),
                    discriminator<PatchDiscriminator>(
                        {.in_channels = o.in_channels + o.out_channels, .norm = TranslationNorm::batch})}});
  };
  unet("pix2pix-unet_128", {.halvings = 7, .dropout = 0.5});
  unet("pix2pix-unet_256", {.dropout = 0.5});
  unet("pix2pix-colorization", {.in_channels = 1, .out_channels = 2, .dropout = 0.5});
  all.push_back({"PatchGAN-n_layers", pix2pix, {discriminator<PatchDiscriminator>({})}});
  all.push_back({"PatchGAN-pixel", pix2pix, {discriminator<PixelDiscriminator>({})}});
}

const char* sngan_source(const SnganConfiguration& c) {
  switch (c.generator.system) {
    case SnganSystem::mimicry: return "mimicry";
    case SnganSystem::mmgen: return "MMGeneration";
    case SnganSystem::studiogan: return "PyTorch-StudioGAN";
  }
  fail("catalogue", "there is no such system");
}

void add_residual(Entries& all) {
  for (const SnganConfiguration& c : sngan_configurations())
    all.push_back({c.name,
                   cat(sngan_source(c), "; after Miyato et al. 2018"),
                   {generator<SnganGenerator>(c.generator), discriminator<SnganDiscriminator>(c.discriminator)}});
  const auto source = [](BigganSystem system, const char* original) {
    return cat(system == BigganSystem::studiogan ? "PyTorch-StudioGAN" : original,
               "; Brock, Donahue and Simonyan 2019");
  };
  for (const BigganConfiguration& c : biggan_configurations())
    all.push_back({std::string(c.name),
                   source(c.generator.system, "BigGAN-PyTorch"),
                   {generator<BigganGenerator>(c.generator), discriminator<BigganDiscriminator>(c.discriminator)}});
  for (const BigganDeepConfiguration& c : biggan_deep_configurations())
    all.push_back(
        {std::string(c.name),
         source(c.generator.system, "TensorFlow Hub, with BigGAN-PyTorch's names"),
         {generator<BigganDeepGenerator>(c.generator), discriminator<BigganDeepDiscriminator>(c.discriminator)}});
}

void add_r3gan(Entries& all) {
  const auto add = [&](const char* name, const R3ganOptions& o) {
    all.push_back({cat("R3GAN-", name),
                   "R3GAN; Huang et al. 2024",
                   {generator<R3ganGenerator>(o), discriminator<R3ganDiscriminator>(o)}});
  };
  add("CIFAR10", {.classes = 10});
  add("CIFAR10-unconditional", {});
  add("FFHQ64", {.widths = {768, 768, 768, 768, 384}});
  add("FFHQ256", {.widths = {768, 768, 768, 768, 384, 192, 96}});
  add("ImageNet32", {.widths = {1536, 1536, 1536, 1536}, .group_width = 32, .classes = 1000});
  add("ImageNet64", {.widths = {1536, 1536, 1536, 1536, 1536}, .group_width = 32, .classes = 1000});
}

}  // namespace

const Blueprint& CatalogueEntry::network(std::string_view part) const {
  std::string known;
  for (const auto& [own, blueprint] : networks) {
    if (own == part) return blueprint;
    known += (known.empty() ? "" : " and ") + own;
  }
  fail(name.c_str(), "has no network '", part, "', only ", known);
}

CatalogueEntry conditional_dcgan(const ConditionalDcganOptions& o) {
  return {"duel-conditional-DCGAN",
          "duel, for pictures of any size that halves evenly",
          {generator<ConditionalDcganGenerator>(o), discriminator<ConditionalDcganDiscriminator>(o)}};
}

const std::vector<CatalogueEntry>& catalogue() {
  static const Entries entries = [] {
    Entries all;
    for (const auto add : {add_tutorial, add_dcgans, add_fastai, add_ganzo, add_translation, add_residual, add_r3gan})
      add(all);
    return all;
  }();
  return entries;
}

const CatalogueEntry& catalogue_entry(std::string_view name) {
  std::vector<std::string> names;
  for (const CatalogueEntry& entry : catalogue()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  fail("catalogue", "there is no network '", name, "'", nearest(name, names));
}

void set_option(CatalogueEntry& entry, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  check(equals != assignment.npos, entry.name.c_str(), "'", assignment, "' sets no option: write NAME=VALUE");
  const std::string_view option = assignment.substr(0, equals), value = assignment.substr(equals + 1);
  for (auto& [part, blueprint] : entry.networks)
    if (option.starts_with(part + ".")) return blueprint.set(option.substr(part.size() + 1), value);
  bool used = false;
  for (auto& [part, blueprint] : entry.networks) {
    if (!blueprint.get(option)) continue;
    blueprint.set(option, value);
    used = true;
  }
  if (!used) entry.networks.front().second.set(option, value);  // throws, with the nearest name
}

}  // namespace duel
