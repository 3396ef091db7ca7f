// Misuse of autograd/activations.h and compare.h, and of the newer operations of pointwise.h, reduce.h and shape_ops.h.
#include <doctest/doctest.h>

#include "duel/autograd/ops.h"
#include "tests/autograd/misuse.h"

namespace duel::testing {
namespace {

const Shape kMatrix{2, 3}, kFirst{0}, kEmpty{0, 3};

const std::vector<Misuse> kPointwise = {
    {"floor", {"undefined"}, [] { floor(Variable()); }},
    {"round", {"int64[2]"}, [] { round(i64({2})); }},
    {"erf", {"int64[2]"}, [] { erf(i64({2})); }},
    {"pow", {"[2]", "[3]"}, [] { pow(f32({2}), f32({3})); }},
    {"pow", {"undefined"}, [] { pow(f32({2}), Variable()); }},
    {"softplus", {"beta 0"}, [] { softplus(f32({2}), 0); }},
    {"softplus", {"beta -1"}, [] { softplus(f32({2}), -1); }},
    {"hardtanh", {"low 2", "high 1"}, [] { hardtanh(f32({2}), 2, 1); }},
    {"elu", {"undefined"}, [] { elu(Variable()); }},
    {"selu", {"int64[2]"}, [] { selu(i64({2})); }},
    {"silu", {"undefined"}, [] { silu(Variable()); }},
    {"gelu", {"int64[2]"}, [] { gelu(i64({2}), GeluForm::tanh); }},
    {"gt", {"[2]", "[3]"}, [] { gt(f32({2}), f32({3})); }},
    {"ge", {"float32[2]", "float64[2]"}, [] { ge(f32({2}), f64({2})); }},
    {"lt", {"undefined"}, [] { lt(Variable(), 0); }},
    {"eq", {"int64[2]"}, [] { eq(i64({2}), i64({2})); }},
    {"where", {"undefined"}, [] { where(f32({2}), Variable(), f32({2})); }},
    {"where", {"undefined"}, [] { where(Variable(), f32({2}), f32({2})); }},
    {"where", {"float32[2]", "float64[2]"}, [] { where(f32({2}), f32({2}), f64({2})); }},
    {"where", {"[4]", "[2, 3]"}, [] { where(f32({4}), f32(kMatrix), f32({3})); }},
    {"masked_fill", {"[2, 3]", "float32[3]"}, [] { masked_fill(f32({3}), f32(kMatrix), 0); }},
    {"masked_fill", {"undefined"}, [] { masked_fill(f32({3}), Variable(), 0); }},
};

const std::vector<Misuse> kReductions = {
    {"amin", {"no elements", "[0, 3]"}, [] { amin(f32(kEmpty), kFirst); }},
    {"amin", {"undefined"}, [] { amin(Variable(), kFirst); }},
    {"var",
     {"correction of 1", "[1, 3]"},
     [] {
       var(f32({1, 3}), kFirst);
     }},
    {"var", {"no elements", "[0, 3]"}, [] { var(f32(kEmpty), kFirst); }},
    {"var",
     {"[0, 0]", "twice"},
     [] {
       var(f32(kMatrix), Shape{0, 0});
     }},
    {"var", {"undefined"}, [] { var(Variable(), kFirst); }},
    {"stddev", {"correction of 2", "[2, 3]"}, [] { stddev(f32(kMatrix), kFirst, {.correction = 2}); }},
    {"norm", {"p 0.5"}, [] { norm(f32(kMatrix), kFirst, {.p = 0.5}); }},
    {"norm", {"undefined"}, [] { norm(Variable()); }},
    {"norm", {"int64[2]"}, [] { norm(i64({2})); }},
    {"cumsum", {"dimension 2"}, [] { cumsum(f32(kMatrix), 2); }},
    {"cumsum", {"int64[2]"}, [] { cumsum(i64({2}), 0); }},
    {"cumsum", {"undefined"}, [] { cumsum(Variable(), 0); }},
};

const std::vector<Misuse> kShapes = {
    {"unsqueeze", {"dimension 4", "[2, 3]"}, [] { unsqueeze(f32(kMatrix), 4); }},
    {"unsqueeze", {"undefined"}, [] { unsqueeze(Variable(), 0); }},
    {"squeeze", {"dimension 1", "[2, 3]", "not 1"}, [] { squeeze(f32(kMatrix), 1); }},
    {"squeeze", {"undefined"}, [] { squeeze(Variable(), 0); }},
    {"stack", {"at least one"}, [] { stack({}, 0); }},
    {"stack",
     {"float32[3]", "float32[2, 3]"},
     [] {
       stack(Variables{f32(kMatrix), f32({3})});
     }},
    {"stack",
     {"float64[3]"},
     [] {
       stack(Variables{f32({3}), f64({3})});
     }},
    {"stack",
     {"undefined"},
     [] {
       stack(Variables{f32({3}), Variable()});
     }},
    {"split",
     {"2 elements from 2", "[2, 3]"},
     [] {
       split(f32(kMatrix), std::vector<std::int64_t>{2, 2}, 1);
     }},
    {"split", {"2 elements together"}, [] { split(f32(kMatrix), std::vector<std::int64_t>{2}, 1); }},
    {"split",
     {"-1 elements"},
     [] {
       split(f32(kMatrix), std::vector<std::int64_t>{-1, 4}, 1);
     }},
    {"split", {"0 elements"}, [] { split(f32(kMatrix), 0, 1); }},
    {"split", {"dimension 2"}, [] { split(f32(kMatrix), 1, 2); }},
    {"chunk", {"0 parts"}, [] { chunk(f32(kMatrix), 0, 1); }},
    {"unbind", {"dimension 2"}, [] { unbind(f32(kMatrix), 2); }},
};

TEST_CASE("misuse of pointwise operations throws with the operation and the sizes") { check_misuses(kPointwise); }
TEST_CASE("misuse of reductions throws with the operation and the sizes") { check_misuses(kReductions); }
TEST_CASE("misuse of shape operations throws with the operation and the sizes") { check_misuses(kShapes); }

}  // namespace
}  // namespace duel::testing
