#include "duel/tensor/tensor.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "duel/tensor/allocator.h"
#include "duel/tensor/backend.h"

namespace duel {

namespace {

/// How many bytes may be derived from so many: for a network's flat buffer, packed weights of both directions, be it
/// for Winograd's small tiles, which take twice the weights' bytes for each; for a single small tensor, whatever there
/// is.
std::size_t most_derived(std::size_t bytes) {
  constexpr std::size_t kShare = 4, kSmallShare = 8, kSmall = std::size_t{16} << 20;
  return std::max(kShare * bytes, std::min(kSmallShare * bytes, kSmall));
}

}  // namespace

Storage::Storage(std::size_t bytes, Device device)
    : data_(static_cast<std::byte*>(allocate(device, bytes))),
      bytes_(bytes),
      device_(device),
      owned_(true),
      derived_(most_derived(bytes)) {}

Storage::Storage(void* borrowed, std::size_t bytes, Device device)
    : data_(static_cast<std::byte*>(borrowed)), bytes_(bytes), device_(device), owned_(false), derived_(0) {}

Storage::~Storage() {
  if (owned_) deallocate(device_, data_, bytes_);
}

namespace {

// Row-major: 0, 1, 2, ...; channels-last: 0, 2, 3, ..., 1. Outermost first.
Shape memory_order(int dims, Layout layout) {
  Shape order;
  if (dims > 0) order.push_back(0);
  const bool channels_last = layout == Layout::channels_last && dims >= 3;
  if (dims > 1 && !channels_last) order.push_back(1);
  for (int i = 2; i < dims; ++i) order.push_back(i);
  if (channels_last) order.push_back(1);
  return order;
}

Shape strides_in_order(const Shape& shape, const Shape& order) {
  Shape strides = Shape::filled(shape.dim(), 1);
  std::int64_t next = 1;
  for (int i = shape.dim() - 1; i >= 0; --i) {
    const int d = static_cast<int>(order[i]);
    strides[d] = next;
    next *= std::max<std::int64_t>(shape[d], 1);
  }
  return strides;
}

// Strides of size-1 dimensions mean nothing.
bool same_strides(const Shape& shape, const Shape& a, const Shape& b) {
  for (int i = 0; i < shape.dim(); ++i)
    if (shape[i] > 1 && a[i] != b[i]) return false;
  return true;
}

// Dimensions by falling stride (outermost first); equal strides keep their order.
Shape order_of(const Shape& strides) {
  Shape order;
  for (int i = 0; i < strides.dim(); ++i) order.push_back(i);
  std::stable_sort(&order[0], &order[0] + order.dim(), [&](std::int64_t a, std::int64_t b) {
    return strides[static_cast<int>(a)] > strides[static_cast<int>(b)];
  });
  return order;
}

Tensor make(const Shape& shape, const Shape& strides, DType dtype, Device device) {
  const auto n = static_cast<std::size_t>(shape.numel());
  check(n <= PTRDIFF_MAX / size_of(dtype), "Tensor", "no memory has room for ", dtype, shape);
  return Tensor(std::make_shared<Storage>(n * size_of(dtype), device), shape, strides, 0, dtype);
}

// Whether every element of such a view lies in `storage`.
bool lies_within(const Storage& storage, const Shape& shape, const Shape& strides, std::int64_t offset, DType dtype) {
  if (shape.numel() == 0) return true;
  __int128 first = offset, last = offset;
  for (int i = 0; i < shape.dim(); ++i) (strides[i] < 0 ? first : last) += __int128{shape[i] - 1} * strides[i];
  return first >= 0 && last < static_cast<__int128>(storage.bytes() / size_of(dtype));
}

// Writing where elements share memory would leave it to chance which one stays.
void check_distinct(const char* operation, const Tensor& t) {
  for (int i = 0; i < t.dim(); ++i)
    check(t.shape()[i] <= 1 || t.strides()[i] != 0, operation, "cannot write to ", t, ", whose dimension ", i,
          " is broadcast: clone it first");
}

}  // namespace

Shape dense_strides(const Shape& shape, Layout layout) {
  shape.numel();  // throws where strides would overflow
  return strides_in_order(shape, memory_order(shape.dim(), layout));
}

Tensor::Tensor(std::shared_ptr<Storage> storage, Shape shape, Shape strides, std::int64_t offset, DType dtype)
    : storage_(std::move(storage)), shape_(shape), strides_(strides), offset_(offset), dtype_(dtype) {
  check(storage_ != nullptr, "Tensor", "a view of an undefined tensor");
  check(shape.dim() == strides.dim(), "Tensor", "shape ", shape, " and strides ", strides, " differ in length");
  check(lies_within(*storage_, shape, strides, offset, dtype), "Tensor", "a view ", shape, " with strides ", strides,
        " from element ", offset, " on reaches beyond its storage of ", storage_->bytes(), " bytes");
}

Tensor Tensor::empty(const Shape& shape, TensorOptions o) {
  return make(shape, dense_strides(shape, o.layout), o.dtype, o.device);
}

Tensor Tensor::full(const Shape& shape, double value, TensorOptions o) {
  Tensor t = empty(shape, o);
  backend(o.device).fill(t, value);
  return t;
}

Tensor Tensor::zeros(const Shape& shape, TensorOptions o) { return full(shape, 0, o); }

namespace {

// Dense, in the order of `like`.
Shape strides_like(const Tensor& like) {
  bool broadcast = false;  // a stride of 0 tells nothing about the order in memory
  for (int i = 0; i < like.dim(); ++i) broadcast |= like.shape()[i] > 1 && like.strides()[i] == 0;
  return broadcast ? dense_strides(like.shape(), Layout::row_major)
                   : strides_in_order(like.shape(), order_of(like.strides()));
}

}  // namespace

Tensor Tensor::empty_like(const Tensor& like) {
  return make(like.shape_, strides_like(like), like.dtype_, like.device());
}

Tensor Tensor::zeros_like(const Tensor& like) {
  Tensor t = empty_like(like);
  backend(like.device()).fill(t, 0);
  return t;
}

Tensor Tensor::scalar(double value, DType dtype, Device device) {
  return full({}, value, {.dtype = dtype, .device = device});
}

template <class T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape) {
  check(static_cast<std::int64_t>(values.size()) == shape.numel(), "Tensor::from", values.size(), " values for shape ",
        shape, " which has ", shape.numel());
  Tensor t = empty(shape, {.dtype = dtype_of<T>()});
  std::copy(values.begin(), values.end(), t.mutable_data<T>());
  return t;
}

template <class T>
Tensor Tensor::wrap(T* memory, const Shape& shape) {
  const auto bytes = static_cast<std::size_t>(shape.numel()) * sizeof(T);
  return Tensor(std::make_shared<Storage>(memory, bytes, Device::cpu), shape, dense_strides(shape, Layout::row_major),
                0, dtype_of<T>());
}

int Tensor::wrap_dim(int d) const {
  check(defined(), "Tensor", "the tensor is undefined");
  const int wrapped = d < 0 ? d + dim() : d;
  check(wrapped >= 0 && wrapped < dim(), "Tensor", "dimension ", d, " is out of range for shape ", shape_);
  return wrapped;
}

void Tensor::expect_dtype(DType dtype) const {
  check(defined(), "Tensor::data", "the tensor is undefined");
  check(dtype == dtype_, "Tensor::data", "the tensor is ", dtype_, ", not ", dtype);
}

Tensor Tensor::permute(const Shape& order) const {
  check(defined(), "permute", "the tensor is undefined");
  check(order.dim() == dim(), "permute", "order ", order, " does not name each dimension of ", shape_, " once");
  Shape shape, strides;
  unsigned seen = 0;
  for (std::int64_t o : order) {
    const int d = wrap_dim(static_cast<int>(o));
    check(!(seen & 1u << d), "permute", "order ", order, " names dimension ", d, " twice");
    seen |= 1u << d;
    shape.push_back(shape_[d]);
    strides.push_back(strides_[d]);
  }
  return Tensor(storage_, shape, strides, offset_, dtype_);
}

Tensor Tensor::transpose(int a, int b) const {
  Shape order;
  for (int i = 0; i < dim(); ++i) order.push_back(i);
  std::swap(order[wrap_dim(a)], order[wrap_dim(b)]);
  return permute(order);
}

Tensor Tensor::slice(int d, std::int64_t start, std::int64_t end, std::int64_t step) const {
  d = wrap_dim(d);
  check(start >= 0 && start <= end && end <= shape_[d] && step >= 1, "slice", "[", start, ":", end, ":", step,
        "] does not lie within dimension ", d, " of ", shape_);
  Shape shape = shape_, strides = strides_;
  shape[d] = end == start ? 0 : (end - start - 1) / step + 1;
  if (shape[d] > 1) strides[d] *= step;
  return Tensor(storage_, shape, strides, offset_ + start * strides_[d], dtype_);
}

Tensor Tensor::select(int d, std::int64_t index) const {
  d = wrap_dim(d);
  check(index >= 0 && index < shape_[d], "select", "index ", index, " is out of range for dimension ", d, " of ",
        shape_);
  return slice(d, index, index + 1).squeeze(d);
}

Tensor Tensor::expand(const Shape& shape) const {
  check(defined(), "expand", "the tensor is undefined");
  check(shape.dim() >= dim(), "expand", shape_, " has more dimensions than ", shape);
  Shape strides = Shape::filled(shape.dim(), 0);
  for (int i = 0; i < dim(); ++i) {
    const int o = i + shape.dim() - dim();
    check(shape_[i] == shape[o] || shape_[i] == 1, "expand", shape_, " does not broadcast to ", shape);
    if (shape_[i] == shape[o]) strides[o] = strides_[i];
  }
  return Tensor(storage_, shape, strides, offset_, dtype_);
}

Tensor Tensor::unsqueeze(int d) const {
  const int at = d < 0 ? d + dim() + 1 : d;
  check(at >= 0 && at <= dim(), "unsqueeze", "dimension ", d, " is out of range for shape ", shape_);
  Shape shape, strides;
  for (int i = 0; i <= dim(); ++i) {
    if (i == at) {
      shape.push_back(1);
      strides.push_back(i < dim() ? shape_[i] * strides_[i] : 1);
    }
    if (i < dim()) {
      shape.push_back(shape_[i]);
      strides.push_back(strides_[i]);
    }
  }
  return Tensor(storage_, shape, strides, offset_, dtype_);
}

Tensor Tensor::squeeze(int d) const {
  d = wrap_dim(d);
  check(shape_[d] == 1, "squeeze", "dimension ", d, " of ", shape_, " is not 1");
  Shape shape, strides;
  for (int i = 0; i < dim(); ++i)
    if (i != d) {
      shape.push_back(shape_[i]);
      strides.push_back(strides_[i]);
    }
  return Tensor(storage_, shape, strides, offset_, dtype_);
}

namespace {

Shape complete(const Shape& wanted, const Tensor& t) {
  Shape shape = wanted;
  int open = -1;
  for (int i = 0; i < shape.dim(); ++i) {
    if (shape[i] == -1) {
      check(open < 0, "reshape", "more than one -1 in ", wanted);
      open = i;
      shape[i] = 1;
    }
    check(shape[i] >= 0, "reshape", "negative size in ", wanted);
  }
  if (open >= 0) {
    const std::int64_t known = shape.numel();
    check(known > 0 && t.numel() % known == 0, "reshape", t.shape(), " cannot become ", wanted);
    shape[open] = t.numel() / known;
  }
  check(shape.numel() == t.numel(), "reshape", t.shape(), " has ", t.numel(), " elements, ", shape, " has ",
        shape.numel());
  return shape;
}

// Strides that show `t` under `shape` without moving anything; false when there are none. Both shapes are walked from
// the innermost dimension in runs of equal products; the old dimensions of a run must lie evenly in memory.
bool view_strides(const Tensor& t, const Shape& shape, Shape& strides) {
  strides = Shape::filled(shape.dim(), 1);
  if (t.numel() == 0) return true;
  int old = t.dim() - 1, now = shape.dim() - 1;
  while (old >= 0 || now >= 0) {
    while (old >= 0 && t.shape()[old] == 1) --old;
    if (old < 0) break;  // only sizes of 1 are left
    std::int64_t stride = t.strides()[old], run = t.shape()[old], covered = 1;
    --old;
    while (now >= 0 && covered < run) {
      strides[now] = stride * covered;
      covered *= shape[now--];
      while (covered > run) {
        while (old >= 0 && t.shape()[old] == 1) --old;
        if (old < 0 || t.strides()[old] != stride * run) return false;
        run *= t.shape()[old--];
      }
    }
    if (covered != run) return false;
  }
  return true;
}

}  // namespace

Tensor Tensor::reshape(const Shape& wanted) const {
  check(defined(), "reshape", "the tensor is undefined");
  const Shape shape = complete(wanted, *this);
  Shape strides;
  if (view_strides(*this, shape, strides)) return Tensor(storage_, shape, strides, offset_, dtype_);
  const Tensor copy = row_major();
  return Tensor(copy.storage_, shape, dense_strides(shape, Layout::row_major), copy.offset_, dtype_);
}

bool Tensor::is_row_major() const { return same_strides(shape_, strides_, dense_strides(shape_, Layout::row_major)); }
bool Tensor::is_channels_last() const {
  return same_strides(shape_, strides_, dense_strides(shape_, Layout::channels_last));
}

bool Tensor::is_dense() const {
  if (dim() == 0 || numel() <= 1) return true;
  Shape shape, strides;  // without the sizes of 1
  for (int i = 0; i < dim(); ++i)
    if (shape_[i] > 1) {
      shape.push_back(shape_[i]);
      strides.push_back(strides_[i]);
    }
  return strides_in_order(shape, order_of(strides)) == strides;
}

namespace {

Tensor in_layout(const Tensor& t, Layout layout) {
  Tensor copy = Tensor::empty(t.shape(), {t.dtype(), t.device(), layout});
  backend(t.device()).copy(t, copy);
  return copy;
}

}  // namespace

Tensor Tensor::row_major() const { return is_row_major() ? *this : in_layout(*this, Layout::row_major); }
Tensor Tensor::channels_last() const { return is_channels_last() ? *this : in_layout(*this, Layout::channels_last); }

Tensor Tensor::clone() const {
  Tensor copy = empty_like(*this);
  backend(device()).copy(*this, copy);
  return copy;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor like = *this;
  like.dtype_ = dtype;
  Tensor copy = empty_like(like);
  backend(device()).copy(*this, copy);
  return copy;
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  Tensor copy = make(shape_, strides_like(*this), dtype_, device);
  backend(device == Device::cpu ? this->device() : device).copy(*this, copy);
  return copy;
}

double Tensor::item() const {
  check(numel() == 1, "item", "needs exactly one element, got shape ", shape_);
  double value = 0;
  backend(device()).copy(reshape({}), wrap(&value, {}));
  return value;
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  expect_dtype(dtype_of<T>());
  std::vector<T> values(static_cast<std::size_t>(numel()));
  if (!values.empty()) backend(device()).copy(*this, wrap(values.data(), shape_));
  return values;
}

void Tensor::copy_(const Tensor& source) {
  check_distinct("copy_", *this);
  const Tensor from = source.storage_ == storage_ ? source.clone() : source;  // the two may overlap
  backend(device() == Device::cpu ? source.device() : device()).copy(from.expand(shape_), *this);
  storage_->bump_version();
}

void Tensor::fill_(double value) {
  check_distinct("fill_", *this);
  backend(device()).fill(*this, value);
  storage_->bump_version();
}

#define DUEL_INSTANTIATE(T)                                          \
  template Tensor Tensor::from<T>(std::span<const T>, const Shape&); \
  template Tensor Tensor::wrap<T>(T*, const Shape&);                 \
  template std::vector<T> Tensor::to_vector<T>() const;
DUEL_INSTANTIATE(float)
DUEL_INSTANTIATE(double)
DUEL_INSTANTIATE(std::int64_t)
DUEL_INSTANTIATE(std::uint8_t)
DUEL_INSTANTIATE(bfloat16)
#undef DUEL_INSTANTIATE

std::ostream& operator<<(std::ostream& out, const Tensor& t) {
  if (!t.defined()) return out << "undefined tensor";
  return out << t.dtype() << t.shape();
}

}  // namespace duel
