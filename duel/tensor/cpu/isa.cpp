#include "duel/tensor/cpu/isa.h"

#include <cstdlib>
#include <string_view>

#include "duel/tensor/error.h"

namespace duel {
namespace {

Isa best() {
#ifdef DUEL_SIMD_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma"))
    return Isa::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::baseline;
}

Isa chosen() {
  const char* wish = std::getenv("DUEL_ISA");
  if (!wish) return best();
  for (Isa i : {Isa::baseline, Isa::avx2, Isa::avx512})
    if (std::string_view(wish) == name_of(i)) {
      check(i <= best(), "DUEL_ISA", "this processor or build has no ", wish, "; its best is ", name_of(best()));
      return i;
    }
  fail("DUEL_ISA", "unknown instruction set '", wish, "'; known: baseline, avx2, avx512");
}

}  // namespace

Isa isa() {
  static const Isa value = chosen();
  return value;
}

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "?";
}

}  // namespace duel
