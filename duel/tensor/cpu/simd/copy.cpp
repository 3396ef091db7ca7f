// Transposition in registers, and short rows added to where they overlap.
#include <utility>

#include "duel/tensor/cpu/simd/gemm_packet.h"
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {
namespace {

template <class T>
void transpose(const T* in, std::int64_t in_step, T* out, std::int64_t out_step, std::int64_t rows, std::int64_t cols) {
  const std::int64_t whole_rows = rows - rows % kLanes<T>, whole_cols = cols - cols % kLanes<T>;
  for (std::int64_t r = 0; r < whole_rows; r += kLanes<T>)
    for (std::int64_t c = 0; c < whole_cols; c += kLanes<T>)
      transpose_square(in + c * in_step + r, in_step, out + r * out_step + c, out_step);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = r < whole_rows ? whole_cols : 0; c < cols; ++c) out[r * out_step + c] = in[c * in_step + r];
}

/// Rows of N elements, or of n where N is 0. In turns that leave out so many rows that none overlaps the one before:
/// what was just stored in part cannot be loaded again at once.
template <class T, int N>
void add_rows(const T* in, std::int64_t in_step, T* out, std::int64_t out_step, std::int64_t rows, std::int64_t n) {
  const std::int64_t turns = ((N > 0 ? N : n) + out_step - 1) / out_step;
  for (std::int64_t turn = 0; turn < turns; ++turn)
    for (std::int64_t r = turn; r < rows; r += turns) {
      const T* from = in + r * in_step;
      T* to = out + r * out_step;
      if constexpr (N > 0) {
        add_to<N>(to, from);
      } else {
        DUEL_INDEPENDENT
        for (std::int64_t c = 0; c < n; ++c) to[c] += from[c];
      }
    }
}

template <class T>
using AddRows = decltype(CopyLoops<T>::add_overlapping);

constexpr int kLengths = 33;  // what is longer needs no loop of its own
template <class T, int... N>
AddRows<T> select_add_rows(std::int64_t n, std::integer_sequence<int, N...>) {
  static constexpr AddRows<T> kByLength[] = {add_rows<T, N>...};
  return kByLength[n < kLengths ? n : 0];
}

template <class T>
void add_overlapping(const T* in, std::int64_t in_step, T* out, std::int64_t out_step, std::int64_t rows,
                     std::int64_t n) {
  select_add_rows<T>(n, std::make_integer_sequence<int, kLengths>{})(in, in_step, out, out_step, rows, n);
}

}  // namespace

template <class T>
CopyLoops<T> copy_loops() {
  return {transpose<T>, add_overlapping<T>};
}

template CopyLoops<float> copy_loops();
template CopyLoops<double> copy_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
