#include "duel/gan/media/hdf5.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "duel/gan/media/class_labels.h"
#include "duel/nn/atomic_file.h"

#ifdef DUEL_HAS_HDF5
#include <hdf5.h>
#endif

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kOpen[] = "open_hdf5";

#ifdef DUEL_HAS_HDF5

constexpr std::uint64_t kMaxDeflate = 1032;  // the most that deflate can compress: 258 bytes in two bits
constexpr std::uint64_t kMaxPicture = std::uint64_t{1} << 31, kMaxChunk = std::uint64_t{1} << 30;

// libhdf5 is for one thread at a time, whatever the file. Recursive, because identifiers are closed both while it is
// locked and not.
std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}
using Lock = std::lock_guard<std::recursive_mutex>;

// An identifier of libhdf5's, closed by the function that is for its kind.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  ~Handle() {
    const Lock lock(library_mutex());
    if (id_ >= 0) close_(id_);
  }
  Handle& operator=(Handle&&) = delete;
  operator hid_t() const { return id_; }  // NOLINT: it stands for the identifier

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

// What libhdf5 says of its last error, at the innermost place.
std::string last_error() {
  std::string message = "libhdf5 doesn't say why";
  const auto take = [](unsigned depth, const H5E_error2_t* error, void* to) -> herr_t {
    if (depth == 0 && error->desc) *static_cast<std::string*>(to) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take, &message);
  return message;
}

// An array in a file; not to be used by two threads at once.
struct Array {
  Handle dataset;
  std::vector<hsize_t> sizes;
};

void check_filters(const std::string& where, hid_t creation) {
  const int filters = H5Pget_nfilters(creation);
  for (int i = 0; i < filters; ++i) {
    std::array<char, 64> name{};
    unsigned flags = 0, config = 0;
    std::size_t parameters = 0;
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &parameters, nullptr,
                                               name.size() - 1, name.data(), &config);
    check(filter >= 0 && H5Zfilter_avail(filter) > 0, kOpen, where, " is compressed by '", name.data(), "' (filter ",
          filter, "), which libhdf5 can't undo here; write it again in Python with compression='gzip' or none");
  }
}

// Larger chunks than libhdf5's cache of 1 MiB would be decompressed anew for each picture.
Handle chunk_cache(const std::string& where, hid_t creation, std::size_t element_bytes) {
  constexpr std::uint64_t kChunks = 8, kMost = std::uint64_t{1} << 28, kLeast = std::uint64_t{1} << 20;
  Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  std::array<hsize_t, H5S_MAX_RANK> sizes{};
  if (H5Pget_layout(creation) != H5D_CHUNKED) return access;
  const int rank = H5Pget_chunk(creation, static_cast<int>(sizes.size()), sizes.data());
  std::uint64_t bytes = element_bytes;
  for (int i = 0; i < rank; ++i)
    check(!__builtin_mul_overflow(bytes, sizes[static_cast<std::size_t>(i)], &bytes) && bytes <= kMaxChunk, kOpen,
          where, " has chunks of more than ", kMaxChunk, " bytes");
  const std::uint64_t cache = std::max({bytes, std::min(kChunks * bytes, kMost), kLeast});
  H5Pset_chunk_cache(access, H5D_CHUNK_CACHE_NSLOTS_DEFAULT, cache, 1.0);
  return access;
}

// The sizes of an array, checked against the file's and against what is stored of it. (libhdf5 1.10 writes beyond its
// memory for a file where those differ.)
std::vector<hsize_t> sizes_of(hid_t dataset, hid_t creation, std::uint64_t element_bytes, const std::string& where,
                              std::uint64_t file_bytes) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  check(H5Sis_simple(space) > 0, kOpen, where, " is no array");
  std::vector<hsize_t> sizes(static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space), 0)));
  H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
  std::uint64_t bytes = element_bytes;
  for (const hsize_t size : sizes) {
    check(size > 0, kOpen, where, " has nothing in it");
    check(!__builtin_mul_overflow(bytes, size, &bytes) && bytes / kMaxDeflate <= file_bytes, kOpen, where,
          " should have more elements than the file's ", file_bytes, " bytes can hold");
  }
  const hsize_t stored = H5Dget_storage_size(dataset);
  check(H5Pget_layout(creation) == H5D_CHUNKED ? stored > 0 : stored == bytes, kOpen, where, " should have ", bytes,
        " bytes but has ", stored, "; the file is altered");
  return sizes;
}

Handle open_dataset(hid_t file, const std::string& where, const char* name, hid_t access) {
  Handle dataset(H5Dopen2(file, name, access), H5Dclose);
  check(dataset >= 0, kOpen, where, " can't be opened: ", last_error());
  return dataset;
}

// Opens it twice, because the size of its cache can't be changed while it is open.
Array open_array(hid_t file, const std::string& where, const char* name, std::uint64_t file_bytes) {
  const auto [sizes, access] = [&] {
    const Handle dataset = open_dataset(file, where, name, H5P_DEFAULT);
    const Handle type(H5Dget_type(dataset), H5Tclose), creation(H5Dget_create_plist(dataset), H5Pclose);
    check(H5Tget_class(type) == H5T_INTEGER, kOpen, where, " is no array of integers");
    check_filters(where, creation);
    const std::uint64_t element_bytes = H5Tget_size(type);
    return std::pair(sizes_of(dataset, creation, element_bytes, where, file_bytes),
                     chunk_cache(where, creation, element_bytes));
  }();
  return {open_dataset(file, where, name, access), sizes};
}

class Hdf5Pictures : public Dataset {
 public:
  explicit Hdf5Pictures(const fs::path& path)
      : where_(cat(path)), bytes_(regular_file_size(kOpen, path)), file_(open_file(path)), pictures_(open_pictures()) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(pictures_.sizes[0]); }
  Example read(std::int64_t index, Rng&) const override;
  std::string name(std::int64_t index) const override { return cat(where_, ", picture ", index); }
  /// None if the file has none.
  std::vector<std::int64_t> labels() const;

 private:
  static Handle open_file(const fs::path& path) {
    const Lock lock(library_mutex());
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // it would print them
    Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    check(file >= 0, kOpen, path, " is no whole HDF5 file: ", last_error());
    return file;
  }
  Array open_pictures() const;

  std::string where_;
  std::uint64_t bytes_;
  Handle file_;
  Array pictures_;
};

Array Hdf5Pictures::open_pictures() const {
  const Lock lock(library_mutex());
  check(H5Lexists(file_, "imgs", H5P_DEFAULT) > 0, kOpen, where_, " has no 'imgs'");
  Array array = open_array(file_, where_ + ", imgs", "imgs", bytes_);
  const Handle type(H5Dget_type(array.dataset), H5Tclose);
  check(H5Tget_size(type) == 1 && H5Tget_sign(type) == H5T_SGN_NONE && array.sizes.size() == 4, kOpen, where_,
        ": 'imgs' must be uint8 [N, C, H, W]; it has ", array.sizes.size(), " dimensions and elements of ",
        H5Tget_size(type), " bytes");
  check(array.sizes[1] * array.sizes[2] * array.sizes[3] <= kMaxPicture, kOpen, where_, ": pictures of more than ",
        kMaxPicture, " bytes");
  return array;
}

std::vector<std::int64_t> Hdf5Pictures::labels() const {
  const Lock lock(library_mutex());
  if (H5Lexists(file_, "labels", H5P_DEFAULT) <= 0) return {};
  const Array array = open_array(file_, where_ + ", labels", "labels", bytes_);
  check(array.sizes == std::vector<hsize_t>{pictures_.sizes[0]}, kOpen, where_, ": 'labels' must be [N], one for each ",
        "of ", pictures_.sizes[0], " pictures");
  std::vector<std::int64_t> labels(array.sizes[0]);
  const herr_t status = H5Dread(array.dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels.data());
  check(status >= 0, kOpen, where_, ": 'labels' can't be read: ", last_error());
  count_classes(kOpen, where_ + ", labels", labels);
  return labels;
}

Example Hdf5Pictures::read(std::int64_t index, Rng&) const {
  const std::vector<hsize_t>& sizes = pictures_.sizes;
  const Tensor picture = Tensor::empty(
      {static_cast<std::int64_t>(sizes[1]), static_cast<std::int64_t>(sizes[2]), static_cast<std::int64_t>(sizes[3])},
      {.dtype = DType::uint8});
  const std::array<hsize_t, 4> start = {static_cast<hsize_t>(index), 0, 0, 0},
                               count = {1, sizes[1], sizes[2], sizes[3]};
  const Lock lock(library_mutex());
  const Handle in_file(H5Dget_space(pictures_.dataset), H5Sclose),
      in_memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose);
  const bool selected = H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr) >= 0;
  const bool ok = selected && H5Dread(pictures_.dataset, H5T_NATIVE_UINT8, in_memory, in_file, H5P_DEFAULT,
                                      picture.mutable_data<std::uint8_t>()) >= 0;
  if (!ok) fail(kOpen, name(index), " can't be read: ", last_error());
  return {picture};
}

#endif

}  // namespace

std::unique_ptr<Dataset> open_hdf5(const fs::path& path) {
#ifdef DUEL_HAS_HDF5
  auto pictures = std::make_unique<Hdf5Pictures>(path);
  std::vector<std::int64_t> labels = pictures->labels();
  return with_labels(std::move(pictures), std::move(labels));
#else
  fail(kOpen, path, " is an HDF5 file, and duel was built without HDF5: install it (on Debian: apt install ",
       "libhdf5-dev), configure with -DDUEL_HDF5=ON and build again");
#endif
}

}  // namespace duel
