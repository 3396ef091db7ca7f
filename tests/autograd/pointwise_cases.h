// Cases of pointwise operations: the shapes that each is tried with, and references that apply a scalar function.
#pragma once

#include "tests/autograd/op_table.h"

namespace duel::testing {

using Unary = double (*)(double);
using Binary = double (*)(double, double);

Reference each(Unary f);
Reference each(Binary f);

std::vector<Case> unary_cases(const std::string& label, const std::function<Variable(const Variable&)>& f,
                              Unary reference, const Domain& domain = {});
std::vector<Case> binary_cases(const std::function<Variable(const Variable&, const Variable&)>& f, Binary reference,
                               const Domain& a = {}, const Domain& b = {}, const std::string& label = "");

/// A row of recipe pointwise.
Row unary_row(const char* name, const std::function<Variable(const Variable&)>& f, Unary reference,
              const Domain& domain, std::vector<std::string> kernels);

void append(std::vector<Case>& cases, const std::vector<Case>& more);

}  // namespace duel::testing
