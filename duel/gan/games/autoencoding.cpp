#include "duel/gan/games/autoencoding.h"

#include "duel/autograd/ops.h"
#include "duel/gan/games/show.h"
#include "duel/gan/models/option_text.h"
#include "duel/nn/losses.h"

namespace duel {
namespace {

constexpr std::int64_t kPairs = 4, kNew = 2;  // columns of a snapshot

PixelModel pixel_model(const Blueprint& autoencoder) {
  const auto pixels = autoencoder.get("pixels");
  check(pixels.has_value(), "AutoencodingGame", "this network is no auto-encoder");
  return *pixels == to_text(PixelModel::bernoulli) ? PixelModel::bernoulli : PixelModel::gaussian;
}

}  // namespace

AutoencodingGame::AutoencodingGame(const Options& o)
    : Game(o.seed, o.place),
      options_(o),
      network_(placed(o.autoencoder.make(rng_))),
      player_("auto-encoder", network_, o.optimizer, o.learning),
      pixels_(pixel_model(o.autoencoder)),
      step_(o.place.device, o.place.capture) {
  check(o.beta >= 0 && o.sparsity >= 0, "AutoencodingGame", "beta and sparsity must not be negative, got ", o.beta,
        " and ", o.sparsity);
  const NoGrad no_grad;
  const Shape& s = network_.input().shape;
  const Tensor one = Tensor::zeros({1, s[0], s[1], s[2]}, {.device = o.place.device});
  const Pass pass{.mode = Mode::eval};
  variational_ = network_.reconstruct(one, pass).posterior.mu.defined();
  code_ = network_.encode(one, pass).size(1);
}

void AutoencodingGame::check_fits(const BatchShape& data) const {
  check(data.picture == network_.input().shape, "AutoencodingGame", "the pictures ", data.picture,
        " do not fit a network for ", network_.input().shape);
}

// From [-1, 1] to the pixel model's range, and back.
Tensor AutoencodingGame::to_range(const Tensor& pictures) const {
  if (pixels_ == PixelModel::gaussian) return pictures;
  const NoGrad no_grad;
  return (0.5 * (Variable(pictures) + 1)).value();
}
Tensor AutoencodingGame::from_range(const Tensor& pictures) const {
  if (pixels_ == PixelModel::gaussian) return pictures;
  const NoGrad no_grad;
  return (2 * Variable(pictures) - 1).value();
}

Numbers AutoencodingGame::play(DataLoader& data) {
  CapturedStep::Inputs inputs;
  for (std::int64_t i = 0; i < options_.learning.accumulations; ++i) {
    inputs.tensors.push_back(next_batch(data).pictures);
    inputs.draws.push_back(rng_.split());
  }
  const Outputs outputs = learn(
      step_, inputs, [this](const CapturedStep::Inputs& in, Doing doing) { return learn_all(in, doing); }, {&player_});
  Numbers numbers;
  numbers["loss"] = 0;
  if (tells())
    for (const auto& [name, value] : outputs) numbers[name] = name == "loss" ? player_.value_of(value) : value.item();
  return numbers;
}

CapturedStep::Outputs AutoencodingGame::learn_all(const CapturedStep::Inputs& inputs, Doing doing) {
  Outputs outputs, terms;
  std::vector<std::function<Variable()>> losses;
  for (std::size_t i = 0; i < inputs.draws.size(); ++i)
    losses.emplace_back([&, i] {
      terms.clear();
      return loss(to_range(inputs.tensors[i]), inputs.draws[i], terms);
    });
  outputs.emplace_back("loss", player_.learn(losses, doing));
  outputs.insert(outputs.end(), terms.begin(), terms.end());
  return outputs;
}

Variable AutoencodingGame::loss(const Tensor& pictures, Rng draws, Outputs& terms) {
  const Reconstruction made = network_.reconstruct(pictures, {.rng = &draws});
  Variable total = reconstruction_loss(made.pictures, pictures, pixels_);
  terms.emplace_back("reconstruction", total.value());
  if (variational_) {
    const Variable kl = kl_gaussian(made.posterior.mu, made.posterior.log_var);
    terms.emplace_back("kl", kl.value());
    total = total + options_.beta * kl;
  }
  if (options_.sparsity > 0) {
    const Variable sparsity = options_.sparsity * mean(abs(network_.encode(pictures)));
    terms.emplace_back("sparsity", sparsity.value());
    total = total + sparsity;
  }
  return total;
}

Tensor AutoencodingGame::decode(const Tensor& codes) {
  const NoGrad no_grad;
  return from_range(network_.decode(codes.to(place().device), {.mode = Mode::eval}).value());
}

void AutoencodingGame::prepare_snapshot(Rng& draws, const DataLoader& data) {
  shown_ = data.spread(kSnapshotRows * kPairs).pictures;
  shown_codes_ = draws.normal({kSnapshotRows * kNew, code_});
}

Tensor AutoencodingGame::snapshot() {
  const NoGrad no_grad;
  const Tensor made =
      from_range(network_.reconstruct(to_range(shown_.to(place().device)), {.mode = Mode::eval}).pictures.value());
  std::vector<Tensor> columns;
  const auto column = [](const Tensor& pictures, std::int64_t i) {
    return pictures.slice(0, i * kSnapshotRows, (i + 1) * kSnapshotRows);
  };
  for (std::int64_t i = 0; i < kPairs; ++i) {
    columns.push_back(column(shown_, i));
    columns.push_back(column(made, i));
  }
  if (variational_) {
    const Tensor drawn = decode(shown_codes_);
    for (std::int64_t i = 0; i < kNew; ++i) columns.push_back(column(drawn, i));
  }
  return side_by_side(columns);
}

void AutoencodingGame::visit(Visitor& v) {
  v.child("autoencoder", network_);
  v.child("optimizer", player_);
}

}  // namespace duel
