// LSUN's databases, made by LMDB itself (tests/golden/make_datasets.py), and altered ones.
#include "duel/gan/media/lsun.h"

#include <doctest/doctest.h>

#include <random>

#include "duel/gan/media/lmdb_file.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(DUEL_SOURCE_DIR) / "tests/golden/datasets";
constexpr std::size_t kPage = 4096;

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// Reads all that can be read; what it says of the rest.
std::string error(const fs::path& path) {
  return error_of([&] {
    const LmdbFile file(path);
    for (std::int64_t i = 0; i < file.size(); ++i) file.value(i);
  });
}

}  // namespace

TEST_CASE("open_lsun: one database, in the order of the keys") {
  const auto dataset = open_lsun(kGolden / "lsun", Split::train);
  REQUIRE(dataset->size() == 61);
  CHECK(dataset->classes() == 0);
  CHECK(has(dataset->name(7), "data.mdb, key 07"));
  Rng draws(0);
  for (std::int64_t i = 0; i < 60; ++i) {
    const Tensor picture = dataset->read(i, draws).picture;
    CHECK(picture.shape() == Shape{1, 4, 4});
    const auto values = picture.to_vector<std::uint8_t>();
    for (std::size_t j = 0; j < 16; ++j) CHECK(values[j] == static_cast<std::size_t>(i) + j);
  }
  const Tensor large = dataset->read(60, draws).picture;  // on pages of its own
  CHECK(large.shape() == Shape{1, 48, 48});
  CHECK(large.to_vector<std::uint8_t>()[0] == 60);
  CHECK(open_lsun(kGolden / "lsun/data.mdb", Split::test)->size() == 61);
}

TEST_CASE("open_lsun: a folder of databases, each a class") {
  const TempFolder folder;
  CHECK_FALSE(is_lsun(folder.path()));
  CHECK(has(error_of([&] { open_lsun(folder.path(), Split::train); }), "CLASS_train_lmdb"));
  for (const char* name : {"tower_train_lmdb", "church_outdoor_train_lmdb", "tower_val_lmdb"})
    fs::copy(kGolden / "lsun", folder / name);
  CHECK(is_lsun(folder.path()));
  const auto train = open_lsun(folder.path(), Split::train);
  CHECK(train->size() == 122);
  CHECK(train->class_names() == std::vector<std::string>{"church_outdoor", "tower"});
  CHECK(train->classes() == 2);
  CHECK(train->label(60) == 0);
  CHECK(train->label(61) == 1);
  CHECK(has(train->name(62), "tower_train_lmdb/data.mdb, key 01"));
  Rng draws(0);
  CHECK(train->read(62, draws).picture.to_vector<std::uint8_t>()[0] == 1);
  const auto test = open_lsun(folder.path(), Split::test);
  CHECK(test->class_names() == std::vector<std::string>{"tower"});
  fs::copy(kGolden / "lsun", folder / "tower_test_lmdb");
  CHECK(has(error_of([&] { open_lsun(folder.path(), Split::test); }), "both a test and a val database of 'tower'"));
  CHECK(has(error_of([&] { open_lsun(kGolden / "lsun-empty", Split::train); }), "has nothing in it"));
}

TEST_CASE("LmdbFile: cut short, altered, and no such file") {
  const TempFolder folder;
  const fs::path path = folder / "data.mdb";
  const std::string whole = file_content(kGolden / "lsun/data.mdb");
  REQUIRE(error(kGolden / "lsun/data.mdb").empty());
  for (std::size_t bytes = 0; bytes < whole.size(); bytes += 509) {
    make_file(path, std::string_view(whole).substr(0, bytes));
    if (bytes < whole.size() - kPage) CHECK(has(error(path), "data.mdb"));
  }
  const auto altered = [&](std::size_t at, std::string_view bytes) {
    std::string content = whole;
    content.replace(at, bytes.size(), bytes);
    make_file(path, content);
    return error(path);
  };
  CHECK(has(altered(16, "abcd"), "no data file of LMDB"));
  CHECK(has(altered(20, std::string_view("\2\0\0\0", 4)), "version 2"));
  CHECK(has(altered(40, std::string_view("\1\0\0\0", 4)), "pages of 1 bytes"));
  CHECK(has(error(folder / "missing"), "no such file"));
  CHECK(has(error(folder.path()), "not a regular file"));
  // Any byte of the metas and of the pages' fronts and nodes.
  make_file(path, whole);
  std::mt19937 random(0);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t page = random() % (whole.size() / kPage), in_page = random() % (i % 2 == 0 ? 256 : kPage);
    const std::size_t at = page * kPage + in_page;
    set_byte(path, at, static_cast<char>(random()));
    const std::string failure = error(path);
    CHECK((failure.empty() || has(failure, "data.mdb")));
    set_byte(path, at, whole[at]);
  }
}
