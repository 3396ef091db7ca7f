#include "duel/gan/data/transform.h"

#include <algorithm>
#include <utility>

namespace duel {
namespace {

constexpr const char* kOperation = "transform";
constexpr std::int64_t kMostPixels = std::int64_t{1} << 20;  // of a side: what is beyond can only be a mistake

Size2 size_of(const Tensor& picture) { return {picture.size(1), picture.size(2)}; }
std::string text_of(Size2 size) { return cat(size.h, "x", size.w); }
bool fits(Size2 inner, Size2 outer) { return inner.h <= outer.h && inner.w <= outer.w; }

// A part of a picture, or of the black around it.
struct Part {
  std::int64_t top, left;
  Size2 size;
};
Part whole(Size2 size) { return {0, 0, size}; }

// What a policy makes of a picture: a part of it, at another size, and of that a part again.
struct Plan {
  Part source;
  Size2 resized;
  Part shown;
  std::optional<Size2> drawn_from{};  // the size within which a place was drawn
};

// Half of it, to the even one of two neighbours, as Python rounds.
std::int64_t half(std::int64_t n) { return (n + (n / 2) % 2) / 2; }

Part centred(Size2 part, Size2 within) { return {half(within.h - part.h), half(within.w - part.w), part}; }

Part anywhere(Size2 part, Size2 within, Rng& draws) {
  check(fits(part, within), kOperation, "a crop of ", text_of(part), " (height x width) does not fit into ",
        text_of(within),
        "; choose a smaller crop_size, or a preprocess that makes small pictures larger first, such as ",
        "resize_and_crop, or leave them out by the data set's size limits");
  const std::int64_t left = draws.below(within.w - part.w + 1);
  return {draws.below(within.h - part.h + 1), left, part};
}

std::int64_t nearest_multiple(std::int64_t n, std::int64_t multiple) {
  const std::int64_t below = n / multiple, rest = 2 * (n % multiple);
  const bool up = rest > multiple || (rest == multiple && below % 2 == 1);  // of two as near the even one
  return std::max<std::int64_t>(below + up, 1) * multiple;
}

// Whether a picture of size `a` is at least as wide, for its height, as one of size `b`.
bool as_wide(Size2 a, Size2 b) { return a.w * b.h >= b.w * a.h; }

// The largest part of `size` that has the proportions of `like`.
Size2 largest_part(Size2 size, Size2 like) {
  const auto share = [](std::int64_t n, std::int64_t a, std::int64_t b) {
    return std::max<std::int64_t>((2 * n * a + b) / (2 * b), 1);
  };
  if (as_wide(size, like)) return {size.h, std::min(share(size.h, like.w, like.h), size.w)};
  return {std::min(share(size.w, like.h, like.w), size.h), size.w};
}

// `size` at another scale: the smallest that covers `load`, and the largest that fits into it.
Size2 covering(Size2 size, Size2 load) {
  if (as_wide(size, load)) return {load.h, load.h * size.w / size.h};
  return {load.w * size.h / size.w, load.w};
}
Size2 fitting(Size2 size, Size2 load) {
  if (as_wide(size, load)) return {std::max<std::int64_t>(load.w * size.h / size.w, 1), load.w};
  return {load.h, std::max<std::int64_t>(load.h * size.w / size.h, 1)};
}

Size2 scaled_to_width(Size2 size, const TransformOptions& o) {
  return {std::max(o.load_size.w * size.h / size.w, o.crop_size.h), o.load_size.w};
}

// For a picture of `size`, the border of `pad` pixels included.
Plan plan(const TransformOptions& o, Size2 size, Rng& draws) {
  const auto resized_to = [&](Size2 to) { return Plan{whole(size), to, whole(to)}; };
  const auto cropped_from = [&](Size2 from, Size2 crop) {
    return Plan{whole(size), from, anywhere(crop, from, draws), from};
  };
  switch (o.preprocess) {
    case Preprocess::none:
      return resized_to({nearest_multiple(size.h, o.multiple), nearest_multiple(size.w, o.multiple)});
    case Preprocess::resize: return resized_to(o.load_size);
    case Preprocess::resize_and_crop: return cropped_from(o.load_size, o.crop_size);
    case Preprocess::crop: return cropped_from(size, o.crop_size);
    case Preprocess::scale_width: return resized_to(scaled_to_width(size, o));
    case Preprocess::scale_width_and_crop: return cropped_from(scaled_to_width(size, o), o.crop_size);
    case Preprocess::center_crop:
      return {centred(largest_part(size, o.load_size), size), o.load_size, whole(o.load_size)};
    case Preprocess::random_crop:
      return {anywhere(largest_part(size, o.load_size), size, draws), o.load_size, whole(o.load_size), size};
    case Preprocess::cover_and_crop: {
      const Size2 to = covering(size, o.load_size);
      return {whole(size), to, centred(o.crop_size, to)};
    }
    case Preprocess::fit_and_pad: {
      const Size2 to = fitting(size, o.load_size);
      const Size2 border{o.load_size.h - to.h, o.load_size.w - to.w};
      return {whole(size), to, {-(border.h / 2), -(border.w / 2), o.load_size}};
    }
    case Preprocess::pad_and_crop: return cropped_from(size, {size.h - 2 * o.pad, size.w - 2 * o.pad});
  }
  fail(kOperation, "there is no such preprocess as number ", static_cast<int>(o.preprocess));
}

ResizeFilter filter_of(const TransformOptions& o) {
  if (o.filter) return *o.filter;
  switch (o.preprocess) {
    case Preprocess::center_crop:
    case Preprocess::random_crop:
    case Preprocess::cover_and_crop:
    case Preprocess::fit_and_pad: return ResizeFilter::bilinear;
    default: return ResizeFilter::bicubic;
  }
}

template <class F>
decltype(auto) dispatch_pixels(const Tensor& picture, F&& f) {
  if (picture.dtype() == DType::uint8) return f(TypeTag<std::uint8_t>{});
  return f(TypeTag<float>{});
}

// A new picture [C, H, W], channels-last in memory.
Tensor new_picture(std::int64_t channels, Size2 size, DType dtype) {
  return Tensor::empty({size.h, size.w, channels}, {.dtype = dtype}).permute({2, 0, 1});
}

// out[c, y, x] = in[c, y, x], or in[c, y, W - 1 - x]. `out` is one of `new_picture`'s, or a part of one.
template <class T>
void copy_pixels(const Tensor& in, Flip flip, const Tensor& out) {
  const std::int64_t c = in.size(0), h = in.size(1), w = in.size(2), channel_step = in.strides()[0];
  const bool mirrored = flip == Flip::horizontal;
  const std::int64_t step = mirrored ? -in.strides()[2] : in.strides()[2];
  const T* row = in.data<T>() + (mirrored ? (w - 1) * in.strides()[2] : 0);
  T* to_row = out.mutable_data<T>();
  for (std::int64_t y = 0; y < h; ++y, row += in.strides()[1], to_row += out.strides()[1]) {
    if (channel_step == 1 && step == c) {
      std::copy_n(row, w * c, to_row);
      continue;
    }
    T* to = to_row;
    for (const T* from = row; from != row + w * step; from += step)
      for (std::int64_t channel = 0; channel < c; ++channel) *to++ = from[channel * channel_step];
  }
}

void copy_to(const Tensor& in, Flip flip, const Tensor& out) {
  dispatch_pixels(in, [&]<class T>(TypeTag<T>) { copy_pixels<T>(in, flip, out); });
}

// A view where all of the part lies within the picture.
Tensor cut(const Tensor& picture, const Part& part) {
  const Size2 size = size_of(picture);
  const std::int64_t top = std::max<std::int64_t>(part.top, 0), bottom = std::min(part.top + part.size.h, size.h);
  const std::int64_t left = std::max<std::int64_t>(part.left, 0), right = std::min(part.left + part.size.w, size.w);
  const Tensor seen = picture.slice(1, top, bottom).slice(2, left, right);
  if (size_of(seen) == part.size) return seen;
  const Tensor on_black = new_picture(picture.size(0), part.size, picture.dtype());
  dispatch_pixels(picture,
                  [&]<class T>(TypeTag<T>) { std::fill_n(on_black.mutable_data<T>(), on_black.numel(), T{}); });
  copy_to(seen, Flip::none,
          on_black.slice(1, top - part.top, bottom - part.top).slice(2, left - part.left, right - part.left));
  return on_black;
}

// PIL's grey, in integers of 1/65536: 0.299 R + 0.587 G + 0.114 B.
constexpr std::int32_t kRed = 19595, kGreen = 38470, kBlue = 7471, kHalf = 0x8000;

std::uint8_t grey_of(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  return static_cast<std::uint8_t>((r * kRed + g * kGreen + b * kBlue + kHalf) >> 16);
}
float grey_of(float r, float g, float b) { return (r * float{kRed} + g * float{kGreen} + b * float{kBlue}) / 65536; }

Tensor grey(const Tensor& picture) {
  const Tensor result = new_picture(1, size_of(picture), picture.dtype());
  const Shape& step = picture.strides();
  dispatch_pixels(picture, [&]<class T>(TypeTag<T>) {
    T* to = result.mutable_data<T>();
    for (std::int64_t y = 0; y < picture.size(1); ++y)
      for (std::int64_t x = 0; x < picture.size(2); ++x) {
        const T* const from = picture.data<T>() + y * step[1] + x * step[2];
        *to++ = grey_of(from[0], from[step[0]], from[2 * step[0]]);
      }
  });
  return result;
}

// The channels wanted, before anything else happens to the picture, and the border; grey is repeated at the end only.
Tensor prepared(const TransformOptions& o, const Tensor& picture, std::int64_t channels) {
  check(picture.defined() && picture.dim() == 3 && picture.numel() > 0 && picture.device() == Device::cpu &&
            (picture.dtype() == DType::uint8 || picture.dtype() == DType::float32),
        kOperation, "needs uint8 or float32 pictures [C, H, W] of one pixel or more on the CPU, got ", picture);
  const std::int64_t present = picture.size(0);
  check(channels == 0 || present == channels || present == 1 || present == 3, kOperation, "makes ", channels,
        channels == 1 ? " channel" : " channels", " of 1 or 3, but the picture has ", present,
        "; with channels 0 it keeps them");
  const Tensor reduced = channels == 1 && present == 3 ? grey(picture) : picture;
  const Size2 size = size_of(picture);
  return cut(reduced, {-o.pad, -o.pad, {size.h + 2 * o.pad, size.w + 2 * o.pad}});
}

Tensor finished(const TransformOptions& o, const Tensor& picture, const Plan& p, Flip flip, std::int64_t channels) {
  const Tensor resized = resize(cut(picture, p.source), p.resized, filter_of(o));
  const Tensor shown = cut(resized, p.shown);
  const Size2 size = p.shown.size;
  const std::int64_t c = channels == 3 ? 3 : shown.size(0);
  if (flip == Flip::none && c == shown.size(0) && shown.strides() == Shape{1, size.w * c, c}) return shown;
  const Tensor result = new_picture(c, size, shown.dtype());
  copy_to(shown.expand({c, size.h, size.w}), flip, result);
  return result;
}

Flip drawn_flip(const TransformOptions& o, Rng& draws) {
  return o.flip == Flip::horizontal && draws.below(2) == 1 ? Flip::horizontal : Flip::none;
}

void check_size(const char* name, Size2 size) {
  check(size.h >= 1 && size.w >= 1 && std::max(size.h, size.w) <= kMostPixels, kOperation, name,
        " needs sides of 1 to ", kMostPixels, " pixels, got ", text_of(size));
}

}  // namespace

void check_options(const TransformOptions& o) {
  for (const std::int64_t channels : {o.channels, o.target_channels})
    check(channels == 0 || channels == 1 || channels == 3, kOperation,
          "channels are 0 (as they are), 1 (grey) or 3 (RGB), got ", channels);
  check(o.pad >= 0 && o.pad <= kMostPixels, kOperation, "pad needs 0 to ", kMostPixels, " pixels, got ", o.pad);
  check(o.multiple >= 1 && o.multiple <= kMostPixels, kOperation, "multiple needs 1 to ", kMostPixels, ", got ",
        o.multiple);
  check_size("load_size", o.load_size);
  check_size("crop_size", o.crop_size);
  const std::string sizes =
      cat("a crop_size of ", text_of(o.crop_size), " (height x width) does not fit into ", "pictures of load_size ",
          text_of(o.load_size), "; choose a smaller crop_size or a ", "larger load_size");
  if (o.preprocess == Preprocess::resize_and_crop || o.preprocess == Preprocess::cover_and_crop)
    check(fits(o.crop_size, o.load_size), kOperation, sizes);
  if (o.preprocess == Preprocess::scale_width_and_crop) check(o.crop_size.w <= o.load_size.w, kOperation, sizes);
  check(o.preprocess != Preprocess::pad_and_crop || o.pad > 0, kOperation,
        "pad_and_crop needs a pad of 1 or more (CIFAR's augmentation: 4)");
}

Example transform(const TransformOptions& options, const Example& example, Rng& draws) {
  check_options(options);
  const bool paired = example.target.defined(), shared = options.pair_draws == PairDraws::shared;
  Rng again = draws;  // for a target that shares the picture's draws
  const Tensor picture = prepared(options, example.picture, options.channels);
  const Plan p = plan(options, size_of(picture), draws);
  Example result{finished(options, picture, p, drawn_flip(options, draws), options.channels)};
  if (!paired) return result;
  Rng& target_draws = shared ? again : draws;
  const Tensor target = prepared(options, example.target, options.target_channels);
  const Plan q = plan(options, size_of(target), target_draws);
  check(!shared || p.drawn_from == q.drawn_from, kOperation, "a pair of ", text_of(size_of(picture)), " and ",
        text_of(size_of(target)), " (height x width, with their borders) can't be cropped alike; give pictures of one ",
        "size, choose resize_and_crop, or let pair_draws be independent");
  result.target = finished(options, target, q, drawn_flip(options, target_draws), options.target_channels);
  return result;
}

}  // namespace duel
