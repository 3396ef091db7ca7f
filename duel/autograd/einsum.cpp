// With the letters in four kinds, every equation is one batched matrix product:
//   batch  in a, b and the output     a [batch, left, summed] times b [batch, summed, right]
//   left   in a and the output
//   right  in b and the output
//   summed in a and b alone
// Letters of one operand alone that the output has not are summed first.
#include "duel/autograd/einsum.h"

#include <algorithm>

#include "duel/autograd/matmul.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"

namespace duel {
namespace {

bool has(const std::string& letters, char c) { return letters.find(c) != std::string::npos; }

// Those of `letters` for which `keep` holds, in their order.
template <class F>
std::string select(const std::string& letters, const F& keep) {
  std::string kept;
  std::copy_if(letters.begin(), letters.end(), std::back_inserter(kept), keep);
  return kept;
}

struct Equation {
  std::string a, b, out;
};

Equation parse(const std::string& equation) {
  const auto refuse = [&](const auto&... why) { fail("einsum", "\"", equation, "\": ", why...); };
  const std::string text = select(equation, [](char c) { return c != ' '; });
  const std::size_t comma = text.find(','), arrow = text.find("->");
  if (comma == std::string::npos || arrow < comma) refuse("needs two operands, as in \"ij,jk->ik\"");
  const std::size_t end = std::min(arrow, text.size());
  Equation e{text.substr(0, comma), text.substr(comma + 1, end - comma - 1), ""};
  if (arrow != std::string::npos) {
    e.out = text.substr(arrow + 2);
  } else {
    e.out = select(e.a, [&](char c) { return !has(e.b, c); }) + select(e.b, [&](char c) { return !has(e.a, c); });
    std::sort(e.out.begin(), e.out.end());
  }
  for (char c : e.a + e.b + e.out)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) refuse("'", c, "' is not a letter");
  for (const std::string* letters : {&e.a, &e.b, &e.out})
    for (std::size_t i = 0; i < letters->size(); ++i)
      if (const char c = (*letters)[i]; letters->find(c, i + 1) != std::string::npos)
        refuse("'", c, "' is repeated in \"", *letters, "\"");
  for (char c : e.out)
    if (!has(e.a + e.b, c)) refuse("'", c, "' of the output is in neither operand");
  return e;
}

// One operand and the letter of each of its dimensions.
struct Lettered {
  Variable x;
  std::string letters;

  std::int64_t size(char c) const { return x.size(static_cast<int>(letters.find(c))); }
  Shape sizes(const std::string& wanted) const {
    Shape shape;
    for (char c : wanted) shape.push_back(size(c));
    return shape;
  }
  // Its dimensions in the order of `wanted`, those that are not in there summed over.
  Variable in_order(const std::string& wanted) const {
    Shape gone, order;
    for (std::size_t i = 0; i < letters.size(); ++i)
      if (!has(wanted, letters[i])) gone.push_back(static_cast<std::int64_t>(i));
    const std::string left = select(letters, [&](char c) { return has(wanted, c); });
    for (char c : wanted) order.push_back(static_cast<std::int64_t>(left.find(c)));
    return permute(gone.dim() > 0 ? sum(x, gone) : x, order);
  }
};

void check_operand(const std::string& equation, const Lettered& l) {
  check(l.x.defined() && is_floating(l.x.dtype()), "einsum", "\"", equation, "\" needs float32 or float64, got ",
        l.x.value());
  check(l.x.dim() == static_cast<int>(l.letters.size()), "einsum", "\"", equation, "\": \"", l.letters, "\" for ",
        l.x.value());
}

void append(Shape& shape, const Shape& more) {
  for (std::int64_t v : more) shape.push_back(v);
}

}  // namespace

Variable einsum(const std::string& equation, const Variable& a, const Variable& b) {
  const Equation e = parse(equation);
  const Lettered left{a, e.a}, right{b, e.b};
  check_operand(equation, left);
  check_operand(equation, right);
  check(a.dtype() == b.dtype(), "einsum", "\"", equation, "\" of ", a.value(), " and ", b.value());
  for (char c : e.a)
    check(!has(e.b, c) || left.size(c) == right.size(c), "einsum", "\"", equation, "\": '", c, "' is ", left.size(c),
          " in ", a.value(), " but ", has(e.b, c) ? right.size(c) : 0, " in ", b.value());
  const std::string batch = select(e.a, [&](char c) { return has(e.b, c) && has(e.out, c); });
  const std::string summed = select(e.a, [&](char c) { return has(e.b, c) && !has(e.out, c); });
  const std::string rows = select(e.a, [&](char c) { return !has(e.b, c) && has(e.out, c); });
  const std::string cols = select(e.b, [&](char c) { return !has(e.a, c) && has(e.out, c); });
  const std::int64_t n = left.sizes(batch).numel(), k = left.sizes(summed).numel();
  const Variable product = matmul(reshape(left.in_order(batch + rows + summed), {n, left.sizes(rows).numel(), k}),
                                  reshape(right.in_order(batch + summed + cols), {n, k, right.sizes(cols).numel()}));
  Shape shape = left.sizes(batch + rows);
  append(shape, right.sizes(cols));
  return Lettered{reshape(product, shape), batch + rows + cols}.in_order(e.out);
}

}  // namespace duel
