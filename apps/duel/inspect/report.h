// Report: everything that `duel inspect` finds out about a training step.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/duel/inspect/loss_check.h"
#include "apps/duel/inspect/singular_values.h"
#include "apps/duel/inspect/statistics.h"
#include "apps/duel/options.h"
#include "duel/autograd/print_graph.h"

namespace duel::app {

/// One operation, or leaf, behind a loss.
struct NodeReport {
  GraphNode node;
  std::string label;              ///< of a parameter: its name; of what computes with one: its layer's
  std::string where;              ///< file and line where its gradient is written; empty for a leaf
  std::uint64_t recorded_by = 0;  ///< the node whose gradient function recorded it; 0 if none did
  double forward_ms = 0, backward_ms = 0;
  std::optional<Statistics> value, gradient;  ///< gradient: of the loss with respect to the value
};

struct ParameterReport {
  std::string name;
  std::uint64_t node = 0;
  Shape shape;
  Statistics value, gradient;
  Spectrum spectrum;  ///< of weights, empty for vectors
};

/// One network's loss.
struct LossReport {
  std::string network;
  double loss = 0;
  double forward_ms = 0, backward_ms = 0;  ///< of the whole, observed by nobody
  std::vector<NodeReport> nodes;           ///< by rising id
  std::vector<ParameterReport> parameters;
  std::string text, dot;             ///< the graph, see print_graph
  std::vector<CheckedOrder> checks;  // none for networks with spectral norms, whose vectors move with every look
  std::int64_t checked_pictures = 0;
};

using NamedParameters = std::vector<std::pair<std::string, Variable>>;

/// Computes the loss and its gradient in the parameters three times: to warm up, to time the whole, and to look at
/// every operation. `others` have names, but no gradient is asked for. All but `checks` is filled in.
LossReport inspect_loss(const std::string& network, const std::function<Variable()>& loss,
                        const NamedParameters& parameters, const NamedParameters& others = {});

struct Report {
  std::string preset, run;  ///< run: empty if the networks are new
  std::int64_t step = 0, batch_size = 0;
  std::uint64_t seed = 0;
  std::string loss, device;
  std::vector<LossReport> losses;
};

/// Marks the JSON as ours.
inline constexpr const char* kReportFormat = "duel inspect 1";

/// All numbers. NaN and infinity become null.
Json to_json(const Report& report);

/// For the terminal.
std::string summary(const Report& report);

}  // namespace duel::app
