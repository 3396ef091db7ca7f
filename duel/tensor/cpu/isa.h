// Which instruction set the CPU's inner loops run with.
//
// The files in simd/ are built once per instruction set, each time in a namespace of its own (DUEL_SIMD_NAMESPACE),
// with Eigen renamed likewise: one program runs everywhere and fast where it can. They work on plain pointers and use
// nothing inline from outside their namespace, so that the linker cannot take an AVX-512 copy of a shared function for
// an older processor; a test reads the symbols and checks it.
#pragma once

namespace duel {

enum class Isa { baseline, avx2, avx512 };

/// The best set that both this build and this processor have; the environment variable DUEL_ISA (baseline, avx2,
/// avx512) asks for a lesser one. Fixed at the first call.
Isa isa();
const char* name_of(Isa isa);

}  // namespace duel
