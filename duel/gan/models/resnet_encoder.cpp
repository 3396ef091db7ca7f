#include "duel/gan/models/resnet_encoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "duel/nn/init.h"
#include "duel/nn/layers.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

struct Named {
  std::string_view name;
  std::array<std::int64_t, 4> blocks;
  ResnetBlockKind kind;
};

constexpr std::array<Named, 5> kPublished = {{
    {"resnet18", {2, 2, 2, 2}, ResnetBlockKind::basic},
    {"resnet34", {3, 4, 6, 3}, ResnetBlockKind::basic},
    {"resnet50", {3, 4, 6, 3}, ResnetBlockKind::bottleneck},
    {"resnet101", {3, 4, 23, 3}, ResnetBlockKind::bottleneck},
    {"resnet152", {3, 8, 36, 3}, ResnetBlockKind::bottleneck},
}};

// Without bias; kaiming_normal by fan-out.
Conv2d convolution(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  Conv2d c(rng, in, out, {.kernel = kernel, .stride = stride, .padding = kernel / 2, .bias = Bias::no});
  const double fan_out = static_cast<double>(out * kernel * kernel);
  c.weight = Variable::leaf(init::normal(rng, c.weight.shape(), 0, std::sqrt(2 / fan_out)));
  return c;
}

struct ResnetBlock {
  std::vector<Conv2d> convs;
  std::vector<BatchNorm2d> norms;
  std::optional<Sequential> downsample;

  void add(Conv2d c) {
    norms.emplace_back(c.weight.size(0));
    convs.push_back(std::move(c));
  }
  Variable operator()(const Variable& x, const Pass& pass) {
    Variable y = x;
    for (std::size_t i = 0; i + 1 < convs.size(); ++i) y = norms[i](convs[i](y), pass, Rectifier{0});
    y = norms.back()(convs.back()(y), pass);
    return rectified(y + (downsample ? (*downsample)(x, pass) : x), Rectifier{0});
  }
  void visit(Visitor& v) {
    for (std::size_t i = 0; i < convs.size(); ++i) {
      v.child(cat("conv", i + 1), convs[i]);
      v.child(cat("bn", i + 1), norms[i]);
    }
    if (downsample) v.child("downsample", *downsample);
  }
};

ResnetBlock block(Rng& rng, ResnetBlockKind kind, std::int64_t in, std::int64_t width, std::int64_t stride) {
  ResnetBlock b;
  const bool basic = kind == ResnetBlockKind::basic;
  const std::int64_t out = basic ? width : 4 * width;
  if (basic) {
    b.add(convolution(rng, in, width, 3, stride));
    b.add(convolution(rng, width, width, 3, 1));
  } else {
    b.add(convolution(rng, in, width, 1, 1));
    b.add(convolution(rng, width, width, 3, stride));
    b.add(convolution(rng, width, out, 1, 1));
  }
  if (stride != 1 || in != out) b.downsample = Sequential{{convolution(rng, in, out, 1, stride), BatchNorm2d(out)}};
  return b;
}

}  // namespace

ResnetEncoderOptions resnet_configuration(std::string_view name) {
  std::vector<std::string> names;
  for (const Named& n : kPublished) {
    if (n.name == name) return {.blocks = {n.blocks.begin(), n.blocks.end()}, .kind = n.kind};
    names.emplace_back(n.name);
  }
  fail("resnet_configuration", "there is no configuration '", name, "'", nearest(name, names));
}

Sequential resnet_encoder(Rng& rng, const ResnetEncoderOptions& o) {
  check(o.in_channels >= 1 && o.width >= 1 && !o.blocks.empty() &&
            std::ranges::all_of(o.blocks, [](std::int64_t n) { return n >= 1; }),
        "resnet_encoder", "channels, width and the blocks of each stage must be positive");
  Sequential s;
  s.layers = {convolution(rng, o.in_channels, o.width, 7, 2), BatchNorm2d(o.width), ReLU{},
              MaxPool2d{{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}}};
  std::int64_t in = o.width, width = o.width;
  for (std::size_t stage = 0; stage < o.blocks.size(); ++stage, width *= 2) {
    Sequential blocks;
    for (std::int64_t i = 0; i < o.blocks[stage]; ++i) {
      blocks.layers.emplace_back(block(rng, o.kind, in, width, stage > 0 && i == 0 ? 2 : 1));
      in = o.kind == ResnetBlockKind::basic ? width : 4 * width;
    }
    s.layers.emplace_back(std::move(blocks));
  }
  return s;
}

}  // namespace duel
