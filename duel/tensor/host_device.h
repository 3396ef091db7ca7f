// DUEL_HD marks a formula that is compiled for the CPU's kernels and the GPU's alike.
#pragma once

#ifdef __CUDACC__
#define DUEL_HD __host__ __device__ inline
#else
// Forced inline: the CPU kernels are built once per instruction set, and a shared out-of-line copy could be the one
// that this processor cannot run.
#define DUEL_HD __attribute__((always_inline)) inline
#endif
