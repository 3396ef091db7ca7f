#include "duel/gan/media/png.h"

#include <png.h>
#include <zlib.h>

#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "duel/nn/atomic_file.h"

namespace duel {
namespace {

constexpr char kRead[] = "read_png", kWrite[] = "write_png";
constexpr std::string_view kBeginning("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);  // of every PNG
constexpr std::size_t kFirstChunk = 8;
constexpr std::size_t kChunkFrame = 12;      // length, type and CRC around a chunk's content
constexpr std::uint64_t kMaxDeflate = 1032;  // the most that zlib's format can compress: 258 bytes in two bits

// The chunk at byte `at` is whole; returns where the next one begins.
std::size_t check_chunk(const EncodedPicture& file, std::size_t at) {
  file.check(file.bytes.size() - at >= kChunkFrame, " is cut short after ", file.bytes.size(), " bytes");
  const std::size_t length = file.big_endian(at, 4);
  file.check(file.bytes.size() - at - kChunkFrame >= length, " is cut short or damaged: a chunk at byte ", at,
             " should have ", length, " bytes");
  const auto* checked = reinterpret_cast<const Bytef*>(file.bytes.data() + at + 4);
  file.check(::crc32(0, checked, static_cast<uInt>(length + 4)) == file.big_endian(at + 8 + length, 4),
             " is damaged: a wrong checksum in the chunk at byte ", at);
  return at + length + kChunkFrame;
}

// Goes through the chunks up to the end mark: libpng does not mind a lost end or damage in chunks it can do without.
void check_chunks(const EncodedPicture& file) {
  std::string_view type;
  for (std::size_t at = kFirstChunk; type != "IEND";) {
    const std::size_t next = check_chunk(file, at);
    type = file.bytes.substr(at + 4, 4);
    at = next;
  }
}

struct Header {
  std::int64_t width, height;
  int depth, samples;  // bits of a sample, samples of a pixel; for a palette, of the index
  bool palette;

  std::size_t row_bytes() const { return (static_cast<std::size_t>(width * depth * samples) + 7) / 8; }
};

Header read_header(const EncodedPicture& file) {
  constexpr std::size_t kWidth = 16, kHeight = 20, kBitDepth = 24, kColourType = 25;  // where they stand in the file
  constexpr std::array<int, 7> kSamples = {1, 0, 3, 1, 2, 0, 4};                      // by colour type
  constexpr std::uint32_t kPalette = 3;
  file.check(file.bytes.starts_with(kBeginning), " is not a PNG file");
  check_chunk(file, kFirstChunk);
  const std::uint32_t colour_type = file.little_endian(kColourType, 1);
  file.check(colour_type < kSamples.size() && kSamples[colour_type] != 0, " is damaged: no colour type ", colour_type);
  return {.width = file.big_endian(kWidth, 4),
          .height = file.big_endian(kHeight, 4),
          .depth = static_cast<int>(file.little_endian(kBitDepth, 1)),
          .samples = kSamples[colour_type],
          .palette = colour_type == kPalette};
}

// libpng reading from memory. It leaves its functions by longjmp on an error: they are called in `guarded` only, by
// functions that own nothing, so that no destructor is jumped over.
class PngReader {
 public:
  explicit PngReader(const EncodedPicture& file)
      : file_(file),
        png_(::png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &PngReader::on_error, &PngReader::on_warning)) {
    if (png_ != nullptr) info_ = ::png_create_info_struct(png_);
    if (info_ == nullptr) ::png_destroy_read_struct(&png_, nullptr, nullptr);
    check(info_ != nullptr, kRead, "no memory for libpng");
    ::png_set_read_fn(png_, this, &PngReader::on_read);
    ::png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);     // ours are checked before
    ::png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // and so are the checksums
  }
  ~PngReader() { ::png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  // The header, and how samples are to come: at least 8 bits, no palette, opacity as a channel. Returns samples a
  // pixel.
  int begin() {
    guarded([this] {
      ::png_read_info(png_, info_);
      ::png_set_expand(png_);
      if constexpr (std::endian::native == std::endian::little) ::png_set_swap(png_);
      passes_ = ::png_set_interlace_handling(png_);
      ::png_read_update_info(png_, info_);
    });
    return ::png_get_channels(png_, info_);
  }
  // All rows, each of `row_bytes`.
  void read(png_bytep rows, std::size_t row_bytes, std::size_t height) {
    guarded([=, this] {
      for (int pass = 0; pass < passes_; ++pass)
        for (std::size_t y = 0; y < height; ++y) ::png_read_row(png_, rows + y * row_bytes, nullptr);
      ::png_read_end(png_, nullptr);
    });
  }

 private:
  template <class F>
  void guarded(const F& call_libpng) {
    if (setjmp(png_jmpbuf(png_)) != 0) file_.fail(" is damaged: ", message_.data());
    call_libpng();
  }
  static void on_error(png_structp png, png_const_charp message) {
    auto* reader = static_cast<PngReader*>(::png_get_error_ptr(png));
    std::strncpy(reader->message_.data(), message, reader->message_.size() - 1);
    ::png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep to, std::size_t bytes) {
    auto* reader = static_cast<PngReader*>(::png_get_io_ptr(png));
    if (reader->file_.bytes.size() - reader->at_ < bytes) ::png_error(png, "it is cut short");
    std::memcpy(to, reader->file_.bytes.data() + reader->at_, bytes);
    reader->at_ += bytes;
  }

  const EncodedPicture& file_;
  std::size_t at_ = 0;
  int passes_ = 1;
  std::array<char, 100> message_{};
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

// libpng's control block for writing, freed whatever happens.
struct Image : png_image {
  Image() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~Image() { png_image_free(this); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
};

}  // namespace

// libpng's "simplified" interface, which keeps its longjmp to itself.
std::string encode_png(const Tensor& picture, std::string_view name) {
  check(picture.defined() && picture.dim() == 3 && picture.dtype() == DType::uint8 && picture.numel() > 0 &&
            (picture.size(0) == 1 || picture.size(0) == 3),
        kWrite, name, ": needs uint8 [C, H, W] with C = 1 or 3 and something in it, got ", picture);
  check(picture.numel() <= PNG_UINT_31_MAX, kWrite, name, ": ", picture, " is too large; ", PNG_UINT_31_MAX,
        " bytes are the limit");
  const Tensor rows = picture.to(Device::cpu).permute({1, 2, 0}).row_major();  // [H, W, C]
  Image image;
  image.height = static_cast<png_uint_32>(rows.size(0));
  image.width = static_cast<png_uint_32>(rows.size(1));
  image.format = rows.size(2) == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string file(bytes, '\0');
  const int row_stride = 0, convert_to_8_bit = 0;
  const bool ok = png_image_write_to_memory(&image, file.data(), &bytes, convert_to_8_bit, rows.data<std::uint8_t>(),
                                            row_stride, nullptr) != 0;
  check(ok, kWrite, name, ": ", image.message);
  file.resize(bytes);
  return file;
}

void write_png(const std::filesystem::path& path, const Tensor& picture) {
  atomic_write(path, encode_png(picture, cat(path)));
}

PictureInfo png_info(const EncodedPicture& file) {
  const Header header = read_header(file);
  return {.format = PictureFormat::png,
          .width = header.width,
          .height = header.height,
          .channels = header.samples >= 3 || header.palette ? 3 : 1,
          .bits = header.palette ? 8 : header.depth};
}

Tensor decode_png(const EncodedPicture& file) {
  const PictureInfo info = png_info(file);
  check_chunks(file);
  file.check_size(info);
  const auto height = static_cast<std::size_t>(info.height), width = static_cast<std::size_t>(info.width);
  file.check_holds(info, height * read_header(file).row_bytes() / kMaxDeflate);
  PngReader reader(file);
  const int samples = reader.begin();
  const std::size_t row_bytes = width * static_cast<std::size_t>(samples) * (info.bits == 16 ? 2 : 1);
  const auto rows = std::make_unique_for_overwrite<std::uint8_t[]>(row_bytes * height);
  reader.read(rows.get(), row_bytes, height);
  const Opacity opacity = samples > info.channels ? Opacity::straight : Opacity::none;
  const Interleaved layout{info.height, info.width, samples, info.channels, opacity};
  if (info.bits == 16) return picture_of(reinterpret_cast<const std::uint16_t*>(rows.get()), layout);
  return picture_of(rows.get(), layout);
}

Tensor read_png(const std::filesystem::path& path) {
  const std::string content = read_file(kRead, path);
  const Tensor picture = decode_png({content, cat(path)});
  if (picture.dtype() == DType::uint8) return picture;
  Tensor rounded = Tensor::empty(picture.shape(), {.dtype = DType::uint8});
  const auto* from = picture.data<float>();
  auto* to = rounded.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < picture.numel(); ++i) to[i] = static_cast<std::uint8_t>(from[i] + 0.5F);
  return rounded;
}

}  // namespace duel
