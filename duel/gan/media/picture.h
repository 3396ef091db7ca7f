// Picture files of every kind that data sets come in, from the disk or from memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "duel/tensor/tensor.h"

namespace duel {

/// `pnm` is PBM, PGM and PPM.
enum class PictureFormat : std::uint8_t { png, jpeg, webp, tiff, bmp, pnm, gif };
/// "PNG", "JPEG", ...
std::string_view name_of(PictureFormat format);

/// What the beginning of a file says about the picture that `read_picture` makes of it.
struct PictureInfo {
  PictureFormat format;
  std::int64_t width, height;
  int channels;  ///< 1 (grey) or 3 (sRGB)
  int bits;      ///< of a value in the file, of a colour in its palette: 1 to 16, or 32 for floats
};

/// The picture in a file, [C, H, W], row-major, C = 1 (grey) or 3 (sRGB), values from 0 to 255: uint8 up to 8 bits per
/// value; float32 beyond, so that nothing is lost (v/257 of 16 bits; floats as they are). The format is told by the
/// file's first bytes, whatever its name. Of a file with several pictures it is the first.
///
/// For all formats:
/// - Palettes are looked up (in BMP and GIF files one of greys makes a grey picture: they have no other way
///   to say so). Values
///   of fewer bits, or whose largest is not 255, are scaled to 255.
/// - Transparency is blended onto white by value, as browsers do.
/// - CMYK is converted as PIL does, R = (255-C)(255-K)/255; JPEG's holds 255 - C and so on (Adobe's convention).
/// - The orientation that a camera notes, gamma and colour profiles are not applied, as the original GANs' loaders
///   don't: the values are those stored.
///
/// PNG; JPEG (8 bits; baseline, progressive, arithmetic); WebP (not animated); TIFF (1 to 16 bits, float32; grey, RGB,
/// palette, CMYK, YCbCr as JPEG; strips or tiles; whatever compression libtiff was built with); BMP (not run-length
/// encoded); PBM, PGM and PPM, plain and raw; GIF.
///
/// Throws `Error` with the path and what is wrong for a file that is none of these, that is cut short, visibly altered,
/// larger than 2^31 bytes decoded, or of a format that this build can't read, naming the package that it takes. The
/// size it claims is checked, against the file's where that bounds it, before memory is taken. JPEG, WebP, TIFF, BMP,
/// PNM and GIF have no checksums: altered pixels may go unseen. Several threads may call these functions at once.
Tensor read_picture(const std::filesystem::path& path);
PictureInfo read_picture_info(const std::filesystem::path& path);

/// The same for a file in memory, such as an archive's entry; messages call it `name`.
Tensor decode_picture(std::string_view bytes, std::string_view name);
PictureInfo decode_picture_info(std::string_view bytes, std::string_view name);

/// What the names of such files end with: ".jpg", ...; lower case.
std::span<const std::string_view> picture_extensions();
/// Whether `path` ends with one of them, in either case.
bool has_picture_extension(const std::filesystem::path& path);

}  // namespace duel
