#include "duel/cuda/capture.h"

#include "duel/cuda/allocator.h"
#include "duel/cuda/runtime.h"

namespace duel::cuda {
namespace {

class Record {
 public:
  explicit Record(cudaGraph_t graph) {
    DUEL_CUDA_CHECK(cudaGraphInstantiate(&executable_, graph, 0));
    add_record();
  }
  ~Record() {
    static_cast<void>(cudaStreamSynchronize(stream()));  // it may be running
    static_cast<void>(cudaGraphExecDestroy(executable_));
    remove_record();
  }
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  void launch() const { DUEL_CUDA_CHECK(cudaGraphLaunch(executable_, stream())); }

 private:
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace

void begin_capture() {
  expect_no_capture("begin_capture");
  begin_recorded_memory();
  // Relaxed: the allocator may still ask the device for memory.
  const cudaError_t status = cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed);
  if (status != cudaSuccess) end_recorded_memory();
  DUEL_CUDA_CHECK(status);
}

std::shared_ptr<const void> end_capture() {
  cudaGraph_t graph = nullptr;
  const cudaError_t status = cudaStreamEndCapture(stream(), &graph);
  end_recorded_memory();
  DUEL_CUDA_CHECK(status);
  const std::unique_ptr<CUgraph_st, cudaError_t (*)(cudaGraph_t)> owner(graph, cudaGraphDestroy);
  return std::make_shared<Record>(graph);
}

void abandon_capture() noexcept {
  cudaGraph_t graph = nullptr;
  static_cast<void>(cudaStreamEndCapture(stream(), &graph));
  if (graph) static_cast<void>(cudaGraphDestroy(graph));
  static_cast<void>(cudaGetLastError());
  end_recorded_memory();
  add_record();  // none: if there is no other, its memory is anybody's again
  remove_record();
}

void replay(const void* recorded) { static_cast<const Record*>(recorded)->launch(); }

}  // namespace duel::cuda
