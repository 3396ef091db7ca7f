#include "duel/gan/models/studiogan_dcgan.h"

#include <bit>

#include "duel/gan/models/biggan_parts.h"
#include "duel/gan/models/inputs.h"

namespace duel {
namespace {

using Options = StudioganDcganOptions;

constexpr const char* kGenerator = "StudioganDcganGenerator";
constexpr const char* kDiscriminator = "StudioganDcganDiscriminator";
constexpr std::int64_t kBottom = 4;  // pixels at which a generator starts

const Options& checked(const char* network, const Options& o) {
  check(o.size >= 8 && o.size <= 65536 && std::has_single_bit(static_cast<std::uint64_t>(o.size)), network,
        "makes pictures of 8, 16, 32 ... pixels a side, not of ", o.size);
  check(o.channels >= 1 && o.latent >= 1 && o.width >= 1, network, "channels, latent and width must be positive, got ",
        o.channels, ", ", o.latent, " and ", o.width);
  return o;
}

// Feature maps at 4 x 4.
std::int64_t widest(const Options& o) { return o.width * (o.size / kBottom); }

Conv2d same_size(Rng& rng, std::int64_t in, std::int64_t out) { return {rng, in, out, {.kernel = 3, .padding = 1}}; }

template <class Blocks>
void visit_blocks(Visitor& v, Blocks& blocks) {
  for (std::size_t i = 0; i < blocks.size(); ++i) v.child(cat("blocks.", i, ".0"), blocks[i]);
}

}  // namespace

Variable StudioganDcganGenerator::Block::operator()(const Variable& x, const Pass& pass) {
  return norm(deconv(x), pass, Rectifier{0});
}

void StudioganDcganGenerator::Block::visit(Visitor& v) {
  v.child("deconv0", deconv);
  v.child("bn0", norm);
}

StudioganDcganGenerator::StudioganDcganGenerator(Rng& rng, const Options& o)
    : options(checked(kGenerator, o)),
      linear(rng, o.latent, widest(o) * kBottom * kBottom),
      output(same_size(rng, o.width, o.channels)) {
  for (std::int64_t c = widest(o); c > o.width; c /= 2)
    blocks.push_back({ConvTranspose2d(rng, c, c / 2, {.kernel = 4, .stride = 2, .padding = 1}),
                      BatchNorm2d(c / 2, {.eps = o.norm_eps})});
  biggan::initialize(rng, *this, o.init, BigganSystem::studiogan);
}

Variable StudioganDcganGenerator::operator()(const Variable& z, const Pass& pass) {
  check_latents(kGenerator, z, options.latent);
  Variable x = reshape(linear(z), {z.size(0), widest(options), kBottom, kBottom});
  for (Block& block : blocks) x = block(x, pass);
  return tanh(output(x));
}

void StudioganDcganGenerator::visit(Visitor& v) {
  v.child("linear0", linear);
  visit_blocks(v, blocks);
  v.child("conv4", output);
}

Variable StudioganDcganDiscriminator::Block::operator()(const Variable& x, const Pass& pass) {
  const Variable seen = norm(conv(x), pass, Rectifier{0});
  return down_norm(down(seen), pass, Rectifier{0});
}

void StudioganDcganDiscriminator::Block::visit(Visitor& v) {
  v.child("conv0", conv);
  v.child("conv1", down);
  v.child("bn0", norm);
  v.child("bn1", down_norm);
}

StudioganDcganDiscriminator::StudioganDcganDiscriminator(Rng& rng, const Options& o)
    : options(checked(kDiscriminator, o)),
      last(same_size(rng, widest(o) / 2, widest(o))),
      last_norm(widest(o), {.eps = o.norm_eps}),
      linear(rng, widest(o), 1) {
  const BatchNormOptions norm{.eps = o.norm_eps};
  for (std::int64_t in = o.channels, out = o.width; out < widest(o); in = out, out *= 2)
    blocks.push_back({same_size(rng, in, out), Conv2d(rng, out, out, {.kernel = 4, .stride = 2, .padding = 1}),
                      BatchNorm2d(out, norm), BatchNorm2d(out, norm)});
  biggan::initialize(rng, *this, o.init, BigganSystem::studiogan);
}

Variable StudioganDcganDiscriminator::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures(kDiscriminator, pictures, options.channels, {options.size, options.size});
  Variable x = pictures;
  for (Block& block : blocks) x = block(x, pass);
  return flatten(linear(global_sum_pool(last_norm(last(x), pass, Rectifier{0}))), 0);
}

void StudioganDcganDiscriminator::visit(Visitor& v) {
  visit_blocks(v, blocks);
  v.child("conv1", last);
  v.child("bn1", last_norm);
  v.child("linear1", linear);
}

}  // namespace duel
