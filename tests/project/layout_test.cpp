// The project's own rules, read from its sources: which folder may include which, what installed headers may need, and
// how long a file may be.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
const fs::path kSource = DUEL_SOURCE_DIR;

// Path from the top folder, with '/'.
using Files = std::vector<std::string>;

Files files_in(const char* folder, const std::set<std::string>& extensions) {
  Files files;
  if (!fs::exists(kSource / folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(kSource / folder))
    if (entry.is_regular_file() && extensions.contains(entry.path().extension().string()))
      files.push_back(entry.path().lexically_relative(kSource).generic_string());
  return files;
}

std::vector<std::string> lines_of(const std::string& file) {
  std::vector<std::string> lines;
  std::ifstream in(kSource / file);
  REQUIRE_MESSAGE(in.good(), file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> includes_of(const std::string& file) {
  static const std::regex include(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"].*)");
  std::vector<std::string> included;
  std::smatch match;
  for (const std::string& line : lines_of(file))
    if (std::regex_match(line, match, include)) included.push_back(match[1]);
  return included;
}

const std::set<std::string> kSources = {".h", ".cpp", ".cu", ".cuh"};

// "duel/nn/linear.h" -> "duel/nn"; "apps/duel/main.cpp" -> "apps".
std::string layer_of(const std::string& path) {
  if (path.starts_with("duel/gan/media/")) return "duel/gan/media";
  const std::size_t end = path.starts_with("duel/") ? path.find('/', 5) : path.find('/');
  return path.substr(0, end);
}

TEST_CASE("includes point one way: apps -> plugin -> gan -> nn -> autograd -> tensor") {
  const std::map<std::string, std::set<std::string>> allowed = {
      {"duel/tensor", {"duel/tensor"}},
      {"duel/cuda", {"duel/tensor", "duel/cuda"}},
      {"duel/autograd", {"duel/tensor", "duel/autograd"}},
      {"duel/nn", {"duel/tensor", "duel/autograd", "duel/nn"}},
      {"duel/gan", {"duel/tensor", "duel/autograd", "duel/nn", "duel/gan"}},
      {"duel/gan/media", {"duel/tensor", "duel/autograd", "duel/nn", "duel/gan", "duel/gan/media"}},
      {"duel/plugin", {"duel/tensor", "duel/autograd", "duel/nn", "duel/gan", "duel/plugin"}},
      {"duel/duel.h", {"duel/tensor", "duel/autograd", "duel/nn", "duel/gan", "duel/plugin"}}};
  const Files files = files_in("duel", kSources);
  CHECK(files.size() > 30);
  for (const std::string& file : files) {
    const std::string layer = layer_of(file);
    REQUIRE_MESSAGE(allowed.contains(layer), file, " lies in no layer");
    for (const std::string& included : includes_of(file)) {
      const std::string other = layer_of(included);
      const bool ours = other.starts_with("duel") || other == "apps" || other == "tests" || other == "bench";
      CHECK_MESSAGE((!ours || allowed.at(layer).contains(other)), file, " includes ", included);
    }
  }
}

TEST_CASE("includes name files from the top folder, and those exist") {
  for (const char* folder : {"duel", "apps", "bench", "tests"})
    for (const std::string& file : files_in(folder, kSources))
      for (const std::string& included : includes_of(file))
        if (included.starts_with("duel/") || included.starts_with("tests/") || included.starts_with("apps/"))
          CHECK_MESSAGE(fs::exists(kSource / included), file, " includes ", included);
}

TEST_CASE("installed headers need the standard library only") {
  static const std::regex foreign(R"((Eigen|unsupported|cuda|cudnn|cublas|nccl|mpi|png|zlib|nlohmann|doctest).*)");
  const std::string for_users_of_eigen = "duel/tensor/eigen.h";  // which nothing else installed may include
  for (const std::string& file : files_in("duel", {".h"}))
    if (!file.starts_with("duel/tensor/cpu/") && !file.starts_with("duel/cuda/") && file != for_users_of_eigen)
      for (const std::string& included : includes_of(file)) {
        CHECK_MESSAGE(!std::regex_match(included, foreign), file, " includes ", included);
        CHECK_MESSAGE(included != for_users_of_eigen, file, " includes ", included);
      }
}

TEST_CASE("headers are guarded and files open by saying what they are for") {
  for (const char* folder : {"duel", "apps", "bench", "tests"}) {
    for (const std::string& file : files_in(folder, {".h"})) {
      const std::vector<std::string> lines = lines_of(file);
      CHECK_MESSAGE(std::find(lines.begin(), lines.end(), "#pragma once") != lines.end(), file);
      CHECK_MESSAGE((!lines.empty() && lines[0].starts_with("//")), file);
    }
  }
}

TEST_CASE("no file of code is longer than 600 lines") {
  std::set<std::string> code = kSources;
  code.insert({".py", ".sh", ".cmake", ".txt"});
  for (const char* folder : {"duel", "apps", "bench", "tests", "scripts", "cmake"})
    for (const std::string& file : files_in(folder, code)) {
      const std::size_t lines = lines_of(file).size();
      CHECK_MESSAGE(lines <= 600, file, " has ", lines, " lines");
    }
}

}  // namespace
