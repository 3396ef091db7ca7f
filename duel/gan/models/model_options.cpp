#include "duel/gan/models/model_options.h"

#include <algorithm>
#include <iterator>

#include "duel/tensor/nearest.h"

namespace duel {

std::string to_text(const PixelRange& value) { return to_text(value.low) + "," + to_text(value.high); }

bool set_from_text(PixelRange& value, std::string_view text) {
  const std::size_t comma = text.find(',');
  PixelRange range;
  if (comma == std::string_view::npos || !set_from_text(range.low, text.substr(0, comma)) ||
      !set_from_text(range.high, text.substr(comma + 1)))
    return false;
  value = range;
  return true;
}

std::string takes(const PixelRange&) { return "the lowest and the highest value such as -1,1"; }

namespace detail {

void fail_wrong_value(std::string_view name, const std::string& takes, std::string_view text) {
  fail("set_option", name, " takes ", takes, "; got '", text, "'");
}

void fail_unknown_option(std::string_view name, const std::vector<std::string>& known) {
  fail("set_option", "there is no option '", name, "'", nearest(name, known), "; there are ", listed(known));
}

void check_range(std::string_view name, std::int64_t value) {
  constexpr std::string_view kCounts[] = {"depth",
                                          "blocks",
                                          "layers",
                                          "halvings",
                                          "extra_layers",
                                          "stages",
                                          "spectral_iterations",
                                          "spectral_singular_values"};
  const bool count = std::find(std::begin(kCounts), std::end(kCounts), name) != std::end(kCounts);
  const std::int64_t most = count ? 1000 : 65536;
  check(value >= 0 && value <= most, "set_option", name, " takes integers from 0 to ", most, "; got ", value);
}

void check_range(std::string_view name, Size2 value) {
  check_range(name, value.h);
  check_range(name, value.w);
}

void check_range(std::string_view name, const std::vector<std::int64_t>& value) {
  check(value.size() <= 100, "set_option", name, " takes at most 100 numbers; got ", value.size());
  for (std::int64_t number : value) check_range(name, number);
}

}  // namespace detail
}  // namespace duel
