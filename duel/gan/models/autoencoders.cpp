#include "duel/gan/models/autoencoders.h"

#include <algorithm>

#include "duel/autograd/mixed_precision.h"
#include "duel/nn/losses.h"

namespace duel {
namespace {

const AutoencoderOptions& checked(const char* network, const AutoencoderOptions& o) {
  check(o.size.h >= 1 && o.size.w >= 1 && o.channels >= 1 && o.code >= 1, network,
        "size, channels and code must be positive");
  check(std::ranges::all_of(o.widths, [](std::int64_t w) { return w >= 1; }), network, "widths must be positive");
  check(o.noise >= 0 && o.masking >= 0 && o.masking < 1, network,
        "noise must not be negative and masking must lie in [0, 1), got ", o.noise, " and ", o.masking);
  return o;
}

std::int64_t pixels(const AutoencoderOptions& o) { return o.channels * o.size.h * o.size.w; }

// Pixels to the last hidden layer.
Sequential hidden_layers(Rng& rng, const AutoencoderOptions& o) {
  Sequential s;
  std::int64_t in = pixels(o);
  for (std::int64_t width : o.widths) {
    s.layers.emplace_back(Linear(rng, in, width));
    s.layers.emplace_back(ReLU{});
    in = width;
  }
  return s;
}

std::int64_t last_width(const AutoencoderOptions& o) { return o.widths.empty() ? pixels(o) : o.widths.back(); }

Sequential decoder_layers(Rng& rng, const AutoencoderOptions& o) {
  Sequential s;
  std::int64_t in = o.code;
  for (std::size_t i = o.widths.size(); i-- > 0; in = o.widths[i]) {
    s.layers.emplace_back(Linear(rng, in, o.widths[i]));
    s.layers.emplace_back(ReLU{});
  }
  s.layers.emplace_back(Linear(rng, in, pixels(o)));
  s.layers.push_back(o.pixels == PixelModel::gaussian ? Layer(Tanh{}) : Layer(Sigmoid{}));
  return s;
}

Rng& needed_rng(const char* network, const Pass& pass) {
  check(pass.rng != nullptr, network, "training needs a random stream: pass {.rng = &rng}");
  return *pass.rng;
}

// N(0, deviation^2), as many as x has and of its dtype.
Variable noise_like(const Variable& x, double deviation, Rng& rng) {
  const Tensor drawn = rng.normal(x.shape(), 0, deviation, {parameter_dtype(x.dtype()), x.value().device()});
  return drawn.to(x.dtype());
}

Variable corrupted(const char* network, const Variable& x, const AutoencoderOptions& o, const Pass& pass) {
  if (pass.mode == Mode::eval || (o.noise == 0 && o.masking == 0)) return x;
  Rng& rng = needed_rng(network, pass);
  Variable y = x;
  if (o.noise > 0) y = y + noise_like(x, o.noise, rng);
  // Dropout makes up for what it drops, which masking noise does not.
  if (o.masking > 0) y = (1 - o.masking) * dropout(y, o.masking, rng);
  return y;
}

Variable decoded(const char* network, Sequential& decoder, const Variable& code, const AutoencoderOptions& o,
                 const Pass& pass) {
  check_latents(network, code, o.code);
  return reshape(decoder(code, pass), {code.size(0), o.channels, o.size.h, o.size.w});
}

}  // namespace

AutoencoderOptions undercomplete_autoencoder() { return {}; }

AutoencoderOptions overcomplete_autoencoder() { return {.widths = {}, .code = 1024}; }

AutoencoderOptions denoising_autoencoder() { return {.noise = 0.3, .masking = 0.25}; }

Autoencoder::Autoencoder(Rng& rng, const Options& o)
    : options(checked("Autoencoder", o)), encoder(hidden_layers(rng, o)) {
  encoder.layers.emplace_back(Linear(rng, last_width(o), o.code));
  decoder = decoder_layers(rng, o);
}

Variable Autoencoder::operator()(const Variable& pictures, const Pass& pass) {
  check_pictures("Autoencoder", pictures, options.channels, options.size);
  return decode(encode(corrupted("Autoencoder", pictures, options, pass), pass), pass);
}

Variable Autoencoder::encode(const Variable& pictures, const Pass& pass) {
  check_pictures("Autoencoder", pictures, options.channels, options.size);
  return encoder(flatten(pictures), pass);
}

Variable Autoencoder::decode(const Variable& code, const Pass& pass) {
  return decoded("Autoencoder", decoder, code, options, pass);
}

void Autoencoder::visit(Visitor& v) {
  v.child("encoder", encoder);
  v.child("decoder", decoder);
}

Variable reparameterize(const DiagonalGaussian& posterior, Rng& rng) {
  const Variable& mu = posterior.mu;
  return mu + exp(0.5 * posterior.log_var) * noise_like(mu, 1, rng);
}

VariationalAutoencoder::VariationalAutoencoder(Rng& rng, const Options& o)
    : options(checked("VariationalAutoencoder", o)),
      encoder(hidden_layers(rng, o)),
      mu(rng, last_width(o), o.code),
      log_var(rng, last_width(o), o.code),
      decoder(decoder_layers(rng, o)) {}

VariationalOutput VariationalAutoencoder::operator()(const Variable& pictures, const Pass& pass) {
  const char* const name = "VariationalAutoencoder";
  check_pictures(name, pictures, options.channels, options.size);
  const DiagonalGaussian posterior = encode(corrupted(name, pictures, options, pass), pass);
  const bool training = pass.mode == Mode::train;
  const Variable z = training ? reparameterize(posterior, needed_rng(name, pass)) : posterior.mu;
  return {decode(z, pass), posterior};
}

DiagonalGaussian VariationalAutoencoder::encode(const Variable& pictures, const Pass& pass) {
  check_pictures("VariationalAutoencoder", pictures, options.channels, options.size);
  const Variable hidden = encoder(flatten(pictures), pass);
  return {mu(hidden), log_var(hidden)};
}

Variable VariationalAutoencoder::decode(const Variable& z, const Pass& pass) {
  return decoded("VariationalAutoencoder", decoder, z, options, pass);
}

void VariationalAutoencoder::visit(Visitor& v) {
  v.child("encoder", encoder);
  v.child("mu", mu);
  v.child("log_var", log_var);
  v.child("decoder", decoder);
}

Variable reconstruction_loss(const Variable& y, const Variable& x, PixelModel pixels) {
  check(y.defined() && y.dim() >= 1 && y.size(0) >= 1, "reconstruction_loss", "needs pictures [N, C, H, W], N >= 1");
  const double samples = static_cast<double>(y.size(0));
  if (pixels == PixelModel::gaussian) return mse(y, x, Reduction::sum) / (2 * samples);
  return bce(y, x, Reduction::sum) / samples;
}

Variable variational_loss(const VariationalOutput& output, const Variable& x, const VariationalLossOptions& o) {
  const DiagonalGaussian& q = output.posterior;
  return reconstruction_loss(output.pictures, x, o.pixels) +
         o.beta * kl_gaussian(follow(q.mu, x.dtype()), follow(q.log_var, x.dtype()));
}

}  // namespace duel
