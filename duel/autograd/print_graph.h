// The graph behind a variable, written out: for finding where memory and time go, and for learning how it works.
#pragma once

#include <string>

#include "duel/autograd/variable.h"

namespace duel {

enum class GraphFormat : std::uint8_t {
  text,  ///< a line per node, inputs first: "%7 = mul(%3, constant)  float32[2, 3]  24 bytes"
  dot,   ///< Graphviz: pipe it through `dot -Tsvg`
};

/// Every node that y was computed from, by rising id, each once, with its operation, inputs, shape, dtype and the bytes
/// of its value. Inputs that are constants have no node and are shown as "constant". A consumed node has lost its
/// inputs and is marked so.
std::string print_graph(const Variable& y, GraphFormat format = GraphFormat::text);

}  // namespace duel
