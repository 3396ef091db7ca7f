#include "duel/autograd/call_stack.h"

#include "duel/tensor/error.h"

#if __has_include(<execinfo.h>) && __has_include(<dlfcn.h>) && __has_include(<cxxabi.h>)
#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace duel {
namespace {

constexpr std::size_t kDeepest = 64, kLines = 24;

struct Call {
  std::string function;  // empty if unknown
  std::string module;    // "path+0x1a2b"; empty if unknown
};

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(symbol, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? name.get() : symbol;
}

Call find_call(void* address) {
  // The return address is behind the call, maybe in the next function already.
  const auto inside = reinterpret_cast<std::uintptr_t>(address) - 1;
  Dl_info info{};
  Call call;
  if (::dladdr(reinterpret_cast<void*>(inside), &info) == 0) return call;
  if (info.dli_sname) call.function = demangled(info.dli_sname);
  if (info.dli_fname)
    call.module = cat(info.dli_fname, "+0x", std::hex, inside - reinterpret_cast<std::uintptr_t>(info.dli_fbase));
  return call;
}

// What stands between the operation and whoever keeps its call stack: the innermost few calls.
bool is_machinery(const Call& call) {
  constexpr std::string_view names[] = {"duel::call_stack(", "duel::record(", "duel::record_fused(",
                                        "duel::detail::observe_", "duel::DetectAnomaly::"};
  return std::any_of(std::begin(names), std::end(names),
                     [&](std::string_view name) { return call.function.starts_with(name); });
}

}  // namespace

std::vector<void*> call_stack() {
  std::array<void*, kDeepest> addresses;
  const int count = ::backtrace(addresses.data(), static_cast<int>(addresses.size()));
  return std::vector<void*>(addresses.begin() + std::min(count, 1), addresses.begin() + count);
}

std::string describe_call_stack(const std::vector<void*>& addresses) {
  std::vector<Call> calls;
  for (void* address : addresses) calls.push_back(find_call(address));
  // Functions that are not exported have no name: the machinery ends behind the last one known to be part of it.
  constexpr std::size_t innermost = 10;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < std::min(innermost, calls.size()); ++i)
    if (is_machinery(calls[i])) begin = i + 1;
  std::string text;
  std::size_t lines = 0;
  for (std::size_t i = begin; i < calls.size() && lines < kLines; ++i) {
    const auto& [function, module] = calls[i];
    if (function.starts_with("__libc_start") || function == "_start") break;
    if (function.starts_with("std::")) continue;  // std::function's inside
    text += cat("    ", !function.empty() ? function : module.empty() ? "?" : module, '\n');
    ++lines;
    if (function == "main") break;
  }
  return text;
}

}  // namespace duel

#else

namespace duel {

std::vector<void*> call_stack() { return {}; }
std::string describe_call_stack(const std::vector<void*>&) { return {}; }

}  // namespace duel

#endif
