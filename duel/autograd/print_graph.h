// The graph behind a variable, written out: for finding where memory and time go, and for learning how it works.
#pragma once

#include <source_location>
#include <string>
#include <vector>

#include "duel/autograd/variable.h"

namespace duel {

/// What there is to know of one node without the tensors.
struct GraphNode {
  static constexpr std::uint64_t kConstant = 0;
  std::uint64_t id = 0;
  std::string name;
  std::vector<std::uint64_t> inputs;  ///< their ids, or kConstant
  Shape shape;
  DType dtype = DType::float32;
  std::size_t bytes = 0;  ///< of its value
  Order highest_order = Order::any;
  bool leaf = false, consumed = false;
  std::source_location where;  ///< where its gradient is written; of no meaning for a leaf
};

/// Every node that y was computed from, each once, by rising id, so inputs first; none if y is a constant.
std::vector<GraphNode> graph_nodes(const Variable& y);

enum class GraphFormat : std::uint8_t {
  text,  ///< a line per node, inputs first: "%7 = mul(%3, constant)  float32[2, 3]  24 bytes"
  dot,   ///< Graphviz: pipe it through `dot -Tsvg`
};

/// The same as text: operations, inputs, shapes, dtypes and the bytes of their values. Inputs that are constants have
/// no node and are shown as "constant". A consumed node has lost its inputs and is marked so.
std::string print_graph(const Variable& y, GraphFormat format = GraphFormat::text);

}  // namespace duel
