#include "apps/duel/commands/option_flags.h"

#include <fmt/format.h>

#include "apps/duel/describe_options.h"

namespace duel::app {
namespace {

// Of flags and --set together, by key.
std::map<std::string, std::string> all_words(const OptionWords& words) {
  std::map<std::string, std::string> all = words.flags;
  for (const std::string& set : words.sets) {
    const std::size_t equals = set.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw UsageError(fmt::format("--set takes key=value, as --set batch_size=32, not '{}'", set));
    const std::string key = set.substr(0, equals);
    if (!all.emplace(key, set.substr(equals + 1)).second)
      throw UsageError(fmt::format("{} is given twice; give it once, as {} or --set {}", key, flag(key), set));
  }
  return all;
}

}  // namespace

void add_option_flags(CLI::App& app, const std::shared_ptr<OptionWords>& words) {
  app.add_option("--from-json", words->from_json, "take options from this file")->type_name("FILE");
  app.add_option("--set", words->sets, "the same as the flag of that name; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  TrainOptions defaults;
  describe(defaults, [&](const OptionInfo& info, const auto& value) {
    const Json standard = as_json(value);
    CLI::Option* option = app.add_option_function<std::string>(
        flag(info.name), [words, name = std::string(info.name)](const std::string& word) { words->flags[name] = word; },
        fmt::format("{} ({})", info.help, expects(info, value)));
    option->group(info.group)
        ->type_name("")
        ->default_str(standard.is_string() ? standard.get<std::string>() : standard.dump());
    if (standard.is_boolean()) option->expected(0)->expected(0, 1);  // a flag, which may be told its value
  });
}

std::vector<Layer> option_layers(const OptionWords& words) {
  std::vector<Layer> layers;
  if (!words.from_json.empty()) layers.push_back(read_json_layer(words.from_json));
  std::map<std::string, std::string> left = all_words(words);
  Json given = Json::object();
  TrainOptions types;
  describe(types, [&](const OptionInfo& info, const auto& value) {
    const auto word = left.find(info.name);
    if (word == left.end()) return;
    given[info.name] = parse_word(word->second, value);
    left.erase(word);
  });
  for (const auto& [key, word] : left) given[key] = word;  // unknown: `apply` will say so
  layers.push_back({given, ""});
  return layers;
}

}  // namespace duel::app
