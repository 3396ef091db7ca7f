#include "bench/workload.h"

#include <algorithm>
#include <bit>
#include <chrono>

namespace duel::bench {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

Tensor Inputs::kept(const std::string& name, Tensor t) { return all_["input." + name] = std::move(t); }

Tensor Inputs::normal(const std::string& name, const Shape& shape) { return kept(name, rng_.normal(shape)); }
Tensor Inputs::pictures(const std::string& name, Extent e, std::int64_t channels) {
  return kept(name, rng_.uniform({e.batch, channels, e.side, e.side}, -1, 1, {.layout = Layout::channels_last}));
}
Tensor Inputs::shares(const std::string& name, std::int64_t count) { return kept(name, rng_.uniform({count})); }
Tensor Inputs::labels(const std::string& name, std::int64_t count, std::int64_t classes) {
  return kept(name, rng_.integers({count}, classes));
}
Rng Inputs::stream(const std::string& name, std::int64_t count) {
  const Rng stream = rng_.split();
  kept(name, Rng(stream).uniform({count}));
  return stream;
}

void Phases::begin() { last_ = now(); }

void Phases::end(const char* phase) {
  const double time = now();
  auto found = std::find_if(all.begin(), all.end(), [&](const auto& known) { return known.first == phase; });
  if (found == all.end()) found = all.insert(all.end(), {phase, {}});
  found->second.push_back(time - last_);
  last_ = time;
}

void add_state(StateDict& all, const std::string& prefix, const StateDict& part) {
  for (const auto& [name, tensor] : part) all[prefix + name] = tensor;
}

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = {
      {"mlp-gan", mlp_gan, {64, 28}},
      {"dcgan-fashion", dcgan_fashion, {64, 28}},
      {"dcgan-32", dcgan_32, {64, 32}},
      {"dcgan-64", dcgan_64, {64, 64}, {32, 128}},
      {"dcgan-64-r1", dcgan_64_r1, {64, 64}},
      {"wgan-gp-64", wgan_gp_64, {64, 64}},
      {"sngan-32", sngan_32, {64, 32}},
      {"sngan-64", sngan_64, {4, 64}},
      {"sagan-32", sagan_32, {64, 32}},
      {"biggan-32", biggan_32, {50, 32}},
      {"cyclegan-256-forward", cyclegan_256_forward, {1, 256}, {128, 512}},
      {"cyclegan-128", cyclegan_128, {1, 128}, {64, 256}},
      {"pix2pix-256", pix2pix, {1, 256}},
      {"pix2pix-128", pix2pix, {1, 128}},
      {"pix2pix-pixel-128", pix2pix_pixel, {1, 128}},
      {"r3gan-32", r3gan_32, {8, 32}},
      {"tutorial-cgan", tutorial_cgan, {64, 28}},
      {"tutorial-dcgan", tutorial_dcgan, {64, 32}},
      {"autoencoder-undercomplete", autoencoder_undercomplete, {64, 28}},
      {"autoencoder-variational", autoencoder_variational, {64, 28}},
      {"ganzo-fc", ganzo_fc, {64, 28}},
      {"ganzo-conv-64", ganzo_conv_64, {64, 64}},
      {"ganzo-good-64", ganzo_good_64, {8, 64}},
      {"ganzo-pix2pix", ganzo_pix2pix, {64, 64}},
      {"mimicry-sngan-64", mimicry_sngan_64, {8, 64}},
      {"mimicry-sngan-128", mimicry_sngan_128, {2, 128}},
      {"mimicry-wgan-gp-32", mimicry_wgan_gp_32, {16, 32}},
      {"mimicry-ssgan-32", mimicry_ssgan_32, {16, 32}},
      {"mimicry-infomax-32", mimicry_infomax_32, {8, 32}},
      {"mimicry-cgan-pd-32", mimicry_cgan_pd_32, {8, 32}},
      {"mimicry-sagan-32", mimicry_sagan_32, {8, 32}},
      {"studiogan-dcgan-32", studiogan_dcgan_32, {16, 32}},
      {"studiogan-wgan-gp-32", studiogan_wgan_gp_32, {8, 32}},
      {"studiogan-sngan-32", studiogan_sngan_32, {8, 32}},
      {"studiogan-pd-gan-32", studiogan_pd_gan_32, {8, 32}},
      {"studiogan-sagan-32", studiogan_sagan_32, {8, 32}},
      {"studiogan-biggan-32", studiogan_biggan_32, {4, 32}},
      {"studiogan-acgan-32", studiogan_acgan_32, {4, 32}},
      {"studiogan-tacgan-32", studiogan_tacgan_32, {4, 32}},
      {"studiogan-adcgan-32", studiogan_adcgan_32, {4, 32}},
      {"studiogan-mhgan-32", studiogan_mhgan_32, {4, 32}},
      {"studiogan-mdgan-32", studiogan_mdgan_32, {4, 32}},
      {"studiogan-contragan-32", studiogan_contragan_32, {4, 32}},
      {"studiogan-reacgan-32", studiogan_reacgan_32, {4, 32}},
      {"studiogan-biggan-128", studiogan_biggan_128, {2, 128}},
      {"biggan-deep-32", biggan_deep_32, {8, 32}},
      {"fastai-basic-64", fastai_basic_64, {16, 64}},
      {"fastai-critic", fastai_critic, {2, 128}},
      {"fastai-unet", fastai_unet, {4, 128}},
      {"dcgan-64-sampling", dcgan_64_sampling, {64, 64}, {32, 128}},
      {"biggan-32-sampling", biggan_32_sampling, {64, 32}},
  };
  return all;
}

std::vector<Extent> growing_extents(const Workload& w) {
  const auto power = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(w.extent.batch)));
  std::vector<Extent> all;
  for (std::int64_t batch = std::max<std::int64_t>(power / 8, 1); batch <= 2 * power; batch *= 2)
    all.push_back({batch, w.extent.side});
  for (std::int64_t side : w.sides) all.push_back({w.extent.batch, side});
  return all;
}

}  // namespace duel::bench
