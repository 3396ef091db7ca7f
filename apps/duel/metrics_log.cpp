#include "apps/duel/metrics_log.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "duel/nn/atomic_file.h"

namespace duel::app {
namespace {

bool belongs(const std::string& line, std::int64_t last_step) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("step")) return false;
  const Json& step = json["step"];
  return step.is_number_integer() && step.get<std::int64_t>() <= last_step;
}

std::string lines_up_to(const std::string& content, std::int64_t last_step) {
  std::string kept;
  for (std::size_t begin = 0, end; (end = content.find('\n', begin)) != std::string::npos; begin = end + 1)
    if (const std::string line = content.substr(begin, end - begin); belongs(line, last_step)) kept += line + '\n';
  return kept;
}

}  // namespace

MetricsLog::MetricsLog(std::filesystem::path file, std::int64_t step) : file_(std::move(file)) {
  if (std::filesystem::exists(file_)) {
    const std::string content = read_file("read metrics", file_);
    if (const std::string kept = lines_up_to(content, step); kept != content) atomic_write(file_, kept);
  }
  out_.open(file_, std::ios::app | std::ios::binary);
  check(out_.is_open(), "write metrics", file_, ": ", std::generic_category().message(errno));
}

void MetricsLog::write(const Json& line) {
  out_ << line.dump() << '\n' << std::flush;
  check(out_.good(), "write metrics", file_, ": ", std::generic_category().message(errno));
}

}  // namespace duel::app
