// cuDNN's backend graph interface, as much of it as convolutions need: descriptors that own themselves, the plans that
// there are for a convolution, and plans as texts. All but executing works without a device, for one that is described.
#pragma once

#include <cudnn_graph.h>

#include <array>
#include <compare>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "duel/tensor/dtype.h"
#include "duel/tensor/precision.h"

namespace duel::cuda {

/// A descriptor of the backend interface: its attributes are set, then it is finalized, then it can be used.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : raw_(other.raw_) { other.raw_ = nullptr; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }

  cudnnBackendDescriptor_t raw() const { return raw_; }

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::size_t count, const void* values);
  void set(cudnnBackendAttributeName_t name, const Descriptor& value);
  void finalize();
  /// False where cuDNN does not support what is described.
  bool try_finalize();

  /// Writes at most `most` values, tells how many there are.
  std::size_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::size_t most,
                  void* values) const;
  std::string get_text(cudnnBackendAttributeName_t name) const;

 private:
  cudnnBackendDescriptor_t raw_ = nullptr;
};

/// What cuDNN must know of a device to plan for it.
class DeviceDescription {
 public:
  /// The device that `cudnn_handle()` works on.
  static DeviceDescription of_this_device();
  /// From what `json` returned, here or elsewhere. Throws if cuDNN takes it for none.
  static DeviceDescription from_json(const std::string& text);
  std::string json() const;
  const Descriptor& descriptor() const { return descriptor_; }
  /// Says to a plan, before it is finalized, what it is for.
  void put_into(Descriptor& plan) const;

 private:
  DeviceDescription();
  Descriptor descriptor_;
  cudnnHandle_t handle_ = nullptr;  // of the device, if it is here
};

enum class ConvolutionPass : std::uint8_t { forward, input_grad, weight_grad };

/// All that a plan depends on, beside the device and cuDNN's version. x [N, C, H, W], w [O, C / groups, KH, KW],
/// y [N, O, OH, OW], channels-last; the pass writes y, x, or w and reads the other two.
struct Conv2dProblem {
  ConvolutionPass pass = ConvolutionPass::forward;
  DType dtype = DType::float32;
  Precision precision = Precision::tf32;  ///< of float32; tf32 for the others
  std::array<std::int64_t, 4> x{}, w{}, y{};
  std::array<std::int64_t, 2> stride{1, 1}, padding{0, 0}, dilation{1, 1};
  std::int64_t alignment = 16;  ///< bytes, of the first elements of all three

  std::int64_t groups() const { return x[1] / w[1]; }
  friend auto operator<=>(const Conv2dProblem&, const Conv2dProblem&) = default;
};

/// "input_grad bfloat16 x 64,8,64,64 w 64,8,4,4 y 64,64,32,32 stride 2,2 ...": one line, the same for equal problems.
std::ostream& operator<<(std::ostream& out, const Conv2dProblem& p);

/// Where the three tensors of a convolution begin, on the device.
struct Conv2dPointers {
  void *x, *w, *y;
};

/// One way to compute one convolution, ready to run.
class ExecutionPlan {
 public:
  explicit ExecutionPlan(Descriptor finalized) : descriptor_(std::move(finalized)) {}
  /// From what `json` returned, under this version of cuDNN and for this device; throws if cuDNN doesn't take it.
  static ExecutionPlan from_json(const std::string& text, const DeviceDescription& device);
  std::string json() const;

  std::int64_t workspace_bytes() const;
  /// On `stream()`. `workspace` has as many bytes as said, 256-byte aligned.
  void execute(const Conv2dPointers& tensors, void* workspace) const;

 private:
  Descriptor descriptor_;
};

/// What a list of plans may hold. Of the plans for channels-last tensors the fast ones need far less memory than this.
struct PlanLimits {
  std::size_t plans;
  std::int64_t workspace_bytes = std::int64_t{256} << 20;
};

/// Plans for `problem`, those that cuDNN's heuristics think fastest first: of modes A and B by turns (of A alone if one
/// plan is enough), and of the fallback if they give none. Only such as give the same bits every time and, of
/// Precision::fp32, as multiply float32 and by the definition (no tensor cores, Winograd or Fourier transforms). Empty
/// where cuDNN has none.
std::vector<ExecutionPlan> plan_convolution(const Conv2dProblem& problem, const DeviceDescription& device,
                                            const PlanLimits& limits);

}  // namespace duel::cuda
