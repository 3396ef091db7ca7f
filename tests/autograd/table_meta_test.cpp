// Nothing is forgotten: every operation that the headers declare and every kernel of the backend has a row in the op
// table (or, for kernels that no gradient goes through, a test of its own). Reads the headers' text.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "duel/tensor/backend.h"
#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

namespace fs = std::filesystem;
const fs::path kSource = DUEL_SOURCE_DIR;

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  REQUIRE_MESSAGE(in.good(), file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> found(const std::string& text, const std::string& pattern) {
  std::set<std::string> all;
  const std::regex regex(pattern, std::regex::multiline);
  for (auto i = std::sregex_iterator(text.begin(), text.end(), regex); i != std::sregex_iterator(); ++i)
    all.insert((*i)[1]);
  return all;
}

// Headers of autograd/ that declare no operations.
const std::set<std::string> kMachinery = {
    "variable.h",        "check_picture.h",     "grad.h",           "fused.h",
    "gradcheck.h",       "pointwise_kernels.h", "print_graph.h",    "ops.h",
    "norm_parameters.h", "call_stack.h",        "detect_anomaly.h", "observer.h",
    "rectified.h",       "check_floating.h",    "multiply_adds.h",  "mixed_precision.h"};

std::set<std::string> operation_headers() {
  std::set<std::string> headers;
  for (const auto& entry : fs::directory_iterator(kSource / "duel/autograd"))
    if (const std::string name = entry.path().filename().string(); name.ends_with(".h") && !kMachinery.contains(name))
      headers.insert(name);
  return headers;
}

std::set<std::string> table_names() {
  std::set<std::string> names;
  for (const Row& row : op_table()) names.insert(row.name);
  return names;
}

// Kernels without gradients, and the test that calls each.
struct Elsewhere {
  const char *kernel, *test;
};
constexpr Elsewhere kElsewhere[] = {{"describe", "tests/autograd/table_meta_test.cpp"},
                                    {"uniform", "tests/tensor/random_test.cpp"},
                                    {"normal", "tests/tensor/random_test.cpp"},
                                    {"split_seed", "tests/tensor/random_test.cpp"},
                                    {"update_running", "tests/nn/batch_norm_test.cpp"},
                                    {"adam", "tests/tensor/optim_test.cpp"},
                                    {"sgd", "tests/tensor/optim_test.cpp"},
                                    {"rmsprop", "tests/tensor/optim_test.cpp"},
                                    {"binary/lerp", "tests/tensor/pointwise_test.cpp"}};

std::set<std::string> table_kernels() {
  std::set<std::string> kernels;
  for (const Row& row : op_table()) kernels.insert(row.kernels.begin(), row.kernels.end());
  for (const auto& [kernel, test] : kElsewhere) kernels.insert(kernel);
  return kernels;
}

TEST_CASE("every declared operation has a row, and every row an operation") {
  const std::set<std::string> headers = operation_headers();
  CHECK(headers.size() >= 8);
  std::set<std::string> declared;
  for (const std::string& header : headers)
    declared.merge(
        found(text_of(kSource / "duel/autograd" / header), R"(^(?:Variable|Variables|Sorted) (operator.|\w+)\()"));
  CHECK(declared.size() > 40);
  const std::set<std::string> rows = table_names();
  for (const std::string& name : declared) CHECK_MESSAGE(rows.contains(name), name, " has no row in the op table");
  for (const std::string& name : rows) CHECK_MESSAGE(declared.contains(name), name, " has a row but is not declared");
}

TEST_CASE("ops.h includes every header of operations") {
  const std::string ops = text_of(kSource / "duel/autograd/ops.h");
  for (const std::string& header : operation_headers())
    CHECK_MESSAGE(ops.find("\"duel/autograd/" + header + "\"") != std::string::npos, header);
}

TEST_CASE("no slot of the backend is empty, and each has a row or a test") {
  const Backend& cpu = backend(Device::cpu);
  const std::set<std::string> slots = found(text_of(kSource / "duel/tensor/backend.h"), R"(^  [\w:]+ \(\*(\w+)\)\()");
  REQUIRE(slots.size() == sizeof(Backend) / sizeof(void*));  // the pattern missed none
  std::array<void*, sizeof(Backend) / sizeof(void*)> pointers;
  std::memcpy(pointers.data(), &cpu, sizeof cpu);
  CHECK(std::count(pointers.begin(), pointers.end(), nullptr) == 0);
  CHECK(cpu.describe().starts_with("cpu"));
  const std::set<std::string> kernels = table_kernels();
  for (const std::string& slot : slots) {
    if (slot == "unary" || slot == "binary") continue;  // by formula, below
    CHECK_MESSAGE(kernels.contains(slot), "kernel ", slot, " has no row in the op table");
  }
}

TEST_CASE("every pointwise formula has a row or a test") {
  const std::set<std::string> kernels = table_kernels();
#define DUEL_CHECK_UNARY(name) CHECK_MESSAGE(kernels.contains("unary/" #name), "unary/" #name);
#define DUEL_CHECK_BINARY(name) CHECK_MESSAGE(kernels.contains("binary/" #name), "binary/" #name);
  DUEL_UNARY_OPS(DUEL_CHECK_UNARY)
  DUEL_BINARY_OPS(DUEL_CHECK_BINARY)
#undef DUEL_CHECK_UNARY
#undef DUEL_CHECK_BINARY
}

TEST_CASE("the tests of kernels without gradients are where the table says") {
  for (const auto& [kernel, test] : kElsewhere) {
    const std::string name = std::string(kernel).substr(std::string(kernel).find('/') + 1);
    CHECK_MESSAGE(text_of(kSource / test).find(name) != std::string::npos, test, " does not mention ", name);
  }
}

TEST_CASE("labels are unique and every case has inputs and a reference") {
  std::set<std::string> names;
  for (const Row& row : op_table()) {
    CHECK_MESSAGE(names.insert(row.name).second, row.name, " has two rows");
    std::set<std::string> labels;
    for (const Case& c : row.cases) {
      CHECK_MESSAGE(labels.insert(c.label).second, row.name, ", ", c.label);
      CHECK(!c.inputs.empty());
      CHECK(c.reference);
      CHECK(bool(c.composite) == (row.recipe == Recipe::fused));
    }
    CHECK(row.cases.size() >= 3);
  }
}

}  // namespace
}  // namespace duel::testing
