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
/// To memory past the caches; p must be aligned to whole packets, and a stream_end() must follow before others read.
template <class T>
EIGEN_ALWAYS_INLINE void stream(T* p, const Packet<T>& x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    _mm512_stream_ps(p, x);
  else
    _mm512_stream_pd(p, x);
#elif defined(__AVX__)
  if constexpr (sizeof(T) == 4)
    _mm256_stream_ps(p, x);
  else
    _mm256_stream_pd(p, x);
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4)
    _mm_stream_ps(p, x);
  else
    _mm_stream_pd(p, x);
#else
  store(p, x);
#endif
}
EIGEN_ALWAYS_INLINE void stream_end() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
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

/// to[i] += from[i] for i < N, in packets as large as fit.
template <int N, class T, class P = Packet<T>>
EIGEN_ALWAYS_INLINE void add_to(T* to, const T* from) {
  namespace packets = Eigen::internal;
  using Half = typename packets::unpacket_traits<P>::half;
  constexpr int kSize = packets::unpacket_traits<P>::size;
  if constexpr (N >= kSize) {
    packets::pstoreu(to, packets::padd(packets::ploadu<P>(to), packets::ploadu<P>(from)));
    add_to<N - kSize, T, P>(to + kSize, from + kSize);
  } else if constexpr (packets::unpacket_traits<Half>::size < kSize) {
    add_to<N, T, Half>(to, from);
  } else {
    for (int i = 0; i < N; ++i) to[i] += from[i];
  }
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
