#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "duel/gan/foreign_weights.h"

namespace duel {
namespace {

struct PartName {
  std::string_view name, part;
};
constexpr std::array<PartName, 9> kPartNames = {{{"generator", "generator"},
                                                 {"G", "generator"},
                                                 {"netG", "generator"},
                                                 {"generator_ema", "generator_ema"},
                                                 {"G_ema", "generator_ema"},
                                                 {"discriminator", "discriminator"},
                                                 {"D", "discriminator"},
                                                 {"netD", "discriminator"},
                                                 {"critic", "discriminator"}}};

std::string first_word(std::string_view name) { return std::string(name.substr(0, name.find('.'))); }

std::string part_of(const std::string& word) {
  for (const PartName& p : kPartNames)
    if (p.name == word) return std::string(p.part);
  return "";
}

/// Of what an optimiser and its helpers store.
bool is_training_state(const std::string& word) {
  for (const std::string_view beginning : {"opt", "amp", "scaler", "scheduler", "lr_scheduler"})
    if (word.starts_with(beginning)) return true;
  return word.ends_with("_optimizer") || word.ends_with("_optim");
}

/// Counters of averaged models: torch.optim.swa_utils' and MMEngine's.
bool is_average_counter(const std::string& name) { return name == "n_averaged" || name == "steps"; }

/// Those named "word.something", as something.
StateDict under(const StateDict& all, const std::string& word) {
  StateDict inner;
  for (auto at = all.lower_bound(word + '.'); at != all.end() && at->first.starts_with(word + '.'); ++at)
    inner[at->first.substr(word.size() + 1)] = at->second;
  return inner;
}

bool all_others(const StateDict& all, const std::string& word, bool (*are)(const std::string&)) {
  return std::ranges::all_of(
      all, [&](const auto& entry) { return entry.first.starts_with(word + '.') || are(entry.first); });
}

bool begins_known(const StateDict& all) {
  return std::ranges::all_of(all, [](const auto& entry) {
    const std::string word = first_word(entry.first);
    return word == "module" || !part_of(word).empty();
  });
}

/// Whether `word` is a wrapping of `all` that holds `inner`.
bool wraps(const StateDict& all, const std::string& word, const StateDict& inner) {
  if (inner.empty()) return false;
  if (word == "state_dict" || word == "model_state_dict") return true;
  if (word == "module" || word == "Model") return all_others(all, word, is_average_counter);
  // Networks have parts of these names too.
  const bool optimisers = inner.size() < all.size() && all_others(all, word, [](const std::string& name) {
                            return is_training_state(first_word(name));
                          });
  return optimisers || (inner.size() == all.size() && begins_known(inner));
}

StateDict unwrapped(StateDict all) {
  for (bool found = true; found;) {
    found = false;
    for (const char* word : {"state_dict", "model_state_dict", "model", "net", "module", "Model"}) {
      StateDict inner = under(all, word);
      if (!wraps(all, word, inner)) continue;
      all = std::move(inner);
      found = true;
    }
  }
  return all;
}

std::string system_of(const StateDict& network) {
  const auto any = [&](const auto& test) { return std::ranges::any_of(network, test); };
  const auto begins = [&](const std::string& prefix) {
    const auto at = network.lower_bound(prefix);
    return at != network.end() && at->first.starts_with(prefix);
  };
  if (begins("conv_blocks.")) return "MMGeneration";
  if (any([](const auto& e) { return e.first.find(".conv2d1.") != std::string::npos; })) return "StudioGAN";
  if (begins("blocks.0.0.conv1.")) return "BigGAN-PyTorch";
  if (begins("block2.c1.")) return "mimicry";
  if (begins("MainLayers.0.Layers.")) return "R3GAN";
  if (begins("layer1.0.conv1.")) return "torchvision";
  const auto convolution_in_list = [](const auto& e) {
    return e.second.dim() == 4 && (e.first.starts_with("model.") || e.first.starts_with("net."));
  };
  if (any(convolution_in_list)) return "CycleGAN";
  const auto list_in_list = [](const auto& e) {
    const std::size_t dot = e.first.find('.');
    return dot != std::string::npos && dot + 1 < e.first.size() &&
           std::isdigit(static_cast<unsigned char>(e.first[0])) &&
           std::isdigit(static_cast<unsigned char>(e.first[dot + 1]));
  };
  if (begins("layers.") || any(list_in_list)) return "fastai";
  return "";
}

}  // namespace

RecognisedWeights recognise_weights(const StateDict& tensors) {
  RecognisedWeights result;
  const StateDict all = unwrapped(tensors);
  const bool has_parts =
      std::ranges::any_of(all, [](const auto& entry) { return !part_of(first_word(entry.first)).empty(); });
  if (!has_parts) result.parts[""] = all;
  for (auto at = all.begin(); has_parts && at != all.end();) {
    const std::string word = first_word(at->first);
    const StateDict inner = under(all, word);
    // Between "word.a" and "word.z" there is nothing else; "word" itself is a number, a step say.
    if (!inner.empty() && !is_training_state(word)) {
      const std::string part = part_of(word);
      result.parts[part.empty() || result.parts.contains(part) ? word : part] = unwrapped(inner);
    }
    at = all.upper_bound(inner.empty() ? at->first : cat(word, '.', inner.rbegin()->first));
  }
  for (const auto& [part, network] : result.parts)
    if (result.system.empty()) result.system = system_of(network);
  if (tensors.contains("rng") && !under(tensors, "generator_optimizer").empty()) result.system = "duel";
  return result;
}

}  // namespace duel
