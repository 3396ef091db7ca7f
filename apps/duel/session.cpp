#include "apps/duel/session.h"

#include <algorithm>

#include "duel/gan/media/idx.h"

namespace duel::app {
namespace {

Dataset load_data(const TrainOptions& o) {
  Dataset data = load_idx_dataset(o.data, Split::train);
  if (!o.class_names.empty()) {
    check(static_cast<std::int64_t>(o.class_names.size()) == data.classes, "train", o.class_names.size(),
          " class names given, but the data in ", o.data, " has ", data.classes, " classes");
    data.class_names = o.class_names;
  }
  return data;
}

TrainOptions with_sizes(TrainOptions o, const Dataset& data) {
  const Shape& pictures = data.pictures.shape();
  o.game.model.channels = pictures[1];
  o.game.model.size = {pictures[2], pictures[3]};
  o.game.model.classes = std::max<std::int64_t>(1, data.classes);  // 1 without labels
  return o;
}

ConditionalGame::Options game_options(const TrainOptions& o, std::uint64_t seed) {
  ConditionalGame::Options game = o.game;
  for (AdamOptions* adam : {&game.generator, &game.discriminator}) {
    adam->beta1 = o.beta1;
    adam->beta2 = o.beta2;
  }
  game.seed = seed;
  return game;
}

}  // namespace

Session::Session(const TrainOptions& given) : Session(given, load_data(given)) {}

Session::Session(const TrainOptions& given, Dataset data)
    : options(with_sizes(given, data)),
      streams(given.seed),
      batches(std::move(data), given.batch_size, streams.split().seed()),
      game(game_options(options, streams.split().seed())) {}

}  // namespace duel::app
