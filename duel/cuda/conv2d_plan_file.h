// The plans that were found fastest, kept on disk from one process to the next: they are looked for once, and a run
// that is resumed computes by the same plans, so to the same bits.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "duel/cuda/cudnn_graph.h"

namespace duel::cuda {

/// $DUEL_PLAN_CACHE if that is set, else $XDG_CACHE_HOME/duel, else ~/.cache/duel; nothing if it is "off", or if there
/// is no home.
std::optional<std::filesystem::path> plan_folder();

/// A file of JSON lines, one for each convolution, device and version of cuDNN. Lines that are none of these, damaged
/// or of another program, are passed over. Several processes may use it at once.
class Conv2dPlanFile {
 public:
  /// Reads the lines for `device` (its name) and this cuDNN. There need be no file, nor its folder.
  Conv2dPlanFile(std::filesystem::path path, std::string device);

  /// The plan kept for `problem`, if cuDNN still takes it.
  std::optional<ExecutionPlan> find(const Conv2dProblem& problem, const DeviceDescription& device) const;
  /// Adds a line, in one piece. If it cannot be written, later processes will look for themselves.
  void keep(const Conv2dProblem& problem, const ExecutionPlan& plan);

 private:
  std::filesystem::path path_;
  std::string device_;
  std::map<std::string, std::string> engines_;  // by problem; the last of equal ones
};

}  // namespace duel::cuda
