#include "apps/duel/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "apps/duel/describe_options.h"
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
  const bool deep = std::any_of(value.begin(), value.end(), [](const Json& item) { return item.is_structured(); });
  if (value.is_structured() && (deep || value.is_object())) return fmt::format("an {}", value.type_name());
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

bool assign(const OptionInfo&, std::vector<std::int64_t>& to, const Json& from) {
  if (!from.is_array() || !std::all_of(from.begin(), from.end(), [](const Json& j) { return j.is_number_integer(); }))
    return false;
  to = from.get<std::vector<std::int64_t>>();
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

template <class T>
bool assign(const OptionInfo&, T& to, const Json& from) {
  return from.is_string() && set_from_text(to, from.get_ref<const std::string&>());
}

template <class Number>
requires std::is_arithmetic_v<Number>
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

Layer preset_layer(const std::string& name, const std::string& derived, std::span<const Preset> among) {
  std::vector<std::string> names;
  for (const Preset& preset : among) {
    if (preset.name == name) return {Json::parse(preset.json), "preset " + name};
    names.emplace_back(preset.name);
  }
  usage_error("unknown preset '{}'{}{}; duel config --list shows them all", name,
              derived.empty() ? "" : fmt::format(", on which preset '{}' is based", derived), nearest(name, names));
}

// Notes which options `change` changes.
template <class F>
void note(TrainOptions& options, Sources& sources, const std::string& why, F&& change) {
  const Json before = to_json(options);
  change();
  const Json after = to_json(options);
  for (const auto& [name, value] : after.items())
    if (value != value_of(before, name)) sources[name] = why;
}

std::string text_of(const Layer& layer, const char* key) {
  const auto found = layer.values.find(key);
  return found != layer.values.end() && found->is_string() ? found->get<std::string>() : "";
}

// Each game has its own usual networks, losses and rates: a layer that chooses another game begins with them.
void choose_game(TrainOptions& o, const Layer& layer) {
  const auto named = layer.values.find("game");
  GameChoice game = o.game_kind;
  if (named == layer.values.end() || !assign({}, game, *named) || game.name() == o.game_kind.name()) return;
  const TrainOptions fresh;
  o.game_kind = game;
  o.model = fresh.model;
  o.loss = fresh.loss;
  o.g_lr = o.d_lr = game == GameKind::adversarial ? fresh.g_lr : 2e-4;  // pytorch-CycleGAN-and-pix2pix
  o.game.order = fresh.game.order;
  o.data.mode = DataMode::single;
  o.optimizer = fresh.optimizer;
  switch (game) {
    case GameKind::adversarial: break;
    case GameKind::translate:
      o.model = "pix2pix-unet_256";
      o.game.order = UpdateOrder::shared;
      o.data.mode = DataMode::aligned;
      break;
    case GameKind::cycle:
      o.model = "CycleGAN-resnet_9blocks";
      o.loss = "lsgan";
      o.data.mode = DataMode::unaligned;
      break;
    case GameKind::autoencode:
      o.model = "autoencoder-variational";
      o.g_lr = 1e-3;
      o.optimizer.beta1 = 0.9;
      break;
    case GameKind::plugin:
      if (!game.part().model.empty()) o.model = game.part().model;
      break;
  }
}

// The sizes of one model mean nothing to another.
void forget_model(TrainOptions& options, const Layer& layer) {
  const auto model = layer.values.find("model");
  if (model == layer.values.end() || *model == options.model) return;
  options.latent = options.width = options.stages = 0;
  options.model_options.clear();
}

// What belongs to one game, under a heading "Game: cycle" or "Game: adversarial, burn-in", does nothing in another. A
// preset whose game was exchanged may have it all the same, as in `of_preset`.
void refuse_other_games(TrainOptions options, const Json& of_preset) {
  constexpr std::string_view kHeading = "Game: ";
  const Json defaults = to_json({});
  const std::string game = options.game_kind.name();
  describe(options, [&](const OptionInfo& info, const auto& value) {
    const std::string_view group = info.group;
    if (!group.starts_with(kHeading)) return;
    const std::string_view owner = group.substr(kHeading.size(), group.find(',') - kHeading.size());
    const Json given = as_json(value);
    if (owner != game && given != value_of(defaults, info.name) && given != value_of(of_preset, info.name))
      usage_error("{} is an option of game {}, and this is game {}: leave it out", flag(info.name), owner, game);
  });
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

std::vector<std::string> format_names() {
  std::vector<std::string> names{"auto"};
  for (const DatasetFormat& format : dataset_formats()) names.emplace_back(format.name);
  return names;
}

std::vector<std::string> noise_names() { return {"normal", "uniform"}; }
std::vector<std::string> logger_names() { return {"html", "csv", "tensorboard"}; }
std::vector<std::string> game_names() {
  std::vector<std::string> names;
  for (const auto& game : names_of(GameKind{})) names.emplace_back(game.name);
  return names;
}

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  for (const AdversarialLoss& loss : adversarial_losses()) names.emplace_back(loss.name);
  for (const char* elsewhere : {"dcgan", "logistic", "wgan-logistic-ns", "rpgan", "r3gan", "wgan-gp"})
    names.emplace_back(elsewhere);
  return names;
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
std::string expects(const OptionInfo&, const std::vector<std::int64_t>&) { return "a list of integers"; }
std::string expects(const OptionInfo& info, std::int64_t) { return "an integer, " + bounds(info); }
std::string expects(const OptionInfo& info, std::uint64_t) { return "an integer, " + bounds(info); }
std::string expects(const OptionInfo& info, double) { return "a number, " + bounds(info); }

Json parse_word(const std::string& word, bool) {
  return word == "true" ? Json(true) : word == "false" ? Json(false) : Json(word);
}
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

Json parse_word(const std::string& word, const std::vector<std::int64_t>&) {
  Json list = parse_word(word, std::vector<std::string>());
  for (Json& item : list) item = parse_number<std::int64_t>(item.get<std::string>());
  return list;
}

Json to_json(TrainOptions options, std::optional<Scope> scope) {
  Json json = Json::object();
  describe(options, [&](const OptionInfo& info, const auto& value) {
    if (info.in_use && (!scope || *scope == info.scope)) json[info.name] = as_json(value);
  });
  return json;
}

const GamePart& GameChoice::part() const {
  const GamePart* part = parts().games.find(name_);
  check(part != nullptr, "train", "the game '", name_, "' is none of a plug-in");
  return *part;
}

bool GameChoice::set(std::string_view text) {
  GameKind own{};
  const GamePart* part = parts().games.find(text);
  if (set_from_text(own, text))
    *this = own;
  else if (part)
    *this = GameChoice(*part);
  return text == name_;
}

std::string GameChoice::choices() const {
  return fmt::format("one of {}", fmt::join(and_plugins(game_names(), parts().games), ", "));
}

std::pair<std::string, bool> best_criterion(const TrainOptions& o) {
  constexpr std::string_view kMax = ":max";
  const bool larger = std::string_view(o.best).ends_with(kMax);
  return {o.best.substr(0, o.best.size() - (larger ? kMax.size() : 0)), larger};
}

bool is_chosen(const TrainOptions& o, const std::string& part) {
  const auto among = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), part) != names.end();
  };
  return among({o.game_kind.name(), o.loss, o.latent_distribution, o.data.format, best_criterion(o).first}) ||
         among(o.data.transforms) || among(o.loggers) || among(o.snapshots);
}

const Json& value_of(const Json& object, const std::string& key) {
  static const Json missing;
  const auto found = object.find(key);
  return found == object.end() ? missing : *found;
}

Layer read_json_layer(const std::string& file) {
  const std::string text = read_file("read options", file);
  Json values;
  std::set<std::string> keys;
  const auto note_key = [&](int depth, Json::parse_event_t event, const Json& key) {
    if (event == Json::parse_event_t::key && depth == 1 && !keys.insert(key.get<std::string>()).second)
      usage_error("{} has the key {} twice", file, shown(key));
    return true;
  };
  try {
    values = Json::parse(text, note_key);
  } catch (const Json::exception& e) {
    const std::string_view what = e.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    usage_error("{} is not valid JSON: {}", file, what.substr(what.find("] ") + 2));
  }
  if (!values.is_object()) usage_error("{} holds {} instead of an object of options", file, values.type_name());
  return {std::move(values), file};
}

Sources apply(TrainOptions& options, const Layer& layer) {
  Sources sources;
  note(options, sources, "default of game " + text_of(layer, "game"), [&] { choose_game(options, layer); });
  note(options, sources, "default of model " + text_of(layer, "model"), [&] { forget_model(options, layer); });
  const std::string source = layer.source.empty() ? "command line" : layer.source;
  std::size_t used = 0;
  describe(options, [&](const OptionInfo& info, auto& value) {
    const auto found = layer.values.find(info.name);
    if (found == layer.values.end()) return;
    ++used;
    if (!assign(info, value, *found))
      usage_error("{} must be {}, not {}", place(info, layer), expects(info, value), shown(*found));
    sources[info.name] = source;
  });
  if (used < layer.values.size()) {
    const std::vector<std::string> known = option_names();
    for (const auto& [key, value] : layer.values.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        usage_error("unknown key \"{}\" in {}{}{}", shortened(key), layer.source.empty() ? "--set" : layer.source,
                    nearest(key, known), key.find('.') == std::string::npos ? "" : "; a plug-in's needs --plugin FILE");
  }
  note(options, sources, source, [&] { choose_duration(options, layer); });
  return sources;
}

std::vector<Layer> preset_layers(const std::string& name, std::span<const Preset> among) {
  std::vector<Layer> layers;  // derived ones first
  std::vector<std::string> chain;
  for (std::string next = name; !next.empty(); next = text_of(layers.back(), "preset")) {
    const bool again = std::find(chain.begin(), chain.end(), next) != chain.end();
    layers.push_back(preset_layer(next, chain.empty() ? "" : chain.back(), among));
    chain.push_back(next);
    if (again) usage_error("preset '{}' is based on itself: {}", next, fmt::join(chain, " on "));
  }
  std::reverse(layers.begin(), layers.end());
  return layers;
}

Configuration configure(const std::vector<Layer>& layers) {
  TrainOptions named;
  for (const Layer& layer : layers) apply(named, layer);  // for the preset's name and the errors
  Configuration configuration;
  const auto add = [&](const std::vector<Layer>& more) {
    for (const Layer& layer : more)
      for (auto& [name, source] : apply(configuration.options, layer)) configuration.sources[name] = source;
  };
  add(preset_layers(named.preset));
  const Json of_preset = to_json(configuration.options);
  add(layers);
  refuse_other_games(configuration.options, of_preset);
  return configuration;
}

std::string configuration_hash(const TrainOptions& options) {
  const Json values = to_json(options, Scope::numbers), defaults = to_json({}, Scope::numbers);
  nlohmann::json canonical = nlohmann::json::object();  // sorts by name
  for (const auto& [name, value] : values.items())
    if (value != value_of(defaults, name)) canonical[name] = value;
  std::uint64_t hash = 14695981039346656037u;
  for (const char byte : canonical.dump()) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  return fmt::format("{:08x}", hash >> 32);
}

std::string default_run(const TrainOptions& options) {
  return fmt::format("runs/{}-{}", options.preset.empty() ? options.game_kind.name() : options.preset,
                     configuration_hash(options));
}

void refuse_changes(const TrainOptions& before, const TrainOptions& now, const std::vector<Scope>& scopes) {
  for (const Scope scope : scopes) {
    const Json old_values = to_json(before, scope), new_values = to_json(now, scope);
    for (const auto& [name, value] : old_values.items())
      if (value_of(new_values, name) != value)
        usage_error("{} can't change when a run goes on: it was {}, now {}. Leave it out, or start a run of its own",
                    flag(name), shortened(value.dump()), shortened(value_of(new_values, name).dump()));
  }
}

}  // namespace duel::app
