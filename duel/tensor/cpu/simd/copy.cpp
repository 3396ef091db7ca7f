// Transposition in registers.
#include "duel/tensor/cpu/simd/gemm_packet.h"
#include "duel/tensor/cpu/simd/loops.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {

template <class T>
void transpose(const T* in, std::int64_t in_step, T* out, std::int64_t out_step, std::int64_t rows, std::int64_t cols) {
  const std::int64_t whole_rows = rows - rows % kLanes<T>, whole_cols = cols - cols % kLanes<T>;
  for (std::int64_t r = 0; r < whole_rows; r += kLanes<T>)
    for (std::int64_t c = 0; c < whole_cols; c += kLanes<T>)
      transpose_square(in + c * in_step + r, in_step, out + r * out_step + c, out_step);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = r < whole_rows ? whole_cols : 0; c < cols; ++c) out[r * out_step + c] = in[c * in_step + r];
}

template <class T>
CopyLoops<T> copy_loops() {
  return {transpose<T>};
}

template CopyLoops<float> copy_loops();
template CopyLoops<double> copy_loops();

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
