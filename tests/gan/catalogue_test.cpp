// The catalogue: published counts of parameters, options from texts, and networks behind one interface.
#include "duel/gan/models/catalogue.h"

#include <set>

#include "duel/nn/ema.h"
#include "tests/gan/network_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Weights of large networks from the quickest distribution that they have: orthogonal ones take their time.
Network made(Blueprint blueprint) {
  if (blueprint.get("init") == "orthogonal") blueprint.set("init", "standard");
  Rng rng(1);
  return blueprint.make(rng);
}

std::int64_t count_of(const CatalogueEntry& entry, const char* part) {
  Network network = made(entry.network(part));
  return count_parameters(network);
}

CatalogueEntry with(const char* name, std::initializer_list<const char*> assignments) {
  CatalogueEntry entry = catalogue_entry(name);
  for (const char* assignment : assignments) set_option(entry, assignment);
  return entry;
}

struct Published {
  const char* name;
  std::int64_t generator, discriminator;
};

}  // namespace

TEST_CASE("parameters are as many as each system's own networks have") {
  const Published all[] = {
      {"tutorial-GAN", 1510032, 533505},
      {"tutorial-CGAN", 582544, 538625},
      {"tutorial-DCGAN", 783937, 155073},
      {"ganzo-fc", 1493520, 1460225},
      {"ganzo-conv", 174827, 44777},
      {"ganzo-good", 8540483, 9454081},
      {"ganzo-pix2pix", 524483, 11821},
      {"fastai-basic", 3576704, 2765633},
      {"CycleGAN-resnet_6blocks", 7837699, 2764737},
      {"CycleGAN-resnet_9blocks", 11378179, 2764737},
      {"pix2pix-unet_128", 41828995, 2768705},
      {"pix2pix-unet_256", 54413955, 2768705},
      {"pix2pix-colorization", 54409858, 2765633},
      {"BigGAN-C10", 4304387, 4207361},
      {"BigGAN-C100", 4580867, 4230401},
      {"BigGAN-I128", 70433988, 87982370},
      {"BigGAN-I128-ch64", 31978628, 39448258},
      {"BigGAN-I256", 82097604, 99191330},
      {"SAGAN-I128", 42017412, 39448258},
      {"SNGAN-I128", 41996931, 30005013},
      {"StudioGAN-DCGAN-C10", 3812355, 2931009},
      {"StudioGAN-WGAN-GP-C10", 4276739, 1055879},
      {"StudioGAN-SNGAN-C10", 4304387, 1055105},
      {"StudioGAN-SAGAN-C10", 4386308, 1075586},
      {"StudioGAN-SNGAN-I128", 41996931, 39443137},
      {"StudioGAN-BigGAN-C10", 9416196, 2415170},
      {"StudioGAN-BigGAN-I128", 70433988, 87982370},
      {"StudioGAN-ContraGAN-C10", 9416196, 2517186},
      {"StudioGAN-ReACGAN-C10", 9416196, 2517186},
      {"StudioGAN-BigGAN-Deep-C10", 7762948, 2908930},
      {"StudioGAN-BigGAN-Deep-StudioGAN-C10", 9338884, 3177730},
      {"mimicry-SNGAN-32", 4276739, 1053825},
      {"mimicry-WGAN-GP-32", 4276739, 1053825},
      {"mimicry-SSGAN-32", 4276739, 1054341},
      {"mimicry-InfoMax-32", 4276739, 1615233},
      {"mimicry-cGAN-PD-32", 4304387, 1055105},
      {"mimicry-SAGAN-32", 4386308, 1075586},
      {"mimicry-SNGAN-48", 4878083, 10141441},
      {"mimicry-SNGAN-64", 12220675, 10141441},
      {"mimicry-SNGAN-128", 32150787, 29017857},
      {"R3GAN-CIFAR10", 20781952, 21280512},
      {"R3GAN-CIFAR10-unconditional", 20732160, 20683776},
      {"R3GAN-FFHQ64", 22429824, 22381440},
      {"R3GAN-FFHQ256", 23057952, 23009568},
      {"R3GAN-ImageNet32", 82914304, 86548992},
      {"R3GAN-ImageNet64", 103570432, 107205120},
  };
  for (const Published& p : all) {
    CAPTURE(p.name);
    const CatalogueEntry& entry = catalogue_entry(p.name);
    CHECK(count_of(entry, "generator") == p.generator);
    CHECK(count_of(entry, "discriminator") == p.discriminator);
  }
}

TEST_CASE("and so do their variants") {
  const auto generator = [](const char* name, std::initializer_list<const char*> set) {
    return count_of(with(name, set), "generator");
  };
  const auto discriminator = [](const char* name, std::initializer_list<const char*> set) {
    return count_of(with(name, set), "discriminator");
  };
  CHECK(generator("CycleGAN-resnet_9blocks", {"generator.norm=batch"}) == 11383427);
  CHECK(generator("CycleGAN-resnet_6blocks", {"generator.norm=batch"}) == 7841411);
  CHECK(generator("pix2pix-unet_128", {"norm=instance"}) == 41825667);
  CHECK(generator("pix2pix-unet_256", {"norm=instance"}) == 54409603);
  CHECK(discriminator("pix2pix-unet_256", {"norm=instance"}) == 2767809);
  CHECK(discriminator("CycleGAN-resnet_9blocks", {"discriminator.norm=batch"}) == 2765633);
  const std::pair<const char*, std::int64_t> layers[] = {
      {"halvings=1", 136385}, {"halvings=2", 662977}, {"halvings=4", 6959553}, {"halvings=5", 11154369}};
  for (const auto& [halvings, expected] : layers) CHECK(discriminator("PatchGAN-n_layers", {halvings}) == expected);
  CHECK(discriminator("PatchGAN-pixel", {}) == 8705);
  CHECK(discriminator("PatchGAN-pixel", {"in_channels=6", "norm=batch"}) == 9024);
  CHECK(generator("ganzo-conv", {"channels=1"}) == 174569);
  CHECK(discriminator("ganzo-conv", {"channels=1"}) == 44521);
  CHECK(generator("fastai-basic", {"extra_layers=1"}) == 3613696);
  CHECK(discriminator("fastai-basic", {"extra_layers=1"}) == 2802625);
  CHECK(discriminator("fastai-gan_critic", {}) == 44705665);
}

TEST_CASE("names are of one network each, and what is unknown is named with what is near") {
  std::set<std::string> names;
  for (const CatalogueEntry& entry : catalogue()) {
    CHECK_MESSAGE(names.insert(entry.name).second, entry.name, " is there twice");
    CHECK_FALSE(entry.source.empty());
    CHECK_FALSE(entry.networks.empty());
  }
  CHECK(error_of([] { catalogue_entry("BigGAN-C11"); }) ==
        "catalogue: there is no network 'BigGAN-C11' (nearest: BigGAN-C10)");
  CHECK(error_of([] { catalogue_entry("BigGAN-C10").network("critic"); }) ==
        "BigGAN-C10: has no network 'critic', only generator and discriminator");
  CatalogueEntry entry = catalogue_entry("BigGAN-C10");
  CHECK(error_of([&] { set_option(entry, "widht=3"); }).find("nearest: width") != std::string::npos);
  CHECK(error_of([&] { set_option(entry, "width"); }).find("NAME=VALUE") != std::string::npos);
  CHECK_FALSE(error_of([&] { set_option(entry, "generator.block_width=thin"); }).empty());
  set_option(entry, "block_width=thin");  // the discriminator's alone
  CHECK(entry.network("discriminator").get("block_width") == "thin");
  set_option(entry, "generator.width=8");
  CHECK(entry.network("generator").get("width") == "8");
  CHECK(entry.network("discriminator").get("width") == "64");
}

TEST_CASE("a network behind the interface is the network itself") {
  const SnganGeneratorOptions options{.width = 8, .classes = 3, .latent = 5, .upsampling = Upsampling::nearest};
  Rng rng(1), same(1);
  SnganGenerator plain(rng, options);
  CatalogueEntry entry = with("mimicry-cGAN-PD-32", {"width=8", "classes=3", "latent=5", "upsampling=nearest"});
  Network held = entry.network("generator").make(same);
  CHECK(held.input().shape == Shape{5});
  CHECK(held.input().classes == 3);
  const Tensor z = Rng(2).normal({2, 5}), y = int_labels({2, 0});
  CHECK(difference(plain(z, y).value(), held(z, y).value()) == 0);
  CHECK(parameter_names(plain) == parameter_names(held));

  // A clone, and an average, have parameters of their own.
  Network copy = clone(held);
  Tensor(parameters(copy)[0].value()).fill_(0);
  CHECK(difference(plain(z, y).value(), held(z, y).value()) == 0);
  Ema<Network> ema(held, 0.5);
  CHECK(difference(ema.model(z, y, kEvaluation).value(), plain(z, y, kEvaluation).value()) == 0);
}

TEST_CASE("labels go to networks that know classes, and to no others") {
  Rng rng(1);
  Network plain = with("tutorial-GAN", {}).network("generator").make(rng);
  Network encoder =
      with("autoencoder-variational", {"widths=8", "code=2", "size=4x4"}).network("autoencoder").make(rng);
  const Tensor pictures = Rng(2).uniform({2, 1, 4, 4}, -1, 1);
  CHECK(encoder(pictures, {}, kEvaluation).shape() == pictures.shape());
  CHECK(error_of([&] { encoder(pictures, int_labels({0, 1})); }).find("no classes") != std::string::npos);
  CHECK_FALSE(error_of([&] { plain(Rng(3).normal({2, 100}), int_labels({0, 1})); }).empty());
}

TEST_CASE("judgements have what the network's heads say") {
  Rng rng(1);
  const Tensor x = Rng(2).uniform({4, 3, 32, 32}, -1, 1), y = int_labels({0, 1, 2, 0});
  Network turns = with("mimicry-SSGAN-32", {"width=8"}).network("discriminator").make(rng);
  CHECK(turns.judge(x, {}, PictureOrigin::real).rotations.shape() == Shape{4, 4});
  Network classes = with("StudioGAN-ReACGAN-C10", {"width=4", "discriminator.embedding=6", "classes=3", "attention=0"})
                        .network("discriminator")
                        .make(rng);
  const Judgement judged = classes.judge(x, y, PictureOrigin::real);
  CHECK(judged.classes.embedding.shape() == Shape{4, 6});
  CHECK_FALSE(judged.rotations.defined());
  Network plain = with("DCGAN-32", {"width=4"}).network("discriminator").make(rng);
  CHECK(plain.judge(x, {}, PictureOrigin::real).classes.logits.shape() == Shape{4});
}
