// The row of autograd/einsum.h: against loops over all letters.
#include <map>

#include "tests/autograd/op_table.h"

namespace duel::testing {
namespace {

struct Letters {
  std::string a, b, out;
};

Reference summed_over_all(const Letters& l) {
  return [l](const std::vector<Array>& in) {
    std::string all;
    Shape sizes, out;
    const auto note = [&](const std::string& letters, const Shape& shape) {
      for (std::size_t i = 0; i < letters.size(); ++i)
        if (all.find(letters[i]) == std::string::npos) {
          all += letters[i];
          sizes.push_back(shape[static_cast<int>(i)]);
        }
    };
    note(l.a, in[0].shape);
    note(l.b, in[1].shape);
    const auto part = [&](const std::string& letters, const Shape& index) {
      Shape p;
      for (char c : letters) p.push_back(index[static_cast<int>(all.find(c))]);
      return p;
    };
    Array y = Array::zeros(part(l.out, sizes));
    for_each_index(sizes,
                   [&](const Shape& i) { y.at(part(l.out, i)) += in[0].at(part(l.a, i)) * in[1].at(part(l.b, i)); });
    return y;
  };
}

Case einsum_case(const std::string& equation, const Letters& l, const Shape& a, const Shape& b,
                 const char* label = nullptr) {
  return {label ? label : equation,
          {{a}, {b}},
          [equation](const Variables& x) { return einsum(equation, x[0], x[1]); },
          summed_over_all(l)};
}

}  // namespace

std::vector<Row> einsum_rows() {
  return {
      {"einsum",
       Recipe::linear,
       {},
       {0, 1},
       {einsum_case("ij,jk->ik", {"ij", "jk", "ik"}, {3, 5}, {5, 7}),
        einsum_case("ij,jk", {"ij", "jk", "ik"}, {2, 3}, {3, 5}),
        einsum_case("bij,bjk->bik", {"bij", "bjk", "bik"}, {2, 3, 5}, {2, 5, 1}),
        einsum_case("bhqd,bhkd->bhqk", {"bhqd", "bhkd", "bhqk"}, {2, 3, 2, 5}, {2, 3, 4, 5}),
        einsum_case("nchw, oc -> nohw", {"nchw", "oc", "nohw"}, {2, 3, 2, 4}, {5, 3}),
        einsum_case("i,j->ij", {"i", "j", "ij"}, {3}, {5}), einsum_case("i,j->ji", {"i", "j", "ji"}, {3}, {5}),
        einsum_case("ij,ij->", {"ij", "ij", ""}, {3, 5}, {3, 5}),
        einsum_case("ij,ij", {"ij", "ij", ""}, {2, 3}, {2, 3}),
        einsum_case("ij,ij->ji", {"ij", "ij", "ji"}, {3, 5}, {3, 5}),
        einsum_case("abc,cd->bd", {"abc", "cd", "bd"}, {2, 3, 5}, {5, 3}),
        einsum_case("ab,cd->", {"ab", "cd", ""}, {2, 3}, {3, 2}), einsum_case("ij,->i", {"ij", "", "i"}, {3, 2}, {}),
        einsum_case("zA,Ab", {"zA", "Ab", "bz"}, {3, 2}, {2, 5}),
        einsum_case("i,i->i", {"i", "i", "i"}, {1}, {1}, "one"),
        einsum_case("ij,jk->ik", {"ij", "jk", "ik"}, {2, 0}, {0, 3}, "no inner"),
        einsum_case("ij,jk->ik", {"ij", "jk", "ik"}, {0, 2}, {2, 3}, "no rows")}}};
}

}  // namespace duel::testing
