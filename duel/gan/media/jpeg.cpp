#include "duel/gan/media/jpeg.h"

#ifdef DUEL_HAS_JPEG

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <memory>

#include <jpeglib.h>  // relies on the two before

#include <jerror.h>

namespace duel {
namespace {

constexpr std::uint64_t kPixelsInByte = 512;  // with Huffman's codes: at least one bit for 64 values of one component
constexpr int kMaxScans = 500;                // a few bytes each, but each is a walk over the whole picture

// libjpeg reading from memory. It leaves its functions by longjmp on an error: they are called in `guarded` only, by
// functions that own nothing, so that no destructor is jumped over.
class JpegReader {
 public:
  explicit JpegReader(const EncodedPicture& file) : file_(file) {
    jpeg_.err = ::jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = &JpegReader::on_error;
    errors_.emit_message = &JpegReader::on_message;
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = &JpegReader::on_progress;
    guarded([this] { jpeg_create_decompress(&jpeg_); });
    jpeg_.progress = &progress_;
  }
  ~JpegReader() { ::jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  // What libjpeg says of the picture, first of all.
  const jpeg_decompress_struct& read_header() {
    guarded([this] {
      ::jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(file_.bytes.data()), file_.bytes.size());
      ::jpeg_read_header(&jpeg_, TRUE);
    });
    return jpeg_;
  }
  // All rows, each of `row_bytes`, in that colour space.
  void read(JSAMPLE* rows, std::size_t row_bytes, J_COLOR_SPACE space) {
    guarded([=, this] {
      jpeg_.out_color_space = space;
      ::jpeg_start_decompress(&jpeg_);
      while (jpeg_.output_scanline < jpeg_.output_height) {
        JSAMPROW row = rows + jpeg_.output_scanline * row_bytes;
        ::jpeg_read_scanlines(&jpeg_, &row, 1);
      }
      ::jpeg_finish_decompress(&jpeg_);
    });
  }

 private:
  template <class F>
  void guarded(const F& call_libjpeg) {
    if (setjmp(escape_) != 0) file_.fail(" is cut short or damaged: ", message_.data());
    call_libjpeg();
  }
  static JpegReader& of(j_common_ptr jpeg) { return *static_cast<JpegReader*>(jpeg->client_data); }
  [[noreturn]] static void on_error(j_common_ptr jpeg) {
    jpeg->err->format_message(jpeg, of(jpeg).message_.data());
    std::longjmp(of(jpeg).escape_, 1);
  }
  // Warnings, at level -1, say that data are missing or wrong, but for three that cost no pixel.
  static void on_message(j_common_ptr jpeg, int level) {
    const int code = jpeg->err->msg_code;
    const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
    if (level < 0 && !harmless) on_error(jpeg);
  }
  static void on_progress(j_common_ptr jpeg) {
    if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMaxScans) return;
    std::snprintf(of(jpeg).message_.data(), of(jpeg).message_.size(), "more than %d scans", kMaxScans);
    std::longjmp(of(jpeg).escape_, 1);
  }

  const EncodedPicture& file_;
  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::array<char, JMSG_LENGTH_MAX> message_{};
  std::jmp_buf escape_{};
};

PictureInfo info_of(const EncodedPicture& file, const jpeg_decompress_struct& jpeg) {
  const int components = jpeg.num_components;
  file.check(components == 1 || components == 3 || components == 4, " is a JPEG file with ", components,
             " components; 1, 3 and 4 are read");
  return {.format = PictureFormat::jpeg,
          .width = jpeg.image_width,
          .height = jpeg.image_height,
          .channels = components == 1 ? 1 : 3,
          .bits = jpeg.data_precision};
}

}  // namespace

PictureInfo jpeg_info(const EncodedPicture& file) {
  JpegReader reader(file);
  return info_of(file, reader.read_header());
}

Tensor decode_jpeg(const EncodedPicture& file) {
  JpegReader reader(file);
  const jpeg_decompress_struct& header = reader.read_header();
  const PictureInfo info = info_of(file, header);
  const int samples = header.num_components;
  file.check_size(info);
  const auto height = static_cast<std::size_t>(info.height), width = static_cast<std::size_t>(info.width);
  if (header.arith_code == FALSE) file.check_holds(info, height * width / kPixelsInByte);
  const std::size_t row_bytes = width * static_cast<std::size_t>(samples);
  const auto rows = std::make_unique_for_overwrite<std::uint8_t[]>(row_bytes * height);
  reader.read(rows.get(), row_bytes, samples == 1 ? JCS_GRAYSCALE : samples == 3 ? JCS_RGB : JCS_CMYK);
  if (samples < 4) return picture_of(rows.get(), {info.height, info.width, samples, info.channels});
  for (std::size_t i = 0; i < row_bytes * height; ++i) rows[i] = static_cast<std::uint8_t>(255 - rows[i]);
  return picture_of_cmyk(rows.get(), info.height, info.width);
}

}  // namespace duel

#else

namespace duel {

PictureInfo jpeg_info(const EncodedPicture& file) {
  file.fail_built_without(PictureFormat::jpeg, "DUEL_JPEG", "libjpeg-dev");
}
Tensor decode_jpeg(const EncodedPicture& file) {
  file.fail_built_without(PictureFormat::jpeg, "DUEL_JPEG", "libjpeg-dev");
}

}  // namespace duel

#endif
