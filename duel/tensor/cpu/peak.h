// What this processor's arithmetic can reach at most, measured.
#pragma once

namespace duel::cpu {

/// float32 multiply-add peak in GFLOP/s with the instruction set in use, on num_threads() threads: the best of a
/// few short runs, some 30 ms in all.
double peak_gflops();

}  // namespace duel::cpu
