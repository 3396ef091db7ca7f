// Where a program is: the calls that led here, by the means of glibc. Elsewhere call stacks are empty.
#pragma once

#include <string>
#include <vector>

namespace duel {

/// The return addresses of the calls that led here, innermost first, without this one; at most 64. Takes microseconds.
std::vector<void*> call_stack();

/// A line per call, innermost first, indented by four spaces: its function's name, or, for functions that the program
/// does not export (static ones, say; link with CMake's ENABLE_EXPORTS, -rdynamic, to export the others), the module
/// and offset that `addr2line -Cfe MODULE OFFSET` takes. The machinery of recording at the inner end, the standard
/// library, and what lies outside of `main` are left out, and so is what goes beyond 24 lines.
std::string describe_call_stack(const std::vector<void*>& addresses);

}  // namespace duel
