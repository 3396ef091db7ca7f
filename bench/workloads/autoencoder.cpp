// The auto-encoders: the plain one of a short code, and the variational one.
#include "bench/workload.h"

namespace duel::bench {

Step autoencoder_undercomplete(Inputs& inputs, Extent e) {
  Rng rng(1);
  const AutoencoderOptions o = undercomplete_autoencoder();
  auto player = std::make_shared<Player<Autoencoder>>("generator.", Autoencoder(rng, o), AdamOptions{.lr = 1e-3});
  const Tensor real = inputs.pictures("real", e, o.channels);
  return step_of(player, [=](auto& p, Phases& phases) -> Losses {
    Variable distance = reconstruction_loss(p.network(real), real, o.pixels);
    phases.end("forward");
    const double loss = minimize(std::move(distance), p.optimizer);
    phases.end("backward");
    return {loss};
  });
}

// The noise is an input, so that PyTorch's step has the same one.
Step autoencoder_variational(Inputs& inputs, Extent e) {
  Rng rng(1);
  const AutoencoderOptions o;
  auto player = std::make_shared<Player<VariationalAutoencoder>>("generator.", VariationalAutoencoder(rng, o),
                                                                 AdamOptions{.lr = 1e-3});
  const Tensor real = inputs.pictures("real", e, o.channels), noise = inputs.normal("noise", {e.batch, o.code});
  return step_of(player, [=](auto& p, Phases& phases) -> Losses {
    const DiagonalGaussian posterior = p.network.encode(real);
    const Variable code = posterior.mu + exp(0.5 * posterior.log_var) * noise;
    Variable bound = variational_loss({p.network.decode(code), posterior}, real);
    phases.end("forward");
    const double loss = minimize(std::move(bound), p.optimizer);
    phases.end("backward");
    return {loss};
  });
}

}  // namespace duel::bench
