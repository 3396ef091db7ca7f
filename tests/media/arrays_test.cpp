// Arrays made by numpy and safetensors (tests/golden/make_datasets.py), and wrong ones.
#include "duel/gan/media/arrays.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "duel/gan/media/npy.h"
#include "duel/nn/safetensors.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;
using namespace std::string_literals;

namespace {

namespace fs = std::filesystem;
using Labels = std::vector<std::int64_t>;

const fs::path kGolden = fs::path(DUEL_SOURCE_DIR) / "tests/golden/datasets";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
std::string error(const fs::path& path) {
  return error_of([&] { load_arrays(path); });
}
bool is_built_without() { return has(error(kGolden / "pictures.npz"), "-DDUEL_LIBZIP=ON"); }

// Of picture i, of rows of 5 pixels of 3 channels.
double value(std::int64_t i, std::int64_t c, std::int64_t y, std::int64_t x) {
  return double(10 * i + 15 * y + 3 * x + c);
}

void check_pictures(const Tensor& pictures) {
  REQUIRE(pictures.shape() == Shape{3, 3, 4, 5});
  const std::vector<double> values = doubles(pictures);
  std::size_t at = 0;
  for (std::int64_t i = 0; i < 3; ++i)
    for (std::int64_t c = 0; c < 3; ++c)
      for (std::int64_t y = 0; y < 4; ++y)
        for (std::int64_t x = 0; x < 5; ++x) CHECK(values[at++] == doctest::Approx(value(i, c, y, x)).epsilon(1e-6));
}

std::string npy(const std::string& header, const std::string& data) {
  std::string file = "\x93NUMPY\x01\x00"s;
  file += static_cast<char>(header.size());
  file += static_cast<char>(header.size() >> 8);
  return file + header + data;
}
std::string npy(const char* type, const char* shape, const std::string& data) {
  return npy(cat("{'descr': '", type, "', 'fortran_order': False, 'shape': ", shape, ", }\n"), data);
}
std::string npy_error(const std::string& file) {
  return error_of([&] { read_npy(file, "a.npy"); });
}

}  // namespace

TEST_CASE("load_arrays: .npy of bytes, in either order, with channels last and without") {
  for (const char* name : {"pictures.npy", "fortran.npy"}) {
    const TensorDataset dataset = load_arrays(kGolden / name);
    check_pictures(dataset.pictures);
    CHECK(dataset.pictures.dtype() == DType::uint8);
    CHECK(dataset.classes() == 0);
  }
  const TensorDataset grey = load_arrays(kGolden / "grey.npy");
  CHECK(grey.pictures.shape() == Shape{3, 1, 4, 5});
  CHECK(grey.pictures.to_vector<std::uint8_t>()[21] == 13);
  CHECK(has(grey.name(1), "grey.npy, picture 1"));
}

TEST_CASE("load_arrays: .npz and .safetensors, with labels; floats are in [-1, 1]") {
  std::vector<const char*> files = {"pictures.safetensors"};
  if (!is_built_without()) files.insert(files.end(), {"pictures.npz", "floats.npz"});
  for (const char* name : files) {
    CAPTURE(name);
    const TensorDataset dataset = load_arrays(kGolden / name);
    check_pictures(dataset.pictures);
    CHECK(dataset.labels.to_vector<std::int64_t>() == Labels{2, 0, 1});
    CHECK(dataset.classes() == 3);
    CHECK((dataset.pictures.dtype() == DType::uint8) == (name == "pictures.npz"s));
  }
  if (!is_built_without()) check_pictures(load_arrays(kGolden / "unnamed.npz").pictures);
}

TEST_CASE("load_arrays: what is wrong is named") {
  const TempFolder folder;
  const fs::path path = folder / "a.safetensors";
  const auto of = [&](const std::map<std::string, Tensor>& tensors) {
    write_safetensors(path, {tensors, {}});
    return error(path);
  };
  const Tensor pictures = Tensor::zeros({2, 4, 4, 4}, {.dtype = DType::uint8});
  CHECK(of({{"images", pictures}}).empty());
  CHECK(has(of({}), "has none at all"));
  CHECK(has(of({{"a", pictures}}), "it has a and so on"));
  CHECK(has(of({{"x", Tensor::zeros({2, 4})}}), "got float32[2, 4]"));
  CHECK(has(of({{"x", Tensor::zeros({0, 3, 4, 4})}}), "with something in them"));
  CHECK(has(of({{"x", Tensor::zeros({2, 3, 4, 4}, {.dtype = DType::int64})}}), "must be uint8 or floats"));
  CHECK(has(of({{"x", Tensor::full({2, 3, 4, 4}, 1.5)}}), "must lie in [-1, 1], but there is a 1.5"));
  CHECK(has(of({{"x", Tensor::full({2, 3, 4, 4}, NAN)}}), "but there is a nan"));
  CHECK(has(of({{"x", pictures}, {"y", Tensor::zeros({2})}}), "labels must be integers, one for each of 2 pictures"));
  CHECK(has(of({{"x", pictures}, {"y", Tensor::from<std::int64_t>({0, 1, 1}, {3})}}), "one for each of 2 pictures"));
  CHECK(has(of({{"x", pictures}, {"y", Tensor::from<std::int64_t>({0, -1}, {2})}}), "reach from -1 to 0"));
  make_file(folder / "a.txt", "");
  CHECK(has(error(folder / "a.txt"), "is neither .npy nor .npz nor .safetensors"));
  CHECK(has(error(kGolden / "big_endian.npy"), "elements of type '>f4'"));
  CHECK(has(error(kGolden / "objects.npy"), "elements of type '|O'"));
}

TEST_CASE("read_npy: types and headers") {
  CHECK(read_npy(npy("<i2", "(2,)", "\x01\x00\xff\xff"s), "a").to_vector<std::int64_t>() == Labels{1, -1});
  CHECK(read_npy(npy("<u4", "(1,)", "\xff\xff\xff\xff"s), "a").to_vector<std::int64_t>() == Labels{0xffffffff});
  CHECK(read_npy(npy("|u1", "()", "a"), "a").shape() == Shape{});
  CHECK(read_npy(npy("|u1", "(0, 3)", ""), "a").shape() == Shape{0, 3});
  CHECK(has(npy_error("PK"), "a.npy is no .npy file"));
  CHECK(has(npy_error("\x93NUMPY\x04\x00\x00\x00"s), "version 4"));
  CHECK(has(npy_error(npy("|u1", "(3,)", "ab")), "has 2 bytes of them; it is cut short"));
  CHECK(has(npy_error(npy("|u1", "(1,)", "ab")), "has 2 bytes of them"));
  CHECK(has(npy_error(npy("<f4", "(4611686018427387904, 2)", "ab")), "beyond 63 bits"));
  CHECK(has(npy_error(npy("|u1", "(0, 4611686018427387904, 4)", "")), "beyond 63 bits"));
  CHECK(has(npy_error(npy("|u1", "(1, 1, 1, 1, 1, 1, 1, 1, 1)", "a")), "more than 8 dimensions"));
  CHECK(has(npy_error(npy("|u1", "(99999999999999999999,)", "a")), "the header does not say"));
  CHECK(has(npy_error(npy("|u1", "(-1,)", "a")), "the header does not say"));
  CHECK(has(npy_error(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "abcd")), "records"));
  CHECK(has(npy_error(npy("{}", "a")), "the header does not say"));
}

TEST_CASE("read_npy: cut at any byte, or altered") {
  const std::string whole = file_content(kGolden / "fortran.npy");
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) CHECK(!npy_error(whole.substr(0, bytes)).empty());
  std::mt19937 random(0);
  for (int i = 0; i < 5000; ++i) {
    std::string altered = whole;
    for (int k = 0; k <= i % 3; ++k) altered[random() % 128] = static_cast<char>(random() % 128);
    const std::string failure = npy_error(altered);
    CHECK((failure.empty() || has(failure, "a.npy")));
  }
}
