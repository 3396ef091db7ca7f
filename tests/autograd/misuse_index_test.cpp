// Misuse of autograd/index.h, sort.h and einsum.h.
#include <doctest/doctest.h>

#include "duel/autograd/ops.h"
#include "tests/autograd/misuse.h"

namespace duel::testing {
namespace {

Tensor index_of(std::int64_t i) { return Tensor::full({1}, static_cast<double>(i), {.dtype = DType::int64}); }

const Shape kMatrix{2, 3}, kSquare{2, 2}, kRow{1, 3};

const std::vector<Misuse> kLookUps = {
    {"embedding", {"int64"}, [] { embedding(f32(kMatrix), Tensor::zeros({2})); }},
    {"embedding", {"undefined"}, [] { embedding(f32(kMatrix), Tensor()); }},
    {"embedding", {"undefined"}, [] { embedding(Variable(), i64({2})); }},
    {"embedding", {"float32[3]"}, [] { embedding(f32({3}), i64({2})); }},
    {"index_select", {"index 2", "position 0"}, [] { embedding(f32(kMatrix), index_of(2)); }},
    {"index_select", {"index -1"}, [] { embedding(f32(kMatrix), index_of(-1)); }},
    {"index_select", {"index 3", "dimension 1"}, [] { index_select(f32(kMatrix), 1, index_of(3)); }},
    {"index_select", {"float32[2]"}, [] { index_select(f32(kMatrix), 1, Tensor::zeros({2})); }},
    {"index_select", {"int64[2, 2]"}, [] { index_select(f32(kMatrix), 1, i64(kSquare)); }},
    {"index_select", {"dimension 2"}, [] { index_select(f32(kMatrix), 2, i64({1})); }},
    {"index_select", {"undefined"}, [] { index_select(Variable(), 0, i64({1})); }},
    {"index_select",
     {"index 0"},
     [] {
       index_select(f32({0, 3}), 0, i64({1}));
     }},
    {"index_add", {"float32[2, 3]", "int64[3]"}, [] { index_add(f32(kMatrix), 0, i64({3}), 4); }},
    {"index_add", {"index 4"}, [] { index_add(f32(kRow), 0, index_of(4), 4); }},
    {"index_add", {"index -1"}, [] { index_add(f32(kRow), 0, index_of(-1), 4); }},
    {"index_add", {"-1 elements"}, [] { index_add(f32(kRow), 0, i64({1}), -1); }},
    {"index_add", {"int64[1]"}, [] { index_add(i64({1}), 0, i64({1}), 2); }},
    {"gather",
     {"int64[3, 3]", "float32[2, 3]"},
     [] {
       gather(f32(kMatrix), 1, i64({3, 3}));
     }},
    {"gather", {"int64[2]"}, [] { gather(f32(kMatrix), 1, i64({2})); }},
    {"gather", {"undefined"}, [] { gather(Variable(), 1, i64({2})); }},
    {"gather", {"float32[2, 3]"}, [] { gather(f32(kMatrix), 1, Tensor::zeros(kMatrix)); }},
    {"gather",
     {"index 3", "position 1"},
     [] {
       gather(f32(kMatrix), 1, Tensor::from<std::int64_t>({0, 3, 0, 0}, kSquare));
     }},
    {"gather", {"dimension 0", "[]"}, [] { gather(f32({}), 0, i64({})); }},
    {"scatter_add", {"float32[2, 3]", "int64[2, 2]"}, [] { scatter_add(f32(kMatrix), 1, i64(kSquare), 3); }},
    {"scatter_add", {"index 0"}, [] { scatter_add(f32(kMatrix), 1, i64(kMatrix), 0); }},
    {"scatter_add", {"-2 elements"}, [] { scatter_add(f32(kMatrix), 1, i64(kMatrix), -2); }},
    {"flip",
     {"dimension 0", "twice"},
     [] {
       flip(f32(kMatrix), Shape{0, -2});
     }},
    {"flip", {"dimension 2"}, [] { flip(f32(kMatrix), Shape{2}); }},
    {"flip", {"undefined"}, [] { flip(Variable(), Shape{0}); }},
    {"roll",
     {"[1, 2]", "[0]"},
     [] {
       roll(f32(kMatrix), Shape{1, 2}, Shape{0});
     }},
    {"roll", {"dimension -3"}, [] { roll(f32(kMatrix), Shape{1}, Shape{-3}); }},
    {"one_hot", {"int64[2, 2]"}, [] { one_hot(i64(kSquare), 3); }},
    {"one_hot", {"class"}, [] { one_hot(i64({2}), 0); }},
    {"one_hot", {"int64", "float32[2]"}, [] { one_hot(Tensor::zeros({2}), 3); }},
    {"scatter_add", {"index 3"}, [] { one_hot(index_of(3), 3); }},
    {"scatter_add", {"index -1"}, [] { one_hot(index_of(-1), 3); }},
};

const std::vector<Misuse> kSorts = {
    {"argsort", {"undefined"}, [] { argsort(Variable(), 0); }},
    {"argsort", {"dimension 2"}, [] { argsort(f32(kMatrix), 2); }},
    {"argmax", {"undefined"}, [] { argmax(Variable(), 0); }},
    {"argmax",
     {"no elements", "[0, 3]"},
     [] {
       argmax(f32({0, 3}), 0);
     }},
    {"argmax", {"int64[2]"}, [] { argmax(i64({2}), 0); }},
    {"argmin",
     {"no elements", "[0, 3]"},
     [] {
       argmin(f32({0, 3}), 0);
     }},
    {"argmin", {"undefined"}, [] { argmin(Variable(), 0); }},
    {"sort", {"undefined"}, [] { sort(Variable(), 0); }},
    {"sort", {"int64[2]"}, [] { sort(i64({2}), 0); }},
    {"sort", {"dimension 2"}, [] { sort(f32(kMatrix), 2); }},
    {"topk", {"4 of 3"}, [] { topk(f32(kMatrix), 4, 1); }},
    {"topk", {"-1 of 3"}, [] { topk(f32(kMatrix), -1, 1); }},
};

// A refusal of the equation for matrices [2, 3] and [3, 2].
Misuse refused(const char* equation, const char* why) {
  return {"einsum", {equation, why}, [equation] { einsum(equation, f32({2, 3}), f32({3, 2})); }};
}

const std::vector<Misuse> kEinsums = {
    refused("ij", "two operands"),
    refused("ij->ji", "two operands"),
    refused("ij->jk,kl", "two operands"),
    refused("ij,jk,kl->il", "',' is not a letter"),
    refused("ij,jk-ik", "'-' is not a letter"),
    refused("...j,jk->...k", "'.' is not a letter"),
    refused("ii,jk->ik", "'i' is repeated in \"ii\""),
    refused("ij,jk->ii", "'i' is repeated in \"ii\""),
    refused("ij,jk->il", "'l' of the output"),
    refused("ijk,kl->il", "\"ijk\" for float32[2, 3]"),
    refused("ij,ij->i", "'i' is 2 in float32[2, 3] but 3 in float32[3, 2]"),
    {"einsum", {"i,i->", "float64[2]"}, [] { einsum("i,i->", f32({2}), f64({2})); }},
    {"einsum", {"i,i->", "int64[2]"}, [] { einsum("i,i->", i64({2}), i64({2})); }},
    {"einsum", {"i,i->", "undefined"}, [] { einsum("i,i->", f32({2}), Variable()); }},
};

TEST_CASE("misuse of look-ups throws with the operation and the sizes") { check_misuses(kLookUps); }
TEST_CASE("misuse of sorting throws with the operation and the sizes") { check_misuses(kSorts); }
TEST_CASE("misuse of einsum throws with the equation") { check_misuses(kEinsums); }

}  // namespace
}  // namespace duel::testing
