#include "duel/gan/media/gif.h"

#ifdef DUEL_HAS_GIF

#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "duel/gan/media/palette.h"

namespace duel {
namespace {

constexpr char kWrite[] = "write_animation";

const char* reason(int error) {
  const char* text = ::GifErrorString(error);
  return text ? text : "unknown error";
}

// Reading, up to the first picture.

struct Rest {
  std::string_view bytes;
};

int take(GifFileType* gif, GifByteType* to, int count) {
  std::string_view& rest = static_cast<Rest*>(gif->UserData)->bytes;
  const std::size_t n = std::min(rest.size(), static_cast<std::size_t>(count));
  std::memcpy(to, rest.data(), n);
  rest.remove_prefix(n);
  return static_cast<int>(n);
}

class Reader {
 public:
  explicit Reader(const EncodedPicture& file) : file_(file), rest_{file.bytes} {
    int error = 0;
    gif_.reset(::DGifOpen(&rest_, take, &error));
    file.check(gif_ != nullptr, " is damaged: ", reason(error));
    find_picture();
    const GifImageDesc& image = gif_->Image;
    info_ = {.format = PictureFormat::gif, .width = gif_->SWidth, .height = gif_->SHeight, .channels = 1, .bits = 8};
    file.check(image.Width > 0 && image.Height > 0 && image.Left + image.Width <= gif_->SWidth &&
                   image.Top + image.Height <= gif_->SHeight,
               " is damaged: a picture of ", image.Width, " by ", image.Height, " pixels does not lie within ",
               gif_->SWidth, " by ", gif_->SHeight);
    const ColorMapObject* map = image.ColorMap ? image.ColorMap : gif_->SColorMap;
    file.check(map != nullptr, " is damaged: it has no palette");
    palette_.assign(map->Colors, map->Colors + map->ColorCount);
    for (const GifColorType& c : palette_)
      if (c.Red != c.Green || c.Red != c.Blue) info_.channels = 3;
    file.check_size(info_);
    // A code, of three bits or more, stands for 4096 pixels at most.
    file.check_holds(info_,
                     static_cast<std::uint64_t>(image.Width) * static_cast<std::uint64_t>(image.Height) / 4096 * 3 / 8);
  }

  const PictureInfo& info() const { return info_; }

  Tensor picture() {
    const GifImageDesc& image = gif_->Image;
    const auto samples = static_cast<std::size_t>(info_.channels) + 1;  // the last one is the opacity
    const auto width = static_cast<std::size_t>(info_.width);
    std::vector<std::uint8_t> canvas(static_cast<std::size_t>(info_.height) * width * samples);
    std::vector<GifPixelType> row(static_cast<std::size_t>(image.Width));
    for (const int y : rows(image)) {
      file_.check(::DGifGetLine(gif_.get(), row.data(), image.Width) == GIF_OK, " is damaged: ", reason(gif_->Error));
      put(row, canvas.data() +
                   (static_cast<std::size_t>(image.Top + y) * width + static_cast<std::size_t>(image.Left)) * samples);
    }
    GifRecordType next{};
    check_read(::DGifGetRecordType(gif_.get(), &next));  // what is cut off shows here
    return picture_of(canvas.data(),
                      {info_.height, info_.width, info_.channels + 1, info_.channels, Opacity::straight});
  }

 private:
  void check_read(int result) const { file_.check(result == GIF_OK, " is damaged: ", reason(gif_->Error)); }

  void find_picture() {
    for (GifRecordType type = UNDEFINED_RECORD_TYPE; type != IMAGE_DESC_RECORD_TYPE;) {
      check_read(::DGifGetRecordType(gif_.get(), &type));
      file_.check(type != TERMINATE_RECORD_TYPE, " is damaged: there is no picture in it");
      if (type == EXTENSION_RECORD_TYPE) read_extension();
    }
    check_read(::DGifGetImageDesc(gif_.get()));
  }

  void read_extension() {
    int code = 0;
    GifByteType* block = nullptr;  // its length, and that many bytes
    check_read(::DGifGetExtension(gif_.get(), &code, &block));
    for (; block != nullptr; check_read(::DGifGetExtensionNext(gif_.get(), &block))) {
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE && ::DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        transparent_ = control.TransparentColor;
    }
  }

  // In the order in which they are stored.
  static std::vector<int> rows(const GifImageDesc& image) {
    std::vector<int> all;
    if (!image.Interlace)
      for (int y = 0; y < image.Height; ++y) all.push_back(y);
    else
      for (const auto& [first, step] : {std::pair(0, 8), std::pair(4, 8), std::pair(2, 4), std::pair(1, 2)})
        for (int y = first; y < image.Height; y += step) all.push_back(y);
    return all;
  }

  void put(const std::vector<GifPixelType>& row, std::uint8_t* to) const {
    for (const GifPixelType pixel : row) {
      file_.check(pixel < palette_.size() || pixel == transparent_, " is damaged: colour ", int{pixel}, " of ",
                  palette_.size());
      const GifColorType colour = pixel < palette_.size() ? palette_[pixel] : GifColorType{};
      const std::array<std::uint8_t, 3> values{colour.Red, colour.Green, colour.Blue};
      to = std::copy_n(values.begin(), info_.channels, to);
      *to++ = pixel == transparent_ ? 0 : 255;
    }
  }

  struct Close {
    void operator()(GifFileType* gif) const { ::DGifCloseFile(gif, nullptr); }
  };
  const EncodedPicture& file_;
  Rest rest_;
  std::unique_ptr<GifFileType, Close> gif_;
  PictureInfo info_;
  std::vector<GifColorType> palette_;
  int transparent_ = NO_TRANSPARENT_COLOR;
};

// Writing.

int append(GifFileType* gif, const GifByteType* bytes, int count) {
  static_cast<std::string*>(gif->UserData)
      ->append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  return count;
}

class Writer {
 public:
  Writer(std::string& bytes, const std::string& name) : name_(name) {
    int error = 0;
    gif_.reset(::EGifOpen(&bytes, append, &error));
    check(gif_ != nullptr, kWrite, name_, ": ", reason(error));
    ::EGifSetGifVersion(gif_.get(), true);
  }

  void begin(int width, int height, const Indexed& pictures) {
    std::array<GifColorType, 256> colours{};
    std::transform(pictures.palette.begin(), pictures.palette.end(), colours.begin(), [](const auto& c) {
      return GifColorType{c[0], c[1], c[2]};
    });
    const std::unique_ptr<ColorMapObject, decltype(&::GifFreeMapObject)> map(
        ::GifMakeMapObject(static_cast<int>(colours.size()), colours.data()), ::GifFreeMapObject);
    check(map != nullptr, kWrite, name_, ": not enough memory");
    check_written(::EGifPutScreenDesc(gif_.get(), width, height, 8, 0, map.get()));
    width_ = width;
    height_ = height;
  }

  void repeat_for_ever() {
    check_written(::EGifPutExtensionLeader(gif_.get(), APPLICATION_EXT_FUNC_CODE));
    check_written(::EGifPutExtensionBlock(gif_.get(), 11, "NETSCAPE2.0"));
    check_written(::EGifPutExtensionBlock(gif_.get(), 3, "\1\0\0"));  // as often as 0: without end
    check_written(::EGifPutExtensionTrailer(gif_.get()));
  }

  void add(const std::uint8_t* pixels, int hundredths) {
    const GraphicsControlBlock control{DISPOSE_DO_NOT, false, hundredths, NO_TRANSPARENT_COLOR};
    std::array<GifByteType, 4> bytes{};
    ::EGifGCBToExtension(&control, bytes.data());
    check_written(::EGifPutExtension(gif_.get(), GRAPHICS_EXT_FUNC_CODE, static_cast<int>(bytes.size()), bytes.data()));
    check_written(::EGifPutImageDesc(gif_.get(), 0, 0, width_, height_, false, nullptr));
    std::vector<GifPixelType> row(static_cast<std::size_t>(width_));  // giflib masks what it is given, in place
    for (int y = 0; y < height_; ++y, pixels += width_) {
      std::copy_n(pixels, width_, row.begin());
      check_written(::EGifPutLine(gif_.get(), row.data(), width_));
    }
  }

  void finish() {
    int error = 0;
    check(::EGifCloseFile(gif_.release(), &error) == GIF_OK, kWrite, name_, ": ", reason(error));
  }

 private:
  void check_written(int result) const { check(result == GIF_OK, kWrite, name_, ": ", reason(gif_->Error)); }

  struct Close {
    void operator()(GifFileType* gif) const { ::EGifCloseFile(gif, nullptr); }
  };
  const std::string& name_;
  std::unique_ptr<GifFileType, Close> gif_;
  int width_ = 0, height_ = 0;
};

}  // namespace

PictureInfo gif_info(const EncodedPicture& file) { return Reader(file).info(); }
Tensor decode_gif(const EncodedPicture& file) { return Reader(file).picture(); }

std::string encode_gif(const Tensor& frames, int frames_per_second, const std::string& name) {
  const Indexed pictures = quantized(frames);
  const std::int64_t height = frames.size(2), width = frames.size(3);
  check(height <= 65535 && width <= 65535, kWrite, name, ": GIF files have sides of up to 65535 pixels, not ", height,
        " x ", width, "; an animated PNG takes them");
  const int hundredths = std::max(2, static_cast<int>(std::lround(100.0 / frames_per_second)));
  std::string bytes;
  Writer writer(bytes, name);
  writer.begin(static_cast<int>(width), static_cast<int>(height), pictures);
  if (frames.size(0) > 1) writer.repeat_for_ever();
  for (std::int64_t t = 0; t < frames.size(0); ++t) writer.add(pictures.pixels.data() + t * height * width, hundredths);
  writer.finish();
  return bytes;
}

}  // namespace duel

#else

namespace duel {

PictureInfo gif_info(const EncodedPicture& file) {
  file.fail_built_without(PictureFormat::gif, "DUEL_GIF", "libgif-dev");
}
Tensor decode_gif(const EncodedPicture& file) { file.fail_built_without(PictureFormat::gif, "DUEL_GIF", "libgif-dev"); }

std::string encode_gif(const Tensor&, int, const std::string& name) {
  fail(
      "write_animation", name,
      ": duel was built without GIF: call it something.png for an animated PNG, or install the library (on Debian: apt "
      "install libgif-dev), configure with -DDUEL_GIF=ON and build again");
}

}  // namespace duel

#endif
