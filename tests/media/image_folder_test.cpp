// Folders of pictures: their order, classes and labels, and what is wrong with a folder.
#include "duel/gan/media/image_folder.h"

#include <doctest/doctest.h>

#include "duel/gan/media/png.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

// A grey picture of one pixel.
void make_picture(const fs::path& path, int value = 0) {
  fs::create_directories(path.parent_path());
  write_png(path, Tensor::full({1, 1, 1}, value, {.dtype = DType::uint8}));
}

Names files_of(const ImageFolder& folder) {
  Names names;
  for (std::int64_t i = 0; i < folder.size(); ++i) names.push_back(folder.relative_path(i));
  return names;
}

std::string error(const fs::path& path, FolderClasses classes, const Names& only = {}) {
  return error_of([&] { ImageFolder(path, classes, only); });
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("ImageFolder: subfolders are classes, in torchvision's order") {
  const TempFolder folder;
  // As torchvision.datasets.ImageFolder sorts them: by folder, then by name, by code points.
  const Names files = {"B/1.png",         "B/10.png", "B/2.png", "B/deep/0.png",
                       "B/deep-er/1.png", "a/Z.PNG",  "a/a.png", "\u00e9/a.png"};
  for (std::size_t i = files.size(); i-- > 0;) make_picture(folder / files[i], static_cast<int>(i));
  make_picture(folder / "a/.hidden.png");
  make_picture(folder / ".thumbnails/a.png");
  make_file(folder / "a/notes.txt", "no picture");
  make_file(folder / "notes.txt", "no picture");
  const ImageFolder dataset(folder.path(), FolderClasses::subfolders);
  CHECK(files_of(dataset) == files);
  CHECK(dataset.classes() == 3);
  CHECK(dataset.class_names() == Names{"B", "a", "\u00e9"});
  Rng draws(0);
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    CHECK(dataset.label(i) == (i < 5 ? 0 : i < 7 ? 1 : 2));
    CHECK(dataset.read(i, draws).picture.item() == i);
    CHECK_FALSE(dataset.read(i, draws).target.defined());
  }
  CHECK(dataset.name(0) == (folder / "B/1.png").string());
}

TEST_CASE("ImageFolder: some classes only, in the order asked for") {
  const TempFolder folder;
  for (const char* file : {"a/1.png", "b/1.png", "c/1.png", "c/2.png"}) make_picture(folder / file);
  fs::create_directory(folder / "empty");
  const ImageFolder dataset(folder.path(), FolderClasses::subfolders, {"c", "a"});
  CHECK(files_of(dataset) == Names{"c/1.png", "c/2.png", "a/1.png"});
  CHECK(dataset.label(1) == 0);
  CHECK(dataset.label(2) == 1);
  CHECK(has(error(folder.path(), FolderClasses::subfolders), "empty\" has no pictures"));
  CHECK(has(error(folder.path(), FolderClasses::subfolders, {"d"}), "has no subfolder 'd'"));
  CHECK(has(error(folder.path(), FolderClasses::subfolders, {"a", "b", "a"}), "'a' is named twice"));
  CHECK(has(error(folder.path(), FolderClasses::none, {"a"}), "without classes"));
}

TEST_CASE("ImageFolder: without classes, everything below the folder") {
  const TempFolder folder;
  for (const char* file : {"b.png", "a/2.png", "a/b/1.png"}) make_picture(folder / file);
  const ImageFolder dataset(folder.path(), FolderClasses::none);
  CHECK(files_of(dataset) == Names{"b.png", "a/2.png", "a/b/1.png"});
  CHECK(dataset.classes() == 0);
  CHECK(dataset.class_names().empty());
  CHECK(dataset.label(2) == 0);
}

TEST_CASE("ImageFolder: links are followed, but not in circles") {
  const TempFolder folder, other;
  make_picture(other / "x/1.png", 7);
  fs::create_directory(folder / "c");
  fs::create_directory_symlink(other / "x", folder / "c/linked");
  fs::create_directory_symlink(folder.path(), folder / "c/back");
  fs::create_directory_symlink(folder / "c", folder / "d");
  fs::create_symlink(folder / "nowhere", folder / "c/dangling.png");
  const ImageFolder dataset(folder.path(), FolderClasses::subfolders);
  CHECK(files_of(dataset)[0] == "c/dangling.png");
  Rng draws(0);
  const std::string failure = error_of([&] { dataset.read(0, draws); });
  CHECK(has(failure, "dangling.png"));
  REQUIRE(dataset.size() < 20);
  for (const std::string& file : files_of(dataset)) CHECK((has(file, "dangling.png") || has(file, "linked/1.png")));
}

TEST_CASE("ImageFolder: folders with nothing in them, and what is no folder") {
  const TempFolder folder;
  CHECK(has(error(folder.path(), FolderClasses::none), "has no pictures"));
  CHECK(has(error(folder.path(), FolderClasses::subfolders), "has no subfolders"));
  CHECK(has(error(folder / "missing", FolderClasses::none), "can't be read as a folder"));
  make_file(folder / "file", "");
  CHECK(has(error(folder / "file", FolderClasses::none), "can't be read as a folder"));
  CHECK(has(error(folder / "file", FolderClasses::subfolders), "can't be read as a folder"));
  // A file that is no picture is listed, and says so when it is read.
  make_file(folder / "a.png", "not a picture");
  const ImageFolder dataset(folder.path(), FolderClasses::none);
  Rng draws(0);
  const std::string failure = error_of([&] { dataset.read(0, draws); });
  CHECK(has(failure, "a.png"));
}
