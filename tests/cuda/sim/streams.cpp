// Streams, events and graphs of the simulated device. Work is queued, and done only when the host waits for it: what
// reads a result, or overwrites a buffer, without waiting is wrong here every time.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "device.h"
#include "duel/tensor/error.h"

namespace duel::simulated {
namespace {

using Operation = std::function<void()>;
using Operations = std::vector<Operation>;

/// One recording of an event.
struct Mark {
  CUstream_st* stream;
  bool is_done = false;
  bool is_captured = false;
  std::chrono::steady_clock::time_point time{};
};

}  // namespace
}  // namespace duel::simulated

using namespace duel::simulated;

struct CUstream_st {
  std::deque<Operation> queue;
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;
  Operations captured;
  std::map<std::string, int> captured_kernels;  // how often each
};

struct CUevent_st {
  std::shared_ptr<Mark> mark;  // null: never recorded
};

struct CUgraph_st {
  Operations operations;
};

struct CUgraphExec_st {
  std::shared_ptr<const Operations> operations;
};

namespace duel::simulated {
namespace {

struct Streams {
  CUstream_st null_stream;
  std::set<CUstream_st*> all{&null_stream};
};

Streams& streams() {
  static Streams s;
  return s;
}

CUstream_st* resolve(cudaStream_t stream) {
  CUstream_st* const s = stream ? stream : &streams().null_stream;
  return streams().all.contains(s) ? s : nullptr;
}

void run_first(CUstream_st& s) {
  const Operation operation = std::move(s.queue.front());
  s.queue.pop_front();
  operation();
}

void finish(CUstream_st& s) {
  if (s.queue.empty()) return;
  const Access access;
  while (!s.queue.empty()) run_first(s);
}

void finish(Mark& mark) {
  const Access access;
  while (!mark.is_done && !mark.stream->queue.empty()) run_first(*mark.stream);
}

void invalidate(CUstream_st& s) {
  s.capture = cudaStreamCaptureStatusInvalidated;
  s.captured.clear();
  s.captured_kernels.clear();
}

/// On standard error, if DUEL_SIM_RECORDS is set.
void tell_kernels(const std::map<std::string, int>& kernels) {
  if (!std::getenv("DUEL_SIM_RECORDS")) return;
  int launches = 0;
  for (const auto& [name, count] : kernels) launches += count;
  std::fprintf(stderr, "recorded %d launches:\n", launches);
  for (const auto& [name, count] : kernels) std::fprintf(stderr, "%6d %s\n", count, name.c_str());
}

/// A call that `s` cannot take while it captures: spoils the capture.
cudaError_t not_captured(CUstream_st& s) {
  if (s.capture == cudaStreamCaptureStatusNone) return cudaSuccess;
  if (s.capture == cudaStreamCaptureStatusInvalidated) return cudaErrorStreamCaptureInvalidated;
  invalidate(s);
  return cudaErrorStreamCaptureUnsupported;
}

/// Queues an operation, or records it.
cudaError_t submit(CUstream_st& s, Operation operation) {
  if (s.capture == cudaStreamCaptureStatusInvalidated) return cudaErrorStreamCaptureInvalidated;
  if (s.capture == cudaStreamCaptureStatusActive)
    s.captured.push_back(std::move(operation));
  else
    s.queue.push_back(std::move(operation));
  return cudaSuccess;
}

/// What a copy's direction must be, by where its ends lie.
cudaError_t check_copy(void* dst, const void* src, std::size_t bytes, cudaMemcpyKind kind) {
  const bool to = place_of(dst, bytes) == Place::device, from = place_of(src, bytes) == Place::device;
  if ((!to && is_device_address(dst)) || (!from && is_device_address(src))) return cudaErrorInvalidValue;
  const bool may_to = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice || kind == cudaMemcpyDefault;
  const bool may_from = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice || kind == cudaMemcpyDefault;
  if (kind == cudaMemcpyDefault) return cudaSuccess;
  return to == may_to && from == may_from ? cudaSuccess : cudaErrorInvalidValue;
}

void count_copy(const void* dst, const void* src, std::size_t bytes) {
  const bool to = place_of(dst, bytes) == Place::device, from = place_of(src, bytes) == Place::device;
  Counters& c = mutable_counters();
  if (to && !from) ++c.copies_to_device, c.bytes_to_device += static_cast<std::int64_t>(bytes);
  if (from && !to) ++c.copies_to_host, c.bytes_to_host += static_cast<std::int64_t>(bytes);
}

}  // namespace

cudaError_t unsafe_call() {
  cudaError_t error = cudaSuccess;
  for (CUstream_st* s : streams().all)
    if (s->capture_mode != cudaStreamCaptureModeRelaxed)
      if (const cudaError_t e = not_captured(*s)) error = e;
  return error;
}

void finish_all_streams() {
  for (CUstream_st* s : streams().all) finish(*s);
}

void enqueue(Launch launch, cudaStream_t stream) {
  const Lock lock(device_mutex());
  CUstream_st* const s = resolve(stream);
  if (!is_present()) return void(report(cudaErrorInsufficientDriver));
  if (!s) return void(report(cudaErrorInvalidResourceHandle));
  if (const cudaError_t error = launch_problem(launch)) return void(report(error));
  if (s->capture == cudaStreamCaptureStatusNone)
    ++mutable_counters().launches;
  else
    ++s->captured_kernels[launch.name];
  report(submit(*s, [launch = std::move(launch)] { run(launch); }));
}

}  // namespace duel::simulated

// ---- streams ----

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  *stream = *streams().all.insert(new CUstream_st).first;
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(device_mutex());
  if (!stream || !resolve(stream)) return report(cudaErrorInvalidResourceHandle);
  finish(*stream);
  streams().all.erase(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(device_mutex());
  CUstream_st* const s = resolve(stream);
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (!s) return report(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = not_captured(*s)) return report(error);
  ++mutable_counters().waits;
  finish(*s);
  return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const Lock lock(device_mutex());
  CUstream_st* const s = resolve(stream);
  if (!s) return report(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = not_captured(*s)) return report(error);
  if (s->queue.empty()) return cudaSuccess;
  finish(*s);  // it will have been done when somebody asks again
  return report(cudaErrorNotReady);
}

cudaError_t cudaDeviceSynchronize() {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  for (CUstream_st* s : streams().all)
    if (const cudaError_t error = not_captured(*s)) return report(error);
  ++mutable_counters().waits;
  finish_all_streams();
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock(device_mutex());
  CUstream_st* const s = resolve(stream);
  if (!s || !event) return report(cudaErrorInvalidResourceHandle);
  const std::shared_ptr<Mark> mark = event->mark;
  if (!mark) return cudaSuccess;
  if (s->capture == cudaStreamCaptureStatusActive) {
    if (mark->is_captured && mark->stream == s) return cudaSuccess;
    invalidate(*s);
    return report(cudaErrorStreamCaptureIsolation);
  }
  if (mark->is_captured) {  // would let this stream join the capture: not simulated
    invalidate(*mark->stream);
    return report(cudaErrorStreamCaptureUnsupported);
  }
  return report(submit(*s, [mark] { finish(*mark); }));
}

// ---- copies ----

cudaError_t cudaMemcpyAsync(void* dst, const void* src, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Lock lock(device_mutex());
  CUstream_st* const s = resolve(stream);
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (!s) return report(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return cudaSuccess;
  if (const cudaError_t error = check_copy(dst, src, bytes, kind)) return report(error);
  const bool is_pageable = place_of(dst, bytes) == Place::pageable || place_of(src, bytes) == Place::pageable;
  if (is_pageable)
    if (const cudaError_t error = not_captured(*s)) return report(error);
  if (s->capture == cudaStreamCaptureStatusNone) count_copy(dst, src, bytes);
  if (place_of(src, bytes) == Place::pageable && place_of(dst, bytes) == Place::device) {  // staged
    const auto* const first = static_cast<const std::byte*>(src);
    auto staged = std::make_shared<std::vector<std::byte>>(first, first + bytes);
    return report(submit(*s, [=] { std::memcpy(dst, staged->data(), bytes); }));
  }
  const cudaError_t error = submit(*s, [=] { std::memmove(dst, src, bytes); });
  if (!error && is_pageable) finish(*s);
  return report(error);
}

cudaError_t cudaMemcpy(void* dst, const void* src, std::size_t bytes, cudaMemcpyKind kind) {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (const cudaError_t error = unsafe_call()) return report(error);
  if (const cudaError_t error = cudaMemcpyAsync(dst, src, bytes, kind, nullptr)) return error;
  return cudaStreamSynchronize(nullptr);
}

cudaError_t cudaMemsetAsync(void* dst, int value, std::size_t bytes, cudaStream_t stream) {
  const Lock lock(device_mutex());
  CUstream_st* const s = resolve(stream);
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  if (!s) return report(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return cudaSuccess;
  if (place_of(dst, bytes) != Place::device) return report(cudaErrorInvalidValue);
  return report(submit(*s, [=] { std::memset(dst, value, bytes); }));
}

cudaError_t cudaMemset(void* dst, int value, std::size_t bytes) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = unsafe_call()) return report(error);
  return cudaMemsetAsync(dst, value, bytes, nullptr);
}

// ---- events ----

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const Lock lock(device_mutex());
  if (!is_present()) return report(cudaErrorInsufficientDriver);
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (!event) return report(cudaErrorInvalidResourceHandle);
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(device_mutex());
  CUstream_st* const s = resolve(stream);
  if (!event || !s) return report(cudaErrorInvalidResourceHandle);
  const auto mark = std::make_shared<Mark>(Mark{.stream = s});
  event->mark = mark;
  mark->is_captured = s->capture != cudaStreamCaptureStatusNone;
  if (mark->is_captured) return cudaSuccess;
  return report(submit(*s, [mark] {
    mark->is_done = true;
    mark->time = std::chrono::steady_clock::now();
  }));
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(device_mutex());
  if (!event) return report(cudaErrorInvalidResourceHandle);
  if (!event->mark) return cudaSuccess;
  if (event->mark->is_captured) return report(not_captured(*event->mark->stream));
  ++mutable_counters().waits;
  finish(*event->mark);
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock(device_mutex());
  if (!event) return report(cudaErrorInvalidResourceHandle);
  if (!event->mark || event->mark->is_done) return cudaSuccess;
  if (event->mark->is_captured) return report(not_captured(*event->mark->stream));
  finish(*event->mark);  // it will have been done when somebody asks again
  return report(cudaErrorNotReady);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const Lock lock(device_mutex());
  if (!start || !end || !start->mark || !end->mark) return report(cudaErrorInvalidResourceHandle);
  if (!start->mark->is_done || !end->mark->is_done) return report(cudaErrorNotReady);
  *milliseconds = std::chrono::duration<float, std::milli>(end->mark->time - start->mark->time).count();
  return cudaSuccess;
}

// ---- capture and graphs ----

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const Lock lock(device_mutex());
  if (!stream) return report(cudaErrorStreamCaptureUnsupported);
  if (!resolve(stream)) return report(cudaErrorInvalidResourceHandle);
  if (stream->capture != cudaStreamCaptureStatusNone) return report(cudaErrorIllegalState);
  stream->capture = cudaStreamCaptureStatusActive;
  stream->capture_mode = mode;
  stream->captured.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(device_mutex());
  if (!stream || !resolve(stream)) return report(cudaErrorInvalidResourceHandle);
  const cudaStreamCaptureStatus status = stream->capture;
  stream->capture = cudaStreamCaptureStatusNone;
  *graph = nullptr;
  if (status == cudaStreamCaptureStatusNone) return report(cudaErrorIllegalState);
  if (status == cudaStreamCaptureStatusInvalidated) return report(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st{std::move(stream->captured)};
  stream->captured.clear();
  tell_kernels(stream->captured_kernels);
  stream->captured_kernels.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const Lock lock(device_mutex());
  CUstream_st* const s = resolve(stream);
  if (!s) return report(cudaErrorInvalidResourceHandle);
  *status = s->capture;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  if (!executable || !graph) return report(cudaErrorInvalidValue);
  *executable = new CUgraphExec_st{std::make_shared<const Operations>(graph->operations)};
  return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t) {
  return executable ? cudaSuccess : report(cudaErrorInvalidValue);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Lock lock(device_mutex());
  CUstream_st* const s = resolve(stream);
  if (!executable) return report(cudaErrorInvalidValue);
  if (!s) return report(cudaErrorInvalidResourceHandle);
  if (s->capture == cudaStreamCaptureStatusNone) ++mutable_counters().graph_launches;
  return report(submit(*s, [operations = executable->operations] {
    for (const Operation& operation : *operations) operation();
  }));
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
