// libpng's "simplified" interface is used throughout: it keeps its setjmp and longjmp to itself and returns errors, so
// no destructor of ours is ever jumped over.
#include "duel/gan/media/png.h"

#include <png.h>
#include <zlib.h>

#include <cstring>
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

// libpng's control block, freed whatever happens.
struct Image : png_image {
  Image() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~Image() { png_image_free(this); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
};

std::uint32_t big_endian(std::string_view file, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(file[at + i]);
  return value;
}

// Goes through the chunks up to the end mark: libpng does not mind a lost end or damage in chunks it can do without.
void check_chunks(const std::filesystem::path& path, std::string_view file) {
  check(file.starts_with(kBeginning), kRead, path, " is not a PNG file");
  std::string_view type;
  for (std::size_t at = kFirstChunk; type != "IEND";) {
    check(file.size() - at >= kChunkFrame, kRead, path, " is cut short after ", file.size(), " bytes");
    const std::size_t length = big_endian(file, at);
    check(file.size() - at - kChunkFrame >= length, kRead, path, " is cut short or damaged: a chunk at byte ", at,
          " should have ", length, " bytes");
    type = file.substr(at + 4, 4);
    const auto* checked = reinterpret_cast<const Bytef*>(file.data() + at + 4);
    check(::crc32(0, checked, static_cast<uInt>(length + 4)) == big_endian(file, at + 8 + length), kRead, path,
          " is damaged: a wrong checksum in the chunk at byte ", at);
    at += length + kChunkFrame;
  }
}

// A few bytes may claim a huge picture: refuses those that can't have so many pixels in so few bytes.
void check_size(const std::filesystem::path& path, std::string_view file, const Image& image) {
  constexpr std::size_t kBitDepth = 24, kColourType = 25;      // where they stand in the file
  constexpr std::uint64_t kSamples[] = {1, 0, 3, 1, 2, 0, 4};  // by colour type
  const auto depth = static_cast<std::uint8_t>(file[kBitDepth]),
             colour_type = static_cast<std::uint8_t>(file[kColourType]);
  const std::uint64_t bits = depth * kSamples[colour_type];
  const std::uint64_t bytes = image.height * ((image.width * bits + 7) / 8);
  check(bytes / kMaxDeflate <= file.size(), kRead, path, " claims ", image.width, " by ", image.height,
        " pixels, more than its ", file.size(), " bytes can hold");
}

// Channels of `from` are value(s) and opacity; `to` gets the values over white.
void blend_onto_white(const Tensor& from, const Tensor& to) {
  const std::int64_t pixels = to.size(0) * to.size(1), channels = to.size(2);
  const auto* in = from.data<std::uint8_t>();
  auto* out = to.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < pixels; ++i, in += channels + 1, out += channels) {
    const int opacity = in[channels];
    for (std::int64_t c = 0; c < channels; ++c)
      out[c] = static_cast<std::uint8_t>((in[c] * opacity + 255 * (255 - opacity) + 127) / 255);
  }
}

}  // namespace

void write_png(const std::filesystem::path& path, const Tensor& picture) {
  check(picture.defined() && picture.dim() == 3 && picture.dtype() == DType::uint8 && picture.numel() > 0 &&
            (picture.size(0) == 1 || picture.size(0) == 3),
        kWrite, path, ": needs uint8 [C, H, W] with C = 1 or 3 and something in it, got ", picture);
  check(picture.numel() <= PNG_UINT_31_MAX, kWrite, path, ": ", picture, " is too large; ", PNG_UINT_31_MAX,
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
  check(ok, kWrite, path, ": ", image.message);
  atomic_write(path, std::string_view(file).substr(0, bytes));
}

Tensor read_png(const std::filesystem::path& path) {
  const std::string file = read_file(kRead, path);
  check_chunks(path, file);
  Image image;
  check(png_image_begin_read_from_memory(&image, file.data(), file.size()) != 0, kRead, path, ": ", image.message);
  check_size(path, file, image);
  const bool colour = (image.format & PNG_FORMAT_FLAG_COLOR) != 0, alpha = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  image.format = (colour ? PNG_FORMAT_FLAG_COLOR : 0) | (alpha ? PNG_FORMAT_FLAG_ALPHA : 0);
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // without a word on gamma, 16 bits mean what 8 bits do
  const std::int64_t h = image.height, w = image.width, channels = colour ? 3 : 1;
  Tensor rows = Tensor::empty({h, w, channels + alpha}, {.dtype = DType::uint8});
  const int row_stride = 0;
  check(png_image_finish_read(&image, nullptr, rows.mutable_data<std::uint8_t>(), row_stride, nullptr) != 0, kRead,
        path, ": ", image.message);
  if (alpha) {
    const Tensor blended = Tensor::empty({h, w, channels}, {.dtype = DType::uint8});
    blend_onto_white(rows, blended);
    rows = blended;
  }
  return rows.permute({2, 0, 1}).row_major();
}

}  // namespace duel
