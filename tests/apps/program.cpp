#include "tests/apps/program.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace duel::testing {
namespace {

std::string big_endian(std::uint32_t x) {
  return {static_cast<char>(x >> 24), static_cast<char>(x >> 16), static_cast<char>(x >> 8), static_cast<char>(x)};
}

void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

void redirect(int descriptor, const std::filesystem::path& file, int flags) {
  const int opened = ::open(file.c_str(), flags, 0600);
  if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(99);
}

}  // namespace

Program::Program(const Words& arguments, const HowToRun& how) {
  pid_ = how.terminal_input ? ::forkpty(&terminal_, nullptr, nullptr, nullptr) : ::fork();
  check(pid_ >= 0, "Program", "can't fork");
  if (pid_ == 0) become(arguments, how);
  if (how.terminal_input) {
    const std::string& text = *how.terminal_input;
    check(::write(terminal_, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "Program", "can't type");
  }
}

void Program::become(const Words& arguments, const HowToRun& how) const {
  if (!how.terminal_input) {
    redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
    redirect(STDOUT_FILENO, folder_ / "out", O_WRONLY | O_CREAT);
    redirect(STDERR_FILENO, folder_ / "err", O_WRONLY | O_CREAT);
  }
  if (how.file_size_limit) {
    const rlimit limit{*how.file_size_limit, *how.file_size_limit};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(99);
  }
  std::vector<char*> words{const_cast<char*>(DUEL_PROGRAM)};
  for (const std::string& a : arguments) words.push_back(const_cast<char*>(a.c_str()));
  words.push_back(nullptr);
  ::execv(DUEL_PROGRAM, words.data());
  ::_exit(99);
}

Program::~Program() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (terminal_ >= 0) ::close(terminal_);
}

void Program::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Program::running() {
  if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

Result Program::wait() {
  collect_terminal();
  if (pid_ > 0) ::waitpid(pid_, &status_, 0);
  pid_ = -1;
  Result result;
  if (WIFEXITED(status_))
    result.code = WEXITSTATUS(status_);
  else
    result.signal = WTERMSIG(status_);
  result.out = file_content(folder_ / "out") + typed_back_;
  result.err = file_content(folder_ / "err");
  return result;
}

// Reads until the program at the other end has gone.
void Program::collect_terminal() {
  if (terminal_ < 0) return;
  char buffer[4096];
  for (ssize_t n; (n = ::read(terminal_, buffer, sizeof buffer)) > 0;)
    typed_back_.append(buffer, static_cast<std::size_t>(n));
}

Result run(const Words& arguments, const HowToRun& how) { return Program(arguments, how).wait(); }

World::World() : data(folder / "data") {
  constexpr std::uint32_t count = 96, side = 8;
  std::string pictures = big_endian(0x803) + big_endian(count) + big_endian(side) + big_endian(side);
  std::string labels = big_endian(0x801) + big_endian(count);
  std::uint32_t noise = 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<char>(i % 10));
    for (std::uint32_t p = 0; p < side * side; ++p) {
      noise = noise * 1664525 + 1013904223;
      pictures.push_back(static_cast<char>(p / side == i % 8 ? 200 + noise % 50 : noise >> 28));
    }
  }
  std::filesystem::create_directory(data);
  make_file(data / "train-images-idx3-ubyte", pictures);
  make_file(data / "train-labels-idx1-ubyte", labels);
}

Words World::train(const std::string& run_name, std::int64_t steps, int threads) const {
  return Words{"train", "--run", run_folder(run_name).string(), "--data", data.string()} +
         Words{"--steps", std::to_string(steps), "--threads", std::to_string(threads), "--seed", "5"} +
         Words{"--batch-size", "8", "--width", "2", "--latent", "4", "--log-every", "1"};
}

std::vector<nlohmann::json> metrics(const std::filesystem::path& run_folder) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(run_folder / "metrics.jsonl");
  for (std::string text; std::getline(file, text);) {
    nlohmann::json line = nlohmann::json::parse(text);
    for (const char* of_time : {"images_per_second", "data_wait"}) line.erase(of_time);
    lines.push_back(std::move(line));
  }
  return lines;
}

bool appears(const std::filesystem::path& file) {
  for (int i = 0; i < 20000; ++i) {
    if (std::filesystem::exists(file)) return true;
    pause();
  }
  return false;
}

bool is_one_error(const std::string& text) {
  return text.starts_with("duel: error: ") && std::count(text.begin(), text.end(), '\n') == 1 && text.ends_with("\n");
}

bool contains(const std::string& text, const std::string& piece) { return text.find(piece) != std::string::npos; }

}  // namespace duel::testing
