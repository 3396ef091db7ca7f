#include "duel/tensor/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "duel/tensor/error.h"

namespace duel {
namespace {

thread_local bool inside_a_piece = false;

// One job at a time: pieces are handed out by an atomic counter; the caller works too and waits for the rest.
struct Job {
  std::int64_t n, grain, pieces;
  detail::RangeFunction function;
  void* context;
  std::atomic<std::int64_t> next{0};
  std::mutex error_mutex;
  std::exception_ptr error;

  void work() {
    inside_a_piece = true;
    for (std::int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
      try {
        function(context, i * grain, std::min(n, (i + 1) * grain));
      } catch (...) {
        std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
      }
    }
    inside_a_piece = false;
  }
};

class Pool {
 public:
  explicit Pool(int threads) {
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { serve(); });
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
      job_ = &job;
      ++generation_;
    }
    wake_.notify_all();
    job.work();
    std::unique_lock lock(mutex_);
    job_ = nullptr;  // late sleepers find nothing
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

  void serve() {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return stop_ || (job_ && generation_ != seen); });
      if (stop_) return;
      seen = generation_;
      Job* job = job_;
      ++busy_;
      lock.unlock();
      job->work();
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  std::mutex run_mutex_;  // several user threads may call parallel_for
  std::mutex mutex_;      // guards everything below
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  std::uint64_t generation_ = 0;
  int busy_ = 0;
  bool stop_ = false;
  std::vector<std::thread> workers_;
};

int available_processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

std::unique_ptr<Pool>& pool() {
  static std::unique_ptr<Pool> instance = std::make_unique<Pool>(available_processors());
  return instance;
}

}  // namespace

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
