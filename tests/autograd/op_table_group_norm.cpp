// Rows of autograd/group_norm.h.
#include <cmath>

#include "tests/autograd/op_table_affine.h"

namespace duel::testing {
namespace {

constexpr double kEps = 1e-2;  // large enough to matter

// (x - mean) / sqrt(var + eps), where elements belong together to which `group` gives the same number, below `groups`.
Array standardized(const Array& x, std::int64_t groups, const std::function<std::int64_t(const Shape&)>& group) {
  const auto size = static_cast<std::size_t>(groups);
  const double count = static_cast<double>(x.shape.numel()) / static_cast<double>(groups);
  std::vector<double> mean(size), var(size);
  const auto at = [&](const Shape& i) { return static_cast<std::size_t>(group(i)); };
  for_each_index(x.shape, [&](const Shape& i) { mean[at(i)] += x.at(i) / count; });
  for_each_index(x.shape, [&](const Shape& i) { var[at(i)] += std::pow(x.at(i) - mean[at(i)], 2) / count; });
  Array y = x;
  for_each_index(x.shape, [&](const Shape& i) { y.at(i) = (x.at(i) - mean[at(i)]) / std::sqrt(var[at(i)] + kEps); });
  return y;
}

Reference group_reference(std::int64_t groups, Rectifier r) {
  return [groups, r](const std::vector<Array>& in) {
    const std::int64_t width = in[0].shape[1] / groups;
    Array y =
        standardized(in[0], in[0].shape[0] * groups, [&](const Shape& i) { return i[0] * groups + i[1] / width; });
    for_each_index(y.shape, [&](const Shape& i) {
      const auto parameter = [&](const Array& p) { return p.shape.dim() == 2 ? p.at({i[0], i[1]}) : p.at({i[1]}); };
      if (in.size() > 1) y.at(i) *= parameter(in[1]);
      if (in.size() > 2) y.at(i) += parameter(in[2]);
    });
    return rectified(y, r);
  };
}

// Channels of [N, C, S...] as [N, groups, C / groups * S].
Variable group_norm_composite(const Variables& in, std::int64_t groups, Rectifier r) {
  const Variable& x = in[0];
  std::int64_t together = x.size(1) / groups;
  for (int i = 2; i < x.dim(); ++i) together *= x.size(i);
  const Variable grouped = reshape(x, {x.size(0), groups, together});
  const Variable centred = grouped - mean(grouped, {2}, KeepDims::yes);
  Variable y = reshape(centred / sqrt(mean(square(centred), {2}, KeepDims::yes) + kEps), x.shape());
  const auto over_space = [&](const Variable& p) {
    Shape shape = Shape::filled(x.dim(), 1);
    shape[0] = p.dim() == 2 ? p.size(0) : 1;
    shape[1] = x.size(1);
    return reshape(p, shape);
  };
  if (in.size() > 1) y = y * over_space(in[1]);
  if (in.size() > 2) y = y + over_space(in[2]);
  return rectified_composite(y, r);
}

Case group_norm_case(const char* label, const Shape& x, std::int64_t groups, Affine affine, Rectifier r = {}) {
  return {label,
          inputs_of(x, affine),
          [groups, r](const Variables& in) { return group_norm(in[0], groups, gain_of(in), bias_of(in), kEps, r); },
          group_reference(groups, r),
          [groups, r](const Variables& in) { return group_norm_composite(in, groups, r); },
          bent_by(r)};
}

Case instance_norm_case(const char* label, const Shape& x, Affine affine, Rectifier r = {}) {
  const std::int64_t channels = x[1];
  return {label,
          inputs_of(x, affine),
          [r](const Variables& in) { return instance_norm(in[0], gain_of(in), bias_of(in), kEps, r); },
          group_reference(channels, r),
          [channels, r](const Variables& in) { return group_norm_composite(in, channels, r); },
          bent_by(r)};
}

Case adaptive_case(const char* label, const Shape& x, Rectifier r = {}) {
  const std::int64_t channels = x[1];
  return {label,
          inputs_of(x, Affine::conditional),
          [r](const Variables& in) { return adaptive_instance_norm(in[0], in[1], in[2], kEps, r); },
          group_reference(channels, r),
          [channels, r](const Variables& in) { return group_norm_composite(in, channels, r); },
          bent_by(r)};
}

// Over the last `dims` dimensions, with as many of gain and bias as there are inputs.
Case layer_norm_case(const char* label, const Shape& x, int dims, std::size_t parameters, Rectifier r = {}) {
  const int kept = x.dim() - dims;
  Shape normalized, over;
  std::int64_t rows = 1;
  for (int i = 0; i < x.dim(); ++i) {
    if (i < kept) {
      rows *= x[i];
    } else {
      normalized.push_back(x[i]);
      over.push_back(i);
    }
  }
  std::vector<Input> inputs{{x}};
  if (parameters > 0) inputs.push_back({normalized, {.low = 0.5, .high = 1.5}});
  if (parameters > 1) inputs.push_back({normalized});
  return {
      label,
      inputs,
      [normalized, r](const Variables& in) { return layer_norm(in[0], normalized, gain_of(in), bias_of(in), kEps, r); },
      [rows, kept, r](const std::vector<Array>& in) {
        Array y = standardized(in[0], rows, [&](const Shape& i) {
          std::int64_t row = 0;
          for (int d = 0; d < kept; ++d) row = row * in[0].shape[d] + i[d];
          return row;
        });
        for_each_index(y.shape, [&](const Shape& i) {
          if (in.size() > 1) y.at(i) *= in[1].at(i);
          if (in.size() > 2) y.at(i) += in[2].at(i);
        });
        return rectified(y, r);
      },
      [over, r](const Variables& in) {
        const Variable centred = in[0] - mean(in[0], over, KeepDims::yes);
        Variable y = centred / sqrt(mean(square(centred), over, KeepDims::yes) + kEps);
        if (in.size() > 1) y = y * in[1];
        if (in.size() > 2) y = y + in[2];
        return rectified_composite(y, r);
      },
      bent_by(r)};
}

Case pixel_norm_case(const char* label, const Shape& x) {
  return {label,
          {{x}},
          [](const Variables& in) { return pixel_norm(in[0], kEps); },
          [](const std::vector<Array>& in) {
            Shape pixels = in[0].shape;
            pixels[1] = 1;
            Array squares = Array::zeros(pixels), y = in[0];
            const double channels = static_cast<double>(y.shape[1]);
            for_each_index(y.shape, [&](const Shape& i) { squares.at(i) += y.at(i) * y.at(i) / channels; });
            for_each_index(y.shape, [&](const Shape& i) { y.at(i) /= std::sqrt(squares.at(i) + kEps); });
            return y;
          }};
}

}  // namespace

std::vector<Row> group_norm_rows() {
  return {{.name = "group_norm",
           .recipe = Recipe::fused,
           .kernels = {"group_moments", "normalize_groups", "group_norm_grad"},
           .linear_in = {1, 2},
           .cases = {group_norm_case("image", {2, 6, 2, 3}, 3, Affine::both),
                     group_norm_case("one group", {3, 5, 2, 1}, 1, Affine::gain),
                     group_norm_case("matrix", {3, 6}, 2, Affine::both),
                     group_norm_case("plain", {2, 4, 3, 1}, 2, Affine::none),
                     group_norm_case("conditional", {3, 4, 2, 2}, 2, Affine::conditional),
                     group_norm_case("batch 1", {1, 4, 3, 2}, 4, Affine::both),
                     group_norm_case("one channel", {2, 1, 3, 2}, 1, Affine::both),
                     group_norm_case("sequence", {2, 6, 5}, 2, Affine::both),
                     group_norm_case("volume", {2, 2, 2, 3, 2}, 1, Affine::both),
                     group_norm_case("empty", {0, 4, 3, 2}, 2, Affine::both),
                     group_norm_case("relu", {2, 4, 3, 1}, 2, Affine::both, {0}),
                     group_norm_case("leaky relu, conditional", {3, 4, 2, 1}, 2, Affine::conditional, {0.2})}},
          {.name = "instance_norm",
           .recipe = Recipe::fused,
           .kernels = {},
           .linear_in = {1, 2},
           .cases = {instance_norm_case("image", {2, 3, 2, 4}, Affine::both),
                     instance_norm_case("plain", {3, 2, 3, 1}, Affine::none),
                     instance_norm_case("gain", {2, 2, 2, 2}, Affine::gain),
                     instance_norm_case("conditional", {3, 2, 2, 3}, Affine::conditional),
                     instance_norm_case("batch 1", {1, 3, 5, 2}, Affine::both),
                     instance_norm_case("one channel", {2, 1, 3, 2}, Affine::both),
                     instance_norm_case("sequence", {2, 3, 5}, Affine::both),
                     instance_norm_case("empty", {0, 3, 2, 2}, Affine::both),
                     instance_norm_case("relu, plain", {2, 2, 3, 2}, Affine::none, {0}),
                     instance_norm_case("leaky relu", {2, 3, 2, 2}, Affine::both, {0.2})},
           .checked_order = 3},
          {.name = "adaptive_instance_norm",
           .recipe = Recipe::fused,
           .kernels = {},
           .linear_in = {1, 2},
           .cases = {adaptive_case("image", {2, 3, 2, 4}), adaptive_case("batch 1", {1, 2, 3, 1}),
                     adaptive_case("one channel", {3, 1, 2, 2}), adaptive_case("relu", {2, 2, 2, 2}, {0})}},
          {.name = "layer_norm",
           .recipe = Recipe::fused,
           .kernels = {},
           .linear_in = {1, 2},
           .cases = {layer_norm_case("image", {2, 3, 2, 3}, 3, 2), layer_norm_case("image, plain", {2, 3, 1, 5}, 3, 0),
                     layer_norm_case("image, gain", {1, 2, 3, 2}, 3, 1), layer_norm_case("plane", {2, 3, 2, 4}, 2, 2),
                     layer_norm_case("last", {2, 3, 7}, 1, 2), layer_norm_case("last, plain", {5, 3}, 1, 0),
                     layer_norm_case("last, gain", {3, 5}, 1, 1), layer_norm_case("all", {3, 5}, 2, 2),
                     layer_norm_case("vector", {7}, 1, 2), layer_norm_case("one", {3, 1}, 1, 2),
                     layer_norm_case("empty", {0, 3, 2, 2}, 3, 2), layer_norm_case("relu", {3, 2, 2, 2}, 3, 2, {0}),
                     layer_norm_case("leaky relu, plain", {3, 2, 1, 3}, 3, 0, {0.2}),
                     layer_norm_case("last, leaky relu", {3, 5}, 1, 2, {0.2})},
           .checked_order = 3},
          {.name = "pixel_norm",
           .recipe = Recipe::pointwise,
           .kernels = {},
           .linear_in = {},
           .cases = {pixel_norm_case("image", {2, 3, 2, 4}), pixel_norm_case("matrix", {3, 5}),
                     pixel_norm_case("one channel", {2, 1, 3, 1}), pixel_norm_case("empty", {0, 3, 2, 2})}}};
}

}  // namespace duel::testing
