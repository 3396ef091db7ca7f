#include "duel/gan/games/show.h"

#include <algorithm>

#include "duel/gan/pictures.h"

namespace duel {
namespace {

// [N, C, H, W] -> [N, shown, H, W]: 1 or 3 channels.
Tensor as_shown(const Tensor& pictures, std::int64_t shown) {
  const Shape& s = pictures.shape();
  if (s[1] == shown) return pictures;
  if (s[1] > shown) return pictures.slice(1, 0, shown);
  return pictures.slice(1, 0, 1).expand({s[0], shown, s[2], s[3]});
}

}  // namespace

Tensor side_by_side(const std::vector<Tensor>& columns) {
  check(!columns.empty(), "side_by_side", "there are no pictures");
  const Shape& s = columns[0].shape();
  const auto count = static_cast<std::int64_t>(columns.size());
  std::int64_t channels = 1;
  for (const Tensor& column : columns) channels = std::max<std::int64_t>(channels, column.size(1) >= 3 ? 3 : 1);
  Tensor all = Tensor::empty({s[0], count, channels, s[2], s[3]}, {.dtype = DType::uint8});
  for (std::int64_t i = 0; i < count; ++i) {
    const Tensor& column = columns[static_cast<std::size_t>(i)];
    check(column.size(0) == s[0] && column.size(2) == s[2] && column.size(3) == s[3], "side_by_side",
          "pictures of different sizes: ", s, " and ", column.shape());
    all.select(1, i).copy_(as_shown(column.dtype() == DType::uint8 ? column : to_uint8(column), channels));
  }
  return picture_grid(all.reshape({s[0] * count, channels, s[2], s[3]}), count);
}

}  // namespace duel
