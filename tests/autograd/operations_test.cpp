// docs/operations.md: made from the op table, and kept in step with it.
//
// To write it: DUEL_WRITE_OPERATIONS=docs/operations.md test_autograd --test-case="*docs/operations.md*"
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/autograd/golden.h"
#include "tests/autograd/op_drivers.h"

namespace duel::testing {
namespace {

const char* const kHeading = R"(# Operations

Made from the tests' op table (`tests/autograd/op_table.h`) by `tests/autograd/operations_test.cpp`; a test keeps it in step.

- *recipe*: how the gradient is made. Linear operations have another linear operation as gradient, pointwise ones a scalar
  formula, fused ones a fast first gradient and the gradients of their composite beyond.
- *order*: the highest order of gradients; "any" has no limit.
- *error*: the largest relative error of gradients against finite differences in float64, at order 1 and at order 2, alone
  and inside a nonlinear function whose inputs depend on one another.
- *golden*: values, gradients and double gradients are compared with PyTorch's.

Kernels exist for the CPU only, so far.

| operation | recipe | order | error 1 | error 2 | golden | CPU |
|---|---|---|---|---|---|---|
)";

bool is_golden(const Row& row) {
  return std::any_of(golden_cases().begin(), golden_cases().end(),
                     [&](const GoldenCase& g) { return g.operation == row.name; });
}

struct Errors {
  double first = 0, second = 0;
};

Errors errors_of(const Row& row) {
  Errors e;
  for (const Case& c : row.cases)
    for (const GradcheckResult& r : {gradcheck(c.f, inputs_of(c)), gradcheck(composed(c), composed_inputs(c))}) {
      e.first = std::max(e.first, r.max_error(1));
      e.second = std::max(e.second, r.max_error(2));
    }
  return e;
}

std::string digits(double error) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0e", error);
  return text;
}

std::string line_of(const Row& row, const std::string& first, const std::string& second) {
  const std::string order = row.highest_order == kAnyOrder ? "any" : std::to_string(row.highest_order);
  return cat("| `", row.name, "` | ", name_of(row.recipe), " | ", order, " | ", first, " | ", second, " | ",
             is_golden(row) ? "yes" : "no", " | yes |\n");
}

// Without the two columns of errors, which differ from machine to machine.
std::string without_errors(const std::string& line) {
  if (!line.starts_with("| `")) return line;
  std::vector<std::string> columns{""};
  for (char c : line)
    if (c == '|')
      columns.emplace_back();
    else
      columns.back() += c;
  if (columns.size() > 5) columns.erase(columns.begin() + 4, columns.begin() + 6);
  std::string out;
  for (const std::string& column : columns) out += column + '|';
  return out;
}

std::vector<std::string> lines_of(std::istream&& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(without_errors(line));
  return lines;
}

TEST_CASE("docs/operations.md is in step with the op table") {
  if (const char* file = std::getenv("DUEL_WRITE_OPERATIONS")) {
    std::ofstream out(file);
    out << kHeading;
    for (const Row& row : op_table()) {
      const Errors e = errors_of(row);
      out << line_of(row, digits(e.first), digits(e.second));
    }
    REQUIRE_MESSAGE(out.flush(), "cannot write ", std::string(file));
  }
  std::string expected = kHeading;
  for (const Row& row : op_table()) expected += line_of(row, "", "");
  const std::vector<std::string> found = lines_of(std::ifstream(DUEL_SOURCE_DIR "/docs/operations.md"));
  const std::vector<std::string> wanted = lines_of(std::istringstream(expected));
  INFO("write it again as the head of tests/autograd/operations_test.cpp says");
  CHECK(found.size() == wanted.size());
  for (std::size_t i = 0; i < std::min(found.size(), wanted.size()); ++i) CHECK(found[i] == wanted[i]);
}

}  // namespace
}  // namespace duel::testing
