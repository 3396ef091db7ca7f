// Element types of tensors and the devices that hold them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string_view>
#include <type_traits>

#include "duel/tensor/bfloat16.h"
#include "duel/tensor/error.h"

namespace duel {

/// bfloat16 is computed with on CUDA only; the CPU stores and converts it.
enum class DType : std::uint8_t { float32, float64, int64, uint8, bfloat16 };
enum class Device : std::uint8_t { cpu, cuda };

constexpr std::size_t size_of(DType t) {
  switch (t) {
    case DType::float32: return 4;
    case DType::float64: return 8;
    case DType::int64: return 8;
    case DType::uint8: return 1;
    case DType::bfloat16: return 2;
  }
  return 0;
}

constexpr std::string_view name_of(DType t) {
  switch (t) {
    case DType::float32: return "float32";
    case DType::float64: return "float64";
    case DType::int64: return "int64";
    case DType::uint8: return "uint8";
    case DType::bfloat16: return "bfloat16";
  }
  return "?";
}

constexpr std::string_view name_of(Device d) { return d == Device::cpu ? "cpu" : "cuda"; }

inline std::ostream& operator<<(std::ostream& out, DType t) { return out << name_of(t); }
inline std::ostream& operator<<(std::ostream& out, Device d) { return out << name_of(d); }

constexpr bool is_floating(DType t) { return t == DType::float32 || t == DType::float64 || t == DType::bfloat16; }

template <class T>
struct TypeTag {
  using type = T;
};

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return DType::float32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::float64;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::int64;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::uint8;
  else if constexpr (std::is_same_v<T, bfloat16>)
    return DType::bfloat16;
  else
    static_assert(!sizeof(T), "no such tensor element type");
}

/// Calls `f(TypeTag<T>{})` with the C++ type of `t`.
template <class F>
decltype(auto) dispatch(DType t, F&& f) {
  switch (t) {
    case DType::float32: return f(TypeTag<float>{});
    case DType::float64: return f(TypeTag<double>{});
    case DType::int64: return f(TypeTag<std::int64_t>{});
    case DType::uint8: return f(TypeTag<std::uint8_t>{});
    case DType::bfloat16: return f(TypeTag<bfloat16>{});
  }
  fail("dispatch", "unknown dtype");
}

/// The same for float32 and float64 only, which the CPU computes in; throws, naming `operation`, for the others.
template <class F>
decltype(auto) dispatch_floating(const char* operation, DType t, F&& f) {
  if (t == DType::float32) return f(TypeTag<float>{});
  if (t == DType::float64) return f(TypeTag<double>{});
  fail(operation, "needs float32 or float64, got ", t);
}

}  // namespace duel
