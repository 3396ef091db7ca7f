// Networks of the catalogue in the program: cards, training, and weights from other systems to draw and translate with.
#include <doctest/doctest.h>

#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/gan/media/png.h"
#include "duel/gan/models/catalogue.h"
#include "duel/gan/pictures.h"
#include "duel/nn/weights.h"
#include "tests/apps/program.h"
#include "tests/tensor/reference.h"

using namespace duel::testing;
namespace fs = std::filesystem;

namespace {

duel::CatalogueEntry entry_of(const char* name, const Words& assignments) {
  duel::CatalogueEntry entry = duel::catalogue_entry(name);
  for (const std::string& assignment : assignments) set_option(entry, assignment);
  return entry;
}

Words settings(const Words& assignments) {
  Words words;
  for (const std::string& assignment : assignments) words = words + Words{"--set", assignment};
  return words;
}

// A network's weights as PyTorch's programs save those of several devices.
void save(duel::Network& network, const fs::path& file) {
  duel::StateDict state;
  for (const auto& [name, tensor] : duel::state_dict(network)) state["module." + name] = tensor;
  duel::write_weights(file, state);
}

const Words kSmall = {"width=8", "latent=6", "classes=3"};
const Words kTranslator = {"width=4", "blocks=1"};

}  // namespace

TEST_CASE("cards tell what a network is and costs; wrong names get the nearest") {
  const Result list = run({"info", "--list"}), card = run({"info", "--model", "mimicry-SNGAN-32"});
  CHECK(list.code == 0);
  CHECK(contains(list.out, "CycleGAN-resnet_9blocks"));
  for (const char* text :
       {"mimicry", "4,276,739", "1,053,825", "multiply-adds", "3 x 32 x 32", "upsampling", "bilinear"})
    CHECK_MESSAGE(contains(card.out, text), text);
  const Result narrow = run({"info", "--model", "mimicry-SNGAN-32", "--set", "generator.width=8"});
  CHECK_FALSE(contains(narrow.out, "4,276,739"));
  CHECK(contains(narrow.out, "1,053,825"));
  // Heads that the scores leave alone, and a layer that nothing uses.
  for (const char* name : {"mimicry-InfoMax-32", "StudioGAN-ReACGAN-C10", "ganzo-pix2pix", "autoencoder-variational"})
    CHECK_MESSAGE(run({"info", "--model", name}).code == 0, name);
  CHECK(contains(run({"info", "--model", "mimicry-SNGAM-32"}).err, "nearest: mimicry-SNGAN-32"));
  CHECK(run({"info", "--model", "mimicry-SNGAN-32", "--set", "widht=8"}).code == 2);
  CHECK(run({"info", "--set", "width=8"}).code == 2);
}

TEST_CASE("every kind of network trains, stops and goes on, with its losses by name") {
  World world;
  const Words words = {"--model", "mimicry-SSGAN-32", "--pad",        "12",      "--loss", "hinge", "--gp-weight",
                       "1",       "--augment",        "color,cutout", "--lecam", "0.1"};
  const Result straight = run(world.train("straight", 4) + words);
  REQUIRE_MESSAGE(straight.code == 0, straight.err);
  REQUIRE(run(world.train("halved", 2) + words).code == 0);
  const Result resumed = run(world.train("halved", 4) + words + Words{"--restore"});
  REQUIRE_MESSAGE(resumed.code == 0, resumed.err);
  CHECK(file_content(world.latest("straight")) == file_content(world.latest("halved")));
  const std::string metrics = file_content(world.run_folder("straight") / "metrics.jsonl");
  for (const char* term : {"\"rotation\"", "\"gradient_penalty\"", "\"lecam\""})
    CHECK_MESSAGE(contains(metrics, term), term);

  const Result refused = run(world.train("none", 1) + Words{"--model", "CycleGAN-resnet_9blocks"});
  CHECK(refused.code == 2);
  CHECK_MESSAGE(is_one_error(refused.err), refused.err);
  CHECK(run(world.train("none", 1) + Words{"--model", "fastai-gan_critic"}).code == 2);
  CHECK(run(world.train("none", 1) + Words{"--model", "mimicry-SNGAN-33"}).code == 2);
  CHECK_FALSE(fs::exists(world.run_folder("none")));
}

TEST_CASE("what can't be trained is refused before a run that is there is removed") {
  World world;
  REQUIRE(run(world.train("kept", 1)).code == 0);
  const std::string before = file_content(world.latest("kept"));
  for (const Words& words : {Words{"--loss", "hinge", "--label-smoothing", "0.1"}, Words{"--model", "mimicry-SNGAN-32"},
                             Words{"--model", "CycleGAN-resnet_9blocks"}, Words{"--augment", "colour"}}) {
    const Result r = run(world.train("kept", 1) + Words{"--delete"} + words);
    CHECK(r.code != 0);
    CHECK_MESSAGE(is_one_error(r.err), r.err);
    CHECK(file_content(world.latest("kept")) == before);
  }
}

TEST_CASE("a step of networks with spectral norms can be looked at") {
  World world;
  REQUIRE(run(world.train("sn", 1) + Words{"--model", "mimicry-SNGAN-32", "--pad", "12", "--loss", "hinge"}).code == 0);
  const Result r = run({"inspect", "--run", world.run_folder("sn").string(), "--data", world.data.string()});
  CHECK_MESSAGE(r.code == 0, r.err);
  CHECK(contains(r.out, "not checked by finite differences"));
}

TEST_CASE("samples of another system's weights are what its network makes") {
  TempFolder folder;
  duel::Rng rng(3);
  duel::Network network = entry_of("mimicry-cGAN-PD-32", kSmall).network("generator").make(rng);
  save(network, folder / "g.pth");
  const Words words =
      Words{"sample", "--weights", (folder / "g.pth").string(), "--model", "mimicry-cGAN-PD-32"} + settings(kSmall);
  const Result r = run(words + Words{"--num-samples", "2", "--class", "2", "--out", (folder / "out").string()});
  REQUIRE_MESSAGE(r.code == 0, r.err);
  const duel::Tensor z = duel::Rng(0).normal({2, 6}), y = duel::Tensor::from<std::int64_t>({2, 2}, {2});
  const duel::Tensor wanted = duel::to_uint8(network(z, y, {.mode = duel::Mode::eval}).value());
  CHECK(same_bits(duel::read_png(folder / "out" / "00001-class-2.png"), wanted.select(0, 1)));

  CHECK(run({"sample", "--weights", (folder / "g.pth").string()}).code == 2);
  CHECK(contains(run(words + Words{"--part", "discriminator"}).err, "draws nothing"));
  duel::Tensor(parameters(network)[0].value()).slice(0, 0, 1).fill_(std::nan(""));
  save(network, folder / "nan.pth");
  const Result nan = run(Words{"sample", "--weights", (folder / "nan.pth").string(), "--model", "mimicry-cGAN-PD-32"} +
                         settings(kSmall));
  CHECK(nan.code == 1);
  CHECK_MESSAGE(contains(nan.err, "NaN"), nan.err);
  const Result other = run({"sample", "--weights", (folder / "g.pth").string(), "--model", "mimicry-SNGAN-32", "--out",
                            (folder / "other").string()});
  CHECK(other.code == 1);
  CHECK(contains(other.err, "nearest"));
  CHECK_FALSE(fs::exists(folder / "other"));
}

TEST_CASE("translations of any size are what the network makes") {
  TempFolder folder;
  duel::Rng rng(3);
  duel::Network network = entry_of("CycleGAN-resnet_6blocks", kTranslator).network("generator").make(rng);
  save(network, folder / "g.pth");
  const duel::Tensor picture = duel::Rng(4).integers({3, 16, 20}, 256).to(duel::DType::uint8);
  duel::write_png(folder / "in.png", picture);
  duel::write_png(folder / "odd.png", picture.slice(1, 0, 15).slice(2, 0, 17));
  const Words words =
      Words{"translate", "--model", "CycleGAN-resnet_6blocks", "--weights", (folder / "g.pth").string()} +
      settings(kTranslator);
  const Result r = run(words + Words{folder.path().string(), (folder / "out").string()});
  REQUIRE_MESSAGE(r.code == 0, r.err);
  const duel::Variable x = unsqueeze(duel::Variable(picture.to(duel::DType::float32)), 0) / 127.5 - 1;
  const duel::Tensor wanted = duel::to_uint8(network(x, {}, {.mode = duel::Mode::eval}).value()).select(0, 0);
  CHECK(same_bits(duel::read_png(folder / "out" / "in.png"), wanted));
  CHECK(duel::read_png(folder / "out" / "odd.png").shape() == duel::Shape{3, 15, 17});
  CHECK(run(words + Words{(folder / "no.png").string(), (folder / "out").string()}).code == 1);
  CHECK(run(words + Words{(folder / "out2").string()}).code == 2);
}

TEST_CASE("weights become those that the original loads, and a wrong network's are refused") {
  TempFolder folder;
  duel::Rng rng(3);
  duel::Network network = entry_of("CycleGAN-resnet_6blocks", kTranslator).network("generator").make(rng);
  save(network, folder / "old.pth");
  const Words words = Words{"convert", "--model", "CycleGAN-resnet_6blocks"} + settings(kTranslator);
  const std::string old = (folder / "old.pth").string(), out = (folder / "new.pth").string();
  REQUIRE(run(words + Words{old, out}).code == 0);
  const duel::StateDict wanted = duel::state_dict(network), got = duel::read_weights(out);
  REQUIRE(got.size() == wanted.size());
  for (const auto& [name, tensor] : wanted) CHECK(same_bits(tensor, got.at(name)));
  // A file of a discriminator alone.
  duel::Network judge = entry_of("CycleGAN-resnet_6blocks", kTranslator).network("discriminator").make(rng);
  save(judge, folder / "d.pth");
  const std::string d = (folder / "d.pth").string(), d_out = (folder / "d_out.pth").string();
  CHECK(run(words + Words{"--part", "discriminator", d, d_out}).code == 0);
  CHECK(duel::read_weights(d_out).size() == duel::state_dict(judge).size());
  const std::string before = file_content(out);
  const Result wrong = run({"convert", "--model", "CycleGAN-resnet_6blocks", old, out});
  CHECK(wrong.code == 1);
  CHECK(file_content(out) == before);
  const Result info = run({"info", old});
  CHECK(contains(info.out, "CycleGAN"));
  CHECK(contains(info.out, "model.1.weight"));
}
