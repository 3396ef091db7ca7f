// Every preset's game goes through its updates on a device: nothing in them asks for what lies elsewhere, or for values
// while they are recorded. On the dry device, so at any size, and without a number.
#include <doctest/doctest.h>

#include "apps/duel/presets.h"
#include "tests/apps/preset_shapes.h"
#include "tests/cuda/plans/dry_device.h"

using namespace duel;
using namespace duel::app;

namespace {

// A few black pictures of these sizes, in pairs if there are to be pairs.
class Black : public Dataset {
 public:
  Black(const BatchShape& shape, std::int64_t count)
      : shape_(shape), count_(count), picture_(Tensor::zeros(shape.picture, {.dtype = DType::uint8})) {
    if (shape.target.dim() == 3) target_ = Tensor::zeros(shape.target, {.dtype = DType::uint8});
  }
  std::int64_t size() const override { return count_; }
  std::int64_t classes() const override { return shape_.classes; }
  Example read(std::int64_t, Rng&) const override { return {picture_, target_}; }
  std::string name(std::int64_t) const override { return "black"; }

 private:
  BatchShape shape_;
  std::int64_t count_;
  Tensor picture_, target_;
};

// Steps until all updates have been recorded, and one more.
void play(TrainOptions o, const char* precision) {
  constexpr std::int64_t kBatch = 2;
  o.device = "cuda";
  o.precision = precision;
  o.data_shape = data_of(o);
  o.game.burn_in = {};  // until its end nothing is recorded
  const std::unique_ptr<Game> game = make_game(o, 0);
  DataLoader data(std::make_shared<Black>(o.data_shape, 4 * kBatch),
                  {.batch_size = kBatch, .pixels = BatchPixels::bytes});
  const RegulariserOptions& r = o.game.regularisers;
  const std::int64_t interval = r.r1_gamma > 0 ? r.r1_interval : 1;
  for (std::int64_t i = 0; i < 2 * interval + 1; ++i) game->step(data, Telling::nothing);
  std::int64_t replays = 0;
  for (const CapturedStep* step : game->captured_steps()) {
    CHECK(step->refusal() == "");
    replays += step->replays();
  }
  CHECK(replays > 0);
}

}  // namespace

TEST_CASE("every preset trains on a device, its updates recorded") {
  bool narrow = false;
  for (const Preset& preset : presets()) {
    INFO(std::string(preset.name));
    TrainOptions o = resolve({{{{"preset", preset.name}}, ""}});
    o.game.learning.accumulations = std::min<std::int64_t>(o.game.learning.accumulations, 2);
    o.game.d_steps = std::min<std::int64_t>(o.game.d_steps, 2);
    make_narrow(o);
    const char* precision = (narrow = !narrow) ? "bf16" : "tf32";
    INFO(std::string(precision));
    play(o, precision);
  }
}
