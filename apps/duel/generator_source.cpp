#include "apps/duel/generator_source.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

#include "apps/duel/checkpoint.h"
#include "apps/duel/describe_options.h"
#include "apps/duel/run_directory.h"
#include "duel/autograd/ops.h"
#include "duel/gan/pictures.h"
#include "duel/tensor/nearest.h"

namespace duel::app {
namespace {

constexpr const char* kAveraged = "generator_ema";

// The length of the codes of an auto-encoder, which lies on `device`; it must be a variational one.
std::int64_t code_length(Network& network, Device device, const std::string& name) {
  const NoGrad no_grad;
  const Shape& s = network.input().shape;
  const Tensor picture = Tensor::zeros({1, s[0], s[1], s[2]}, {.device = device});
  const Pass pass{.mode = Mode::eval};
  if (!network.reconstruct(picture, pass).posterior.mu.defined())
    throw UsageError(
        fmt::format("{}: this auto-encoder has no distribution of codes to draw from, as a variational "
                    "one has",
                    name));
  return network.encode(picture, pass).size(1);
}

}  // namespace

void add_options(CLI::App& app, PlaceLine& line) {
  TrainOptions defaults;
  describe_run(defaults, [&](const OptionInfo& info, const auto& value) {
    const std::string_view name = info.name;
    if (name != "device" && name != "precision") return;
    app.add_option_function<std::string>(
           flag(name), [&line, name](const std::string& word) { line.given[name] = word; },
           fmt::format("{} ({})", info.help, expects(info, value)))
        ->type_name("")
        ->default_str(as_json(value).template get<std::string>());
  });
}

Device place(Network& network, const PlaceLine& line) {
  const TrainOptions options = resolve({{line.given, ""}});
  const Place chosen = training_place(options);
  use_precision(options);
  to(network, chosen.device);
  network.compute_in(chosen.activations);
  return chosen.device;
}

void add_options(CLI::App& app, GeneratorLine& line) {
  app.add_option("--run", line.run, "this run's latest checkpoint")->type_name("FOLDER");
  app.add_option("--checkpoint", line.checkpoint, "this checkpoint of a run")->type_name("FILE");
  app.add_option("--weights", line.weights, "these weights, of any system, of the network --model")->type_name("FILE");
  add_options(app, line.published);
  add_options(app, line.place);
}

void add_network_option(CLI::App& app, GeneratorLine& line) {
  app.add_option("--network", line.network,
                 "which network of a checkpoint: generator_ema, the average that training keeps, or generator; "
                 "default: the average")
      ->type_name("NAME");
}

void add_options(CLI::App& app, NoiseLine& line) {
  app.add_option("--truncation", line.truncation,
                 "keep noise near 0, for better pictures that differ less; default: no truncation")
      ->type_name("T");
  app.add_option("--truncation-style", line.style,
                 "resample: noise beyond T is drawn again; hub: noise beyond 2 is, and then multiplied by T, as "
                 "BigGAN's published modules do; scale: multiplied by T")
      ->capture_default_str()
      ->type_name("STYLE");
  app.add_option("--noise-scale", line.scale, "the noise's standard deviation, BigGAN's z_var")
      ->capture_default_str()
      ->type_name("S");
}

LatentOptions latent_options(const NoiseLine& line, const char* options) {
  LatentOptions o{.scale = line.scale, .truncation = line.truncation};
  if (!set_from_text(o.style, line.style))
    throw UsageError(fmt::format("--truncation-style must be {}, not '{}'", takes(o.style), line.style));
  try {
    check_options(o);
  } catch (const Error& e) {
    throw UsageError(fmt::format("{}: {}", options, e.what()));
  }
  return o;
}

void check_line(const GeneratorLine& line) {
  if (line.run.empty() + line.checkpoint.empty() + line.weights.empty() != 2)
    throw UsageError("from what? Give one of --run, --checkpoint and --weights");
  if (line.weights.empty() && line.published.given())
    throw UsageError("--model, --set, --part and --bgr are about --weights; a run has its own networks");
  if (!line.weights.empty() && line.published.model.empty())
    throw UsageError("--weights needs --model NAME, the network that they are for");
  if (!line.weights.empty() && !line.network.empty())
    throw UsageError("--network chooses from a checkpoint; from --weights it is --part");
}

std::filesystem::path checkpoint_file(const GeneratorLine& line) {
  return line.run.empty() ? std::filesystem::path(line.checkpoint) : RunDirectory(line.run).latest_checkpoint();
}

Generator::Decoder Generator::decoder_of(const Blueprint& autoencoder) {
  return autoencoder.get("pixels") == "bernoulli" ? Decoder::sigmoid : Decoder::tanh;
}

Generator::Loaded Generator::from_checkpoint(const GeneratorLine& line) {
  const std::string wanted = line.network.empty() ? kAveraged : line.network;
  if (wanted != kAveraged && wanted != "generator")
    throw UsageError(fmt::format("--network must be {} or generator, not '{}'", kAveraged, wanted));
  const Checkpoint c = read_checkpoint(checkpoint_file(line));
  const GameKind game = c.options.game_kind;
  if (game == GameKind::translate || game == GameKind::cycle)
    throw UsageError(fmt::format("the run's networks make pictures of pictures (game {}): see duel translate --help",
                                 to_text(game)));
  const bool autoencoder = game == GameKind::autoencode;
  if (autoencoder && !line.network.empty())
    throw UsageError("--network: an auto-encoder's run has one network only, without an average");
  const auto [name, blueprint] = game_networks(c.options)[0];
  Rng rng(0);
  Network network = blueprint.make(rng);
  if (game == GameKind::plugin && network.input().shape.dim() != 1)
    throw UsageError(
        fmt::format("the run's game {} has no network that makes pictures of noise", c.options.game_kind.name()));
  StateDict state = part(c.content.tensors, game == GameKind::adversarial || !line.network.empty() ? wanted : name);
  load_state_dict(network, state, c.file.c_str());
  return {std::move(network),
          std::max<std::int64_t>(1, c.options.data_shape.classes),
          c.class_names,
          fmt::format("step {}", c.step),
          autoencoder ? decoder_of(blueprint) : Decoder::none,
          c.options.exact_conv,
          c.options.latent_distribution == "normal" ? nullptr : chosen_noise(c.options)};
}

Generator::Loaded Generator::from_weights(const GeneratorLine& line) {
  const PublishedLine& published = line.published;
  if (published.part.find("discriminator") != std::string::npos)
    throw UsageError("a discriminator draws nothing: --part generator, or leave it out");
  Network network = load_published(published, line.weights);
  const CatalogueEntry entry = chosen_entry(published);
  const auto& [part, blueprint] = entry.networks.front();
  const bool autoencoder = part == "autoencoder";
  const NetworkInput input = network.input();
  if (!autoencoder && input.shape.dim() != 1)
    throw UsageError(
        fmt::format("{} makes pictures of pictures, not of noise: see duel translate --help", published.model));
  return {std::move(network),
          std::max<std::int64_t>(1, input.classes),
          {},
          published.model,
          autoencoder ? decoder_of(blueprint) : Decoder::none};
}

Generator::Loaded Generator::load(const GeneratorLine& line) {
  check_line(line);
  Loaded loaded = line.weights.empty() ? from_checkpoint(line) : from_weights(line);
  loaded.device = place(loaded.network, line.place);
  return loaded;
}

Generator::Generator(const GeneratorLine& line) : Generator(load(line)) {}

Generator::Generator(Loaded loaded)
    : loaded_(std::move(loaded)),
      latent_(loaded_.decoder == Decoder::none ? loaded_.network.input().shape[0]
                                               : code_length(loaded_.network, loaded_.device, loaded_.name)) {
  if (loaded_.decoder != Decoder::none) loaded_.classes = 1;
  if (loaded_.exact_conv) exact_.emplace();
}

Tensor Generator::draw_latents(Rng& rng, std::int64_t count, const LatentOptions& options) const {
  const Shape shape{count, latent_};
  if (!loaded_.noise) return duel::draw_latents(rng, shape, options);
  if (options.truncation > 0 || options.scale != 1)
    throw UsageError("--truncation and --noise-scale are for noise from N(0, 1); this run's is of another kind");
  return loaded_.noise(rng, shape);
}

Variable Generator::operator()(const Variable& z, const Tensor& labels, const Pass& pass) {
  Network& network = loaded_.network;
  switch (loaded_.decoder) {
    case Decoder::none: return network(z, network.input().classes > 0 ? labels.to(device()) : Tensor(), pass);
    case Decoder::tanh: return network.decode(z, pass);
    case Decoder::sigmoid: return 2 * network.decode(z, pass) - 1;
  }
  fail("Generator", "there is no such decoder");
}

Shape Generator::picture() {
  const NoGrad no_grad;
  const Shape s = (*this)(Tensor::zeros({1, latent_}, {.device = device()}), labels_in_turn(1, 1)).shape();
  return {s[1], s[2], s[3]};
}

Tensor Generator::draw(const Tensor& z, const Tensor& labels, std::int64_t batch_size) {
  const NoGrad no_grad;
  const std::int64_t n = z.size(0);
  Tensor all;
  for (std::int64_t begin = 0; begin < n; begin += batch_size) {
    const std::int64_t end = std::min(n, begin + batch_size);
    const Tensor pictures = in_memory("a smaller --batch-size", [&] {
      return to_uint8((*this)(z.slice(0, begin, end).to(device()), labels.slice(0, begin, end)).value());
    });
    if (begin == 0)
      all = Tensor::empty({n, pictures.size(1), pictures.size(2), pictures.size(3)}, {.dtype = DType::uint8});
    all.slice(0, begin, end).copy_(pictures);
  }
  return all;
}

Network& Generator::network(const char* option) {
  if (loaded_.decoder != Decoder::none)
    throw UsageError(fmt::format("{} is for generators; this is an auto-encoder", option));
  return loaded_.network;
}

std::int64_t Generator::find_class(const std::string& text, const char* option) const {
  const std::int64_t last = loaded_.classes - 1;
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (number < 0 || number > last)
      throw UsageError(fmt::format("{}: there is no class {}; they are 0 to {}", option, number, last));
    return number;
  }
  const std::vector<std::string>& names = loaded_.class_names;
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end())
    throw UsageError(fmt::format("{}: there is no class '{}'{}; they are 0 to {}{}{}", option, text,
                                 nearest(text, names), last, names.empty() ? "" : " or ", fmt::join(names, ", ")));
  return found - names.begin();
}

Tensor labels_in_turn(std::int64_t count, std::int64_t classes, std::optional<std::int64_t> only) {
  std::vector<std::int64_t> labels(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = only.value_or(static_cast<std::int64_t>(i) % classes);
  return Tensor::from(labels, {count});
}

void make_folder(const char* command, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  check(!error && std::filesystem::is_directory(folder, error), command, "the folder ", folder,
        " can't be made: ", error ? error.message() : "something else has that name");
}

}  // namespace duel::app
