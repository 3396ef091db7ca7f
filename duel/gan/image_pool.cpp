#include "duel/gan/image_pool.h"

namespace duel {
namespace {

Shape pool_shape(std::int64_t capacity, const Shape& picture) {
  check(capacity >= 0, "ImagePool", "the capacity must not be negative, got ", capacity);
  Shape shape{capacity};
  for (std::int64_t size : picture) shape.push_back(size);
  return shape;
}

}  // namespace

ImagePool::ImagePool(std::int64_t capacity, const Shape& picture, TensorOptions options)
    : pictures_(Tensor::zeros(pool_shape(capacity, picture), options)) {}

Tensor ImagePool::query(const Tensor& pictures, Rng& rng) {
  const char* const name = "ImagePool::query";
  check(pictures.defined() && pictures.dim() > 0, name, "needs pictures [N, ...], got ", pictures);
  Shape wanted = pictures_.shape();
  wanted[0] = pictures.size(0);
  check(pictures.shape() == wanted && pictures.dtype() == pictures_.dtype(), name, "the pool is of pictures ",
        pictures_, ", got ", pictures);
  std::int64_t stored = size();
  check(stored >= 0 && stored <= capacity(), name, "a pool for ", capacity(), " pictures says that it holds ", stored,
        "; the state that was loaded is not one of a pool");

  Tensor result = pictures.clone();
  if (capacity() == 0) return result;
  for (std::int64_t n = 0; n < pictures.size(0); ++n) {
    const Tensor picture = pictures.select(0, n);
    if (stored < capacity()) {
      pictures_.select(0, stored++).copy_(picture);
      continue;
    }
    const std::int64_t place = rng.below(2 * capacity());
    if (place >= capacity()) continue;
    Tensor old = pictures_.select(0, place);
    result.select(0, n).copy_(old);
    old.copy_(picture);
  }
  count_.fill_(static_cast<double>(stored));
  return result;
}

void ImagePool::visit(Visitor& v) {
  v.buffer("pictures", pictures_);
  v.buffer("count", count_);
}

}  // namespace duel
