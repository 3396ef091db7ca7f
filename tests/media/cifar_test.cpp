// CIFAR-10 and CIFAR-100 in every version, from files made by the original tools (tests/golden/make_datasets.py), and
// what is wrong with others.
#include "duel/gan/media/cifar.h"

#include <doctest/doctest.h>

#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;
using namespace std::string_literals;

namespace {

namespace fs = std::filesystem;
using Labels = std::vector<std::int64_t>;

const fs::path kGolden = fs::path(DUEL_SOURCE_DIR) / "tests/golden/datasets";

// Picture i of batch b has the values 10 b + i, and so on.
void check_pictures(const TensorDataset& dataset, const std::vector<int>& firsts) {
  REQUIRE(dataset.pictures.shape() == Shape{static_cast<std::int64_t>(firsts.size()), 3, 32, 32});
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    const auto values = dataset.pictures.select(0, static_cast<std::int64_t>(i)).to_vector<std::uint8_t>();
    bool right = true;
    for (std::size_t j = 0; j < values.size(); ++j) right = right && values[j] == (firsts[i] + j) % 256;
    CHECK(right);
  }
}

// A record of the binary version.
std::string record(const std::string& labels, int first) {
  std::string bytes = labels;
  for (int j = 0; j < 3072; ++j) bytes += static_cast<char>(first + j);
  return bytes;
}

void make_binary(const fs::path& folder) {
  for (int b = 1; b <= 5; ++b)
    make_file(folder / cat("data_batch_", b, ".bin"), record(std::string(1, static_cast<char>(b)), 10 * b));
  make_file(folder / "test_batch.bin", record("\x09", 60) + record("\x01", 61));
}

std::string error(const fs::path& path, Cifar which = Cifar::ten, Split split = Split::train) {
  return error_of([&] { load_cifar(path, which, split); });
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("load_cifar: CIFAR-10 of both versions, from the archives") {
  for (const char* file : {"cifar-10-python.tar.gz", "cifar-10-binary.tar.gz"}) {
    const fs::path path = kGolden / file;
    CAPTURE(path);
    REQUIRE(is_cifar(path, Cifar::ten));
    CHECK_FALSE(is_cifar(path, Cifar::hundred));
    if (const std::string failure = error(path); has(failure, "built without libarchive")) continue;
    const TensorDataset train = load_cifar(path, Cifar::ten, Split::train);
    check_pictures(train, {0, 1, 10, 11, 20, 21, 30, 31, 40, 41});
    CHECK(train.labels.to_vector<std::int64_t>() == Labels{0, 9, 1, 8, 2, 7, 3, 6, 4, 5});
    CHECK(train.classes() == 10);
    CHECK(train.class_names()[9] == "truck");
    CHECK(has(train.name(3), file));
    check_pictures(load_cifar(path, Cifar::ten, Split::test), {50, 51});
  }
}

TEST_CASE("load_cifar: CIFAR-100, its fine and its coarse labels") {
  const fs::path python = kGolden / "cifar-100-python", binary = kGolden / "cifar-100-binary.tar.gz";
  for (const fs::path& path : {python, binary}) {
    CAPTURE(path);
    REQUIRE(is_cifar(path, Cifar::hundred));
    if (has(error(path, Cifar::hundred), "built without libarchive")) continue;
    const TensorDataset fine = load_cifar(path, Cifar::hundred, Split::train);
    check_pictures(fine, {0, 1, 2});
    CHECK(fine.labels.to_vector<std::int64_t>() == Labels{99, 0, 57});
    CHECK(fine.class_names()[57] == "fine 57");
    const TensorDataset coarse = load_cifar(path, Cifar::hundred_coarse, Split::test);  // a pickle of protocol 5
    check_pictures(coarse, {10, 11, 12});
    CHECK(coarse.labels.to_vector<std::int64_t>() == Labels{19, 0, 8});
    CHECK(coarse.classes() == 20);
    CHECK(coarse.class_names()[19] == "coarse 19");
  }
  CHECK(is_cifar(kGolden, Cifar::hundred));  // the folder that they are in
  check_pictures(load_cifar(kGolden, Cifar::hundred, Split::train), {0, 1, 2});
}

TEST_CASE("load_cifar: the binary version unpacked, and what is wrong with it") {
  const TempFolder folder;
  CHECK_FALSE(is_cifar(folder.path(), Cifar::ten));
  CHECK(has(error(folder.path()), "has neither the files of cifar-10-python.tar.gz"));
  make_binary(folder.path());
  const TensorDataset train = load_cifar(folder.path(), Cifar::ten, Split::train);
  check_pictures(train, {10, 20, 30, 40, 50});
  CHECK(train.labels.to_vector<std::int64_t>() == Labels{1, 2, 3, 4, 5});
  CHECK(train.class_names().empty());
  CHECK(load_cifar(folder.path(), Cifar::ten, Split::test).size() == 2);
  make_file(folder / "batches.meta.txt", "one\ntwo\n");
  CHECK(has(error(folder.path()), "names 2 classes instead of 10"));
  fs::remove(folder / "batches.meta.txt");
  make_file(folder / "data_batch_2.bin", record("\x02", 20).substr(1));
  CHECK(has(error(folder.path()), "3072 bytes, which is no multiple of the 3073"));
  make_file(folder / "data_batch_2.bin", "");
  CHECK(has(error(folder.path()), "has 0 bytes"));
  make_file(folder / "data_batch_2.bin", record("\x0a", 20));
  CHECK(has(error(folder.path()), "data_batch_2.bin has the label 10; they are from 0 to 9"));
  fs::remove(folder / "data_batch_2.bin");
  CHECK(has(error(folder.path()), "has no data_batch_2.bin"));
}

TEST_CASE("load_cifar: pickles that are cut or altered give an error or the same data, never anything else") {
  const TempFolder folder;
  fs::copy(kGolden / "cifar-100-python/meta", folder / "meta");
  for (const char* name : {"train", "test"}) {
    const std::string whole = file_content(kGolden / "cifar-100-python" / name);
    for (std::size_t bytes = 0; bytes < whole.size(); bytes += bytes < 300 ? 7 : 997) {
      make_file(folder / "train", std::string_view(whole).substr(0, bytes));
      CHECK(has(error(folder.path(), Cifar::hundred), "train"));
    }
    make_file(folder / "train", whole);
    for (std::size_t at = 0; at < 330; ++at) {
      set_byte(folder / "train", at, static_cast<char>(whole[at] ^ 1 << at % 8));
      const std::string failure = error(folder.path(), Cifar::hundred);
      CHECK((failure.empty() || has(failure, "train")));
      set_byte(folder / "train", at, whole[at]);
    }
  }
}

TEST_CASE("load_cifar: what a pickle would have Python do is refused by name") {
  const TempFolder folder;
  fs::copy(kGolden / "cifar-100-python/meta", folder / "meta");
  const auto of = [&](std::string_view pickle) {
    make_file(folder / "train", pickle);
    return error(folder.path(), Cifar::hundred);
  };
  CHECK(has(of("\x80\x02}(U\x04"
               "datacos\nsystem\nU\x02ls\x85Ru."),
            "use 'os.system'; only numpy's arrays"));
  CHECK(has(of("\x80\x02}."), "has no 'data'"));
  CHECK(has(of("\x80\x02]."), "is no dictionary"));
  CHECK(has(of("\x80\x02}(U\x04"
               "dataK\x01u."),
            "'data' is no array"));
  CHECK(has(of("\x80\x02}(U\x04"
               "datacnumpy\nndarray\n)Ru."),
            "'data' is no array"));
  const std::string array =
      "\x80\x02}(U\x0b"
      "fine_labels]U\x04"
      "datacnumpy.core.multiarray\n_reconstruct\n)R";
  const std::string u1 = "cnumpy\ndtype\nU\x02u1\x85R";
  CHECK(has(of(array + "(tbu."), "another version of numpy"));
  CHECK(has(of(array + "(K\x01K\x01\x85" + u1 + "\x89U\x01xtbu."), "should be [N, 3072]"));
  const std::string shape = "K\x01M\x00\x0c\x86"s;
  CHECK(has(of(array + "(K\x01" + shape + u1 + "\x89U\x01xtbu."), "should be [1, 3072] but has 1 bytes"));
  CHECK(has(of(array + "(K\x01" + shape + u1 + "\x88U\x01xtbu."), "column by column"));
  CHECK(has(of(array + "(K\x01" + shape +
               "cnumpy\ndtype\nU\x02"
               "f4\x85R\x89U\x01xtbu."),
            "not of uint8"));
  CHECK(has(of(array + "(K\x01J\xff\xff\xff\xffM" + "\x00\x0c\x86"s + u1 + "\x89U\x01xtbu."), "should be"));
  CHECK(has(of(array + "(tb(tbu."), "state twice"));
}
