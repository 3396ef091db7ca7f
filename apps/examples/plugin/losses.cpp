// The loss margin, a hinge loss whose margin can be chosen, and the noise sphere.
#include "parts.h"

namespace example {
namespace {

using namespace duel;

AdversarialLoss margin_loss(double width) {
  return {
      .name = "margin",
      .discriminator = [width](const Variable& real,
                               const Variable& fake) { return mean(relu(width - real)) + mean(relu(width + fake)); },
      .generator_of_scores = [](const Variable&, const Variable& fake) { return -mean(fake); }};
}

// N(0, 1) drawn to the sphere's surface: every row [latent] of the length that such rows have on average.
Tensor sphere_noise(Rng& rng, const Shape& shape, double radius) {
  const NoGrad no_grad;
  const Variable z = rng.normal(shape);  // [N, latent]
  const Variable length = sqrt(sum(square(z), {1}, KeepDims::yes));
  return (radius * std::sqrt(static_cast<double>(shape[1])) * z / length).value();
}

}  // namespace

void register_losses(Registry& registry) {
  registry.losses.add({.name = "margin",
                       .help = "hinge loss with a margin of one's own",
                       .parameters = {{"width", "scores beyond it are good enough", 1.0, 0, 100}},
                       .make = [](const Parameters& p) { return margin_loss(p.get<double>("width")); }});
  registry.noises.add({.name = "sphere",
                       .help = "evenly on a sphere",
                       .parameters = {{"radius", "over the square root of the latent's length", 1.0, 0.01, 100}},
                       .make = [](const Parameters& p) -> DrawNoise {
                         return [radius = p.get<double>("radius")](Rng& rng, const Shape& shape) {
                           return sphere_noise(rng, shape, radius);
                         };
                       }});
}

}  // namespace example
