// InterruptGuard: Ctrl-C as a wish to stop soon instead of an end at once.
#pragma once

namespace duel::app {

/// While it lives, the first SIGINT or SIGTERM is only remembered; the next one ends the process as usual.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool requested() const;
};

}  // namespace duel::app
