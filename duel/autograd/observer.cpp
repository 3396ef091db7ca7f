#include "duel/autograd/observer.h"

#include <string_view>

namespace duel {
namespace {

using Clock = std::chrono::steady_clock;

thread_local Clock::time_point last_event;
thread_local Clock::duration observing{};             // time spent in observers since the thread began
thread_local const Node* running_gradient = nullptr;  // the innermost one

double in_seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }

// Calls `tell` for every observer. Meanwhile nothing is observed, and the clock stands still.
template <class Tell>
void notify(Clock::time_point now, Tell&& tell) {
  struct Pause {
    explicit Pause(Clock::time_point t) : start(t), guards(detail::innermost_observer), running(running_gradient) {
      detail::innermost_observer = nullptr;
      running_gradient = nullptr;
    }
    ~Pause() {
      detail::innermost_observer = guards;
      running_gradient = running;
      last_event = Clock::now();
      observing += last_event - start;
    }
    Clock::time_point start;
    const ObserverGuard* guards;
    const Node* running;
  };
  const Pause pause(now);
  for (const ObserverGuard* g = pause.guards; g; g = g->outer()) tell(g->observer());
}

// The top folder's path, with a slash at its end, as it was when this file was compiled.
std::string_view top_folder() {
  constexpr std::string_view here = "duel/autograd/observer.cpp";
  const std::string_view path = std::source_location::current().file_name();
  return path.ends_with(here) ? path.substr(0, path.size() - here.size()) : std::string_view();
}

}  // namespace

constinit thread_local const ObserverGuard* detail::innermost_observer = nullptr;

ObserverGuard::ObserverGuard(Observer& observer) : observer_(observer), outer_(detail::innermost_observer) {
  detail::innermost_observer = this;
  last_event = Clock::now();
}

ObserverGuard::~ObserverGuard() { detail::innermost_observer = outer_; }

std::string place_of(const std::source_location& where) {
  std::string_view file = where.file_name();
  if (file.starts_with(top_folder())) file.remove_prefix(top_folder().size());
  return cat(file, ':', where.line());
}

void detail::observe_operation(const char* name, const Variables& inputs, const Variable& value,
                               std::source_location where) {
  const Clock::time_point now = Clock::now();
  const Observer::Operation operation{name, inputs, value, where, in_seconds(now - last_event), running_gradient};
  notify(now, [&](Observer& o) { o.on_operation(operation); });
}

void detail::ObservedGradient::begin(const Node& node) {
  node_ = &node;
  outer_ = std::exchange(running_gradient, &node);
  start_ = last_event = Clock::now();
  observing_before_ = observing;
}

void detail::ObservedGradient::tell(const Variable& grad, const Variables& grads) const {
  const Clock::time_point now = Clock::now();
  const Clock::duration taken = now - start_ - (observing - observing_before_);
  const Observer::Gradient gradient{*node_, grad, grads, in_seconds(taken), outer_};
  notify(now, [&](Observer& o) { o.on_gradient(gradient); });
}

void detail::ObservedGradient::end() { running_gradient = outer_; }

}  // namespace duel
