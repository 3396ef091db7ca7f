// Where to draw the nodes of a graph: in layers, each below what it is computed from (Sugiyama, Tagawa and Toda 1981).
#pragma once

#include <cstddef>
#include <vector>

namespace duel::app {

struct Point {
  double x = 0, y = 0;
};

struct Edge {
  std::size_t from = 0, to = 0;
  std::vector<Point> points;  ///< from the bottom of one to the top of the other
};

struct GraphLayout {
  std::vector<Point> nodes;  ///< centres
  std::vector<Edge> edges;   ///< each pair of nodes once
  double width = 0, height = 0;
};

struct NodeSize {
  double width = 176, height = 44, gap = 22, layer_gap = 46;
};

/// inputs[i]: the nodes that node i is computed from, all with smaller numbers. Nodes do not overlap, and edges over
/// several layers go around them.
GraphLayout layered_layout(const std::vector<std::vector<std::size_t>>& inputs, const NodeSize& size = {});

}  // namespace duel::app
