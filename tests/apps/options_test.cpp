// What the program can be told, and what it says when told something else.
#include <algorithm>
#include <sstream>

#include <doctest/doctest.h>

#include "tests/apps/program.h"

using namespace duel::testing;
using Json = nlohmann::json;

namespace {

Json configuration(const World& world, const std::string& run_name) {
  return Json::parse(file_content(world.run_folder(run_name) / "config.json"));
}

// The error of a wrong use.
std::string wrong(const Words& arguments) {
  const Result r = run(arguments);
  CHECK(r.code == 2);
  CHECK_MESSAGE(is_one_error(r.err), r.err);
  return r.err;
}

}  // namespace

TEST_CASE("the help lists every option with its default") {
  const Result help = run({"train", "--help"});
  CHECK(help.code == 0);
  World world;
  Json defaults = Json::parse(run({"config", "--preset", "dcgan-fashion", "--json"}).out);
  for (const auto& [key, value] : defaults.items()) {
    std::string flag = "--" + key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    CHECK_MESSAGE(contains(help.out, flag), flag);
  }
  for (const std::string text :
       {"--batch-size=64", "--device=best", "--loss=vanilla", "--beta1=0.5", "--restore", "--delete", "--from-json",
        "one of best, cpu, cuda", "from 1 to 65536", "--exact-conv=false", "true or false"})
    CHECK_MESSAGE(contains(help.out, text), text);
  for (const std::string command : {"train", "sample", "info", "config"}) CHECK(contains(run({"--help"}).out, command));
  CHECK(run({"--version"}).out.starts_with("duel "));
}

TEST_CASE("defaults give way to the preset, that to the JSON file, that to the command line") {
  World world;
  const auto file = world.folder / "options.json";
  make_file(file, R"({"latent": 5, "width": 3, "preset": "dcgan-fashion-quick", "g_lr": 0})");
  REQUIRE(run({"train", "--run", world.run_folder("r").string(), "--data", world.data.string(), "--from-json",
               file.string(), "--width", "2", "--steps", "1", "--batch-size=4"})
              .code == 0);
  const Json c = configuration(world, "r");
  CHECK(c["ema_start"] == 0);  // default
  CHECK(c["d_lr"] == 1e-3);    // preset
  CHECK(c["latent"] == 5);     // file
  CHECK(c["g_lr"] == 0);       // file
  CHECK(c["width"] == 2);      // command line
  CHECK(c["batch_size"] == 4);
  CHECK(c["preset"] == "dcgan-fashion-quick");

  // What a run wrote is itself such a file.
  REQUIRE(run({"train", "--run", world.run_folder("again").string(), "--from-json",
               (world.run_folder("r") / "config.json").string()})
              .code == 0);
  CHECK(configuration(world, "again") == c);
  CHECK(file_content(world.latest("again")) == file_content(world.latest("r")));
}

TEST_CASE("epochs are passes over the data, and replace the preset's steps") {
  World world;
  REQUIRE(run({"train", "--preset", "dcgan-fashion-quick", "--run", world.run_folder("r").string(), "--data",
               world.data.string(), "--batch-size", "16", "--width", "1", "--epochs", "2"})
              .code == 0);
  const Json c = configuration(world, "r");
  CHECK(c["epochs"] == 2);
  CHECK(c["steps"] == 0);
  CHECK(std::filesystem::exists(world.run_folder("r") / "samples" / "step-000012.png"));
  CHECK(contains(wrong({"train", "--run", "x", "--epochs", "2", "--steps", "3"}), "steps and epochs"));
  CHECK(contains(wrong({"train", "--run", "x"}), "--steps"));
  CHECK(contains(wrong({"train"}), "--steps"));
}

TEST_CASE("a mistyped word is met with the nearest known one") {
  CHECK(contains(wrong({"trian"}), "nearest: train"));
  CHECK(contains(wrong({"train", "--widht", "3"}), "nearest: --width"));
  CHECK(contains(wrong({"train", "--run", "x", "--preset", "dcgan-fashoin"}), "nearest: dcgan-fashion"));
  CHECK(contains(wrong({"config", "--preset", "hinge-fashoin"}), "nearest: hinge-fashion"));
  CHECK(contains(wrong({"config", "--lst"}), "nearest: --list"));
  CHECK(contains(wrong({"sample", "--num-sample", "3"}), "nearest: --num-samples"));
  CHECK(contains(wrong({"train", "--run", "x", "extra"}), "'extra'"));
}

TEST_CASE("values that don't fit are named with what would") {
  CHECK(contains(wrong({"train", "--run", "x", "--width", "wide"}),
                 "--width must be an integer, from 0 to 4096, not \"wide\""));
  CHECK(contains(wrong({"train", "--run", "x", "--width", "-1"}), "--width"));
  CHECK(contains(wrong({"train", "--run", "x", "--steps", "99999999999999999999"}), "--steps"));
  CHECK(contains(wrong({"train", "--run", "x", "--steps", "12x"}), "--steps"));
  CHECK(contains(wrong({"train", "--run", "x", "--g-lr", "nan"}), "--g-lr"));
  CHECK(contains(wrong({"train", "--run", "x", "--seed", "-1"}), "--seed"));
  CHECK(contains(wrong({"train", "--run", "x", "--seed=-1"}), "--seed"));
  CHECK(contains(wrong({"train", "--run", "x", "--loss", "gam"}), "one of gan, vanilla"));
  CHECK(contains(wrong({"train", "--run", "x", "--description", "\xff"}), "UTF-8"));
  CHECK(contains(wrong({"train", "--run", "x", "--width"}), "--width"));
  CHECK(contains(wrong({"train", "--run", "x", "--exact-conv=maybe"}),
                 "--exact-conv must be true or false, not \"maybe\""));
  CHECK(contains(wrong({"train", "--run", "x", "--set", "width"}), "key=value"));
  CHECK(contains(wrong({"train", "--run", "x", "--set", "=3"}), "key=value"));
  CHECK(contains(wrong({"train", "--run", "x", "--set", "widht=3"}), "nearest: width"));
  CHECK(contains(wrong({"train", "--run", "x", "--set", "width=wide"}), "--width must be an integer"));
  CHECK(contains(wrong({"train", "--run", "x", "--width", "2", "--set", "width=3"}), "width is given twice"));
  CHECK(contains(wrong({"train", "--run", "x", "--set", "width=2", "--set", "width=3"}), "width is given twice"));
  CHECK(contains(wrong({"train", "--run", "x", "--game", "cycle", "--r1-gamma", "1"}),
                 "--r1-gamma is an option of game adversarial, and this is game cycle"));
  CHECK(contains(wrong({"config", "--pool", "3"}), "--pool is an option of game cycle"));
  CHECK(wrong({}).size() > 0);
  CHECK(wrong({"info"}).size() > 0);
}

TEST_CASE("JSON files with mistakes in them") {
  TempFolder folder;
  const auto file = folder / "options.json";
  const auto error = [&](const char* text) {
    make_file(file, text);
    const std::string message = wrong({"train", "--run", (folder / "r").string(), "--from-json", file.string()});
    CHECK_MESSAGE(contains(message, file.string()), message);
    return message;
  };
  CHECK(contains(error(R"({"widht": 3})"), R"(unknown key "widht")"));
  CHECK(contains(error(R"({"widht": 3})"), "nearest: width"));
  CHECK(contains(error(R"({"width": "3"})"), R"(key "width")"));
  CHECK(contains(error(R"({"width": 3.5})"), "integer"));
  CHECK(contains(error(R"({"width": 100000})"), "from 0 to 4096"));
  CHECK(contains(error(R"({"g_lr": true})"), "a number"));
  CHECK(contains(error(R"({"exact_conv": 1})"), "true or false"));
  CHECK(contains(error(R"({"loss": 1})"), "one of"));
  CHECK(contains(error(R"({"class_names": ["a", 1]})"), "a list of texts"));
  CHECK(contains(error(R"({"steps": 1, "epochs": 1})"), "both"));
  CHECK(contains(error(R"([1])"), "array"));
  CHECK(contains(error(R"({"width": 3, "seed": 1, "width": 4})"), "has the key \"width\" twice"));
  CHECK(contains(error(R"({"lr_milestones": ["a"]})"), "a list of integers, not [\"a\"]"));
  CHECK(contains(error(R"({"width": 3,)"), "not valid JSON"));
  error("");
  error("\xff\xfe");
  error(R"({"width": 1e999})");
  error((R"({"width": )" + std::string(1000000, '[')).c_str());
  error((R"({"width": )" + std::string(100000, '[') + std::string(100000, ']') + "}").c_str());
  CHECK(error((R"({"width": ")" + std::string(100000, 'x') + "\"}").c_str()).size() < 400);
  const Result missing = run({"train", "--run", "x", "--from-json", (folder / "none.json").string()});
  CHECK(missing.code == 1);
  CHECK(is_one_error(missing.err));
}
