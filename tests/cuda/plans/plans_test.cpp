// cuDNN is asked, without a GPU, for plans of every convolution of every bundled network, for an H200 that is described
// to it; and what can be said of plans without a device.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "duel/cuda/conv2d_plan_file.h"
#include "duel/cuda/conv2d_plans.h"
#include "duel/cuda/handles.h"
#include "duel/cuda/products.h"
#include "duel/gan/models/catalogue.h"
#include "duel/tensor/exact_convolutions.h"
#include "tests/cuda/plans/dry_device.h"
#include "tests/support/temp_folder.h"

using namespace duel;
using namespace duel::testing;
using cuda::Conv2dProblem;
using cuda::ConvolutionPass;
using cuda::DeviceDescription;
using cuda::ExecutionPlan;

namespace {

constexpr std::int64_t kBatch = 64;

/// Nothing, with a message, if this version of cuDNN does not take our description.
std::optional<DeviceDescription> described_h200() {
  std::ostringstream text;
  text << std::ifstream(DUEL_SOURCE_DIR "/tests/cuda/plans/h200_deviceprop.json").rdbuf();
  try {
    return DeviceDescription::from_json(text.str());
  } catch (const Error& e) {
    MESSAGE(cat("skipped: ", e.what()));
    return std::nullopt;
  }
}

/// Runs a network on the dry device, with all its heads if it is a discriminator.
void run_dry(const std::string& part, Blueprint blueprint) {
  const std::string init = blueprint.get("init").value_or("");  // of no matter here, and the orthogonal ones are slow
  if (init == "orthogonal") blueprint.set("init", "standard");
  if (init == "studio") blueprint.set("init", "sagan");
  Rng rng(1);
  Network network = blueprint.make(rng);
  to(network, Device::cuda);
  const NetworkInput& in = network.input();
  Shape shape{kBatch};
  for (std::int64_t size : in.shape) shape.push_back(size);
  Tensor labels;
  if (in.classes > 0) labels = Tensor::zeros({kBatch}, {DType::int64, Device::cuda});
  const Variable x = Tensor::empty(shape, {DType::float32, Device::cuda, Layout::channels_last});
  if (part == "discriminator")
    network.judge(x, labels, PictureOrigin::real, {.rng = &rng});
  else
    network(x, labels, {.rng = &rng});
}

/// Of all networks of the catalogue and of duel's own DCGAN, at their published widths.
const std::set<Convolution>& all_convolutions() {
  static const std::set<Convolution> all = [] {
    take_convolutions();
    std::vector<CatalogueEntry> entries = catalogue();
    entries.push_back(conditional_dcgan());
    for (const CatalogueEntry& entry : entries)
      for (const auto& [part, blueprint] : entry.networks) {
        CAPTURE(entry.name);
        CAPTURE(part);
        CHECK_NOTHROW(run_dry(part, blueprint));
      }
    return take_convolutions();
  }();
  return all;
}

Conv2dProblem problem_of(const Convolution& c, ConvolutionPass pass, DType dtype, Precision precision) {
  return cuda::with_padded_channels({.pass = pass,
                                     .dtype = dtype,
                                     .precision = precision,
                                     .x = c.x,
                                     .w = c.w,
                                     .y = c.y,
                                     .stride = c.stride,
                                     .padding = c.padding,
                                     .dilation = c.dilation});
}

/// 4 x 4 of stride 2 on pictures of 32 x 32.
Conv2dProblem small_problem() {
  return {.dtype = DType::bfloat16,
          .x = {8, 64, 32, 32},
          .w = {128, 64, 4, 4},
          .y = {8, 128, 16, 16},
          .stride = {2, 2},
          .padding = {1, 1}};
}

/// Whether their texts are, but for the order of members.
bool are_same(const std::optional<ExecutionPlan>& a, const ExecutionPlan& b) {
  return a && nlohmann::json::parse(a->json()) == nlohmann::json::parse(b.json());
}

/// Sets an environment variable, or removes it, and puts it back at the end.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const char* value) { value ? ::setenv(name_, value, 1) : ::unsetenv(name_); }
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("every convolution of every network has a plan for an H200, and most need little memory") {
  const std::optional<DeviceDescription> h200 = described_h200();
  if (!h200) return;
  CHECK(all_convolutions().size() > 300);
  struct Arithmetic {
    const char* name;
    DType dtype;
    Precision precision;
    double most_large;  ///< the share of plans that may need more than 64 MiB; without tensor cores these are many
  };
  for (const Arithmetic& a : {Arithmetic{"bfloat16", DType::bfloat16, Precision::tf32, 0.01},
                              {"TF32", DType::float32, Precision::tf32, 0.1},
                              {"float32", DType::float32, Precision::fp32, 0.25}}) {
    constexpr std::int64_t kLarge = 64 << 20;
    std::size_t plans = 0;
    std::multimap<std::int64_t, std::string> large;
    for (const Convolution& c : all_convolutions())
      for (const auto pass : {ConvolutionPass::forward, ConvolutionPass::input_grad, ConvolutionPass::weight_grad}) {
        const Conv2dProblem problem = problem_of(c, pass, a.dtype, a.precision);
        const std::vector<ExecutionPlan> first = plan_convolution(problem, *h200, {.plans = 1});
        CHECK_MESSAGE(!first.empty(), "no plan for ", cat(problem));
        plans += first.size();
        if (!first.empty() && first[0].workspace_bytes() > kLarge)
          large.emplace(first[0].workspace_bytes(), cat(problem));
      }
    std::string list;
    for (const auto& [bytes, problem] : large) list += cat("\n", bytes >> 20, " MiB: ", problem);
    CHECK_MESSAGE(static_cast<double>(large.size()) < a.most_large * static_cast<double>(plans), list);
    const std::string largest = large.empty() ? "" : cat("; the most:", list.substr(list.rfind('\n')));
    MESSAGE(cat(a.name, ": ", plans, " plans, of which ", large.size(), " need more than 64 MiB", largest));
  }
}

TEST_CASE("plans for groups, dilation, float64, and memory that is not aligned") {
  const std::optional<DeviceDescription> h200 = described_h200();
  if (!h200) return;
  Conv2dProblem grouped = small_problem(), dilated = small_problem(), wide = small_problem(), odd = small_problem();
  grouped.w = {128, 2, 4, 4};
  dilated.dilation = {2, 1}, dilated.y[2] = 14;
  wide.dtype = DType::float64;
  odd.alignment = 2;
  for (Conv2dProblem p : {grouped, dilated, wide, odd})
    for (const auto pass : {ConvolutionPass::forward, ConvolutionPass::input_grad, ConvolutionPass::weight_grad}) {
      p.pass = pass;
      CHECK_MESSAGE(!plan_convolution(p, *h200, {.plans = 1}).empty(), "no plan for ", cat(p));
    }
  CHECK(plan_convolution(small_problem(), *h200, {.plans = 16}).size() == 16);
  CHECK(plan_convolution(small_problem(), *h200, {.plans = 16, .workspace_bytes = -1}).empty());
  Conv2dProblem impossible = small_problem();
  impossible.y[2] = 17;
  CHECK(plan_convolution(impossible, *h200, {.plans = 1}).empty());
}

TEST_CASE("in bfloat16 few channels become eight") {
  Conv2dProblem p = small_problem();
  CHECK(cuda::with_padded_channels(p) == p);
  p.x[1] = p.w[1] = 3;
  p.y[1] = p.w[0] = 1;
  const Conv2dProblem padded = cuda::with_padded_channels(p);
  CHECK(padded.x == std::array<std::int64_t, 4>{8, 8, 32, 32});
  CHECK(padded.w == std::array<std::int64_t, 4>{8, 8, 4, 4});
  CHECK(padded.y == std::array<std::int64_t, 4>{8, 8, 16, 16});
  p.dtype = DType::float32;
  CHECK(cuda::with_padded_channels(p) == p);
}

TEST_CASE("plans are texts and back") {
  const std::optional<DeviceDescription> h200 = described_h200();
  if (!h200) return;
  CHECK(DeviceDescription::from_json(h200->json()).json() == h200->json());
  const ExecutionPlan plan = std::move(plan_convolution(small_problem(), *h200, {.plans = 1}).front());
  const ExecutionPlan same = ExecutionPlan::from_json(plan.json(), *h200);
  CHECK(same.json() == plan.json());
  CHECK(same.workspace_bytes() == plan.workspace_bytes());
  for (const char* text : {"", "{}", "no plan", "[1, 2"}) {
    CHECK_THROWS_AS(ExecutionPlan::from_json(text, *h200), Error);
    CHECK_THROWS_AS(DeviceDescription::from_json(text), Error);
  }
}

TEST_CASE("the fastest plan is kept in a file") {
  const std::optional<DeviceDescription> h200 = described_h200();
  if (!h200) return;
  const TempFolder folder;
  const std::filesystem::path path = folder / "new" / "plans.jsonl";
  const Conv2dProblem problem = small_problem();
  const std::vector<ExecutionPlan> plans = plan_convolution(problem, *h200, {.plans = 4});
  REQUIRE(plans.size() == 4);
  {
    cuda::Conv2dPlanFile file(path, "NVIDIA H200");
    CHECK_FALSE(file.find(problem, *h200));
    file.keep(problem, plans[2]);
    CHECK(are_same(file.find(problem, *h200), plans[2]));
  }
  const auto kept = [&](const char* device) { return cuda::Conv2dPlanFile(path, device).find(problem, *h200); };
  CHECK(are_same(kept("NVIDIA H200"), plans[2]));
  CHECK_FALSE(kept("another GPU"));
  CHECK_FALSE(cuda::Conv2dPlanFile(path, "NVIDIA H200").find(problem_of({}, {}, {}, {}), *h200));

  SUBCASE("the first word counts") {
    cuda::Conv2dPlanFile(path, "NVIDIA H200").keep(problem, plans[3]);
    CHECK(are_same(kept("NVIDIA H200"), plans[2]));
  }
  SUBCASE("what is damaged is passed over, and what follows it is not lost") {
    const std::string line = file_content(path);
    make_file(path, "PNG\n[]\n{\"conv2d\": 1}\n" + line.substr(0, line.size() / 2));
    CHECK_FALSE(kept("NVIDIA H200"));
    cuda::Conv2dPlanFile(path, "NVIDIA H200").keep(problem, plans[1]);
    CHECK(are_same(kept("NVIDIA H200"), plans[1]));
  }
  SUBCASE("an engine that cuDNN does not have is none") {
    std::string line = file_content(path);
    const std::size_t at = line.find("\"engineId\":");
    REQUIRE(at != std::string::npos);
    make_file(path, line.insert(at + 11, "99999"));
    CHECK_FALSE(kept("NVIDIA H200"));
  }
  SUBCASE("what cannot be written is let be") {
    const std::filesystem::path below_a_file = path / "plans.jsonl";
    cuda::Conv2dPlanFile file(below_a_file, "NVIDIA H200");
    file.keep(problem, plans[1]);
    CHECK(are_same(file.find(problem, *h200), plans[1]));
    cuda::Conv2dPlanFile(folder.path(), "NVIDIA H200").keep(problem, plans[1]);
  }
}

TEST_CASE("where plans are kept") {
  const Environment chosen("DUEL_PLAN_CACHE", nullptr), cache("XDG_CACHE_HOME", "/cache"), home("HOME", "/somebody");
  CHECK(cuda::plan_folder() == "/cache/duel");
  {
    const Environment none("XDG_CACHE_HOME", nullptr);
    CHECK(cuda::plan_folder() == "/somebody/.cache/duel");
    const Environment homeless("HOME", nullptr);
    CHECK_FALSE(cuda::plan_folder());
  }
  const Environment other("DUEL_PLAN_CACHE", "/elsewhere");
  CHECK(cuda::plan_folder() == "/elsewhere");
  const Environment off("DUEL_PLAN_CACHE", "off");
  CHECK_FALSE(cuda::plan_folder());
}

TEST_CASE("exact convolutions are of float32 in full") {
  CHECK(cuda::precision() == Precision::tf32);
  {
    const ExactConvolutions exact;
    CHECK(cuda::precision() == Precision::fp32);
  }
  cuda::set_precision(Precision::fp32);
  CHECK(cuda::precision() == Precision::fp32);
  cuda::set_precision(Precision::tf32);
}

TEST_CASE("without a driver, what needs a device says which call failed, and where") {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0) {
    // The description that the planner is given above was written by hand; this is the true one.
    const std::string text = DeviceDescription::of_this_device().json();
    MESSAGE(text);
    CHECK(DeviceDescription::from_json(text).json() == text);
    return;
  }
  const auto error_of = [](const auto& f) -> std::string {
    try {
      f();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::string cudnn = error_of([] { cuda::cudnn_handle(); }),
                      cublas = error_of([] { cuda::cublaslt_handle(); });
    CAPTURE(cudnn);
    CAPTURE(cublas);
    CHECK(cudnn.starts_with("cuDNN: cudnnCreate"));
    CHECK(cublas.starts_with("cuBLAS: cublasLtCreate"));
    CHECK(cudnn.find("handles.cpp:") != std::string::npos);
    CHECK(cublas.find("CUBLAS_STATUS_") != std::string::npos);
  }
  CHECK_THROWS_AS(DeviceDescription::of_this_device(), Error);
}
