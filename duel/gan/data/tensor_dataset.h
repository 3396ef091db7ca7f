// TensorDataset: pictures with labels, held in memory.
#pragma once

#include "duel/gan/data/dataset.h"

namespace duel {

class TensorDataset : public Dataset {
 public:
  TensorDataset() = default;
  TensorDataset(Tensor all, Tensor all_labels, std::int64_t classes = 0, std::vector<std::string> class_names = {})
      : pictures(std::move(all)), labels(std::move(all_labels)), count(classes), names(std::move(class_names)) {}

  Tensor pictures;                 ///< uint8 or float32 [N, C, H, W] on the CPU, from 0 to 255
  Tensor labels;                   ///< int64 [N] on the CPU, each in [0, count); undefined without labels
  std::int64_t count = 0;          ///< of classes; 0 without labels
  std::vector<std::string> names;  ///< one per class, or none
  std::string source;              ///< the file they are from, or empty

  /// Throws unless all of the above holds and there is at least one picture of at least one pixel.
  void validate() const;

  std::int64_t size() const override { return pictures.size(0); }
  Example read(std::int64_t index, Rng&) const override { return {pictures.select(0, index)}; }
  std::int64_t label(std::int64_t index) const override;
  std::string name(std::int64_t index) const override {
    return (source.empty() ? "" : source + ", ") + "picture " + std::to_string(index);
  }
  std::int64_t classes() const override { return count; }
  std::vector<std::string> class_names() const override { return names; }
};

}  // namespace duel
