// The walk over modules and what rests on it: names, state dictionaries, copies, flat buffers.
#include "duel/nn/module.h"

#include <doctest/doctest.h>

#include "duel/nn/layers.h"
#include "tests/golden/nn.h"

using namespace duel;
using namespace duel::testing;

namespace {

struct Block {
  Conv2d conv;
  BatchNorm2d norm{3};
  explicit Block(Rng& rng) : conv(rng, 2, 3, {.kernel = 4, .bias = Bias::no}) {}
  void visit(Visitor& v) {
    v.child("conv", conv);
    v.child("norm", norm);
  }
};

struct Net {
  Block block;
  Linear head;
  explicit Net(Rng& rng) : block(rng), head(rng, 5, 3) {}
  void visit(Visitor& v) {
    v.child("block", block);
    v.child("head", head);
  }
};

Net net(std::uint64_t seed = 1) {
  Rng rng(seed);
  return Net(rng);
}

std::size_t address(const Tensor& t) { return reinterpret_cast<std::size_t>(t.data<float>()); }

}  // namespace

TEST_CASE("names are paths; undefined parameters are passed over") {
  Net n = net();
  CHECK(parameter_names(n) == std::vector<std::string>{"block.conv.weight", "block.norm.weight", "block.norm.bias",
                                                       "head.weight", "head.bias"});
  CHECK(count_parameters(n) == 3 * 2 * 4 * 4 + 3 + 3 + 15 + 3);
  CHECK(parameters(n).size() == 5);
  std::vector<std::string> all;
  for (const auto& [name, tensor] : state_dict(n)) all.push_back(name);
  CHECK(all == std::vector<std::string>{"block.conv.weight", "block.norm.bias", "block.norm.num_batches_tracked",
                                        "block.norm.running_mean", "block.norm.running_var", "block.norm.weight",
                                        "head.bias", "head.weight"});
}

TEST_CASE("a state dictionary shares memory with its module") {
  Net n = net();
  state_dict(n)["head.bias"].fill_(5);
  CHECK(n.head.bias.value().select(0, 1).item() == 5);
  n.block.norm(Tensor::full({2, 3, 1, 1}, 1));
  CHECK(state_dict(n)["block.norm.num_batches_tracked"].item() == 1);
}

TEST_CASE("load_state_dict copies parameters and buffers, also across layouts") {
  Net from = net(1), to = net(2);
  from.block.norm(numbers({2, 3, 2, 2}, 3).to(DType::float32));
  StateDict state = state_dict(from);
  state["block.conv.weight"] = state["block.conv.weight"].row_major();
  load_state_dict(to, state);
  for (const auto& [name, tensor] : state_dict(to)) {
    CAPTURE(name);
    CHECK(difference(tensor, state[name]) == 0);
  }
  CHECK(to.block.conv.weight.value().is_channels_last());
  state["head.bias"].fill_(9);
  CHECK(to.head.bias.value().select(0, 0).item() != 9);
}

TEST_CASE("load_state_dict tells all that does not fit, and then changes nothing") {
  Net n = net(1), other = net(2);
  StateDict state = state_dict(other);
  const Tensor before = n.head.weight.value().clone();
  state["head.wieght"] = state["head.weight"];
  state.erase("head.weight");
  state["head.bias"] = Tensor::zeros({4});
  state["block.norm.bias"] = Tensor::zeros({3}, {.dtype = DType::float64});
  const std::string message = error_of([&] { load_state_dict(n, state, "net.safetensors"); });
  CAPTURE(message);
  for (const char* part : {"load_state_dict: net.safetensors does not fit", "nothing was loaded",
                           "missing     head.weight float32[3, 5] (nearest: head.wieght)",
                           "unexpected  head.wieght float32[3, 5] (nearest: head.weight)",
                           "different   head.bias is float32[4], needs float32[3]",
                           "different   block.norm.bias is float64[3], needs float32[3]"})
    CHECK(message.find(part) != std::string::npos);
  CHECK(message.find("block.conv") == std::string::npos);
  CHECK(difference(n.head.weight.value(), before) == 0);
  CHECK(difference(n.block.conv.weight.value(), other.block.conv.weight.value()) > 0);
  CHECK(error_of([&] { load_state_dict(n, {}); }).find("missing     block.conv.weight") != std::string::npos);
}

TEST_CASE("a clone has parameters, leaves and buffers of its own") {
  Net n = net();
  Net copy = clone(n);
  CHECK(parameter_names(copy) == parameter_names(n));
  const Variables ours = parameters(n), theirs = parameters(copy);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CHECK(difference(ours[i].value(), theirs[i].value()) == 0);
    CHECK(ours[i].value().storage() != theirs[i].value().storage());
    CHECK(ours[i].node() != theirs[i].node());
  }
  for (auto& [name, tensor] : state_dict(n)) Tensor(tensor).fill_(4);
  for (auto& [name, tensor] : state_dict(copy)) {
    CAPTURE(name);
    CHECK(difference(tensor, Tensor::full(tensor.shape(), 4, tensor.options())) > 0);
  }
}

TEST_CASE("to: parameters become leaves, and floating buffers tensors, of the other dtype") {
  Net n = net(), copy = n;
  const StateDict before = state_dict(copy);
  to(n, DType::float64);
  for (const auto& [name, tensor] : state_dict(n)) {
    CAPTURE(name);
    CHECK(tensor.dtype() == (name == "block.norm.num_batches_tracked" ? DType::int64 : DType::float64));
    CHECK(difference(tensor, before.at(name)) == 0);
  }
  for (const Variable& p : parameters(n)) CHECK_FALSE(p.is_constant());
  CHECK(n.block.conv(numbers({1, 2, 4, 4}, 1)).dtype() == DType::float64);
  CHECK(copy.head.weight.dtype() == DType::float32);  // other copies keep theirs
  to(n, DType::float32);
  for (const auto& [name, tensor] : state_dict(n)) CHECK(difference(tensor, before.at(name)) == 0);
  CHECK(error_of([&] { to(n, DType::int64); }).starts_with("to: "));
}

TEST_CASE("flatten_parameters: one buffer, in order, on 64-byte boundaries; values, strides and gradients stay") {
  Net n = net(), before = clone(n);
  const Tensor flat = flatten_parameters(n);
  CHECK(flat.shape() == Shape{96 + 16 + 16 + 16 + 16});
  CHECK(flat.is_row_major());
  std::size_t next = address(flat);
  const Variables now = parameters(n), old = parameters(before);
  for (std::size_t i = 0; i < now.size(); ++i) {
    const Tensor& v = now[i].value();
    CHECK(v.storage() == flat.storage());
    CHECK(address(v) == next);
    CHECK(address(v) % 64 == 0);
    next += (static_cast<std::size_t>(v.numel()) * sizeof(float) + 63) / 64 * 64;
    CHECK(difference(v, old[i].value()) == 0);
    CHECK(v.strides() == old[i].value().strides());
  }
  CHECK(next == address(flat) + static_cast<std::size_t>(flat.numel()) * sizeof(float));
  double padding = 0;  // is zero, so that sums and norms over the buffer are those of the parameters
  for (double v : doubles(flat)) padding += v * v;
  for (const Variable& p : now) padding -= inner_product(p.value(), p.value());
  CHECK(std::abs(padding) < tolerance::kReference);

  CHECK(address(flatten_parameters(n)) == address(flat));  // again: the same
  CHECK(address(n.head.weight.value()) == address(now[3].value()));

  const Variables grads = grad(sum(n.head(Tensor::full({2, 5}, 1))), {n.head.weight, n.head.bias});
  CHECK(difference(grads[0].value(), Tensor::full({3, 5}, 2)) == 0);
  flat.storage()->bump_version();
  CHECK(n.head.weight.value().version() == flat.version());
}

TEST_CASE("flatten_parameters refuses mixed dtypes and modules without parameters") {
  Net n = net();
  n.head.bias = Variable::leaf(numbers({3}, 1));
  CHECK(error_of([&] { flatten_parameters(n); }).find("float64[3]") != std::string::npos);
  struct Nothing {
    void visit(Visitor&) {}
  } nothing;
  CHECK_FALSE(error_of([&] { flatten_parameters(nothing); }).empty());
}
