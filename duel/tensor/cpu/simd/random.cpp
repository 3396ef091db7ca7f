// Random numbers: Philox and what is made of its words, 32 blocks at a time; the last few are made like the others
// and kept in part.
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/math.h"
#include "duel/tensor/philox.h"
#include "duel/tensor/random_transforms.h"

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

template <class T>
void normal(T* y, std::int64_t n, std::uint64_t seed, std::uint64_t counter, double mean, double stddev) {
  for_each_batch(y, n, seed, counter, [=](const Words& words, T(&values)[4][kBlocks]) {
    for (int j = 0; j < 4; j += 2)
      for (int b = 0; b < kBlocks; ++b) {
        const auto [k, f] = math::reduce_logarithm(open_unit(words[j][b]));
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
