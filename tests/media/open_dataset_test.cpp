// Data sets of any format, recognised by what is there.
#include "duel/gan/media/open_dataset.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "duel/gan/media/png.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

const fs::path kGolden = fs::path(DUEL_SOURCE_DIR) / "tests/golden/datasets";

void make_picture(const fs::path& path, int value = 0, const Shape& shape = {1, 2, 2}) {
  fs::create_directories(path.parent_path());
  write_png(path, Tensor::full(shape, value, {.dtype = DType::uint8}));
}

double first_value(const Tensor& picture) { return doubles(picture).front(); }
Example read(const Dataset& dataset, std::int64_t index) {
  Rng draws(0);
  return dataset.read(index, draws);
}
std::string error(const fs::path& path, const OpenOptions& options = {}) {
  return error_of([&] { open_dataset(path, options); });
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("open_dataset: files and folders of every format are recognised") {
  struct Case {
    const char* path;
    std::int64_t train, test, classes;
  };
  const Case cases[] = {{"cifar-10-python.tar.gz", 10, 2, 10},
                        {"cifar-10-binary.tar.gz", 10, 2, 10},
                        {"cifar-100-python", 3, 3, 100},
                        {"cifar-100-binary.tar.gz", 3, 3, 100},
                        {"lsun", 61, 61, 0},
                        {"plain.hdf5", 5, 5, 4},
                        {"stylegan.zip", 3, 3, 3},
                        {"pictures.npy", 3, 3, 0},
                        {"pictures.npz", 3, 3, 3},
                        {"pictures.safetensors", 3, 3, 3}};
  for (const Case& one : cases) {
    CAPTURE(one.path);
    if (has(error(kGolden / one.path), "duel was built without")) continue;
    const auto train = open_dataset(kGolden / one.path),
               test = open_dataset(kGolden / one.path, {.split = Split::test});
    CHECK(train->size() == one.train);
    CHECK(test->size() == one.test);
    CHECK(train->classes() == one.classes);
    CHECK(read(*train, 0).picture.dim() == 3);
  }
  CHECK(open_dataset(kGolden / "cifar-100-python", {.format = "cifar100-coarse"})->classes() == 20);
}

TEST_CASE("open_dataset: folders with classes, flat, and divided into train and test") {
  const TempFolder folder;
  make_picture(folder / "flat/b.png", 2);
  make_picture(folder / "flat/a.png", 1);
  const auto flat = open_dataset(folder / "flat");
  CHECK(flat->size() == 2);
  CHECK(flat->classes() == 0);
  CHECK(first_value(read(*flat, 0).picture) == 1);
  for (const char* split : {"train", "val"})
    for (const char* name : {"cat", "dog", "eel"}) make_picture(folder / "divided" / split / name / "1.png", name[0]);
  make_picture(folder / "divided/train/dog/2.png", 0);
  CHECK(open_dataset(folder / "divided")->size() == 4);
  const auto test = open_dataset(folder / "divided", {.split = Split::test});
  CHECK(test->size() == 3);
  CHECK(test->class_names() == Names{"cat", "dog", "eel"});
  const auto some = open_dataset(folder / "divided/train", {.classes = {"eel", "dog"}});
  CHECK(some->class_names() == Names{"eel", "dog"});
  CHECK(some->size() == 3);
  CHECK(some->label(0) == 0);
  CHECK(first_value(read(*some, 0).picture) == 'e');
  CHECK(open_dataset(folder / "divided", {.max_size = 2})->size() == 2);
  CHECK(open_dataset(folder / "divided", {.max_size = 20})->size() == 4);
  fs::remove_all(folder / "divided/val");
  CHECK(has(error(folder / "divided", {.split = Split::test}), "but has no test"));
  make_picture(folder / "divided/train/stray.png");
  CHECK(has(error(folder / "divided"), "has both pictures and subfolders"));
  CHECK(open_dataset(folder / "divided", {.format = "flat"})->size() == 5);
}

TEST_CASE("open_dataset: a folder with StyleGAN's dataset.json") {
  const TempFolder folder;
  make_picture(folder / "00000/a.png");
  make_picture(folder / "00001/b.png");
  make_file(folder / "dataset.json", R"({"labels": [["00000/a.png", 4], ["00001/b.png", 0]]})");
  const auto dataset = open_dataset(folder.path());
  CHECK(dataset->classes() == 5);
  CHECK(dataset->label(0) == 4);
  const auto one = open_dataset(folder.path(), {.classes = {"4"}});
  CHECK(one->size() == 1);
  CHECK(one->classes() == 1);
  CHECK(has(error(folder.path(), {.classes = {"3"}}), "class '3' has no examples"));
}

TEST_CASE("open_dataset: pairs, aligned and not, in both directions") {
  const TempFolder folder;
  make_picture(folder / "two/trainA/1.png", 1);
  make_picture(folder / "two/trainA/2.png", 2);
  make_picture(folder / "two/trainB/1.png", 101);
  make_picture(folder / "two/testA/5.png", 5);
  make_picture(folder / "two/testB/5.png", 105);
  const auto unaligned = open_dataset(folder / "two", {.pairing = Pairing::serial});
  CHECK(unaligned->size() == 2);
  CHECK(first_value(read(*unaligned, 1).picture) == 2);
  CHECK(first_value(read(*unaligned, 1).target) == 101);
  const OpenOptions back = {.split = Split::test, .direction = Direction::b_to_a};
  CHECK(first_value(read(*open_dataset(folder / "two", back), 0).picture) == 105);
  Names warnings;
  const auto aligned = open_dataset(
      folder / "two", {.format = "aligned", .warn = [&](const std::string& line) { warnings.push_back(line); }});
  CHECK(aligned->size() == 1);
  REQUIRE(warnings.size() == 1);
  CHECK(has(warnings[0], "trainA/2.png\" is left out"));
  make_picture(folder / "apart/A/train/1.png", 1);
  make_picture(folder / "apart/B/train/1.png", 101);
  CHECK(first_value(read(*open_dataset(folder / "apart", {.format = "aligned"}), 0).target) == 101);
  make_picture(folder / "joined/train/1.png", 7, {3, 2, 4});
  make_picture(folder / "joined/val/2.png", 7, {3, 2, 4});
  CHECK(open_dataset(folder / "joined")->size() == 1);  // which pictures are two can't be told
  const auto joined = open_dataset(folder / "joined", {.format = "aligned"});
  CHECK(read(*joined, 0).picture.shape() == Shape{3, 2, 2});
  const OpenOptions stacked = {.format = "aligned", .split = Split::test, .halves = Halves::top_bottom};
  CHECK(read(*open_dataset(folder / "joined", stacked), 0).target.shape() == Shape{3, 1, 4});
  CHECK(has(error(folder / "joined", {.format = "unaligned"}), "neither trainA and trainB, nor A and B"));
}

TEST_CASE("open_dataset: what is no data set is described") {
  const TempFolder folder;
  CHECK(has(error(folder / "missing"), "there is no"));
  CHECK(has(error(folder.path()), "is an empty folder"));
  make_file(folder / "notes.txt", "");
  fs::create_directory(folder / "empty");
  const std::string failure = error(folder.path());
  CHECK(has(failure, "is a folder of 2 entries: empty, notes.txt."));
  CHECK(has(failure, "none of the data sets that are known: zip, arrays,"));
  CHECK(has(error(folder / "notes.txt"), "is a file of no known kind"));
  CHECK(has(error(folder.path(), {.format = "tfrecord"}), "no format is called 'tfrecord'; there are zip, "));
  CHECK(has(error(kGolden / "pictures.npy", {.max_size = -1}), "max_size is -1"));
  CHECK(has(error(kGolden / "pictures.npy", {.classes = {"a"}}), "no classes to choose from"));
  // Asked for by name, each format says what it needs.
  for (const DatasetFormat& format : dataset_formats()) {
    CAPTURE(format.name);
    CHECK(!format.help.empty());
    CHECK(!error(folder.path(), {.format = std::string(format.name)}).empty());
    CHECK(!error(folder / "notes.txt", {.format = std::string(format.name)}).empty());
  }
}
