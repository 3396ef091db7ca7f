// Archives of arrays for numpy: read back by what reads numpy's own.
#include "duel/gan/media/npz.h"

#include <doctest/doctest.h>

#include "duel/gan/media/arrays.h"
#include "duel/gan/media/npy.h"
#include "duel/gan/media/zip_archive.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

bool is_built_without() {
  TempFolder folder;
  const std::string message = error_of([&] { write_npz(folder / "x.npz", {{"x", Tensor::zeros({1})}}); });
  return message.find("-DDUEL_LIBZIP=ON") != std::string::npos;
}

}  // namespace

TEST_CASE("arrays of every type come back as they were, also from views") {
  if (is_built_without()) return;
  TempFolder folder;
  const Tensor bytes = Rng(1).integers({2, 3, 4, 5}, 256).to(DType::uint8);
  const Tensor floats = Rng(2).normal({3}), doubled = Rng(3).normal({2, 2}).to(DType::float64);
  const Tensor labels = Tensor::from<std::int64_t>({7, -1}, {2});
  write_npz(folder / "a.npz",
            {{"arr_0", bytes.permute({0, 2, 3, 1})}, {"f", floats}, {"d", doubled}, {"labels", labels}});
  const ZipArchive zip("test", folder / "a.npz");
  CHECK(zip.names() == std::vector<std::string>{"arr_0.npy", "f.npy", "d.npy", "labels.npy"});
  const Tensor back = read_npy(zip.read(0), "arr_0");
  CHECK(back.shape() == Shape{2, 4, 5, 3});
  CHECK(doubles(back.permute({0, 3, 1, 2})) == doubles(bytes));
  CHECK(doubles(read_npy(zip.read(1), "f")) == doubles(floats));
  CHECK(doubles(read_npy(zip.read(2), "d")) == doubles(doubled));
  CHECK(doubles(read_npy(zip.read(3), "labels")) == doubles(labels));
  CHECK(zip.read(0).find('\n') % 64 == 63);  // elements begin where numpy puts them
}

TEST_CASE("pictures and labels under these names are a data set") {
  if (is_built_without()) return;
  TempFolder folder;
  const Tensor pictures = Rng(1).integers({4, 8, 8, 3}, 256).to(DType::uint8);
  write_npz(folder / "a.npz", {{"arr_0", pictures}, {"labels", Tensor::from<std::int64_t>({0, 1, 2, 0}, {4})}});
  const TensorDataset data = load_arrays(folder / "a.npz");
  CHECK(data.size() == 4);
  CHECK(data.classes() == 3);
  CHECK(data.label(2) == 2);
}

TEST_CASE("equal arrays give equal bytes; what can't be written leaves what was there") {
  if (is_built_without()) return;
  TempFolder folder;
  const Tensor x = Rng(1).normal({5});
  write_npz(folder / "a.npz", {{"x", x}});
  write_npz(folder / "b.npz", {{"x", Rng(2).normal({50})}});
  write_npz(folder / "b.npz", {{"x", x}});
  CHECK(file_content(folder / "a.npz") == file_content(folder / "b.npz"));
  CHECK_THROWS_AS(write_npz(folder / "none" / "a.npz", {{"x", x}}), Error);
  CHECK_THROWS_AS(write_npz(folder.path(), {{"x", x}}), Error);
  CHECK_THROWS_AS(write_npz(folder / "a.npz", {}), Error);
  CHECK(file_content(folder / "a.npz") == file_content(folder / "b.npz"));
}
