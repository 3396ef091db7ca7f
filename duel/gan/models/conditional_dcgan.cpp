#include "duel/gan/models/conditional_dcgan.h"

#include <algorithm>

#include "duel/autograd/mixed_precision.h"
#include "duel/nn/init.h"

namespace duel {
namespace {

const ConditionalDcganOptions& checked(const ConditionalDcganOptions& o) {
  check(o.stages >= 1 && o.stages <= 10 && o.width >= 1 && o.latent >= 1 && o.channels >= 1 && o.classes >= 1,
        "ConditionalDcgan", "stages (1 to 10), width, latent, channels and classes must be positive");
  const std::int64_t step = std::int64_t{1} << o.stages;
  check(o.size.h >= step && o.size.w >= step && o.size.h % step == 0 && o.size.w % step == 0, "ConditionalDcgan",
        "pictures of ", o.size.h, " x ", o.size.w, " do not halve evenly ", o.stages,
        " times: resize them to multiples of ", step, ", or take fewer stages");
  return o;
}

// Feature maps after `halvings` halvings, 1 to stages.
std::int64_t features(const ConditionalDcganOptions& o, std::int64_t halvings) {
  return o.width * std::min<std::int64_t>(8, std::int64_t{1} << (halvings - 1));
}

Size2 smallest(const ConditionalDcganOptions& o) { return {o.size.h >> o.stages, o.size.w >> o.stages}; }

std::int64_t smallest_elements(const ConditionalDcganOptions& o) {
  return features(o, o.stages) * smallest(o).h * smallest(o).w;
}

void check_labels(const char* network, const Tensor& labels, const Variable& x) {
  check(x.dim() >= 1 && labels.defined() && labels.shape() == Shape{x.size(0)}, network, "needs a label for each of ",
        x.value(), ", got ", labels);
}

// DCGAN's initialisation.
template <class Convolution>
Convolution gaussian(Rng& rng, Convolution c) {
  c.weight = Variable::leaf(init::normal(rng, c.weight.shape(), 0, 0.02));
  c.bias = c.bias.defined() ? Variable::leaf(init::zeros(c.bias.shape())) : c.bias;
  return c;
}

}  // namespace

ConditionalDcganGenerator::ConditionalDcganGenerator(Rng& rng, const Options& o)
    : options(checked(o)), project(gaussian(rng, Linear(rng, o.latent, smallest_elements(o), {.bias = Bias::no}))) {
  for (std::int64_t s = o.stages; s >= 1; --s) {
    norms.emplace_back(rng, features(o, s), o.classes);
    const bool last = s == 1;
    ups.push_back(
        gaussian(rng, ConvTranspose2d(rng, features(o, s), last ? o.channels : features(o, s - 1),
                                      {.kernel = 4, .stride = 2, .padding = 1, .bias = last ? Bias::yes : Bias::no})));
  }
}

Variable ConditionalDcganGenerator::operator()(const Variable& z, const Tensor& labels, const Pass& pass) {
  check_labels("ConditionalDcganGenerator", labels, z);
  const Size2 small = smallest(options);
  Variable x = reshape(project(z), {z.size(0), features(options, options.stages), small.h, small.w});
  for (std::size_t i = 0; i < ups.size(); ++i) x = ups[i](norms[i](x, labels, pass, Rectifier{0}));
  return tanh(x);
}

void ConditionalDcganGenerator::visit(Visitor& v) {
  v.child("project", project);
  for (std::size_t i = 0; i < ups.size(); ++i) {
    v.child(cat("norms.", i), norms[i]);
    v.child(cat("ups.", i), ups[i]);
  }
}

ConditionalDcganDiscriminator::ConditionalDcganDiscriminator(Rng& rng, const Options& o)
    : psi(gaussian(rng, Linear(rng, smallest_elements(checked(o)), 1))), classes(rng, o.classes, smallest_elements(o)) {
  for (std::int64_t s = 1; s <= o.stages; ++s)
    downs.push_back(gaussian(rng, Conv2d(rng, s == 1 ? o.channels : features(o, s - 1), features(o, s),
                                         {.kernel = 4, .stride = 2, .padding = 1})));
  classes.weight = Variable::leaf(init::normal(rng, classes.weight.shape(), 0, 0.02));
}

Variable ConditionalDcganDiscriminator::operator()(const Variable& pictures, const Tensor& labels, const Pass&) {
  check_labels("ConditionalDcganDiscriminator", labels, pictures);
  Variable x = pictures;
  for (Conv2d& down : downs) x = down(x, Rectifier{0.2});
  const Variable h = follow(flatten(x), psi.weight.dtype());
  return flatten(psi(h), 0) + sum(classes(labels) * h, {1});
}

void ConditionalDcganDiscriminator::visit(Visitor& v) {
  for (std::size_t i = 0; i < downs.size(); ++i) v.child(cat("downs.", i), downs[i]);
  v.child("psi", psi);
  v.child("classes", classes);
}

}  // namespace duel
