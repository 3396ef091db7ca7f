#include "duel/tensor/cpu/peak.h"

#include <algorithm>
#include <chrono>

#include "duel/tensor/cpu/isa.h"
#include "duel/tensor/cpu/simd/peak.h"
#include "duel/tensor/thread_pool.h"

namespace duel::cpu {
namespace {

const PeakProbe& probe() {
  switch (isa()) {
#ifdef DUEL_SIMD_X86
    case Isa::avx512: return simd_avx512::peak_probe;
    case Isa::avx2: return simd_avx2::peak_probe;
#endif
    default: return simd_baseline::peak_probe;
  }
}

}  // namespace

double peak_gflops() {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kRounds = 1'000'000;
  const PeakProbe& p = probe();
  const int threads = num_threads();
  double best = 0;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const Clock::time_point start = Clock::now();
    parallel_for(threads, 1,
                 [&](std::int64_t, std::int64_t) { [[maybe_unused]] volatile float sink = p.run(kRounds); });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, static_cast<double>(threads * kRounds * p.flop_per_round) / seconds * 1e-9);
  }
  return best;
}

}  // namespace duel::cpu
