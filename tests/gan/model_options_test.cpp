// Options of networks as names and texts: every member of every struct is there, and what is written reads back.
#include "duel/gan/models/model_options.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <concepts>
#include <limits>
#include <set>
#include <utility>

using namespace duel;

namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

#define ALL_OPTIONS                                                                                                  \
  AutoencoderOptions, BigganGeneratorOptions, BigganDiscriminatorOptions, BigganDeepGeneratorOptions,                \
      BigganDeepDiscriminatorOptions, ConditionalDcganOptions, CycleganGeneratorOptions, DcganOptions,               \
      FastaiCriticOptions, FastaiUnetOptions, GanzoFcOptions, GanzoConvOptions, GanzoResnetOptions,                  \
      GanzoUGeneratorOptions, GanzoPatchDiscriminatorOptions, PatchDiscriminatorOptions, PixelDiscriminatorOptions,  \
      Pix2pixGeneratorOptions, R3ganOptions, ResnetEncoderOptions, SnganGeneratorOptions, SnganDiscriminatorOptions, \
      StudioganDcganOptions, MlpGanOptions, TutorialDcganOptions

// The types of options, and what any of them can be initialised with.
template <class T>
concept Member = std::is_enum_v<T> || std::same_as<T, std::int64_t> || std::same_as<T, double> ||
    std::same_as<T, std::string> || std::same_as<T, std::vector<std::int64_t>> || std::same_as<T, Size2> ||
    std::same_as<T, std::optional<PixelRange>> || std::same_as<T, SpectralNormOptions> ||
    std::same_as<T, TranslationInit>;
struct AnyMember {
  template <Member T>
  operator T() const;
};

// The number of members of an aggregate: as many as it takes in braces.
template <class T, class... Members>
constexpr std::size_t members() {
  if constexpr (requires { T{Members{}..., AnyMember{}}; }) return members<T, Members..., AnyMember>();
  return sizeof...(Members);
}

// The same with the members of nested options instead of those.
template <class Options>
constexpr std::size_t leaves() {
  std::size_t count = members<Options>();
  if constexpr (requires(Options o) { o.spectral.variant; }) count += members<SpectralNormOptions>() - 1;
  if constexpr (requires(Options o) { o.init.gain; }) count += members<TranslationInit>() - 1;
  return count;
}

// "none" for UnetCross::none; "" if the number is no enumerator's.
template <auto value>
constexpr std::string_view spelled() {
  std::string_view text = __PRETTY_FUNCTION__;  // "... [with auto value = duel::UnetCross::none; ..."
  text.remove_prefix(text.find("value = ") + 8);
  text = text.substr(0, text.find_first_of(";]"));
  return text.starts_with('(') ? "" : text.substr(text.rfind(':') + 1);
}

template <class E, std::size_t... i>
std::vector<std::string_view> enumerators(std::index_sequence<i...>) {
  std::vector<std::string_view> names = {spelled<static_cast<E>(i)>()...};
  std::erase(names, "");
  return names;
}

// Other values than the given one: what an option is changed to.
std::vector<std::int64_t> others(std::int64_t value) { return {value + 1, 0, 1000}; }
std::vector<double> others(double value) {
  return {value + 0.1, 1.0 / 3, -5e-324, std::numeric_limits<double>::max(), 100000};
}
std::vector<std::string> others(const std::string& value) { return {value + "_16", "", "a = b, c"}; }
std::vector<std::vector<std::int64_t>> others(const std::vector<std::int64_t>&) { return {{}, {5}, {1, 0, 1000}}; }
std::vector<Size2> others(Size2 value) { return {{value.w + 1, value.h + 2}, {48, 80}}; }
std::vector<std::optional<PixelRange>> others(std::optional<PixelRange>) {
  return {PixelRange{-0.1, 1.5}, PixelRange{0, 1}};
}
template <NamedEnum E>
std::vector<E> others(E value) {
  std::vector<E> values;
  for (const Named<E>& known : names_of(value))
    if (known.value != value) values.push_back(known.value);
  return values;
}

bool same(const auto& a, const auto& b) { return a == b; }
bool same(const std::optional<PixelRange>& a, const std::optional<PixelRange>& b) {
  return a.has_value() == b.has_value() && (!a || (a->low == b->low && a->high == b->high));
}

// Changes one option by text, and looks at all of them.
template <class Options, class T>
void check_change(std::string_view name, const T& to) {
  CAPTURE(name);
  Options changed;
  set_option(changed, name, to_text(to));
  describe(changed, [&](std::string_view option, const auto& value) {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(value)>, T>)
      if (option == name) CHECK(same(value, to));
  });
  Texts expected = option_texts(Options{});
  for (auto& [option, text] : expected)
    if (option == name) text = to_text(to);
  CHECK(option_texts(changed) == expected);
}

std::string message(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

template <class T>
void check_refused(T value, std::initializer_list<std::string_view> texts) {
  const std::string before = to_text(value);
  for (std::string_view text : texts) {
    CAPTURE(text);
    CHECK(!set_from_text(value, text));
    CHECK(to_text(value) == before);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("Options: every member of a network's options has a name of its own", O, ALL_OPTIONS) {
  std::size_t count = 0;
  std::set<std::string> names;
  std::set<const void*> places;
  O options;
  describe(options, [&](const char* name, auto& value) {
    ++count;
    names.insert(name);
    places.insert(&value);
  });
  CHECK(count == leaves<O>());
  CHECK(names.size() == count);
  CHECK(places.size() == count);
}

TEST_CASE_TEMPLATE("Options: texts read back as the same values, and change nothing else", O, ALL_OPTIONS) {
  O options;
  describe(options, [&](const char* name, const auto& value) {
    check_change<O>(name, value);
    for (const auto& other : others(value)) check_change<O>(name, other);
  });
}

TEST_CASE_TEMPLATE("Options: choices have the enumerators' names", O, ALL_OPTIONS) {
  O options;
  describe(options, []<class T>(const char* name, const T&) {
    if constexpr (std::is_enum_v<T>) {
      CAPTURE(name);
      std::vector<std::string_view> names;
      for (const Named<T>& known : names_of(T{})) {
        names.push_back(known.name);
        CHECK(to_text(known.value) == known.name);
      }
      CHECK(names == enumerators<T>(std::make_index_sequence<32>()));
    }
  });
}

TEST_CASE("Options: a card of all kinds") {
  CHECK(option_texts(BigganGeneratorOptions{}) == Texts{{"system", "biggan_pytorch"},
                                                        {"resolution", "128"},
                                                        {"width", "64"},
                                                        {"channels", "3"},
                                                        {"classes", "1000"},
                                                        {"latent", "128"},
                                                        {"embedding", "per_norm"},
                                                        {"shared", "0"},
                                                        {"latent_use", "bottom"},
                                                        {"attention", "64"},
                                                        {"depth", "1"},
                                                        {"norm_style", "bn"},
                                                        {"statistics", "torch"},
                                                        {"norm_eps", "1e-05"},
                                                        {"output_norm_eps", "1e-05"},
                                                        {"nonlinearity", "relu"},
                                                        {"init", "orthogonal"},
                                                        {"spectral", "ajbrock"},
                                                        {"spectral_eps", "1e-08"},
                                                        {"spectral_iterations", "1"},
                                                        {"spectral_singular_values", "1"}});
  CHECK(option_texts(FastaiUnetOptions{.range = PixelRange{-1, 0.5}}) == Texts{{"in_channels", "3"},
                                                                               {"out_channels", "3"},
                                                                               {"size", "256x256"},
                                                                               {"norm", "none"},
                                                                               {"blur", "none"},
                                                                               {"attention", "none"},
                                                                               {"cross", "input"},
                                                                               {"bottleneck", "no"},
                                                                               {"range", "-1,0.5"},
                                                                               {"slope", "0"}});
  CHECK(option_texts(R3ganOptions{}) == Texts{{"widths", "768,768,768,768"},
                                              {"blocks", "2"},
                                              {"expansion", "2"},
                                              {"group_width", "16"},
                                              {"channels", "3"},
                                              {"latent", "64"},
                                              {"classes", "0"}});
  const Texts pixels = {
      {"in_channels", "3"}, {"width", "64"}, {"norm", "instance"}, {"init", "normal"}, {"init_gain", "0.02"}};
  CHECK(option_texts(PixelDiscriminatorOptions{}) == pixels);
}

TEST_CASE("Options: texts of values") {
  CHECK(to_text(0.1) == "0.1");
  CHECK(to_text(1e-12) == "1e-12");
  CHECK(to_text(64.0) == "64");
  CHECK(to_text(std::vector<std::int64_t>{512, 256}) == "512,256");
  CHECK(to_text(std::vector<std::int64_t>{}) == "none");
  CHECK(to_text(Size2{48, 80}) == "48x80");

  double number = 0;
  for (const char* text : {"2", "2.0", "0.2e1", "200e-2"}) {
    CHECK(set_from_text(number, text));
    CHECK(std::exchange(number, 0) == 2);
  }
  std::optional<double> slope = 0.2;
  CHECK(set_from_text(slope, "none"));
  CHECK(!slope);
  CHECK(to_text(slope) == "none");
  CHECK(set_from_text(slope, "0.25"));
  CHECK(slope == 0.25);
  CHECK(to_text(slope) == "0.25");
  CHECK(message([] { static_cast<void>(to_text(static_cast<UnetCross>(9))); }) ==
        "to_text: the enum has no value 9; it is one of none, input");
}

TEST_CASE("Options: what is no such value is refused and changes nothing") {
  const std::initializer_list<std::string_view> no_numbers = {"",     " ",     "x",   "1 ",  " 1",      "+1",
                                                              "1,",   "0x10",  "1e",  "--1", "nan",     "inf",
                                                              "-inf", "1e999", "one", "1\n", {"1\0", 2}};
  check_refused(std::int64_t{5}, no_numbers);
  check_refused(std::int64_t{5}, {"1.0", "1e3", "9223372036854775808", "none"});
  check_refused(0.5, no_numbers);
  check_refused(0.5, {"none", "1e-999", "0,5"});
  check_refused(std::vector<std::int64_t>{5}, {"", ",", "1,", ",1", "1,,2", "1, 2", "1;2", "none,1", "1,none", "1.5"});
  check_refused(Size2{5, 6}, {"", "x", "28x", "x28", "28x28x28", "28 x 28", "28X28", "28,28"});
  check_refused(std::optional<PixelRange>{{-1, 1}},
                {"", "1", "-1,", ",1", "-1,1,2", "-1,inf", "-1x1", "none,1", "None", "none "});
  check_refused(Nonlinearity::elu, {"", "relu ", "ReLU", "0", "leaky-relu", "rel", "relu,elu"});
}

TEST_CASE("Options: errors name the option, what it takes and what was given") {
  const auto error = [](auto options, const char* name, const char* text) {
    return message([&] { set_option(options, name, text); });
  };
  CHECK(error(DcganOptions{}, "width", "32 ") == "set_option: width takes an integer; got '32 '");
  CHECK(error(DcganOptions{}, "slope", "0,2") == "set_option: slope takes a number; got '0,2'");
  CHECK(error(DcganOptions{}, "layout", "keras") == "set_option: layout takes one of pytorch, fastai; got 'keras'");
  CHECK(error(R3ganOptions{}, "widths", "768,") ==
        "set_option: widths takes integers such as 512,256, or none; got '768,'");
  CHECK(error(MlpGanOptions{}, "size", "28y") ==
        "set_option: size takes a height and a width such as 28x32, or one for both; got '28y'");
  CHECK(error(FastaiUnetOptions{}, "range", "1") ==
        "set_option: range takes the lowest and the highest value such as -1,1, or none; got '1'");
  CHECK(error(SnganGeneratorOptions{}, "spectral", "pytorch") ==
        "set_option: spectral takes one of none, torch, ajbrock, mmgen, mimicry; got 'pytorch'");
  CHECK(error(GanzoFcOptions{}, "latents", "5") ==
        "set_option: there is no option 'latents' (nearest: latent); there are size, latent, layers, dropout, scores");
  CHECK(error(BigganGeneratorOptions{}, "spectral.eps", "1").find("(nearest: spectral_eps)") != std::string::npos);
  CHECK(error(BigganGeneratorOptions{}, "", "").find("there is no option ''") != std::string::npos);

  BigganGeneratorOptions options;
  CHECK_THROWS_AS(set_option(options, "nonlinearity", "selu"), Error);
  CHECK_THROWS_AS(set_option(options, "nonlinear", "elu"), Error);
  CHECK(option_texts(options) == option_texts(BigganGeneratorOptions{}));
}
