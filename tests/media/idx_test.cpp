// IDX files: read plain and gzipped, and everything that can be wrong with one.
#include "duel/gan/media/idx.h"

#include <doctest/doctest.h>

#include "duel/tensor/allocator.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

std::string idx(std::initializer_list<std::uint32_t> sizes, std::string_view data, char element = 0x08) {
  std::string file = {0, 0, element, static_cast<char>(sizes.size())};
  for (std::uint32_t size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<char>(size >> shift));
  return file.append(data);
}

// idx({2, 3}, "abcdef") through `gzip -9n`.
const std::string kGzipped(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x63\x60\xe0\x60\x62\x60\x60\x00\x61\xe6\xc4\xa4\xe4\x94\xd4\x34\x00\x83"
    "\xda\x46\x2f\x12\x00\x00\x00",
    35);

std::string read_error(const std::filesystem::path& path, std::string_view content) {
  make_file(path, content);
  const std::string error = error_of([&] { read_idx(path); });
  CHECK((error.empty() || error.find(path.string()) != std::string::npos));
  return error;
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("read_idx: plain and gzipped, 1 to 4 dimensions") {
  const TempFolder folder;
  const auto path = folder / "a-idx";
  for (const std::string& content : {idx({2, 3}, "abcdef"), kGzipped}) {
    make_file(path, content);
    const Tensor t = read_idx(path);
    CHECK(t.shape() == Shape{2, 3});
    CHECK(t.to_vector<std::uint8_t>() == std::vector<std::uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'});
  }
  make_file(path, idx({2}, "ab"));
  CHECK(read_idx(path).shape() == Shape{2});
  make_file(path, idx({1, 2, 1, 2}, "abcd"));
  CHECK(read_idx(path).shape() == Shape{1, 2, 1, 2});
  make_file(path, idx({0, 28, 28}, ""));
  CHECK(read_idx(path).shape() == Shape{0, 28, 28});
}

TEST_CASE("read_idx: cut at any byte, plain or gzipped") {
  const TempFolder folder;
  for (const std::string& whole : {idx({2, 3}, "abcdef"), kGzipped})
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
      CAPTURE(bytes);
      CHECK(has(read_error(folder / "cut", std::string_view(whole).substr(0, bytes)), "cut"));
    }
}

TEST_CASE("read_idx: a flipped bit in a gzipped file never gives other content") {
  const TempFolder folder;
  for (std::size_t at = 0; at < kGzipped.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = kGzipped;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      CAPTURE(at);
      CAPTURE(bit);
      if (read_error(folder / "flipped", flipped).empty())
        CHECK(read_idx(folder / "flipped").to_vector<std::uint8_t>() ==
              std::vector<std::uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'});
    }
}

TEST_CASE("read_idx: what is wrong is named") {
  const TempFolder folder;
  const auto path = folder / "wrong";
  CHECK(has(read_error(path, "not an idx file"), "is not an IDX file"));
  CHECK(has(read_error(path, idx({1}, "abcd", 0x0D)), "elements of type float32"));
  CHECK(has(read_error(path, idx({1}, "abcd", 0x0C)), "elements of type int32"));
  CHECK(has(read_error(path, idx({1}, "abcd", 0x0A)), "is not an IDX file"));
  CHECK(has(read_error(path, idx({}, "a")), "0 dimensions"));
  CHECK(has(read_error(path, idx({1, 1, 1, 1, 1}, "a")), "5 dimensions"));
  CHECK(has(read_error(path, idx({2}, "abc")), "more data"));
  CHECK(has(read_error(path, kGzipped + kGzipped), "more data"));
  reset_peak_memory(Device::cpu);
  const std::size_t before = memory_stats(Device::cpu).live;
  CHECK(has(read_error(path, idx({0xffffffff}, "abc")), "cut short"));
  CHECK(has(read_error(path, idx({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, "abc")), "cut short"));
  CHECK(has(read_error(path, idx({0, 0xffffffff, 0xffffffff, 0xffffffff}, "")), "cut short"));
  CHECK(memory_stats(Device::cpu).peak == before);
  CHECK(has(error_of([&] { read_idx(folder / "missing"); }), "no such file"));
  CHECK(has(error_of([&] { read_idx(folder.path()); }), "not a regular file"));
}

TEST_CASE("load_idx_dataset: pictures with their labels, of either split") {
  const TempFolder folder;
  make_file(folder / "train-images-idx3-ubyte", idx({3, 1, 2}, "abcdef"));
  make_file(folder / "train-labels-idx1-ubyte", idx({3}, std::string_view("\2\0\4", 3)));
  make_file(folder / "t10k-images-idx3-ubyte", idx({1, 2, 2}, "ABCD"));
  make_file(folder / "t10k-labels-idx1-ubyte", idx({1}, "\1"));
  const TensorDataset train = load_idx_dataset(folder.path(), Split::train);
  CHECK(train.pictures.shape() == Shape{3, 1, 1, 2});
  CHECK(train.labels.to_vector<std::int64_t>() == std::vector<std::int64_t>{2, 0, 4});
  CHECK(train.count == 5);
  CHECK(load_idx_dataset(folder.path(), Split::test).pictures.to_vector<std::uint8_t>() ==
        std::vector<std::uint8_t>{'A', 'B', 'C', 'D'});
}

TEST_CASE("load_idx_dataset: a folder without them, and files that don't belong together") {
  const TempFolder folder;
  const auto error = [&](const std::filesystem::path& path) {
    return error_of([&] { load_idx_dataset(path, Split::train); });
  };
  CHECK(has(error(folder / "nowhere"), "dataset-fashion-mnist"));
  CHECK(has(error(folder / "nowhere"), "train-images-idx3-ubyte.gz"));
  CHECK(has(error(folder.path()), "has neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz"));
  make_file(folder / "train-images-idx3-ubyte.gz", kGzipped);
  make_file(folder / "train-labels-idx1-ubyte", idx({2}, "\1\2"));
  CHECK(has(error(folder.path()), "should hold [N, H, W], not [2, 3]"));
  make_file(folder / "train-images-idx3-ubyte", idx({3, 1, 2}, "abcdef"));
  CHECK(has(error(folder.path()), "there must be one for each"));
  make_file(folder / "train-images-idx3-ubyte", idx({0, 1, 2}, ""));
  CHECK(has(error(folder.path()), "should hold [N, H, W], not [0, 1, 2]"));
}

TEST_CASE("load_idx_dataset: EMNIST's names, and its pictures upright") {
  const TempFolder folder;
  for (const char* name : {"emnist-letters", "emnist-digits"}) {
    make_file(folder / cat(name, "-train-images-idx3-ubyte"), idx({1, 2, 3}, "abcdef"));
    make_file(folder / cat(name, "-train-labels-idx1-ubyte"), idx({1}, "\1"));
  }
  make_file(folder / "emnist-letters-test-images-idx3-ubyte.gz", idx({2, 1, 1}, "AB"));
  make_file(folder / "emnist-letters-test-labels-idx1-ubyte", idx({2}, "\2\3"));
  CHECK(is_idx_dataset(folder.path()));
  const auto error = [&](const std::filesystem::path& path, Split split) {
    return error_of([&] { load_idx_dataset(path, split); });
  };
  CHECK(has(error(folder.path(), Split::train), "has 2 data sets, such as emnist-digits-... and emnist-letters-..."));
  const auto file = folder / "emnist-letters-train-images-idx3-ubyte";
  CHECK(is_idx_dataset(file));
  const TensorDataset train = load_idx_dataset(file, Split::train);
  CHECK(train.pictures.shape() == Shape{1, 1, 3, 2});
  CHECK(train.pictures.to_vector<std::uint8_t>() == std::vector<std::uint8_t>{'a', 'd', 'b', 'e', 'c', 'f'});
  CHECK(has(train.name(0), "emnist-letters-train-images-idx3-ubyte, picture 0"));
  CHECK(load_idx_dataset(file, Split::test).size() == 2);
  CHECK(load_idx_dataset(folder.path(), Split::test).size() == 2);
  const auto digits = folder / "emnist-digits-train-images-idx3-ubyte";
  CHECK(has(error(digits, Split::test), "has neither emnist-digits-t10k-images-idx3-ubyte nor"));
  const auto labels = folder / "emnist-digits-train-labels-idx1-ubyte";
  CHECK(has(error(labels, Split::train), "is not named like a file of pictures"));
  std::filesystem::remove(labels);
  CHECK(has(error(digits, Split::train), "has neither emnist-digits-train-labels-idx1-ubyte nor"));
}
