// duel sample and duel info: what a trained run is for.
#include <doctest/doctest.h>

#include "duel/gan/media/png.h"
#include "duel/nn/atomic_file.h"
#include "tests/apps/program.h"

using namespace duel::testing;
namespace fs = std::filesystem;

namespace {

struct Trained : World {
  Trained() {
    REQUIRE(run(train("r", 3) + Words{"--class-names", "zero,one,two,three,four,five,six,seven,eight,nine"}).code == 0);
  }
  Words sample(const char* out, const Words& more) const {
    return Words{"sample", "--run", run_folder("r").string(), "--out", (folder / out).string()} + more;
  }
};

}  // namespace

TEST_CASE("samples come as a grid and one by one, classes in turn") {
  Trained t;
  REQUIRE(run(t.sample("all", {"--num-samples", "23"})).code == 0);
  const fs::path all = t.folder / "all";
  CHECK(std::distance(fs::directory_iterator(all), {}) == 24);
  CHECK(duel::read_png(all / "grid.png").shape() == duel::Shape{1, 3 * 10 + 2, 10 * 10 + 2});
  const duel::Tensor one = duel::read_png(all / "00012-class-2.png");
  CHECK(one.shape() == duel::Shape{1, 8, 8});

  // The same seed, the same pictures; another one, others.
  REQUIRE(run(t.sample("again", {"--num-samples", "23"})).code == 0);
  CHECK(file_content(all / "grid.png") == file_content(t.folder / "again" / "grid.png"));
  REQUIRE(run(t.sample("other", {"--num-samples", "23", "--seed", "1"})).code == 0);
  CHECK(file_content(all / "grid.png") != file_content(t.folder / "other" / "grid.png"));

  REQUIRE(run({"sample", "--run", t.run_folder("r").string(), "--num-samples", "1"}).code == 0);
  CHECK(fs::exists(t.run_folder("r") / "drawn" / "00000-class-0.png"));
}

TEST_CASE("a second call replaces what the first one drew, and nothing else") {
  Trained t;
  REQUIRE(run(t.sample("out", {"--num-samples", "5", "--class", "7"})).code == 0);
  duel::atomic_write(t.folder / "out" / "mine.png", "kept");
  REQUIRE(run(t.sample("out", {"--num-samples", "2"})).code == 0);
  CHECK_FALSE(fs::exists(t.folder / "out" / "00004-class-7.png"));
  CHECK(fs::exists(t.folder / "out" / "00001-class-1.png"));
  CHECK(fs::exists(t.folder / "out" / "mine.png"));
}

TEST_CASE("one class, by number or name, from any checkpoint") {
  Trained t;
  REQUIRE(run(t.sample("number", {"--num-samples", "5", "--class", "7"})).code == 0);
  REQUIRE(run(t.sample("name", {"--num-samples", "5", "--class", "seven"})).code == 0);
  CHECK(fs::exists(t.folder / "number" / "00004-class-7.png"));
  CHECK(file_content(t.folder / "number" / "grid.png") == file_content(t.folder / "name" / "grid.png"));
  REQUIRE(run({"sample", "--checkpoint", (t.latest("r").parent_path() / "step-3.safetensors").string(), "--num-samples",
               "5", "--class", "7", "--out", (t.folder / "file").string()})
              .code == 0);
  CHECK(file_content(t.folder / "number" / "grid.png") == file_content(t.folder / "file" / "grid.png"));
}

TEST_CASE("wrong samples are refused") {
  Trained t;
  for (const Words& wrong :
       {Words{"--class", "10"}, Words{"--class", "-1"}, Words{"--class", "sevn"}, Words{"--num-samples", "0"},
        Words{"--num-samples", "x"}, Words{"--num-samples", "999999999999"}, Words{"--checkpoint", "x"}}) {
    const Result r = run(t.sample("wrong", wrong));
    CHECK(r.code == 2);
    CHECK_MESSAGE(is_one_error(r.err), r.err);
  }
  CHECK(contains(run(t.sample("wrong", {"--class", "sevn"})).err, "nearest: seven"));
  CHECK_FALSE(fs::exists(t.folder / "wrong"));
  CHECK(run({"sample"}).code == 2);
  const Result none = run({"sample", "--run", (t.folder / "none").string()});
  CHECK(none.code == 1);
  CHECK(is_one_error(none.err));
}

TEST_CASE("info shows parameters, counts, step and configuration") {
  Trained t;
  const Result folder = run({"info", t.run_folder("r").string()}), file = run({"info", t.latest("r").string()});
  CHECK(folder.code == 0);
  CHECK(folder.out == file.out);
  for (const std::string text :
       {"step 3;", "8 x 8", "10 classes", "generator\n", "discriminator\n", "project.weight", "[16, 4]", "64",
        "(buffer)", "parameters in all", "\"beta1\": 0.5", "\"batch_size\": 8", "\"seven\""})
    CHECK_MESSAGE(contains(folder.out, text), text);

  make_file(t.folder / "other.safetensors", std::string("\x02\0\0\0\0\0\0\0{}", 10));
  const Result other = run({"info", (t.folder / "other.safetensors").string()});
  CHECK(other.code == 1);
  CHECK(contains(other.err, "no checkpoint"));
  CHECK(run({"info", "/nowhere"}).code == 1);
  CHECK(run({"info", "/"}).code == 1);
}
