#include "apps/duel/learning_rates.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace duel::app {
namespace {

template <class Number>
bool parse_whole(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

// PLAYER.PATTERN=FACTOR or PLAYER.PATTERN=FACTOR@STEP
LearningRates::Scale LearningRates::parse(const std::string& text, const std::vector<Player*>& players) {
  const std::size_t equals = text.rfind('='), dot = text.find('.');
  Scale scale{.player = nullptr, .pattern = "", .factor = 0, .from = 0};
  if (equals == std::string::npos || dot > equals)
    throw UsageError(fmt::format("--lr-scales: '{}' is not PLAYER.PATTERN=FACTOR or PLAYER.PATTERN=FACTOR@STEP", text));
  std::string names;
  for (Player* player : players) {
    if (player->name() == text.substr(0, dot)) scale.player = player;
    names += (names.empty() ? "" : ", ") + player->name();
  }
  if (!scale.player) throw UsageError(fmt::format("--lr-scales: '{}' names none of the players {}", text, names));
  scale.pattern = text.substr(dot + 1, equals - dot - 1);
  const std::string_view value = std::string_view(text).substr(equals + 1);
  const std::size_t at = value.find('@');
  const bool good =
      parse_whole(value.substr(0, at), scale.factor) && scale.factor >= 0 && scale.factor <= 1e6 &&
      (at == std::string_view::npos || (parse_whole(value.substr(at + 1), scale.from) && scale.from >= 0));
  if (!good)
    throw UsageError(fmt::format("--lr-scales: '{}' must end in a factor from 0 to 1e6, or factor@step", text));
  return scale;
}

LearningRates::LearningRates(const TrainOptions& o, Game& game)
    : options_(o.schedule),
      images_per_step_(o.data.batch_size * o.game.learning.accumulations),
      players_(game.players()),
      plateau_(o.schedule.plateau_options) {
  validate(options_.schedule);
  for (Player* player : players_) base_.push_back(player->optimizer().lr());
  for (const std::string& text : o.schedule.scales) scales_.push_back(parse(text, players_));
  std::stable_sort(scales_.begin(), scales_.end(), [](const Scale& a, const Scale& b) { return a.from < b.from; });
}

void LearningRates::set(std::int64_t step, std::int64_t epoch) {
  const std::int64_t time = options_.unit == ScheduleUnit::steps    ? step
                            : options_.unit == ScheduleUnit::images ? step * images_per_step_
                                                                    : epoch;
  const double factor = options_.schedule.factor(time) * plateau_.factor() * lowered_.item();
  for (std::size_t i = 0; i < players_.size(); ++i) {
    players_[i]->optimizer().set_lr(base_[i] * factor);
    if (const auto momentum = options_.schedule.momentum(time)) players_[i]->optimizer().set_beta1(*momentum);
  }
  for (const Scale& s : scales_)
    if (s.from == step) s.player->optimizer().set_lr_scale(s.pattern, s.factor);
}

void LearningRates::catch_up(std::int64_t step) {
  for (const Scale& s : scales_) s.player->optimizer().set_lr_scale(s.pattern, 1);
  for (const Scale& s : scales_)
    if (s.from < step) s.player->optimizer().set_lr_scale(s.pattern, s.factor);
}

void LearningRates::observe(const Numbers& numbers, std::int64_t epoch) {
  if (!options_.plateau) return;
  double* sum = sum_.mutable_data<double>();
  std::int64_t& current = *epoch_.mutable_data<std::int64_t>();
  const double* loss = numbers.find("g_loss");
  if (!loss) loss = numbers.find("loss");
  if (loss) {  // none in a turn of the discriminator
    sum[0] += *loss;
    sum[1] += 1;
  }
  if (epoch == current) return;
  if (sum[1] > 0) plateau_.observe(sum[0] / sum[1]);
  sum[0] = sum[1] = 0;
  current = epoch;
}

std::vector<std::pair<std::string, double>> LearningRates::rates() const {
  std::vector<std::pair<std::string, double>> rates;
  for (Player* player : players_) rates.emplace_back(player->name() + "_lr", player->optimizer().lr());
  return rates;
}

StateDict LearningRates::state() {
  StateDict state;
  if (options_.plateau) {
    state = state_dict(plateau_);
    state["epoch_losses"] = sum_;
    state["epoch"] = epoch_;
  }
  state["lowered"] = lowered_;
  return state;
}

}  // namespace duel::app
