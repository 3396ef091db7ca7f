// What is drawn with a trained generator besides single pictures: archives, sheets, curves, interpolations, nearest
// neighbours, projections.
#include <doctest/doctest.h>

#include <cmath>

#include "duel/gan/media/arrays.h"
#include "duel/gan/media/npy.h"
#include "duel/gan/media/picture.h"
#include "duel/gan/media/png.h"
#include "duel/gan/media/zip_archive.h"
#include "duel/gan/models/catalogue.h"
#include "duel/nn/weights.h"
#include "duel/tensor/devices.h"
#include "duel/tensor/rng.h"
#include "tests/apps/program.h"
#include "tests/support/tensors.h"

using namespace duel::testing;
namespace fs = std::filesystem;
using duel::read_png;
using duel::Shape;

namespace {

struct Trained : World {
  Trained() {
    const Result r = run(train("r", 3) + Words{"--class-names", "a,b,c,d,e,f,g,h,i,j"});
    REQUIRE_MESSAGE(r.code == 0, r.err);
  }
  Words words(const char* command, const Words& more) const {
    return Words{command, "--run", run_folder("r").string()} + more;
  }
  std::string path(const char* name) const { return (folder / name).string(); }
  Result sample(const Words& more, const char* out = "out") const {
    return run(words("sample", more + Words{"--out", path(out)}));
  }
};

// The picture in column `column` and row `row` of a grid of 8 x 8 pictures.
std::vector<double> cell(const duel::Tensor& grid, std::int64_t row, std::int64_t column) {
  const std::int64_t top = 2 + 10 * row, left = 2 + 10 * column;
  return doubles(grid.slice(1, top, top + 8).slice(2, left, left + 8));
}

void check_refused(const Result& r) {
  CHECK(r.code == 2);
  CHECK_MESSAGE(is_one_error(r.err), r.err);
}

}  // namespace

TEST_CASE("an archive has the pictures that the files have") {
  const Trained t;
  const Result r = run(t.words("sample", {"--num-samples", "12", "--npz", t.path("a.npz")}));
  if (contains(r.err, "-DDUEL_LIBZIP=ON")) return;
  REQUIRE_MESSAGE(r.code == 0, r.err);
  const duel::TensorDataset data = duel::load_arrays(t.folder / "a.npz");
  CHECK(data.size() == 12);
  CHECK(data.label(11) == 1);
  REQUIRE(t.sample({"--num-samples", "12"}).code == 0);
  duel::Rng unused(0);
  CHECK(doubles(data.read(11, unused).picture) == doubles(read_png(t.folder / "out" / "00011-class-1.png")));
  const duel::ZipArchive zip("test", t.folder / "a.npz");
  CHECK(duel::read_npy(zip.read(0), "arr_0").shape() == Shape{12, 8, 8, 1});
  CHECK_FALSE(fs::exists(t.run_folder("r") / "drawn"));
  const Result full = run(t.words("sample", {"--npz", t.path("full.npz")}), {.file_size_limit = 1000});
  CHECK(full.code == 1);
  CHECK_MESSAGE(is_one_error(full.err), full.err);
  CHECK_FALSE(fs::exists(t.folder / "full.npz"));
}

TEST_CASE("sheets have a row for each class") {
  const Trained t;
  REQUIRE(t.sample({"--sheet", "3", "--classes-per-sheet", "4"}).code == 0);
  CHECK(read_png(t.folder / "out" / "classes-00000-00003.png").shape() == Shape{1, 4 * 10 + 2, 3 * 10 + 2});
  CHECK(read_png(t.folder / "out" / "classes-00008-00009.png").shape() == Shape{1, 2 * 10 + 2, 3 * 10 + 2});
  REQUIRE(t.sample({"--sheet", "5", "--class", "c"}).code == 0);  // the earlier sheets go
  CHECK(std::distance(fs::directory_iterator(t.folder / "out"), {}) == 1);
  CHECK(read_png(t.folder / "out" / "classes-00002-00002.png").shape() == Shape{1, 12, 5 * 10 + 2});
}

TEST_CASE("a truncation curve's rows are the samples of each truncation") {
  const Trained t;
  REQUIRE(t.sample({"--truncation-curve", "0.5_0.5_2", "--num-samples", "4"}).code == 0);
  const duel::Tensor curve = read_png(t.folder / "out" / "truncation.png");
  CHECK(curve.shape() == Shape{1, 4 * 10 + 2, 4 * 10 + 2});
  for (const std::int64_t row : {0, 3}) {
    REQUIRE(t.sample({"--truncation", row == 0 ? "0.5" : "2", "--num-samples", "4"}, "row").code == 0);
    CHECK(cell(curve, row, 2) == doubles(read_png(t.folder / "row" / "00002-class-2.png")));
  }
  // Twice the noise cut at 1 and then halved is that of the hub's way at half.
  REQUIRE(t.sample({"--truncation", "0.5", "--truncation-style", "hub"}, "hub").code == 0);
  REQUIRE(t.sample({"--truncation", "2", "--noise-scale", "0.5"}, "scaled").code == 0);
  CHECK(file_content(t.folder / "hub" / "grid.png") == file_content(t.folder / "scaled" / "grid.png"));
}

TEST_CASE(
    "the averaged network draws by default, the other one by name, standing statistics change what either draws") {
  const Trained t;
  REQUIRE(t.sample({}, "default").code == 0);
  REQUIRE(t.sample({"--network", "generator_ema"}, "ema").code == 0);
  REQUIRE(t.sample({"--network", "generator"}, "live").code == 0);
  const std::string drawn = file_content(t.folder / "default" / "grid.png");
  CHECK(drawn == file_content(t.folder / "ema" / "grid.png"));
  CHECK(drawn != file_content(t.folder / "live" / "grid.png"));
  const Words standing = {"--standing-statistics", "4", "--batch-size", "32"};
  REQUIRE(t.sample(standing, "standing").code == 0);
  REQUIRE(t.sample(standing, "again").code == 0);
  CHECK(drawn != file_content(t.folder / "standing" / "grid.png"));
  CHECK(file_content(t.folder / "standing" / "grid.png") == file_content(t.folder / "again" / "grid.png"));
}

TEST_CASE("variational auto-encoders draw too, others have nothing to draw from") {
  const World world;
  const auto train = [&](const char* name, const char* model) {
    return run(Words{"train", "--run", world.run_folder(name).string(), "--data", world.data.string()} +
               Words{"--game", "autoencode", "--model", model, "--steps", "2", "--batch-size", "8", "--model-options",
                     "widths=12,code=3"});
  };
  const auto sample = [&](const char* name, const Words& more) {
    return run(Words{"sample", "--run", world.run_folder(name).string(), "--num-samples", "4"} + more);
  };
  const Result trained = train("vae", "autoencoder-variational");
  REQUIRE_MESSAGE(trained.code == 0, trained.err);
  const Result drawn = sample("vae", {});
  CHECK_MESSAGE(drawn.code == 0, drawn.err);
  CHECK(read_png(world.run_folder("vae") / "drawn" / "grid.png").shape() == Shape{1, 22, 22});
  check_refused(sample("vae", {"--standing-statistics", "2"}));
  check_refused(sample("vae", {"--network", "generator"}));
  REQUIRE(train("plain", "autoencoder-undercomplete").code == 0);
  CHECK(contains(sample("plain", {}).err, "no distribution of codes"));
}

TEST_CASE("wrong ways of drawing are refused, with the option's name") {
  const Trained t;
  for (const Words& wrong :
       {Words{"--sheet", "3", "--npz", "x.npz"}, Words{"--sheet", "3", "--num-samples", "4"}, Words{"--sheet", "-1"},
        Words{"--truncation", "-1"}, Words{"--truncation", "0.001"}, Words{"--truncation-style", "hubb"},
        Words{"--noise-scale", "0"}, Words{"--network", "discriminator"}, Words{"--truncation-curve", "1_2"},
        Words{"--truncation-curve", "2_0.5_1"}, Words{"--truncation-curve", "0.001_0.5_1"},
        Words{"--truncation-curve", "1_1_2", "--truncation", "1"}, Words{"--standing-statistics", "-1"},
        Words{"--batch-size", "0"}, Words{"--npz", "x.npz"}}) {
    CAPTURE(wrong.front());
    const Result r = t.sample(wrong);
    check_refused(r);
    CHECK(contains(r.err, wrong.front()));
  }
  CHECK_FALSE(fs::exists(t.folder / "out"));
}

TEST_CASE("they draw on the device that they are told, if it is there") {
  const Trained t;
  REQUIRE(t.sample({"--num-samples", "4", "--device", "cpu"}).code == 0);
  REQUIRE(t.sample({"--num-samples", "4", "--device", "cpu", "--precision", "bf16"}, "bf16").code == 0);
  const fs::path drawn = t.folder / "out" / "grid.png";
  CHECK(file_content(drawn) == file_content(t.folder / "bf16" / "grid.png"));  // a GPU's
  for (const char* command : {"sample", "interpolate", "neighbours", "project"}) {
    CAPTURE(command);
    const std::string out = t.path("elsewhere.png");
    const Words words = t.words(command, {"--out", out}) +
                        (command == std::string("project") ? Words{drawn.string(), "--steps", "1"} : Words{});
    for (const Words& wrong : {Words{"--device", "gpu"}, Words{"--precision", "fp16"}}) {
      const Result r = run(words + wrong);
      check_refused(r);
      CHECK_MESSAGE(contains(r.err, wrong.front() + " must be one of "), r.err);
    }
    const std::string problem = duel::device_problem(duel::Device::cuda);
    const Result r = run(words + Words{"--device", "cuda"});
    CHECK(r.code == (problem.empty() ? 0 : 1));
    CHECK_MESSAGE(contains(r.err, problem), r.err);
    CHECK(fs::exists(out) == problem.empty());
    CHECK_MESSAGE(run(words + Words{"--device", "best"}).code == 0, command);
    fs::remove_all(out);
  }
}

TEST_CASE("interpolations begin and end with what sample draws") {
  const Trained t;
  const Result r = run(t.words(
      "interpolate", {"--rows", "3", "--steps", "4", "--out", t.path("z.png"), "--animation", t.path("way.png")}));
  REQUIRE_MESSAGE(r.code == 0, r.err);
  const duel::Tensor sheet = read_png(t.folder / "z.png");
  CHECK(sheet.shape() == Shape{1, 3 * 10 + 2, 6 * 10 + 2});
  REQUIRE(t.sample({"--num-samples", "3"}).code == 0);
  CHECK(cell(sheet, 1, 0) == doubles(read_png(t.folder / "out" / "00001-class-1.png")));
  CHECK(cell(sheet, 1, 0) != cell(sheet, 1, 5));
  CHECK(read_png(t.folder / "way.png").shape() == Shape{1, 2 * 10 + 2, 2 * 10 + 2});  // its first frame
  const std::string animation = file_content(t.folder / "way.png");
  CHECK(contains(animation, std::string("acTL\0\0\0\x0a", 8)));
  const Result gif = run(t.words(
      "interpolate", {"--rows", "3", "--steps", "4", "--out", t.path("z.png"), "--animation", t.path("way.gif")}));
  REQUIRE_MESSAGE((gif.code == 0 || contains(gif.err, "built without GIF")), gif.err);
  if (gif.code == 0)
    CHECK(doubles(duel::read_picture(t.folder / "way.gif")) == doubles(read_png(t.folder / "way.png")));

  REQUIRE(
      run(t.words("interpolate", {"--path", "lerp", "--rows", "3", "--steps", "4", "--out", t.path("l.png")})).code ==
      0);
  CHECK(file_content(t.folder / "z.png") != file_content(t.folder / "l.png"));
}

TEST_CASE("between classes lie mixtures of them") {
  const Trained t;
  const Words common = {"--rows", "2", "--steps", "3", "--class", "b", "--to-class", "7"};
  const Result r = run(t.words("interpolate", common + Words{"--vary", "y", "--out", t.path("y.png")}));
  REQUIRE_MESSAGE(r.code == 0, r.err);
  const duel::Tensor sheet = read_png(t.folder / "y.png");
  REQUIRE(t.sample({"--num-samples", "2", "--class", "1"}, "from").code == 0);
  REQUIRE(t.sample({"--num-samples", "2", "--class", "7"}, "to").code == 0);
  CHECK(cell(sheet, 1, 0) == doubles(read_png(t.folder / "from" / "00001-class-1.png")));
  CHECK(cell(sheet, 1, 4) == doubles(read_png(t.folder / "to" / "00001-class-7.png")));
  CHECK(run(t.words("interpolate", common + Words{"--vary", "both", "--out", t.path("both.png")})).code == 0);
  CHECK(run(t.words("interpolate", {"--vary", "both"})).code == 0);
  CHECK(fs::exists(t.run_folder("r") / "interpolation.png"));
}

TEST_CASE("interpolations that can't be are refused") {
  const Trained t;
  for (const Words& wrong :
       {Words{"--vary", "x"}, Words{"--path", "arc"}, Words{"--rows", "0"}, Words{"--steps", "-1"},
        Words{"--class", "10"}, Words{"--to-class", "1"}, Words{"--animation", "a.webp"}, Words{"--fps", "0"}}) {
    CAPTURE(wrong.front());
    const Result r = run(t.words("interpolate", wrong + Words{"--out", t.path("x.png")}));
    check_refused(r);
    CHECK(contains(r.err, wrong.front()));
  }
  CHECK_FALSE(fs::exists(t.folder / "x.png"));
  make_file(t.folder / "mine.png", "no picture");
  for (const char* command : {"interpolate", "neighbours"}) {
    const Result r = run(t.words(command, {"--out", t.path("mine.png")}));
    check_refused(r);
    CHECK_MESSAGE(contains(r.err, "is there already"), r.err);
  }
  check_refused(run(t.words("interpolate", {"--out", t.path("x.gif")})));
  check_refused(run(t.words("interpolate", {"--out", t.path("x.png"), "--animation", t.path("x.png")})));
  CHECK(file_content(t.folder / "mine.png") == "no picture");
  check_refused(run({"interpolate"}));
}

TEST_CASE("neighbours are the nearest pictures of the training set") {
  const Trained t;
  const Result r = run(t.words("neighbours", {"--num-samples", "4", "--neighbours", "3", "--out", t.path("n.png")}));
  REQUIRE_MESSAGE(r.code == 0, r.err);
  CHECK(contains(r.out, "of 96 pictures"));
  const duel::Tensor sheet = read_png(t.folder / "n.png");
  CHECK(sheet.shape() == Shape{1, 4 * 10 + 2, 4 * 10 + 2});

  // By hand: the data set's file holds the pictures one after the other.
  const std::string file = file_content(t.data / "train-images-idx3-ubyte");
  for (std::int64_t row = 0; row < 4; ++row) {
    const std::vector<double> sample = cell(sheet, row, 0);
    double least = INFINITY;
    std::vector<double> nearest;
    for (std::size_t i = 0; i < 96; ++i) {
      double distance = 0;
      std::vector<double> picture;
      for (std::size_t p = 0; p < 64; ++p) {
        picture.push_back(static_cast<unsigned char>(file[16 + 64 * i + p]));
        distance += (picture[p] - sample[p]) * (picture[p] - sample[p]);
      }
      if (distance >= least) continue;
      least = distance;
      nearest = picture;
    }
    CHECK(cell(sheet, row, 1) == nearest);
    CHECK(cell(sheet, row, 1) != cell(sheet, row, 2));
  }
  CHECK(run(t.words("neighbours", {"--downscale", "4"})).code == 0);
  CHECK(fs::exists(t.run_folder("r") / "neighbours.png"));
  for (const Words& wrong : {Words{"--neighbours", "0"}, Words{"--num-samples", "0"}, Words{"--class", "k"}})
    check_refused(run(t.words("neighbours", wrong)));
  check_refused(run({"neighbours"}));
  CHECK(run(t.words("neighbours", {"--data", t.path("none")})).code == 1);
}

TEST_CASE("projection finds a picture that the generator makes") {
  // A network of random weights large enough for pictures that differ.
  const TempFolder folder;
  const Words settings = {"size=8x8", "channels=1", "classes=5", "latent=4", "width=4"};
  duel::CatalogueEntry entry = duel::catalogue_entry("duel-conditional-DCGAN");
  Words from = {"--weights", (folder / "g.safetensors").string(), "--model", entry.name};
  for (const std::string& setting : settings) {
    set_option(entry, setting);
    from = from + Words{"--set", setting};
  }
  duel::Rng rng(1);
  duel::Network network = entry.network("generator").make(rng);
  for (const duel::Variable& p : parameters(network)) duel::Tensor(p.value()).copy_(rng.normal(p.shape(), 0, 0.5));
  duel::write_weights(folder / "g.safetensors", duel::state_dict(network));
  const std::string out = (folder / "out").string();
  REQUIRE(run(Words{"sample", "--num-samples", "3", "--class", "4", "--out", out} + from).code == 0);
  const fs::path target = folder / "out" / "00002-class-4.png";
  const Words words = Words{"project", target.string(), "--out", (folder / "p.png").string()} + from;
  const Words quick = {"--steps", "60", "--starts", "4", "--class", "4", "--lr", "0.1"};
  const Result r = run(words + quick);
  REQUIRE_MESSAGE(r.code == 0, r.err);
  const duel::Tensor sheet = read_png(folder / "p.png");
  CHECK(sheet.shape() == Shape{1, 12, 8 * 10 + 2});
  CHECK(cell(sheet, 0, 0) == doubles(read_png(target)));
  CHECK(cell(sheet, 0, 1) == cell(sheet, 0, 7));  // the last of the progress is the result
  const auto distance = [&](std::int64_t column) {
    const std::vector<double> a = cell(sheet, 0, 0), b = cell(sheet, 0, column);
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
  };
  CHECK(distance(2) > 10000);
  CHECK(distance(1) < 0.3 * distance(2));
  CHECK(run(words + quick).out == r.out);
  for (const Words& wrong : {Words{"--steps", "0"}, Words{"--lr", "0"}, Words{"--starts", "0"}, Words{"--class", "5"},
                             Words{"--downscale-weight", "-1"}})
    check_refused(run(words + wrong));
  CHECK(run(Words{"project", (folder / "none.png").string()} + from).code == 1);
  check_refused(run(Words{"project", target.string(), "--out", target.string()} + from));
}
