#include "duel/gan/media/cifar.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

#include "duel/gan/media/cifar_pickle.h"
#include "duel/gan/media/tar_archive.h"
#include "duel/nn/atomic_file.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kLoad[] = "load_cifar";
constexpr std::int64_t kPixels = 3 * 32 * 32;
constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 30;  // several times the largest one

// How one of the data sets is kept in one of its two versions.
struct Version {
  const char* archive;  // without its extension
  const char* folder;   // what that unpacks to
  std::vector<std::string> train, test;
  std::string names;  // the file with the names of the classes
  std::int64_t classes;
  bool is_pickle;
  std::int64_t label_bytes = 0, label_at = 0;  // binary: how many bytes of labels begin a record; which one counts
  std::string label_key{}, names_key{};        // in pickles
};

std::vector<Version> versions_of_cifar10() {
  const std::vector<std::string> train = {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                                          "data_batch_5"};
  std::vector<std::string> train_bin;
  for (const std::string& name : train) train_bin.push_back(name + ".bin");
  return {{.archive = "cifar-10-binary",
           .folder = "cifar-10-batches-bin",
           .train = train_bin,
           .test = {"test_batch.bin"},
           .names = "batches.meta.txt",
           .classes = 10,
           .is_pickle = false,
           .label_bytes = 1},
          {.archive = "cifar-10-python",
           .folder = "cifar-10-batches-py",
           .train = train,
           .test = {"test_batch"},
           .names = "batches.meta",
           .classes = 10,
           .is_pickle = true,
           .label_key = "labels",
           .names_key = "label_names"}};
}

std::vector<Version> versions_of_cifar100(const std::string& kind, std::int64_t classes) {
  return {{.archive = "cifar-100-binary",
           .folder = "cifar-100-binary",
           .train = {"train.bin"},
           .test = {"test.bin"},
           .names = kind + "_label_names.txt",
           .classes = classes,
           .is_pickle = false,
           .label_bytes = 2,
           .label_at = kind == "coarse" ? 0 : 1},
          {.archive = "cifar-100-python",
           .folder = "cifar-100-python",
           .train = {"train"},
           .test = {"test"},
           .names = "meta",
           .classes = classes,
           .is_pickle = true,
           .label_key = kind + "_labels",
           .names_key = kind + "_label_names"}};
}

std::vector<Version> versions_of(Cifar which) {
  switch (which) {
    case Cifar::ten: return versions_of_cifar10();
    case Cifar::hundred: return versions_of_cifar100("fine", 100);
    case Cifar::hundred_coarse: return versions_of_cifar100("coarse", 20);
  }
  fail(kLoad, "no such data set");
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// Where a version is: the folder of its files, or the archive.
struct Place {
  Version version;
  fs::path path;
  bool is_archive;
};

bool has_any(const fs::path& folder, const Version& version) {
  const auto is_there = [&](const std::string& name) { return is_file(folder / name); };
  // "train" and "test" alone could be anything.
  const bool is_told = !version.is_pickle || is_there(version.names);
  return is_told && (std::any_of(version.train.begin(), version.train.end(), is_there) ||
                     std::any_of(version.test.begin(), version.test.end(), is_there));
}

// Unpacked ones first.
std::vector<Place> find_places(const fs::path& path, Cifar which) {
  const std::vector<Version> versions = versions_of(which);
  std::vector<Place> places;
  for (const Version& version : versions)
    for (const fs::path& folder : {path, path / version.folder})
      if (has_any(folder, version)) places.push_back({version, folder, false});
  for (const Version& version : versions) {
    if (path.filename().string().starts_with(version.archive) && is_file(path)) places.push_back({version, path, true});
    for (const char* extension : {".tar.gz", ".tgz", ".tar"})
      if (const fs::path archive = path / cat(version.archive, extension); is_file(archive))
        places.push_back({version, archive, true});
  }
  return places;
}

// What is there of these files.
std::map<std::string, std::string> read_files(const Place& place, const std::vector<std::string>& names) {
  if (place.is_archive) return read_tar(kLoad, place.path, names, kMaxFile);
  std::map<std::string, std::string> files;
  for (const std::string& name : names) {
    const fs::path path = place.path / name;
    if (!is_file(path)) continue;
    const std::uint64_t bytes = regular_file_size(kLoad, path);
    check(bytes <= kMaxFile, kLoad, path, " has ", bytes, " bytes, more than any file of CIFAR");
    files[name] = read_file(kLoad, path);
  }
  return files;
}

CifarBatch read_binary(const std::string& file, const std::string& where, const Version& version) {
  const auto record = static_cast<std::size_t>(version.label_bytes + kPixels);
  check(!file.empty() && file.size() % record == 0, kLoad, where, " has ", file.size(),
        " bytes, which is no multiple of the ", record, " of a picture and its label; it is cut short or altered");
  CifarBatch batch;
  for (std::size_t at = 0; at < file.size(); at += record) {
    batch.labels.push_back(static_cast<std::uint8_t>(file[at + static_cast<std::size_t>(version.label_at)]));
    batch.pixels.append(file, at + static_cast<std::size_t>(version.label_bytes), kPixels);
  }
  return batch;
}

std::vector<std::string> read_names(const std::string& file, const std::string& where, const Version& version) {
  std::vector<std::string> names;
  if (version.is_pickle) {
    names = read_cifar_names(file, where, version.names_key);
  } else {
    std::istringstream lines(file);
    for (std::string line; std::getline(lines, line);)
      if (!line.empty()) names.push_back(line);
  }
  check(static_cast<std::int64_t>(names.size()) == version.classes, kLoad, where, " names ", names.size(),
        " classes instead of ", version.classes);
  return names;
}

TensorDataset read_place(const Place& place, Split split) {
  const Version& version = place.version;
  const std::vector<std::string>& batches = split == Split::train ? version.train : version.test;
  std::vector<std::string> wanted = batches;
  wanted.push_back(version.names);
  std::map<std::string, std::string> files = read_files(place, wanted);
  const auto where = [&](const std::string& name) { return cat(place.path, ", ", name); };
  CifarBatch all;
  for (const std::string& name : batches) {
    const auto file = files.find(name);
    check(file != files.end(), kLoad, place.path, " has no ", name);
    const CifarBatch batch = version.is_pickle ? read_cifar_batch(file->second, where(name), version.label_key, kPixels)
                                               : read_binary(file->second, where(name), version);
    const std::size_t pictures = batch.pixels.size() / kPixels;
    check(batch.labels.size() == pictures, kLoad, where(name), " has ", batch.labels.size(), " labels for ", pictures,
          " pictures");
    for (const std::int64_t label : batch.labels)
      check(label >= 0 && label < version.classes, kLoad, where(name), " has the label ", label,
            "; they are from 0 to ", version.classes - 1);
    all.pixels += batch.pixels;
    all.labels.insert(all.labels.end(), batch.labels.begin(), batch.labels.end());
    files.erase(file);
  }
  const auto size = static_cast<std::int64_t>(all.labels.size());
  TensorDataset dataset;
  dataset.pictures = Tensor::empty({size, 3, 32, 32}, {.dtype = DType::uint8});
  std::memcpy(dataset.pictures.mutable_data<std::uint8_t>(), all.pixels.data(), all.pixels.size());
  dataset.labels = Tensor::from(all.labels, {size});
  dataset.count = version.classes;
  dataset.source = place.path.string();
  if (const auto names = files.find(version.names); names != files.end())
    dataset.names = read_names(names->second, where(version.names), version);
  dataset.validate();
  return dataset;
}

}  // namespace

TensorDataset load_cifar(const fs::path& path, Cifar which, Split split) {
  const std::vector<Place> places = find_places(path, which);
  if (places.empty()) {
    const Version version = versions_of(which).back();
    fail(kLoad, path, " has neither the files of ", version.archive, ".tar.gz, such as ", version.test.front(), " and ",
         version.names, ", nor that archive, nor those of the binary version");
  }
  return read_place(places.front(), split);
}

bool is_cifar(const fs::path& path, Cifar which) { return !find_places(path, which).empty(); }

}  // namespace duel
