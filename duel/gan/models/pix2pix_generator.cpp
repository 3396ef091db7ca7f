#include "duel/gan/models/pix2pix_generator.h"

#include <optional>

#include "duel/gan/models/inputs.h"

namespace duel {
namespace {

const char* const kName = "Pix2pixGenerator";

using Options = Pix2pixGeneratorOptions;

const Options& checked(const Options& o) {
  check(o.in_channels >= 1 && o.out_channels >= 1 && o.width >= 1, kName, "channels and width must be positive");
  check(o.halvings >= 2 && o.halvings <= 16, kName, "needs 2 to 16 halvings, got ", o.halvings);
  check(o.dropout >= 0 && o.dropout < 1, kName, "dropout must lie in [0, 1), got ", o.dropout);
  return o;
}

// Feature maps after `depth` halvings.
std::int64_t channels(const Options& o, std::int64_t depth) {
  return depth == 0 ? o.out_channels : o.width * std::min<std::int64_t>(8, std::int64_t{1} << (depth - 1));
}

// What lies below one size, its result beside its input. The original activates x in place, so that leaky_relu(x) is
// what it passes on; the rectifier that follows there makes the two the same.
struct Skip {
  Sequential model;
  Variable operator()(const Variable& x, const Pass& pass) { return concat({x, model(x, pass)}, 1); }
  void visit(Visitor& v) { v.child("model", model); }
};

// One halving and its doubling, `inner` between them.
Sequential level(Rng& rng, const Options& o, std::int64_t depth, std::optional<Skip> inner) {
  const bool outermost = depth == 1, innermost = !inner;
  const std::int64_t outside = channels(o, depth - 1), inside = channels(o, depth);
  const Bias bias = bias_before(o.norm);
  Sequential s;
  if (!outermost) s.layers.emplace_back(LeakyReLU{0.2});
  s.layers.emplace_back(
      Conv2d(rng, outermost ? o.in_channels : outside, inside, {.kernel = 4, .stride = 2, .padding = 1, .bias = bias}));
  if (!outermost && !innermost) s.layers.push_back(translation_norm(o.norm, inside));
  if (inner) s.layers.emplace_back(std::move(*inner));
  s.layers.emplace_back(ReLU{});
  s.layers.emplace_back(
      ConvTranspose2d(rng, innermost ? inside : 2 * inside, outside,
                      {.kernel = 4, .stride = 2, .padding = 1, .bias = outermost ? Bias::yes : bias}));
  if (outermost)
    s.layers.emplace_back(Tanh{});
  else
    s.layers.push_back(translation_norm(o.norm, outside));
  if (o.dropout > 0 && depth > 4 && !innermost) s.layers.emplace_back(Dropout{o.dropout});
  return s;
}

}  // namespace

Pix2pixGenerator::Pix2pixGenerator(Rng& rng, const Options& o) : options(checked(o)) {
  std::optional<Skip> inner;
  for (std::int64_t depth = o.halvings; depth > 1; --depth) inner = Skip{level(rng, o, depth, std::move(inner))};
  model = level(rng, o, 1, std::move(inner));
  initialize_weights(rng, *this, o.init);
}

Variable Pix2pixGenerator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures(kName, pictures, options.in_channels);
  check_halves(kName, pictures, options.halvings);
  return model(pictures, pass);
}

}  // namespace duel
