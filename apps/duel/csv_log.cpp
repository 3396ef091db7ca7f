#include "apps/duel/csv_log.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "duel/nn/atomic_file.h"
#include "duel/tensor/error.h"

namespace duel::app {

CsvLog::CsvLog(std::filesystem::path file, std::filesystem::path metrics)
    : file_(std::move(file)), metrics_(std::move(metrics)) {
  rebuild();
}

void CsvLog::write(const Json& line) {
  for (const auto& [name, value] : line.items())
    if (std::find(columns_.begin(), columns_.end(), name) == columns_.end()) return rebuild();
  std::ofstream out(file_, std::ios::app | std::ios::binary);
  out << row(line) << std::flush;
  check(out.good(), "write metrics", file_, ": ", std::generic_category().message(errno));
}

std::string CsvLog::row(const Json& line) const {
  std::string text;
  for (const std::string& column : columns_) {
    if (&column != &columns_.front()) text += ',';
    if (const auto value = line.find(column); value != line.end() && value->is_number()) text += value->dump();
  }
  return text + '\n';
}

void CsvLog::rebuild() {
  std::vector<Json> lines;
  if (std::filesystem::exists(metrics_)) {
    const std::string content = read_file("read metrics", metrics_);
    for (std::size_t begin = 0, end; (end = content.find('\n', begin)) != std::string::npos; begin = end + 1)
      lines.push_back(Json::parse(content.substr(begin, end - begin)));
  }
  for (const Json& line : lines)
    for (const auto& [name, value] : line.items())
      if (std::find(columns_.begin(), columns_.end(), name) == columns_.end()) columns_.push_back(name);
  std::string text;
  for (const std::string& column : columns_) text += (text.empty() ? "" : ",") + column;
  if (!text.empty()) text += '\n';
  for (const Json& line : lines) text += row(line);
  atomic_write(file_, text);
}

}  // namespace duel::app
