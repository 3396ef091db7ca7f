// Errors: one exception type whose message names the operation, the sizes, and what to do.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace duel {

/// Thrown for every misuse and every failure. `what()` reads "operation: what is wrong".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The arguments written one after the other, as an `ostream` prints them.
template <class... Args>
std::string cat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

template <class... Args>
[[noreturn]] void fail(const char* operation, const Args&... message) {
  throw Error(cat(operation, ": ", message...));
}

/// Throws `Error("operation: message")` unless `ok`. The message is only put together on failure.
template <class... Args>
void check(bool ok, const char* operation, const Args&... message) {
  if (!ok) [[unlikely]]
    fail(operation, message...);
}

}  // namespace duel
