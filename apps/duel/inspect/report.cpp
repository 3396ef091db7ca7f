#include "apps/duel/inspect/report.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "apps/duel/inspect/recorder.h"
#include "duel/autograd/grad.h"

namespace duel::app {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Variables values_of(const NamedParameters& parameters) {
  Variables values;
  for (const auto& [name, p] : parameters) values.push_back(p);
  return values;
}

// "downs.0.weight" -> "downs.0"
std::string layer_of(const std::string& parameter) { return parameter.substr(0, parameter.rfind('.')); }

// Names parameters, what is computed from a parameter alone (a bias expanded, say), and what computes with those.
class Labels {
 public:
  void add(const NamedParameters& parameters) {
    for (const auto& [name, p] : parameters) parameter_of_[p.node()->id()] = name;
  }

  /// Call for every node, inputs first.
  std::string of(const GraphNode& node) {
    if (node.leaf) return parameter(node.id);
    const auto first = std::find_if(node.inputs.begin(), node.inputs.end(),
                                    [this](std::uint64_t input) { return !parameter(input).empty(); });
    if (first == node.inputs.end()) return "";
    const std::string name = parameter(*first);
    const bool alone = std::all_of(node.inputs.begin(), node.inputs.end(),
                                   [&](std::uint64_t input) { return parameter(input) == name; });
    if (alone) parameter_of_[node.id] = name;
    return layer_of(name);
  }

 private:
  std::string parameter(std::uint64_t id) const {
    const auto found = parameter_of_.find(id);
    return found == parameter_of_.end() ? "" : found->second;
  }

  std::map<std::uint64_t, std::string> parameter_of_;  // by node id; of nodes that depend on one parameter alone
};

std::vector<NodeReport> describe_nodes(const Variable& loss, const Recorder& recorder,
                                       const NamedParameters& parameters, const Variables& gradients, Labels labels) {
  std::map<std::uint64_t, const Variable*> gradient_of;  // parameters' node ids
  for (std::size_t i = 0; i < parameters.size(); ++i) gradient_of[parameters[i].second.node()->id()] = &gradients[i];
  std::vector<NodeReport> nodes;
  for (GraphNode& node : graph_nodes(loss)) {
    const Recorder::Record& record = recorder[node.id];
    NodeReport n;
    n.label = labels.of(node);
    n.node = std::move(node);
    n.forward_ms = 1e3 * record.forward_seconds;
    n.backward_ms = 1e3 * record.backward_seconds;
    n.recorded_by = record.recorded_by;
    if (!n.node.leaf) n.where = place_of(n.node.where);
    if (record.value.defined()) n.value = statistics(record.value);
    if (record.gradient.defined()) n.gradient = statistics(record.gradient);
    if (const auto g = gradient_of.find(n.node.id); g != gradient_of.end()) n.gradient = statistics(g->second->value());
    nodes.push_back(std::move(n));
  }
  return nodes;
}

std::vector<ParameterReport> describe_parameters(const NamedParameters& parameters, const Variables& gradients) {
  std::vector<ParameterReport> all;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& [name, p] = parameters[i];
    ParameterReport r{name, p.node()->id(), p.shape(), statistics(p.value()), statistics(gradients[i].value()), {}};
    if (p.dim() >= 2) r.spectrum = singular_values(p.value());
    all.push_back(std::move(r));
  }
  return all;
}

}  // namespace

LossReport inspect_loss(const std::string& network, const std::function<Variable()>& loss,
                        const NamedParameters& parameters, const NamedParameters& others) {
  const Variables xs = values_of(parameters);
  LossReport report;
  report.network = network;
  static_cast<void>(grad(loss(), xs));

  const Clock::time_point start = Clock::now();
  Variable timed = loss();
  report.forward_ms = milliseconds_since(start);
  const Clock::time_point middle = Clock::now();
  static_cast<void>(grad(std::move(timed), xs));
  report.backward_ms = milliseconds_since(middle);

  Recorder recorder;
  const ObserverGuard guard(recorder);
  const Variable y = loss();
  recorder.start_backward();
  const Variables gradients = grad(y, xs);
  report.loss = y.item();
  Labels labels;
  labels.add(parameters);
  labels.add(others);
  report.nodes = describe_nodes(y, recorder, parameters, gradients, std::move(labels));
  report.parameters = describe_parameters(parameters, gradients);
  report.text = print_graph(y);
  report.dot = print_graph(y, GraphFormat::dot);
  return report;
}

}  // namespace duel::app
