#include "duel/gan/models/tutorial_gans.h"

#include <algorithm>

namespace duel {
namespace {

const MlpGanOptions& checked(const char* network, const MlpGanOptions& o) {
  check(o.size.h >= 1 && o.size.w >= 1 && o.channels >= 1 && o.latent >= 1 && o.classes >= 0, network,
        "size, channels and latent must be positive, classes not negative");
  for (const auto* widths : {&o.generator_widths, &o.discriminator_widths})
    check(!widths->empty() && std::ranges::all_of(*widths, [](std::int64_t w) { return w >= 1; }), network,
          "needs at least one hidden layer, all of positive widths");
  return o;
}

std::int64_t pixels(const MlpGanOptions& o) { return o.channels * o.size.h * o.size.w; }

// x [N, D], followed by the class if there are classes.
Variable with_class(const Variable& x, const Tensor& labels, std::int64_t classes) {
  if (classes == 0) return x;
  return concat({x, one_hot(labels, classes, x.dtype())}, 1);
}

const TutorialDcganOptions& checked(const char* network, const TutorialDcganOptions& o) {
  check(o.size.h >= 32 && o.size.w >= 32 && o.size.h % 8 == 0 && o.size.w % 8 == 0, network,
        "makes pictures of multiples of 8 pixels, 32 at least, not of ", o.size.h, " x ", o.size.w);
  check(o.channels >= 1 && o.latent >= 1 && o.width >= 1, network, "channels, latent and width must be positive");
  return o;
}

}  // namespace

MlpGanGenerator::MlpGanGenerator(Rng& rng, const Options& o) : options(checked("MlpGanGenerator", o)) {
  auto& layers = model.layers;
  std::int64_t in = o.latent + o.classes;
  for (std::int64_t width : o.generator_widths) {
    const bool first = layers.empty();
    layers.emplace_back(Linear(rng, in, width));
    if (!first) layers.emplace_back(BatchNorm1d(width, {.eps = o.norm_eps}));
    layers.emplace_back(LeakyReLU{0.2});
    in = width;
  }
  layers.emplace_back(Linear(rng, in, pixels(o)));
  layers.emplace_back(Tanh{});
}

Variable MlpGanGenerator::operator()(const Variable& z, const Tensor& labels, const Pass& pass) {
  check_latents("MlpGanGenerator", z, options.latent);
  check_labels("MlpGanGenerator", labels, z, options.classes);
  const Variable y = model(with_class(z, labels, options.classes), pass);
  return reshape(y, {z.size(0), options.channels, options.size.h, options.size.w});
}

MlpGanDiscriminator::MlpGanDiscriminator(Rng& rng, const Options& o) : options(checked("MlpGanDiscriminator", o)) {
  std::int64_t in = pixels(o) + o.classes;
  for (std::int64_t width : o.discriminator_widths) {
    model.layers.emplace_back(Linear(rng, in, width));
    model.layers.emplace_back(LeakyReLU{0.2});
    in = width;
  }
  model.layers.emplace_back(Linear(rng, in, 1));
}

Variable MlpGanDiscriminator::operator()(const Variable& pictures, const Tensor& labels, const Pass& pass) {
  check_pictures("MlpGanDiscriminator", pictures, options.channels, options.size);
  check_labels("MlpGanDiscriminator", labels, pictures, options.classes);
  const Variable logits = model(with_class(flatten(pictures), labels, options.classes), pass);
  return scores_of(flatten(logits, 0), options.scores);
}

TutorialDcganGenerator::TutorialDcganGenerator(Rng& rng, const Options& o)
    : options(checked("TutorialDcganGenerator", o)),
      linear(rng, o.latent, 16 * o.width * (o.size.h / 8) * (o.size.w / 8)) {
  const std::int64_t w = o.width;
  conv.layers = {ConvTranspose2d(rng, 16 * w, 8 * w, {.stride = 2}),
                 BatchNorm2d(8 * w),
                 ReLU{},
                 ConvTranspose2d(rng, 8 * w, 4 * w, {.stride = 2, .padding = 1}),
                 BatchNorm2d(4 * w),
                 ReLU{},
                 ConvTranspose2d(rng, 4 * w, o.channels, {.kernel = 4, .stride = 2, .padding = 2}),
                 Tanh{}};
}

Variable TutorialDcganGenerator::operator()(const Variable& z, const Pass& pass) {
  check_latents("TutorialDcganGenerator", z, options.latent);
  return conv(reshape(linear(z), {z.size(0), 16 * options.width, options.size.h / 8, options.size.w / 8}), pass);
}

void TutorialDcganGenerator::visit(Visitor& v) {
  v.child("linear", linear);
  v.child("conv", conv);
}

TutorialDcganDiscriminator::TutorialDcganDiscriminator(Rng& rng, const Options& o)
    : options(checked("TutorialDcganDiscriminator", o)),
      linear(rng, 8 * o.width * (o.size.h / 8 - 3) * (o.size.w / 8 - 3), 1) {
  const std::int64_t w = o.width;
  const Conv2dOptions halving{.stride = 2, .padding = 1};
  conv.layers = {Conv2d(rng, o.channels, w, halving),
                 LeakyReLU{0.2},
                 Conv2d(rng, w, 2 * w, halving),
                 BatchNorm2d(2 * w),
                 LeakyReLU{0.2},
                 Conv2d(rng, 2 * w, 4 * w, halving),
                 BatchNorm2d(4 * w),
                 LeakyReLU{0.2},
                 Conv2d(rng, 4 * w, 8 * w, {.kernel = 4}),
                 BatchNorm2d(8 * w),
                 LeakyReLU{0.2}};
}

Variable TutorialDcganDiscriminator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("TutorialDcganDiscriminator", pictures, options.channels);
  const auto fits = [](std::int64_t given, std::int64_t size) { return given <= size && given > size - 8; };
  check(fits(pictures.size(2), options.size.h) && fits(pictures.size(3), options.size.w), "TutorialDcganDiscriminator",
        "is made for pictures of up to 7 pixels less than ", options.size.h, " x ", options.size.w, ", got ",
        pictures.value());
  return scores_of(flatten(linear(flatten(conv(pictures, pass))), 0), options.scores);
}

void TutorialDcganDiscriminator::visit(Visitor& v) {
  v.child("conv", conv);
  v.child("linear", linear);
}

}  // namespace duel
