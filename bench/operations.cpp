#include "bench/operations.h"

#include <cstring>
#include <utility>

#include "duel/duel.h"
#include "duel/tensor/cpu/conv2d.h"

namespace duel::bench {
namespace {

struct ConvolutionShape {
  const char* name;
  std::int64_t batch, in, out, size, kernel, stride, padding, groups = 1;
};

// The layers of the models in workloads/, and of the demo.
constexpr ConvolutionShape kConvolutions[] = {
    {"conv 1->64 k4s2 28x28", 64, 1, 64, 28, 4, 2, 1},
    {"conv 64->128 k4s2 14x14", 64, 64, 128, 14, 4, 2, 1},
    {"conv 3->64 k4s2 64x64", 64, 3, 64, 64, 4, 2, 1},
    {"conv 64->128 k4s2 32x32", 64, 64, 128, 32, 4, 2, 1},
    {"conv 128->256 k4s2 16x16", 64, 128, 256, 16, 4, 2, 1},
    {"conv 256->512 k4s2 8x8", 64, 256, 512, 8, 4, 2, 1},
    {"conv 512->1 k4 4x4", 64, 512, 1, 4, 4, 1, 0},
    {"conv 3->256 k3 32x32", 50, 3, 256, 32, 3, 1, 1},
    {"conv 256->256 k3 32x32", 10, 256, 256, 32, 3, 1, 1},
    {"conv 256->256 k3 16x16", 50, 256, 256, 16, 3, 1, 1},
    {"conv 256->256 k3 8x8", 50, 256, 256, 8, 3, 1, 1},
    {"conv 256->256 k4s2 32x32", 10, 256, 256, 32, 4, 2, 1},
    {"conv 128->128 k3 8x8", 64, 128, 128, 8, 3, 1, 1},
    {"conv 3->64 k7 256x256", 1, 3, 64, 262, 7, 1, 0},
    {"conv 256->256 k3 64x64", 1, 256, 256, 66, 3, 1, 0},
    {"conv 256->512 k4 32x32", 1, 256, 512, 32, 4, 1, 1},
    {"conv 512->512 k4s2 8x8", 1, 512, 512, 8, 4, 2, 1},
    {"conv 512->512 k4s2 2x2", 1, 512, 512, 2, 4, 2, 1},
    {"conv 1536->768 k1 32x32", 8, 1536, 768, 32, 1, 1, 0},
    {"conv 1536->1536/96 k3 16x16", 8, 1536, 1536, 16, 3, 1, 1, 96},
};

struct Operands {
  Conv2dGeometry g;
  Tensor x, w, dy;
  Work work;
};

Operands operands(const ConvolutionShape& s) {
  Rng rng(1);
  const Conv2dGeometry g{.stride = {s.stride, s.stride}, .padding = {s.padding, s.padding}, .groups = s.groups};
  const TensorOptions channels_last{.layout = Layout::channels_last};
  const Tensor x = rng.normal({s.batch, s.in, s.size, s.size}, 0, 1, channels_last);
  const Tensor w = rng.normal({s.out, s.in / s.groups, s.kernel, s.kernel}, 0, 1, channels_last);
  const Tensor dy = rng.normal(conv2d(x, w, {}, g).shape(), 0, 1, channels_last);
  return {g, x, w, dy, {2e-9 * static_cast<double>(dy.numel() * w.numel() / s.out)}};
}

// The three directions of one layer, and the first with what mostly follows it; a transposed convolution is the second
// direction of its mirror.
void add_convolution(const ConvolutionShape& s, const Candidates& candidates) {
  const std::string forward = cat(s.name, " forward"), input_grad = cat(s.name, " input gradient"),
                    weight_grad = cat(s.name, " weight gradient"), activated = cat(s.name, " bias, leaky_relu");
  if (!candidates.wanted(forward) && !candidates.wanted(activated) && !candidates.wanted(input_grad) &&
      !candidates.wanted(weight_grad))
    return;
  const Operands o = operands(s);
  const Tensor bias = Rng(2).normal({s.out});
  candidates.add(forward, o.work, [=] { conv2d(o.x, o.w, {}, o.g); });
  candidates.add(activated, o.work, [=] { conv2d(o.x, o.w, bias, o.g, {0.2}); });
  candidates.add(input_grad, o.work, [=] { conv2d_input_grad(o.dy, o.w, {s.size, s.size}, o.g); });
  candidates.add(weight_grad, o.work, [=] { conv2d_weight_grad(o.x, o.dy, {s.kernel, s.kernel}, o.g); });
}

using cpu::ConvAlgorithm;
constexpr std::pair<const char*, ConvAlgorithm> kAlgorithms[] = {{"direct", ConvAlgorithm::direct},
                                                                 {"winograd2", ConvAlgorithm::winograd2},
                                                                 {"winograd3", ConvAlgorithm::winograd3},
                                                                 {"winograd4", ConvAlgorithm::winograd4}};

enum class Direction : std::uint8_t { forward, input_grad, weight_grad };
constexpr std::pair<const char*, Direction> kDirections[] = {{" forward", Direction::forward},
                                                             {" input gradient", Direction::input_grad},
                                                             {" weight gradient", Direction::weight_grad}};

const Tensor& result_like(Direction d, const Operands& o) {
  return d == Direction::forward ? o.dy : d == Direction::input_grad ? o.x : o.w;
}

void convolve(Direction d, const Operands& o, const Tensor& out, ConvAlgorithm algorithm) {
  switch (d) {
    case Direction::forward: return cpu::conv2d(o.x, o.w, out, o.g, algorithm);
    case Direction::input_grad: return cpu::conv2d_input_grad(o.dy, o.w, out, o.g, algorithm);
    case Direction::weight_grad: return cpu::conv2d_weight_grad(o.x, o.dy, out, o.g, algorithm);
  }
}

Race race_of(const std::string& name, Direction d, Operands o) {
  const Tensor automatic = Tensor::empty_like(result_like(d, o));
  convolve(d, o, automatic, ConvAlgorithm::automatic);
  const std::size_t bytes = static_cast<std::size_t>(automatic.numel()) * sizeof(float);
  Race race{name, {}, {}};
  for (const auto& [algorithm_name, algorithm] : kAlgorithms) {
    o.w = o.w.clone();  // each has its own packed weights beside its own weights
    const Tensor out = Tensor::empty_like(automatic);
    const std::function<void()> run = [=, algorithm = algorithm] { convolve(d, o, out, algorithm); };
    try {
      run();
    } catch (const Error&) {
      continue;  // it does not apply
    }
    // Algorithms round differently: the one of the same bits is the choice, the first where sums have but one term.
    if (race.automatic.empty() && std::memcmp(out.data<float>(), automatic.data<float>(), bytes) == 0)
      race.automatic = algorithm_name;
    race.trials.push_back({algorithm_name, o.work, run});
  }
  check(!race.automatic.empty(), "duel_bench", "the automatic choice for ", name, " is none of the algorithms listed");
  return race;
}

// The kernels that pass over memory, on channels-last data of one shape, into memory that is there already.
void add_passes_over(const Shape& shape, const Candidates& candidates) {
  Rng rng(1);
  const Backend& k = backend(Device::cpu);
  const TensorOptions channels_last{.layout = Layout::channels_last};
  const Tensor x = rng.normal(shape, 0, 1, channels_last), y = Tensor::empty_like(x), dy = Tensor::empty_like(x);
  k.normal(dy, {1, 0}, 0, 1);
  const Tensor positive = Tensor::empty_like(x), row_major = Tensor::empty(shape), flat = Tensor::empty({x.numel()});
  k.unary(UnaryOp::exp, x, positive, {});
  k.copy(x, row_major);
  const double gbyte = 4e-9 * static_cast<double>(x.numel());
  const std::string size = cat(' ', shape);
  const auto pass = [&](const char* name, double tensors, const std::function<void()>& f) {
    candidates.add(name + size, {.gbyte = tensors * gbyte}, f);
  };
  pass("copy", 2, [=] { k.copy(x, y); });
  pass("copy to row-major", 2, [=] { k.copy(x, row_major); });
  pass("copy to channels-last", 2, [=] { k.copy(row_major, y); });
  const auto unary = [&](const char* name, UnaryOp op, const Tensor& in) {
    pass(name, 2, [=] { k.unary(op, in, y, {0.2, 1}); });
  };
  unary("leaky_relu", UnaryOp::leaky_relu, x);
  unary("exp", UnaryOp::exp, x);
  unary("log", UnaryOp::log, positive);
  unary("tanh", UnaryOp::tanh, x);
  unary("sigmoid", UnaryOp::sigmoid, x);
  unary("softplus", UnaryOp::softplus, x);
  unary("gelu", UnaryOp::gelu, x);
  const auto binary = [&](const char* name, BinaryOp op) { pass(name, 3, [=] { k.binary(op, dy, x, y, {0.2, 1}); }); };
  binary("add", BinaryOp::add);
  binary("mul", BinaryOp::mul);
  binary("leaky_relu_grad", BinaryOp::leaky_relu_grad);
  binary("tanh_grad", BinaryOp::tanh_grad);
  binary("softplus_grad", BinaryOp::softplus_grad);
  pass("uniform", 1, [=] { k.uniform(flat, {1, 0}, 0, 1); });
  pass("normal", 1, [=] { k.normal(flat, {1, 0}, 0, 1); });
  const std::int64_t channels = shape[1];
  const Tensor per_channel = Tensor::empty({1, channels, 1, 1}), one = Tensor::empty({1, 1, 1, 1});
  pass("sum over all but channels", 1, [=] { k.sum(x, per_channel); });
  pass("sum", 1, [=] { k.sum(x, one); });
  const Tensor gain = Tensor::full({channels}, 1), bias = Tensor::full({channels}, 0);
  pass("batch_norm", 3, [=] { batch_norm(x, gain, bias, 1e-5); });
  const Tensor mean = Tensor::full({channels}, 0), rstd = Tensor::full({channels}, 1);
  const Tensor gains = gain.expand({shape[0], channels});
  const Tensor gain_grad = Tensor::empty({shape[0], channels}), bias_grad = Tensor::empty({shape[0], channels});
  pass("batch_norm gradient", 5, [=] { k.batch_norm_grad(x, dy, mean, rstd, gains, {}, {}, y, gain_grad, bias_grad); });
  const Tensor param = Tensor::full({x.numel()}, 0), exp_avg = Tensor::full({x.numel()}, 0),
               exp_avg_sq = Tensor::full({x.numel()}, 0);
  const AdamStep step{.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .correction1 = 1, .correction2 = 1};
  const ParameterTensors tensors{param, flat, {exp_avg, exp_avg_sq}};
  pass("adam", 7, [=] { k.adam({&tensors, 1}, {&step, 1}, {}); });
}

}  // namespace

void add_products(const Candidates& candidates) {
  Rng rng(1);
  const Tensor a = rng.normal({1024, 1024}), b = rng.normal({1024, 1024});
  candidates.add("matmul 1024", {2e-9 * 1024 * 1024 * 1024}, [=] { matmul(a, b); });
  for (const ConvolutionShape& s : kConvolutions) add_convolution(s, candidates);
}

std::vector<std::string> algorithms() {
  std::vector<std::string> names;
  for (const auto& [name, algorithm] : kAlgorithms) names.emplace_back(name);
  return names;
}

void add_races(const std::function<bool(const std::string& name)>& wanted,
               const std::function<void(const Race& race)>& add) {
  for (const ConvolutionShape& s : kConvolutions)
    for (const auto& [direction_name, direction] : kDirections)
      if (const std::string name = cat(s.name, direction_name); wanted(name))
        add(race_of(name, direction, operands(s)));
}

void add_passes(const Candidates& candidates) {
  for (const Shape& shape : {Shape{64, 64, 32, 32}, {64, 128, 8, 8}}) add_passes_over(shape, candidates);
}

}  // namespace duel::bench
