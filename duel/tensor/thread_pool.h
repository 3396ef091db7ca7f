// One small pool of sleeping threads. Work is cut by the problem's size only, so results never depend on how many run.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace duel {

/// Threads that `parallel_for` uses, the caller included. Default: the processors this process may run on.
int num_threads();
/// 1 or more; throws if the system gives no more threads. Not to be called while a `parallel_for` runs.
void set_num_threads(int n);

namespace detail {
using RangeFunction = void (*)(void* context, std::int64_t begin, std::int64_t end);
void parallel_for(std::int64_t n, std::int64_t grain, RangeFunction f, void* context);
}  // namespace detail

/// Calls f(begin, end) over [0, n) cut into pieces of `grain` (the last one shorter), each piece exactly once, in any
/// order and on any thread. The cuts depend on n and grain alone. Called from inside a piece it runs in place. An
/// exception is rethrown when no piece runs any more; some may then not have been run at all.
template <class F>
void parallel_for(std::int64_t n, std::int64_t grain, F&& f) {
  using Function = std::remove_reference_t<F>;
  detail::parallel_for(
      n, grain,
      [](void* context, std::int64_t begin, std::int64_t end) { (*static_cast<Function*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

/// While it lives, what `parallel_for` this thread calls runs in place: for threads that work beside those of the pool.
class SerialRegion {
 public:
  SerialRegion();
  ~SerialRegion();
  SerialRegion(const SerialRegion&) = delete;
  SerialRegion& operator=(const SerialRegion&) = delete;

 private:
  bool before_;
};

}  // namespace duel
