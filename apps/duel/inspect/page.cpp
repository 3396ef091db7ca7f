#include "apps/duel/inspect/page.h"

#include <cmath>
#include <unordered_map>

#include "apps/duel/inspect/layout.h"
#include "apps/duel/pages/embedded_page.h"

namespace duel::app {
namespace {

double to_tenths(double x) { return std::round(10 * x) / 10; }

Json pair_of(const Point& p) { return {to_tenths(p.x), to_tenths(p.y)}; }

// Adds where to draw everything.
void add_layout(Json& loss, const std::vector<NodeReport>& nodes, const NodeSize& size) {
  std::unordered_map<std::uint64_t, std::size_t> number;
  std::vector<std::vector<std::size_t>> inputs(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    number[nodes[i].node.id] = i;
    for (const std::uint64_t input : nodes[i].node.inputs)
      if (input != GraphNode::kConstant) inputs[i].push_back(number.at(input));
  }
  const GraphLayout layout = layered_layout(inputs, size);
  for (std::size_t i = 0; i < nodes.size(); ++i) loss["nodes"][i]["at"] = pair_of(layout.nodes[i]);
  loss["edges"] = Json::array();
  for (const Edge& edge : layout.edges) {
    Json points = Json::array();
    for (const Point& p : edge.points) points.push_back(pair_of(p));
    loss["edges"].push_back(
        {{"from", nodes[edge.from].node.id}, {"to", nodes[edge.to].node.id}, {"points", std::move(points)}});
  }
  loss["size"] = {{"width", to_tenths(layout.width)}, {"height", to_tenths(layout.height)}};
}

}  // namespace

std::string html_page(const Report& report) {
  const NodeSize size;
  Json json = to_json(report);
  json["node_size"] = {{"width", size.width}, {"height", size.height}};
  for (std::size_t i = 0; i < report.losses.size(); ++i) add_layout(json["losses"][i], report.losses[i].nodes, size);
  std::string page = html(kInspectPage);
  put(page, "{{data}}", script_text(json));
  return page;
}

}  // namespace duel::app
