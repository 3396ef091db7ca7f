#include "apps/duel/model_card.h"

#include <fmt/format.h>

#include "apps/duel/parts.h"
#include "duel/autograd/multiply_adds.h"
#include "duel/autograd/ops.h"
#include "duel/tensor/allocator.h"

namespace duel::app {
namespace {

constexpr std::int64_t kTrained = 2;  // samples of the training step: norms over the batch need two

struct Buffers : Visitor {
  std::int64_t numbers = 0;
  void on_parameter(const std::string&, Variable&) override {}
  void on_buffer(const std::string&, Tensor& b) override { numbers += b.numel(); }
};

struct Costs {
  Shape output;               // of one sample
  double multiply_adds = 0;   // forward, one sample
  std::size_t evaluated = 0;  // most bytes at once beside the weights, one sample
  std::size_t trained = 0;    // the same of a forward and backward pass, per sample
};

// Random inputs for a network.
struct Samples {
  Tensor x, labels;

  Samples(const NetworkInput& input, std::int64_t count, Rng& rng) {
    Shape shape{count};
    for (int i = 0; i < input.shape.dim(); ++i) shape.push_back(input.shape[i]);
    x = rng.uniform(shape, -1, 1);
    if (input.classes > 0) labels = rng.integers({count}, input.classes);
  }
};

// The most bytes that were live at once while f ran, beside those that were before.
template <class F>
std::size_t peak_bytes(F&& f) {
  reset_peak_memory(Device::cpu);
  const std::size_t before = memory_stats(Device::cpu).live;
  f();
  return memory_stats(Device::cpu).peak - before;
}

Costs measure(Network& network, Rng& rng) {
  Costs costs;
  const Samples one(network.input(), 1, rng), more(network.input(), kTrained, rng);
  MultiplyAddCounter counter;
  costs.evaluated = peak_bytes([&] {
    const NoGrad no_grad;
    const ObserverGuard observed(counter);
    costs.output = network(one.x, one.labels, {.mode = Mode::eval}).shape();
  });
  costs.multiply_adds = counter.total;
  costs.trained = peak_bytes([&] {
    Variable loss = mean(square(network(more.x, more.labels, {.rng = &rng})));
    const Variables gradients = grad(std::move(loss), parameters(network), {.allow_unused = true});
  });
  costs.trained /= kTrained;
  return costs;
}

std::string shown_bytes(std::size_t bytes) {
  const double mega = static_cast<double>(bytes) / 1e6;
  return mega < 1000 ? fmt::format("{:.1f} MB", mega) : fmt::format("{:.2f} GB", mega / 1000);
}

std::string shown_multiply_adds(double n) {
  return n < 1e9 ? fmt::format("{:.2f} million", n / 1e6) : fmt::format("{:.2f} billion", n / 1e9);
}

std::string sides(const Shape& shape, int from) {
  std::string text;
  for (int i = from; i < shape.dim(); ++i) text += fmt::format("{}{}", i == from ? "" : " x ", shape[i]);
  return text.empty() ? "one number" : text;
}

void print_card(const std::string& part, const Blueprint& blueprint) {
  Rng rng(0);
  Blueprint quick = blueprint;  // the weights' values do not matter, and orthogonal ones take their time
  if (quick.get("init") == "orthogonal") quick.set("init", "standard");
  Network network = quick.make(rng);
  const NetworkInput& input = network.input();
  const std::int64_t numbers = count_parameters(network);
  Buffers buffers;
  network.visit(buffers);
  const Costs costs = measure(network, rng);
  const auto line = [](const char* name, const std::string& text) { fmt::print("  {:<15} {}\n", name, text); };
  fmt::print("\n{}\n", part);
  line("input", fmt::format("{}{}", sides(input.shape, 0),
                            input.classes > 0 ? fmt::format(", and one of {} classes", input.classes) : ""));
  line("output", sides(costs.output, 1));
  line("parameters",
       fmt::format("{}, and {} numbers in buffers", fmt::group_digits(numbers), fmt::group_digits(buffers.numbers)));
  line("multiply-adds", shown_multiply_adds(costs.multiply_adds) + " forward, per sample");
  line("memory", fmt::format("{} of parameters; beside them, per sample, {} to evaluate, {} to train",
                             shown_bytes(static_cast<std::size_t>(numbers) * sizeof(float)),
                             shown_bytes(costs.evaluated), shown_bytes(costs.trained)));
  fmt::print("  options\n");
  for (const auto& [name, value] : blueprint.options()) fmt::print("    {:<24} {}\n", name, value);
}

}  // namespace

void print_catalogue() {
  const auto print = [](const CatalogueEntry& entry) {
    std::string networks;
    for (const auto& [part, blueprint] : entry.networks) networks += (networks.empty() ? "" : ", ") + part;
    fmt::print("{:<36} {:<25} {}\n", entry.name, networks, entry.source);
  };
  for (const CatalogueEntry& entry : catalogue()) print(entry);
  for (const CatalogueEntry& entry : parts().models.all()) print(entry);
}

void print_cards(const CatalogueEntry& entry) {
  fmt::print("{}\nsource: {}\n", entry.name, entry.source);
  for (const auto& [part, blueprint] : entry.networks) print_card(part, blueprint);
}

}  // namespace duel::app
