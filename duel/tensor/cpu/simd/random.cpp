// Random numbers: Philox and what is made of its words, 32 blocks at a time; the last few are made like the others
// and kept in part.
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/math.h"
#include "duel/tensor/philox.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {
namespace {

constexpr int kBlocks = 32;
using Words = std::uint32_t[4][kBlocks];

void philox_blocks(std::uint64_t seed, std::uint64_t counter, Words& w) {
  for (int b = 0; b < kBlocks; ++b) {
    const std::uint64_t block = counter + static_cast<std::uint64_t>(b);
    w[0][b] = static_cast<std::uint32_t>(block);
    w[1][b] = static_cast<std::uint32_t>(block >> 32);
    w[2][b] = w[3][b] = 0;
  }
  auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round, k0 += kPhiloxWeyl0, k1 += kPhiloxWeyl1)
    for (int b = 0; b < kBlocks; ++b) philox_round(w[0][b], w[1][b], w[2][b], w[3][b], k0, k1);
}

// Calls make(words, values) until y is full; values[j][b] goes to element 4 b + j.
template <class T, class Make>
void for_each_batch(T* y, std::int64_t n, std::uint64_t seed, std::uint64_t counter, const Make& make) {
  constexpr std::int64_t kBatch = 4 * kBlocks;
  for (; n > 0; n -= kBatch, y += kBatch, counter += kBlocks) {
    Words words;
    T values[4][kBlocks], last[kBatch];
    philox_blocks(seed, counter, words);
    make(words, values);
    T* to = n < kBatch ? last : y;
    for (int b = 0; b < kBlocks; ++b)
      for (int j = 0; j < 4; ++j) to[4 * b + j] = values[j][b];
    if (n < kBatch)
      for (std::int64_t i = 0; i < n; ++i) y[i] = last[i];
  }
}

// Exact; there are vector instructions for signed integers only.
DUEL_HD double to_double(std::uint32_t word) {
  return static_cast<double>(static_cast<std::int32_t>(word ^ 0x80000000u)) + 0x1p31;
}

// In [0, 1): 24 bits of the word for float, which has no more, all 32 for double.
DUEL_HD void unit(std::uint32_t word, float& u) {
  u = static_cast<float>(static_cast<std::int32_t>(word >> 8)) * 0x1p-24f;
}
DUEL_HD void unit(std::uint32_t word, double& u) { u = to_double(word) * 0x1p-32; }

template <class T>
void uniform(T* y, std::int64_t n, std::uint64_t seed, std::uint64_t counter, T low, T high, T below) {
  for_each_batch(y, n, seed, counter, [=](const Words& words, T(&values)[4][kBlocks]) {
    const T width = high - low, end = high, last = below;  // local, for the choice to be one without a branch
    for (int j = 0; j < 4; ++j)
      for (int b = 0; b < kBlocks; ++b) {
        T u;
        unit(words[j][b], u);
        const T x = low + u * width;
        values[j][b] = x < end ? x : last;
      }
  });
}

// Cosine and sine of 2 pi word / 2^32: the nearest quarter turn, and a polynomial for the rest.
DUEL_HD void cos_sin_of_turn(std::uint32_t word, double& cosine, double& sine) {
  const std::uint32_t quarter = (word + 0x20000000u) >> 30;
  const double a = static_cast<std::int32_t>(word - (quarter << 30)) * (6.283185307179586 * 0x1p-32), z = a * a;
  const double s = math::multiply_add(  // relative errors 2^-58, and 2^-64 below
      a * z,
      math::polynomial(z, -0x1.5555555555549p-3, 0x1.111111110f861p-7, -0x1.a01a019c0e4fcp-13, 0x1.71de3574bcda4p-19,
                       -0x1.ae5e63cf2701fp-26, 0x1.5d92473588397p-33),
      a);
  const double c = math::polynomial(z, 1.0, -0.5, 0x1.555555555554cp-5, -0x1.6c16c16c15162p-10, 0x1.a01a019caef42p-16,
                                    -0x1.27e4f807d5dfap-22, 0x1.1ee9ea6c2c0d2p-29, -0x1.8fadcff8779fcp-37);
  const double x = quarter & 1 ? s : c, y = quarter & 1 ? c : s;
  cosine = (quarter + 1) & 2 ? -x : x;
  sine = quarter & 2 ? -y : y;
}

template <class T>
void normal(T* y, std::int64_t n, std::uint64_t seed, std::uint64_t counter, double mean, double stddev) {
  for_each_batch(y, n, seed, counter, [=](const Words& words, T(&values)[4][kBlocks]) {
    for (int j = 0; j < 4; j += 2)
      for (int b = 0; b < kBlocks; ++b) {
        const auto [k, f] = math::reduce_logarithm((to_double(words[j][b]) + 0.5) * 0x1p-32);  // never of 0
        const double radius = stddev * std::sqrt(-2 * math::sum_logarithm(k, f));
        double cosine, sine;
        cos_sin_of_turn(words[j + 1][b], cosine, sine);
        values[j][b] = static_cast<T>(mean + radius * cosine);
        values[j + 1][b] = static_cast<T>(mean + radius * sine);
      }
  });
}

}  // namespace

template <class T>
RandomLoops<T> random_loops() {
  return {uniform<T>, normal<T>};
}

template RandomLoops<float> random_loops();
template RandomLoops<double> random_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
