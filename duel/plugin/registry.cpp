#include "duel/plugin/registry.h"

#include <algorithm>
#include <set>

#include "duel/tensor/nearest.h"

namespace duel {
namespace {

bool is_name(const std::string& text) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && lower(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
    return lower(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_value(const Parameter& p) {
  if (const auto* integer = std::get_if<std::int64_t>(&p.value))
    return static_cast<double>(*integer) >= p.low && static_cast<double>(*integer) <= p.high;
  if (const auto* number = std::get_if<double>(&p.value)) return *number >= p.low && *number <= p.high;
  const auto* text = std::get_if<std::string>(&p.value);
  return !text || p.choices.empty() || std::find(p.choices.begin(), p.choices.end(), *text) != p.choices.end();
}

}  // namespace

const Parameter& Parameters::at(std::string_view name) const {
  std::vector<std::string> known;
  for (const Parameter& p : all_) {
    if (p.name == name) return p;
    known.push_back(p.name);
  }
  fail("Parameters", "there is no '", name, "'", nearest(name, known));
}

std::string detail::flag_name(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

void detail::check_part(const char* kind, const std::string& name, const Parameters& parameters) {
  constexpr char kRule[] = " must begin with a lower-case letter, and have only those, digits, '-' and '_'";
  check(is_name(name), "Registry", "the name '", name, "' of a ", kind, kRule);
  std::set<std::string> names;
  for (const Parameter& p : parameters.all()) {
    check(is_name(p.name), "Registry", "the name '", p.name, "' of a parameter of the ", kind, " '", name, "'", kRule);
    check(names.insert(flag_name(p.name)).second, "Registry", "the ", kind, " '", name, "' has two parameters '",
          p.name, "'");
    check(is_value(p), "Registry", "the default of parameter '", p.name, "' of the ", kind, " '", name,
          "' is none of its values");
  }
}

}  // namespace duel
