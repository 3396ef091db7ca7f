// The benchmark: operations and whole training steps, each as time, GFLOP/s and fraction of the machine's multiply-add
// peak, passes over memory as GB/s and fraction of the rate of a large copy; both measured in the same run.
//
//   duel_bench [--json FILE] [--only NAME] [--repeat N] [--export FILE]
//
// --export writes the training step's networks, inputs and losses as safetensors, for compare_torch.py to check that it
// computes the same.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "duel/duel.h"
#include "duel/tensor/cpu/isa.h"
#include "duel/tensor/cpu/peak.h"

namespace duel {
namespace {

struct Arguments {
  std::string json, only, export_file;
  int repeat = 15;
};

/// What an operation has to do at least: arithmetic by the direct algorithm, or bytes read and written.
struct Work {
  double gflop = 0, gbyte = 0;
};

struct Result {
  std::string name;
  Work work;
  std::vector<double> seconds;  // sorted
  double median() const { return seconds[seconds.size() / 2]; }
};

double seconds_of(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Result measure(const std::string& name, Work work, int repeat, const std::function<void()>& f) {
  for (int i = 0; i < 2; ++i) f();  // buffers, caches
  Result r{name, work, {}};
  for (int i = 0; i < repeat; ++i) r.seconds.push_back(seconds_of(f));
  std::sort(r.seconds.begin(), r.seconds.end());
  return r;
}

using Add = std::function<void(const std::string& name, Work work, const std::function<void()>& f)>;

struct ConvolutionShape {
  const char* name;
  std::int64_t batch, in, out, size, kernel, stride, padding;
};

// The three directions of one layer; a transposed convolution is the second direction of its mirror.
void add_convolution(const ConvolutionShape& s, const Add& add) {
  Rng rng(1);
  const Conv2dGeometry g{.stride = {s.stride, s.stride}, .padding = {s.padding, s.padding}};
  const TensorOptions channels_last{.layout = Layout::channels_last};
  const Tensor x = rng.normal({s.batch, s.in, s.size, s.size}, 0, 1, channels_last);
  const Tensor w = rng.normal({s.out, s.in, s.kernel, s.kernel}, 0, 1, channels_last);
  const Variable y = conv2d(x, w, {}, g);
  const Tensor dy = rng.normal(y.shape(), 0, 1, channels_last);
  const double gflop = 2e-9 * static_cast<double>(y.numel() * s.in * s.kernel * s.kernel);
  add(cat(s.name, " forward"), {gflop}, [=] { conv2d(x, w, {}, g); });
  add(cat(s.name, " input gradient"), {gflop}, [=] { conv2d_input_grad(dy, w, {s.size, s.size}, g); });
  add(cat(s.name, " weight gradient"), {gflop}, [=] { conv2d_weight_grad(x, dy, {s.kernel, s.kernel}, g); });
}

void add_operations(const Add& add) {
  Rng rng(1);
  const Tensor a = rng.normal({1024, 1024}), b = rng.normal({1024, 1024});
  add("matmul 1024", {2e-9 * 1024 * 1024 * 1024}, [=] { matmul(a, b); });
  for (const ConvolutionShape& s : {ConvolutionShape{"conv 1->64 k4s2 28x28", 64, 1, 64, 28, 4, 2, 1},
                                    ConvolutionShape{"conv 64->128 k4s2 14x14", 64, 64, 128, 14, 4, 2, 1},
                                    ConvolutionShape{"conv 64->128 k4s2 32x32", 64, 64, 128, 32, 4, 2, 1},
                                    ConvolutionShape{"conv 256->256 k3s1 32x32", 10, 256, 256, 32, 3, 1, 1}})
    add_convolution(s, add);
}

// The kernels that pass over memory, on channels-last data of one shape, into memory that is there already.
void add_passes(const Shape& shape, const Add& add) {
  Rng rng(1);
  const Backend& k = backend(Device::cpu);
  const TensorOptions channels_last{.layout = Layout::channels_last};
  const Tensor x = rng.normal(shape, 0, 1, channels_last), y = Tensor::empty_like(x), dy = Tensor::empty_like(x);
  k.normal(dy, 1, 0, 0, 1);
  const Tensor positive = Tensor::empty_like(x), row_major = Tensor::empty(shape), flat = Tensor::empty({x.numel()});
  k.unary(UnaryOp::exp, x, positive, {});
  k.copy(x, row_major);
  const double gbyte = 4e-9 * static_cast<double>(x.numel());
  const std::string size = cat(' ', shape);
  const auto pass = [&](const char* name, double tensors, const std::function<void()>& f) {
    add(name + size, {.gbyte = tensors * gbyte}, f);
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
  pass("uniform", 1, [=] { k.uniform(flat, 1, 0, 0, 1); });
  pass("normal", 1, [=] { k.normal(flat, 1, 0, 0, 1); });
  const std::int64_t channels = shape[1];
  const Tensor per_channel = Tensor::empty({1, channels, 1, 1}), one = Tensor::empty({1, 1, 1, 1});
  pass("sum over all but channels", 1, [=] { k.sum(x, per_channel); });
  pass("sum", 1, [=] { k.sum(x, one); });
  const Tensor gain = Tensor::full({channels}, 1), bias = Tensor::full({channels}, 0);
  pass("batch_norm", 3, [=] { batch_norm(x, gain, bias, 1e-5); });
  const Tensor mean = Tensor::full({channels}, 0), rstd = Tensor::full({channels}, 1);
  const Tensor gains = gain.expand({shape[0], channels});
  const Tensor gain_grad = Tensor::empty({shape[0], channels}), bias_grad = Tensor::empty({shape[0], channels});
  pass("batch_norm gradient", 5, [=] { k.batch_norm_grad(x, dy, mean, rstd, gains, y, gain_grad, bias_grad); });
  const Tensor param = Tensor::full({x.numel()}, 0), exp_avg = Tensor::full({x.numel()}, 0),
               exp_avg_sq = Tensor::full({x.numel()}, 0);
  const AdamStep step{.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .correction1 = 1, .correction2 = 1};
  pass("adam", 7, [=] { k.adam(param, flat, exp_avg, exp_avg_sq, step); });
}

constexpr std::int64_t kBatch = 64;

Dataset synthetic_pictures() {
  Rng rng(2);
  Dataset data{.pictures = Tensor::empty({256, 1, 28, 28}, {.dtype = DType::uint8}),
               .labels = rng.integers({256}, 10),
               .classes = 10,
               .class_names = {}};
  data.pictures.copy_(rng.uniform(data.pictures.shape(), 0, 256));
  return data;
}

// Arithmetic of one step of the conditional DCGAN, by the direct algorithms: multiply-adds of every product, twice.
double step_gflop(ConditionalGame& game, const ConditionalDcganOptions& o, bool penalised) {
  double generator = 0, discriminator = 0, first = 0;
  for (const auto& [name, p] : named_parameters(game.generator()))
    if (name == "project.weight") generator += static_cast<double>(p.numel());
  std::int64_t h = o.size.h >> o.stages, w = o.size.w >> o.stages;
  for (ConvTranspose2d& up : game.generator().ups) {
    generator += static_cast<double>(up.weight.numel() * h * w);
    h *= 2;
    w *= 2;
  }
  discriminator += static_cast<double>(game.discriminator().psi.weight.numel());
  for (Conv2d& down : game.discriminator().downs) {
    h /= 2;
    w /= 2;
    const double macs = static_cast<double>(down.weight.numel() * h * w);
    if (first == 0) first = macs;
    discriminator += macs;
  }
  // D: fake pictures; two batches forward, their weight and input gradients (none for the pictures themselves).
  double macs = generator + 2 * discriminator + 2 * (2 * discriminator - first);
  // G: forward through both, input gradients through D, both gradients in G (none for z).
  macs += 2 * generator + 2 * discriminator + generator;
  // R1: forward, input gradient, and both transposes of each of those.
  if (penalised) macs += 6 * discriminator;
  return 2e-9 * macs * static_cast<double>(kBatch);
}

void export_step(ConditionalGame& game, Batches& data, const ConditionalGameOptions& o, const std::string& file) {
  Safetensors out;
  out.metadata = {{"generator_lr", cat(o.generator.lr)}, {"discriminator_lr", cat(o.discriminator.lr)},
                  {"beta1", cat(o.generator.beta1)},     {"beta2", cat(o.generator.beta2)},
                  {"r1_gamma", cat(o.r1_gamma)},         {"ema_decay", cat(o.ema_decay)}};
  for (auto& [name, tensor] : game.state()) out.tensors[name] = tensor.clone();
  const std::vector<std::int64_t> position = out.tensors["rng"].to_vector<std::int64_t>();
  Rng rng(static_cast<std::uint64_t>(position[0]), static_cast<std::uint64_t>(position[1]));
  // What the step is going to draw, in its order.
  out.tensors["input.discriminator_z"] = rng.normal({kBatch, o.model.latent});
  out.tensors["input.generator_labels"] = rng.integers({kBatch}, o.model.classes);
  out.tensors["input.generator_z"] = rng.normal({kBatch, o.model.latent});
  Batches same = data;
  const Batch batch = same.next();
  out.tensors["input.pictures"] = batch.pictures;
  out.tensors["input.labels"] = batch.labels;
  const ConditionalGame::Losses losses = game.step(data);
  out.tensors["output.losses"] = Tensor::from({losses.discriminator, losses.generator}, {2});
  write_safetensors(file, out);
}

void add_step(const Arguments& arguments, const Add& add) {
  const ConditionalGameOptions o;
  auto game = std::make_shared<ConditionalGame>(o);
  auto data = std::make_shared<Batches>(synthetic_pictures(), kBatch, 1);
  if (!arguments.export_file.empty()) export_step(*game, *data, o, arguments.export_file);
  add("dcgan-fashion step", {step_gflop(*game, o.model, o.r1_gamma > 0)}, [=] { game->step(*data); });
}

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    check(i + 1 < argc, "duel_bench", "usage: duel_bench [--json FILE] [--only NAME] [--repeat N] [--export FILE]");
    const char* value = argv[++i];
    if (name == "--json")
      a.json = value;
    else if (name == "--only")
      a.only = value;
    else if (name == "--export")
      a.export_file = value;
    else if (name == "--repeat")
      a.repeat = std::max(1, std::atoi(value));
    else
      fail("duel_bench", "unknown option ", name);
  }
  return a;
}

// What this machine reaches. It may be faster at one moment than at another: the best of many moments counts.
struct Peaks {
  double gflops = 0, copy_gbytes = 0;  // a second

  void look_again() {
    const Tensor from = Tensor::full({16 << 20}, 1), to = Tensor::full({16 << 20}, 1);
    gflops = std::max(gflops, cpu::peak_gflops());
    for (int i = 0; i < 3; ++i) {
      const double seconds = seconds_of([&] { backend(Device::cpu).copy(from, to); });
      copy_gbytes = std::max(copy_gbytes, 2e-9 * static_cast<double>(from.storage()->bytes()) / seconds);
    }
  }
};

void print(const std::vector<Result>& results, const Peaks& peaks) {
  std::cout << "cpu, " << name_of(isa()) << ", " << num_threads() << " threads, peak " << std::fixed
            << std::setprecision(0) << peaks.gflops << " GFLOP/s, large copies " << std::setprecision(1)
            << peaks.copy_gbytes << " GB/s\n"
            << std::setw(44) << ""
            << "   median ms    best ms  GFLOP/s  of peak   GB/s  of copy\n";
  for (const Result& r : results) {
    std::cout << std::left << std::setw(44) << r.name << std::right << std::setprecision(3) << std::setw(12)
              << r.median() * 1e3 << std::setw(11) << r.seconds.front() * 1e3;
    if (r.work.gflop > 0)
      std::cout << std::setprecision(0) << std::setw(9) << r.work.gflop / r.median() << std::setw(8)
                << 100 * r.work.gflop / r.median() / peaks.gflops << '%';
    if (r.work.gbyte > 0)
      std::cout << std::setw(18) << "" << std::setprecision(1) << std::setw(7) << r.work.gbyte / r.median()
                << std::setprecision(0) << std::setw(8) << 100 * r.work.gbyte / r.median() / peaks.copy_gbytes << '%';
    std::cout << '\n';
  }
}

nlohmann::json to_json(const std::vector<Result>& results, const Peaks& peaks) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Result& r : results) {
    nlohmann::json row{{"name", r.name},
                       {"median_ms", r.median() * 1e3},
                       {"best_ms", r.seconds.front() * 1e3},
                       {"runs", r.seconds.size()}};
    if (r.work.gflop > 0) {
      const double rate = r.work.gflop / r.median();
      row.update({{"gflop", r.work.gflop}, {"gflops", rate}, {"fraction_of_peak", rate / peaks.gflops}});
    }
    if (r.work.gbyte > 0) {
      const double rate = r.work.gbyte / r.median();
      row.update({{"gbyte", r.work.gbyte}, {"gbytes", rate}, {"fraction_of_copy", rate / peaks.copy_gbytes}});
    }
    rows.push_back(row);
  }
  return {{"isa", name_of(isa())},
          {"threads", num_threads()},
          {"peak_gflops", peaks.gflops},
          {"copy_gbytes", peaks.copy_gbytes},
          {"results", rows}};
}

void run(const Arguments& arguments) {
  Peaks peaks;
  std::vector<Result> results;
  const Add add = [&](const std::string& name, Work work, const std::function<void()>& f) {
    if (name.find(arguments.only) == std::string::npos) return;
    peaks.look_again();
    results.push_back(measure(name, work, arguments.repeat, f));
  };
  add_operations(add);
  for (const Shape& shape : {Shape{64, 64, 32, 32}, {64, 128, 8, 8}}) add_passes(shape, add);
  add_step(arguments, add);
  check(!results.empty(), "duel_bench", "nothing is called '", arguments.only, "'");
  peaks.look_again();
  print(results, peaks);
  if (arguments.json.empty()) return;
  std::ofstream out(arguments.json);
  out << to_json(results, peaks).dump(1) << '\n';
  check(out.good(), "duel_bench", "cannot write ", arguments.json);
}

}  // namespace
}  // namespace duel

int main(int argc, char** argv) try { duel::run(duel::parse(argc, argv)); } catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
