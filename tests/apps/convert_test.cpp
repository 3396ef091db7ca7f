// duel convert: weights of a run for other programs, and theirs back.
#include <doctest/doctest.h>

#include "duel/nn/weights.h"
#include "tests/apps/program.h"
#include "tests/tensor/reference.h"

using namespace duel::testing;
namespace fs = std::filesystem;

TEST_CASE("a run's averaged generator goes to PyTorch's format and back without a changed bit") {
  World world;
  REQUIRE(run(world.train("r", 3)).code == 0);
  const std::string pth = (world.folder / "g.pth").string(), back = (world.folder / "g.safetensors").string();
  const Result r = run({"convert", world.run_folder("r").string(), pth});
  CHECK_MESSAGE(r.code == 0, r.err);
  CHECK(contains(r.out, " tensors, "));
  REQUIRE(run({"convert", pth, back}).code == 0);

  const duel::StateDict wanted = duel::read_weights(world.latest("r"), "generator_ema");
  const duel::StateDict got = duel::read_weights(back);
  REQUIRE(got.size() == wanted.size());
  for (const auto& [name, tensor] : wanted) CHECK(same_bits(tensor, got.at(name)));

  REQUIRE(run({"convert", world.latest("r").string(), pth, "--part", "discriminator"}).code == 0);
  CHECK(duel::read_weights(pth).size() == duel::read_weights(world.latest("r"), "discriminator").size());
}

TEST_CASE("what can't be converted is said in one line, and leaves no file and harms none") {
  World world;
  const std::string text = (world.folder / "text").string(), out = (world.folder / "out.pth").string();
  make_file(text, "not weights");
  for (const Words& words : {Words{"convert", text, out}, Words{"convert", (world.folder / "none").string(), out},
                             Words{"convert", text + "/no/run", out}}) {
    const Result r = run(words);
    CHECK(r.code == 1);
    CHECK_MESSAGE(is_one_error(r.err), r.err);
  }
  CHECK_FALSE(fs::exists(out));
  CHECK(run({"convert", text}).code == 2);
  REQUIRE(run(world.train("r", 1)).code == 0);
  make_file(out, "precious");
  const Result over = run({"convert", world.run_folder("r").string(), out});
  CHECK(over.code == 2);
  CHECK_MESSAGE(contains(over.err, "is there already"), over.err);
  CHECK(file_content(out) == "precious");
  const Result r = run({"convert", world.run_folder("r").string(), (world.folder / "out.onnx").string()});
  CHECK(r.code == 1);
  CHECK(contains(r.err, ".safetensors, .pth or .pt"));
  CHECK_FALSE(fs::exists(world.folder / "out.onnx"));
}
