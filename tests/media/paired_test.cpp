// Data sets of pairs: halves of one picture, files of one name, and unaligned sets.
#include "duel/gan/media/paired.h"

#include <doctest/doctest.h>

#include <set>

#include "duel/gan/data/tensor_dataset.h"
#include "duel/gan/media/png.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

namespace fs = std::filesystem;
using Values = std::vector<std::uint8_t>;

// Pictures 0, 1, ... of one pixel, counted from `first`.
std::shared_ptr<const Dataset> count(std::int64_t size, int first) {
  auto dataset = std::make_shared<TensorDataset>();
  dataset->pictures = Tensor::empty({size, 1, 1, 1}, {.dtype = DType::uint8});
  for (std::int64_t i = 0; i < size; ++i) dataset->pictures.mutable_data<std::uint8_t>()[i] = std::uint8_t(first + i);
  return dataset;
}

std::shared_ptr<const Dataset> one_picture(const Values& values, const Shape& shape) {
  auto dataset = std::make_shared<TensorDataset>();
  dataset->pictures = Tensor::from(values, shape).unsqueeze(0);
  return dataset;
}

void make_picture(const fs::path& path, const Shape& shape, int value) {
  fs::create_directories(path.parent_path());
  write_png(path, Tensor::full(shape, value, {.dtype = DType::uint8}));
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("SideBySideDataset: both ways to cut, both directions") {
  Rng draws(0);
  const auto wide = one_picture({1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 4});
  const Example ab = SideBySideDataset(wide, Halves::left_right, Direction::a_to_b).read(0, draws);
  CHECK(ab.picture.shape() == Shape{1, 2, 2});
  CHECK(ab.picture.to_vector<std::uint8_t>() == Values{1, 2, 5, 6});
  CHECK(ab.target.to_vector<std::uint8_t>() == Values{3, 4, 7, 8});
  CHECK(ab.target.is_row_major());
  const Example ba = SideBySideDataset(wide, Halves::left_right, Direction::b_to_a).read(0, draws);
  CHECK(ba.picture.to_vector<std::uint8_t>() == Values{3, 4, 7, 8});
  CHECK(ba.target.to_vector<std::uint8_t>() == Values{1, 2, 5, 6});
  const Example stacked = SideBySideDataset(wide, Halves::top_bottom, Direction::a_to_b).read(0, draws);
  CHECK(stacked.picture.to_vector<std::uint8_t>() == Values{1, 2, 3, 4});
  CHECK(stacked.target.to_vector<std::uint8_t>() == Values{5, 6, 7, 8});
  const auto odd = one_picture({1, 2, 3, 4, 5, 6}, {2, 1, 3});
  for (const Halves halves : {Halves::left_right, Halves::top_bottom})
    CHECK(has(error_of([&] { SideBySideDataset(odd, halves, Direction::a_to_b).read(0, draws); }), "which is odd"));
}

TEST_CASE("MatchedFolders: by name, whatever the extension; the others are named") {
  const TempFolder folder;
  const fs::path a = folder / "A", b = folder / "B";
  make_picture(a / "1.png", {1, 2, 2}, 1);
  make_picture(b / "1.PNG", {3, 2, 2}, 101);
  make_picture(a / "deep/2.png", {1, 1, 2}, 2);
  make_picture(b / "deep/2.png", {1, 2, 1}, 102);
  make_picture(a / "3.png", {1, 1, 1}, 3);
  make_picture(b / "4.png", {1, 1, 1}, 104);
  const MatchedFolders dataset(a, b);
  CHECK(dataset.size() == 2);
  CHECK(dataset.classes() == 0);
  CHECK(dataset.unmatched() == std::vector<fs::path>{a / "3.png", b / "4.png"});
  CHECK(dataset.name(0) == (a / "1.png").string());
  Rng draws(0);
  const Example example = dataset.read(0, draws);
  CHECK(example.picture.shape() == Shape{1, 2, 2});
  CHECK(example.target.shape() == Shape{3, 2, 2});
  CHECK(example.target.to_vector<std::uint8_t>()[0] == 101);
  const Example differ = dataset.read(1, draws);  // a transform may make them one size
  CHECK(differ.picture.shape() == Shape{1, 1, 2});
  CHECK(differ.target.shape() == Shape{1, 2, 1});
  make_picture(a / "1.bmp", {1, 1, 1}, 1);
  CHECK(has(error_of([&] { MatchedFolders(a, b); }), "has both 1."));
  fs::remove(a / "1.bmp");
  CHECK(has(error_of([&] { MatchedFolders(a, folder / "C"); }), "can't be read as a folder"));
  make_picture(folder / "C/5.png", {1, 1, 1}, 5);
  const std::string none = error_of([&] { MatchedFolders(a, folder / "C"); });
  CHECK(has(none, "has its like"));
  CHECK(has(none, "5.png"));
}

TEST_CASE("UnalignedDataset: the smaller set repeats, targets are drawn or in order") {
  Rng draws(3);
  const UnalignedDataset serial(count(2, 0), count(5, 100), Pairing::serial);
  REQUIRE(serial.size() == 5);
  for (std::int64_t i = 0; i < 5; ++i) {
    const Example example = serial.read(i, draws);
    CHECK(example.picture.item() == i % 2);
    CHECK(example.target.item() == 100 + i);
  }
  const UnalignedDataset random(count(5, 0), count(3, 100), Pairing::random);
  REQUIRE(random.size() == 5);
  std::set<double> seen;
  for (std::int64_t i = 0; i < 50; ++i) {
    Rng first(7, std::uint64_t(4 * i)), second(7, std::uint64_t(4 * i));
    const Example example = random.read(i % 5, first);
    CHECK(example.picture.item() == i % 5);
    CHECK(example.target.item() == random.read(i % 5, second).target.item());
    seen.insert(example.target.item());
  }
  CHECK(seen == std::set<double>{100, 101, 102});
}
