// Chooses the inner loops of this processor's instruction set.
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/isa.h"

namespace duel::cpu {

// What the files in simd/ define in the namespace of each instruction set.
#define DUEL_DECLARE_LOOPS(set)                                                           \
  namespace set {                                                                         \
  template <class T>                                                                      \
  PointwiseLoops<T> pointwise_loops();                                                    \
  template <class T>                                                                      \
  ReduceLoops<T> reduce_loops();                                                          \
  template <class T>                                                                      \
  NormLoops<T> norm_loops();                                                              \
  template <class T>                                                                      \
  SoftmaxLoops<T> softmax_loops();                                                        \
  template <class T>                                                                      \
  OptimLoops<T> optim_loops();                                                            \
  template <class T>                                                                      \
  RandomLoops<T> random_loops();                                                          \
  template <class T>                                                                      \
  CopyLoops<T> copy_loops();                                                              \
  template <class T>                                                                      \
  FinishLoops<T> finish_loops();                                                          \
  template <class T>                                                                      \
  Loops<T> all() {                                                                        \
    return {pointwise_loops<T>(), reduce_loops<T>(), norm_loops<T>(), softmax_loops<T>(), \
            optim_loops<T>(),     random_loops<T>(), copy_loops<T>(), finish_loops<T>()}; \
  }                                                                                       \
  }

DUEL_DECLARE_LOOPS(simd_baseline)
#ifdef DUEL_SIMD_X86
DUEL_DECLARE_LOOPS(simd_avx2)
DUEL_DECLARE_LOOPS(simd_avx512)
#endif
#undef DUEL_DECLARE_LOOPS

namespace {

template <class T>
Loops<T> choose() {
#ifdef DUEL_SIMD_X86
  if (isa() == Isa::avx512) return simd_avx512::all<T>();
  if (isa() == Isa::avx2) return simd_avx2::all<T>();
#endif
  return simd_baseline::all<T>();
}

}  // namespace

template <class T>
const Loops<T>& loops() {
  static const Loops<T> chosen = choose<T>();
  return chosen;
}

template const Loops<float>& loops();
template const Loops<double>& loops();

}  // namespace duel::cpu
