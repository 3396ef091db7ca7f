// Values of options as texts and back: numbers, choices, lists and sizes, as command lines and model cards have them.
// What is written reads back as the same value.
//
//   std::int64_t               "64"
//   double                     "0.02", the fewest digits that read back as the same number; finite
//   std::string                itself
//   an enum                    the enumerator's name: "relu"
//   std::vector<std::int64_t>  "512,256"; "none" without any
//   Size2                      "28x28": height, width
//   std::optional<T>           "none", or as T
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "duel/tensor/backend.h"
#include "duel/tensor/error.h"

namespace duel {

/// An enumerator and what it is called.
template <class E>
struct Named {
  E value;
  std::string_view name;
};
template <class E>
Named(E, std::string_view) -> Named<E>;

/// An enum with a table: `names_of(E{})` is an array of Named<E>, in the enum's namespace.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires {
  names_of(E{});
};

std::string to_text(std::int64_t value);
std::string to_text(double value);
std::string to_text(const std::string& value);
std::string to_text(const std::vector<std::int64_t>& value);
std::string to_text(Size2 value);
template <NamedEnum E>
std::string to_text(E value);
template <class T>
std::string to_text(const std::optional<T>& value);

/// Gives `value` what all of `text` says; false, leaving it as it was, if `text` says no such value.
[[nodiscard]] bool set_from_text(std::int64_t& value, std::string_view text);
[[nodiscard]] bool set_from_text(double& value, std::string_view text);
[[nodiscard]] bool set_from_text(std::string& value, std::string_view text);
[[nodiscard]] bool set_from_text(std::vector<std::int64_t>& value, std::string_view text);
[[nodiscard]] bool set_from_text(Size2& value, std::string_view text);
template <NamedEnum E>
[[nodiscard]] bool set_from_text(E& value, std::string_view text);
template <class T>
[[nodiscard]] bool set_from_text(std::optional<T>& value, std::string_view text);

/// What an option of the argument's type takes, for messages: "an integer", "one of relu, leaky_relu, elu, gelu".
std::string takes(std::int64_t);
std::string takes(double);
std::string takes(const std::string&);
std::string takes(const std::vector<std::int64_t>&);
std::string takes(Size2);
template <NamedEnum E>
std::string takes(E);
template <class T>
std::string takes(const std::optional<T>&);

/// "a, b, c"
std::string listed(const std::vector<std::string>& names);

template <NamedEnum E>
std::string to_text(E value) {
  for (const Named<E>& known : names_of(E{}))
    if (known.value == value) return std::string(known.name);
  fail("to_text", "the enum has no value ", static_cast<int>(value), "; it is ", takes(value));
}

template <NamedEnum E>
bool set_from_text(E& value, std::string_view text) {
  for (const Named<E>& known : names_of(E{})) {
    if (known.name != text) continue;
    value = known.value;
    return true;
  }
  return false;
}

template <NamedEnum E>
std::string takes(E) {
  std::vector<std::string> names;
  for (const Named<E>& known : names_of(E{})) names.emplace_back(known.name);
  return "one of " + listed(names);
}

template <class T>
std::string to_text(const std::optional<T>& value) {
  return value ? to_text(*value) : "none";
}

template <class T>
bool set_from_text(std::optional<T>& value, std::string_view text) {
  if (text == "none") {
    value.reset();
    return true;
  }
  T inner{};
  if (!set_from_text(inner, text)) return false;
  value = inner;
  return true;
}

template <class T>
std::string takes(const std::optional<T>&) {
  return takes(T{}) + ", or none";
}

}  // namespace duel
