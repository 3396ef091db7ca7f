#include "duel/gan/media/open_dataset.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <system_error>
#include <utility>

#include "duel/gan/data/packed.h"
#include "duel/gan/data/subset.h"
#include "duel/gan/media/arrays.h"
#include "duel/gan/media/cifar.h"
#include "duel/gan/media/class_labels.h"
#include "duel/gan/media/font.h"
#include "duel/gan/media/hdf5.h"
#include "duel/gan/media/idx.h"
#include "duel/gan/media/image_folder.h"
#include "duel/gan/media/lsun.h"
#include "duel/gan/media/zip_dataset.h"
#include "duel/nn/atomic_file.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kOpen[] = "open_dataset";

using Opened = std::unique_ptr<Dataset>;

struct Format {
  DatasetFormat description;
  bool (*is_at)(const fs::path&);  // whether a path looks like it; null where it has to be asked for
  Opened (*open)(const fs::path&, const OpenOptions&);
};

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

template <class Predicate>
bool any_entry(const fs::path& folder, Predicate&& is_wanted) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error))
    if (is_wanted(entry->path())) return true;
  return false;
}

// Folders of pictures, and how they are divided.

std::vector<std::string> split_names(Split split) {
  return split == Split::train ? std::vector<std::string>{"train"} : std::vector<std::string>{"test", "val", "valid"};
}

bool has_pictures(const fs::path& folder) { return any_entry(folder, is_picture_name); }

// Whether all that is there is a division into train, test and so on.
bool is_divided(const fs::path& folder) {
  const std::vector<std::string> names = subfolders_of(folder);
  return !names.empty() && !has_pictures(folder) && std::all_of(names.begin(), names.end(), [](const auto& name) {
    return name == "train" || name == "test" || name == "val" || name == "valid";
  });
}

// The part of a divided folder, or the whole of one that isn't.
fs::path split_folder(const fs::path& folder, Split split) {
  if (!is_divided(folder)) return folder;
  const std::vector<std::string> names = split_names(split);
  for (const std::string& name : names)
    if (is_folder(folder / name)) return folder / name;
  fail(kOpen, folder, " is divided into ", subfolders_of(folder).front(), " and so on, but has no ", names.front());
}

using TwoFolders = std::pair<fs::path, fs::path>;

// As CycleGAN has them, then as pix2pix's script that puts them together takes them.
std::optional<TwoFolders> find_two_folders(const fs::path& folder, Split split) {
  std::vector<TwoFolders> places;
  for (const std::string& name : split_names(split)) {
    places.emplace_back(folder / (name + "A"), folder / (name + "B"));
    places.emplace_back(folder / "A" / name, folder / "B" / name);
    places.emplace_back(folder / name / "A", folder / name / "B");
  }
  places.emplace_back(folder / "A", folder / "B");
  const auto found = std::find_if(places.begin(), places.end(), [](const TwoFolders& place) {
    return is_folder(place.first) && is_folder(place.second);
  });
  return found == places.end() ? std::nullopt : std::optional(*found);
}

TwoFolders in_direction(TwoFolders folders, Direction direction) {
  if (direction == Direction::b_to_a) std::swap(folders.first, folders.second);
  return folders;
}

// Labels may be in a file, as StyleGAN's tools write it; then subfolders mean nothing.
Opened open_labelled(const fs::path& folder) {
  auto pictures = std::make_unique<ImageFolder>(folder, FolderClasses::none);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < pictures->size(); ++i) names.push_back(pictures->relative_path(i));
  const fs::path json = folder / kDatasetJson;
  std::vector<std::int64_t> labels = read_dataset_json(read_file(kOpen, json), cat(json), names);
  return with_labels(std::move(pictures), std::move(labels));
}

Opened open_folder(const fs::path& path, const OpenOptions& options) {
  std::error_code ignored;
  const fs::path folder = split_folder(path, options.split);
  if (fs::exists(folder / kDatasetJson, ignored)) return open_labelled(folder);
  if (subfolders_of(folder).empty()) return std::make_unique<ImageFolder>(folder, FolderClasses::none);
  check(!has_pictures(folder), kOpen, folder, " has both pictures and subfolders. If those are classes, move the ",
        "pictures into one; else ask for the format 'flat', which takes all pictures");
  return std::make_unique<ImageFolder>(folder, FolderClasses::subfolders, options.classes);
}

Opened open_flat(const fs::path& path, const OpenOptions& options) {
  return std::make_unique<ImageFolder>(split_folder(path, options.split), FolderClasses::none);
}

Opened open_aligned(const fs::path& path, const OpenOptions& options) {
  const std::optional<TwoFolders> two = find_two_folders(path, options.split);
  if (!two) return std::make_unique<SideBySideDataset>(open_flat(path, options), options.halves, options.direction);
  const auto [pictures, targets] = in_direction(*two, options.direction);
  auto matched = std::make_unique<MatchedFolders>(pictures, targets);
  for (const fs::path& file : matched->unmatched())
    if (options.warn) options.warn(cat(file, " is left out: the other folder has none of its name"));
  return matched;
}

Opened open_unaligned(const fs::path& path, const OpenOptions& options) {
  const std::optional<TwoFolders> two = find_two_folders(path, options.split);
  const std::string name = split_names(options.split).front();
  check(two.has_value(), kOpen, path, " has no two folders of unaligned pictures: neither ", name, "A and ", name,
        "B, nor A and B");
  const auto [pictures, targets] = in_direction(*two, options.direction);
  const auto open_side = [&](const fs::path& folder, const char* side) -> std::shared_ptr<const Dataset> {
    auto plain = std::make_shared<ImageFolder>(folder, FolderClasses::none);
    if (options.cache.empty()) return plain;
    return cached(*plain, options.cache.string() + side, {.progress = {}, .warn = options.warn});
  };
  return std::make_unique<UnalignedDataset>(open_side(pictures, ".pictures"), open_side(targets, ".targets"),
                                            options.pairing);
}

bool is_unaligned(const fs::path& path) {
  return (is_folder(path / "trainA") && is_folder(path / "trainB")) ||
         (is_folder(path / "testA") && is_folder(path / "testB"));
}

bool has_pictures_below(const fs::path& folder, int depth) {
  if (has_pictures(folder)) return true;
  const std::vector<std::string> names = subfolders_of(folder);
  return depth > 0 && std::any_of(names.begin(), names.end(), [&](const std::string& name) {
           return has_pictures_below(folder / name, depth - 1);
         });
}

bool is_folder_of_pictures(const fs::path& path) {
  constexpr int kDepth = 4;  // of train/CLASS/..., and one more
  return is_folder(path) && has_pictures_below(path, kDepth);
}

// IDX.

Opened open_idx(const fs::path& path, const OpenOptions& options) {
  return std::make_unique<TensorDataset>(load_idx_dataset(path, options.split));
}

// CIFAR, arrays, archives.

template <Cifar which>
bool is_cifar_at(const fs::path& path) {
  return is_cifar(path, which);
}
template <Cifar which>
Opened open_cifar(const fs::path& path, const OpenOptions& options) {
  return std::make_unique<TensorDataset>(load_cifar(path, which, options.split));
}

// Whether it is a file whose name ends so.
template <const auto& endings>
bool is_named(const fs::path& path) {
  std::error_code ignored;
  const std::string name = path.filename().string();
  return fs::is_regular_file(path, ignored) && std::any_of(std::begin(endings), std::end(endings),
                                                           [&](const char* ending) { return name.ends_with(ending); });
}
constexpr const char* kArrayEndings[] = {".npy", ".npz", ".safetensors"};
constexpr const char* kZipEndings[] = {".zip"};
constexpr const char* kHdf5Endings[] = {".hdf5", ".h5"};
constexpr const char* kFontEndings[] = {".ttf", ".otf", ".ttc"};

Opened open_arrays(const fs::path& path, const OpenOptions&) {
  return std::make_unique<TensorDataset>(load_arrays(path));
}

// Those that are told by the least come last.
constexpr Format kFormats[] = {
    {{"zip", "a zip archive of pictures, with StyleGAN's dataset.json or without"},
     is_named<kZipEndings>,
     [](const fs::path& path, const OpenOptions&) { return open_zip_dataset(path); }},
    {{"arrays", "pictures and labels in an .npy, .npz or .safetensors file"}, is_named<kArrayEndings>, open_arrays},
    {{"hdf5", "an HDF5 file with imgs and labels, such as BigGAN's of ImageNet"},
     is_named<kHdf5Endings>,
     [](const fs::path& path, const OpenOptions&) { return open_hdf5(path); }},
    {{"packed", "what duel data pack or --cache wrote"},
     is_packed,
     [](const fs::path& path, const OpenOptions&) -> Opened { return std::make_unique<PackedDataset>(path); }},
    {{"font", "a colour font of bitmaps, such as Noto Color Emoji: its glyphs"},
     is_named<kFontEndings>,
     [](const fs::path& path, const OpenOptions&) { return open_font(path); }},
    {{"lsun", "LSUN's LMDB databases, one or a folder of them"},
     is_lsun,
     [](const fs::path& path, const OpenOptions& options) { return open_lsun(path, options.split); }},
    {{"cifar10", "CIFAR-10, binary or Python version, unpacked or not"},
     is_cifar_at<Cifar::ten>,
     open_cifar<Cifar::ten>},
    {{"cifar100", "CIFAR-100, likewise"}, is_cifar_at<Cifar::hundred>, open_cifar<Cifar::hundred>},
    {{"cifar100-coarse", "CIFAR-100 with its 20 superclasses"}, nullptr, open_cifar<Cifar::hundred_coarse>},
    {{"idx", "a folder with the files of MNIST, EMNIST or the like, gzipped or not, or one of them"},
     is_idx_dataset,
     open_idx},
    {{"unaligned", "two folders of pictures: trainA, trainB (testA, testB), or A, B"}, is_unaligned, open_unaligned},
    {{"aligned", "pairs: a folder of pictures that hold both, or files of the same name in A and B"},
     nullptr,
     open_aligned},
    {{"folder", "a folder of pictures; its subfolders, or StyleGAN's dataset.json, are classes"},
     is_folder_of_pictures,
     open_folder},
    {{"flat", "a folder of pictures and all below it, without classes"}, nullptr, open_flat},
};

std::string format_names() {
  std::string names;
  for (const Format& format : kFormats) names.append(names.empty() ? "" : ", ").append(format.description.name);
  return names;
}

// What a message says of a path that is no data set.
std::string describe(const fs::path& path) {
  constexpr std::size_t kFew = 5;
  if (!is_folder(path)) return cat(path, " is a file of no known kind");
  std::vector<std::string> names;
  any_entry(path, [&](const fs::path& entry) {
    names.push_back(entry.filename().string());
    return false;
  });
  if (names.empty()) return cat(path, " is an empty folder");
  std::sort(names.begin(), names.end());
  std::string text = cat(path, " is a folder of ", names.size(), names.size() == 1 ? " entry: " : " entries: ");
  for (std::size_t i = 0; i < std::min(kFew, names.size()); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kFew ? text + ", ..." : text;
}

const Format& find_format(const fs::path& path, const std::string& name) {
  const auto found = std::find_if(std::begin(kFormats), std::end(kFormats), [&](const Format& format) {
    return name == "auto" ? format.is_at && format.is_at(path) : format.description.name == name;
  });
  if (found != std::end(kFormats)) return *found;
  if (name != "auto") fail(kOpen, "no format is called '", name, "'; there are ", format_names(), ", and auto");
  fail(kOpen, describe(path), ". That is none of the data sets that are known: ", format_names());
}

}  // namespace

std::vector<DatasetFormat> dataset_formats() {
  std::vector<DatasetFormat> formats;
  for (const Format& format : kFormats) formats.push_back(format.description);
  return formats;
}

std::unique_ptr<Dataset> open_dataset(const fs::path& path, const OpenOptions& options) {
  std::error_code ignored;
  check(fs::exists(path, ignored), kOpen, "there is no ", path, " here (in ", fs::current_path(ignored),
        "); say where the data are");
  check(options.max_size >= 0, kOpen, "max_size is ", options.max_size, "; 0 means all");
  const Format* format = options.open ? nullptr : &find_format(path, options.format);
  Opened dataset = format ? format->open(path, options) : options.open(path, options.split);
  if (!options.classes.empty() && dataset->class_names() != options.classes)
    dataset = select_classes(std::move(dataset), options.classes);
  if (options.max_size > 0) dataset = take_first(std::move(dataset), options.max_size);
  const bool caches_itself = format && format->open == open_unaligned;
  if (!options.cache.empty() && !caches_itself)
    dataset = cached(*dataset, options.cache, {.progress = {}, .warn = options.warn});
  return dataset;
}

}  // namespace duel
