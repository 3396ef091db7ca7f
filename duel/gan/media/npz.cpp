#include "duel/gan/media/npz.h"

#include <array>
#include <system_error>

#include "duel/tensor/error.h"

#ifdef DUEL_HAS_LIBZIP
#include <zip.h>
#endif

namespace duel {

namespace fs = std::filesystem;

#ifdef DUEL_HAS_LIBZIP

namespace {

constexpr char kWrite[] = "write_npz";

std::string type_text(const Tensor& t) {
  switch (t.dtype()) {
    case DType::uint8: return "|u1";
    case DType::int64: return "<i8";
    case DType::float32: return "<f4";
    case DType::float64: return "<f8";
    case DType::bfloat16: break;
  }
  fail(kWrite, "numpy has no such type as that of ", t);
}

const void* bytes_of(const Tensor& t) {
  switch (t.dtype()) {
    case DType::uint8: return t.data<std::uint8_t>();
    case DType::int64: return t.data<std::int64_t>();
    case DType::float32: return t.data<float>();
    case DType::float64: return t.data<double>();
    case DType::bfloat16: break;
  }
  return nullptr;
}

// libzip only reads.
zip_buffer_fragment_t piece(const void* data, std::size_t bytes) {
  return {static_cast<zip_uint8_t*>(const_cast<void*>(data)), bytes};
}

// Version 1.0: magic, length of the text, the text padded so that the elements begin at a multiple of 64.
std::string npy_header(const Tensor& t) {
  std::string sizes;
  for (std::int64_t i = 0; i < t.dim(); ++i) sizes += cat(t.size(static_cast<int>(i)), ", ");
  std::string text = cat("{'descr': '", type_text(t), "', 'fortran_order': False, 'shape': (", sizes, "), }");
  constexpr std::size_t kBefore = 10, kAlign = 64;
  text.append((kAlign - (kBefore + text.size() + 1) % kAlign) % kAlign, ' ').push_back('\n');
  std::string header("\x93NUMPY\x01\x00", 8);
  header.push_back(static_cast<char>(text.size() & 0xff));
  header.push_back(static_cast<char>(text.size() >> 8));
  return header + text;
}

// An archive that is given up unless it is finished.
class ZipWriter {
 public:
  explicit ZipWriter(const fs::path& path) : path_(path) {
    int code = 0;
    zip_ = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (zip_) return;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string message = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(kWrite, path, " can't be written: ", message);
  }
  ~ZipWriter() {
    if (zip_) zip_discard(zip_);
  }
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  // What `pieces` point to must stay until the end.
  void add(const std::string& name, const std::array<zip_buffer_fragment_t, 2>& pieces) {
    zip_source_t* source = zip_source_buffer_fragment(zip_, pieces.data(), pieces.size(), /*freep=*/0);
    const zip_int64_t entry = source ? zip_file_add(zip_, name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
    if (source && entry < 0) zip_source_free(source);
    const auto index = static_cast<zip_uint64_t>(entry);
    constexpr zip_uint16_t kMidnight = 0, kFirstDay = 0x21;  // of 1980, in MS-DOS's terms: no clock in the bytes
    const bool ok = entry >= 0 && zip_set_file_compression(zip_, index, ZIP_CM_STORE, 0) == 0 &&
                    zip_file_set_dostime(zip_, index, kMidnight, kFirstDay, 0) == 0;
    check(ok, kWrite, path_, ": '", name, "': ", zip_strerror(zip_));
  }
  // libzip writes another file and renames it.
  void finish() {
    const bool written = zip_close(zip_) == 0;
    check(written, kWrite, path_, " can't be written: ", zip_strerror(zip_));
    zip_ = nullptr;
  }

 private:
  fs::path path_;
  zip_t* zip_ = nullptr;
};

}  // namespace

void write_npz(const fs::path& path, const std::vector<std::pair<std::string, Tensor>>& arrays) {
  check(!arrays.empty(), kWrite, path, ": there is nothing to write");
  std::error_code error;
  check(!fs::exists(path, error) || fs::is_regular_file(path, error), kWrite, path, " is there and is no file");
  std::vector<Tensor> rows;
  std::vector<std::string> headers;
  headers.reserve(arrays.size());  // short strings must not move
  ZipWriter zip(path);
  for (const auto& [name, array] : arrays) {
    rows.push_back(array.to(Device::cpu).row_major());
    headers.push_back(npy_header(rows.back()));
    zip.add(name + ".npy", {piece(headers.back().data(), headers.back().size()),
                            piece(bytes_of(rows.back()),
                                  static_cast<std::size_t>(rows.back().numel()) * size_of(rows.back().dtype()))});
  }
  zip.finish();
}

#else

void write_npz(const fs::path& path, const std::vector<std::pair<std::string, Tensor>>&) {
  fail("write_npz", path, " can't be written: duel was built without libzip; install it (on Debian: apt install ",
       "libzip-dev), configure with -DDUEL_LIBZIP=ON and build again");
}

#endif

}  // namespace duel
