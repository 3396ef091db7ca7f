#include "duel/gan/data/tensor_dataset.h"

#include <algorithm>

namespace duel {

void TensorDataset::validate() const {
  check(pictures.defined(), "TensorDataset", "there are no pictures");
  const bool has_levels = pictures.dtype() == DType::uint8 || pictures.dtype() == DType::float32;
  check(pictures.dim() == 4 && has_levels && pictures.numel() > 0, "TensorDataset",
        "pictures must be uint8 or float32 [N, C, H, W] with something in them, got ", pictures);
  check(pictures.device() == Device::cpu, "TensorDataset", "pictures must be on the CPU");
  check(names.empty() || static_cast<std::int64_t>(names.size()) == count, "TensorDataset", names.size(),
        " class names for ", count, " classes");
  if (!labels.defined()) {
    check(count == 0, "TensorDataset", count, " classes but no labels");
    return;
  }
  check(labels.dim() == 1 && labels.dtype() == DType::int64 && labels.size(0) == size(), "TensorDataset",
        "labels must be int64 [N], one per picture: got ", labels, " for ", pictures);
  check(labels.device() == Device::cpu, "TensorDataset", "labels must be on the CPU");
  const Tensor all = labels.row_major();
  const auto [low, high] = std::minmax_element(all.data<std::int64_t>(), all.data<std::int64_t>() + size());
  check(*low >= 0 && *high < count, "TensorDataset", "labels must lie in [0, ", count, "), they reach from ", *low,
        " to ", *high);
}

std::int64_t TensorDataset::label(std::int64_t index) const {
  return labels.data<std::int64_t>()[index * labels.strides()[0]];
}

}  // namespace duel
