// duel translate: pictures of pictures by runs of every kind, of any size, format and number.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/gan/data/resize.h"
#include "duel/gan/media/png.h"
#include "duel/tensor/rng.h"
#include "tests/apps/program.h"
#include "tests/support/tensors.h"

using namespace duel::testing;
namespace fs = std::filesystem;
using duel::read_png;
using duel::Shape;
using duel::Tensor;

namespace {

// A colour gradient with something in it.
Tensor picture(std::int64_t h, std::int64_t w, std::uint64_t seed) {
  duel::Rng rng(seed);
  Tensor p = rng.integers({3, h, w}, 64).to(duel::DType::uint8);
  p.slice(0, 0, 1).slice(2, 0, w / 2).fill_(200);
  return p;
}

// PPM, for a format that is no PNG.
void write_ppm(const fs::path& file, const Tensor& p) {
  std::string text = "P6 " + std::to_string(p.size(2)) + " " + std::to_string(p.size(1)) + " 255\n";
  for (const double v : doubles(p.permute({1, 2, 0}))) text.push_back(static_cast<char>(v));
  make_file(file, text);
}

// Folders with pictures and pairs of them, and runs on those.
struct Pairs {
  Pairs() {
    for (const char* name : {"aligned", "single", "trainA", "trainB"}) fs::create_directory(folder / name);
    for (int i = 0; i < 4; ++i) {
      const std::string name = std::to_string(i) + ".png";
      const auto seed = static_cast<std::uint64_t>(i);
      duel::write_png(folder / "aligned" / name, picture(16, 32, seed));
      for (const char* single : {"single", "trainA", "trainB"})
        duel::write_png(folder / single / name, picture(16, 16, seed));
    }
  }
  Result train(const char* name, const Words& more) const {
    return run(Words{"train", "--run", (folder / name).string(), "--steps", "1", "--batch-size", "2", "--model-options",
                     "generator.width=4,generator.blocks=1,discriminator.width=4,discriminator.halvings=1", "--model",
                     "CycleGAN-resnet_6blocks"} +
               more);
  }
  Result translate(const char* name, const fs::path& in, const char* out, const Words& more = {}) const {
    return run(Words{"translate", "--run", (folder / name).string(), in.string(), (folder / out).string()} + more);
  }
  Words data(const char* name) const { return {"--data", (folder / name).string()}; }
  TempFolder folder;
};

struct TrainedPairs : Pairs {
  TrainedPairs() {
    const Result r = train("run", data("aligned") + Words{"--game", "translate", "--data-mode", "aligned"});
    REQUIRE_MESSAGE(r.code == 0, r.err);
  }
};

}  // namespace

TEST_CASE("a run on pairs translates a folder, whatever the files' formats and sizes, and goes on after bad ones") {
  const TrainedPairs t;
  const fs::path in = t.folder / "in";
  fs::create_directories(in / "deeper");
  duel::write_png(in / "a.png", picture(16, 16, 7));
  write_ppm(in / "a.ppm", picture(16, 16, 7));
  write_ppm(in / "odd.ppm", picture(15, 21, 8));
  duel::write_png(in / "deeper" / "d.png", picture(8, 8, 9));
  make_file(in / "bad.png", "no picture");
  duel::write_png(in / "small.png", picture(16, 1, 9));
  make_file(in / "note.txt", "no picture either");

  const Result r = t.translate("run", in, "out");
  CHECK(r.code == 1);
  CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 2);
  CHECK(contains(r.err, "bad.png"));
  CHECK(contains(r.err, "small.png: translate: a picture of 16 x 1 is too small"));
  CHECK(contains(r.err, "--size 16"));
  CHECK(contains(r.out, "3 pictures in"));
  CHECK(contains(r.out, "2 could not be translated"));
  const fs::path out = t.folder / "out";
  CHECK(std::distance(fs::directory_iterator(out), {}) == 3);
  CHECK(file_content(out / "a.png.png") == file_content(out / "a.ppm.png"));  // two that would get one name
  CHECK(read_png(out / "odd.png").shape() == Shape{3, 15, 21});

  for (const char* name : {"bad.png", "small.png"}) fs::remove(in / name);
  CHECK(t.translate("run", in, "deep", {"--recursive"}).code == 0);
  CHECK(read_png(t.folder / "deep" / "deeper" / "d.png").shape() == Shape{3, 8, 8});
  CHECK(t.translate("run", in / "a.png", "one").code == 0);
  CHECK(file_content(t.folder / "one" / "a.png") == file_content(out / "a.png.png"));
}

TEST_CASE("what is translated is not overwritten, nor taken for an input when it lies among them") {
  const TrainedPairs t;
  const fs::path in = t.folder / "single";
  const std::string before = file_content(in / "0.png");
  fs::create_directory(t.folder / "notes");
  make_file(t.folder / "notes" / "0.png", "mine");
  CHECK(t.translate("run", in / "0.png", "notes").code == 2);
  CHECK(file_content(t.folder / "notes" / "0.png") == "mine");
  const Result r = t.translate("run", in, "single");
  CHECK(r.code == 2);
  CHECK_MESSAGE(is_one_error(r.err), r.err);
  fs::create_directory_symlink(in, t.folder / "link");
  CHECK(t.translate("run", in / "0.png", "link").code == 2);
  CHECK(file_content(in / "0.png") == before);
  for (int again = 0; again < 2; ++again)
    CHECK(contains(t.translate("run", in, "single/out", {"--recursive"}).out, "4 pictures"));
}

TEST_CASE("a full disk leaves no part of a picture") {
  const TrainedPairs t;
  const fs::path out = t.folder / "out";
  const Result r =
      run({"translate", "--run", (t.folder / "run").string(), (t.folder / "single").string(), out.string()},
          {.file_size_limit = 300});
  CHECK(r.code == 1);
  CHECK_MESSAGE(is_one_error(r.err), r.err);
  CHECK(fs::is_empty(out));
}

TEST_CASE("tiles pass into one another, and a tile as large as the picture is the picture") {
  const TrainedPairs t;
  duel::write_png(t.folder / "large.png", picture(50, 70, 3));
  const auto translated = [&](const char* out, const Words& more) {
    const Result r = t.translate("run", t.folder / "large.png", out, more);
    REQUIRE_MESSAGE(r.code == 0, r.err);
    return read_png(t.folder / out / "large.png");
  };
  const Tensor whole = translated("whole", {}), same = translated("same", {"--tile", "72"}),
               tiled = translated("tiled", {"--tile", "32", "--overlap", "8"});
  CHECK(doubles(whole) == doubles(same));
  CHECK(tiled.shape() == Shape{3, 50, 70});
  CHECK(doubles(tiled) != doubles(whole));  // norms of a tile are not those of the picture
  double sum = 0;
  const std::vector<double> a = doubles(whole), b = doubles(tiled);
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  CHECK(sum / static_cast<double>(a.size()) < 20);
  for (const Words& wrong :
       {Words{"--tile", "-1"}, Words{"--tile", "16", "--overlap", "9"}, Words{"--mode", "test"},
        Words{"--direction", "a_to_b"}, Words{"--model", "CycleGAN-resnet_6blocks"}, Words{"--device", "gpu"}}) {
    const Result r = t.translate("run", t.folder / "large.png", "wrong", wrong);
    CHECK(r.code == 2);
    CHECK_MESSAGE(is_one_error(r.err), r.err);
  }
}

TEST_CASE("a run without pairs has two directions") {
  const Pairs t;
  const Result trained =
      t.train("run", Words{"--data", t.folder.path().string(), "--game", "cycle", "--data-mode", "unaligned"});
  REQUIRE_MESSAGE(trained.code == 0, trained.err);
  const auto translated = [&](const char* out, const Words& more) {
    const Result r = t.translate("run", t.folder / "single" / "0.png", out, more);
    CHECK_MESSAGE(r.code == 0, r.err);
    return file_content(t.folder / out / "0.png");
  };
  const std::string a = translated("default", {}), b = translated("b", {"--direction", "b_to_a"});
  CHECK(a == translated("a", {"--direction", "a_to_b"}));
  CHECK(a != b);
  CHECK(t.translate("run", t.folder / "single", "wrong", {"--direction", "up"}).code == 2);
}

TEST_CASE("pictures get the size that training gave them, as the original's test has it, or keep their own") {
  const Pairs t;
  const Result trained = t.train("run", t.data("aligned") + Words{"--game", "translate", "--data-mode", "aligned",
                                                                  "--preprocess", "resize", "--load-size", "16x24"});
  REQUIRE_MESSAGE(trained.code == 0, trained.err);
  duel::write_png(t.folder / "odd.png", picture(9, 5, 3));
  const Tensor resized = duel::resize(read_png(t.folder / "odd.png"), {16, 24}, duel::ResizeFilter::bicubic);
  duel::write_png(t.folder / "even.png", resized);
  const auto translated = [&](const char* name, const Words& more) {
    const Result r = t.translate("run", t.folder / name, "out", more);
    REQUIRE_MESSAGE(r.code == 0, r.err);
    CHECK(contains(r.out, "resized to 16x24 as in training") == more.empty());
    return read_png(t.folder / "out" / name);
  };
  const Tensor even = translated("even.png", {});
  CHECK(even.shape() == Shape{3, 16, 24});
  CHECK(doubles(translated("odd.png", {})) == doubles(even));
  CHECK(doubles(translated("odd.png", {"--size", "trained"})) == doubles(even));
  CHECK(doubles(translated("even.png", {"--size", "keep"})) == doubles(even));
  CHECK(translated("odd.png", {"--size", "keep"}).shape() == Shape{3, 9, 5});
  CHECK(translated("odd.png", {"--size", "12"}).shape() == Shape{3, 12, 12});
  CHECK(translated("even.png", {"--tile", "12"}).shape() == Shape{3, 16, 24});
  duel::write_png(t.folder / "thin.png", picture(16, 1, 3));
  const Result thin = t.translate("run", t.folder / "thin.png", "out", {"--size", "keep"});
  CHECK(thin.code == 1);
  CHECK_MESSAGE(contains(thin.err, "--size trained"), thin.err);
  for (const char* wrong : {"0", "big", "12x", "70000"}) {
    const Result r = t.translate("run", t.folder / "odd.png", "out", {"--size", wrong});
    CHECK(r.code == 2);
    CHECK_MESSAGE(contains(r.err, "--size"), r.err);
  }
}

TEST_CASE("runs that colour and restore pictures do so") {
  const Pairs t;
  const Result colours =
      t.train("colours", t.data("single") + Words{"--game", "translate", "--data-mode", "colorization"});
  REQUIRE_MESSAGE(colours.code == 0, colours.err);
  // The lightness stays: of a grey picture and a coloured one alike.
  const Tensor grey = picture(16, 16, 5).slice(0, 1, 2);
  duel::write_png(t.folder / "grey.png", grey);
  duel::write_png(t.folder / "three.png", grey.expand({3, 16, 16}));
  for (const char* name : {"grey.png", "three.png"})
    REQUIRE(t.translate("colours", t.folder / name, "coloured").code == 0);
  CHECK(read_png(t.folder / "coloured" / "grey.png").shape() == Shape{3, 16, 16});
  CHECK(file_content(t.folder / "coloured" / "grey.png") == file_content(t.folder / "coloured" / "three.png"));

  const Result restores =
      t.train("restores", t.data("single") + Words{"--game", "translate", "--data-mode", "restoration"});
  REQUIRE_MESSAGE(restores.code == 0, restores.err);
  CHECK(t.translate("restores", t.folder / "single", "restored").code == 0);
  CHECK(read_png(t.folder / "restored" / "3.png").shape() == Shape{3, 16, 16});
}

TEST_CASE("runs that make pictures of noise translate nothing, and those of pictures draw none") {
  const World world;
  REQUIRE(run(world.train("r", 1)).code == 0);
  make_file(world.folder / "x.png", "");
  const Result r = run({"translate", "--run", world.run_folder("r").string(), (world.folder / "x.png").string(),
                        (world.folder / "out").string()});
  CHECK(r.code == 2);
  CHECK(contains(r.err, "duel sample"));
  const TrainedPairs t;
  const Result s = run({"sample", "--run", (t.folder / "run").string()});
  CHECK(s.code == 2);
  CHECK(contains(s.err, "duel translate"));
}
