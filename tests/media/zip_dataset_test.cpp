// Zip archives of pictures as StyleGAN's tools make them (tests/golden/make_datasets.py), and wrong ones.
#include "duel/gan/media/zip_dataset.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "duel/gan/media/class_labels.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

namespace fs = std::filesystem;
using Labels = std::vector<std::int64_t>;

const fs::path kGolden = fs::path(DUEL_SOURCE_DIR) / "tests/golden/datasets";

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }
std::string error(const fs::path& path) {
  return error_of([&] {
    const auto dataset = open_zip_dataset(path);
    Rng draws(0);
    for (std::int64_t i = 0; i < dataset->size(); ++i) dataset->read(i, draws);
  });
}
bool is_built_without() { return has(error(kGolden / "stylegan.zip"), "-DDUEL_LIBZIP=ON"); }

}  // namespace

TEST_CASE("open_zip_dataset: sorted by name, with labels and without") {
  if (is_built_without()) return;
  const auto dataset = open_zip_dataset(kGolden / "stylegan.zip");
  REQUIRE(dataset->size() == 3);
  CHECK(dataset->classes() == 3);
  Rng draws(0);
  for (std::int64_t i = 0; i < 3; ++i) {
    CHECK(dataset->label(i) == 2 - i);
    const Tensor picture = dataset->read(i, draws).picture;
    CHECK(picture.shape() == Shape{3, 4, 4});
    CHECK(picture.select(1, 0).select(1, 0).to_vector<std::uint8_t>()[2] == 10 * i + 2);
  }
  CHECK(has(dataset->name(1), "stylegan.zip, 00000/img00000001.png"));
  const auto unlabelled = open_zip_dataset(kGolden / "stylegan_unlabelled.zip");
  CHECK(unlabelled->size() == 3);
  CHECK(unlabelled->classes() == 0);
  CHECK(open_zip_dataset(kGolden / "deflated.zip")->size() == 1);
  CHECK(error(kGolden / "deflated.zip").empty());
}

TEST_CASE("open_zip_dataset: several threads read at once") {
  if (is_built_without()) return;
  const auto dataset = open_zip_dataset(kGolden / "stylegan.zip");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Rng draws(0);
      for (int k = 0; k < 50; ++k)
        wrong += dataset->read((k + t) % 3, draws).picture.to_vector<std::uint8_t>()[0] != 10 * ((k + t) % 3);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("open_zip_dataset: what is wrong is named") {
  if (is_built_without()) return;
  const TempFolder folder;
  CHECK(has(error(kGolden / "bzip2.zip"), "'1.png' is compressed in a way that is not read"));
  CHECK(has(error(kGolden / "pictures.npz"), "has no pictures among its 3 files"));
  CHECK(has(error(folder / "missing"), "no such file"));
  const std::string whole = file_content(kGolden / "stylegan.zip");
  for (std::size_t bytes = 0; bytes < whole.size(); bytes += 13) {
    make_file(folder / "cut.zip", std::string_view(whole).substr(0, bytes));
    CHECK(has(error(folder / "cut.zip"), "is not a whole zip archive"));
  }
  const fs::path altered = folder / "altered.zip";
  make_file(altered, whole);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    set_byte(altered, at, static_cast<char>(whole[at] ^ 1 << at % 8));
    const std::string failure = error(altered);
    CHECK((failure.empty() || has(failure, "altered.zip")));
    set_byte(altered, at, whole[at]);
  }
}

TEST_CASE("read_dataset_json: labels by name, and what is wrong with them") {
  const auto read = [](std::string_view json) { return read_dataset_json(json, "d.json", {"a", "b"}); };
  const auto fails = [&](std::string_view json) { return error_of([&] { read(json); }); };
  CHECK(read(R"({"labels": [["b", 1], ["a", 5], ["c", 9]]})") == Labels{5, 1});
  CHECK(read(R"({"labels": null})").empty());
  CHECK(read("{}").empty());
  CHECK(has(fails("{"), "no JSON object"));
  CHECK(has(fails("[]"), "no JSON object"));
  CHECK(has(fails(R"({"labels": 1})"), "is no list"));
  CHECK(has(fails(R"({"labels": [["a", 1], ["b"]]})"), "something else than [name, label]"));
  CHECK(has(fails(R"({"labels": [["a", 1], ["b", [0, 1]]]})"), "label of 'b' is no number"));
  CHECK(has(fails(R"({"labels": [["a", 1], ["b", 1.5]]})"), "label of 'b' is no number"));
  CHECK(has(fails(R"({"labels": [["a", 1], ["b", 18446744073709551615]]})"), "label of 'b' is no number"));
  CHECK(has(fails(R"({"labels": [["a", 1], ["b", -1]]})"), "reach from -1 to 1"));
  CHECK(has(fails(R"({"labels": [["a", 1], ["b", 1048576]]})"), "reach from 1 to 1048576"));
  CHECK(has(fails(R"({"labels": [["a", 1]]})"), "no label for 'b'"));
  CHECK(has(fails(R"({"labels": [["a", 1], ["a", 1]]})"), "labels 'a' twice"));
  CHECK(has(fails(std::string(100000, '[')), "no JSON object"));
}
