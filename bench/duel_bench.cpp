// The benchmark: operations and whole training steps, each as time, GFLOP/s and fraction of the machine's multiply-add
// peak measured in the same run.
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

struct Result {
  std::string name;
  double gflop;
  std::vector<double> seconds;  // sorted
  double median() const { return seconds[seconds.size() / 2]; }
};

double seconds_of(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Result measure(const std::string& name, double gflop, int repeat, const std::function<void()>& f) {
  for (int i = 0; i < 2; ++i) f();  // buffers, caches
  Result r{name, gflop, {}};
  for (int i = 0; i < repeat; ++i) r.seconds.push_back(seconds_of(f));
  std::sort(r.seconds.begin(), r.seconds.end());
  return r;
}

using Add = std::function<void(const std::string& name, double gflop, const std::function<void()>& f)>;

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
  add(cat(s.name, " forward"), gflop, [=] { conv2d(x, w, {}, g); });
  add(cat(s.name, " input gradient"), gflop, [=] { conv2d_input_grad(dy, w, {s.size, s.size}, g); });
  add(cat(s.name, " weight gradient"), gflop, [=] { conv2d_weight_grad(x, dy, {s.kernel, s.kernel}, g); });
}

void add_operations(const Add& add) {
  Rng rng(1);
  const Tensor a = rng.normal({1024, 1024}), b = rng.normal({1024, 1024});
  add("matmul 1024", 2e-9 * 1024 * 1024 * 1024, [=] { matmul(a, b); });
  for (const ConvolutionShape& s : {ConvolutionShape{"conv 1->64 k4s2 28x28", 64, 1, 64, 28, 4, 2, 1},
                                    ConvolutionShape{"conv 64->128 k4s2 14x14", 64, 64, 128, 14, 4, 2, 1},
                                    ConvolutionShape{"conv 64->128 k4s2 32x32", 64, 64, 128, 32, 4, 2, 1},
                                    ConvolutionShape{"conv 256->256 k3s1 32x32", 10, 256, 256, 32, 3, 1, 1}})
    add_convolution(s, add);
  const Tensor x = rng.normal({64, 64, 32, 32}, 0, 1, {.layout = Layout::channels_last});
  const Tensor gain = rng.normal({64}), bias = rng.normal({64});
  add("batch_norm 64x64x32x32", 0, [=] { batch_norm(x, gain, bias, 1e-5); });
  add("leaky_relu 64x64x32x32", 0, [=] { leaky_relu(x); });
  add("sum 64x64x32x32", 0, [=] { sum(x); });
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
  add("dcgan-fashion step", step_gflop(*game, o.model, o.r1_gamma > 0), [=] { game->step(*data); });
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

void print(const std::vector<Result>& results, double peak) {
  std::cout << "cpu, " << name_of(isa()) << ", " << num_threads() << " threads, peak " << std::fixed
            << std::setprecision(0) << peak << " GFLOP/s\n"
            << std::setw(44) << ""
            << "   median ms    best ms  GFLOP/s  of peak\n";
  for (const Result& r : results) {
    std::cout << std::left << std::setw(44) << r.name << std::right << std::setprecision(3) << std::setw(12)
              << r.median() * 1e3 << std::setw(11) << r.seconds.front() * 1e3;
    if (r.gflop > 0)
      std::cout << std::setprecision(0) << std::setw(9) << r.gflop / r.median() << std::setw(8)
                << 100 * r.gflop / r.median() / peak << '%';
    std::cout << '\n';
  }
}

nlohmann::json to_json(const std::vector<Result>& results, double peak) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Result& r : results) {
    nlohmann::json row{{"name", r.name},
                       {"median_ms", r.median() * 1e3},
                       {"best_ms", r.seconds.front() * 1e3},
                       {"runs", r.seconds.size()}};
    if (r.gflop > 0) {
      const double rate = r.gflop / r.median();
      row.update({{"gflop", r.gflop}, {"gflops", rate}, {"fraction_of_peak", rate / peak}});
    }
    rows.push_back(row);
  }
  return {{"isa", name_of(isa())}, {"threads", num_threads()}, {"peak_gflops", peak}, {"results", rows}};
}

void run(const Arguments& arguments) {
  double peak = 0;
  std::vector<Result> results;
  const Add add = [&](const std::string& name, double gflop, const std::function<void()>& f) {
    if (name.find(arguments.only) == std::string::npos) return;
    peak = std::max(peak, cpu::peak_gflops());  // the machine may be faster at one moment than at another
    results.push_back(measure(name, gflop, arguments.repeat, f));
  };
  add_operations(add);
  add_step(arguments, add);
  check(!results.empty(), "duel_bench", "nothing is called '", arguments.only, "'");
  peak = std::max(peak, cpu::peak_gflops());
  print(results, peak);
  if (arguments.json.empty()) return;
  std::ofstream out(arguments.json);
  out << to_json(results, peak).dump(1) << '\n';
  check(out.good(), "duel_bench", "cannot write ", arguments.json);
}

}  // namespace
}  // namespace duel

int main(int argc, char** argv) try { duel::run(duel::parse(argc, argv)); } catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
