#include "duel/autograd/grid_sample.h"

#include <algorithm>

#include "duel/autograd/check_floating.h"
#include "duel/autograd/check_picture.h"
#include "duel/autograd/index.h"
#include "duel/autograd/matmul.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"
#include "duel/tensor/grid_place.h"

namespace duel {
namespace {

// What the gradient with respect to the grid takes for constants. P points per sample, all tensors [N, 1, P].
struct Neighbours {
  struct Axis {
    Tensor slope, part;  // of the second pixel's weight: its derivative with respect to the coordinate, and itself
  };
  Axis h, w;
  Tensor pixel[2][2], exists[2][2];  // row, column: the pixel's number (0 where there is none), and 1 or 0
};

Neighbours neighbours_of(const Tensor& grid, Size2 size, PadMode outside) {
  const std::int64_t n = grid.size(0), points = grid.size(1) * grid.size(2);
  const std::vector<double> at = grid.to(DType::float64).to_vector<double>();
  const std::size_t count = at.size() / 2;
  std::vector<double> slope_h(count), part_h(count), slope_w(count), part_w(count), exists[2][2];
  std::vector<std::int64_t> pixel[2][2];
  for (std::size_t k = 0; k < count; ++k) {
    const GridPlace w = grid_place(at[2 * k], size.w, outside), h = grid_place(at[2 * k + 1], size.h, outside);
    slope_h[k] = h.slope;
    part_h[k] = h.part;
    slope_w[k] = w.slope;
    part_w[k] = w.part;
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) {
        const std::int64_t ih = h.first + i, iw = w.first + j;
        const bool inside = ih >= 0 && ih < size.h && iw >= 0 && iw < size.w;
        pixel[i][j].push_back(inside ? ih * size.w + iw : 0);
        exists[i][j].push_back(inside ? 1 : 0);
      }
  }
  const auto tensor = [&](const auto& values, DType dtype) {
    return Tensor::from(values, {n, 1, points}).to(dtype).to(grid.device());
  };
  const DType dtype = grid.dtype();
  Neighbours out{
      {tensor(slope_h, dtype), tensor(part_h, dtype)}, {tensor(slope_w, dtype), tensor(part_w, dtype)}, {}, {}};
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) {
      out.pixel[i][j] = tensor(pixel[i][j], DType::int64);
      out.exists[i][j] = tensor(exists[i][j], dtype);
    }
  return out;
}

// The gradient of <grid_sample(x, grid), g> with respect to the grid, in recorded operations. For the pixels
//   a b
//   c d  around a point, with weights of the right column u and of the lower row v,
//   d/du = (1 - v) (b - a) + v (d - c),  d/dv = (1 - u) (c - a) + u (d - b).
Variable grid_grad(const Variable& x, const Variable& grid, const Variable& g, PadMode outside) {
  const std::int64_t n = x.size(0), c = x.size(1), points = grid.size(1) * grid.size(2);
  const Neighbours near = neighbours_of(grid.value(), {x.size(2), x.size(3)}, outside);
  const Variable pixels = reshape(x, {n, c, x.size(2) * x.size(3)});
  const auto corner = [&](int i, int j) {
    return gather(pixels, 2, near.pixel[i][j].expand({n, c, points})) * near.exists[i][j];
  };
  const auto weight = [&](int coordinate, const Neighbours::Axis& axis) {
    // The weight's value, with the coordinate's gradient: added to it is the coordinate less itself, which is 0.
    const Variable at = reshape(slice(grid, 3, coordinate, coordinate + 1), {n, 1, points});
    return (at - at.detach()) * axis.slope + axis.part;
  };
  const Variable upper_left = corner(0, 0), upper_right = corner(0, 1), lower_left = corner(1, 0),
                 lower_right = corner(1, 1);
  const Variable u = weight(0, near.w), v = weight(1, near.h), cotangent = reshape(g, {n, c, points});
  const Variable du = (upper_right - upper_left) * (1 - v) + (lower_right - lower_left) * v;
  const Variable dv = (lower_left - upper_left) * (1 - u) + (lower_right - upper_right) * u;
  const auto to_grid = [&](const Variable& slope, const Neighbours::Axis& axis) {
    return reshape(sum(cotangent * slope, {1}, KeepDims::yes) * axis.slope, {n, grid.size(1), grid.size(2), 1});
  };
  return concat({to_grid(du, near.w), to_grid(dv, near.h)}, 3);
}

void check_grid(const char* name, const Variable& picture, const Variable& grid) {
  check(grid.defined(), name, "the grid is undefined");
  check(grid.dim() == 4 && grid.size(0) == picture.size(0) && grid.size(3) == 2 && grid.dtype() == picture.dtype(),
        name, "needs a grid [N, OH, OW, 2] of the picture's N and dtype, got ", grid.value(), " for ", picture.value());
  check_devices(name, picture.value(), grid.value());
}

// Of the pixels of an axis, in its coordinates: (2 i + 1) / size - 1, float64.
Tensor centres(std::int64_t size, Device device) {
  const Tensor whole = Tensor::scalar(static_cast<double>(size), DType::float64, device);
  return (affine(arange(size, DType::float64, device), 2, 1) / whole - 1).value();
}

Tensor feature_map(const Variable& like, Size2 size) {
  return Tensor::empty({like.size(0), like.size(1), size.h, size.w},
                       {like.dtype(), like.value().device(), Layout::channels_last});
}

}  // namespace

Variable affine_grid(const Variable& theta, Size2 size) {
  check(theta.defined(), "affine_grid", "the input is undefined");
  check(theta.dim() == 3 && theta.size(1) == 2 && theta.size(2) == 3 && is_floating(theta.dtype()), "affine_grid",
        "needs a float32 or float64 theta [N, 2, 3], got ", theta.value());
  check(std::min(size.h, size.w) >= 1 && std::max(size.h, size.w) <= kMostPixels, "affine_grid",
        "the size must be from 1 to ", kMostPixels, ", got ", size.h, " x ", size.w);
  const Device device = theta.value().device();
  const Tensor points = Tensor::full({size.h, size.w, 3}, 1, {theta.dtype(), device});
  points.select(2, 0).copy_(centres(size.w, device));
  points.select(2, 1).copy_(centres(size.h, device).unsqueeze(1));
  return reshape(matmul(points.reshape({size.h * size.w, 3}), transpose(theta, 1, 2)),
                 {theta.size(0), size.h, size.w, 2});
}

Variable grid_sample(const Variable& x, const Variable& grid, PadMode outside) {
  check_filled_picture("grid_sample", x);
  check_grid("grid_sample", x, grid);
  Tensor y = feature_map(x, {grid.size(1), grid.size(2)});
  backend(y.device()).grid_sample(x.value().channels_last(), grid.value().row_major(), y, outside);
  return record("grid_sample", {x, grid}, std::move(y),
                [x = Saved(x), grid = Saved(grid), outside](const Backward& b) -> Variables {
                  const Size2 size{x.get().size(2), x.get().size(3)};
                  return {b.needs(0) ? grid_sample_input_grad(b.grad, grid.get(), size, outside) : Variable(),
                          b.needs(1) ? grid_grad(x.get(), grid.get(), b.grad, outside) : Variable()};
                });
}

Variable grid_sample_input_grad(const Variable& dy, const Variable& grid, Size2 size, PadMode outside) {
  check_picture("grid_sample_input_grad", dy);
  check_grid("grid_sample_input_grad", dy, grid);
  check(dy.size(2) == grid.size(1) && dy.size(3) == grid.size(2), "grid_sample_input_grad", "gradient ", dy.value(),
        " does not come from grid ", grid.value());
  check(std::min(size.h, size.w) >= 1 && std::max(size.h, size.w) <= kMostPixels, "grid_sample_input_grad",
        "the size must be from 1 to ", kMostPixels, ", got ", size.h, " x ", size.w);
  Tensor dx = feature_map(dy, size);
  backend(dx.device()).grid_sample_input_grad(dy.value().channels_last(), grid.value().row_major(), dx, outside);
  return record("grid_sample_input_grad", {dy, grid}, std::move(dx),
                [dy = Saved(dy), grid = Saved(grid), outside](const Backward& b) -> Variables {
                  return {b.needs(0) ? grid_sample(b.grad, grid.get(), outside) : Variable(),
                          b.needs(1) ? grid_grad(b.grad, grid.get(), dy.get(), outside) : Variable()};
                });
}

}  // namespace duel
