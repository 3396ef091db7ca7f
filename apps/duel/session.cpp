#include "apps/duel/session.h"

#include <algorithm>

#include <fmt/format.h>

#include "duel/gan/media/idx.h"

namespace duel::app {
namespace {

// With `border` black pixels around each picture.
Tensor padded(const Tensor& pictures, std::int64_t border) {
  const Shape& s = pictures.shape();
  Tensor wide = Tensor::zeros({s[0], s[1], s[2] + 2 * border, s[3] + 2 * border}, {.dtype = DType::uint8});
  wide.slice(2, border, border + s[2]).slice(3, border, border + s[3]).copy_(pictures);
  return wide;
}

Dataset load_data(const TrainOptions& o) {
  Dataset data = load_idx_dataset(o.data, Split::train);
  if (!o.class_names.empty()) {
    check(static_cast<std::int64_t>(o.class_names.size()) == data.classes, "train", o.class_names.size(),
          " class names given, but the data in ", o.data, " has ", data.classes, " classes");
    data.class_names = o.class_names;
  }
  if (o.pad > 0) data.pictures = padded(data.pictures, o.pad);
  return data;
}

TrainOptions with_sizes(TrainOptions o, const Dataset& data) {
  const Shape& pictures = data.pictures.shape();
  o.data_sizes = {pictures[1], pictures[2], pictures[3], data.classes};
  return o;
}

AdversarialGame::Options seeded(AdversarialGame::Options game, std::uint64_t seed) {
  game.seed = seed;
  return game;
}

}  // namespace

Session::Session(const TrainOptions& given) : Session(given, load_data(given)) {}

Session::Session(const TrainOptions& given, Dataset data)
    : options(with_sizes(given, data)),
      streams(given.seed),
      batches(std::move(data), given.batch_size, streams.split().seed()),
      game(seeded(game_options(options), streams.split().seed())) {
  try {
    game.check_fits(batches.dataset());
  } catch (const Error& e) {
    throw UsageError(fmt::format("{}; choose another --model, or make pictures larger with --pad", e.what()));
  }
}

}  // namespace duel::app
