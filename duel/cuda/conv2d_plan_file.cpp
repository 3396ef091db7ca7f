#include "duel/cuda/conv2d_plan_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace duel::cuda {
namespace {

using nlohmann::json;

// A plan's text describes the whole convolution and the device; only this member tells one plan from another.
constexpr const char* kEngine = "engine";
constexpr const char* kProblem = "conv2d";

bool is_line(const json& line) {
  const auto has = [&](const char* name, json::value_t type) {
    const auto member = line.find(name);
    return member != line.end() && member->type() == type;
  };
  return line.is_object() && has(kProblem, json::value_t::string) && has("device", json::value_t::string) &&
         has("cudnn", json::value_t::number_unsigned) && has(kEngine, json::value_t::object);
}

/// In one write, so that lines of several processes do not mix; what fails is let be.
void append(const std::filesystem::path& path, std::string line) {
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) return;
  const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return;
  char last = '\n';
  const off_t size = ::lseek(file, 0, SEEK_END);
  if (size > 0 && ::pread(file, &last, 1, size - 1) == 1 && last != '\n') line.insert(0, 1, '\n');  // a line cut short
  [[maybe_unused]] const ssize_t written = ::write(file, line.data(), line.size());
  ::close(file);
}

}  // namespace

std::optional<std::filesystem::path> plan_folder() {
  const auto variable = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value ? value : "";
  };
  const std::filesystem::path chosen = variable("DUEL_PLAN_CACHE");
  if (chosen == "off") return std::nullopt;
  if (!chosen.empty()) return chosen;
  if (const auto cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache / "duel";
  if (const auto home = variable("HOME"); !home.empty()) return home / ".cache" / "duel";
  return std::nullopt;
}

Conv2dPlanFile::Conv2dPlanFile(std::filesystem::path path, std::string device)
    : path_(std::move(path)), device_(std::move(device)) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path_, ignored)) return;
  std::ifstream file(path_);
  for (std::string text; std::getline(file, text);) {
    const json line = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (is_line(line) && line["device"] == device_ && line["cudnn"] == cudnnGetVersion())
      engines_.emplace(line[kProblem], line[kEngine].dump());  // of several, written at once, the first
  }
}

std::optional<ExecutionPlan> Conv2dPlanFile::find(const Conv2dProblem& problem, const DeviceDescription& device) const {
  const auto found = engines_.find(cat(problem));
  if (found == engines_.end()) return std::nullopt;
  // The engine of the file in a plan for this very problem: whatever a file says, its plan is of the right sizes.
  const std::vector<ExecutionPlan> plans = plan_convolution(problem, device, {.plans = 1});
  if (plans.empty()) return std::nullopt;
  try {
    json plan = json::parse(plans.front().json());
    plan[kEngine] = json::parse(found->second);
    return ExecutionPlan::from_json(plan.dump(), device);
  } catch (const std::exception&) {  // no engine of this cuDNN's
    return std::nullopt;
  }
}

void Conv2dPlanFile::keep(const Conv2dProblem& problem, const ExecutionPlan& plan) {
  const json parsed = json::parse(plan.json(), nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains(kEngine)) return;
  const std::string key = cat(problem);
  engines_[key] = parsed[kEngine].dump();
  const json line{{kProblem, key}, {"device", device_}, {"cudnn", cudnnGetVersion()}, {kEngine, parsed[kEngine]}};
  append(path_, line.dump() + '\n');
}

}  // namespace duel::cuda
