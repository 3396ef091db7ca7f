// SIMD packets for matrix products and softmax: the few operations they need of Eigen's (internal) packet layer, in one
// place.
#pragma once

// g++ 12 takes the deliberately undefined operands of its own AVX-512 intrinsics for mistakes (its bug 105593), and
// remarks that a packet type given as a template argument loses its alignment.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wignored-attributes"
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <Eigen/Core>
#include <cstdint>

namespace duel::cpu::DUEL_SIMD_NAMESPACE {

template <class T>
using Packet = typename Eigen::internal::packet_traits<T>::type;
/// Numbers in a packet.
template <class T>
constexpr int kLanes = Eigen::internal::packet_traits<T>::size;

template <class T>
EIGEN_ALWAYS_INLINE Packet<T> load(const T* p) {
  return Eigen::internal::ploadu<Packet<T>>(p);
}
template <class T>
EIGEN_ALWAYS_INLINE void store(T* p, const Packet<T>& x) {
  Eigen::internal::pstoreu(p, x);
}
template <class T>
EIGEN_ALWAYS_INLINE Packet<T> broadcast(T x) {
  return Eigen::internal::pset1<Packet<T>>(x);
}
template <class T>
EIGEN_ALWAYS_INLINE Packet<T> add(const Packet<T>& a, const Packet<T>& b) {
  return Eigen::internal::padd(a, b);
}
/// a * b + c, in one rounding where the instruction set has it.
template <class T>
EIGEN_ALWAYS_INLINE Packet<T> multiply_add(const Packet<T>& a, const Packet<T>& b, const Packet<T>& c) {
  return Eigen::internal::pmadd(a, b, c);
}
template <class T>
EIGEN_ALWAYS_INLINE T sum(const Packet<T>& x) {
  return Eigen::internal::predux(x);
}

/// exp(x), and 0 where that would be denormal; NaN stays NaN.
template <class T>
EIGEN_ALWAYS_INLINE Packet<T> exp(const Packet<T>& x) {
  constexpr T kLeast = sizeof(T) == 4 ? T(-87.3365447) : T(-708.396418532264);
  namespace packets = Eigen::internal;
  return packets::pandnot(packets::pexp(x), packets::pcmp_lt(x, broadcast(kLeast)));
}

/// out[q * out_stride + j] = in[j * in_stride + q] for q, j < kLanes.
template <class T>
EIGEN_ALWAYS_INLINE void transpose_square(const T* in, std::int64_t in_stride, T* out, std::int64_t out_stride) {
  Eigen::internal::PacketBlock<Packet<T>, kLanes<T>> block;
  for (int j = 0; j < kLanes<T>; ++j) block.packet[j] = load(in + j * in_stride);
  Eigen::internal::ptranspose(block);
  for (int q = 0; q < kLanes<T>; ++q) store(out + q * out_stride, block.packet[q]);
}

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
