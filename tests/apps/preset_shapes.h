// What a preset's games are made for, without its data, and smaller ones that are soon made.
#pragma once

#include <algorithm>
#include <string>

#include "apps/duel/options.h"

namespace duel::app {

// Of the data that a preset is for, which need not be at hand.
inline BatchShape data_of(const TrainOptions& o) {
  struct Known {
    const char* path;
    std::int64_t channels, size, classes;
  };
  static constexpr Known kKnown[] = {{"data/mnist", 1, 28, 10},
                                     {"data/emnist-letters", 1, 28, 26},
                                     {"fashion-mnist", 1, 28, 10},
                                     {"data/cifar100", 3, 32, 100},
                                     {"data/cifar10", 3, 32, 10},
                                     {"data/imagenet32.zip", 3, 32, 1000},
                                     {"data/imagenet64.zip", 3, 64, 1000},
                                     {"data/ILSVRC128.hdf5", 3, 128, 1000},
                                     {"data/ffhq64.zip", 3, 64, 0},
                                     {"data/ffhq256.zip", 3, 256, 0},
                                     {"data/imagenet", 3, 0, 1000},
                                     {"data/lsun", 3, 0, 1},
                                     {"", 3, 0, 0}};
  const Known* known = kKnown;
  while (o.data.path.find(known->path) == std::string::npos) ++known;
  const TransformOptions& t = o.data.transform;
  const std::int64_t channels = t.channels > 0 ? t.channels : known->channels;
  Size2 size{known->size + 2 * t.pad, known->size + 2 * t.pad};
  if (t.preprocess == Preprocess::resize_and_crop)
    size = t.crop_size;
  else if (t.preprocess != Preprocess::none)
    size = t.load_size;
  BatchShape shape{{channels, size.h, size.w}, {}, known->classes};
  if (o.data.mode != DataMode::single) shape.target = shape.picture;
  if (o.data.mode == DataMode::colorization) shape.picture[0] = 1, shape.target[0] = 2;
  return shape;
}

// The same with networks that are soon made.
inline void make_narrow(TrainOptions& o) {
  const CatalogueEntry& model = catalogue_entry(o.model);
  for (const auto& [part, network] : model.networks) {
    const std::int64_t width = std::stoll(network.get("width").value_or("0"));
    if (width > 16) o.model_options.push_back(part + ".width=" + std::to_string(std::max<std::int64_t>(16, width / 8)));
    if (network.get("encoder_width")) o.model_options.push_back(part + ".encoder_width=8");
    if (!o.model.starts_with("R3GAN")) continue;
    const std::string stages = network.get("widths").value();
    std::string widths = part + ".widths=16";
    for (const char c : stages) widths += c == ',' ? ",16" : "";
    o.model_options.push_back(widths);
  }
  if (!o.discriminator.empty()) o.model_options.push_back("discriminator.width=8");
}

}  // namespace duel::app
