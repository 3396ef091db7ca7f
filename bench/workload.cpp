#include "bench/workload.h"

#include <algorithm>
#include <chrono>

namespace duel::bench {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

Tensor Inputs::kept(const std::string& name, Tensor t) { return all_["input." + name] = std::move(t); }

Tensor Inputs::normal(const std::string& name, const Shape& shape) { return kept(name, rng_.normal(shape)); }
Tensor Inputs::pictures(const std::string& name, const Shape& shape) {
  return kept(name, rng_.uniform(shape, -1, 1, {.layout = Layout::channels_last}));
}
Tensor Inputs::shares(const std::string& name, std::int64_t count) { return kept(name, rng_.uniform({count})); }
Tensor Inputs::labels(const std::string& name, std::int64_t count, std::int64_t classes) {
  return kept(name, rng_.integers({count}, classes));
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
      {"mlp-gan", mlp_gan},
      {"dcgan-fashion", dcgan_fashion},
      {"dcgan-32", dcgan_32},
      {"dcgan-64", dcgan_64},
      {"dcgan-64-r1", dcgan_64_r1},
      {"wgan-gp-64", wgan_gp_64},
      {"sngan-32", sngan_32},
      {"sagan-32", sagan_32},
      {"biggan-32", biggan_32},
      {"cyclegan-256-forward", cyclegan_256_forward},
      {"cyclegan-128", cyclegan_128},
      {"pix2pix-256", pix2pix_256},
      {"r3gan-32", r3gan_32},
      {"dcgan-64-sampling", dcgan_64_sampling},
      {"biggan-32-sampling", biggan_32_sampling},
  };
  return all;
}

}  // namespace duel::bench
