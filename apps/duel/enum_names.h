// The names that options on the command line and in JSON have for the library's enumerations.
#pragma once

#include "duel/gan/games/adversarial.h"
#include "duel/gan/games/translation.h"
#include "duel/gan/media/open_dataset.h"
#include "duel/gan/models/option_text.h"
#include "duel/nn/schedules.h"

namespace duel {

constexpr auto names_of(OptimizerKind) {
  using enum OptimizerKind;
  return std::array{Named{adam, "adam"}, Named{adamw, "adamw"}, Named{rmsprop, "rmsprop"}, Named{sgd, "sgd"}};
}
constexpr auto names_of(ScheduleKind) {
  using enum ScheduleKind;
  return std::array{Named{constant, "constant"},
                    Named{linear, "linear"},
                    Named{step, "step"},
                    Named{multi_step, "multi_step"},
                    Named{exponential, "exponential"},
                    Named{cosine, "cosine"},
                    Named{one_cycle, "one_cycle"},
                    Named{ramp, "ramp"}};
}
constexpr auto names_of(UpdateOrder) {
  using enum UpdateOrder;
  return std::array{Named{separate, "separate"}, Named{shared, "shared"}, Named{generator_first, "generator_first"}};
}
constexpr auto names_of(EmaBuffers) {
  return std::array{Named{EmaBuffers::copy, "copy"}, Named{EmaBuffers::average, "average"}};
}
constexpr auto names_of(PenaltyAt) {
  using enum PenaltyAt;
  return std::array{Named{mixed, "mixed"}, Named{real, "real"}, Named{fake, "fake"}};
}
constexpr auto names_of(NormOver) {
  return std::array{Named{NormOver::sample, "sample"}, Named{NormOver::pixel, "pixel"}};
}
constexpr auto names_of(FeatureDistance) {
  return std::array{Named{FeatureDistance::squares, "squares"}, Named{FeatureDistance::mean_absolute, "mean_absolute"}};
}
constexpr auto names_of(PixelLoss) { return std::array{Named{PixelLoss::l1, "l1"}, Named{PixelLoss::mse, "mse"}}; }
constexpr auto names_of(Judged) { return std::array{Named{Judged::pair, "pair"}, Named{Judged::picture, "picture"}}; }
constexpr auto names_of(Split) { return std::array{Named{Split::train, "train"}, Named{Split::test, "test"}}; }
constexpr auto names_of(Halves) {
  return std::array{Named{Halves::left_right, "left_right"}, Named{Halves::top_bottom, "top_bottom"}};
}
constexpr auto names_of(Direction) {
  return std::array{Named{Direction::a_to_b, "a_to_b"}, Named{Direction::b_to_a, "b_to_a"}};
}
constexpr auto names_of(Pairing) {
  return std::array{Named{Pairing::random, "random"}, Named{Pairing::serial, "serial"}};
}

}  // namespace duel
