// Plug-ins: the example with a part of every kind, loaded by the program, and libraries that can't be.
#include <fstream>

#include <doctest/doctest.h>

#include "tests/apps/program.h"

using namespace duel::testing;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

const std::string kExample = DUEL_EXAMPLE_PLUGIN;
const Words kPlugin{"--plugin", kExample};

// A list of pictures, 8 x 8 and of two classes, as the example's data set has it.
fs::path write_list(const fs::path& folder) {
  std::ofstream list(folder / "list.txt");
  for (int i = 0; i < 12; ++i) {
    const std::string name = "picture" + std::to_string(i) + ".pgm";
    std::ofstream picture(folder / name, std::ios::binary);
    picture << "P5 8 8 255\n";
    for (int p = 0; p < 64; ++p) picture.put(static_cast<char>((p * (i + 3)) % 256));
    list << i % 2 << ' ' << name << '\n';
  }
  return folder / "list.txt";
}

Words train(const TempFolder& folder, const std::string& run_name, const fs::path& data) {
  return kPlugin +
         Words{"train", "--run", (folder / run_name).string(), "--data", data.string(), "--data-format", "list"} +
         Words{"--batch-size", "4", "--threads", "1", "--model", "two-layer", "--latent", "6", "--width", "8"} +
         Words{"--sample-every", "2", "--checkpoint-every", "2", "--log-every", "1"};
}
Words train(const TempFolder& folder, const std::string& run_name) {
  return train(folder, run_name, write_list(folder.path()));
}

std::string refused(const Words& words) {
  const Result r = run(words);
  CHECK(r.code == 2);
  CHECK_MESSAGE(is_one_error(r.err), r.err);
  return r.err;
}

}  // namespace

TEST_CASE("a plug-in's settings are in the help and in the configuration") {
  const Result help = run(kPlugin + Words{"train", "--help"});
  REQUIRE(help.code == 0);
  for (const std::string text :
       {"Plug-in: loss margin (hinge loss with a margin of one's own)", "--margin.width=1.0", "from 0 to 100",
        "--list.labelled=true", "--diary.file=diary.txt", "relativistic, dcgan", "margin", "energy", "sphere"})
    CHECK_MESSAGE(contains(help.out, text), text);
  CHECK_FALSE(contains(run({"train", "--help"}).out, "margin"));

  const auto config = [](const Words& more) {
    return Json::parse(run(kPlugin + Words{"config", "--json"} + more).out);
  };
  CHECK(config({"--loss", "margin", "--margin.width", "0.5"})["margin.width"] == 0.5);
  CHECK(config({"--loss", "margin"})["margin.width"] == 1.0);
  CHECK_FALSE(config({}).contains("margin.width"));  // of no use there
  const auto hash = [](const Words& more) { return run(kPlugin + Words{"config", "--hash"} + more).out; };
  CHECK(hash({}) == run({"config", "--hash"}).out);
  CHECK(hash({}) == hash({"--loggers", "diary"}));
  CHECK(hash({"--loss", "margin"}) != hash({"--loss", "margin", "--set", "margin.width=2"}));

  CHECK(contains(refused(kPlugin + Words{"config", "--loss", "margin", "--margin.width", "-1"}), "from 0 to 100"));
  CHECK(contains(refused(kPlugin + Words{"config", "--margin.widht", "1"}), "(nearest: --margin.width)"));
  CHECK(contains(refused({"config", "--set", "margin.width=1"}), "--plugin FILE"));
}

TEST_CASE("one run has a part of every kind, and goes on to the same bytes") {
  const TempFolder folder;
  const Words parts{"--loss",
                    "margin",
                    "--margin.width",
                    "0.7",
                    "--latent-distribution",
                    "sphere",
                    "--transforms",
                    "posterize",
                    "--posterize.levels",
                    "3",
                    "--loggers",
                    "csv,diary",
                    "--snapshots",
                    "mean",
                    "--best",
                    "shade",
                    "--best-every",
                    "2"};
  const Result whole = run(train(folder, "whole") + parts + Words{"--steps", "4"});
  REQUIRE_MESSAGE(whole.code == 0, whole.err);
  CHECK(contains(whole.out, " sample --plugin " + kExample + " --run "));
  const fs::path run_folder = folder / "whole";
  const std::string diary = file_content(run_folder / "diary.txt");
  for (const std::string line :
       {"begun\n", "step 3: epoch ", " d_loss ", "a picture samples [1, ", "a picture mean [1, 8, 8]", "complete\n"})
    CHECK_MESSAGE(contains(diary, line), line);
  CHECK(fs::exists(run_folder / "samples" / "step-000002-mean.png"));
  CHECK(fs::exists(run_folder / "checkpoints" / "best.safetensors"));
  CHECK(contains(run(kPlugin + Words{"info", run_folder.string()}).out, "two-layer"));

  REQUIRE(run(train(folder, "cut") + parts + Words{"--steps", "2"}).code == 0);
  const Result on = run(kPlugin + Words{"train", "--run", (folder / "cut").string(), "--restore", "--steps", "4"});
  REQUIRE_MESSAGE(on.code == 0, on.err);
  CHECK(contains(file_content(folder / "cut" / "diary.txt"), "went on after step 2\n"));
  for (const char* file : {"checkpoints/latest.safetensors", "samples/step-000004.png", "samples/step-000004-mean.png"})
    CHECK_MESSAGE(file_content(run_folder / file) == file_content(folder / "cut" / file), file);

  // What only looks on may change, and need not be there to draw.
  const Words restore{"train", "--run", (folder / "cut").string(), "--restore"};
  const Result other = run(kPlugin + restore + Words{"--steps", "5", "--loggers", "csv", "--snapshots", ""});
  CHECK_MESSAGE(other.code == 0, other.err);
  const std::string lost = refused({"train", "--run", (folder / "cut").string(), "--restore", "--steps", "6"});
  CHECK_MESSAGE(contains(lost, "--plugin"), lost);
}

TEST_CASE("a run of a plug-in's model asks for it") {
  const TempFolder folder;
  const Words plain{"train",
                    "--run",
                    (folder / "run").string(),
                    "--data",
                    DUEL_SOURCE_DIR "/tests/golden/pictures",
                    "--data-format",
                    "flat",
                    "--channels",
                    "1",
                    "--preprocess",
                    "resize",
                    "--load-size",
                    "8x8"};
  const Result made =
      run(kPlugin + plain +
          Words{"--model", "two-layer", "--width", "8", "--batch-size", "2", "--steps", "1", "--loggers", "diary"});
  REQUIRE_MESSAGE(made.code == 0, made.err);
  const std::string run_folder = (folder / "run").string();
  for (const Words& words : {Words{"sample", "--run", run_folder}, Words{"train", "--run", run_folder, "--restore"}})
    CHECK(contains(refused(words), "--plugin FILE"));
  CHECK(
      run({"data", "check", write_list(folder.path()).string(), "--data-format", "list", "--plugin", kExample}).code ==
      0);
}

TEST_CASE("a plug-in's game trains, goes on and draws") {
  const TempFolder folder;
  const Words game = train(folder, "run") + Words{"--game", "energy", "--energy.diversity", "0.9"};
  const Result first = run(game + Words{"--steps", "3"});
  REQUIRE_MESSAGE(first.code == 0, first.err);
  const std::vector<Json> lines = metrics(folder / "run");
  REQUIRE(lines.size() == 3);
  CHECK(lines[2]["distance"].get<double>() > 0);
  CHECK(run(kPlugin + Words{"train", "--run", (folder / "run").string(), "--restore", "--steps", "5"}).code == 0);
  const Result drawn = run(kPlugin + Words{"sample", "--run", (folder / "run").string(), "--num-samples", "3", "--out",
                                           (folder / "drawn").string()});
  CHECK_MESSAGE(drawn.code == 0, drawn.err);
}

TEST_CASE("parts that there are not, and data that a part refuses") {
  const TempFolder folder;
  const Words line = train(folder, "run") + Words{"--steps", "1"};
  CHECK(contains(refused(line + Words{"--transforms", "posterise"}), "no transform 'posterise'; there are posterize"));
  CHECK(contains(refused(line + Words{"--loggers", "diry"}), "there are html, csv, tensorboard, diary"));
  CHECK(contains(refused({"config", "--loss", "margin"}), "one of gan, vanilla"));
  CHECK(contains(refused({"train", "--steps", "1", "--run", (folder / "r").string(), "--snapshots", "mean"}),
                 "plug-ins bring them: --plugin FILE"));
  std::ofstream(folder / "wrong.txt") << "0 a.png\nb.png\n";
  const Result wrong = run(train(folder, "run", folder / "wrong.txt") + Words{"--steps", "1"});
  CHECK(wrong.code == 1);
  CHECK(contains(wrong.err, "line 2: needs a class and a path"));
}

TEST_CASE("libraries that can't be loaded") {
  const auto why = [](const std::string& file) { return refused({"--plugin", file, "config", "--hash"}); };
  CHECK(contains(why("/nowhere/libmine.so"), "there is no file"));
  CHECK(contains(why(DUEL_SOURCE_DIR "/README.md"), "can't be loaded"));
  CHECK(contains(why(DUEL_TEST_PLUGIN_not_one), "is no plug-in of duel: it has no duel_plugin_abi"));
  const std::string another = why(DUEL_TEST_PLUGIN_another_duel);
  CHECK(contains(another, "was built for another duel: it has 'plug-in interface 0, of long ago'"));
  CHECK(contains(another, "build it anew"));
  CHECK(contains(why(DUEL_TEST_PLUGIN_missing_function), "loss_of_a_later_version"));
  CHECK(contains(why(DUEL_TEST_PLUGIN_own_name), "the loss 'hinge' has the name of one of duel's own"));
  CHECK(contains(why(DUEL_TEST_PLUGIN_no_name), "'Margin' of a loss must begin with a lower-case letter"));
  CHECK(contains(why(DUEL_TEST_PLUGIN_one_name), "two parts are called my-twin"));
  CHECK(contains(why(DUEL_TEST_PLUGIN_other_conventions), "C++ ABI 1016"));
  CHECK(contains(why(DUEL_TEST_PLUGIN_throws), "can't register its parts: no licence"));
  CHECK(contains(refused(Words{"config", "--plugin", kExample, "--plugin", kExample}),
                 "there is a model 'two-layer' of a plug-in already"));
}
