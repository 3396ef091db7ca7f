#include "duel/autograd/print_graph.h"

#include <algorithm>
#include <unordered_set>

namespace duel {
namespace {

// By rising id. A stack of its own instead of recursion: chains can be 100,000 nodes deep.
std::vector<const Node*> nodes_behind(const Node* root) {
  std::vector<const Node*> stack{root}, nodes;
  std::unordered_set<const Node*> seen{root};
  while (!stack.empty()) {
    nodes.push_back(stack.back());
    stack.pop_back();
    for (const auto& input : nodes.back()->inputs())
      if (input && seen.insert(input.get()).second) stack.push_back(input.get());
  }
  std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) { return a->id() < b->id(); });
  return nodes;
}

std::size_t bytes(const Shape& shape, DType dtype) { return static_cast<std::size_t>(shape.numel()) * size_of(dtype); }

GraphNode described(const Node& node) {
  GraphNode d{node.id(),
              node.name(),
              {},
              node.shape(),
              node.dtype(),
              bytes(node.shape(), node.dtype()),
              node.highest_order(),
              node.is_leaf(),
              node.is_consumed(),
              node.where()};
  for (const auto& input : node.inputs()) d.inputs.push_back(input ? input->id() : GraphNode::kConstant);
  return d;
}

// As the inside of a quoted string.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void print_text(std::ostream& out, const GraphNode& node) {
  out << '%' << node.id << " = " << node.name;
  if (node.consumed)
    out << "(consumed)";
  else if (!node.leaf) {
    out << '(';
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      out << (i ? ", " : "");
      if (node.inputs[i] != GraphNode::kConstant)
        out << '%' << node.inputs[i];
      else
        out << "constant";
    }
    out << ')';
  }
  out << "  " << node.dtype << node.shape << "  " << node.bytes << " bytes\n";
}

void print_dot(std::ostream& out, const GraphNode& node) {
  const char* style = node.leaf ? ", style=filled" : node.consumed ? ", style=dashed" : "";
  out << "  n" << node.id << " [label=\"" << escaped(node.name) << (node.consumed ? " (consumed)" : "") << "\\n#"
      << node.id << ' ' << node.dtype << node.shape << "\\n"
      << node.bytes << " bytes\"" << style << "];\n";
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] != GraphNode::kConstant) {
      out << "  n" << node.inputs[i] << " -> n" << node.id << ";\n";
    } else {
      const std::string constant = cat("c", node.id, "_", i);
      out << "  " << constant << " [label=\"constant\", shape=plaintext];\n  " << constant << " -> n" << node.id
          << ";\n";
    }
  }
}

}  // namespace

std::vector<GraphNode> graph_nodes(const Variable& y) {
  check(y.defined(), "graph_nodes", "the variable is undefined");
  std::vector<GraphNode> nodes;
  if (y.is_constant()) return nodes;
  for (const Node* node : nodes_behind(y.node().get())) nodes.push_back(described(*node));
  return nodes;
}

std::string print_graph(const Variable& y, GraphFormat format) {
  check(y.defined(), "print_graph", "the variable is undefined");
  std::ostringstream out;
  if (format == GraphFormat::dot) out << "digraph {\n  node [shape=box];\n";
  if (y.is_constant()) {
    const std::size_t size = bytes(y.shape(), y.dtype());
    if (format == GraphFormat::text)
      out << "constant  " << y.value() << "  " << size << " bytes\n";
    else
      out << "  c [label=\"constant\\n" << y.value() << "\\n" << size << " bytes\", shape=plaintext];\n";
  } else {
    for (const GraphNode& node : graph_nodes(y))
      if (format == GraphFormat::text)
        print_text(out, node);
      else
        print_dot(out, node);
  }
  if (format == GraphFormat::dot) out << "}\n";
  return out.str();
}

}  // namespace duel
