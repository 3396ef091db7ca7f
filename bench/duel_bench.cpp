// The benchmark: operations and whole training steps, each as time, GFLOP/s and fraction of the machine's multiply-add
// peak, passes over memory as GB/s and fraction of the rate of a large copy; both measured in the same run.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/arithmetic.h"
#include "bench/gpu_bench.h"
#include "bench/operations.h"
#include "bench/workload.h"
#include "duel/tensor/cpu/isa.h"

namespace duel::bench {
namespace {

constexpr const char* kUsage =
    "duel_bench [--only NAME] [--repeat N] [--threads T] [--json FILE] [--compare FILE]\n"
    "duel_bench --step NAME [--repeat N] [--threads T] [--json FILE] [--compare FILE] [--layers]\n"
    "           [--export FILE]\n"
    "duel_bench --algorithms [--only NAME] [--repeat N] [--threads T] [--json FILE]\n"
    "duel_bench --growth NAME [--only NAME] [--repeat N] [--threads T] [--json FILE]\n"
    "duel_bench --first-step NAME [--threads T]\n"
    "duel_bench --device cuda [--ceilings] [NAME[:BATCH] ...]: duel_bench --device cpu tells more\n"
    "\n"
    "  --only NAME     only the results whose names contain NAME\n"
    "  --step NAME     a whole training step, by its name; --step list names them\n"
    "  --algorithms    each convolution by every algorithm that applies: shares of the peak, * at the automatic\n"
    "                  choice, and how many times the fastest one's time that takes\n"
    "  --growth NAME   a training step on growing batches and, where its networks allow, growing pictures\n"
    "  --first-step NAME  makes that step's networks, runs it once and ends\n"
    "  --repeat N      how often each is timed (15, steps 5)\n"
    "  --threads T     how many threads to use (all)\n"
    "  --json FILE     writes the results\n"
    "  --compare FILE  the results beside those of an earlier run, written with --json\n"
    "  --layers        also how long the step's operations take, by the shapes of their inputs\n"
    "  --export FILE   writes the step's networks, inputs and losses as safetensors, for compare_torch.py\n";

struct Arguments {
  std::string only, step, growth, first_step, json, compare, export_file;
  int repeat = 0, threads = 0;
  bool algorithms = false, layers = false;

  int repeat_or(int usual) const { return repeat > 0 ? repeat : usual; }
  bool wanted(const std::string& name) const { return name.find(only) != std::string::npos; }
};

int count_from(const std::string& option, const std::string& value) {
  char* end = nullptr;
  const long n = std::strtol(value.c_str(), &end, 10);
  check(end != value.c_str() && *end == '\0' && n >= 1 && n <= 1000000, "duel_bench", option,
        " needs a number from 1 to 1000000, got '", value, "'");
  return static_cast<int>(n);
}

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--layers" || option == "--algorithms") {
      (option == "--layers" ? a.layers : a.algorithms) = true;
      continue;
    }
    check(i + 1 < argc, "duel_bench", "'", option, "' is not an option, or lacks its value\n\n", kUsage);
    const std::string value = argv[++i];
    if (option == "--only")
      a.only = value;
    else if (option == "--step")
      a.step = value;
    else if (option == "--growth")
      a.growth = value;
    else if (option == "--first-step")
      a.first_step = value;
    else if (option == "--json")
      a.json = value;
    else if (option == "--compare")
      a.compare = value;
    else if (option == "--export")
      a.export_file = value;
    else if (option == "--repeat")
      a.repeat = count_from(option, value);
    else if (option == "--threads")
      a.threads = count_from(option, value);
    else
      fail("duel_bench", "unknown option ", option, "\n\n", kUsage);
  }
  return a;
}

nlohmann::json to_json(const Result& r, const Peaks& peaks) {
  nlohmann::json row{{"name", r.name},
                     {"median_ms", r.median() * 1e3},
                     {"best_ms", r.seconds.front() * 1e3},
                     {"spread", (r.seconds[r.seconds.size() * 3 / 4] - r.seconds[r.seconds.size() / 4]) / r.median()},
                     {"runs", r.seconds.size()}};
  if (r.work.gflop > 0) {
    const double rate = r.work.gflop / r.median();
    row.update({{"gflop", r.work.gflop}, {"gflops", rate}, {"fraction_of_peak", rate / peaks.gflops}});
  }
  if (r.work.gbyte > 0) {
    const double rate = r.work.gbyte / r.median();
    row.update({{"gbyte", r.work.gbyte}, {"gbytes", rate}, {"fraction_of_copy", rate / peaks.copy_gbytes}});
  }
  return row;
}

nlohmann::json report(const nlohmann::json& rows, const Peaks& peaks) {
  return {{"isa", name_of(isa())},
          {"threads", num_threads()},
          {"peak_gflops", peaks.gflops},
          {"copy_gbytes", peaks.copy_gbytes},
          {"results", rows}};
}

void write(const std::string& file, const nlohmann::json& content) {
  if (file.empty()) return;
  std::ofstream out(file);
  out << content.dump(1) << '\n';
  check(out.flush().good(), "duel_bench", "cannot write ", file);
}

/// Median times of an earlier run by name.
std::map<std::string, double> earlier_medians(const std::string& file) {
  std::map<std::string, double> medians;
  if (file.empty()) return medians;
  std::ifstream in(file);
  check(in.good(), "duel_bench", "cannot read ", file);
  try {
    const nlohmann::json all = nlohmann::json::parse(in);
    for (const auto& row : all.at("results")) medians[row.at("name")] = row.at("median_ms");
  } catch (const nlohmann::json::exception& e) {
    fail("duel_bench", file, " is no report of this program: ", e.what());
  }
  return medians;
}

void print_machine(const Peaks& peaks) {
  std::cout << "cpu, " << name_of(isa()) << ", " << num_threads() << " threads, peak " << std::fixed
            << std::setprecision(0) << peaks.gflops << " GFLOP/s, large copies " << std::setprecision(1)
            << peaks.copy_gbytes << " GB/s\n";
}

constexpr const char* kHeadings = "   median ms    best ms   G.../s  of peak or copy";

/// What stands under kHeadings, after the name.
void print_rates(const Result& r, const Peaks& peaks) {
  std::cout << std::left << std::setw(44) << r.name << std::right << std::setprecision(3) << std::setw(12)
            << r.median() * 1e3 << std::setw(11) << r.seconds.front() * 1e3;
  if (r.work.gflop > 0)
    std::cout << std::setprecision(0) << std::setw(9) << r.work.gflop / r.median() << std::setw(8)
              << 100 * r.work.gflop / r.median() / peaks.gflops << '%';
  if (r.work.gbyte > 0)
    std::cout << std::setprecision(1) << std::setw(9) << r.work.gbyte / r.median() << std::setprecision(0)
              << std::setw(8) << 100 * r.work.gbyte / r.median() / peaks.copy_gbytes << '%';
}

void print(const Result& r, const Peaks& peaks, const std::map<std::string, double>& earlier) {
  print_rates(r, peaks);
  if (const auto found = earlier.find(r.name); found != earlier.end())
    std::cout << std::setprecision(2) << std::setw(10) << found->second / (r.median() * 1e3);
  std::cout << '\n';
}

void time_operations(const Arguments& arguments) {
  Peaks peaks;
  std::vector<Result> results;
  const auto wanted = [&](const std::string& name) { return arguments.wanted(name); };
  const Candidates candidates{wanted, [&](const std::string& name, Work work, const std::function<void()>& f) {
                                if (!wanted(name)) return;
                                peaks.look_again();
                                results.push_back(measure({{name, work, f}}, arguments.repeat_or(15)).front());
                              }};
  add_products(candidates);
  add_passes(candidates);
  check(!results.empty(), "duel_bench", "no operation's name contains '", arguments.only, "'");
  peaks.look_again();
  const std::map<std::string, double> earlier = earlier_medians(arguments.compare);
  print_machine(peaks);
  std::cout << std::setw(44) << "" << kHeadings << (earlier.empty() ? "" : "   times as fast") << '\n';
  nlohmann::json rows = nlohmann::json::array();
  for (const Result& r : results) {
    print(r, peaks, earlier);
    rows.push_back(to_json(r, peaks));
  }
  write(arguments.json, report(rows, peaks));
}

struct RaceResult {
  std::string name, automatic;
  std::vector<Result> results;  // by names of algorithms
};

/// A line: the algorithms' shares of the peak, the choice marked, and its time over that of the fastest.
void print(const RaceResult& race, const Peaks& peaks) {
  std::cout << std::left << std::setw(44) << race.name << std::right;
  double chosen = 0, fastest = race.results.front().median();
  for (const std::string& algorithm : algorithms()) {
    const auto found =
        std::find_if(race.results.begin(), race.results.end(), [&](const Result& r) { return r.name == algorithm; });
    if (found == race.results.end()) {
      std::cout << std::setw(12) << '-';
      continue;
    }
    const bool automatic = algorithm == race.automatic;
    fastest = std::min(fastest, found->median());
    if (automatic) chosen = found->median();
    const double share = 100 * found->work.gflop / found->median() / peaks.gflops;
    std::cout << std::setw(12) << cat(automatic ? "* " : "", std::llround(share), '%');
  }
  std::cout << std::fixed << std::setprecision(2) << std::setw(12) << chosen / fastest << '\n';
}

void time_algorithms(const Arguments& arguments) {
  Peaks peaks;
  std::vector<RaceResult> races;
  add_races([&](const std::string& name) { return arguments.wanted(name); },
            [&](const Race& race) {
              peaks.look_again();
              races.push_back({race.name, race.automatic, measure(race.trials, arguments.repeat_or(15))});
            });
  check(!races.empty(), "duel_bench", "no convolution's name contains '", arguments.only, "'");
  peaks.look_again();
  print_machine(peaks);
  std::cout << std::setw(44) << "";
  for (const std::string& algorithm : algorithms()) std::cout << std::setw(12) << algorithm;
  std::cout << std::setw(12) << "/ fastest" << '\n';
  nlohmann::json rows = nlohmann::json::array();
  for (const RaceResult& race : races) {
    print(race, peaks);
    for (const Result& r : race.results) {
      nlohmann::json row = to_json(r, peaks);
      row.update({{"name", cat(race.name, ", ", r.name)}, {"automatic", r.name == race.automatic}});
      rows.push_back(row);
    }
  }
  write(arguments.json, report(rows, peaks));
}

const Workload& workload(const std::string& name) {
  std::string names;
  for (const Workload& w : workloads()) {
    if (w.name == name) return w;
    names += cat("\n  ", w.name);
  }
  fail("duel_bench", "there is no step '", name, "'; there are:", names);
}

void export_step(const std::string& file, const Step& step, const Inputs& inputs) {
  Safetensors out;
  out.tensors = inputs.all();
  for (const auto& [name, tensor] : step.state()) out.tensors[name] = tensor.clone();
  Phases ignored;
  const Losses losses = step.run(ignored);
  out.tensors["output.losses"] = Tensor::from(losses, {static_cast<std::int64_t>(losses.size())});
  write_safetensors(file, out);
}

void print_layers(const LayerObserver& observer, const Peaks& peaks) {
  std::vector<std::pair<std::string, LayerTime>> layers(observer.layers().begin(), observer.layers().end());
  std::sort(layers.begin(), layers.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  double all = 0;
  for (const auto& [name, time] : layers) all += time.seconds;
  std::cout << "\n      ms   share   calls  of peak   operation and its inputs\n";
  for (const auto& [name, time] : layers) {
    if (time.seconds < 0.002 * all) break;
    std::cout << std::fixed << std::setprecision(2) << std::setw(8) << time.seconds * 1e3 << std::setprecision(1)
              << std::setw(7) << 100 * time.seconds / all << '%' << std::setw(8) << time.calls << std::setw(8)
              << std::setprecision(0) << 100 * time.gflop / time.seconds / peaks.gflops << "%   " << name << '\n';
  }
}

nlohmann::json phase_medians(const Phases& phases) {
  nlohmann::json all = nlohmann::json::object();
  for (auto [name, seconds] : phases.all) {
    std::sort(seconds.begin(), seconds.end());
    all[name] = seconds[seconds.size() / 2] * 1e3;
  }
  return all;
}

void time_step(const Arguments& arguments) {
  Inputs inputs;
  const Workload& w = workload(arguments.step);
  const Step step = w.make(inputs, w.extent);
  if (!arguments.export_file.empty()) return export_step(arguments.export_file, step, inputs);
  Phases ignored, phases;
  step.run(ignored);
  reset_peak_memory(Device::cpu);
  LayerObserver observer;
  {
    const ObserverGuard guard(observer);
    step.run(ignored);
  }
  const double peak_mb = 1e-6 * static_cast<double>(memory_stats(Device::cpu).peak), resident_mb = peak_resident_mb();
  Peaks peaks;
  peaks.look_again();
  const Result result =
      measure({{arguments.step, {observer.gflop()}, [&] { step.run(phases); }}}, arguments.repeat_or(5)).front();
  peaks.look_again();
  print_machine(peaks);
  print(result, peaks, earlier_medians(arguments.compare));
  const nlohmann::json parts = phase_medians(phases);
  for (const auto& [name, ms] : parts.items())
    std::cout << "  " << std::left << std::setw(42) << name << std::right << std::setprecision(3) << std::setw(12)
              << ms.get<double>() << '\n';
  std::cout << "  tensors " << std::setprecision(0) << peak_mb << " MB at most, the process " << resident_mb << " MB\n";
  if (arguments.layers) print_layers(observer, peaks);
  nlohmann::json row = to_json(result, peaks);
  row.update({{"phases_ms", parts}, {"peak_tensor_mb", peak_mb}, {"peak_resident_mb", resident_mb}});
  write(arguments.json, report(nlohmann::json::array({row}), peaks));
}

void time_growth(const Arguments& arguments) {
  const Workload& w = workload(arguments.growth);
  std::vector<Extent> extents;
  std::vector<Trial> trials;
  for (const Extent e : growing_extents(w)) {
    const std::string name = cat(w.name, ", batch ", e.batch, ", ", e.side, 'x', e.side);
    if (!arguments.wanted(name)) continue;
    Inputs inputs;
    const Step step = w.make(inputs, e);
    Phases ignored;
    LayerObserver observer;
    const ObserverGuard guard(observer);
    step.run(ignored);
    extents.push_back(e);
    trials.push_back({name, {observer.gflop()}, [step] {
                        Phases phases;
                        step.run(phases);
                      }});
  }
  check(!trials.empty(), "duel_bench", "no result's name contains '", arguments.only, "'");
  Peaks peaks;
  peaks.look_again();
  const std::vector<Result> results = measure(trials, arguments.repeat_or(5));
  peaks.look_again();
  print_machine(peaks);
  std::cout << std::setw(44) << "" << kHeadings << "   ms/picture   ns/pixel   kflop/pixel\n";
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Result& r = results[i];
    const double pictures = static_cast<double>(extents[i].batch),
                 pixels = pictures * static_cast<double>(extents[i].side * extents[i].side);
    print_rates(r, peaks);
    std::cout << std::setprecision(3) << std::setw(21) << r.median() * 1e3 / pictures << std::setprecision(1)
              << std::setw(11) << r.median() * 1e9 / pixels << std::setw(14) << r.work.gflop * 1e6 / pixels << '\n';
    nlohmann::json row = to_json(r, peaks);
    row.update({{"ms_per_picture", r.median() * 1e3 / pictures}, {"ns_per_pixel", r.median() * 1e9 / pixels}});
    rows.push_back(row);
  }
  write(arguments.json, report(rows, peaks));
}

void run(const Arguments& arguments) {
  if (arguments.threads > 0) set_num_threads(arguments.threads);
  if (arguments.step == "list") {
    for (const Workload& w : workloads()) std::cout << w.name << '\n';
  } else if (!arguments.first_step.empty()) {
    Inputs inputs;
    Phases phases;
    const Workload& w = workload(arguments.first_step);
    w.make(inputs, w.extent).run(phases);
  } else if (!arguments.growth.empty()) {
    time_growth(arguments);
  } else if (arguments.algorithms) {
    time_algorithms(arguments);
  } else if (arguments.step.empty()) {
    time_operations(arguments);
  } else {
    time_step(arguments);
  }
}

}  // namespace
}  // namespace duel::bench

int main(int argc, char** argv) try {
  if (argc > 1 && std::string_view(argv[1]) == "--device") return duel::bench::run_on_device({argv + 1, argv + argc});
  duel::bench::run(duel::bench::parse(argc, argv));
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
