// The folder of a run: what is left alone, what is removed, who may write there.
#include <doctest/doctest.h>

#include <signal.h>
#include <unistd.h>

#include "tests/apps/program.h"

using namespace duel::testing;
namespace fs = std::filesystem;

namespace {

std::string refused(const Words& arguments, int code = 2) {
  const Result r = run(arguments);
  CHECK(r.code == code);
  CHECK_MESSAGE(is_one_error(r.err), r.err);
  return r.err;
}

}  // namespace

TEST_CASE("a run leaves a configuration, metrics, pictures and checkpoints, and says where") {
  World world;
  const Result r = run(world.train("a run's", 7) + Words{"--checkpoint-every", "2", "--sample-every", "3"});
  REQUIRE_MESSAGE(r.code == 0, r.err);
  const fs::path folder = world.run_folder("a run's");
  CHECK(fs::exists(folder / "config.json"));
  for (const char* name : {"step-000003.png", "step-000006.png", "step-000007.png"})
    CHECK(fs::exists(folder / "samples" / name));
  CHECK(std::distance(fs::directory_iterator(folder / "samples"), {}) == 3);
  for (const char* name : {"latest", "step-4", "step-6", "step-7"})
    CHECK(fs::exists(folder / "checkpoints" / (std::string(name) + ".safetensors")));
  CHECK(std::distance(fs::directory_iterator(folder / "checkpoints"), {}) == 4);
  CHECK(std::distance(fs::directory_iterator(folder), {}) == 5);
  CHECK(file_content(folder / "checkpoints" / "step-7.safetensors") == file_content(world.latest("a run's")));
  const auto lines = metrics(folder);
  REQUIRE(lines.size() == 7);
  for (const char* key : {"step", "epoch", "d_loss", "g_loss", "d_real", "d_fake"}) CHECK(lines[6][key].is_number());
  CHECK(contains(r.out, "step-000007.png"));
  CHECK(contains(r.out, "step 7/7"));
  CHECK(contains(r.out, "sample --run '"));  // quoted for the shell
}

TEST_CASE("a run that exists is left alone unless told what to do") {
  World world;
  REQUIRE(run(world.train("r", 2)).code == 0);
  const std::string before = file_content(world.latest("r"));
  const std::string message = refused(world.train("r", 3));
  CHECK(contains(message, "--restore"));
  CHECK(contains(message, "--delete"));
  CHECK(file_content(world.latest("r")) == before);

  refused(world.train("r", 3) + Words{"--restore", "--delete"});
  CHECK(contains(refused(world.train("none", 3) + Words{"--restore"}), "no run"));
  CHECK_FALSE(fs::exists(world.run_folder("none")));
  CHECK(run(world.train("r", 3) + Words{"--restore"}).code == 0);
  CHECK(metrics(world.run_folder("r")).size() == 3);
  CHECK(run(world.train("r", 3) + Words{"--restore"}).code == 0);  // nothing left to do
  CHECK(metrics(world.run_folder("r")).size() == 3);
}

TEST_CASE("on a terminal it asks, and shows one line that changes") {
  World world;
  const Result first = run(world.train("r", 3), {.terminal_input = ""});
  CHECK(first.code == 0);
  CHECK(contains(first.out, "\rstep 3/3"));
  const Result quit = run(world.train("r", 3), {.terminal_input = "q\n"});
  CHECK(quit.code == 2);
  CHECK(contains(quit.out, "[r]estore"));
  CHECK(fs::exists(world.latest("r")));
  CHECK(run(world.train("r", 4), {.terminal_input = "r\n"}).code == 0);
  CHECK(metrics(world.run_folder("r")).size() == 4);
  CHECK(run(world.train("r", 2), {.terminal_input = "d\n"}).code == 0);
  CHECK(metrics(world.run_folder("r")).size() == 2);
}

TEST_CASE("delete removes what a run made and nothing else") {
  World world;
  REQUIRE(run(world.train("r", 2)).code == 0);
  const fs::path folder = world.run_folder("r");
  for (const char* own : {"notes.txt", "samples/step-x.png", "checkpoints/mine.safetensors", "checkpoints/step-1.txt"})
    make_file(folder / own, "mine");
  REQUIRE(run(world.train("r", 1) + Words{"--delete"}).code == 0);
  for (const char* own : {"notes.txt", "samples/step-x.png", "checkpoints/mine.safetensors", "checkpoints/step-1.txt"})
    CHECK(file_content(folder / own) == "mine");
  CHECK_FALSE(fs::exists(folder / "checkpoints" / "step-2.safetensors"));
  CHECK_FALSE(fs::exists(folder / "samples" / "step-000002.png"));
  CHECK(metrics(folder).size() == 1);
  CHECK(run(world.train("new", 1) + Words{"--delete"}).code == 0);  // nothing to remove

  // A mistake in the options must not cost the old run.
  const std::string before = file_content(world.latest("r"));
  refused(world.train("r", 1) + Words{"--delete", "--width", "0"});
  refused(world.train("r", 1) + Words{"--delete", "--data-format", "idx", "--class-names", "one,two"}, 1);
  CHECK(file_content(world.latest("r")) == before);
}

TEST_CASE("folders that are no run are refused") {
  World world;
  for (const Words& how : {Words{"--delete"}, Words{"--restore"}, Words{}}) {
    refused(Words{"train", "--run", "/", "--steps", "1", "--data", world.data.string()} + how);
    refused(Words{"train", "--run", world.data.string(), "--steps", "1", "--data", world.data.string()} + how);
  }
  CHECK(fs::exists(world.data / "train-images-idx3-ubyte"));

  // Others have files of that name too.
  const fs::path other = world.run_folder("other");
  fs::create_directory(other);
  for (const char* text : {R"({"name": "web page"})", "{}", "not JSON"}) {
    make_file(other / "config.json", text);
    refused(world.train("other", 1) + Words{"--delete"});
    CHECK(file_content(other / "config.json") == text);
  }
  make_file(other / "config.json", R"({"width": 2,})");
  CHECK(contains(refused(world.train("other", 1) + Words{"--restore"}), "not valid JSON"));
  make_file(world.folder / "file", "x");
  refused(world.train("file", 1));
}

TEST_CASE("a folder that can't be written to is an error before training") {
  World world;
  make_file(world.folder / "file", "x");
  CHECK(contains(refused(world.train("file/run", 1), 1), "file/run"));
  if (::geteuid() == 0) return;  // whom permissions don't stop
  fs::create_directory(world.folder / "closed");
  fs::permissions(world.folder / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  CHECK(contains(refused(world.train("closed", 1), 1), "closed"));
  CHECK(contains(refused(world.train("closed/run", 1), 1), "closed"));
}

TEST_CASE("missing and damaged data") {
  World world;
  const fs::path pictures = world.data / "train-images-idx3-ubyte";
  const std::string whole = file_content(pictures);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{3}, std::size_t{16}, whole.size() - 1}) {
    make_file(pictures, whole.substr(0, bytes));
    CHECK(contains(refused(world.train("r", 1), 1), pictures.string()));
  }
  fs::remove(pictures);
  CHECK(contains(refused(world.train("r", 1), 1), world.data.string()));
  fs::remove_all(world.data);
  CHECK(contains(refused(world.train("r", 1), 1), world.data.string()));
  CHECK_FALSE(fs::exists(world.run_folder("r")));  // nothing was begun
}

TEST_CASE("what this build or these options can't do") {
  World world;
  CHECK(contains(refused(world.train("r", 1) + Words{"--device", "cuda"}, 1), "cuda"));
  CHECK(contains(refused(world.train("r", 1) + Words{"--stages", "4"}, 1), "8 x 8"));
  CHECK(contains(refused({"train", "--run", world.run_folder("r").string(), "--data", world.data.string(), "--steps",
                          "1", "--batch-size", "97"},
                         1),
                 "97"));
  CHECK_FALSE(fs::exists(world.run_folder("r")));
}

TEST_CASE("two processes don't train in one folder") {
  World world;
  Program first(world.train("r", 100000000));
  REQUIRE(appears(world.run_folder("r") / "metrics.jsonl"));
  for (const Words& how : {Words{"--delete"}, Words{"--restore"}}) {
    const std::string message = refused(world.train("r", 1) + how, 1);
    CHECK_MESSAGE(contains(message, "another process"), message);
  }
  refused(world.train("r", 1));
  CHECK(first.running());
  first.signal(SIGTERM);
  CHECK(first.wait().code == 130);
  CHECK(run(world.train("r", 1) + Words{"--delete"}).code == 0);
}
