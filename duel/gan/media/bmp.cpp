#include "duel/gan/media/bmp.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

namespace duel {
namespace {

using Colour = std::array<std::uint8_t, 3>;

// Where some bits of a pixel's number lie.
struct Field {
  std::uint32_t mask = 0;

  // Scaled to 0..255; 0 where there are no such bits.
  std::uint8_t of(std::uint32_t pixel) const {
    if (mask == 0) return 0;
    const std::uint64_t largest = mask >> std::countr_zero(mask), value = (pixel & mask) >> std::countr_zero(mask);
    return static_cast<std::uint8_t>((value * 255 + largest / 2) / largest);
  }
  bool is_contiguous() const {
    return mask == 0 || std::has_single_bit((std::uint64_t{mask} >> std::countr_zero(mask)) + 1);
  }
};

struct Header {
  PictureInfo info{.format = PictureFormat::bmp, .width = 0, .height = 0, .channels = 3, .bits = 8};
  bool top_down = false;
  int pixel_bits = 0;
  std::size_t pixels_at = 0, row_bytes = 0;
  std::vector<Colour> palette;              // up to 8 bits a pixel
  Field red{}, green{}, blue{}, opacity{};  // 16 bits and more
};

constexpr std::uint32_t kFileHeader = 14, kCore = 12, kInfo = 40, kWithOpacity = 56, kOs2 = 64;  // bytes of headers
constexpr std::uint32_t kPlain = 0, kRle8 = 1, kRle4 = 2, kFields = 3, kFieldsWithOpacity = 6;   // "compression"
constexpr std::size_t kMasksAt = 54;

void read_palette(const EncodedPicture& file, Header& header, std::size_t at, std::uint32_t colours, int entry_bytes) {
  const std::uint32_t all = 1U << header.pixel_bits;
  file.check(colours <= all, " is damaged: its palette has ", colours, " colours for ", header.pixel_bits, " bits");
  for (std::uint32_t i = 0; i < (colours == 0 ? all : colours); ++i, at += static_cast<std::size_t>(entry_bytes)) {
    const std::uint32_t rgb = file.little_endian(at, 3);
    header.palette.push_back(
        {static_cast<std::uint8_t>(rgb >> 16), static_cast<std::uint8_t>(rgb >> 8), static_cast<std::uint8_t>(rgb)});
  }
  const bool grey = std::ranges::all_of(header.palette, [](Colour c) { return c[0] == c[1] && c[1] == c[2]; });
  header.info.channels = grey ? 1 : 3;
}

void read_fields(const EncodedPicture& file, Header& header, std::uint32_t header_bytes, std::uint32_t compression) {
  if (compression == kPlain) {
    const bool five_bits = header.pixel_bits == 16;
    header.red = {five_bits ? 0x7c00U : 0xff0000U};
    header.green = {five_bits ? 0x3e0U : 0xff00U};
    header.blue = {five_bits ? 0x1fU : 0xffU};
    return;
  }
  header.red = {file.little_endian(kMasksAt, 4)};
  header.green = {file.little_endian(kMasksAt + 4, 4)};
  header.blue = {file.little_endian(kMasksAt + 8, 4)};
  if (header_bytes >= kWithOpacity || compression == kFieldsWithOpacity)
    header.opacity = {file.little_endian(kMasksAt + 12, 4)};
  for (const Field& field : {header.red, header.green, header.blue, header.opacity})
    file.check(field.is_contiguous(), " is damaged: the bits of a colour do not lie together");
}

Header read_header(const EncodedPicture& file) {
  Header header;
  header.pixels_at = file.little_endian(10, 4);
  const std::uint32_t size = file.little_endian(kFileHeader, 4);
  file.check(size == kCore || (size >= kInfo && size <= 124), " is damaged: a BMP header of ", size, " bytes");
  const bool core = size == kCore;
  const auto side = [&](std::size_t at) -> std::int64_t {
    return static_cast<std::int32_t>(file.little_endian(at, 4));
  };
  header.info.width = core ? file.little_endian(18, 2) : side(18);
  const std::int64_t height = core ? file.little_endian(20, 2) : side(22);
  header.top_down = height < 0;
  header.info.height = header.top_down ? -height : height;
  header.pixel_bits = static_cast<int>(file.little_endian(core ? 24 : 28, 2));
  const std::uint32_t compression = core ? kPlain : file.little_endian(30, 4);
  const int bits = header.pixel_bits;
  file.check(bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32, " has ", bits,
             " bits a pixel; BMP files of 1, 4, 8, 16, 24 and 32 are read");
  file.check(compression != kRle8 && compression != kRle4,
             " is a run-length encoded BMP file; only plain ones are read");
  const bool fields = size != kOs2 && (compression == kFields || compression == kFieldsWithOpacity);
  file.check(compression == kPlain || (fields && (bits == 16 || bits == 32)), " is a BMP file of compression ",
             compression, " and ", bits, " bits a pixel; only plain ones are read");
  if (bits <= 8)
    read_palette(file, header, kFileHeader + size, core ? 0 : file.little_endian(46, 4), core ? 3 : 4);
  else
    read_fields(file, header, size, compression);
  file.check_size(header.info);
  header.row_bytes = (static_cast<std::size_t>(header.info.width) * static_cast<std::size_t>(bits) + 31) / 32 * 4;
  return header;
}

// One row's pixels to the interleaved samples at `to`.
void read_indexed_row(const EncodedPicture& file, const Header& header, const std::uint8_t* row, std::uint8_t* to) {
  const auto bits = static_cast<std::size_t>(header.pixel_bits);
  for (std::size_t x = 0; x < static_cast<std::size_t>(header.info.width); ++x) {
    const std::size_t last_bit = x * bits % 8 + bits;
    const std::size_t index = row[x * bits / 8] >> (8 - last_bit) & ((1U << bits) - 1);
    file.check(index < header.palette.size(), " is damaged: colour ", index, " of ", header.palette.size());
    to = std::copy_n(header.palette[index].begin(), header.info.channels, to);
  }
}

void read_direct_row(const Header& header, const std::uint8_t* row, std::uint8_t* to) {
  const int bytes = header.pixel_bits / 8;
  for (std::int64_t x = 0; x < header.info.width; ++x, row += bytes) {
    std::uint32_t pixel = 0;
    for (int i = bytes; i-- > 0;) pixel = pixel << 8 | row[i];
    for (const Field& field : {header.red, header.green, header.blue}) *to++ = field.of(pixel);
    if (header.opacity.mask != 0) *to++ = header.opacity.of(pixel);
  }
}

}  // namespace

PictureInfo bmp_info(const EncodedPicture& file) { return read_header(file).info; }

Tensor decode_bmp(const EncodedPicture& file) {
  const Header header = read_header(file);
  const auto height = static_cast<std::size_t>(header.info.height), width = static_cast<std::size_t>(header.info.width);
  file.check_holds(header.info, header.pixels_at + std::uint64_t{header.row_bytes} * height);
  const bool has_opacity = header.opacity.mask != 0;
  const int samples = header.info.channels + (has_opacity ? 1 : 0);
  std::vector<std::uint8_t> pixels(height * width * static_cast<std::size_t>(samples));
  const auto* rows = reinterpret_cast<const std::uint8_t*>(file.bytes.data()) + header.pixels_at;
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint8_t* row = rows + header.row_bytes * (header.top_down ? y : height - 1 - y);
    std::uint8_t* to = pixels.data() + y * width * static_cast<std::size_t>(samples);
    if (header.pixel_bits <= 8)
      read_indexed_row(file, header, row, to);
    else
      read_direct_row(header, row, to);
  }
  return picture_of(pixels.data(), {header.info.height, header.info.width, samples, header.info.channels,
                                    has_opacity ? Opacity::straight : Opacity::none});
}

}  // namespace duel
