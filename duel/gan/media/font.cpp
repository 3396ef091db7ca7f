// The tables are those of OpenType 1.9 (Microsoft): "CBLC - Color Bitmap Location Table", "CBDT - Color Bitmap Data
// Table", "sbix - Standard Bitmap Graphics Table".
#include "duel/gan/media/font.h"

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "duel/gan/media/picture.h"
#include "duel/nn/atomic_file.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kOperation[] = "open_font";

// A part of the file. Reading behind its end is an error that says where.
class Table {
 public:
  Table(std::string_view bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {}

  std::uint32_t u8(std::uint64_t at) const { return number(at, 1); }
  std::uint32_t u16(std::uint64_t at) const { return number(at, 2); }
  std::uint32_t u32(std::uint64_t at) const { return number(at, 4); }

  std::string_view bytes(std::uint64_t at, std::uint64_t count) const {
    check(at <= bytes_.size() && count <= bytes_.size() - at, kOperation, name_, " is cut short: it has ",
          bytes_.size(), " bytes, and ", count, " are needed from byte ", at, " on");
    return bytes_.substr(at, count);
  }
  Table from(std::uint64_t at) const { return {bytes(at, size() - std::min(at, size())), name_}; }
  std::uint64_t size() const { return bytes_.size(); }

  template <class... Args>
  void check_sane(bool ok, const Args&... what) const {
    check(ok, kOperation, name_, " contradicts itself: ", what...);
  }

 private:
  std::uint32_t number(std::uint64_t at, int count) const {
    std::uint32_t value = 0;
    for (const char byte : bytes(at, static_cast<std::uint64_t>(count)))
      value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }

  std::string_view bytes_;
  std::string name_;
};

struct Glyph {
  std::int64_t number;
  std::string_view png;  // empty: it has none
};
using Glyphs = std::vector<Glyph>;

// The font's tables by name.
class Font {
 public:
  Font(std::string_view file, const fs::path& path) : file_(file, cat(path)), path_(path) {
    const std::string_view kind = file.substr(0, 4);
    const bool collection = kind == "ttcf";
    check(collection || kind == "OTTO" || kind == "true" || kind == std::string_view("\0\1\0\0", 4), kOperation, path,
          " is no OpenType font");
    directory_ = collection ? file_.u32(12) : 0;
  }

  bool has(std::string_view tag) const { return find(tag) != 0; }
  Table table(std::string_view tag) const {
    const std::uint64_t entry = find(tag);
    check(entry != 0, kOperation, path_, " has no table '", tag, "'");
    return {file_.bytes(file_.u32(entry + 8), file_.u32(entry + 12)), cat(path_, ", table ", tag)};
  }

 private:
  // Where the table's entry is; 0 without.
  std::uint64_t find(std::string_view tag) const {
    const std::uint32_t count = file_.u16(directory_ + 4);
    for (std::uint32_t i = 0; i < count; ++i)
      if (const std::uint64_t entry = directory_ + 12 + 16 * i; file_.bytes(entry, 4) == tag) return entry;
    return 0;
  }

  Table file_;
  fs::path path_;
  std::uint64_t directory_;
};

// CBLC and CBDT.

// The picture in a glyph's data, behind its metrics.
std::string_view png_of(const Table& data, std::uint32_t format) {
  data.check_sane(format >= 17 && format <= 19, "glyphs are of the format ", format, ", but PNGs are of 17, 18 or 19");
  const std::uint64_t metrics = format == 17 ? 5 : format == 18 ? 8 : 0;
  return data.bytes(metrics + 4, data.u32(metrics));
}

// The glyphs of one index subtable, `first` to `last`.
void add_glyphs(const Table& index, const Table& cbdt, std::uint32_t first, std::uint32_t last, Glyphs& glyphs) {
  const std::uint32_t index_format = index.u16(0), image_format = index.u16(2), all = last - first + 1;
  const Table data = cbdt.from(index.u32(4));
  const auto add = [&](std::uint32_t glyph, std::uint64_t begin, std::uint64_t end) {
    index.check_sane(glyph >= first && glyph <= last && begin <= end, "glyph ", glyph, " of ", first, " to ", last,
                     " reaches from byte ", begin, " to ", end);
    if (begin == end) return;  // a gap
    data.bytes(begin, end - begin);
    glyphs.push_back({glyph, png_of(data.from(begin), image_format)});
  };
  constexpr std::uint64_t kHeader = 8, kSizeAndMetrics = 12;
  switch (index_format) {
    case 1:
      for (std::uint64_t i = 0; i < all; ++i)
        add(first + static_cast<std::uint32_t>(i), index.u32(kHeader + 4 * i), index.u32(kHeader + 4 * i + 4));
      return;
    case 2:
      for (std::uint64_t i = 0, size = index.u32(kHeader); i < all; ++i)
        add(first + static_cast<std::uint32_t>(i), i * size, (i + 1) * size);
      return;
    case 3:
      for (std::uint64_t i = 0; i < all; ++i)
        add(first + static_cast<std::uint32_t>(i), index.u16(kHeader + 2 * i), index.u16(kHeader + 2 * i + 2));
      return;
    case 4: {
      const std::uint64_t count = index.u32(kHeader), pairs = kHeader + 4;
      index.check_sane(count <= all, count, " glyphs are said to lie from ", first, " to ", last);
      for (std::uint64_t i = 0; i < count; ++i)
        add(index.u16(pairs + 4 * i), index.u16(pairs + 4 * i + 2), index.u16(pairs + 4 * i + 6));
      return;
    }
    case 5: {
      const std::uint64_t size = index.u32(kHeader), count = index.u32(kHeader + kSizeAndMetrics);
      index.check_sane(count <= all, count, " glyphs are said to lie from ", first, " to ", last);
      for (std::uint64_t i = 0; i < count; ++i)
        add(index.u16(kHeader + kSizeAndMetrics + 4 + 2 * i), i * size, (i + 1) * size);
      return;
    }
    default: index.check_sane(false, "an index has the format ", index_format, ", there are 1 to 5");
  }
}

// Of several sizes, where the largest is described in a table: at `first` + i * `stride`, whose pixels per em
// `pixels(at)` gives.
template <class Pixels>
std::uint64_t largest(std::uint64_t first, std::uint64_t stride, std::uint64_t count, Pixels&& pixels) {
  std::uint64_t best = first;
  for (std::uint64_t i = 1; i < count; ++i)
    if (pixels(first + i * stride) > pixels(best)) best = first + i * stride;
  return best;
}

Glyphs cblc_glyphs(const Font& font) {
  constexpr std::uint64_t kSizes = 8, kSizeBytes = 48, kPixelsAt = 44, kEntryBytes = 8;
  const Table cblc = font.table("CBLC"), cbdt = font.table("CBDT");
  const std::uint64_t sizes = cblc.u32(4);
  Glyphs glyphs;
  if (sizes == 0) return glyphs;
  cblc.bytes(kSizes, sizes * kSizeBytes);
  const std::uint64_t size =
      largest(kSizes, kSizeBytes, sizes, [&](std::uint64_t at) { return cblc.u8(at + kPixelsAt); });
  const Table array = cblc.from(cblc.u32(size));
  const std::uint64_t count = cblc.u32(size + 8);
  std::int64_t before = -1;  // they are in order, which bounds what is to be done
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t first = array.u16(i * kEntryBytes), last = array.u16(i * kEntryBytes + 2);
    array.check_sane(first <= last && static_cast<std::int64_t>(first) > before, "its glyphs ", first, " to ", last,
                     " follow ", before);
    add_glyphs(array.from(array.u32(i * kEntryBytes + 4)), cbdt, first, last, glyphs);
    before = last;
  }
  return glyphs;
}

// sbix.

Glyphs sbix_glyphs(const Font& font) {
  constexpr std::uint64_t kStrikes = 8, kOffsets = 4, kDataHeader = 8;
  const Table sbix = font.table("sbix");
  const std::uint64_t strikes = sbix.u32(4), count = font.table("maxp").u16(4);
  Glyphs glyphs;
  if (strikes == 0) return glyphs;
  sbix.bytes(kStrikes, strikes * 4);
  const std::uint64_t at = largest(kStrikes, 4, strikes, [&](std::uint64_t i) { return sbix.u16(sbix.u32(i)); });
  const Table strike = sbix.from(sbix.u32(at));
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t begin = strike.u32(kOffsets + 4 * i), end = strike.u32(kOffsets + 4 * i + 4);
    strike.check_sane(begin <= end, "glyph ", i, " reaches from byte ", begin, " to ", end);
    if (end - begin <= kDataHeader) continue;
    const std::string_view data = strike.bytes(begin, end - begin);
    if (data.substr(4, 4) == "png ") glyphs.push_back({static_cast<std::int64_t>(i), data.substr(kDataHeader)});
  }
  return glyphs;
}

class FontPictures : public Dataset {
 public:
  explicit FontPictures(const fs::path& path) : path_(path), file_(read_file(kOperation, path)) {
    const Font font(file_, path);
    const bool located = font.has("CBLC");
    check(located || font.has("sbix"), kOperation, path,
          " has no colour bitmaps: none of the tables CBLC and sbix. Fonts of outlines, coloured or not, have to be "
          "drawn "
          "first");
    std::unordered_set<std::string_view> seen;
    for (const Glyph& glyph : located ? cblc_glyphs(font) : sbix_glyphs(font))
      if (!glyph.png.empty() && seen.insert(glyph.png).second) glyphs_.push_back(glyph);
    check(!glyphs_.empty(), kOperation, path, " has tables for colour bitmaps, but no picture in them");
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(glyphs_.size()); }
  Example read(std::int64_t index, Rng&) const override { return {decode_picture(glyph(index).png, name(index))}; }
  std::string name(std::int64_t index) const override { return cat(path_.string(), ", glyph ", glyph(index).number); }

 private:
  const Glyph& glyph(std::int64_t index) const { return glyphs_[static_cast<std::size_t>(index)]; }

  fs::path path_;
  std::string file_;
  Glyphs glyphs_;  // in file_
};

}  // namespace

std::unique_ptr<Dataset> open_font(const fs::path& path) { return std::make_unique<FontPictures>(path); }

}  // namespace duel
