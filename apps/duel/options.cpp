#include "apps/duel/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "apps/duel/presets.h"
#include "duel/nn/atomic_file.h"
#include "duel/tensor/nearest.h"

namespace duel::app {
namespace {

template <class... Args>
[[noreturn]] void usage_error(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

std::string shortened(const std::string& text) { return text.size() <= 80 ? text : text.substr(0, 77) + "..."; }

// A wrong value for a message: short, whatever it is.
std::string shown(const Json& value) {
  if (value.is_structured()) return fmt::format("an {}", value.type_name());
  return shortened(value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace));
}

// Text that JSON can hold.
bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

// How a message names the option of a layer.
std::string place(const OptionInfo& info, const Layer& layer) {
  return layer.source.empty() ? flag(info.name) : fmt::format("key \"{}\" in {}", info.name, layer.source);
}

bool in_range(const OptionInfo& info, double x) { return x >= info.range.low && x <= info.range.high; }

// Puts a JSON value into an option; false if it doesn't fit.
bool assign(const OptionInfo&, bool& to, const Json& from) {
  if (!from.is_boolean()) return false;
  to = from.get<bool>();
  return true;
}

bool assign(const OptionInfo& info, std::string& to, const Json& from) {
  if (!from.is_string()) return false;
  const auto& text = from.get_ref<const std::string&>();
  if (!info.choices.empty() && std::find(info.choices.begin(), info.choices.end(), text) == info.choices.end())
    return false;
  if (!is_utf8(text)) return false;
  to = text;
  return true;
}

bool assign(const OptionInfo&, std::vector<std::string>& to, const Json& from) {
  if (!from.is_array() || !std::all_of(from.begin(), from.end(), [](const Json& j) { return j.is_string(); }))
    return false;
  auto texts = from.get<std::vector<std::string>>();
  if (!std::all_of(texts.begin(), texts.end(), is_utf8)) return false;
  to = std::move(texts);
  return true;
}

template <class Number>
bool assign(const OptionInfo& info, Number& to, const Json& from) {
  if (std::is_integral_v<Number> ? !from.is_number_integer() : !from.is_number()) return false;
  if (!in_range(info, from.get<double>())) return false;
  to = from.get<Number>();
  return true;
}

std::string bounds(const OptionInfo& info) {
  if (info.range.high >= Range{}.high) return fmt::format("at least {}", info.range.low);
  return fmt::format("from {} to {}", info.range.low, info.range.high);
}

template <class Number>
Json parse_number(const std::string& word) {
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(static_cast<double>(value)))
    return word;
  return value;
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  TrainOptions options;
  describe(options, [&](const OptionInfo& info, auto&) { names.emplace_back(info.name); });
  return names;
}

Layer preset_layer(const std::string& name) {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) {
    if (preset.name == name) return {Json::parse(preset.json), "preset " + name};
    names.emplace_back(preset.name);
  }
  usage_error("unknown preset '{}'{}; duel config --list shows them all", name, nearest(name, names));
}

// Makes a network for these data, as far as its options allow.
void fit(Blueprint& network, const DataSizes& data) {
  const auto set = [&](const char* name, const std::string& text) {
    if (network.get(name)) network.set(name, text);
  };
  const bool both_sides = network.get("size").value_or("").find('x') != std::string::npos;
  set("channels", to_text(data.channels));
  set("size", both_sides ? to_text(Size2{data.height, data.width}) : to_text(data.height));
  set("resolution", to_text(data.height));
  // Networks that know classes know one of data without labels.
  if (network.get("classes").value_or("0") != "0") set("classes", to_text(std::max<std::int64_t>(1, data.classes)));
}

CatalogueEntry chosen_model(const TrainOptions& o) {
  try {
    CatalogueEntry entry = catalogue_entry(o.model);
    for (auto& [part, network] : entry.networks) fit(network, o.data_sizes);
    const auto set = [&](const char* name, std::int64_t value) {
      if (value > 0) set_option(entry, fmt::format("{}={}", name, value));
    };
    set("latent", o.latent);
    set("width", o.width);
    set("stages", o.stages);
    for (const std::string& assignment : o.model_options) set_option(entry, assignment);
    return entry;
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
}

// The sizes of one model mean nothing to another.
void forget_model(TrainOptions& options, const Layer& layer) {
  const auto model = layer.values.find("model");
  if (model == layer.values.end() || *model == options.model) return;
  options.latent = options.width = options.stages = 0;
  options.model_options.clear();
}

// Steps and epochs say the same thing in two ways: whichever a layer gives replaces what was below.
void choose_duration(TrainOptions& options, const Layer& layer) {
  const auto given = [&](const char* name) { return layer.values.contains(name) && layer.values[name] != 0; };
  if (given("steps") && given("epochs"))
    usage_error("both steps and epochs are given{}; give one of them",
                layer.source.empty() ? "" : " in " + layer.source);
  if (given("steps")) options.epochs = 0;
  if (given("epochs")) options.steps = 0;
}

}  // namespace

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  for (const AdversarialLoss& loss : adversarial_losses()) names.emplace_back(loss.name);
  for (const char* elsewhere : {"dcgan", "logistic", "wgan-logistic-ns", "rpgan", "r3gan", "wgan-gp"})
    names.emplace_back(elsewhere);
  return names;
}

AdversarialGameOptions TrainOptions::default_game() {
  const CatalogueEntry entry = conditional_dcgan();
  return {.generator = entry.network("generator"), .discriminator = entry.network("discriminator")};
}

AdversarialGameOptions game_options(const TrainOptions& o) {
  AdversarialGameOptions game = o.game;
  const CatalogueEntry entry = chosen_model(o);
  game.generator = entry.network("generator");
  game.discriminator = entry.network("discriminator");
  for (AdamOptions* adam : {&game.generator_optimizer, &game.discriminator_optimizer}) {
    adam->beta1 = o.beta1;
    adam->beta2 = o.beta2;
  }
  RegulariserOptions& r = game.regularisers;
  game.loss = o.loss;
  if (o.loss == "wgan-gp") {
    game.loss = "wgan";
    if (r.gradient_penalty == 0) r.gradient_penalty = 10;
  }
  r.gradient_penalty_at = o.gp_at == "real" ? PenaltyAt::real : o.gp_at == "fake" ? PenaltyAt::fake : PenaltyAt::mixed;
  r.gradient_penalty_over = o.gp_over == "pixel" ? NormOver::pixel : NormOver::sample;
  game.ema_buffers = o.ema_buffers == "average" ? EmaBuffers::average : EmaBuffers::copy;
  if (o.soft_labels) r.targets = kSoftTargets;
  r.targets.real_low -= o.label_smoothing;
  r.targets.real_high -= o.label_smoothing;
  r.targets.flip = o.noisy_labels;
  return game;
}

std::string flag(std::string_view name) {
  std::string text = fmt::format("--{}", name);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

std::string expects(const OptionInfo&, bool) { return "true or false"; }
std::string expects(const OptionInfo& info, const std::string&) {
  return info.choices.empty() ? "a text in UTF-8" : fmt::format("one of {}", fmt::join(info.choices, ", "));
}
std::string expects(const OptionInfo&, const std::vector<std::string>&) { return "a list of texts in UTF-8"; }
std::string expects(const OptionInfo& info, std::int64_t) { return "an integer, " + bounds(info); }
std::string expects(const OptionInfo& info, std::uint64_t) { return "an integer, " + bounds(info); }
std::string expects(const OptionInfo& info, double) { return "a number, " + bounds(info); }

Json parse_word(const std::string& word, bool) {
  return word == "true" ? Json(true) : word == "false" ? Json(false) : Json(word);
}
Json parse_word(const std::string& word, const std::string&) { return word; }
Json parse_word(const std::string& word, std::int64_t) { return parse_number<std::int64_t>(word); }
Json parse_word(const std::string& word, std::uint64_t) { return parse_number<std::uint64_t>(word); }
Json parse_word(const std::string& word, double) { return parse_number<double>(word); }
Json parse_word(const std::string& word, const std::vector<std::string>&) {
  Json list = Json::array();
  for (std::size_t begin = 0; begin < word.size();) {
    const std::size_t end = std::min(word.find(',', begin), word.size());
    list.push_back(word.substr(begin, end - begin));
    begin = end + 1;
  }
  return list;
}

Json to_json(TrainOptions options, std::optional<Scope> scope) {
  Json json = Json::object();
  describe(options, [&](const OptionInfo& info, const auto& value) {
    if (!scope || *scope == info.scope) json[info.name] = value;
  });
  return json;
}

Layer read_json_layer(const std::string& file) {
  const std::string text = read_file("read options", file);
  Json values;
  try {
    values = Json::parse(text);
  } catch (const Json::exception& e) {
    const std::string_view what = e.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    usage_error("{} is not valid JSON: {}", file, what.substr(what.find("] ") + 2));
  }
  if (!values.is_object()) usage_error("{} holds {} instead of an object of options", file, values.type_name());
  return {std::move(values), file};
}

void apply(TrainOptions& options, const Layer& layer) {
  forget_model(options, layer);
  std::size_t used = 0;
  describe(options, [&](const OptionInfo& info, auto& value) {
    const auto found = layer.values.find(info.name);
    if (found == layer.values.end()) return;
    ++used;
    if (!assign(info, value, *found))
      usage_error("{} must be {}, not {}", place(info, layer), expects(info, value), shown(*found));
  });
  if (used < layer.values.size()) {
    const std::vector<std::string> known = option_names();
    for (const auto& [key, value] : layer.values.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        usage_error("unknown key \"{}\" in {}{}", key, layer.source, nearest(key, known));
  }
  choose_duration(options, layer);
}

TrainOptions resolve(const std::vector<Layer>& layers) {
  TrainOptions options;
  for (const Layer& layer : layers) apply(options, layer);  // for the preset's name and the errors
  const std::string preset = options.preset;
  options = {};
  if (!preset.empty()) apply(options, preset_layer(preset));
  for (const Layer& layer : layers) apply(options, layer);
  return options;
}

void refuse_changes(const TrainOptions& before, const TrainOptions& now, const std::vector<Scope>& scopes) {
  for (const Scope scope : scopes) {
    const Json old_values = to_json(before, scope), new_values = to_json(now, scope);
    for (const auto& [name, value] : old_values.items())
      if (new_values[name] != value)
        usage_error("{} can't change when a run goes on: it was {}, now {}. Leave it out, or start a run of its own",
                    flag(name), shortened(value.dump()), shortened(new_values[name].dump()));
  }
}

}  // namespace duel::app
