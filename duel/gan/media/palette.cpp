#include "duel/gan/media/palette.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace duel {
namespace {

constexpr std::size_t kColours = 256;

// 0xRRGGBB.
using Colour = std::uint32_t;

int value(Colour colour, int channel) { return static_cast<int>(colour >> (16 - 8 * channel) & 0xff); }

struct Counted {
  Colour colour;
  std::int64_t pixels;
};

// The colours of all pixels: picture by picture, row by row.
std::vector<Colour> colours_of(const Tensor& pictures) {
  const Tensor dense = pictures.permute({0, 2, 3, 1}).row_major();
  const bool grey = pictures.size(1) == 1;
  std::vector<Colour> colours(static_cast<std::size_t>(dense.numel() / pictures.size(1)));
  const std::uint8_t* p = dense.data<std::uint8_t>();
  for (Colour& c : colours) {
    c = grey ? Colour{0x010101} * *p : Colour{p[0]} << 16 | Colour{p[1]} << 8 | p[2];
    p += pictures.size(1);
  }
  return colours;
}

std::vector<Counted> counted(std::vector<Colour> colours) {
  std::sort(colours.begin(), colours.end());
  std::vector<Counted> counts;
  for (const Colour c : colours) {
    if (counts.empty() || counts.back().colour != c) counts.push_back({c, 0});
    ++counts.back().pixels;
  }
  return counts;
}

// Colours that get one in common, unless they are cut apart.
struct Box {
  explicit Box(std::span<Counted> all) : colours(all) {
    for (const Counted& c : colours) pixels += c.pixels;
    for (int k = 0; k < 3; ++k) {
      const auto [low, high] = std::minmax_element(colours.begin(), colours.end(), [k](const auto& a, const auto& b) {
        return value(a.colour, k) < value(b.colour, k);
      });
      const int side = value(high->colour, k) - value(low->colour, k);
      if (side > longest) longest = side, channel = k;
    }
  }

  // Cuts where half of the pixels lie on each side, across the longest side; gives back the second part.
  Box cut() {
    std::sort(colours.begin(), colours.end(), [k = channel](const Counted& a, const Counted& b) {
      return std::pair(value(a.colour, k), a.colour) < std::pair(value(b.colour, k), b.colour);
    });
    std::size_t first = 1;
    for (std::int64_t below = colours[0].pixels; first + 1 < colours.size() && 2 * below < pixels; ++first)
      below += colours[first].pixels;
    const Box second(colours.subspan(first));
    *this = Box(colours.first(first));
    return second;
  }

  std::array<std::uint8_t, 3> mean() const {
    std::array<std::uint8_t, 3> result{};
    for (int k = 0; k < 3; ++k) {
      std::int64_t sum = 0;
      for (const Counted& c : colours) sum += c.pixels * value(c.colour, k);
      result[static_cast<std::size_t>(k)] = static_cast<std::uint8_t>((sum + pixels / 2) / pixels);
    }
    return result;
  }

  std::span<Counted> colours;
  std::int64_t pixels = 0;
  int longest = 0, channel = 0;
};

std::vector<Box> median_cut(std::vector<Counted>& counts) {
  std::vector<Box> boxes{Box(counts)};
  while (boxes.size() < kColours) {
    const auto largest = std::max_element(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) {
      return a.pixels * a.longest < b.pixels * b.longest;
    });
    if (largest->longest == 0) break;  // each has its own colour
    boxes.push_back(largest->cut());
  }
  return boxes;
}

}  // namespace

Indexed quantized(const Tensor& pictures) {
  check(pictures.defined() && pictures.dim() == 4 && pictures.dtype() == DType::uint8 && pictures.numel() > 0 &&
            (pictures.size(1) == 1 || pictures.size(1) == 3),
        "quantized", "needs uint8 [N, 1 or 3, H, W] with something in it, got ", pictures);
  const std::vector<Colour> colours = colours_of(pictures);
  std::vector<Counted> counts = counted(colours);
  Indexed result;
  std::vector<std::uint8_t> index_of(std::size_t{1} << 24);
  for (const Box& box : median_cut(counts)) {
    for (const Counted& c : box.colours) index_of[c.colour] = static_cast<std::uint8_t>(result.palette.size());
    result.palette.push_back(box.mean());
  }
  result.pixels.reserve(colours.size());
  std::transform(colours.begin(), colours.end(), std::back_inserter(result.pixels),
                 [&](Colour c) { return index_of[c]; });
  return result;
}

}  // namespace duel
