// Random numbers: element i in row-major order is made of word i % 4 of Philox block counter + i / 4.
#include <bit>
#include <cmath>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"
#include "duel/tensor/philox.h"

namespace duel::cpu {
namespace {

static_assert(kGrain % 4 == 0, "a piece begins with a block");
std::uint64_t block_of(std::int64_t element) { return static_cast<std::uint64_t>(element / 4); }

std::uint64_t seed_of(const RandomBlocks& r) {
  return r.device_seed.defined() ? std::bit_cast<std::uint64_t>(*r.device_seed.data<std::int64_t>()) : r.seed;
}

// Draws into y itself when that is row-major, else into a row-major tensor that is then copied.
template <class Draw>
void in_row_major(const Tensor& y, const Draw& draw) {
  if (y.is_row_major()) return draw(y);
  const Tensor drawn = Tensor::empty(y.shape(), {.dtype = y.dtype()});
  draw(drawn);
  copy(drawn, y);
}

}  // namespace

void uniform(const Tensor& y, const RandomBlocks& r, double low, double high) {
  const std::uint64_t seed = seed_of(r);
  in_row_major(y, [&](const Tensor& out) {
    dispatch_floating("uniform", out.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T from = static_cast<T>(low), to = static_cast<T>(high), below = std::nextafter(to, from);
      T* p = out.mutable_data<T>();
      parallel_for(out.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        loops<T>().random.uniform(p + begin, end - begin, seed, r.counter + block_of(begin), from, to, below);
      });
    });
  });
}

void normal(const Tensor& y, const RandomBlocks& r, double mean, double stddev) {
  const std::uint64_t seed = seed_of(r);
  in_row_major(y, [&](const Tensor& out) {
    dispatch_floating("normal", out.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* p = out.mutable_data<T>();
      parallel_for(out.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
        loops<T>().random.normal(p + begin, end - begin, seed, r.counter + block_of(begin), mean, stddev);
      });
    });
  });
}

void dropout(const Tensor& x, const RandomBlocks& r, double p, const Tensor& y) {
  uniform(y, r, 0, 1);
  unary(UnaryOp::below, y, y, {1 - p, 1 / (1 - p)});
  binary(BinaryOp::mul, x, y, y, {});
}

void split_seed(const Tensor& seed, const RandomBlocks& r) {
  *seed.mutable_data<std::int64_t>() = std::bit_cast<std::int64_t>(duel::split_seed(seed_of(r), r.counter));
}

}  // namespace duel::cpu
