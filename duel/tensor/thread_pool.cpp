#include "duel/tensor/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "duel/tensor/error.h"

namespace duel {
namespace {

thread_local bool inside_a_piece = false;

// Consecutive pieces, handed out one by one. Each thread begins with a share of its own, the same for every job of as
// many pieces, so that it finds in its cache what it wrote there in the last one.
struct alignas(64) Share {
  std::atomic<std::int64_t> next;
  std::int64_t end;
};

// One job at a time. The caller works too, and who has finished his share takes from the others'.
struct Job {
  std::int64_t n, grain, pieces;
  detail::RangeFunction function;
  void* context;
  std::mutex error_mutex;
  std::exception_ptr error;

  void work(std::vector<Share>& shares, std::size_t own) {
    inside_a_piece = true;
    for (std::size_t k = 0; k < shares.size(); ++k) {
      Share& share = shares[(own + k) % shares.size()];
      if (share.next.load(std::memory_order_relaxed) >= share.end) continue;
      for (std::int64_t i; (i = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) run(i);
    }
    inside_a_piece = false;
  }

 private:
  void run(std::int64_t piece) {
    try {
      function(context, piece * grain, std::min(n, (piece + 1) * grain));
    } catch (...) {
      std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  }
};

// How often to look before sleeping: first after pauses, then after letting others run, some 60 us in all. To be woken
// takes as long as a small kernel runs, and the next one mostly comes sooner.
constexpr int kPauses = 50, kYields = 300;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int available_processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

class Pool {
 public:
  // Threads beyond the processors would only keep each other from working by looking.
  explicit Pool(int threads)
      : looks_(threads <= available_processors() ? kPauses + kYields : 0), shares_(static_cast<std::size_t>(threads)) {
    try {
      for (std::size_t i = 1; i < shares_.size(); ++i) workers_.emplace_back([this, i] { serve(i); });
    } catch (const std::system_error& e) {
      const std::size_t running = workers_.size() + 1;
      stop();
      fail("set_num_threads", "only ", running, " of ", threads, " threads could be started: ", e.what());
    }
  }

  ~Pool() { stop(); }
  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  void run(Job& job) {
    std::lock_guard one_at_a_time(run_mutex_);
    {
      std::lock_guard lock(mutex_);
      const auto threads = static_cast<std::int64_t>(shares_.size());
      for (std::int64_t i = 0; i < threads; ++i) {
        Share& share = shares_[static_cast<std::size_t>(i)];
        share.next = job.pieces * i / threads;
        share.end = job.pieces * (i + 1) / threads;
      }
      job_ = &job;
      ++generation_;
    }
    const auto helpers = static_cast<std::size_t>(job.pieces - 1);
    if (helpers >= workers_.size())
      wake_.notify_all();
    else
      for (std::size_t i = 0; i < helpers; ++i) wake_.notify_one();
    job.work(shares_, 0);
    {
      std::lock_guard lock(mutex_);
      job_ = nullptr;  // who comes late finds nothing
    }
    if (seen_soon([this] { return busy_ == 0; })) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& w : workers_) w.join();
  }

  void serve(std::size_t own) {
    std::uint64_t seen = 0;
    while (true) {
      seen_soon([&] { return stop_ || generation_ != seen; });
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || (job_ && generation_ != seen); });
      if (stop_) return;
      seen = generation_;
      Job* job = job_;
      ++busy_;
      lock.unlock();
      job->work(shares_, own);
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  template <class F>
  bool seen_soon(const F& condition) const {
    for (int i = 0; i < looks_; ++i) {
      if (condition()) return true;
      i < kPauses ? pause() : std::this_thread::yield();
    }
    return false;
  }

  const int looks_;
  std::vector<Share> shares_;
  std::mutex run_mutex_;  // several user threads may call parallel_for
  std::mutex mutex_;      // held for every write of what is below
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  std::atomic<std::uint64_t> generation_ = 0;
  std::atomic<int> busy_ = 0;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> workers_;
};

std::unique_ptr<Pool>& pool() {
  static std::unique_ptr<Pool> instance = std::make_unique<Pool>(available_processors());
  return instance;
}

}  // namespace

SerialRegion::SerialRegion() : before_(std::exchange(inside_a_piece, true)) {}
SerialRegion::~SerialRegion() { inside_a_piece = before_; }

int num_threads() { return pool()->threads(); }

void set_num_threads(int n) {
  check(n >= 1 && n <= 1024, "set_num_threads", "between 1 and 1024 threads, got ", n);
  if (n != num_threads()) pool() = std::make_unique<Pool>(n);
}

void detail::parallel_for(std::int64_t n, std::int64_t grain, RangeFunction f, void* context) {
  if (n <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t pieces = (n + grain - 1) / grain;
  if (inside_a_piece || pieces == 1 || pool()->threads() == 1) {
    for (std::int64_t begin = 0; begin < n; begin += grain) f(context, begin, std::min(n, begin + grain));
    return;
  }
  Job job{.n = n, .grain = grain, .pieces = pieces, .function = f, .context = context, .error_mutex = {}, .error = {}};
  pool()->run(job);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace duel
