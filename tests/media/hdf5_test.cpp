// HDF5 files made by h5py (tests/golden/make_datasets.py), and what is wrong with others.
#include "duel/gan/media/hdf5.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(DUEL_SOURCE_DIR) / "tests/golden/datasets";

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }
std::string error(const fs::path& path) {
  return error_of([&] { open_hdf5(path); });
}
// Then that is all there is to test.
bool is_built_without() { return has(error(kGolden / "plain.hdf5"), "-DDUEL_HDF5=ON"); }

bool is_ramp(const Tensor& picture, int first) {
  const auto values = picture.to_vector<std::uint8_t>();
  for (std::size_t j = 0; j < values.size(); ++j)
    if (values[j] != (static_cast<std::size_t>(first) + j) % 256) return false;
  return true;
}

}  // namespace

TEST_CASE("open_hdf5: contiguous and in compressed chunks, with labels and without") {
  if (is_built_without()) return;
  for (const char* name : {"plain.hdf5", "gzip.hdf5"}) {
    CAPTURE(name);
    const auto dataset = open_hdf5(kGolden / name);
    REQUIRE(dataset->size() == 5);
    CHECK(dataset->classes() == 4);
    const std::int64_t labels[] = {3, 0, 2, 2, 1};
    Rng draws(0);
    for (std::int64_t i = 0; i < 5; ++i) {
      CHECK(dataset->label(i) == labels[i]);
      const Tensor picture = dataset->read(i, draws).picture;
      CHECK(picture.shape() == Shape{3, 4, 5});
      CHECK(is_ramp(picture, 10 * static_cast<int>(i)));
    }
    CHECK(has(dataset->name(2), "picture 2"));
  }
  CHECK(open_hdf5(kGolden / "unlabelled.hdf5")->classes() == 0);
}

TEST_CASE("open_hdf5: several threads read at once") {
  if (is_built_without()) return;
  const auto dataset = open_hdf5(kGolden / "gzip.hdf5");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Rng draws(0);
      for (int k = 0; k < 50; ++k) wrong += !is_ramp(dataset->read((k + t) % 5, draws).picture, 10 * ((k + t) % 5));
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("open_hdf5: what is wrong is named") {
  if (is_built_without()) return;
  const TempFolder folder;
  CHECK(has(error(kGolden / "lzf.hdf5"), "is compressed by 'lzf' (filter 32000)"));
  CHECK(has(error(kGolden / "wrong.hdf5"), "no array of integers"));
  CHECK(has(error(kGolden / "labels.hdf5"), "'labels' must be [N], one for each of 5 pictures"));
  CHECK(has(error(folder / "missing"), "no such file"));
  make_file(folder / "text", "no HDF5");
  CHECK(has(error(folder / "text"), "is no whole HDF5 file"));
  const std::string whole = file_content(kGolden / "plain.hdf5");
  for (const std::size_t bytes : {0, 8, 100, 1000, 2000}) {
    make_file(folder / "cut", std::string_view(whole).substr(0, bytes));
    CHECK(has(error(folder / "cut"), "cut"));
  }
}
