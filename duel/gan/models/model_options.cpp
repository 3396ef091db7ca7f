#include "duel/gan/models/model_options.h"

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

}  // namespace detail
}  // namespace duel
