// Runs that are interrupted: by kill, by Ctrl-C, by a full disk, by damage to their files. What goes on afterwards is
// what would have been.
#include <doctest/doctest.h>

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "duel/nn/safetensors.h"
#include "tests/apps/program.h"

using namespace duel::testing;
using duel::cat;
using duel::Safetensors;
namespace fs = std::filesystem;

namespace {

void check_same_run(const World& world, const std::string& a, const std::string& b, const std::string& last_sample) {
  CHECK(file_content(world.latest(a)) == file_content(world.latest(b)));
  CHECK(metrics(world.run_folder(a)) == metrics(world.run_folder(b)));
  const std::string picture = file_content(world.run_folder(a) / "samples" / last_sample);
  CHECK(picture.size() > 0);
  CHECK(picture == file_content(world.run_folder(b) / "samples" / last_sample));
}

// Waits until the file has so many bytes, or the program ends.
void await_size(const fs::path& file, Program& program, std::uintmax_t bytes) {
  while (program.running() && (!fs::exists(file) || fs::file_size(file) < bytes))
    std::this_thread::sleep_for(std::chrono::microseconds(200));
}

// Starts the run, or restores it if there is something to restore.
Words go_on(const World& world, const std::string& name, const Words& train) {
  return fs::exists(world.run_folder(name) / "config.json") ? train + Words{"--restore"} : train;
}

}  // namespace

TEST_CASE("killed at any moment and restored, it ends as if nothing had been") {
  World world;
  constexpr std::int64_t steps = 12;
  const Words often{"--checkpoint-every", "2", "--sample-every", "5", "--r1-gamma", "1",
                    "--r1-interval",      "3", "--d-steps",      "2"};
  REQUIRE(run(world.train("straight", steps) + often).code == 0);
  const auto most = fs::file_size(world.run_folder("straight") / "metrics.jsonl") * (steps - 2) / steps;

  std::mt19937 random(1);
  int killed = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string name = cat("killed", i);
    for (int times = 0; times < 3; ++times) {
      Program program(go_on(world, name, world.train(name, steps, 1 + (i + times) % 3) + often));
      await_size(world.run_folder(name) / "metrics.jsonl", program, random() % most);
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));  // amid a step, or what follows it
      program.signal(SIGKILL);
      killed += program.wait().signal == SIGKILL;
    }
    const Result end = run(go_on(world, name, world.train(name, steps) + often));
    CHECK_MESSAGE(end.code == 0, end.err);
    check_same_run(world, "straight", name, "step-000012.png");
    for (const fs::directory_entry& e : fs::recursive_directory_iterator(world.run_folder(name)))
      CHECK_FALSE(e.path().filename().string().starts_with(".duel-"));  // unfinished files
  }
  CHECK(killed >= 5);
}

TEST_CASE("the number of threads, the folder and the intervals leave no trace in the state") {
  World world;
  REQUIRE(run(world.train("one", 6)).code == 0);
  REQUIRE(run(world.train("two", 6, 3) + Words{"--checkpoint-every", "4", "--sample-every", "3", "--description", "x"})
              .code == 0);
  CHECK(file_content(world.latest("one")) == file_content(world.latest("two")));
  REQUIRE(run(world.train("seed", 6) + Words{"--g-lr", "0.1"}).code == 0);
  CHECK(file_content(world.latest("one")) != file_content(world.latest("seed")));
}

TEST_CASE("more steps may be asked for; what determines the numbers may not change") {
  World world;
  REQUIRE(run(world.train("r", 4)).code == 0);
  for (const Words& change : {Words{"--beta1", "0.1"}, Words{"--loss", "hinge"}, Words{"--preset", "dcgan-fashion"},
                              Words{"--ema-decay", "0.5"}, Words{"--class-names", "a,b,c"}, Words{"--exact-conv"}}) {
    const Result r = run(world.train("r", 6) + change + Words{"--restore"});
    CHECK(r.code == 2);
    CHECK_MESSAGE(is_one_error(r.err), r.err);
    CHECK_MESSAGE(contains(r.err, change[0] + " can't change"), r.err);
  }
  // Only what is new needs to be said.
  REQUIRE(run({"train", "--run", world.run_folder("r").string(), "--restore", "--steps", "6", "--threads", "2"}).code ==
          0);
  REQUIRE(run(world.train("straight", 6)).code == 0);
  check_same_run(world, "straight", "r", "step-000006.png");
}

TEST_CASE("a run with exact convolutions has numbers of its own, and stays exact when it goes on") {
  World world;
  // With channels enough for Winograd's algorithms.
  const auto train = [&](const std::string& name, const char* steps) {
    return Words{"train", "--run", world.run_folder(name).string(), "--data", world.data.string(), "--steps", steps} +
           Words{"--width", "64", "--batch-size", "96", "--latent", "4", "--log-every", "1"};
  };
  REQUIRE(run(train("fast", "4")).code == 0);
  REQUIRE(run(train("straight", "4") + Words{"--exact-conv"}).code == 0);
  CHECK(metrics(world.run_folder("straight")) != metrics(world.run_folder("fast")));

  REQUIRE(run(train("r", "2") + Words{"--exact-conv=true"}).code == 0);
  const Words go_on = Words{"train", "--run", world.run_folder("r").string(), "--restore", "--steps", "4"};
  const Result refused = run(go_on + Words{"--exact-conv=false"});
  CHECK(refused.code == 2);
  CHECK_MESSAGE(contains(refused.err, "--exact-conv can't change when a run goes on: it was true, now false"),
                refused.err);
  REQUIRE(run(go_on).code == 0);
  check_same_run(world, "straight", "r", "step-000004.png");
}

TEST_CASE("a run that was killed before its first checkpoint starts again") {
  World world;
  REQUIRE(run(world.train("straight", 3)).code == 0);
  fs::create_directories(world.run_folder("r") / "samples");
  fs::copy(world.run_folder("straight") / "config.json", world.run_folder("r") / "config.json");
  make_file(world.run_folder("r") / "metrics.jsonl", "{\"step\":1,\"d_loss\":7}\n{\"ste");
  make_file(world.run_folder("r") / ".duel-0123.tmp", "unfinished");
  REQUIRE(run(world.train("r", 3) + Words{"--restore"}).code == 0);
  check_same_run(world, "straight", "r", "step-000003.png");
  CHECK_FALSE(fs::exists(world.run_folder("r") / ".duel-0123.tmp"));
}

TEST_CASE("Ctrl-C finishes the step, saves, and says how to go on") {
  World world;
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string name = cat("r", signal);
    Program program(world.train(name, 100000000));
    REQUIRE(appears(world.run_folder(name) / "metrics.jsonl"));
    program.signal(signal);
    const Result r = program.wait();
    CHECK(r.code == 130);
    CHECK(contains(r.out, "train --run " + world.run_folder(name).string() + " --restore"));
    const std::vector<nlohmann::json> lines = metrics(world.run_folder(name));
    REQUIRE(lines.size() > 0);
    const std::int64_t step = lines.back()["step"];
    const Result info = run({"info", world.run_folder(name).string()});
    CHECK(contains(info.out, cat("step ", step, ";")));

    REQUIRE(run({"train", "--run", world.run_folder(name).string(), "--restore", "--steps", std::to_string(step + 5)})
                .code == 0);
    REQUIRE(run(world.train("straight" + name, step + 5)).code == 0);
    CHECK(file_content(world.latest(name)) == file_content(world.latest("straight" + name)));
  }
}

TEST_CASE("a damaged checkpoint is named, and so is the newest good one") {
  World world;
  REQUIRE(run(world.train("straight", 9)).code == 0);
  REQUIRE(run(world.train("r", 6) + Words{"--checkpoint-every", "2"}).code == 0);
  const std::string whole = file_content(world.latest("r"));
  const fs::path checkpoints = world.latest("r").parent_path();
  make_file(checkpoints / "step-6.safetensors", whole.substr(0, whole.size() - 1));
  const std::string good = (checkpoints / "step-4.safetensors").string();
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{7}, std::size_t{8}, whole.size() / 3, whole.size() - 1}) {
    make_file(world.latest("r"), whole.substr(0, bytes));
    const Result r = run(world.train("r", 9) + Words{"--restore"});
    CHECK(r.code == 1);
    CHECK_MESSAGE(is_one_error(r.err), r.err);
    CHECK(contains(r.err, world.latest("r").string()));
    CHECK_MESSAGE(contains(r.err, "--from-checkpoint " + good), r.err);
    CHECK(run({"info", world.latest("r").string()}).code == 1);
    CHECK(run({"sample", "--run", world.run_folder("r").string()}).code == 1);
  }
  REQUIRE(run(world.train("r", 9) + Words{"--restore", "--from-checkpoint", good}).code == 0);
  check_same_run(world, "straight", "r", "step-000009.png");
}

TEST_CASE("a checkpoint of something else is refused") {
  World world;
  REQUIRE(run(world.train("r", 2)).code == 0);
  REQUIRE(run(world.train("other", 2) + Words{"--beta2", "0.9"}).code == 0);
  const Result r = run(world.train("r", 3) + Words{"--restore", "--from-checkpoint", world.latest("other").string()});
  CHECK(r.code == 2);
  CHECK(contains(r.err, "--beta2"));

  const std::string labels = file_content(world.data / "train-labels-idx1-ubyte");
  const std::string pictures = file_content(world.data / "train-images-idx3-ubyte");
  std::string fewer_labels = labels.substr(0, 8 + 50), fewer_pictures = pictures.substr(0, 16 + 50 * 64);
  fewer_labels[7] = fewer_pictures[7] = 50;
  make_file(world.data / "train-labels-idx1-ubyte", fewer_labels);
  make_file(world.data / "train-images-idx3-ubyte", fewer_pictures);
  const Result data = run(world.train("r", 3) + Words{"--restore"});
  CHECK(data.code == 1);
  CHECK(contains(data.err, "96 examples"));
}

TEST_CASE("a run goes on with the data it began with, wherever they are now, and with others only when told to") {
  World world;
  REQUIRE(run(world.train("straight", 4)).code == 0);
  REQUIRE(run(world.train("r", 2)).code == 0);
  const fs::path moved = world.folder / "moved", pictures = world.data / "train-images-idx3-ubyte";
  fs::copy(world.data, moved);
  std::string exchanged = file_content(pictures);
  std::reverse(exchanged.begin() + 16, exchanged.end());
  make_file(pictures, exchanged);

  const auto go_on = [&](const char* name, const Words& more, const char* steps = "4") {
    return run(Words{"train", "--run", world.run_folder(name).string(), "--restore", "--steps", steps} + more);
  };
  const std::string before = file_content(world.latest("r"));
  const Result refused = go_on("r", {});
  CHECK(refused.code == 1);
  CHECK_MESSAGE(is_one_error(refused.err), refused.err);
  CHECK_MESSAGE(contains(refused.err, "fingerprint"), refused.err);
  CHECK(contains(refused.err, "--other-data"));
  CHECK(file_content(world.latest("r")) == before);

  // A checkpoint of an earlier version can't tell.
  fs::copy(world.run_folder("r"), world.run_folder("old"), fs::copy_options::recursive);
  Safetensors old = duel::read_safetensors(world.latest("old"));
  nlohmann::json data = nlohmann::json::parse(old.metadata["data"]);
  CHECK(data.erase("fingerprint") == 1);
  old.metadata["data"] = data.dump();
  duel::write_safetensors(world.latest("old"), old);
  CHECK(go_on("old", {}).code == 0);

  fs::copy(world.run_folder("r"), world.run_folder("other"), fs::copy_options::recursive);
  const Result other = go_on("other", {"--other-data"});
  CHECK_MESSAGE(other.code == 0, other.err);
  CHECK(go_on("other", {}, "5").code == 0);  // they are its data from now on

  const Result same = go_on("r", {"--data", moved.string(), "--other-data"});
  CHECK_MESSAGE(same.code == 0, same.err);
  check_same_run(world, "straight", "r", "step-000004.png");
}

TEST_CASE("a full disk keeps the last good checkpoint") {
  World world;
  const Words no_page{"--loggers", ""};  // which would be the first to have no room
  REQUIRE(run(world.train("r", 3) + no_page).code == 0);
  const std::string before = file_content(world.latest("r"));
  const Result r = run(world.train("r", 6) + Words{"--restore"} + no_page, {.file_size_limit = before.size() / 2});
  CHECK(r.code == 1);
  CHECK(r.signal == 0);
  CHECK_MESSAGE(is_one_error(r.err), r.err);
  CHECK(contains(r.err, "latest.safetensors"));
  CHECK(file_content(world.latest("r")) == before);
  REQUIRE(run(world.train("r", 6) + Words{"--restore"}).code == 0);
  REQUIRE(run(world.train("straight", 6)).code == 0);
  check_same_run(world, "straight", "r", "step-000006.png");
}
