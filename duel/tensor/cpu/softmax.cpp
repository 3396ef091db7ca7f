#include "duel/tensor/cpu/softmax.h"

#include <algorithm>

#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

// Calls f(first element, rows, row size) for pieces of whole rows of [R, D].
template <class F>
void for_each_rows(const Tensor& x, const F& f) {
  if (x.numel() == 0) return;
  const std::int64_t n = x.size(1);
  parallel_for(x.size(0), std::max<std::int64_t>(1, kGrain / n),
               [&](std::int64_t begin, std::int64_t end) { f(begin * n, end - begin, n); });
}

template <class Loop>
void forward(const char* name, const Tensor& x, const Tensor& y, Loop loop) {
  dispatch_floating(name, x.dtype(), [&]<class T>(TypeTag<T>) {
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    for_each_rows(x, [&](std::int64_t first, std::int64_t rows, std::int64_t n) {
      loop(loops<T>().softmax)(px + first, py + first, rows, n);
    });
  });
}

template <class Loop>
void gradient(const char* name, const Tensor& y, const Tensor& dy, const Tensor& dx, Loop loop) {
  dispatch_floating(name, y.dtype(), [&]<class T>(TypeTag<T>) {
    const T *py = y.data<T>(), *pd = dy.data<T>();
    T* out = dx.mutable_data<T>();
    for_each_rows(y, [&](std::int64_t first, std::int64_t rows, std::int64_t n) {
      loop(loops<T>().softmax)(py + first, pd + first, out + first, rows, n);
    });
  });
}

}  // namespace

void softmax(const Tensor& x, const Tensor& y) {
  forward("softmax", x, y, [](const auto& loops) { return loops.softmax; });
}

void log_softmax(const Tensor& x, const Tensor& y) {
  forward("log_softmax", x, y, [](const auto& loops) { return loops.log_softmax; });
}

void softmax_grad(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  gradient("softmax_grad", y, dy, dx, [](const auto& loops) { return loops.softmax_grad; });
}

void log_softmax_grad(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  gradient("log_softmax_grad", y, dy, dx, [](const auto& loops) { return loops.log_softmax_grad; });
}

}  // namespace duel::cpu
