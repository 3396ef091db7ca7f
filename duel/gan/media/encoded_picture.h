// What the readers of picture formats share: the file's bytes with a name for messages, limits, and the step from
// decoded samples to a tensor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "duel/gan/media/picture.h"
#include "duel/tensor/error.h"

namespace duel {

/// A picture's file in memory.
struct EncodedPicture {
  std::string_view bytes;
  std::string name;  ///< begins the messages

  /// Throws `Error("read_picture: NAME" + what)`.
  template <class... Args>
  [[noreturn]] void fail(const Args&... what) const {
    duel::fail("read_picture", name, what...);
  }
  template <class... Args>
  void check(bool ok, const Args&... what) const {
    if (!ok) [[unlikely]]
      fail(what...);
  }
  /// For formats that this build leaves out: `option` is CMake's.
  [[noreturn]] void fail_built_without(PictureFormat format, const char* option, const char* package) const;

  /// Throws unless each side is at least 1 and the decoded picture, opacity included, at most 2^31 bytes.
  void check_size(const PictureInfo& info) const;
  /// Throws if the file has fewer than `bytes_needed` bytes. Call it before memory is taken for what they decode to.
  void check_holds(const PictureInfo& info, std::uint64_t bytes_needed) const;

  /// `count` (1 to 4) bytes at `at` as a number; throws if the file ends before.
  std::uint32_t little_endian(std::size_t at, int count) const;
  std::uint32_t big_endian(std::size_t at, int count) const;
};

/// What the sample after a pixel's values says: nothing, or how much covers the white behind it.
enum class Opacity : std::uint8_t {
  none,
  straight,
  premultiplied,  ///< the values are multiplied with it already
};

/// Decoded samples: row by row, pixel by pixel, `samples` for each, of which the first `channels` (1 or 3) are values
/// and the next one may be the opacity.
struct Interleaved {
  std::int64_t height, width;
  int samples, channels;
  Opacity opacity = Opacity::none;
};

/// [C, H, W], row-major: uint8 as they are; uint16 as float32, v/257; float32 as they are (without opacity).
Tensor picture_of(const std::uint8_t* samples, const Interleaved& layout);
Tensor picture_of(const std::uint16_t* samples, const Interleaved& layout);
Tensor picture_of(const float* samples, const Interleaved& layout);
/// Four samples a pixel, C, M, Y, K, of which 0 is no ink: [3, H, W].
Tensor picture_of_cmyk(const std::uint8_t* samples, std::int64_t height, std::int64_t width);

}  // namespace duel
