// Tensor: shared storage seen through a shape and strides. Views cost nothing; pictures are channels-last in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "duel/tensor/derived_cache.h"
#include "duel/tensor/dtype.h"
#include "duel/tensor/shape.h"

namespace duel {

/// A block of device memory that tensors share. Its version counts the writes in place, so that the backward walk can
/// tell a saved tensor that has changed since.
class Storage {
 public:
  Storage(std::size_t bytes, Device device);
  /// Memory owned by somebody else; it must outlive every tensor on it.
  Storage(void* borrowed, std::size_t bytes, Device device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  /// False if the memory is somebody else's.
  bool is_owned() const { return owned_; }
  Device device() const { return device_; }
  std::uint64_t version() const { return version_; }
  void bump_version() {
    ++version_;
    derived_.clear();
  }
  /// Values derived from the contents; they are dropped with every bump of the version. Memory of somebody else, who
  /// may write it unseen, keeps none.
  DerivedCache& derived() { return derived_; }

 private:
  std::byte* data_;
  std::size_t bytes_;
  Device device_;
  bool owned_;
  std::uint64_t version_ = 0;
  DerivedCache derived_;
};

/// How a new tensor lies in memory. Both are dense; `channels_last` means that dimension 1 has stride 1 and applies to
/// tensors of 3 dimensions or more (fewer are row-major either way).
enum class Layout : std::uint8_t { row_major, channels_last };

struct TensorOptions {
  DType dtype = DType::float32;
  Device device = Device::cpu;
  Layout layout = Layout::row_major;
};

/// Strides of a dense tensor of this shape. Throws as `Shape::numel` does.
Shape dense_strides(const Shape& shape, Layout layout);

/// A handle: copying it copies no elements. A default-made one is undefined (`defined()` is false) and only that may
/// be asked of it.
class Tensor {
 public:
  Tensor() = default;
  /// A view of `storage`; `offset` and `strides` in elements.
  Tensor(std::shared_ptr<Storage> storage, Shape shape, Shape strides, std::int64_t offset, DType dtype);

  static Tensor empty(const Shape& shape, TensorOptions options = {});
  static Tensor zeros(const Shape& shape, TensorOptions options = {});
  static Tensor full(const Shape& shape, double value, TensorOptions options = {});
  /// Same shape, dtype and device, dense, with `like`'s order of dimensions in memory (row-major if `like` broadcasts).
  static Tensor empty_like(const Tensor& like);
  static Tensor zeros_like(const Tensor& like);
  /// Shape [], one element.
  static Tensor scalar(double value, DType dtype = DType::float32, Device device = Device::cpu);
  /// A copy of `values` in row-major order; throws unless there are exactly `shape.numel()`.
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape);
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape) {
    return from(std::span<const T>(values), shape);
  }
  template <class T>
  static Tensor from(std::initializer_list<T> values, const Shape& shape) {
    return from(std::span<const T>(values.begin(), values.size()), shape);
  }
  /// Sees `memory` (row-major) without owning it; it must outlive every view of the result.
  template <class T>
  static Tensor wrap(T* memory, const Shape& shape);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  const Shape& strides() const { return strides_; }
  std::int64_t offset() const { return offset_; }
  int dim() const { return shape_.dim(); }
  /// Size of dimension `i`; negative `i` counts from the end.
  std::int64_t size(int i) const { return shape_[wrap_dim(i)]; }
  std::int64_t numel() const { return shape_.numel(); }
  DType dtype() const { return dtype_; }
  Device device() const { return storage_ ? storage_->device() : Device::cpu; }
  TensorOptions options() const { return {dtype_, device(), Layout::row_major}; }
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  std::uint64_t version() const { return storage_->version(); }

  /// First element. Throws when `T` is not the dtype. Writing through `mutable_data` doesn't bump the version: it is
  /// for those who fill a tensor that nobody has seen yet.
  template <class T>
  const T* data() const {
    expect_dtype(dtype_of<T>());
    return reinterpret_cast<const T*>(storage_->data()) + offset_;
  }
  template <class T>
  T* mutable_data() const {
    expect_dtype(dtype_of<T>());
    return reinterpret_cast<T*>(storage_->data()) + offset_;
  }

  // Views: they share storage.
  Tensor permute(const Shape& order) const;
  Tensor transpose(int a, int b) const;
  /// Elements start, start + step, ... below `end` of dimension `d`. 0 <= start <= end <= size, step >= 1.
  Tensor slice(int d, std::int64_t start, std::int64_t end, std::int64_t step = 1) const;
  /// Dimension `d` fixed at `index` and dropped.
  Tensor select(int d, std::int64_t index) const;
  /// Broadcast: size-1 and missing leading dimensions repeat with stride 0.
  Tensor expand(const Shape& shape) const;
  Tensor unsqueeze(int d) const;
  Tensor squeeze(int d) const;
  /// The same elements in logical (row-major) order under another shape; one size may be -1. A view when the strides
  /// allow it, else a copy.
  Tensor reshape(const Shape& shape) const;

  bool is_row_major() const;
  bool is_channels_last() const;
  /// The layout for a new tensor beside this one: channels-last if this one is, else row-major.
  Layout layout() const { return is_channels_last() ? Layout::channels_last : Layout::row_major; }
  /// Dense in some order of dimensions: no gaps, no overlaps.
  bool is_dense() const;
  /// Whether no other tensor sees this memory: then who has this one may write his result into it.
  bool is_sole_owner() const { return storage_.use_count() == 1 && storage_->is_owned(); }
  /// This tensor if it already lies so, else a copy.
  Tensor row_major() const;
  Tensor channels_last() const;

  // Copies.
  Tensor clone() const;
  Tensor to(DType dtype) const;
  /// As `empty_like`, on that device.
  Tensor to(Device device) const;
  /// The one element, as a number. Throws unless numel() == 1.
  double item() const;
  /// All elements in row-major order.
  template <class T>
  std::vector<T> to_vector() const;

  // Writes in place; they bump the storage's version.
  void copy_(const Tensor& source);  ///< broadcasts `source`, converts its dtype; the two may overlap
  void fill_(double value);

  /// Dimension number with negatives counted from the end; throws when out of range.
  int wrap_dim(int d) const;

 private:
  void expect_dtype(DType dtype) const;

  std::shared_ptr<Storage> storage_;
  Shape shape_, strides_;
  std::int64_t offset_ = 0;
  DType dtype_ = DType::float32;
};

/// "float32[64, 3, 28, 28]": how a message names a tensor.
std::ostream& operator<<(std::ostream& out, const Tensor& t);

}  // namespace duel
