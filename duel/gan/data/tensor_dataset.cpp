#include "duel/gan/dataset.h"

#include <algorithm>
#include <array>
#include <utility>

#include "duel/tensor/rng.h"
#include "duel/tensor/thread_pool.h"

namespace duel {
namespace {

constexpr std::int64_t kGrain = 1 << 16;  // pixels

constexpr std::array<float, 256> kFromByte = [] {
  std::array<float, 256> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 127.5f - 1.0f;
  return values;
}();

// y[i] = pictures[rows[i]] in [-1, 1]; both channels-last.
void gather_pictures(const Tensor& pictures, const std::int64_t* rows, const Tensor& y) {
  const std::int64_t pixels = y.numel() / y.size(0);  // bytes of one picture
  const std::uint8_t* from = pictures.data<std::uint8_t>();
  float* to = y.mutable_data<float>();
  parallel_for(y.size(0), std::max<std::int64_t>(1, kGrain / pixels), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::uint8_t* picture = from + rows[i] * pixels;
      std::transform(picture, picture + pixels, to + i * pixels, [](std::uint8_t byte) { return kFromByte[byte]; });
    }
  });
}

Tensor gather_labels(const Tensor& labels, const std::int64_t* rows, std::int64_t count) {
  Tensor y = Tensor::empty({count}, {.dtype = DType::int64});
  const std::int64_t* from = labels.data<std::int64_t>();
  std::transform(rows, rows + count, y.mutable_data<std::int64_t>(), [&](std::int64_t row) { return from[row]; });
  return y;
}

}  // namespace

void Dataset::validate() const {
  check(pictures.defined(), "Dataset", "there are no pictures");
  check(pictures.dim() == 4 && pictures.dtype() == DType::uint8 && pictures.numel() > 0, "Dataset",
        "pictures must be uint8 [N, C, H, W] with something in them, got ", pictures);
  check(pictures.device() == Device::cpu, "Dataset", "pictures must be on the CPU");
  check(class_names.empty() || static_cast<std::int64_t>(class_names.size()) == classes, "Dataset", class_names.size(),
        " class names for ", classes, " classes");
  if (!labels.defined()) {
    check(classes == 0, "Dataset", classes, " classes but no labels");
    return;
  }
  check(labels.dim() == 1 && labels.dtype() == DType::int64 && labels.size(0) == size(), "Dataset",
        "labels must be int64 [N], one per picture: got ", labels, " for ", pictures);
  check(labels.device() == Device::cpu, "Dataset", "labels must be on the CPU");
  const Tensor all = labels.row_major();
  const auto [low, high] = std::minmax_element(all.data<std::int64_t>(), all.data<std::int64_t>() + size());
  check(*low >= 0 && *high < classes, "Dataset", "labels must lie in [0, ", classes, "), they reach from ", *low,
        " to ", *high);
}

Batches::Batches(Dataset dataset, std::int64_t batch_size, std::uint64_t seed)
    : dataset_(std::move(dataset)), batch_size_(batch_size), seed_(seed) {
  dataset_.validate();
  check(batch_size >= 1 && batch_size <= dataset_.size(), "Batches", "the batch size must be from 1 to the ",
        dataset_.size(), " pictures of the dataset, got ", batch_size);
  dataset_.pictures = dataset_.pictures.channels_last();
  if (dataset_.labels.defined()) dataset_.labels = dataset_.labels.row_major();
}

Batch Batches::next() {
  if (ordered_ != position_.epoch) {
    order_ = Rng(seed_, static_cast<std::uint64_t>(position_.epoch)).split().permutation(dataset_.size());
    ordered_ = position_.epoch;
  }
  const std::int64_t* rows = order_.data() + position_.index * batch_size_;
  const Shape& all = dataset_.pictures.shape();
  Batch batch;
  batch.pictures = Tensor::empty({batch_size_, all[1], all[2], all[3]}, {.layout = Layout::channels_last});
  gather_pictures(dataset_.pictures, rows, batch.pictures);
  if (dataset_.labels.defined()) batch.labels = gather_labels(dataset_.labels, rows, batch_size_);
  if (++position_.index == per_epoch()) position_ = {position_.epoch + 1, 0};
  return batch;
}

void Batches::restore(Position position) {
  check(position.epoch >= 0 && position.index >= 0 && position.index < per_epoch(), "Batches::restore", "batch ",
        position.index, " of epoch ", position.epoch, " does not exist: an epoch has ", per_epoch(), " batches of ",
        batch_size_);
  position_ = position;
}

}  // namespace duel
