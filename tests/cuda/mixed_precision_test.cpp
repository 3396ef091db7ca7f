// bfloat16 activations beside float32 parameters, on CUDA: operations, and whole networks.
#include <doctest/doctest.h>

#include <cmath>

#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/ops.h"
#include "duel/gan/models/catalogue.h"
#include "tests/cuda/twins.h"
#include "tests/support/tensors.h"

namespace duel::testing {
namespace {

constexpr double kLoose = 0.05;

Tensor numbers(const Shape& shape, std::uint64_t seed) {
  return Rng(seed).normal(shape).to(DType::bfloat16).to(DType::float32).to(Device::cuda);
}

using Operation = std::function<Variable(const Variable& x, const Variables& parameters)>;

// x in bfloat16 beside float32 parameters gives, up to roundings, what it gives in float32; and so do the gradients,
// those of the parameters float32, also when they are recorded.
void check_follows(const char* name, const Shape& x, const std::vector<Shape>& parameters, const Operation& f) {
  INFO(std::string(name));
  const Tensor value = numbers(x, 1);
  for (const bool recorded : {false, true}) {
    std::vector<Tensor> expected;
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
      Variables xs{Variable::leaf(value.to(dtype))}, ps;
      for (std::size_t i = 0; i < parameters.size(); ++i) ps.push_back(Variable::leaf(numbers(parameters[i], 2 + i)));
      const Variable y = f(xs[0], ps);
      CHECK(y.dtype() == dtype);
      xs.insert(xs.end(), ps.begin(), ps.end());
      std::vector<Tensor> found{y.value()};
      const Variable cotangent = numbers(y.shape(), 50).to(dtype);
      for (const Variable& g : grad(y, xs, {.create_graph = recorded, .grad_output = cotangent}))
        found.push_back(g.value());
      if (dtype == DType::float32) expected = found;
      for (std::size_t i = 0; i < found.size(); ++i) {
        CAPTURE(i);
        CHECK(found[i].dtype() == (i < 2 ? dtype : DType::float32));
        CHECK(relative_error(found[i], expected[i]) <= kLoose);
      }
    }
  }
}

TEST_CASE("float32 parameters follow bfloat16 activations" * on_cuda()) {
  const Conv2dGeometry same{.padding = {1, 1}};
  check_follows("conv2d", {2, 3, 5, 4}, {{4, 3, 3, 3}, {4}},
                [&](const Variable& x, const Variables& p) { return conv2d(x, p[0], p[1], same); });
  check_follows("conv2d, rectified", {2, 3, 5, 4}, {{4, 3, 3, 3}, {4}},
                [&](const Variable& x, const Variables& p) { return conv2d(x, p[0], p[1], same, {0.2}); });
  check_follows("conv_transpose2d", {2, 3, 5, 4}, {{3, 4, 2, 2}, {4}}, [&](const Variable& x, const Variables& p) {
    return conv_transpose2d(x, p[0], p[1], {.stride = {2, 2}});
  });
  check_follows("conv1d", {2, 3, 7}, {{4, 3, 3}, {4}},
                [&](const Variable& x, const Variables& p) { return conv1d(x, p[0], p[1]); });
  check_follows("upsample_conv2d", {2, 3, 5, 4}, {{4, 3, 3, 3}, {4}},
                [&](const Variable& x, const Variables& p) { return upsample_conv2d(x, p[0], p[1], same); });
  check_follows("conv2d_avg_pool2d", {2, 3, 6, 4}, {{4, 3, 3, 3}, {4}},
                [&](const Variable& x, const Variables& p) { return conv2d_avg_pool2d(x, p[0], p[1], same); });
  check_follows("modulated_conv2d", {2, 3, 5, 4}, {{4, 3, 3, 3}, {2, 3}},
                [&](const Variable& x, const Variables& p) { return modulated_conv2d(x, p[0], p[1]); });
  check_follows("linear", {4, 6}, {{3, 6}, {3}},
                [&](const Variable& x, const Variables& p) { return linear(x, p[0], p[1]); });
  check_follows("batch_norm", {5, 3, 4, 4}, {{3}, {3}},
                [&](const Variable& x, const Variables& p) { return batch_norm(x, p[0], p[1], 1e-5); });
  check_follows("conditional batch_norm", {5, 3, 4, 4}, {{5, 3}, {5, 3}},
                [&](const Variable& x, const Variables& p) { return batch_norm(x, p[0], p[1], 1e-5); });
  check_follows("normalize_channels", {5, 3, 4, 4}, {{3}, {3}}, [&](const Variable& x, const Variables& p) {
    const Tensor one = Tensor::full({3}, 1, {.device = Device::cuda});
    return normalize_channels(x, one, one, p[0], p[1], 1e-5);
  });
  check_follows("group_norm", {5, 4, 3, 3}, {{4}, {4}},
                [&](const Variable& x, const Variables& p) { return group_norm(x, 2, p[0], p[1], 1e-5); });
  check_follows("layer_norm", {5, 8}, {{8}, {8}},
                [&](const Variable& x, const Variables& p) { return layer_norm(x, {8}, p[0], p[1], 1e-5); });
  check_follows("layer_norm of maps", {5, 2, 3, 3}, {{2, 3, 3}, {2, 3, 3}}, [&](const Variable& x, const Variables& p) {
    return layer_norm(x, {2, 3, 3}, p[0], p[1], 1e-5);
  });
}

TEST_CASE("two activations of different dtypes are an error" * on_cuda()) {
  const Variable x = numbers({2, 3}, 1), y = x.value().to(DType::bfloat16);
  CHECK(error_of([&] { static_cast<void>(x + y); }).starts_with("add"));
  CHECK(error_of([&] { static_cast<void>(concat({x, y}, 0)); }).starts_with("concat"));
  CHECK(error_of([&] { static_cast<void>(matmul(x, transpose(y, 0, 1))); }).starts_with("matmul"));
  CHECK(error_of([&] { static_cast<void>(linear(x.value().to(DType::float64), x)); }) != "");
}

struct Chosen {
  const char* name;
  std::initializer_list<const char*> options;
};

// One of each family and of each way in which classes come in, small.
const Chosen kNetworks[] = {
    {"tutorial-CGAN", {}},
    {"mimicry-SAGAN-32", {"width=8"}},
    {"mimicry-cGAN-PD-32", {"width=8"}},
    {"BigGAN-C10", {"width=8", "norm_style=in"}},
    {"mimicry-InfoMax-32", {"width=8", "projection=8"}},
    {"StudioGAN-ReACGAN-C10", {"width=8"}},
    {"StudioGAN-BigGAN-Deep-C10", {"width=8"}},
    {"R3GAN-CIFAR10", {"widths=16,16,16,16", "group_width=8", "blocks=1"}},
};

// In float32 as on the CPU, and then in bfloat16.
void check_network(Network network, const Tensor& input, const Tensor& labels) {
  const auto run = [&](Network& n, const Variable& x) {
    const Tensor y = labels.defined() ? labels.to(x.value().device()) : labels;
    const Variable out = cast(n(x, y), DType::float32);
    std::vector<Tensor> found{out.value()};
    for (const Variable& g : grad(mean(square(out)), parameters(n), {.allow_unused = true})) found.push_back(g.value());
    return found;
  };
  Network twin = clone(network), rounded = clone(network);
  to(twin, Device::cuda);
  to(rounded, Device::cuda);
  const std::vector<Tensor> expected = run(network, input), found = run(twin, input.to(Device::cuda)),
                            mixed = run(rounded, input.to(Device::cuda).to(DType::bfloat16));
  CHECK(relative_error(found[0], expected[0]) <= 1e-4);
  CHECK(relative_error(mixed[0], expected[0]) <= 0.2);
  for (std::size_t i = 1; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(difference(found[i].to(Device::cpu), expected[i]) <= 1e-3);
    CHECK(mixed[i].dtype() == DType::float32);
    CHECK(std::isfinite(sum(square(mixed[i])).item()));
  }
}

TEST_CASE("networks give on CUDA what they give on the CPU, and nearly so in bfloat16" * on_cuda()) {
  const PrecisionGuard guard(Precision::fp32);
  for (const Chosen& chosen : kNetworks) {
    INFO(std::string(chosen.name));
    CatalogueEntry entry = catalogue_entry(chosen.name);
    for (const char* option : chosen.options) set_option(entry, option);
    for (const auto& [part, blueprint] : entry.networks) {
      CAPTURE(part);
      Rng rng(1);
      Network network = blueprint.make(rng);
      Shape shape{2};
      for (const std::int64_t size : network.input().shape) shape.push_back(size);
      const std::int64_t classes = network.input().classes;
      const Tensor input = rng.normal(shape), labels = rng.integers({2}, std::max<std::int64_t>(1, classes));
      check_network(std::move(network), input, classes > 0 ? labels : Tensor());
    }
  }
}

}  // namespace
}  // namespace duel::testing
