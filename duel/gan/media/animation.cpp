#include "duel/gan/media/animation.h"

#include <zlib.h>

#include <string>
#include <string_view>

#include "duel/gan/media/gif.h"
#include "duel/gan/media/png.h"
#include "duel/nn/atomic_file.h"

namespace duel {
namespace {

constexpr char kWrite[] = "write_animation";
constexpr std::size_t kSignature = 8, kFrame = 12;  // the file's; length, type and CRC around a chunk's content

std::string big_endian(std::uint32_t x, int bytes = 4) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text.push_back(static_cast<char>(x >> shift & 0xff));
  return text;
}

std::uint32_t big_endian_at(std::string_view bytes, std::size_t at) {
  std::uint32_t x = 0;
  for (std::size_t i = at; i < at + 4; ++i) x = x << 8 | static_cast<unsigned char>(bytes[i]);
  return x;
}

std::string chunk(std::string_view type, std::string_view content) {
  const std::string checked = std::string(type) + std::string(content);
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size()));
  return big_endian(static_cast<std::uint32_t>(content.size())) + checked + big_endian(static_cast<std::uint32_t>(crc));
}

// Calls f(type, content, whole chunk) for each chunk of a PNG file.
template <class F>
void for_each_chunk(std::string_view png, const F& f) {
  for (std::size_t at = kSignature; at < png.size();) {
    const std::size_t length = big_endian_at(png, at);
    f(png.substr(at + 4, 4), png.substr(at + 8, length), png.substr(at, length + kFrame));
    at += length + kFrame;
  }
}

// fcTL: a frame that covers everything and replaces what was there.
std::string frame_control(std::uint32_t sequence, std::uint32_t width, std::uint32_t height, int frames_per_second) {
  const std::string offset = big_endian(0) + big_endian(0);
  const std::string delay = big_endian(1, 2) + big_endian(static_cast<std::uint32_t>(frames_per_second), 2);
  const std::string replace_all(2, '\0');
  return chunk("fcTL", big_endian(sequence) + big_endian(width) + big_endian(height) + offset + delay + replace_all);
}

// Each frame is written as a PNG file; the first one's chunks make the file, the others' pixels follow as fdAT.
std::string encode_apng(const Tensor& frames, int frames_per_second, const std::string& name) {
  const auto count = static_cast<std::uint32_t>(frames.size(0)), height = static_cast<std::uint32_t>(frames.size(2)),
             width = static_cast<std::uint32_t>(frames.size(3));
  std::uint32_t sequence = 0;
  std::string file, end;
  for (std::uint32_t t = 0; t < count; ++t) {
    const std::string png = encode_png(frames.select(0, t), name);
    if (t == 0) file = png.substr(0, kSignature);
    bool begun = false;
    for_each_chunk(png, [&](std::string_view type, std::string_view content, std::string_view whole) {
      const bool pixels = type == "IDAT";
      if (pixels && !begun && count > 1) file += frame_control(sequence++, width, height, frames_per_second);
      begun = begun || pixels;
      if (type == "IEND") {
        end = whole;
      } else if (t == 0) {
        file += whole;
        if (type == "IHDR" && count > 1) file += chunk("acTL", big_endian(count) + big_endian(0));
      } else if (pixels) {
        file += chunk("fdAT", big_endian(sequence++) + std::string(content));
      }
    });
  }
  return file + end;
}

}  // namespace

void write_animation(const std::filesystem::path& path, const Tensor& frames, const AnimationOptions& o) {
  check(frames.defined() && frames.dim() == 4 && frames.dtype() == DType::uint8 && frames.numel() > 0, kWrite, path,
        ": needs uint8 [T, C, H, W] with something in it, got ", frames);
  check(o.frames_per_second >= 1 && o.frames_per_second <= 100, kWrite, path, ": 1 to 100 frames a second, not ",
        o.frames_per_second);
  atomic_write(path, path.extension() == ".gif" ? encode_gif(frames, o.frames_per_second, cat(path))
                                                : encode_apng(frames, o.frames_per_second, cat(path)));
}

}  // namespace duel
