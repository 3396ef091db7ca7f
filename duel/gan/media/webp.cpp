#include "duel/gan/media/webp.h"

#ifdef DUEL_HAS_WEBP

#include <webp/decode.h>

#include <memory>

namespace duel {
namespace {

const std::uint8_t* data_of(const EncodedPicture& file) {
  return reinterpret_cast<const std::uint8_t*>(file.bytes.data());
}

const char* reason(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: return " is cut short";
    case VP8_STATUS_OUT_OF_MEMORY: return " takes more memory than there is";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return " has a feature that libwebp does not know";
    default: return " is damaged";
  }
}

WebPBitstreamFeatures features_of(const EncodedPicture& file) {
  WebPBitstreamFeatures features{};
  const VP8StatusCode status = ::WebPGetFeatures(data_of(file), file.bytes.size(), &features);
  file.check(status == VP8_STATUS_OK, reason(status));
  file.check(features.has_animation == 0, " is an animated WebP file; only still ones are read");
  return features;
}

PictureInfo info_of(const WebPBitstreamFeatures& features) {
  return {.format = PictureFormat::webp, .width = features.width, .height = features.height, .channels = 3, .bits = 8};
}

}  // namespace

PictureInfo webp_info(const EncodedPicture& file) { return info_of(features_of(file)); }

Tensor decode_webp(const EncodedPicture& file) {
  WebPDecoderConfig config;
  check(::WebPInitDecoderConfig(&config) != 0, "read_picture", "libwebp is of another version than its header");
  config.input = features_of(file);
  const PictureInfo info = info_of(config.input);
  file.check_size(info);  // which is all: lossless pictures of one colour take no bits for their pixels
  const bool has_opacity = config.input.has_alpha != 0;
  const int samples = has_opacity ? 4 : 3;
  const auto row_bytes = static_cast<std::size_t>(info.width) * static_cast<std::size_t>(samples);
  const std::size_t bytes = row_bytes * static_cast<std::size_t>(info.height);
  const auto rows = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
  config.output.colorspace = has_opacity ? MODE_RGBA : MODE_RGB;
  config.output.u.RGBA = {rows.get(), static_cast<int>(row_bytes), bytes};
  config.output.is_external_memory = 1;
  const VP8StatusCode status = ::WebPDecode(data_of(file), file.bytes.size(), &config);
  ::WebPFreeDecBuffer(&config.output);
  file.check(status == VP8_STATUS_OK, reason(status));
  const Opacity opacity = has_opacity ? Opacity::straight : Opacity::none;
  return picture_of(rows.get(), {info.height, info.width, samples, info.channels, opacity});
}

}  // namespace duel

#else

namespace duel {

PictureInfo webp_info(const EncodedPicture& file) {
  file.fail_built_without(PictureFormat::webp, "DUEL_WEBP", "libwebp-dev");
}
Tensor decode_webp(const EncodedPicture& file) {
  file.fail_built_without(PictureFormat::webp, "DUEL_WEBP", "libwebp-dev");
}

}  // namespace duel

#endif
