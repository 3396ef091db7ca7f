#include "bench/gpu_bench.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/gpu_steps.h"
#include "bench/measure.h"
#include "duel/tensor/devices.h"

namespace duel::bench {

namespace {

using Json = nlohmann::json;

constexpr const char* kUsage =
    "duel_bench --device cuda|cpu [--capture on|off] [--precision tf32|fp32|bf16] [--steps N] [--seconds S]\n"
    "           [--json FILE] [--export FILE] NAME[:BATCH] ...\n"
    "duel_bench --device cuda --ceilings [--json FILE]\n"
    "\n"
    "  --capture on     whether updates are recorded and replayed (on)\n"
    "  --precision tf32 of products: fp32, tf32, or bf16 for bfloat16 within the networks (tf32)\n"
    "  --steps N        how many first steps' losses to tell (3)\n"
    "  --seconds S      how long each is timed at most (4); 0: not at all\n"
    "  --ceilings       what products of large matrices and copies reach, instead\n"
    "  --export FILE    writes the first weights and the inputs of those steps as safetensors\n"
    "  --json FILE      writes the results, after each of them\n"
    "\n";

constexpr std::size_t kGroups = 50, kLeastGroups = 5;
constexpr double kGroupSeconds = 0.02;

struct Named {
  const DeviceWorkload* workload;
  std::int64_t batch;
};

struct DeviceArguments {
  Device device = Device::cpu;
  Capture capture = Capture::on;
  std::string precision = "tf32", json, export_file;
  std::int64_t steps = 3;
  double seconds = 4;
  bool ceilings = false;
  std::vector<Named> names;
};

double number_from(const std::string& option, const std::string& text, double low) {
  char* end = nullptr;
  const double n = std::strtod(text.c_str(), &end);
  check(end != text.c_str() && *end == '\0' && n >= low && n <= 1e6, "duel_bench", option, " needs a number from ", low,
        " to 1000000, got '", text, "'");
  return n;
}

std::int64_t count_from(const std::string& option, const std::string& text) {
  const double n = number_from(option, text, 1);
  check(n == std::floor(n), "duel_bench", option, " needs a whole number, got '", text, "'");
  return static_cast<std::int64_t>(n);
}

std::string all_names() {
  std::string names;
  for (const DeviceWorkload& w : device_workloads()) names += cat(names.empty() ? "" : ", ", w.name);
  return names;
}

// "dcgan-64" or "dcgan-64:1024"
Named named(const std::string& word) {
  const std::size_t colon = word.find(':');
  const std::string name = word.substr(0, colon);
  for (const DeviceWorkload& w : device_workloads())
    if (w.name == name)
      return {&w, colon == std::string::npos ? w.batch : count_from("the batch", word.substr(colon + 1))};
  fail("duel_bench", "there is no step '", name, "' for devices; there are: ", all_names());
}

std::string one_of(const std::string& option, const std::string& text, const std::vector<std::string>& choices) {
  const bool known = std::find(choices.begin(), choices.end(), text) != choices.end();
  check(known, "duel_bench", option, " takes ", choices.front(), " ... ", choices.back(), ", got '", text, "'");
  return text;
}

DeviceArguments parse(const std::vector<std::string>& words) {
  DeviceArguments a;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& option = words[i];
    if (!option.starts_with("--")) {
      a.names.push_back(named(option));
      continue;
    }
    if (option == "--ceilings") {
      a.ceilings = true;
      continue;
    }
    check(i + 1 < words.size(), "duel_bench", option, " lacks its value\n\n", kUsage);
    const std::string& value = words[++i];
    if (option == "--device")
      a.device = device_named(value);
    else if (option == "--capture")
      a.capture = one_of(option, value, {"on", "off"}) == "on" ? Capture::on : Capture::off;
    else if (option == "--precision")
      a.precision = one_of(option, value, {"tf32", "fp32", "bf16"});
    else if (option == "--steps")
      a.steps = count_from(option, value);
    else if (option == "--seconds")
      a.seconds = number_from(option, value, 0);
    else if (option == "--json")
      a.json = value;
    else if (option == "--export")
      a.export_file = value;
    else
      fail("duel_bench", "unknown option ", option, " for a device\n\n", kUsage);
  }
  check(a.ceilings || !a.names.empty(), "duel_bench", "name a step: ", all_names(), "\n\n", kUsage);
  check(a.precision != "bf16" || a.device == Device::cuda, "duel_bench", "--precision bf16 is for --device cuda");
  check(a.export_file.empty() || a.names.size() == 1, "duel_bench", "--export takes one step");
  return a;
}

void write(const DeviceArguments& a, const Json& rows) {
  if (a.json.empty()) return;
  std::ofstream out(a.json);
  out << Json{{"device", backend(a.device).describe()}, {"results", rows}}.dump(1) << '\n';
  check(out.flush().good(), "duel_bench", "cannot write ", a.json);
}

/// Seconds per run of `f`, sorted: of groups of runs, for the host to wait for the device once a group.
std::vector<double> time_groups(const std::function<void()>& f, Device device, double seconds, std::int64_t& group) {
  const auto group_of = [&](std::int64_t runs) {
    return seconds_of([&] {
      for (std::int64_t i = 0; i < runs; ++i) f();
      synchronize(device);
    });
  };
  synchronize(device);
  const double estimate = group_of(3) / 3;
  group = std::clamp(static_cast<std::int64_t>(std::ceil(kGroupSeconds / estimate)), std::int64_t{1}, std::int64_t{50});
  std::vector<double> each;
  for (double spent = 0; each.size() < kLeastGroups || (each.size() < kGroups && spent < seconds);) {
    const double one = group_of(group);
    each.push_back(one / static_cast<double>(group));
    spent += one;
  }
  std::sort(each.begin(), each.end());
  return each;
}

void export_start(const std::string& file, DeviceStep& step) {
  Safetensors out;
  out.tensors = step.inputs();
  for (const auto& [name, tensor] : step.state()) out.tensors[name] = tensor.to(Device::cpu).clone();
  write_safetensors(file, out);
}

// Warms up, which chooses plans and records the updates, then times.
Json time_step(const DeviceArguments& a, const Named& named) {
  const Place place{a.device, a.capture, a.precision == "bf16" ? DType::bfloat16 : DType::float32};
  const auto step = named.workload->make({place, named.batch, a.steps});
  if (!a.export_file.empty()) export_start(a.export_file, *step);
  Json losses = Json::array();
  for (std::int64_t i = 0; i < a.steps; ++i) losses.push_back(step->run(i, Telling::numbers));
  Json row{{"name", cat(named.workload->name, ':', named.batch)},
           {"batch", named.batch},
           {"precision", a.precision},
           {"capture", a.capture == Capture::on ? "on" : "off"},
           {"losses", losses}};
  if (const std::string refusal = step->refusal(); !refusal.empty()) row["not_recorded"] = refusal;
  if (a.device == Device::cuda)
    if (const std::int64_t count = cuda_functions()->unplanned_convolutions()) row["without_plan"] = count;
  if (a.seconds == 0) return row;
  std::int64_t number = a.steps, group = 0;
  const auto next = [&] { step->run(number++, Telling::nothing); };
  for (int i = 0; i < 3; ++i) next();
  synchronize(a.device);
  reset_peak_memory(a.device);
  const std::vector<double> seconds = time_groups(next, a.device, a.seconds, group);
  const double median = seconds[seconds.size() / 2];
  row.update({{"ms", median * 1e3},
              {"best_ms", seconds.front() * 1e3},
              {"groups", seconds.size()},
              {"steps_per_group", group},
              {"images_per_second", static_cast<double>(named.batch) / median},
              {"peak_bytes", memory_stats(a.device).peak}});
  return row;
}

void print(const Json& row) {
  std::cout << std::left << std::setw(20) << row["name"].get<std::string>() << std::right << std::fixed;
  if (row.contains("error"))
    std::cout << ' ' << row["error"].get<std::string>();
  else if (row.contains("ms"))
    std::cout << std::setprecision(3) << std::setw(10) << row["ms"].get<double>() << " ms" << std::setprecision(0)
              << std::setw(10) << row["images_per_second"].get<double>() << " images/s" << std::setw(8)
              << 1e-6 * row["peak_bytes"].get<double>() << " MB";
  std::cout << std::endl;  // for who watches a file
}

int time_steps(const DeviceArguments& a) {
  Json rows = Json::array();
  bool all_well = true;
  for (const Named& n : a.names) {
    try {
      rows.push_back(time_step(a, n));
    } catch (const Error& e) {
      all_well = false;
      rows.push_back({{"name", cat(n.workload->name, ':', n.batch)}, {"error", e.what()}});
    }
    print(rows.back());
    write(a, rows);
    release_cached_memory(a.device);
  }
  return all_well ? 0 : 1;
}

// Products of square matrices in TFLOP/s, and a large copy in TB/s, read and written.
int measure_ceilings(const DeviceArguments& a) {
  check(a.device == Device::cuda, "duel_bench",
        "--ceilings is for --device cuda; operations on the CPU have their peaks");
  const NoGrad no_grad;
  Rng rng(1);
  Json rows = Json::array();
  std::int64_t group = 0;
  const auto product = [&](const char* name, std::int64_t n, DType dtype, Precision precision) {
    cuda_functions()->set_precision(precision);
    const Variable x = rng.normal({n, n}, 0, 1, {.device = a.device}).to(dtype),
                   y = rng.normal({n, n}, 0, 1, {.device = a.device}).to(dtype);
    const auto seconds = time_groups([&] { static_cast<void>(matmul(x, y)); }, a.device, 0.5, group);
    const double flop = 2 * std::pow(static_cast<double>(n), 3);
    rows.push_back({{"name", name}, {"unit", "TFLOP/s"}, {"value", 1e-12 * flop / seconds[seconds.size() / 2]}});
  };
  product("bf16", 8192, DType::bfloat16, Precision::tf32);
  product("tf32", 8192, DType::float32, Precision::tf32);
  product("fp32", 4096, DType::float32, Precision::fp32);
  const Tensor from = Tensor::zeros({1 << 28}, {.device = a.device}),
               to = Tensor::zeros({1 << 28}, {.device = a.device});
  const auto copies = time_groups([&] { backend(a.device).copy(from, to); }, a.device, 0.5, group);
  rows.push_back({{"name", "copy"},
                  {"unit", "TB/s"},
                  {"value", 2e-12 * static_cast<double>(from.storage()->bytes()) / copies[copies.size() / 2]}});
  for (const Json& row : rows)
    std::cout << row["name"].get<std::string>() << ' ' << row["value"].get<double>() << ' '
              << row["unit"].get<std::string>() << '\n';
  write(a, rows);
  return 0;
}

}  // namespace

int run_on_device(const std::vector<std::string>& words) {
  const DeviceArguments a = parse(words);
  if (a.ceilings) return measure_ceilings(a);
  if (a.device == Device::cuda)
    cuda_functions()->set_precision(a.precision == "fp32" ? Precision::fp32 : Precision::tf32);
  return time_steps(a);
}

}  // namespace duel::bench
