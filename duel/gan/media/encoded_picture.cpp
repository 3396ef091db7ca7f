#include "duel/gan/media/encoded_picture.h"

#include <algorithm>

namespace duel {
namespace {

constexpr std::uint64_t kMaxDecodedBytes = std::uint64_t{1} << 31;

// value * opacity + white * (1 - opacity), with `white` the largest value.
template <int white>
std::int64_t over_white(std::int64_t value, std::int64_t opacity, Opacity kind) {
  if (kind == Opacity::premultiplied) return std::min<std::int64_t>(white, value + white - opacity);
  return (value * opacity + white * (white - opacity) + white / 2) / white;
}

// `convert(pixel, c)` gives value c of the pixel that begins there.
template <int channels, class Out, class In, class F>
Tensor planes(const In* samples, const Interleaved& layout, const F& convert) {
  const std::int64_t pixels = layout.height * layout.width, step = layout.samples;
  Tensor picture = Tensor::empty({channels, layout.height, layout.width}, {.dtype = dtype_of<Out>()});
  Out* out = picture.mutable_data<Out>();
  for (std::int64_t i = 0; i < pixels; ++i, samples += step)
    for (int c = 0; c < channels; ++c) out[c * pixels + i] = convert(samples, c);
  return picture;
}
template <class Out, class In, class F>
Tensor planes(const In* samples, const Interleaved& layout, const F& convert) {
  return layout.channels == 1 ? planes<1, Out>(samples, layout, convert) : planes<3, Out>(samples, layout, convert);
}

// Sixteen bits to the scale of eight.
float scaled(std::int64_t value) { return static_cast<float>(value) / 257; }

}  // namespace

void EncodedPicture::fail_built_without(PictureFormat format, const char* option, const char* package) const {
  fail(" is a ", name_of(format),
       " file, and duel was built without that: install the library (on Debian: apt install ", package,
       "), configure with -D", option, "=ON and build again");
}

void EncodedPicture::check_size(const PictureInfo& info) const {
  check(info.width > 0 && info.height > 0, " is damaged: it claims ", info.width, " by ", info.height, " pixels");
  const std::uint64_t element = info.bits > 8 ? sizeof(float) : 1;
  const std::uint64_t pixel = static_cast<std::uint64_t>(info.channels + 1) * element;
  const auto width = static_cast<std::uint64_t>(info.width), height = static_cast<std::uint64_t>(info.height);
  check(width <= kMaxDecodedBytes / pixel / height, " claims ", width, " by ", height,
        " pixels; pictures of at most 2^31 bytes are read");
}

void EncodedPicture::check_holds(const PictureInfo& info, std::uint64_t bytes_needed) const {
  check(bytes.size() >= bytes_needed, " is cut short or damaged: it claims ", info.width, " by ", info.height,
        " pixels, more than its ", bytes.size(), " bytes can hold");
}

std::uint32_t EncodedPicture::little_endian(std::size_t at, int count) const {
  check(at <= bytes.size() && bytes.size() - at >= static_cast<std::size_t>(count), " is cut short after ",
        bytes.size(), " bytes");
  std::uint32_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}

std::uint32_t EncodedPicture::big_endian(std::size_t at, int count) const {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | little_endian(at + static_cast<std::size_t>(i), 1);
  return value;
}

Tensor picture_of(const std::uint8_t* samples, const Interleaved& layout) {
  using U8 = std::uint8_t;
  if (layout.opacity == Opacity::none) return planes<U8>(samples, layout, [](const U8* p, int c) { return p[c]; });
  return planes<U8>(samples, layout, [last = layout.channels, kind = layout.opacity](const U8* p, int c) {
    return static_cast<U8>(over_white<255>(p[c], p[last], kind));
  });
}

Tensor picture_of(const std::uint16_t* samples, const Interleaved& layout) {
  using U16 = std::uint16_t;
  if (layout.opacity == Opacity::none)
    return planes<float>(samples, layout, [](const U16* p, int c) { return scaled(p[c]); });
  return planes<float>(samples, layout, [last = layout.channels, kind = layout.opacity](const U16* p, int c) {
    return scaled(over_white<65535>(p[c], p[last], kind));
  });
}

Tensor picture_of(const float* samples, const Interleaved& layout) {
  return planes<float>(samples, layout, [](const float* p, int c) { return p[c]; });
}

Tensor picture_of_cmyk(const std::uint8_t* samples, std::int64_t height, std::int64_t width) {
  return planes<std::uint8_t>(samples, {height, width, 4, 3}, [](const std::uint8_t* p, int c) {
    return static_cast<std::uint8_t>(((255 - p[c]) * (255 - p[3]) + 127) / 255);
  });
}

}  // namespace duel
