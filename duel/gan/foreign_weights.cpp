#include "duel/gan/foreign_weights.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "duel/autograd/index.h"
#include "duel/autograd/pointwise.h"
#include "duel/gan/foreign_names.h"
#include "duel/gan/foreign_spectral_norm.h"

namespace duel {
namespace {

using foreign::before;
using foreign::PlainState;
using foreign::SpectralNames;
using foreign::SpectralWeight;

constexpr const char* kFit = "fit_weights";
constexpr std::int64_t kColours = 3;

template <class Map>
void rename(Map& map, const std::map<std::string, std::string>& renamings) {
  Map result;
  for (auto& [name, value] : map) {
    const auto other = renamings.find(name);
    if (other == renamings.end())
      result[name] = std::move(value);
    else if (!other->second.empty())
      result[other->second] = std::move(value);
  }
  map = std::move(result);
}

/// The elements along dimension `d` of a tensor, and of what belongs to it, in the order of `index`.
void reorder(PlainState& state, const std::string& name, int d, const Tensor& index) {
  Tensor& tensor = state.tensors.at(name);
  if (const auto spectral = state.spectral.find(name); spectral != state.spectral.end()) {
    spectral->second = foreign::reordered(spectral->second, d, index);
    tensor = spectral->second.weight;
  } else {
    tensor = index_select(tensor, d, index).value();
  }
}

/// Rows for maps [4, 4, C] become those for maps [C, 4, 4].
void to_channels_first(PlainState& state) {
  constexpr std::int64_t kPixels = 16;
  for (const char* name : {"noise2feat.weight", "noise2feat.bias"}) {
    const auto found = state.tensors.find(name);
    if (found == state.tensors.end() || found->second.dim() < 1 || found->second.size(0) % kPixels != 0) continue;
    const std::int64_t rows = found->second.size(0), channels = rows / kPixels;
    std::vector<std::int64_t> order;
    for (std::int64_t row = 0; row < rows; ++row) order.push_back(row % kPixels * channels + row / kPixels);
    reorder(state, name, 0, Tensor::from(order, {rows}));
  }
}

/// Without spectral norms, and by the names of the network of `own`, itself plain, as far as that can be.
PlainState translated(const StateDict& own, const StateDict& given) {
  PlainState plain = foreign::plain_state(given);
  if (foreign::starts_channels_last(plain.tensors)) to_channels_first(plain);
  const auto renamings = foreign::renamings(own, plain.tensors);
  rename(plain.tensors, renamings);
  rename(plain.spectral, renamings);
  return plain;
}

std::size_t common_names(const StateDict& own, const PlainState& given) {
  return static_cast<std::size_t>(
      std::ranges::count_if(given.tensors, [&](const auto& entry) { return own.contains(entry.first); }));
}

/// Without the first word of all names, if they have the same one; else nothing.
StateDict without_first_word(const StateDict& all) {
  StateDict inner;
  if (all.empty()) return inner;
  const std::string prefix = all.begin()->first.substr(0, all.begin()->first.find('.') + 1);
  if (prefix.empty()) return inner;
  for (const auto& [name, tensor] : all) {
    if (!name.starts_with(prefix)) return {};
    inner[name.substr(prefix.size())] = tensor;
  }
  return inner;
}

/// `given`, or what it wraps: whichever has the most names of the network.
PlainState best_translation(const StateDict& own, const StateDict& given, const std::string& what) {
  PlainState best = translated(own, given);
  std::size_t most = common_names(own, best);
  const auto consider = [&](const StateDict& candidate) {
    PlainState other = translated(own, candidate);
    const std::size_t names = common_names(own, other);
    if (names <= most) return;
    best = std::move(other);
    most = names;
  };
  const RecognisedWeights recognised = recognise_weights(given);
  if (recognised.parts.size() > 1 && most == 0) {
    std::string list;
    for (const auto& [part, network] : recognised.parts) list += cat(list.empty() ? "" : ", ", part);
    fail(kFit, what, " holds several networks: ", list, "; choose one of its parts");
  }
  if (recognised.parts.size() == 1) {
    StateDict inner = recognised.parts.begin()->second;
    consider(inner);
    while (!(inner = without_first_word(inner)).empty()) consider(inner);
  }
  return best;
}

/// Sums of statistics, which BigGAN-PyTorch's own batch norm has beside a counter, become means.
void divide_sums(StateDict& tensors) {
  for (const auto& [name, counter] : StateDict(tensors)) {
    const auto norm = before(name, "accumulation_counter");
    if (!norm || counter.numel() != 1 || !(counter.item() > 0)) continue;
    // Those of the network may be without "bn.", as a norm's counter is not.
    for (const std::string& place : std::set<std::string>{*norm, before(*norm, "bn.").value_or(*norm)})
      for (const char* statistic : {"stored_mean", "stored_var", "running_mean", "running_var"})
        if (const auto found = tensors.find(place + statistic);
            found != tensors.end() && is_floating(found->second.dtype()))
          found->second = (Variable(found->second) / counter.item()).value();
    tensors[name] = Tensor::zeros(counter.shape(), counter.options());
  }
}

bool is_counter(const std::string& name) {
  return before(name, "num_batches_tracked") || before(name, "accumulation_counter");
}

/// Leaves out counters that the network has not, and the statistics of old instance norms: of layers that have nothing
/// else, in the network or the file.
void drop_obsolete(const StateDict& own, StateDict& given) {
  const auto has_layer = [](const StateDict& state, const std::string& layer, const auto& counts) {
    for (auto at = state.lower_bound(layer); at != state.end() && at->first.starts_with(layer); ++at)
      if (counts(at->first.substr(layer.size()))) return true;
    return false;
  };
  const auto any = [](const std::string&) { return true; };
  const auto other = [](const std::string& name) {
    return name != "running_mean" && name != "running_var" && name != "num_batches_tracked";
  };
  const auto obsolete = [&](const std::string& name) {
    if (own.contains(name)) return false;
    if (is_counter(name)) return true;
    for (const char* statistic : {"running_mean", "running_var"})
      if (const auto layer = before(name, statistic))
        return !layer->empty() && !has_layer(own, *layer, any) && !has_layer(given, *layer, other);
    return false;
  };
  std::vector<std::string> dropped;
  for (const auto& [name, tensor] : given)
    if (obsolete(name)) dropped.push_back(name);
  for (const std::string& name : dropped) given.erase(name);
}

void add_counters(const StateDict& own, StateDict& given) {
  for (const auto& [name, tensor] : own)
    if (is_counter(name) && !given.contains(name)) given[name] = Tensor::zeros(tensor.shape(), tensor.options());
}

/// A dimension of channels that are colours.
struct ColourDim {
  std::string weight_name;
  int dim;
};

std::vector<std::string> words(const std::string& name) {
  std::vector<std::string> result{""};
  for (const char c : name)
    if (c == '.')
      result.emplace_back();
    else
      result.back() += c;
  return result;
}

/// Whether two names differ in one word, which is no number: "blocks.0.conv1.weight", "blocks.0.conv_sc.weight".
bool are_siblings(const std::string& a, const std::string& b) {
  const std::vector<std::string> x = words(a), y = words(b);
  if (x.size() != y.size()) return false;
  int different = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i]) continue;
    ++different;
    if (x[i].find_first_not_of("0123456789") == std::string::npos) return false;
  }
  return different == 1;
}

/// The dimensions of convolutions that meet pictures.
std::vector<ColourDim> colour_dims(const StateDict& own, const std::string& what) {
  std::array<std::vector<std::string>, 2> by_dim;
  bool clear = true;
  std::vector<ColourDim> found;
  std::string list;
  for (const auto& [name, tensor] : own) {
    if (!before(name, "weight") || tensor.dim() != 4) continue;
    for (int d = 0; d < 2; ++d) {
      if (tensor.size(d) != kColours) continue;
      by_dim[static_cast<std::size_t>(d)].push_back(name);
      found.push_back({name, d});
      list += cat(list.empty() ? "" : ", ", name);
    }
    clear = clear && !(tensor.size(0) == kColours && tensor.size(1) == kColours);
  }
  check(!found.empty(), kFit, what, ": no convolution has 3 channels of colour, so there is no telling where BGR is");
  const auto& [outputs, inputs] = by_dim;
  clear = clear && outputs.size() <= 1 &&
          (inputs.size() <= 1 || (inputs.size() == 2 && are_siblings(inputs[0], inputs[1])));
  check(clear, kFit, what, ": several convolutions have 3 channels, of which some may not be colours: ", list,
        "; reverse the channels of those that are, and give ColourOrder::rgb");
  return found;
}

void reverse_colours(const StateDict& own, PlainState& given, const std::string& what) {
  const Tensor reversed = Tensor::from({std::int64_t{2}, std::int64_t{1}, std::int64_t{0}}, {kColours});
  for (const auto& [name, dim] : colour_dims(own, what)) {
    const auto weight = given.tensors.find(name);
    if (weight == given.tensors.end() || weight->second.shape() != own.at(name).shape())
      continue;  // in the table later
    reorder(given, name, dim, reversed);
    const std::string bias = *before(name, "weight") + "bias";
    if (const auto found = given.tensors.find(bias);
        found != given.tensors.end() && found->second.shape() == Shape{kColours})
      reorder(given, bias, 0, reversed);
  }
}

/// With the state of spectral norms that the network has.
StateDict with_spectral_norms(const StateDict& own, PlainState given) {
  const std::map<std::string, SpectralNames> layers = foreign::spectral_layers(own);
  for (auto& [name, weight] : given.spectral) {
    given.tensors.erase(name);
    const auto layer = layers.find(name);
    const std::string prefix = *before(name, "weight");
    while (weight.us.size() > 1 && !own.contains(cat(prefix, "u", weight.us.size() - 1))) {
      weight.us.pop_back();
      weight.sigmas.pop_back();
    }
    foreign::put_spectral(given.tensors, name, weight, layer == layers.end() ? SpectralNames::none : layer->second);
  }
  return std::move(given.tensors);
}

/// `t` as a number type of the same kind as `like`'s, and a single number in its shape.
Tensor converted(const Tensor& t, const Tensor& like) {
  const bool same_kind = is_floating(t.dtype()) == is_floating(like.dtype());
  const Tensor result = same_kind && t.dtype() != like.dtype() ? t.to(like.dtype()) : t;
  return t.numel() == 1 && like.numel() == 1 && t.dim() <= 1 && like.dim() <= 1 ? result.reshape(like.shape()) : result;
}

}  // namespace

StateDict fit_weights(const StateDict& own, const StateDict& given, const FitOptions& o) {
  for (const auto& [name, tensor] : given) check(tensor.defined(), kFit, o.what, ": ", name, " is undefined");
  const StateDict plain = foreign::plain_state(own).tensors;
  PlainState theirs = best_translation(plain, given, o.what);
  divide_sums(theirs.tensors);
  drop_obsolete(plain, theirs.tensors);
  add_counters(plain, theirs.tensors);
  if (o.colours == ColourOrder::bgr) reverse_colours(plain, theirs, o.what);
  StateDict fitted = with_spectral_norms(own, std::move(theirs));
  for (auto& [name, tensor] : fitted)
    if (const auto wanted = own.find(name); wanted != own.end()) tensor = converted(tensor, wanted->second);
  check_state(own, fitted, o.what.c_str());
  return fitted;
}

}  // namespace duel
