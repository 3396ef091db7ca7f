// Shape: the sizes (or strides) of a tensor's dimensions, held inline, and the broadcasting rule.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>

#include "duel/tensor/error.h"

namespace duel {

constexpr int kMaxDims = 8;

/// Up to `kMaxDims` integers: sizes, strides or dimension numbers.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> values) : Shape(std::span(values.begin(), values.size())) {}
  explicit Shape(std::span<const std::int64_t> values) {
    check(values.size() <= kMaxDims, "Shape", "at most ", kMaxDims, " dimensions, got ", values.size());
    for (std::int64_t v : values) values_[static_cast<std::size_t>(dims_++)] = v;
  }
  static Shape filled(int dims, std::int64_t value) {
    check(dims >= 0 && dims <= kMaxDims, "Shape", "at most ", kMaxDims, " dimensions, got ", dims);
    Shape s;
    s.dims_ = dims;
    for (int i = 0; i < dims; ++i) s[i] = value;
    return s;
  }

  int dim() const { return dims_; }
  /// Negative `i` is NOT accepted here: see `Tensor::size` for that.
  std::int64_t& operator[](int i) { return values_[static_cast<std::size_t>(i)]; }
  std::int64_t operator[](int i) const { return values_[static_cast<std::size_t>(i)]; }
  const std::int64_t* begin() const { return values_.data(); }
  const std::int64_t* end() const { return values_.data() + dims_; }

  void push_back(std::int64_t v) {
    check(dims_ < kMaxDims, "Shape", "at most ", kMaxDims, " dimensions");
    values_[static_cast<std::size_t>(dims_++)] = v;
  }

  /// Product of the sizes; 1 for no dimensions. Throws when a size is negative or the product is beyond 64 bits, zeros
  /// left out of it: strides are such products too.
  std::int64_t numel() const {
    std::int64_t n = 1;
    bool empty = false;
    for (std::int64_t v : *this) {
      check(v >= 0, "Tensor", "negative size in shape ", *this);
      empty = empty || v == 0;
      check(v == 0 || !__builtin_mul_overflow(n, v, &n), "Tensor", "the elements of shape ", *this,
            " are too many for 64 bits");
    }
    return empty ? 0 : n;
  }

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.dims_ != b.dims_) return false;
    for (int i = 0; i < a.dims_; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }

  friend std::ostream& operator<<(std::ostream& out, const Shape& s) {
    out << '[';
    for (int i = 0; i < s.dim(); ++i) out << (i ? ", " : "") << s[i];
    return out << ']';
  }

 private:
  std::array<std::int64_t, kMaxDims> values_{};
  int dims_ = 0;
};

/// The shape that `a` and `b` broadcast to (NumPy's rule); throws naming `operation` if they don't.
inline Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b) {
  const int dims = std::max(a.dim(), b.dim());
  Shape out = Shape::filled(dims, 1);
  for (int i = 0; i < dims; ++i) {
    const int ia = i - (dims - a.dim()), ib = i - (dims - b.dim());
    const std::int64_t sa = ia < 0 ? 1 : a[ia], sb = ib < 0 ? 1 : b[ib];
    check(sa == sb || sa == 1 || sb == 1, operation, "shapes ", a, " and ", b, " do not broadcast: sizes ", sa, " and ",
          sb, " in dimension ", i, " differ and neither is 1");
    out[i] = sa == 1 ? sb : sa;
  }
  return out;
}

}  // namespace duel
