// print_graph: every node once, with what it is.
#include "duel/autograd/print_graph.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "duel/autograd/ops.h"

namespace duel::testing {
namespace {

std::string id(const Variable& v) { return cat('%', v.node()->id()); }

TEST_CASE("text: a line per node, inputs first, shared ones once, constants shown") {
  const Variable x = Variable::leaf(Tensor::zeros({2, 3}));
  const Variable e = exp(x);
  const Variable y = e * e + Variable(Tensor::zeros({2, 3}));
  const Variable product = grad(y, {e}, {.create_graph = true, .grad_output = e})[0];  // other nodes, not behind y
  const std::string m = cat('%', y.node()->inputs()[0]->id());
  CHECK(print_graph(y) == id(x) + " = leaf  float32[2, 3]  24 bytes\n" +                    //
                              id(e) + " = exp(" + id(x) + ")  float32[2, 3]  24 bytes\n" +  //
                              m + " = mul(" + id(e) + ", " + id(e) + ")  float32[2, 3]  24 bytes\n" + id(y) +
                              " = add(" + m + ", constant)  float32[2, 3]  24 bytes\n");
}

TEST_CASE("graph_nodes: the same as structs") {
  const Variable x = Variable::leaf(Tensor::zeros({2, 3}));
  const Variable once = record(
      "once", {x, Tensor::zeros({})}, Tensor::zeros({4}),
      [](const Backward&) -> Variables {
        return {Variable(), Variable()};
      },
      Keep::nothing, Order::first);
  const std::vector<GraphNode> nodes = graph_nodes(once);
  REQUIRE(nodes.size() == 2);
  CHECK(nodes[0].leaf);
  CHECK(nodes[0].id == x.node()->id());
  CHECK(nodes[0].bytes == 24);
  CHECK(nodes[1].name == "once");
  CHECK(nodes[1].inputs == std::vector<std::uint64_t>{nodes[0].id, GraphNode::kConstant});
  CHECK(nodes[1].highest_order == Order::first);
  CHECK(std::string(nodes[1].where.file_name()).ends_with("print_graph_test.cpp"));
  CHECK(graph_nodes(Tensor::zeros({2})).empty());
  CHECK_THROWS_AS(graph_nodes(Variable()), Error);
}

TEST_CASE("dot: nodes and edges") {
  const Variable x = Variable::leaf(Tensor::zeros({2}, {.dtype = DType::float64}));
  const Variable y = x * Variable(Tensor::zeros({2}, {.dtype = DType::float64}));
  const std::string n = cat('n', x.node()->id()), m = cat('n', y.node()->id()), c = cat('c', y.node()->id(), "_1");
  const std::string dot = print_graph(y, GraphFormat::dot);
  for (const std::string& part :
       {std::string("digraph {\n"), "  " + n + " -> " + m + ";\n", "  " + c + " -> " + m + ";\n",
        "label=\"mul\\n#" + m.substr(1) + " float64[2]\\n16 bytes\"", std::string("label=\"constant\"")})
    CHECK_MESSAGE(dot.find(part) != std::string::npos, dot, "without ", part);
  CHECK(dot.ends_with("}\n"));
}

TEST_CASE("constants, consumed graphs and undefined variables") {
  CHECK(print_graph(Tensor::zeros({2})) == "constant  float32[2]  8 bytes\n");
  CHECK(print_graph(Tensor::zeros({2}), GraphFormat::dot).find("constant") != std::string::npos);
  CHECK_THROWS_AS(print_graph(Variable()), Error);
  const Variable x = Variable::leaf(Tensor::zeros({}));
  Variable y = exp(x);
  const Variable kept = y;
  grad(std::move(y), {x});
  CHECK(print_graph(kept) == id(kept) + " = exp(consumed)  float32[]  4 bytes\n");
}

TEST_CASE("a name is quoted in dot") {
  const Variable x = Variable::leaf(Tensor::zeros({}));
  const Variable y = record("a \"b\" \\", {x}, x.value(), [](const Backward& b) -> Variables { return {b.grad}; });
  CHECK(print_graph(y, GraphFormat::dot).find("label=\"a \\\"b\\\" \\\\\\n#") != std::string::npos);
}

TEST_CASE("chains of 100,000 nodes") {
  Variable y = Variable::leaf(Tensor::zeros({}));
  for (int i = 0; i < 100'000; ++i) y = -y;
  for (const GraphFormat format : {GraphFormat::text, GraphFormat::dot}) {
    const std::string text = print_graph(y, format);
    CHECK(std::count(text.begin(), text.end(), '\n') >= 100'001);
  }
}

}  // namespace
}  // namespace duel::testing
