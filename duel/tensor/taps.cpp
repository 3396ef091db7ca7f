#include "duel/tensor/taps.h"

#include <algorithm>
#include <cmath>

namespace duel {
namespace {

using Rows = std::vector<std::vector<Tap>>;

// Each row takes tens of bytes, so that an axis beyond this is a mistake and not a picture.
constexpr std::int64_t kMostRows = std::int64_t{1} << 26;

Rows empty_rows(std::int64_t out) {
  check(out <= kMostRows, "resample2d", "an axis of ", out, " pixels is beyond ", kMostRows);
  return Rows(static_cast<std::size_t>(out));
}

// Equal weights for inputs begin, ..., end - 1.
std::vector<Tap> evenly(std::int64_t begin, std::int64_t end, double divisor) {
  std::vector<Tap> row;
  for (std::int64_t i = begin; i < end; ++i) row.push_back({i, 1 / divisor});
  return row;
}

}  // namespace

Taps make_taps(const std::vector<std::vector<Tap>>& rows) {
  std::vector<std::int64_t> first{0}, index;
  std::vector<double> weight;
  for (const std::vector<Tap>& row : rows) {
    for (const Tap& t : row) {
      index.push_back(t.index);
      weight.push_back(t.weight);
    }
    first.push_back(static_cast<std::int64_t>(index.size()));
  }
  const auto length = [](const auto& v) { return Shape{static_cast<std::int64_t>(v.size())}; };
  return {Tensor::from(first, length(first)), Tensor::from(index, length(index)), Tensor::from(weight, length(weight))};
}

Taps transposed(const Taps& taps, std::int64_t in) {
  check_taps("transposed", taps, in);
  const std::vector<std::int64_t> first = taps.first.to_vector<std::int64_t>();
  const std::vector<std::int64_t> index = taps.index.to_vector<std::int64_t>();
  const std::vector<double> weight = taps.weight.to_vector<double>();
  Rows rows = empty_rows(in);
  for (std::size_t o = 0; o + 1 < first.size(); ++o)
    for (auto t = static_cast<std::size_t>(first[o]); t < static_cast<std::size_t>(first[o + 1]); ++t)
      rows[static_cast<std::size_t>(index[t])].push_back({static_cast<std::int64_t>(o), weight[t]});
  return make_taps(rows);
}

void check_taps(const char* operation, const Taps& taps, std::int64_t in) {
  const auto is_list = [](const Tensor& t, DType dtype) { return t.defined() && t.dim() == 1 && t.dtype() == dtype; };
  check(is_list(taps.first, DType::int64) && is_list(taps.index, DType::int64) &&
            is_list(taps.weight, DType::float64) && taps.first.numel() >= 1 &&
            taps.index.numel() == taps.weight.numel(),
        operation, "taps must be int64 first [out + 1], int64 index [taps] and float64 weight [taps]");
  const std::vector<std::int64_t> first = taps.first.to_vector<std::int64_t>();
  check(first.front() == 0 && std::is_sorted(first.begin(), first.end()) && first.back() == taps.index.numel(),
        operation, "the taps' first must rise from 0 to the number of taps, ", taps.index.numel());
  for (std::int64_t i : taps.index.to_vector<std::int64_t>())
    check(i >= 0 && i < in, operation, "a tap of index ", i, " is outside an axis of ", in);
}

Taps nearest_taps(std::int64_t in, std::int64_t out, double step) {
  Rows rows = empty_rows(out);
  for (std::int64_t o = 0; o < out; ++o) {
    // A whole number must not fall below itself by a rounding: 3 * (7 / 3) is input 7, not 6.
    const double at = static_cast<double>(o) * step, whole = std::round(at);
    const double i = std::abs(at - whole) < 1e-9 * std::max(1.0, whole) ? whole : std::floor(at);
    rows[static_cast<std::size_t>(o)] = {{std::min(static_cast<std::int64_t>(i), in - 1), 1}};
  }
  return make_taps(rows);
}

Taps bilinear_taps(std::int64_t in, std::int64_t out, double step) {
  Rows rows = empty_rows(out);
  for (std::int64_t o = 0; o < out; ++o) {
    const double at = std::clamp((static_cast<double>(o) + 0.5) * step - 0.5, 0.0, static_cast<double>(in - 1));
    const auto i = static_cast<std::int64_t>(at);
    const double part = at - static_cast<double>(i);
    std::vector<Tap>& row = rows[static_cast<std::size_t>(o)];
    row.push_back({i, 1 - part});
    if (part > 0) row.push_back({i + 1, part});
  }
  return make_taps(rows);
}

Taps window_taps(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t padding, PadCount count) {
  Rows rows = empty_rows((in + 2 * padding - kernel) / stride + 1);
  std::int64_t start = -padding;
  for (std::vector<Tap>& row : rows) {
    const std::int64_t begin = std::max<std::int64_t>(start, 0), end = std::min(start + kernel, in);
    row = evenly(begin, end, static_cast<double>(count == PadCount::include ? kernel : end - begin));
    start += stride;
  }
  return make_taps(rows);
}

Taps adaptive_taps(std::int64_t in, std::int64_t out) {
  Rows rows = empty_rows(out);
  for (std::int64_t o = 0; o < out; ++o) {
    const std::int64_t begin = o * in / out, end = ((o + 1) * in + out - 1) / out;
    rows[static_cast<std::size_t>(o)] = evenly(begin, end, static_cast<double>(end - begin));
  }
  return make_taps(rows);
}

Taps pad_taps(std::int64_t in, std::int64_t before, std::int64_t out, PadMode mode) {
  Rows rows = empty_rows(out);
  for (std::int64_t o = 0; o < out; ++o) {
    std::int64_t i = o - before;
    if (mode == PadMode::replicate) i = std::clamp<std::int64_t>(i, 0, in - 1);
    if (mode == PadMode::reflect) i = i < 0 ? -i : i >= in ? 2 * (in - 1) - i : i;
    if (i >= 0 && i < in) rows[static_cast<std::size_t>(o)] = {{i, 1}};
  }
  return make_taps(rows);
}

Taps fir_taps(std::int64_t in, std::span<const double> kernel, std::int64_t up, std::int64_t down, std::int64_t before,
              std::int64_t out) {
  Rows rows = empty_rows(out);
  for (std::int64_t o = 0; o < out; ++o)
    for (std::size_t k = 0; k < kernel.size(); ++k) {
      const std::int64_t at = o * down + static_cast<std::int64_t>(k) - before;
      if (kernel[k] != 0 && at >= 0 && at % up == 0 && at / up < in)
        rows[static_cast<std::size_t>(o)].push_back({at / up, kernel[k]});
    }
  return make_taps(rows);
}

}  // namespace duel
