// DCGAN's discriminator for 3 x 64 x 64 without norms, which penalties on single samples' gradients exclude.
#pragma once

#include "duel/duel.h"

namespace duel::bench {

struct PlainCritic {
  Sequential main;

  explicit PlainCritic(Rng& rng) {
    std::int64_t channels = 3;
    for (std::int64_t width : {64, 128, 256, 512}) {
      main.layers.emplace_back(Conv2d(rng, channels, width, {.kernel = 4, .stride = 2, .padding = 1}));
      main.layers.emplace_back(LeakyReLU{0.2});
      channels = width;
    }
    main.layers.emplace_back(Conv2d(rng, channels, 1, {.kernel = 4}));
  }
  /// [N, 3, 64, 64] -> [N]
  Variable operator()(const Variable& x, const Pass& = {}) { return flatten(main(x), 0); }
  void visit(Visitor& v) { v.child("main", main); }
};

}  // namespace duel::bench
