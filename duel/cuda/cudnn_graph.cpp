#include "duel/cuda/cudnn_graph.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include "duel/cuda/handles.h"

namespace duel::cuda {

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  DUEL_CUDA_CHECK(cudnnBackendCreateDescriptor(type, &raw_));
}

Descriptor::~Descriptor() {
  if (raw_) static_cast<void>(cudnnBackendDestroyDescriptor(raw_));
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::size_t count,
                     const void* values) {
  DUEL_CUDA_CHECK(cudnnBackendSetAttribute(raw_, name, type, static_cast<std::int64_t>(count), values));
}

void Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.raw_);
}

void Descriptor::finalize() { DUEL_CUDA_CHECK(cudnnBackendFinalize(raw_)); }
bool Descriptor::try_finalize() { return cudnnBackendFinalize(raw_) == CUDNN_STATUS_SUCCESS; }

std::size_t Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::size_t most,
                            void* values) const {
  std::int64_t count = 0;
  DUEL_CUDA_CHECK(cudnnBackendGetAttribute(raw_, name, type, static_cast<std::int64_t>(most), &count, values));
  return static_cast<std::size_t>(count);
}

std::string Descriptor::get_text(cudnnBackendAttributeName_t name) const {
  std::string text(get(name, CUDNN_TYPE_CHAR, 0, nullptr), '\0');
  get(name, CUDNN_TYPE_CHAR, text.size(), text.data());
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

namespace {

void set(Descriptor& d, cudnnBackendAttributeName_t name, std::span<const std::int64_t> values) {
  d.set(name, CUDNN_TYPE_INT64, values.size(), values.data());
}
void set(Descriptor& d, cudnnBackendAttributeName_t name, std::int64_t value) { set(d, name, std::span(&value, 1)); }
void set(Descriptor& d, cudnnBackendAttributeName_t name, cudnnDataType_t value) {
  d.set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}

cudnnDataType_t data_type(DType t) {
  switch (t) {
    case DType::float32: return CUDNN_DATA_FLOAT;
    case DType::float64: return CUDNN_DATA_DOUBLE;
    case DType::bfloat16: return CUDNN_DATA_BFLOAT16;
    default: fail("conv2d", "cannot be computed in ", t);
  }
}
cudnnDataType_t compute_type(DType t) { return t == DType::float64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT; }

// The three tensors of a convolution, by the name that a plan knows them under.
enum TensorId : std::int64_t { kX = 1, kW, kY };

Descriptor tensor(TensorId id, const std::array<std::int64_t, 4>& size, const Conv2dProblem& p) {
  const std::array<std::int64_t, 4> strides{size[1] * size[2] * size[3], 1, size[1] * size[3], size[1]};
  Descriptor d(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  set(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
  set(d, CUDNN_ATTR_TENSOR_DATA_TYPE, data_type(p.dtype));
  set(d, CUDNN_ATTR_TENSOR_DIMENSIONS, size);
  set(d, CUDNN_ATTR_TENSOR_STRIDES, strides);
  set(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, p.alignment);
  d.finalize();
  return d;
}

Descriptor convolution(const Conv2dProblem& p) {
  Descriptor d(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  d.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  set(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, compute_type(p.dtype));
  set(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
  set(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, p.stride);
  set(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, p.padding);
  set(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, p.padding);
  set(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, p.dilation);
  d.finalize();
  return d;
}

/// How one pass calls its descriptor and its attributes.
struct PassNames {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t convolution, alpha, beta, x, w, y;
};

PassNames names_of(ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::forward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y};
    case ConvolutionPass::input_grad:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY};
    case ConvolutionPass::weight_grad:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY};
  }
  fail("conv2d", "there is no such pass");
}

/// Nothing if cuDNN does not take such sizes.
std::optional<Descriptor> operation_graph(const Conv2dProblem& p) {
  const PassNames names = names_of(p.pass);
  Descriptor operation(names.operation);
  operation.set(names.convolution, convolution(p));
  operation.set(names.x, tensor(kX, p.x, p));
  operation.set(names.w, tensor(kW, p.w, p));
  operation.set(names.y, tensor(kY, p.y, p));
  const double alpha = 1, beta = 0;
  operation.set(names.alpha, CUDNN_TYPE_DOUBLE, 1, &alpha);
  operation.set(names.beta, CUDNN_TYPE_DOUBLE, 1, &beta);
  if (!operation.try_finalize()) return std::nullopt;
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  if (!graph.try_finalize()) return std::nullopt;
  return graph;
}

std::vector<Descriptor> engine_configs(const Descriptor& graph, cudnnBackendHeurMode_t mode,
                                       const DeviceDescription& device) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device.descriptor());
  if (!heuristics.try_finalize()) return {};
  std::vector<Descriptor> configs;
  std::vector<cudnnBackendDescriptor_t> raw;
  const auto results = [&](std::size_t most) {
    return heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, raw.data());
  };
  const std::size_t at_most = results(0);
  for (std::size_t i = 0; i < at_most; ++i)
    raw.push_back(configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).raw());
  configs.erase(configs.begin() + static_cast<std::ptrdiff_t>(results(at_most)), configs.end());
  return configs;
}

/// What an engine says of itself.
struct EngineNotes {
  std::set<cudnnBackendNumericalNote_t> numerical;
  std::set<cudnnBackendBehaviorNote_t> behavior;
};

EngineNotes notes_of(const Descriptor& config) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.raw();
  config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> numerical{};
  std::array<cudnnBackendBehaviorNote_t, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT> behavior{};
  const std::size_t numericals =
      engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, numerical.size(), numerical.data());
  const std::size_t behaviors =
      engine.get(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE, behavior.size(), behavior.data());
  return {{numerical.begin(), numerical.begin() + numericals}, {behavior.begin(), behavior.begin() + behaviors}};
}

bool is_wanted(const EngineNotes& notes, const Conv2dProblem& p) {
  const auto any = [&](std::initializer_list<cudnnBackendNumericalNote_t> unwanted) {
    return std::any_of(unwanted.begin(), unwanted.end(), [&](auto note) { return notes.numerical.contains(note); });
  };
  if (notes.behavior.contains(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION)) return false;  // seconds for each
  if (any({CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION})) return false;
  return p.precision == Precision::tf32 ||
         !any({CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, CUDNN_NUMERICAL_NOTE_FFT,
               CUDNN_NUMERICAL_NOTE_WINOGRAD});
}

}  // namespace

DeviceDescription::DeviceDescription() : descriptor_(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR) {}

DeviceDescription DeviceDescription::of_this_device() {
  DeviceDescription device;
  const cudnnHandle_t handle = cudnn_handle();
  device.descriptor_.set(CUDNN_ATTR_DEVICEPROP_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  device.descriptor_.finalize();
  device.handle_ = handle;
  return device;
}

// The handle is cuDNN's older way to say the same, and the one that plans are known to be executed after; versions that
// want it no more may refuse it.
void DeviceDescription::put_into(Descriptor& plan) const {
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, descriptor_);
  if (handle_)
    static_cast<void>(
        cudnnBackendSetAttribute(plan.raw(), CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle_));
}

DeviceDescription DeviceDescription::from_json(const std::string& text) {
  DeviceDescription device;
  device.descriptor_.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, text.size(), text.c_str());
  device.descriptor_.finalize();
  return device;
}

std::string DeviceDescription::json() const { return descriptor_.get_text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION); }

std::ostream& operator<<(std::ostream& out, const Conv2dProblem& p) {
  const auto list = [&](const char* name, const auto& values) {
    out << ' ' << name << ' ';
    for (std::size_t i = 0; i < values.size(); ++i) out << (i ? "," : "") << values[i];
  };
  constexpr std::array kPasses{"forward", "input_grad", "weight_grad"};
  out << kPasses[static_cast<std::size_t>(p.pass)] << ' ' << p.dtype;
  if (p.dtype == DType::float32) out << (p.precision == Precision::tf32 ? " tf32" : " fp32");
  list("x", p.x), list("w", p.w), list("y", p.y);
  list("stride", p.stride), list("padding", p.padding), list("dilation", p.dilation);
  return out << " alignment " << p.alignment;
}

ExecutionPlan ExecutionPlan::from_json(const std::string& text, const DeviceDescription& device) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  device.put_into(plan);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, text.size(), text.c_str());
  plan.finalize();
  return ExecutionPlan(std::move(plan));
}

std::string ExecutionPlan::json() const { return descriptor_.get_text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION); }

std::int64_t ExecutionPlan::workspace_bytes() const {
  std::int64_t bytes = 0;
  descriptor_.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &bytes);
  return bytes;
}

void ExecutionPlan::execute(const Conv2dPointers& tensors, void* workspace) const {
  const std::array<std::int64_t, 3> ids{kX, kW, kY};
  const std::array<void*, 3> pointers{tensors.x, tensors.w, tensors.y};
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids);
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, pointers.size(), pointers.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  pack.finalize();
  DUEL_CUDA_CHECK(cudnnBackendExecute(cudnn_handle(), descriptor_.raw(), pack.raw()));
}

std::vector<ExecutionPlan> plan_convolution(const Conv2dProblem& problem, const DeviceDescription& device,
                                            const PlanLimits& limits) {
  std::vector<ExecutionPlan> plans;
  const std::optional<Descriptor> graph = operation_graph(problem);
  if (!graph) return plans;
  std::set<std::string> seen;  // the modes name many of the same
  const auto add = [&](const Descriptor& config) {
    if (plans.size() == limits.plans || !is_wanted(notes_of(config), problem)) return;
    Descriptor finalized(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    device.put_into(finalized);
    finalized.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    if (!finalized.try_finalize()) return;
    ExecutionPlan plan(std::move(finalized));
    if (plan.workspace_bytes() <= limits.workspace_bytes && seen.insert(plan.json()).second)
      plans.push_back(std::move(plan));
  };
  const std::vector<Descriptor> a = engine_configs(*graph, CUDNN_HEUR_MODE_A, device);
  std::vector<Descriptor> b;  // takes ten times as long
  if (limits.plans > 1) b = engine_configs(*graph, CUDNN_HEUR_MODE_B, device);
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i < a.size()) add(a[i]);
    if (i < b.size()) add(b[i]);
  }
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK})
    if (plans.empty())
      for (const Descriptor& config : engine_configs(*graph, mode, device)) add(config);
  return plans;
}

}  // namespace duel::cuda
