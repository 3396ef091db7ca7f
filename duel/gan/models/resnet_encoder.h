// The body of a residual classifier (He et al. 2016), without pooling and classes: an encoder for U-Nets that published
// weights fit. Names are those of torchvision's ResNet as a list of its children, as fastai cuts it: "0.weight"
// (conv1), "1.bias" (bn1), "4.0.conv1.weight" (layer1), ... "7" (layer4).
#pragma once

#include <string_view>
#include <vector>

#include "duel/nn/sequential.h"

namespace duel {

/// Two convolutions 3 x 3, or 1 x 1, 3 x 3 (with the stride) and 1 x 1 to four times the feature maps.
enum class ResnetBlockKind : std::uint8_t { basic, bottleneck };

struct ResnetEncoderOptions {
  std::int64_t in_channels = 3;
  std::int64_t width = 64;                       ///< feature maps of the first stage; they double at the next ones
  std::vector<std::int64_t> blocks{3, 4, 6, 3};  ///< in each stage; all but the first stage halve the picture
  ResnetBlockKind kind = ResnetBlockKind::basic;
};

/// "resnet18", "resnet34", "resnet50", "resnet101" or "resnet152". Throws, naming the nearest one, for another name.
ResnetEncoderOptions resnet_configuration(std::string_view name);

/// Pictures [N, in_channels, H, W] to maps of half, a quarter, an eighth ... of their size.
Sequential resnet_encoder(Rng& rng, const ResnetEncoderOptions& options);

}  // namespace duel
