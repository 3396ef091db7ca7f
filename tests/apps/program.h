// Running the program `duel` from the tests of it, and the small world that it runs in.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/temp_folder.h"

namespace duel::testing {

using Words = std::vector<std::string>;

inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Result {
  int code = -1;    ///< exit code; -1 if a signal ended it
  int signal = 0;   ///< that signal
  std::string out;  ///< standard output and, for a program on a terminal, all of it
  std::string err;
};

struct HowToRun {
  std::optional<std::size_t> file_size_limit = {};  ///< of the files it writes, in bytes
  std::optional<std::string> terminal_input = {};   ///< run it on a terminal, and type this
};

/// A running program; killed, if it still runs, when this object dies.
class Program {
 public:
  explicit Program(const Words& arguments, const HowToRun& how = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) const;
  bool running();
  Result wait();

 private:
  [[noreturn]] void become(const Words& arguments, const HowToRun& how) const;
  void collect_terminal();

  TempFolder folder_;  // of its output
  pid_t pid_ = -1;
  int terminal_ = -1;
  int status_ = 0;
  std::string typed_back_;
};

Result run(const Words& arguments, const HowToRun& how = {});

/// A folder with a data set of 8 x 8 pictures in 10 classes, and room for runs.
struct World {
  World();
  /// `train` with the smallest networks, into the run of that name.
  Words train(const std::string& run_name, std::int64_t steps, int threads = 1) const;
  std::filesystem::path run_folder(const std::string& run_name) const { return folder / run_name; }
  std::filesystem::path latest(const std::string& run_name) const {
    return run_folder(run_name) / "checkpoints" / "latest.safetensors";
  }
  TempFolder folder;
  std::filesystem::path data;
};

/// The lines of a run's metrics.jsonl without what depends on the clock.
std::vector<nlohmann::json> metrics(const std::filesystem::path& run_folder);

/// Waits, some seconds at most, until the file is there.
bool appears(const std::filesystem::path& file);

/// One line of an error, and nothing else.
bool is_one_error(const std::string& text);

bool contains(const std::string& text, const std::string& piece);

}  // namespace duel::testing
