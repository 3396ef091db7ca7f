// The game energy: a generator without an adversary, which makes the energy distance between its pictures and those of
// the data small (Szekely and Rizzo 2013): 2 E|x - y| - E|x - x'| - E|y - y'|, x generated, y real.
#include "parts.h"

namespace example {
namespace {

using namespace duel;

constexpr std::int64_t kShown = 64, kColumns = 8;

// The mean distance between the rows of a [N, D] and those of b [M, D]; shape [].
Variable mean_distance(const Variable& a, const Variable& b) {
  const Variable squares = sum(square(a), {1}, KeepDims::yes) + reshape(sum(square(b), {1}), {1, b.size(0)});
  const Variable squared = relu(squares - 2 * matmul(a, transpose(b, 0, 1)));  // [N, M], rounding may give less than 0
  return mean(sqrt(squared + 1e-8));
}

class EnergyGame final : public Game {
 public:
  explicit EnergyGame(const GameSetup& setup)
      : Game(setup.seed),
        generator_(setup.networks.at(0).second.make(rng_)),
        player_("generator", generator_, setup.generator_optimizer, setup.learning),
        noise_(setup.noise),
        diversity_(setup.parameters.get<double>("diversity")),
        picture_(setup.data.picture) {
    check(latents().dim() == 1, "EnergyGame", "needs a generator that makes pictures of noise");
  }

  void check_fits(const BatchShape& data) const override {
    check(data.picture == picture_, "EnergyGame", "the pictures ", data.picture, " do not fit a network for ",
          picture_);
  }
  std::int64_t batches_per_step() const override { return player_.learning().accumulations; }
  std::vector<Player*> players() override { return {&player_}; }
  std::vector<std::pair<std::string, Network*>> networks() override { return {{"generator", &generator_}}; }
  void prepare_snapshot(Rng& draws, const DataLoader&) override { shown_ = noise_(draws, {kShown, latents()[0]}); }
  Tensor snapshot() override {
    const NoGrad no_grad;
    return picture_grid(to_uint8(generator_(shown_, {}, {.mode = Mode::eval}).value()), kColumns);
  }

 private:
  const Shape& latents() const { return generator_.input().shape; }

  Numbers play(DataLoader& data) override {
    Numbers numbers;
    numbers["distance"] = player_.minimize([&] {
      const Tensor pictures = data.next().pictures;
      const std::int64_t n = pictures.size(0), size = pictures.numel() / n;
      const Variable y = reshape(pictures, {n, size});
      const Tensor z = noise_(rng_, {n, latents()[0]});
      Rng draws = rng_.split();
      const Variable x = reshape(generator_(z, {}, {.rng = &draws}), {n, size});
      return 2 * mean_distance(x, y) - diversity_ * mean_distance(x, x) - mean_distance(y, y);
    });
    return numbers;
  }
  // All that a checkpoint must keep; steps and the random stream are kept already.
  void visit(Visitor& v) override {
    v.child("generator", generator_);
    v.child("optimizer", player_);
  }

  Network generator_;
  Player player_;
  DrawNoise noise_;
  double diversity_;
  Shape picture_;
  Tensor shown_;
};

}  // namespace

void register_game(Registry& registry) {
  GamePart game;
  game.name = "energy";
  game.help = "a generator against the energy distance";
  game.parameters = {{"diversity", "weight of the distance among its own pictures", 1.0, 0, 10}};
  game.model = "two-layer";
  game.networks = [](const BatchShape& data) {
    return std::vector<NetworkRequest>{
        {.name = "generator", .part = "generator", .in = data.picture, .out = data.picture}};
  };
  game.make = [](const GameSetup& setup) { return std::make_unique<EnergyGame>(setup); };
  registry.games.add(std::move(game));
}

}  // namespace example
