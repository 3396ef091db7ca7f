// Whole training steps on fixed inputs, each of which compare_torch.py has in PyTorch too.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/measure.h"
#include "duel/duel.h"

namespace duel::bench {

/// How many pictures a step is given, of side x side pixels.
struct Extent {
  std::int64_t batch, side;
};

/// The random inputs of a step, drawn once, by name.
class Inputs {
 public:
  /// Numbers of N(0, 1).
  Tensor normal(const std::string& name, const Shape& shape);
  /// Pictures [batch, channels, side, side] of uniform noise in [-1, 1), channels-last.
  Tensor pictures(const std::string& name, Extent extent, std::int64_t channels);
  /// One number in [0, 1) for each of `count` samples.
  Tensor shares(const std::string& name, std::int64_t count);
  Tensor labels(const std::string& name, std::int64_t count, std::int64_t classes);
  /// A random stream whose first `count` numbers in [0, 1) are the input.
  Rng stream(const std::string& name, std::int64_t count);
  const StateDict& all() const { return all_; }

 private:
  Tensor kept(const std::string& name, Tensor t);
  Rng rng_{2};
  StateDict all_;
};

/// Tells how long the parts of a step take: each lasts from the end of the one before.
class Phases {
 public:
  void begin();
  void end(const char* phase);
  /// In the order of their first ends, with the seconds of every step.
  std::vector<std::pair<std::string, std::vector<double>>> all;

 private:
  double last_ = 0;
};

using Losses = std::vector<double>;

struct Step {
  /// Runs once more, on the same inputs.
  std::function<Losses(Phases&)> run;
  /// Every network's parameters and buffers: "generator.main.0.weight" ...
  std::function<StateDict()> state;
};

struct Workload {
  std::string_view name;
  Step (*make)(Inputs& inputs, Extent extent);
  Extent extent;                         ///< the usual one
  std::vector<std::int64_t> sides = {};  ///< others that show how time grows; none where networks are of one size
};

const std::vector<Workload>& workloads();

/// Pictures of the usual size in powers of two, from an eighth of the usual batch to twice that; then the usual batch
/// of other sizes.
std::vector<Extent> growing_extents(const Workload& workload);

// By family; the steps are those of their systems' training programs.
Step mlp_gan(Inputs& inputs, Extent extent);
Step dcgan_fashion(Inputs& inputs, Extent extent);
Step dcgan_32(Inputs& inputs, Extent extent);
Step dcgan_64(Inputs& inputs, Extent extent);
Step dcgan_64_r1(Inputs& inputs, Extent extent);
Step wgan_gp_64(Inputs& inputs, Extent extent);
Step dcgan_64_sampling(Inputs& inputs, Extent extent);
Step sngan_32(Inputs& inputs, Extent extent);
Step sngan_64(Inputs& inputs, Extent extent);
Step sagan_32(Inputs& inputs, Extent extent);
Step biggan_32(Inputs& inputs, Extent extent);
Step biggan_32_sampling(Inputs& inputs, Extent extent);
Step cyclegan_256_forward(Inputs& inputs, Extent extent);
Step cyclegan_128(Inputs& inputs, Extent extent);
Step pix2pix(Inputs& inputs, Extent extent);
Step pix2pix_pixel(Inputs& inputs, Extent extent);
Step ganzo_pix2pix(Inputs& inputs, Extent extent);
Step r3gan_32(Inputs& inputs, Extent extent);
Step tutorial_cgan(Inputs& inputs, Extent extent);
Step tutorial_dcgan(Inputs& inputs, Extent extent);
Step ganzo_fc(Inputs& inputs, Extent extent);
Step ganzo_conv_64(Inputs& inputs, Extent extent);
Step ganzo_good_64(Inputs& inputs, Extent extent);
Step mimicry_sngan_64(Inputs& inputs, Extent extent);
Step mimicry_sngan_128(Inputs& inputs, Extent extent);
Step mimicry_wgan_gp_32(Inputs& inputs, Extent extent);
Step mimicry_ssgan_32(Inputs& inputs, Extent extent);
Step mimicry_infomax_32(Inputs& inputs, Extent extent);
Step mimicry_cgan_pd_32(Inputs& inputs, Extent extent);
Step mimicry_sagan_32(Inputs& inputs, Extent extent);
Step studiogan_dcgan_32(Inputs& inputs, Extent extent);
Step studiogan_wgan_gp_32(Inputs& inputs, Extent extent);
Step studiogan_sngan_32(Inputs& inputs, Extent extent);
Step studiogan_pd_gan_32(Inputs& inputs, Extent extent);
Step studiogan_sagan_32(Inputs& inputs, Extent extent);
Step studiogan_biggan_32(Inputs& inputs, Extent extent);
Step studiogan_acgan_32(Inputs& inputs, Extent extent);
Step studiogan_tacgan_32(Inputs& inputs, Extent extent);
Step studiogan_adcgan_32(Inputs& inputs, Extent extent);
Step studiogan_mhgan_32(Inputs& inputs, Extent extent);
Step studiogan_mdgan_32(Inputs& inputs, Extent extent);
Step studiogan_contragan_32(Inputs& inputs, Extent extent);
Step studiogan_reacgan_32(Inputs& inputs, Extent extent);
Step studiogan_biggan_128(Inputs& inputs, Extent extent);
Step biggan_deep_32(Inputs& inputs, Extent extent);
Step fastai_basic_64(Inputs& inputs, Extent extent);
Step fastai_critic(Inputs& inputs, Extent extent);
Step fastai_unet(Inputs& inputs, Extent extent);
Step autoencoder_undercomplete(Inputs& inputs, Extent extent);
Step autoencoder_variational(Inputs& inputs, Extent extent);

/// A state dictionary with a prefix before its names.
void add_state(StateDict& all, const std::string& prefix, const StateDict& part);

/// Two networks with an optimiser each.
template <class G, class D>
struct Players {
  G generator;
  D discriminator;
  Adam generator_optimizer, discriminator_optimizer;

  Players(G g, D d, const AdamOptions& o) : Players(std::move(g), std::move(d), o, o) {}
  Players(G g, D d, const AdamOptions& of_g, const AdamOptions& of_d)
      : generator(std::move(g)),
        discriminator(std::move(d)),
        generator_optimizer(generator, of_g),
        discriminator_optimizer(discriminator, of_d) {}

  StateDict state() {
    StateDict all;
    add_state(all, "generator.", state_dict(generator));
    add_state(all, "discriminator.", state_dict(discriminator));
    return all;
  }
};

/// One that has no opponent. `prefix` is that of its names in a step's state, "generator." or "discriminator.".
template <class N>
struct Player {
  const char* prefix;
  N network;
  Adam optimizer;

  Player(const char* p, N n, const AdamOptions& o) : prefix(p), network(std::move(n)), optimizer(network, o) {}
  StateDict state() {
    StateDict all;
    add_state(all, prefix, state_dict(network));
    return all;
  }
};

/// The networks of an adversarial game with an optimiser each.
struct Opponents {
  AdversarialNetworks networks;
  std::unique_ptr<Optimizer> generator_optimizer, discriminator_optimizer;

  Opponents(Rng& rng, const AdversarialGameOptions& o)
      : networks{o.generator.make(rng), o.discriminator.make(rng)},
        generator_optimizer(make_optimizer(networks.generator, o.generator_optimizer)),
        discriminator_optimizer(make_optimizer(networks.discriminator, o.discriminator_optimizer)) {}
  StateDict state() {
    StateDict all;
    add_state(all, "generator.", state_dict(networks.generator));
    add_state(all, "discriminator.", state_dict(networks.discriminator));
    return all;
  }
};

/// One update; the loss's value.
inline double minimize(Variable loss, Optimizer& optimizer, const GradOptions& options = {}) {
  const double value = loss.item();
  optimizer.step(grad(std::move(loss), optimizer.parameters(), options));
  return value;
}

/// A step of `players` that `run(players, phases)` makes.
template <class P, class Run>
Step step_of(std::shared_ptr<P> players, Run run) {
  return {[players, run](Phases& phases) {
            phases.begin();
            return run(*players, phases);
          },
          [players] { return players->state(); }};
}

}  // namespace duel::bench
