#include "apps/duel/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "duel/nn/atomic_file.h"

namespace duel::app {
namespace fs = std::filesystem;
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

// What AtomicFile leaves when its process is killed.
bool is_temporary(const std::string& name) { return name.starts_with(".duel-") && name.ends_with(".tmp"); }

// N of "step-N<extension>".
std::optional<std::int64_t> step_of(std::string_view name, std::string_view extension) {
  constexpr std::string_view prefix = "step-";
  if (!name.starts_with(prefix) || !name.ends_with(extension)) return {};
  name.remove_prefix(prefix.size());
  name.remove_suffix(std::min(extension.size(), name.size()));
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || step < 0) return {};
  return step;
}

// N of "step-N.png" and of a snapshot's "step-N-NAME.png".
std::optional<std::int64_t> picture_step(std::string_view name) {
  if (!name.ends_with(".png")) return {};
  name.remove_suffix(4);
  return step_of(name.substr(0, name.find('-', name.find('-') + 1)), "");
}

// The names in a folder; none if it doesn't exist.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  if (!fs::exists(folder)) return names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  return names;
}

void remove_files(const fs::path& folder, const std::function<bool(const std::string&)>& wanted) {
  for (const std::string& name : names_in(folder))
    if (wanted(name) && !fs::is_directory(folder / name)) fs::remove(folder / name);
}

void remove_if_empty(const fs::path& folder) {
  if (fs::is_directory(fs::symlink_status(folder)) && fs::is_empty(folder)) fs::remove(folder);
}

// Locks for this process; false if another one holds it. That is given a moment: a process just killed needs one to
// die.
bool lock(int descriptor) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    // Some network mounts know no locks: then there is none.
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

bool is_configuration(const fs::path& file) {
  if (!fs::is_regular_file(file)) return false;
  try {
    const Layer layer = read_json_layer(file.string());
    TrainOptions scratch;
    apply(scratch, layer);
    return layer.values.contains("seed") && layer.values.contains("batch_size");
  } catch (const UsageError&) {
    return false;
  }
}

}  // namespace

RunDirectory::RunDirectory(fs::path folder) : folder_(std::move(folder)) {
  if (folder_.empty()) throw UsageError("--run needs the name of a folder");
  if (fs::exists(folder_) && !fs::is_directory(folder_)) throw UsageError(folder_.string() + " is not a folder");
}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

RunDirectory::Content RunDirectory::content() const {
  if (is_configuration(config())) return Content::run;
  for (const std::string& name : names_in(folder_)) {
    const bool leftover = is_temporary(name) || ((name == "samples" || name == "checkpoints") &&
                                                 fs::is_directory(folder_ / name) && fs::is_empty(folder_ / name));
    if (!leftover) return Content::foreign;
  }
  return Content::nothing;
}

void RunDirectory::acquire() {
  if (lock_ >= 0) return;
  std::error_code error;
  fs::create_directories(folder_, error);
  check(!error, "train", "the folder ", folder_, " can't be made: ", error.message());
  lock_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) fail("train", "the folder ", folder_, " can't be opened: ", reason(errno));
  const bool taken = !lock(lock_);
  check(!taken, "train", "another process is training in ", folder_,
        "; wait for it, stop it, or choose another folder");
  if (::access(folder_.c_str(), W_OK | X_OK) != 0)
    fail("train", "nothing can be written in ", folder_, ": ", reason(errno));
}

void RunDirectory::prepare() const {
  for (const fs::path& folder : {folder_, sample_folder(), checkpoints()}) {
    std::error_code error;
    fs::create_directories(folder, error);
    check(!error, "train", "the folder ", folder, " can't be made: ", error.message());
    remove_files(folder, is_temporary);
  }
}

void RunDirectory::remove_run() const {
  remove_files(sample_folder(), [](const std::string& n) { return is_temporary(n) || picture_step(n); });
  remove_files(checkpoints(), [](const std::string& n) {
    return is_temporary(n) || n == "latest.safetensors" || n == "best.safetensors" || step_of(n, ".safetensors");
  });
  remove_if_empty(sample_folder());
  remove_files(events(), [](const std::string& n) { return n.starts_with("events.out.tfevents."); });
  for (const fs::path& folder : {checkpoints(), events()}) remove_if_empty(folder);
  // The configuration last: until then it can be seen that this is a run.
  remove_files(folder_, [](const std::string& n) {
    return is_temporary(n) || n == "metrics.jsonl" || n == "metrics.csv" || n == "index.html";
  });
  fs::remove(config());
}

void RunDirectory::prune_checkpoints(std::int64_t step, std::int64_t keep) const {
  for (const std::int64_t s : numbered_checkpoints())
    if (s <= step && keep-- <= 0) fs::remove(numbered_checkpoint(s));
}

void RunDirectory::forget_after(std::int64_t step) const {
  for (const std::int64_t s : numbered_checkpoints())
    if (s > step) fs::remove(numbered_checkpoint(s));
  remove_files(sample_folder(), [&](const std::string& n) { return picture_step(n).value_or(0) > step; });
}

fs::path RunDirectory::samples(std::int64_t step) const {
  return sample_folder() / fmt::format("step-{:06}.png", step);
}

fs::path RunDirectory::snapshot(std::int64_t step, const std::string& name) const {
  return sample_folder() / fmt::format("step-{:06}-{}.png", step, name);
}

fs::path RunDirectory::numbered_checkpoint(std::int64_t step) const {
  return checkpoints() / fmt::format("step-{}.safetensors", step);
}

bool RunDirectory::has_checkpoint() const { return fs::exists(latest_checkpoint()) || !numbered_checkpoints().empty(); }

std::vector<std::int64_t> RunDirectory::numbered_checkpoints() const {
  std::vector<std::int64_t> steps;
  for (const std::string& name : names_in(checkpoints()))
    if (const auto step = step_of(name, ".safetensors")) steps.push_back(*step);
  std::sort(steps.begin(), steps.end(), std::greater<>());
  return steps;
}

}  // namespace duel::app
