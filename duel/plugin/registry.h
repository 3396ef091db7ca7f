// Registry: the parts of training that plug-ins bring, by name, each with settings of its own. See plugin.h for how a
// shared library registers them, docs/plugins.md for what each kind is for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "duel/gan/data/data_loader.h"
#include "duel/gan/games/game.h"
#include "duel/gan/latents.h"
#include "duel/gan/losses.h"
#include "duel/gan/models/catalogue.h"
#include "duel/nn/optim.h"

namespace duel {

/// A setting of a part: `duel train --PART.NAME`, and "PART.NAME" in JSON.
struct Parameter {
  std::string name, help;
  std::variant<bool, std::int64_t, double, std::string> value;  ///< by default; the setting stays of its type
  double low = -1e15, high = 1e15;                              ///< of a number, both included
  std::vector<std::string> choices{};                           ///< of a text; empty: any
};

class Parameters {
 public:
  Parameters() = default;
  Parameters(std::initializer_list<Parameter> all) : all_(all) {}

  /// Its value. Throws for a name that there is not, and unless T is the type of its default.
  template <class T>
  const T& get(std::string_view name) const {
    const T* value = std::get_if<T>(&at(name).value);
    check(value != nullptr, "Parameters", "'", name, "' has another type than it is asked for");
    return *value;
  }
  const std::vector<Parameter>& all() const { return all_; }
  /// Its place; throws for a name that there is not.
  Parameter& at(std::string_view name) { return const_cast<Parameter&>(std::as_const(*this).at(name)); }
  const Parameter& at(std::string_view name) const;

 private:
  std::vector<Parameter> all_;
};

/// A part that is made of its settings by `make`.
template <class Make>
struct Part {
  std::string name;  ///< lower-case letters, digits, "-" and "_", the first a letter
  std::string help;  ///< what it is, in half a line
  Parameters parameters{};
  std::function<Make> make;
};

/// What tells of a run as it goes. Everything is told after the step; nothing is told twice unless the run goes on from
/// an earlier step.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void numbers(std::int64_t /*step*/, const std::vector<std::pair<std::string, double>>& /*values*/) {}
  /// `picture`: uint8 [1 or 3, H, W]; `name`: "samples", or a snapshot's.
  virtual void picture(std::int64_t /*step*/, const std::string& /*name*/, const Tensor& /*picture*/) {}
  virtual void histogram(std::int64_t /*step*/, const std::string& /*name*/, std::span<const float> /*values*/) {}
  virtual void warning(std::int64_t /*step*/, const std::string& /*text*/) {}
  /// "complete", "interrupted", or what went wrong.
  virtual void finish(const std::string& /*status*/) {}
};

struct LoggerSetup {
  std::filesystem::path run;  ///< the folder, which is there
  std::int64_t step;          ///< that the run goes on after; what was told of later ones does not count any more
  std::string configuration;  ///< JSON
};

/// Draws a picture of a game, uint8 [1 or 3, H, W]; from the same draws each time, so that pictures can be compared.
using Snapshot = std::function<Tensor(Game& game, const DataLoader& data, Rng draws)>;

/// How good a game is, the less the better unless it is asked for as NAME:max; from the same draws each time.
using Criterion = std::function<double(Game& game, const DataLoader& data, Rng draws)>;

/// A network of a game: what it is called there, which part of the chosen model it is made as, and for what pictures.
struct NetworkRequest {
  std::string name, part;  ///< "generator_a", "generator"
  Shape in, out;           ///< [C, H, W]; of what makes or judges pictures both are those
  std::int64_t classes = 0;
};

/// What a game is made of, all as the options say.
struct GameSetup {
  BatchShape data;
  std::uint64_t seed;
  Place place;  ///< for Game's constructor; a game that leaves it out computes on the CPU
  std::vector<std::pair<std::string, Blueprint>> networks;  ///< as requested
  OptimizerOptions generator_optimizer{}, discriminator_optimizer{};
  LearningOptions learning{};
  AdversarialLoss loss;
  DrawNoise noise;
  Parameters parameters;
};

struct GamePart : Part<std::unique_ptr<Game>(const GameSetup&)> {
  std::string model;  ///< that it plays with unless told otherwise
  /// For pictures of this shape; those that Game::networks gives, averages left out, the first what makes pictures.
  std::function<std::vector<NetworkRequest>(const BatchShape&)> networks;
};

/// The parts of one kind.
template <class P>
class Parts {
 public:
  explicit Parts(const char* kind) : kind_(kind) {}
  const char* kind() const { return kind_; }
  /// Throws for a name that can't be, one that is taken, and a part that can't be made.
  void add(P part);
  /// Null if there is none of that name.
  const P* find(std::string_view name) const {
    for (const P& part : all_)
      if (part.name == name) return &part;
    return nullptr;
  }
  const std::vector<P>& all() const { return all_; }

 private:
  const char* kind_;
  std::vector<P> all_;
};

namespace detail {
/// As on a command line, where "_" is "-".
std::string flag_name(std::string name);
/// Throws, naming the kind, for the name of a part or of one of its parameters that can't be, and parameters that are
/// there twice or whose defaults are none of their values.
void check_part(const char* kind, const std::string& name, const Parameters& parameters);
}  // namespace detail

struct Registry {
  Parts<CatalogueEntry> models{"model"};  ///< generators, discriminators, auto-encoders
  Parts<Part<AdversarialLoss(const Parameters&)>> losses{"loss"};
  Parts<Part<DrawNoise(const Parameters&)>> noises{"noise"};
  Parts<GamePart> games{"game"};
  /// Opens what lies at a path.
  Parts<Part<std::unique_ptr<Dataset>(const std::filesystem::path&, Split, const Parameters&)>> datasets{"data set"};
  Parts<Part<Transform(const Parameters&)>> transforms{"transform"};
  Parts<Part<std::unique_ptr<Logger>(const LoggerSetup&, const Parameters&)>> loggers{"logger"};
  Parts<Part<Snapshot(const Parameters&)>> snapshots{"snapshot"};
  Parts<Part<Criterion(const Parameters&)>> criteria{"criterion"};

  /// f(parts) for each kind, in this order.
  template <class F>
  void each_kind(F&& f) const {
    f(models), f(losses), f(noises), f(games), f(datasets), f(transforms), f(loggers), f(snapshots), f(criteria);
  }
};

template <class P>
void Parts<P>::add(P part) {
  if constexpr (requires { part.make; }) {
    detail::check_part(kind_, part.name, part.parameters);
    check(part.make != nullptr, "Registry", "the ", kind_, " '", part.name, "' has no function that makes it");
    if constexpr (requires { part.networks; })
      check(part.networks != nullptr, "Registry", "the ", kind_, " '", part.name,
            "' does not say which networks it plays");
  } else {
    detail::check_part(kind_, part.name, {});
  }
  check(!find(part.name), "Registry", "there is a ", kind_, " '", part.name, "' of a plug-in already");
  all_.push_back(std::move(part));
}

}  // namespace duel
