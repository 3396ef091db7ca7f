// Kernels on the simulated device: blocks in sequence, their threads as fibers. A fiber that never waits goes on with
// the next thread, so that elementwise kernels cost no more than a call per thread.
//
// Fibers begin by makecontext and change by __builtin_setjmp/longjmp, which save three words and make no system call.
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "device.h"
#include "duel/tensor/error.h"

#if DUEL_SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace duel::simulated {
namespace {

constexpr std::size_t kStackBytes = std::size_t{256} << 10, kGuardBytes = std::size_t{64} << 10;
constexpr int kMaxThreads = 1024, kLanes = 32;
constexpr std::size_t kSharedBytes = std::size_t{48} << 10, kMostSharedBytes = std::size_t{227} << 10;

/// A place to continue at: the host's, or a fiber's.
struct Context {
  void* jump[5];
  void* fake_stack = nullptr;  // AddressSanitizer's
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
};

struct Fiber : Context {
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  std::byte* memory;
  bool is_begun = false;
  int thread = -1;
};

Fiber::Fiber() {
  void* p = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(p != MAP_FAILED, "simulated device", "no memory for a thread's stack");
  memory = static_cast<std::byte*>(p);
  mprotect(memory, kGuardBytes, PROT_NONE);
  stack_bottom = memory + kGuardBytes;
  stack_bytes = kStackBytes;
}

Fiber::~Fiber() {
#if DUEL_SIM_ASAN
  __asan_unpoison_memory_region(stack_bottom, stack_bytes);
#endif
  munmap(memory, kGuardBytes + kStackBytes);
}

/// What the lanes of a warp wait for.
struct Warp {
  unsigned waiting = 0;  // a bit per lane
  unsigned mask[kLanes];
  WarpOp op[kLanes];
  std::uint64_t value[kLanes], result[kLanes];
  int source[kLanes];
};

struct FreeShared {
  void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{16}); }
};

/// The one block that runs, and the fibers.
struct Executor {
  const Launch* launch = nullptr;
  Order order = Order::forward;
  std::unique_ptr<std::byte[], FreeShared> shared;
  int threads = 0, begun = 0, exited = 0;
  std::vector<int> at_barrier;  // threads, as they came
  std::deque<int> ready;        // threads that may go on
  std::vector<Warp> warps;
  std::vector<Fiber*> fiber_of;  // a waiting thread's
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Fiber*> idle;
  Fiber* current = nullptr;  // null: the host
  Context host;
  std::string problem;  // found by a thread; the host throws it

  Executor() {
    const char* wish = std::getenv("DUEL_SIM_ORDER");
    if (wish && std::string(wish) == "reverse") order = Order::reverse;
  }
};

Executor& executor() {
  static Executor e;
  return e;
}

// ---- changing fibers ----

// Functions of their own that are never inlined: setjmp and longjmp must not be in one.
[[gnu::noipa, noreturn, gnu::no_sanitize("address", "undefined")]] void jump_to(Context& target) {
  __builtin_longjmp(target.jump, 1);
}

// Never returns: the sanitizer would take its frame, left behind on a fiber's stack, for one in use.
[[gnu::noipa, gnu::no_sanitize("address", "undefined")]] void begin_fiber(Fiber& fiber);

[[gnu::noipa, gnu::no_sanitize("address", "undefined")]] void save_and_jump(Context& from, Context& target,
                                                                            Fiber* begin) {
  if (__builtin_setjmp(from.jump) != 0) return;
  if (begin) begin_fiber(*begin);
  jump_to(target);
}

/// Continues at `target`; returns when somebody continues here.
void change(Context& from, Context& target, Fiber* fiber) {
  Executor& e = executor();
  e.current = fiber;
  const bool begins = fiber && !fiber->is_begun;
  if (begins) fiber->is_begun = true;
#if DUEL_SIM_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack, target.stack_bottom, target.stack_bytes);
#endif
  save_and_jump(from, target, begins ? fiber : nullptr);
#if DUEL_SIM_ASAN
  const void* bottom;
  std::size_t bytes;
  __sanitizer_finish_switch_fiber(from.fake_stack, &bottom, &bytes);
#endif
}

void set_thread(int thread) {
  const unsigned t = static_cast<unsigned>(thread);
  threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
}

/// Whatever can run next, the host if nothing can. Returns when the caller can again.
void leave(Context& from) {
  Executor& e = executor();
  Fiber* next = nullptr;
  if (!e.problem.empty()) {
    // to the host
  } else if (!e.ready.empty()) {
    next = e.fiber_of[static_cast<std::size_t>(e.ready.front())];
    e.ready.pop_front();
  } else if (e.begun < e.threads) {
    if (e.idle.empty()) {
      e.fibers.push_back(std::make_unique<Fiber>());
      e.idle.push_back(e.fibers.back().get());
    }
    next = e.idle.back();
    e.idle.pop_back();
  }
  change(from, next ? static_cast<Context&>(*next) : e.host, next);
}

/// A fiber's life: threads that have not begun, one after the other.
[[noreturn]] void fiber_main() noexcept {
  Executor& e = executor();
#if DUEL_SIM_ASAN
  const void* bottom;
  std::size_t bytes;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  if (!e.host.stack_bottom) e.host.stack_bottom = bottom, e.host.stack_bytes = bytes;
#endif
  for (;;) {
    while (e.begun < e.threads && e.problem.empty()) {
      Fiber& self = *e.current;
      const int place = e.begun++;
      self.thread = e.order == Order::forward ? place : e.threads - 1 - place;
      set_thread(self.thread);
      e.launch->thread();
      ++e.exited;
    }
    Fiber& self = *e.current;
    e.idle.push_back(&self);
    leave(self);
  }
}

void begin_fiber(Fiber& fiber) {
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = const_cast<void*>(fiber.stack_bottom);
  context.uc_stack.ss_size = fiber.stack_bytes;
  context.uc_link = nullptr;
  makecontext(&context, reinterpret_cast<void (*)()>(&fiber_main), 0);
  setcontext(&context);
}

/// Lets this thread wait until it is in `ready`.
void wait_here() {
  Executor& e = executor();
  Fiber& self = *e.current;
  e.fiber_of[static_cast<std::size_t>(self.thread)] = &self;
  leave(self);
  set_thread(self.thread);
}

std::string describe(dim3 d) { return cat("(", d.x, ", ", d.y, ", ", d.z, ")"); }

std::string where() {
  const Executor& e = executor();
  return cat("kernel ", e.launch->name, ", block ", describe({blockIdx.x, blockIdx.y, blockIdx.z}), " of ",
             describe(gridDim), ", ", e.threads, " threads");
}

/// Ends the kernel unless `ok`: the host throws, and nothing comes back here.
template <class... Args>
void expect(bool ok, const Args&... message) {
  if (ok) [[likely]]
    return;
  Executor& e = executor();
  e.problem = cat(where(), ": ", message...);  // what this stack owns at the change would leak
  change(*e.current, e.host, nullptr);
}

}  // namespace

// ---- what kernels call ----

int lane() { return executor().current->thread % kLanes; }

void* dynamic_shared() {
  expect(executor().launch->shared_bytes > 0, "it was launched without dynamic shared memory");
  return executor().shared.get();
}

std::uint64_t warp_exchange(unsigned mask, WarpOp op, std::uint64_t value, int source) {
  Executor& e = executor();
  const int thread = e.current->thread, self = thread % kLanes, first = thread - self;
  Warp& w = e.warps[static_cast<std::size_t>(thread / kLanes)];
  const int lanes = std::min(kLanes, e.threads - first);
  expect((mask >> self & 1u) != 0, "lane ", self, " is not in the mask that it gives");
  expect(lanes == kLanes || mask >> lanes == 0, "a mask names lanes beyond the last thread");
  expect((mask >> source & 1u) != 0, "lane ", self, " reads lane ", source, ", which is not in its mask");
  w.waiting |= 1u << self;
  w.mask[self] = mask;
  w.op[self] = op;
  w.value[self] = value;
  w.source[self] = source;
  bool complete = (w.waiting & mask) == mask;
  for (int i = 0; i < kLanes && complete; ++i)
    if (mask >> i & 1u) complete = w.mask[i] == mask && w.op[i] == op;
  if (!complete) {
    wait_here();
    return w.result[self];
  }
  std::uint64_t ballot = 0;
  for (int i = 0; i < kLanes; ++i)
    if (mask >> i & 1u) ballot |= static_cast<std::uint64_t>(w.value[i] != 0) << i;
  for (int i = 0; i < kLanes; ++i) {
    if (!(mask >> i & 1u)) continue;
    w.result[i] = op == WarpOp::ballot ? ballot : w.value[w.source[i]];
    if (i != self) e.ready.push_back(first + i);
  }
  w.waiting &= ~mask;
  return w.result[self];
}

Order order() { return executor().order; }
void set_order(Order order) { executor().order = order; }

// ---- launches ----

namespace {

std::map<const void*, int>& shared_limits() {
  static std::map<const void*, int> limits;
  return limits;
}

void run_block(unsigned x, unsigned y, unsigned z) {
  Executor& e = executor();
  blockIdx = {x, y, z};
  e.begun = e.exited = 0;
  if (e.shared) std::memset(e.shared.get(), 0xff, e.launch->shared_bytes);  // NaN
  leave(e.host);
  if (e.exited == e.threads) return;

  std::size_t at_warp = 0;
  for (const Warp& w : e.warps) at_warp += static_cast<std::size_t>(__builtin_popcount(w.waiting));
  const std::string problem = !e.problem.empty()
                                  ? e.problem
                                  : cat(where(), ": ", e.at_barrier.size(), " wait at __syncthreads, ", at_warp,
                                        " at a warp's exchange, ", e.exited, " have ended: they wait for ever");
  e.fibers.clear();  // what is on their stacks is lost, as it should be
  e.idle.clear();
  e.ready.clear();
  e.at_barrier.clear();
  e.problem.clear();
  fail("simulated device", problem);
}

}  // namespace

void run(const Launch& launch) {
  Executor& e = executor();
  e.launch = &launch;
  gridDim = launch.grid;
  blockDim = launch.block;
  e.threads = static_cast<int>(launch.block.x * launch.block.y * launch.block.z);
  e.fiber_of.assign(static_cast<std::size_t>(e.threads), nullptr);
  e.warps.assign(static_cast<std::size_t>((e.threads + kLanes - 1) / kLanes), Warp{});
  e.shared.reset();
  if (launch.shared_bytes > 0)
    e.shared.reset(static_cast<std::byte*>(::operator new[](launch.shared_bytes, std::align_val_t{16})));
  const std::int64_t nx = launch.grid.x, ny = launch.grid.y, blocks = nx * ny * launch.grid.z;
  for (std::int64_t i = 0; i < blocks; ++i) {
    const std::int64_t b = e.order == Order::forward ? i : blocks - 1 - i;
    run_block(static_cast<unsigned>(b % nx), static_cast<unsigned>(b / nx % ny), static_cast<unsigned>(b / (nx * ny)));
  }
}

cudaError_t launch_problem(const Launch& launch) {
  const auto [gx, gy, gz] = launch.grid;
  const auto [bx, by, bz] = launch.block;
  const std::uint64_t threads = std::uint64_t{bx} * by * bz;
  if (threads == 0 || threads > kMaxThreads || bx > 1024 || by > 1024 || bz > 64) return cudaErrorInvalidConfiguration;
  if (gx == 0 || gy == 0 || gz == 0 || gx > 0x7fffffffu || gy > 65535 || gz > 65535)
    return cudaErrorInvalidConfiguration;
  const auto limit = shared_limits().find(launch.kernel);
  const std::size_t most = limit == shared_limits().end() ? kSharedBytes : static_cast<std::size_t>(limit->second);
  return launch.shared_bytes > most ? cudaErrorInvalidValue : cudaSuccess;
}

}  // namespace duel::simulated

using namespace duel::simulated;

void __syncthreads() {
  Executor& e = executor();
  e.at_barrier.push_back(e.current->thread);
  if (static_cast<int>(e.at_barrier.size()) < e.threads) return wait_here();
  e.at_barrier.pop_back();  // this one goes on
  e.ready.insert(e.ready.end(), e.at_barrier.begin(), e.at_barrier.end());
  e.at_barrier.clear();
}

void __syncwarp(unsigned mask) { warp_exchange(mask, WarpOp::sync, 0, lane()); }

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || static_cast<std::size_t>(value) > kMostSharedBytes) return report(cudaErrorInvalidValue);
  shared_limits()[kernel] = value;
  return cudaSuccess;
}
