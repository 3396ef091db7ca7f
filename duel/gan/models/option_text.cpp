#include "duel/gan/models/option_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace duel {
namespace {

template <class Number>
std::string number_text(Number value) {
  std::array<char, 32> text;  // the longest is "-2.2250738585072014e-308"
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

template <class Number>
bool set_number(Number& value, std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(static_cast<double>(number)))
    return false;
  value = number;
  return true;
}

}  // namespace

std::string to_text(std::int64_t value) { return number_text(value); }
std::string to_text(double value) { return number_text(value); }
std::string to_text(const std::string& value) { return value; }
std::string to_text(Size2 value) { return to_text(value.h) + "x" + to_text(value.w); }

std::string to_text(const std::vector<std::int64_t>& value) {
  if (value.empty()) return "none";
  std::string text;
  for (std::int64_t number : value) text.append(text.empty() ? "" : ",").append(to_text(number));
  return text;
}

bool set_from_text(std::int64_t& value, std::string_view text) { return set_number(value, text); }
bool set_from_text(double& value, std::string_view text) { return set_number(value, text); }

bool set_from_text(std::string& value, std::string_view text) {
  value = text;
  return true;
}

bool set_from_text(std::vector<std::int64_t>& value, std::string_view text) {
  std::vector<std::int64_t> numbers;
  for (bool more = text != "none"; more;) {
    const std::size_t comma = text.find(',');
    if (!set_number(numbers.emplace_back(), text.substr(0, comma))) return false;
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  value = std::move(numbers);
  return true;
}

bool set_from_text(Size2& value, std::string_view text) {
  const std::size_t x = text.find('x');
  Size2 size;
  if (!set_number(size.h, text.substr(0, x))) return false;
  if (x == std::string_view::npos)
    size.w = size.h;
  else if (!set_number(size.w, text.substr(x + 1)))
    return false;
  value = size;
  return true;
}

std::string takes(std::int64_t) { return "an integer"; }
std::string takes(double) { return "a number"; }
std::string takes(const std::string&) { return "a text"; }
std::string takes(const std::vector<std::int64_t>&) { return "integers such as 512,256, or none"; }
std::string takes(Size2) { return "a height and a width such as 28x32, or one for both"; }

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

}  // namespace duel
