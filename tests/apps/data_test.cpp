// duel data: what is found in a folder with something wrong in it, the report as JSON, and packed data sets.
#include <doctest/doctest.h>

#include "duel/gan/data/packed.h"
#include "duel/gan/media/png.h"
#include "duel/tensor/rng.h"
#include "tests/apps/program.h"

using namespace duel::testing;
namespace fs = std::filesystem;

namespace {

// A picture that depends on the seed alone.
void make_picture(const fs::path& path, std::uint64_t seed, std::int64_t width = 6, std::int64_t height = 4) {
  fs::create_directories(path.parent_path());
  duel::Tensor picture = duel::Tensor::empty({3, height, width}, {.dtype = duel::DType::uint8});
  duel::Rng draws(seed);
  for (std::int64_t i = 0; i < picture.numel(); ++i)
    picture.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(draws.below(256));
  duel::write_png(path, picture);
}

// Two classes with one of each thing that can be wrong.
struct Wrong {
  Wrong() {
    for (int i = 0; i < 6; ++i) make_picture(data / cat("cats/", i, ".png"), static_cast<std::uint64_t>(i));
    for (int i = 6; i < 9; ++i) make_picture(data / cat("dogs/", i, ".png"), static_cast<std::uint64_t>(i));
    make_picture(data / "cats/again.png", 2);
    make_picture(data / "dogs/cat.png", 3);
    make_picture(data / "dogs/large.png", 20, 9, 9);
    make_picture(data / "dogs/lie.jpg", 21);
    make_file(data / "dogs/torn.png", file_content(data / "dogs/6.png").substr(0, 60));
  }
  static std::string cat(const char* a, int i, const char* b) { return a + std::to_string(i) + b; }

  TempFolder folder;
  fs::path data = folder / "data";
};

Words check(const fs::path& data) { return {"data", "check", data.string()}; }

nlohmann::json report(const Words& words, const fs::path& file, int code) {
  const Result r = run(words + Words{"--json", file.string()});
  CHECK_MESSAGE(r.code == code, r.out, r.err);
  return nlohmann::json::parse(file_content(file));
}

}  // namespace

TEST_CASE("data check lists everything that is wrong, and does not stop at the first") {
  const Wrong w;
  const Result r = run(check(w.data));
  CHECK(r.code == 1);
  CHECK(r.err.empty());
  for (const char* line :
       {"unreadable (1)", "torn.png", "duplicate (1)", "again.png has the pixels of", "mislabelled (1)",
        "but the class dogs instead of cats", "odd_size (1)", "large.png is 9 x 9; most are 6 x 4", "extension (1)",
        "lie.jpg is a PNG file by its content", "14 examples, 13 readable", "6 x 4, 3 channels, 8 bits", "5 findings"})
    CHECK_MESSAGE(contains(r.out, line), line, "\n", r.out);
  CHECK_FALSE(contains(r.out, "small"));
  CHECK(contains(run(check(w.data) + Words{"--min-size", "5"}).out, "small (12)"));
  CHECK(contains(run(check(w.data) + Words{"--min-size", "5", "--limit", "3"}).out, "and 9 more"));
}

TEST_CASE("data check writes a report of it") {
  const Wrong w;
  const auto all = report(check(w.data), w.folder / "r.json", 1);
  CHECK(all["findings"] == 5);
  const auto& part = all["parts"].at(0);
  CHECK(part["examples"] == 14);
  CHECK(part["readable"] == 13);
  CHECK(part["classes"] == nlohmann::json::parse(R"([{"name":"cats","count":7},{"name":"dogs","count":7}])"));
  CHECK(part["sizes"].at(0) == nlohmann::json::parse(R"({"width":6,"height":4,"channels":3,"bits":8,"count":12})"));
  std::vector<std::string> kinds;
  for (const auto& f : part["findings"]) kinds.push_back(f["kind"]);
  CHECK(kinds == std::vector<std::string>{"unreadable", "duplicate", "mislabelled", "odd_size", "extension"});
}

TEST_CASE("data check: a clean data set, and parts of one") {
  const Wrong w;
  const Result r = run(check(w.data) + Words{"--format", "folder", "--max-size", "6"});
  CHECK_MESSAGE(r.code == 0, r.out);
  CHECK(contains(r.out, "nothing is wrong"));
  const auto cats = report(check(w.data) + Words{"--classes", "cats"}, w.folder / "r.json", 1);
  CHECK(cats["parts"].at(0)["examples"] == 7);
}

TEST_CASE("data check and training say what to do about grey pictures among those in colour") {
  const Wrong w;
  fs::remove(w.data / "dogs/torn.png");
  duel::write_png(w.data / "cats/grey.png", duel::Tensor::full({1, 4, 6}, 9, {.dtype = duel::DType::uint8}));
  const auto all = report(check(w.data), w.folder / "r.json", 1);
  std::string odd;
  for (const auto& f : all["parts"].at(0)["findings"])
    if (f["kind"] == "odd_channels") odd += f["example"].get<std::string>() + " " + f["message"].get<std::string>();
  CHECK(contains(odd, "grey.png has 1 channel; most have 3: train with --channels 3"));

  const Words train = {"train",
                       "--run",
                       (w.folder / "run").string(),
                       "--data",
                       w.data.string(),
                       "--preprocess",
                       "resize",
                       "--load-size",
                       "8",
                       "--batch-size",
                       "13",
                       "--width",
                       "4",
                       "--steps",
                       "2"};
  const Result refused = run(train);
  CHECK(refused.code == 1);
  CHECK_MESSAGE(contains(refused.err, "--channels 3"), refused.err);
  CHECK(run(train + Words{"--channels", "3", "--delete"}).code == 0);
}

TEST_CASE("data check: pairs without partners, and both sides of unaligned pictures") {
  const TempFolder folder;
  for (int i = 0; i < 3; ++i) make_picture(folder / Wrong::cat("pairs/A/", i, ".png"), static_cast<std::uint64_t>(i));
  for (int i = 1; i < 4; ++i) make_picture(folder / Wrong::cat("pairs/B/", i, ".png"), static_cast<std::uint64_t>(i));
  const auto pairs = report(check(folder / "pairs") + Words{"--data-mode", "aligned"}, folder / "r.json", 1);
  CHECK(pairs["parts"].at(0)["examples"] == 2);
  CHECK(pairs["findings"] == 2);
  CHECK(pairs["parts"].at(0)["findings"].at(0)["kind"] == "unmatched");

  make_picture(folder / "pairs/B/4.png", 1);
  const auto sides = report(check(folder / "pairs") + Words{"--data-mode", "unaligned"}, folder / "r.json", 1);
  REQUIRE(sides["parts"].size() == 2);
  CHECK(sides["parts"].at(0)["examples"] == 3);
  CHECK(sides["parts"].at(0)["findings"].empty());
  CHECK(sides["parts"].at(1)["findings"].at(0)["kind"] == "duplicate");
}

TEST_CASE("data pack: the same data set in one file") {
  const Wrong w;
  const fs::path file = w.folder / "packed";
  const Result r = run({"data", "pack", w.data.string(), file.string()});
  CHECK(r.code == 0);
  CHECK(contains(r.out, "14 examples"));
  CHECK(contains(r.err, "torn.png"));
  const duel::PackedDataset packed(file);
  CHECK(packed.size() == 14);
  CHECK(packed.class_names() == std::vector<std::string>{"cats", "dogs"});
  const auto checked = report(check(file), w.folder / "r.json", 1);
  CHECK(checked["parts"].at(0)["findings"].size() == 5);
}

TEST_CASE("data: wrong usage") {
  const Wrong w;
  for (const Words& wrong : {Words{"data"}, Words{"data", "chek"}, Words{"data", "check"}, Words{"data", "pack", "x"},
                             check(w.data) + Words{"--formt", "idx"}, check(w.data) + Words{"--format", "gif"},
                             check(w.data) + Words{"--limit", "-1"}, check(w.data) + Words{"more"}}) {
    const Result r = run(wrong);
    CHECK_MESSAGE(r.code == 2, r.err);
    CHECK_MESSAGE(is_one_error(r.err), r.err);
  }
  CHECK(contains(run(check(w.data) + Words{"--formt", "idx"}).err, "nearest: --format"));
  CHECK(run(check(w.folder / "missing")).code == 1);
  const fs::path picture = w.data / "cats/0.png";
  const std::string before = file_content(picture);
  const Result over = run(check(w.data) + Words{"--json", picture.string()});
  CHECK(over.code == 2);
  CHECK_MESSAGE(contains(over.err, "--json"), over.err);
  CHECK(file_content(picture) == before);
}

TEST_CASE("training from a cache gives the same numbers") {
  World world;
  const fs::path cache = world.folder / "cache";
  REQUIRE(run(world.train("plain", 4)).code == 0);
  for (const char* name : {"first", "second"}) {
    const Result r = run(world.train(name, 4) + Words{"--cache", cache.string()});
    REQUIRE_MESSAGE(r.code == 0, r.err);
    CHECK(contains(r.out + r.err, "packing") == (name == std::string("first")));
    CHECK(metrics(world.run_folder(name)) == metrics(world.run_folder("plain")));
  }
}
