// Misuse of group normalisation, softmax, attention and modulated convolution.
#include <doctest/doctest.h>

#include <limits>

#include "duel/autograd/ops.h"
#include "tests/autograd/misuse.h"

namespace duel::testing {
namespace {

const std::vector<Misuse> kMisuses = {
    {"group_norm",
     {"4 groups", "float32[2, 6, 3]"},
     [] {
       group_norm(f32({2, 6, 3}), 4, {}, {}, 1e-5);
     }},
    {"group_norm",
     {"0 groups"},
     [] {
       group_norm(f32({2, 6, 3}), 0, {}, {}, 1e-5);
     }},
    {"group_norm",
     {"more than one element", "[2, 6]"},
     [] {
       group_norm(f32({2, 6}), 6, {}, {}, 1e-5);
     }},
    {"group_norm",
     {"more than one element", "[2, 6, 0]"},
     [] {
       group_norm(f32({2, 6, 0}), 2, {}, {}, 1e-5);
     }},
    {"group_norm",
     {"float32[3]", "[2, 6, 3]"},
     [] {
       group_norm(f32({2, 6, 3}), 2, f32({3}), {}, 1e-5);
     }},
    {"group_norm",
     {"float64[6]"},
     [] {
       group_norm(f32({2, 6, 3}), 2, {}, f64({6}), 1e-5);
     }},
    {"group_norm", {"undefined"}, [] { group_norm({}, 1, {}, {}, 1e-5); }},
    {"group_norm",
     {"eps", "-1"},
     [] {
       group_norm(f32({2, 6, 3}), 2, {}, {}, -1);
     }},
    {"group_norm",
     {"[0, 1]", "-1"},
     [] {
       group_norm(f32({2, 6, 3}), 2, {}, {}, 1e-5, {-1});
     }},
    {"instance_norm",
     {"[0, 1]", "2"},
     [] {
       instance_norm(f32({2, 3, 4}), {}, {}, 1e-5, {2});
     }},
    {"layer_norm",
     {"[0, 1]", "2"},
     [] {
       layer_norm(f32({2, 3}), {3}, {}, {}, 1e-5, {2});
     }},
    {"instance_norm",
     {"more than one element", "[2, 3, 1, 1]"},
     [] {
       instance_norm(f32({2, 3, 1, 1}), {}, {}, 0);
     }},
    {"instance_norm",
     {"more than one element", "[2, 3]"},
     [] {
       instance_norm(f32({2, 3}), {}, {}, 1e-5);
     }},
    {"instance_norm",
     {"int64[2, 3, 4]"},
     [] {
       instance_norm(i64({2, 3, 4}), {}, {}, 1e-5);
     }},
    {"instance_norm",
     {"no moments", "[0, 3, 4]"},
     [] {
       BatchMoments moments;
       instance_norm(f32({0, 3, 4}), {}, {}, 1e-5, {}, &moments);
     }},
    {"adaptive_instance_norm",
     {"float32[3]", "[2, 3, 4]"},
     [] {
       adaptive_instance_norm(f32({2, 3, 4}), f32({3}), f32({2, 3}), 1e-5);
     }},
    {"adaptive_instance_norm",
     {"undefined"},
     [] {
       adaptive_instance_norm(f32({2, 3, 4}), f32({2, 3}), {}, 1e-5);
     }},
    {"layer_norm",
     {"[4]", "float32[2, 3]"},
     [] {
       layer_norm(f32({2, 3}), {4}, {}, {}, 1e-5);
     }},
    {"layer_norm",
     {"[1, 2, 3]"},
     [] {
       layer_norm(f32({2, 3}), {1, 2, 3}, {}, {}, 1e-5);
     }},
    {"layer_norm",
     {"[]"},
     [] {
       layer_norm(f32({2, 3}), {}, {}, {}, 1e-5);
     }},
    {"layer_norm",
     {"[0]"},
     [] {
       layer_norm(f32({2, 0}), {0}, {}, {}, 1e-5);
     }},
    {"layer_norm",
     {"float32[2]", "[3]"},
     [] {
       layer_norm(f32({2, 3}), {3}, f32({2}), {}, 1e-5);
     }},
    {"layer_norm",
     {"float64[3]"},
     [] {
       layer_norm(f32({2, 3}), {3}, {}, f64({3}), 1e-5);
     }},
    {"layer_norm", {"undefined"}, [] { layer_norm({}, {3}, {}, {}, 1e-5); }},
    {"layer_norm",
     {"eps"},
     [] {
       layer_norm(f32({2, 3}), {3}, {}, {}, -1e-5);
     }},
    {"pixel_norm", {"float32[3]"}, [] { pixel_norm(f32({3}), 1e-8); }},
    {"pixel_norm",
     {"[2, 0, 3]"},
     [] {
       pixel_norm(f32({2, 0, 3}), 1e-8);
     }},
    {"pixel_norm",
     {"eps"},
     [] {
       pixel_norm(f32({2, 3}), -1);
     }},
    {"softmax",
     {"int64[2, 3]"},
     [] {
       softmax(i64({2, 3}), 1);
     }},
    {"softmax", {"undefined"}, [] { softmax({}, 0); }},
    {"softmax",
     {"dimension 2", "[2, 3]"},
     [] {
       softmax(f32({2, 3}), 2);
     }},
    {"softmax", {"float32[]"}, [] { softmax(f32({}), 0); }},
    {"log_softmax",
     {"dimension -3"},
     [] {
       log_softmax(f32({2, 3}), -3);
     }},
    {"log_softmax", {"undefined"}, [] { log_softmax({}, 0); }},
    {"logsumexp", {"undefined"}, [] { logsumexp({}, {0}); }},
    {"logsumexp", {"int64[2]"}, [] { logsumexp(i64({2}), {0}); }},
    {"logsumexp",
     {"twice"},
     [] {
       logsumexp(f32({2, 3}), {1, -1});
     }},
    {"logsumexp",
     {"dimension 2"},
     [] {
       logsumexp(f32({2, 3}), {2});
     }},
    {"scaled_dot_product_attention",
     {"float32[2, 3, 4]", "float32[2, 5, 6]"},
     [] {
       scaled_dot_product_attention(f32({2, 3, 4}), f32({2, 5, 6}), f32({2, 5, 4}));
     }},
    {"scaled_dot_product_attention",
     {"float32[2, 5, 4]", "float32[2, 6, 4]"},
     [] {
       scaled_dot_product_attention(f32({2, 3, 4}), f32({2, 5, 4}), f32({2, 6, 4}));
     }},
    {"scaled_dot_product_attention",
     {"[2, 0, 4]"},
     [] {
       scaled_dot_product_attention(f32({2, 3, 4}), f32({2, 0, 4}), f32({2, 0, 4}));
     }},
    {"scaled_dot_product_attention",
     {"[3, 0]"},
     [] {
       scaled_dot_product_attention(f32({3, 0}), f32({5, 0}), f32({5, 2}));
     }},
    {"scaled_dot_product_attention",
     {"float32[4]"},
     [] {
       scaled_dot_product_attention(f32({4}), f32({5, 4}), f32({5, 4}));
     }},
    {"scaled_dot_product_attention",
     {"float64[5, 4]"},
     [] {
       scaled_dot_product_attention(f32({3, 4}), f64({5, 4}), f32({5, 4}));
     }},
    {"scaled_dot_product_attention",
     {"[2]", "[3]", "broadcast"},
     [] {
       scaled_dot_product_attention(f32({2, 3, 4}), f32({3, 5, 4}), f32({3, 5, 4}));
     }},
    {"scaled_dot_product_attention",
     {"scale", "nan"},
     [] {
       scaled_dot_product_attention(f32({3, 4}), f32({5, 4}), f32({5, 4}), std::numeric_limits<double>::quiet_NaN());
     }},
    {"scaled_dot_product_attention",
     {"undefined"},
     [] {
       scaled_dot_product_attention(f32({3, 4}), {}, f32({5, 4}));
     }},
    {"demodulate",
     {"float32[3, 4]"},
     [] {
       demodulate(f32({3, 4}));
     }},
    {"demodulate",
     {"eps"},
     [] {
       demodulate(f32({3, 4, 1, 1}), -1);
     }},
    {"modulated_conv2d",
     {"float32[1, 2, 4, 4]", "float32[3, 5, 1, 1]"},
     [] {
       modulated_conv2d(f32({1, 2, 4, 4}), f32({3, 5, 1, 1}), f32({1, 2}));
     }},
    {"modulated_conv2d",
     {"styles", "float32[2]"},
     [] {
       modulated_conv2d(f32({1, 2, 4, 4}), f32({3, 2, 1, 1}), f32({2}));
     }},
    {"modulated_conv2d",
     {"one group", "2"},
     [] {
       modulated_conv2d(f32({1, 2, 4, 4}), f32({4, 2, 1, 1}), f32({1, 2}), {.geometry = {.groups = 2}});
     }},
    {"modulated_conv2d",
     {"undefined"},
     [] {
       modulated_conv2d(f32({1, 2, 4, 4}), {}, f32({1, 2}));
     }},
};

TEST_CASE("misuse of group normalisation, softmax and attention throws with the operation and the sizes") {
  check_misuses(kMisuses);
}

}  // namespace
}  // namespace duel::testing
