#include "duel/gan/media/picture.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "duel/gan/media/bmp.h"
#include "duel/gan/media/encoded_picture.h"
#include "duel/gan/media/gif.h"
#include "duel/gan/media/jpeg.h"
#include "duel/gan/media/png.h"
#include "duel/gan/media/pnm.h"
#include "duel/gan/media/tiff.h"
#include "duel/gan/media/webp.h"
#include "duel/nn/atomic_file.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kRead[] = "read_picture";
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 32;  // 2^31 bytes of pixels, written in decimals or so

constexpr std::array<std::string_view, 12> kExtensions = {".jpg", ".jpeg", ".png", ".ppm",  ".pgm",  ".pbm",
                                                          ".pnm", ".bmp",  ".tif", ".tiff", ".webp", ".gif"};

struct Format {
  std::string_view name;
  bool (*is_start_of)(std::string_view bytes);
  PictureInfo (*info)(const EncodedPicture& file);
  Tensor (*decode)(const EncodedPicture& file);
};

bool is_png(std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); }
bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }
bool is_webp(std::string_view bytes) {
  return bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP";
}
bool is_tiff(std::string_view bytes) {  // the last two are BigTIFF's
  using namespace std::string_view_literals;
  return bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv) || bytes.starts_with("II+\0"sv) ||
         bytes.starts_with("MM\0+"sv);
}
bool is_bmp(std::string_view bytes) { return bytes.starts_with("BM"); }
bool is_pnm(std::string_view bytes) {
  return bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
         (bytes[2] == '#' || std::isspace(static_cast<unsigned char>(bytes[2])) != 0);
}

bool is_gif(std::string_view bytes) { return bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a"); }

// In the order of PictureFormat.
constexpr std::array<Format, 7> kFormats = {{{"PNG", is_png, png_info, decode_png},
                                             {"JPEG", is_jpeg, jpeg_info, decode_jpeg},
                                             {"WebP", is_webp, webp_info, decode_webp},
                                             {"TIFF", is_tiff, tiff_info, decode_tiff},
                                             {"BMP", is_bmp, bmp_info, decode_bmp},
                                             {"PNM", is_pnm, pnm_info, decode_pnm},
                                             {"GIF", is_gif, gif_info, decode_gif}}};

const Format& format_of(const EncodedPicture& file) {
  const auto found = std::ranges::find_if(kFormats, [&](const Format& f) { return f.is_start_of(file.bytes); });
  file.check(found != kFormats.end(), file.bytes.empty() ? " is empty" : " is no picture that can be read:",
             file.bytes.empty() ? "" : " it does not begin like a PNG, JPEG, WebP, TIFF, BMP, PBM/PGM/PPM or GIF file");
  return *found;
}

std::string content_of(const fs::path& path) {
  const std::uint64_t bytes = regular_file_size(kRead, path);
  check(bytes <= kMaxFileBytes, kRead, path, " has ", bytes, " bytes; pictures have at most ", kMaxFileBytes);
  return read_file(kRead, path);
}

}  // namespace

std::string_view name_of(PictureFormat format) { return kFormats[static_cast<std::size_t>(format)].name; }

Tensor read_picture(const fs::path& path) {
  const std::string content = content_of(path);
  return decode_picture(content, cat(path));
}

PictureInfo read_picture_info(const fs::path& path) {
  const std::string content = content_of(path);
  return decode_picture_info(content, cat(path));
}

Tensor decode_picture(std::string_view bytes, std::string_view name) {
  const EncodedPicture file{bytes, std::string(name)};
  return format_of(file).decode(file);
}

PictureInfo decode_picture_info(std::string_view bytes, std::string_view name) {
  const EncodedPicture file{bytes, std::string(name)};
  return format_of(file).info(file);
}

std::span<const std::string_view> picture_extensions() { return kExtensions; }

bool has_picture_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

}  // namespace duel
