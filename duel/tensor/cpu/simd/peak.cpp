#include "duel/tensor/cpu/simd/peak.h"

#include "duel/tensor/cpu/simd/gemm_packet.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {
namespace {

constexpr int kChains = 12;  // more than latency times units; fewer than the registers

float run(std::int64_t rounds) {
  Packet<float> sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = broadcast(static_cast<float>(i));
  const Packet<float> a = broadcast(0.999f), b = broadcast(0.001f);
  for (std::int64_t r = 0; r < rounds; ++r)
    for (int i = 0; i < kChains; ++i) sums[i] = multiply_add<float>(sums[i], a, b);
  float total = 0;
  for (const Packet<float>& s : sums) total += sum<float>(s);
  return total;
}

}  // namespace

extern const PeakProbe peak_probe;
const PeakProbe peak_probe{.flop_per_round = 2 * kChains * kLanes<float>, .run = run};

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
