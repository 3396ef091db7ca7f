#include "duel/gan/media/tiff.h"

#ifdef DUEL_HAS_TIFF

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#if TIFFLIB_VERSION < 20221213
#error "libtiff 4.5 or newer is needed, whose errors can be told apart by file; or configure with -DDUEL_TIFF=OFF"
#endif

namespace duel {
namespace {

constexpr std::int64_t kMaxBlockBytes = std::int64_t{1} << 31;

// The most that the common ways of compression can do to rows of that many bytes; 0 for the others.
std::uint64_t max_compression(int compression, std::uint64_t row_bytes) {
  switch (compression) {
    case COMPRESSION_NONE: return 1;
    case COMPRESSION_PACKBITS: return 64;  // 128 bytes in two
    case COMPRESSION_LZW: return 4096;     // as many in nine bits
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ADOBE_DEFLATE: return 1032;  // 258 in two bits
    case COMPRESSION_JPEG: return 4 * 512;        // 64 values of each component in a bit
    case COMPRESSION_CCITTRLE:
    case COMPRESSION_CCITTFAX3:
    case COMPRESSION_CCITTFAX4: return 8 * row_bytes;  // a row in one
    default: return 0;
  }
}

// libtiff reading from memory.
class TiffReader {
 public:
  explicit TiffReader(const EncodedPicture& file) : file_(file) {
    const std::unique_ptr<TIFFOpenOptions, decltype(&::TIFFOpenOptionsFree)> options(::TIFFOpenOptionsAlloc(),
                                                                                     &::TIFFOpenOptionsFree);
    check(options != nullptr, "read_picture", "no memory for libtiff");
    ::TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMaxBlockBytes);
    ::TIFFOpenOptionsSetErrorHandlerExtR(options.get(), &TiffReader::on_error, this);
    ::TIFFOpenOptionsSetWarningHandlerExtR(options.get(), &TiffReader::on_warning, this);
    const char* without_mapping = "rm";
    tiff_.reset(::TIFFClientOpenExt(
        "", without_mapping, this, &TiffReader::on_read, &TiffReader::on_read, &TiffReader::on_seek,
        [](thandle_t) { return 0; }, &TiffReader::on_size, nullptr, nullptr, options.get()));
    if (tiff_ == nullptr) fail();
  }

  TIFF* get() const { return tiff_.get(); }
  /// A tag's value, or the one that it has by default.
  template <class T>
  T field(std::uint32_t tag) const {
    T value{};
    if (::TIFFGetFieldDefaulted(tiff_.get(), tag, &value) != 1) file_.fail(" is damaged: it lacks tag ", tag);
    return value;
  }
  [[noreturn]] void fail() const { file_.fail(" is cut short or damaged: ", message_.data()); }

 private:
  static TiffReader& of(thandle_t handle) { return *static_cast<TiffReader*>(handle); }
  // The first one is the cause of the others. 1: libtiff prints nothing itself.
  static int on_error(TIFF*, void* user, const char*, const char* format, std::va_list arguments) {
    auto& message = of(user).message_;
    if (message[0] == '\0') std::vsnprintf(message.data(), message.size(), format, arguments);
    return 1;
  }
  static int on_warning(TIFF*, void*, const char*, const char*, std::va_list) { return 1; }
  static tmsize_t on_read(thandle_t handle, void* to, tmsize_t bytes) {
    TiffReader& reader = of(handle);
    const std::string_view all = reader.file_.bytes;
    const std::size_t count = std::min(static_cast<std::size_t>(bytes), all.size() - std::min(reader.at_, all.size()));
    if (count > 0) std::memcpy(to, all.data() + reader.at_, count);
    reader.at_ += count;
    return static_cast<tmsize_t>(count);
  }
  static toff_t on_seek(thandle_t handle, toff_t offset, int from) {
    TiffReader& reader = of(handle);
    const std::size_t base = from == SEEK_SET ? 0 : from == SEEK_CUR ? reader.at_ : reader.file_.bytes.size();
    return reader.at_ = base + offset;
  }
  static toff_t on_size(thandle_t handle) { return of(handle).file_.bytes.size(); }

  const EncodedPicture& file_;
  std::size_t at_ = 0;
  std::array<char, 200> message_{};
  std::unique_ptr<TIFF, decltype(&::TIFFClose)> tiff_{nullptr, &::TIFFClose};
};

struct Header {
  PictureInfo info;
  int photometric, bits;
  int samples;  // a pixel in the file
  int kept;     // of those: the values and the opacity
  bool floats, separate_planes;
  Opacity opacity = Opacity::none;
};

Opacity opacity_after(const TiffReader& reader, int values, int samples) {
  std::uint16_t count = 0;
  std::uint16_t* kinds = nullptr;
  if (samples <= values || ::TIFFGetField(reader.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds) != 1 || count == 0)
    return Opacity::none;
  if (kinds[0] == EXTRASAMPLE_ASSOCALPHA) return Opacity::premultiplied;
  return kinds[0] == EXTRASAMPLE_UNASSALPHA ? Opacity::straight : Opacity::none;
}

void check_kind(const EncodedPicture& file, const Header& header, int sample_format, int compression) {
  const int bits = header.bits, photometric = header.photometric;
  const bool integers = sample_format == SAMPLEFORMAT_UINT || sample_format == SAMPLEFORMAT_VOID;
  file.check(integers || header.floats,
             " is a TIFF file of signed or complex values; unsigned ones and floats are read");
  if (header.floats)
    file.check(bits == 32, " is a TIFF file of ", bits, "-bit floats; those of 32 bits are read");
  else
    file.check(bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16, " is a TIFF file of ", bits,
               "-bit values; 1, 2, 4, 8, 16 and 32-bit floats are read");
  const bool plain = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_RGB;
  const bool is_read = plain || (photometric == PHOTOMETRIC_MINISWHITE && integers) ||
                       (photometric == PHOTOMETRIC_PALETTE && integers && bits <= 8) ||
                       (photometric == PHOTOMETRIC_SEPARATED && integers && bits == 8) ||
                       (photometric == PHOTOMETRIC_YCBCR && bits == 8 && compression == COMPRESSION_JPEG);
  file.check(is_read, " is a TIFF file of photometric interpretation ", photometric, " with ", bits,
             "-bit values and compression ", compression,
             "; grey, RGB, palettes, 8-bit CMYK and YCbCr as JPEG are read");
  file.check(!header.floats || header.opacity == Opacity::none, " is a TIFF file of floats with opacity");
}

Header read_header(const EncodedPicture& file, const TiffReader& reader) {
  Header header{};
  const int compression = reader.field<std::uint16_t>(TIFFTAG_COMPRESSION);
  const int sample_format = reader.field<std::uint16_t>(TIFFTAG_SAMPLEFORMAT);
  header.photometric = reader.field<std::uint16_t>(TIFFTAG_PHOTOMETRIC);
  header.bits = reader.field<std::uint16_t>(TIFFTAG_BITSPERSAMPLE);
  header.samples = reader.field<std::uint16_t>(TIFFTAG_SAMPLESPERPIXEL);
  header.floats = sample_format == SAMPLEFORMAT_IEEEFP;
  header.separate_planes = reader.field<std::uint16_t>(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
  const bool grey = header.photometric == PHOTOMETRIC_MINISBLACK || header.photometric == PHOTOMETRIC_MINISWHITE;
  const bool palette = header.photometric == PHOTOMETRIC_PALETTE;
  const int values = grey || palette ? 1 : header.photometric == PHOTOMETRIC_SEPARATED ? 4 : 3;
  file.check(header.samples >= values, " is damaged: ", header.samples, " samples a pixel where it takes ", values);
  header.opacity = values == 4 || palette ? Opacity::none : opacity_after(reader, values, header.samples);
  header.kept = values + (header.opacity == Opacity::none ? 0 : 1);
  check_kind(file, header, sample_format, compression);
  header.info = {.format = PictureFormat::tiff,
                 .width = reader.field<std::uint32_t>(TIFFTAG_IMAGEWIDTH),
                 .height = reader.field<std::uint32_t>(TIFFTAG_IMAGELENGTH),
                 .channels = grey ? 1 : 3,
                 .bits = palette ? 8 : header.bits};
  file.check_size(header.info);
  if (header.photometric == PHOTOMETRIC_YCBCR) ::TIFFSetField(reader.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  return header;
}

// Strips, or tiles: rectangles of pixels that are stored, and compressed, one by one.
struct Blocks {
  bool tiled;
  std::int64_t width, height;  // of one
  std::size_t row_bytes;

  std::size_t bytes() const { return row_bytes * static_cast<std::size_t>(height); }
};

Blocks find_blocks(const EncodedPicture& file, const TiffReader& reader, const Header& header) {
  Blocks blocks{};
  TIFF* tiff = reader.get();
  blocks.tiled = ::TIFFIsTiled(tiff) != 0;
  blocks.width = blocks.tiled ? reader.field<std::uint32_t>(TIFFTAG_TILEWIDTH) : header.info.width;
  blocks.height = blocks.tiled
                      ? reader.field<std::uint32_t>(TIFFTAG_TILELENGTH)
                      : std::min<std::int64_t>(reader.field<std::uint32_t>(TIFFTAG_ROWSPERSTRIP), header.info.height);
  const std::int64_t row_bytes = blocks.tiled ? ::TIFFTileRowSize(tiff) : ::TIFFScanlineSize(tiff);
  const std::int64_t samples = header.separate_planes ? 1 : header.samples;
  file.check(blocks.width > 0 && blocks.height > 0 && row_bytes > 0 && row_bytes <= kMaxBlockBytes / blocks.height &&
                 row_bytes >= (blocks.width * samples * header.bits + 7) / 8,
             " is damaged: strips or tiles of ", blocks.width, " by ", blocks.height, " pixels");
  blocks.row_bytes = static_cast<std::size_t>(row_bytes);
  const std::uint64_t planes = header.separate_planes ? static_cast<std::uint64_t>(header.samples) : 1;
  const std::uint64_t all = blocks.tiled ? std::uint64_t{::TIFFNumberOfTiles(tiff)} * blocks.bytes()
                                         : planes * blocks.row_bytes * static_cast<std::uint64_t>(header.info.height);
  const std::uint64_t compression = max_compression(reader.field<std::uint16_t>(TIFFTAG_COMPRESSION), blocks.row_bytes);
  if (compression > 0) file.check_holds(header.info, all / compression);
  return blocks;
}

// Sample `i` of a row: of 8 bits or fewer, packed from the highest bit on.
void take(const std::byte* row, std::int64_t i, int bits, std::uint8_t& sample) {
  const auto byte = std::to_integer<unsigned>(row[i * bits / 8]);
  sample = static_cast<std::uint8_t>(byte >> (8 - bits - i * bits % 8) & ((1U << bits) - 1));
}
// Of 16 or 32, which libtiff has brought into this machine's order of bytes.
template <class T>
void take(const std::byte* row, std::int64_t i, int, T& sample) {
  std::memcpy(&sample, row + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
}

// The strip or tile of that pixel: `rows` of `blocks.row_bytes` each.
void read_block(const TiffReader& reader, const Blocks& blocks, std::int64_t left, std::int64_t top, int plane,
                std::int64_t rows, std::byte* to) {
  TIFF* tiff = reader.get();
  const auto x = static_cast<std::uint32_t>(left), y = static_cast<std::uint32_t>(top);
  const auto n = static_cast<std::uint16_t>(plane);
  const auto wanted = static_cast<tmsize_t>(blocks.row_bytes) * (blocks.tiled ? blocks.height : rows);
  const tmsize_t got = blocks.tiled ? ::TIFFReadEncodedTile(tiff, ::TIFFComputeTile(tiff, x, y, 0, n), to, wanted)
                                    : ::TIFFReadEncodedStrip(tiff, ::TIFFComputeStrip(tiff, y, n), to, wanted);
  if (got != wanted) reader.fail();
}

// The samples kept, [H, W, kept].
template <class T>
std::vector<T> read_samples(const EncodedPicture& file, const TiffReader& reader, const Header& header) {
  const Blocks blocks = find_blocks(file, reader, header);
  const std::int64_t h = header.info.height, w = header.info.width;
  const int planes = header.separate_planes ? header.kept : 1;
  const int in_block = header.separate_planes ? 1 : header.samples;  // samples a pixel
  const int taken = header.separate_planes ? 1 : header.kept;
  const auto block = std::make_unique_for_overwrite<std::byte[]>(blocks.bytes());
  std::vector<T> samples(static_cast<std::size_t>(h * w * header.kept));
  for (int plane = 0; plane < planes; ++plane)
    for (std::int64_t top = 0; top < h; top += blocks.height)
      for (std::int64_t left = 0; left < w; left += blocks.width) {
        const std::int64_t rows = std::min(blocks.height, h - top), columns = std::min(blocks.width, w - left);
        read_block(reader, blocks, left, top, plane, rows, block.get());
        for (std::int64_t y = 0; y < rows; ++y) {
          const std::byte* row = block.get() + static_cast<std::size_t>(y) * blocks.row_bytes;
          T* to = samples.data() + ((top + y) * w + left) * header.kept + plane;
          for (std::int64_t x = 0; x < columns; ++x, to += header.kept)
            for (int s = 0; s < taken; ++s) take(row, x * in_block + s, header.bits, to[s]);
        }
      }
  return samples;
}

Tensor look_up(const EncodedPicture& file, const TiffReader& reader, const Header& header,
               const std::vector<std::uint8_t>& indices) {
  std::array<std::uint16_t*, 3> colours{};  // 1 << bits of each, 16 bits
  file.check(::TIFFGetField(reader.get(), TIFFTAG_COLORMAP, &colours[0], &colours[1], &colours[2]) == 1,
             " is damaged: it has no palette");
  std::vector<std::uint8_t> samples;
  samples.reserve(indices.size() * 3);
  for (std::uint8_t index : indices)
    for (const std::uint16_t* colour : colours) samples.push_back(static_cast<std::uint8_t>(colour[index] >> 8));
  return picture_of(samples.data(), {header.info.height, header.info.width, 3, 3});
}

// Values of 1 to 8 bits.
Tensor picture_of_bytes(const EncodedPicture& file, const TiffReader& reader, const Header& header) {
  std::vector<std::uint8_t> samples = read_samples<std::uint8_t>(file, reader, header);
  if (header.photometric == PHOTOMETRIC_PALETTE) return look_up(file, reader, header, samples);
  if (header.photometric == PHOTOMETRIC_SEPARATED)
    return picture_of_cmyk(samples.data(), header.info.height, header.info.width);
  const int largest = (1 << header.bits) - 1;
  for (std::uint8_t& s : samples) s = static_cast<std::uint8_t>((s * 255 + largest / 2) / largest);
  if (header.photometric == PHOTOMETRIC_MINISWHITE)
    for (std::size_t i = 0; i < samples.size(); i += static_cast<std::size_t>(header.kept))
      samples[i] = static_cast<std::uint8_t>(255 - samples[i]);
  return picture_of(samples.data(),
                    {header.info.height, header.info.width, header.kept, header.info.channels, header.opacity});
}

}  // namespace

PictureInfo tiff_info(const EncodedPicture& file) {
  const TiffReader reader(file);
  return read_header(file, reader).info;
}

Tensor decode_tiff(const EncodedPicture& file) {
  const TiffReader reader(file);
  const Header header = read_header(file, reader);
  if (header.bits <= 8) return picture_of_bytes(file, reader, header);
  const Interleaved layout{header.info.height, header.info.width, header.kept, header.info.channels, header.opacity};
  if (header.floats) {
    const std::vector<float> samples = read_samples<float>(file, reader, header);
    file.check(std::ranges::all_of(samples, [](float s) { return std::isfinite(s); }),
               " has values that are not finite");
    return picture_of(samples.data(), layout);
  }
  std::vector<std::uint16_t> samples = read_samples<std::uint16_t>(file, reader, header);
  if (header.photometric == PHOTOMETRIC_MINISWHITE)
    for (std::size_t i = 0; i < samples.size(); i += static_cast<std::size_t>(header.kept))
      samples[i] = static_cast<std::uint16_t>(65535 - samples[i]);
  return picture_of(samples.data(), layout);
}

}  // namespace duel

#else

namespace duel {

PictureInfo tiff_info(const EncodedPicture& file) {
  file.fail_built_without(PictureFormat::tiff, "DUEL_TIFF", "libtiff-dev");
}
Tensor decode_tiff(const EncodedPicture& file) {
  file.fail_built_without(PictureFormat::tiff, "DUEL_TIFF", "libtiff-dev");
}

}  // namespace duel

#endif
