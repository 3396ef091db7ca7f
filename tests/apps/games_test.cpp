// Every game from the command line, on small real files: it trains, is killed and goes on to the same bytes, with any
// number of threads and workers.
#include <doctest/doctest.h>

#include <signal.h>

#include <chrono>
#include <thread>

#include "duel/gan/media/png.h"
#include "duel/tensor/rng.h"
#include "tests/apps/program.h"

using namespace duel::testing;
namespace fs = std::filesystem;

namespace {

// Folders a and b of `count` coloured pictures with the same names, c of pairs side by side.
struct Pictures {
  explicit Pictures(std::int64_t count = 12, std::int64_t side = 18) {
    for (const char* name : {"a", "b", "c"}) fs::create_directories(folder / name);
    for (std::int64_t i = 0; i < count; ++i) {
      duel::Rng rng(static_cast<std::uint64_t>(i));
      const std::string name = std::to_string(100 + i) + ".png";
      duel::write_png(folder / "a" / name, rng.integers({3, side, side}, 256).to(duel::DType::uint8));
      duel::write_png(folder / "b" / name, rng.integers({3, side, side}, 256).to(duel::DType::uint8));
      duel::write_png(folder / "c" / name, rng.integers({3, side, 2 * side}, 256).to(duel::DType::uint8));
    }
  }
  std::string path(const std::string& name) const { return (folder / name).string(); }
  TempFolder folder;
};

const Words kSmall{"--preprocess",
                   "resize_and_crop",
                   "--load-size",
                   "18",
                   "--crop-size",
                   "16",
                   "--flip",
                   "horizontal",
                   "--batch-size",
                   "2",
                   "--checkpoint-every",
                   "3",
                   "--sample-every",
                   "4",
                   "--log-every",
                   "1",
                   "--loggers",
                   "csv"};
const Words kUnet{
    "--width", "4", "--model", "pix2pix-unet_128", "--model-options", "generator.halvings=4,discriminator.halvings=1"};
const Words kResnet{"--width", "4", "--model-options", "generator.blocks=1,discriminator.halvings=1"};

struct Case {
  const char* name;
  Words options;
};

std::vector<Case> cases(const Pictures& p) {
  const Words pairs{"--data", p.path("a"), "--data-b", p.path("b")};
  const Words noise{"--data", p.path("a"),   "--model", "DCGAN-32",     "--load-size",
                    "32",     "--crop-size", "32",      "--preprocess", "resize"};
  return {{"translate", Words{"--game", "translate"} + pairs + kUnet},
          {"side by side",
           Words{"--game", "translate", "--data", p.path("c"), "--direction", "b_to_a", "--pretrain-generator", "2",
                 "--pretrain-discriminator", "2", "--switch-discriminator", "0.69", "--noisy-labels", "0.5"} +
               kUnet},
          {"cycle", Words{"--game", "cycle", "--pool", "3", "--label-smoothing", "0.1"} + pairs + kResnet},
          {"colorization", Words{"--game", "translate", "--data-mode", "colorization", "--data", p.path("a")} + kUnet},
          {"restoration",
           Words{"--game", "translate", "--data-mode", "restoration", "--noise", "0.1", "--judged", "picture", "--loss",
                 "hinge", "--order", "generator_first", "--accumulations", "2", "--data", p.path("a")} +
               kUnet},
          {"autoencode",
           {"--game", "autoencode", "--data", p.path("a"), "--channels", "1", "--model-options", "widths=12,code=4"}},
          {"adversarial", noise + Words{"--lr-schedule",
                                        "cosine",
                                        "--lr-total",
                                        "4",
                                        "--plateau",
                                        "--augment",
                                        "translation",
                                        "--ada-target",
                                        "0.6",
                                        "--ada-images",
                                        "100",
                                        "--clip-norm",
                                        "1",
                                        "--ema-half-life",
                                        "20",
                                        "--ema-rampup",
                                        "0.05",
                                        "--best",
                                        "g_loss",
                                        "--best-every",
                                        "2",
                                        "--lr-scales",
                                        "discriminator.main.0=0.5,generator.main.0=0"}},
          {"burn-in", noise + Words{"--width",
                                    "4",
                                    "--loss",
                                    "r3gan",
                                    "--burn-in",
                                    "12",
                                    "--r1-gamma",
                                    "1",
                                    "--r1-gamma-final",
                                    "0.1",
                                    "--beta2-final",
                                    "0.9",
                                    "--ema-half-life-final",
                                    "20",
                                    "--ema-interval",
                                    "2",
                                    "--augment",
                                    "translation",
                                    "--augment-probability",
                                    "0",
                                    "--augment-probability-final",
                                    "0.5",
                                    "--lr-schedule",
                                    "ramp",
                                    "--lr-unit",
                                    "images",
                                    "--lr-total",
                                    "12",
                                    "--lr-minimum",
                                    "0.25",
                                    "--d-boost",
                                    "3",
                                    "--d-boost-first",
                                    "1",
                                    "--d-boost-every",
                                    "4",
                                    "--d-beta2",
                                    "0.99"}},
          {"adaptive",
           {"--width", "4", "--data", p.path("a"), "--model", "DCGAN-32", "--load-size", "32", "--crop-size", "32",
            "--preprocess", "resize", "--switch-discriminator", "0.9", "--switch-generator", "1.5"}}};
}

}  // namespace

TEST_CASE("every game trains, and goes on to the same bytes after SIGKILL with other threads and workers") {
  const Pictures pictures;
  for (const Case& c : cases(pictures)) {
    const std::string game = c.name;
    CAPTURE(game);
    const World world;
    const auto train = [&](const std::string& name, const Words& more) {
      Words last = c.options;  // what the case says overrides what is common
      Words words = Words{"train", "--run", world.run_folder(name).string(), "--steps", "9"} + kSmall;
      for (std::size_t i = 0; i + 1 < last.size(); ++i) {
        const auto known = std::find(words.begin(), words.end(), last[i]);
        if (last[i].starts_with("--") && known != words.end()) words.erase(known, known + 2);
      }
      return words + last + more;
    };
    const Result straight = run(train("straight", {"--threads", "1", "--workers", "0"}));
    REQUIRE_MESSAGE(straight.code == 0, straight.err);
    {
      Program program(train("killed", {"--threads", "2", "--workers", "2"}));
      const fs::path metrics_file = world.run_folder("killed") / "metrics.jsonl";
      while (program.running() && (!fs::exists(metrics_file) || metrics(world.run_folder("killed")).size() < 5))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      program.signal(SIGKILL);
      program.wait();
    }
    const Result end = run(train("killed", {"--threads", "1", "--workers", "1", "--restore"}));
    REQUIRE_MESSAGE(end.code == 0, end.err);
    CHECK(file_content(world.latest("straight")) == file_content(world.latest("killed")));
    CHECK(metrics(world.run_folder("straight")) == metrics(world.run_folder("killed")));
    const auto sample = [&](const char* name) { return world.run_folder(name) / "samples" / "step-000009.png"; };
    CHECK(file_content(sample("straight")) == file_content(sample("killed")));
    CHECK(fs::exists(world.run_folder("killed") / "metrics.csv"));
    const Result info = run({"info", world.run_folder("killed").string()});
    CHECK_MESSAGE(info.code == 0, info.err);
  }
}

TEST_CASE("classes are the folders, by name, also in a run that goes on") {
  const Pictures pictures;
  for (const char* name : {"cat",
                           "d\xff"
                           "g"}) {  // the second is no UTF-8
    fs::create_directories(pictures.folder / "all" / name);
    for (const auto& file : fs::directory_iterator(pictures.folder / "a"))
      fs::copy_file(file.path(), pictures.folder / "all" / name / file.path().filename());
  }
  const World world;
  const Words train{"train",
                    "--run",
                    world.run_folder("r").string(),
                    "--data",
                    pictures.path("all"),
                    "--preprocess",
                    "resize",
                    "--load-size",
                    "16",
                    "--width",
                    "2",
                    "--batch-size",
                    "4"};
  REQUIRE(run(train + Words{"--steps", "2"}).code == 0);
  const Result more = run(train + Words{"--steps", "3", "--restore"});
  CHECK_MESSAGE(more.code == 0, more.err);
  const Result drawn = run({"sample", "--run", world.run_folder("r").string(), "--class", "cat", "--num-samples", "2"});
  CHECK_MESSAGE(drawn.code == 0, drawn.err);
}

TEST_CASE("a picture that can't be read is left out, said once and counted; with none left the run stops") {
  const Pictures pictures;
  make_file(pictures.folder / "a" / "103.png", "not a picture");
  const World world;
  const auto train = [&](const char* name) {
    return run({"train",
                "--run",
                world.run_folder(name).string(),
                "--steps",
                "20",
                "--game",
                "autoencode",
                "--data",
                pictures.path("a"),
                "--channels",
                "1",
                "--model-options",
                "widths=8,code=4",
                "--preprocess",
                "resize",
                "--load-size",
                "8",
                "--batch-size",
                "4",
                "--log-every",
                "1"});
  };
  const Result result = train("r");
  CHECK_MESSAGE(result.code == 0, result.err);
  const std::size_t first = result.err.find("103.png is left out");
  CHECK(first != std::string::npos);
  CHECK(result.err.find("103.png is left out", first + 1) == std::string::npos);
  REQUIRE(!metrics(world.run_folder("r")).empty());
  CHECK(metrics(world.run_folder("r")).back()["skipped"] >= 6);  // once an epoch
  for (const auto& file : fs::directory_iterator(pictures.folder / "a")) make_file(file.path(), "nothing");
  const Result none = train("none");
  CHECK(none.code != 0);
  CHECK_MESSAGE(contains(none.err, "could not be read"), none.err);
}

TEST_CASE("a run whose pictures collapse stops, or goes back with lower rates") {
  const World world;
  const Words wild{"--g-lr", "0.5", "--d-lr", "0.001", "--checkpoint-every", "50", "--keep-checkpoints", "9"};
  const Result stopped = run(world.train("stopped", 2500) + wild + Words{"--watch", "stop"});
  CHECK(stopped.code == 1);
  CHECK_MESSAGE(contains(stopped.out, "for what was seen"), stopped.out);
  const Result back =
      run(world.train("back", 2500) + wild + Words{"--watch", "roll_back", "--rollback-factor", "0.01"});
  CHECK_MESSAGE(back.code == 0, back.err);
  CHECK(contains(back.err, "went back to step"));
  REQUIRE(!metrics(world.run_folder("back")).empty());
  CHECK(metrics(world.run_folder("back")).back()["step"] == 2500);
  CHECK(metrics(world.run_folder("back")).back()["generator_lr"].get<double>() <= 0.005001);
}

TEST_CASE("what does not fit together is said before anything is written") {
  const Pictures pictures;
  const World world;
  const auto error = [&](const Words& options) {
    const Result result = run(Words{"train", "--run", world.run_folder("r").string(), "--steps", "1"} + options);
    CHECK(result.code != 0);
    CHECK_FALSE(fs::exists(world.run_folder("r")));
    CHECK(is_one_error(result.err));
    return result.err;
  };
  const std::string a = pictures.path("a");
  CHECK(contains(error({"--data", "/nowhere"}), "/nowhere"));
  CHECK(contains(error({"--data", a, "--data-b", pictures.path("b")}), "--data-mode single has none"));
  CHECK(contains(error({"--game", "translate", "--data-mode", "single", "--data", a, "--batch-size", "2"}), "pairs"));
  CHECK(contains(error({"--game", "cycle", "--data", a, "--data-b", a, "--preprocess", "crop", "--crop-size", "32",
                        "--batch-size", "2"}),
                 "32"));
  CHECK(contains(error({"--game", "translate", "--data", pictures.path("c"), "--batch-size", "2", "--lr-scales",
                        "referee.main=0"}),
                 "referee"));
}
