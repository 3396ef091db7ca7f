#include "duel/gan/foreign_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>
#include <vector>

namespace duel::foreign {
namespace {

using Renamings = std::map<std::string, std::string>;

/// Names that begin with `from` begin with `to` instead.
struct Rule {
  std::string_view from, to;
};

template <class Rules>
std::optional<std::string> by_rules(const Rules& rules, std::string_view name) {
  for (const Rule& rule : rules)
    if (name.starts_with(rule.from)) return cat(rule.to, name.substr(rule.from.size()));
  return std::nullopt;
}

// --- MMGeneration's BigGAN and BigGAN-deep (mmgen/models/architectures/biggan) to BigGAN-PyTorch's ---

constexpr std::array<Rule, 8> kOutsideBlocks = {{{"noise2feat.", "linear."},
                                                 {"shared_embedding.", "shared."},
                                                 {"output_layer.bn.weight", "output_layer.0.gain"},
                                                 {"output_layer.bn.", "output_layer.0."},
                                                 {"output_layer.conv.", "output_layer.2."},
                                                 {"input_conv.conv.", "input_conv."},
                                                 {"decision.", "linear."},
                                                 {"proj_y.", "embed."}}};
constexpr std::array<Rule, 9> kInBlocks = {{{"shortcut.conv.", "conv_sc."},
                                            {"conv1.conv.", "conv1."},
                                            {"conv2.conv.", "conv2."},
                                            {"conv3.conv.", "conv3."},
                                            {"conv4.conv.", "conv4."},
                                            {"theta.conv.", "theta."},
                                            {"phi.conv.", "phi."},
                                            {"g.conv.", "g."},
                                            {"o.conv.", "o."}}};

/// Places in a list of modules, or in a list of lists.
using Place = std::vector<std::int64_t>;

/// "blocks.3.1.conv1.weight" in the list "blocks" of `depth` 2 -> {3, 1} and "conv1.weight".
std::optional<std::pair<Place, std::string>> placed(std::string_view name, std::string_view list, std::size_t depth) {
  if (!name.starts_with(list)) return std::nullopt;
  name.remove_prefix(list.size());
  Place place;
  while (place.size() < depth) {
    std::int64_t number = 0;
    if (!name.starts_with('.')) return std::nullopt;
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
    if (error != std::errc()) return std::nullopt;
    place.push_back(number);
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  }
  if (!name.starts_with('.')) return std::nullopt;
  return std::pair(place, std::string(name.substr(1)));
}

/// The elements of a list in their order, and whether they are attention.
std::vector<std::pair<Place, bool>> elements(const StateDict& state, std::string_view list, std::size_t depth) {
  std::map<Place, bool> found;
  for (const auto& [name, tensor] : state)
    if (const auto at = placed(name, list, depth)) found[at->first] |= at->second.starts_with("theta.");
  return {found.begin(), found.end()};
}

// Attention stands among the blocks of MMGeneration's one list, and within BigGAN-PyTorch's list of lists.
Renamings from_mmgeneration(const StateDict& own, const StateDict& given) {
  const auto ours = elements(own, "blocks", 2), theirs = elements(given, "conv_blocks", 1);
  if (ours.empty() || theirs.empty()) return {};
  std::map<Place, Place> counterpart;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()) && ours[i].second == theirs[i].second; ++i)
    counterpart[theirs[i].first] = ours[i].first;
  Renamings renamed;
  for (const auto& [name, tensor] : given) {
    if (const auto outside = by_rules(kOutsideBlocks, name)) renamed[name] = *outside;
    const auto at = placed(name, "conv_blocks", 1);
    if (!at || !counterpart.contains(at->first)) continue;
    const Place& to = counterpart[at->first];
    renamed[name] = cat("blocks.", to[0], ".", to[1], ".", by_rules(kInBlocks, at->second).value_or(at->second));
  }
  return renamed;
}

// --- torchvision's ResNet to the list of its children ---

constexpr std::array<Rule, 7> kResnet = {{{"conv1.", "0."},
                                          {"bn1.", "1."},
                                          {"layer1.", "4."},
                                          {"layer2.", "5."},
                                          {"layer3.", "6."},
                                          {"layer4.", "7."},
                                          {"fc.", ""}}};

Renamings from_torchvision(const StateDict& own, const StateDict& given) {
  if (!own.contains("0.weight") || !own.contains("4.0.conv1.weight") || !given.contains("layer1.0.conv1.weight"))
    return {};
  Renamings renamed;
  for (const auto& [name, tensor] : given)
    if (const auto other = by_rules(kResnet, name)) renamed[name] = name.starts_with("fc.") ? "" : *other;
  return renamed;
}

// --- Running statistics, by whatever name the network has them ---

constexpr std::array<std::array<std::string_view, 4>, 2> kStatistics = {
    {{"running_mean", "bn.running_mean", "stored_mean", "bn.stored_mean"},
     {"running_var", "bn.running_var", "stored_var", "bn.stored_var"}}};

std::optional<std::string> statistic(const StateDict& own, const std::string& name) {
  for (const auto& forms : kStatistics)
    for (const std::string_view form : forms)
      if (const auto norm = before(name, form))
        for (const std::string_view other : forms)
          if (own.contains(cat(*norm, other))) return cat(*norm, other);
  return std::nullopt;
}

/// Takes back what would give two tensors one name.
void drop_collisions(Renamings& renamed, const StateDict& given) {
  std::set<std::string> taken;
  for (const auto& [name, tensor] : given)
    if (!renamed.contains(name)) taken.insert(name);
  for (auto at = renamed.begin(); at != renamed.end();) {
    const bool collides = !at->second.empty() && !taken.insert(at->second).second;
    if (collides) taken.insert(at->first);
    at = collides ? renamed.erase(at) : std::next(at);
  }
}

}  // namespace

std::optional<std::string> before(const std::string& name, std::string_view tail) {
  if (!name.ends_with(tail)) return std::nullopt;
  std::string rest = name.substr(0, name.size() - tail.size());
  if (!rest.empty() && rest.back() != '.') return std::nullopt;
  return rest;
}

std::map<std::string, std::string> renamings(const StateDict& own, const StateDict& given) {
  Renamings renamed = from_mmgeneration(own, given);
  renamed.merge(from_torchvision(own, given));
  for (const auto& [name, tensor] : given) {
    const auto found = renamed.find(name);
    const std::string now = found == renamed.end() ? name : found->second;
    if (own.contains(now)) continue;
    if (const auto other = statistic(own, now)) renamed[name] = *other;
    // Weight normalisation of torch.nn.utils.parametrizations.
    if (const auto layer = before(now, "parametrizations.weight.original0")) renamed[name] = *layer + "weight_g";
    if (const auto layer = before(now, "parametrizations.weight.original1")) renamed[name] = *layer + "weight_v";
  }
  drop_collisions(renamed, given);
  return renamed;
}

bool starts_channels_last(const StateDict& given) {
  return given.contains("noise2feat.weight") && given.contains("conv_blocks.0.conv4.conv.weight");
}

}  // namespace duel::foreign
