// What is wrong is refused, by name and with the sizes.
#include <doctest/doctest.h>

#include <limits>

#include "duel/autograd/ops.h"
#include "tests/autograd/misuse.h"

namespace duel::testing {
namespace {

const std::vector<Misuse> kMisuses = {
    {"add",
     {"[2, 3]", "[2, 4]", "do not broadcast"},
     [] {
       f32({2, 3}) + f32({2, 4});
     }},
    {"mul", {"float32[2]", "float64[2]"}, [] { f32({2}) * f64({2}); }},
    {"div", {"undefined"}, [] { f32({2}) / Variable(); }},
    {"sub", {"int64[2]"}, [] { Variable(i64({2})) - Variable(i64({2})); }},
    {"maximum", {"[3]", "[2]"}, [] { maximum(f32({3}), f32({2})); }},
    {"minimum", {"float32[3]", "float64[3]"}, [] { minimum(f32({3}), f64({3})); }},
    {"exp", {"int64[2]"}, [] { exp(i64({2})); }},
    {"tanh", {"undefined"}, [] { tanh(Variable()); }},
    {"clamp", {"low 2", "high 1"}, [] { clamp(f32({2}), 2, 1); }},
    {"cast", {"float32", "int64"}, [] { cast(f32({2}), DType::int64); }},
    {"cast", {"undefined"}, [] { cast(Variable(), DType::float64); }},
    {"expand",
     {"[3]", "[2, 4]"},
     [] {
       expand(f32({3}), {2, 4});
     }},
    {"expand",
     {"undefined"},
     [] {
       expand(Variable(), {2, 4});
     }},
    {"reshape",
     {"[2, 3]", "[4]"},
     [] {
       reshape(f32({2, 3}), {4});
     }},
    {"reshape",
     {"[2, 3]", "[-1, 4]"},
     [] {
       reshape(f32({2, 3}), {-1, 4});
     }},
    {"reshape",
     {"[-1, -1]"},
     [] {
       reshape(f32({2, 3}), {-1, -1});
     }},
    {"reshape", {"undefined"}, [] { reshape(Variable(), {1}); }},
    {"permute",
     {"[0, 0]"},
     [] {
       permute(f32({2, 3}), {0, 0});
     }},
    {"permute",
     {"[0]"},
     [] {
       permute(f32({2, 3}), {0});
     }},
    {"permute", {"undefined"}, [] { permute(Variable(), {}); }},
    {"transpose",
     {"dimension 2", "[2, 3]"},
     [] {
       transpose(f32({2, 3}), 0, 2);
     }},
    {"slice",
     {"[1:9:1]", "[2, 3]"},
     [] {
       slice(f32({2, 3}), 1, 1, 9);
     }},
    {"slice",
     {"[0:3:0]"},
     [] {
       slice(f32({2, 3}), 1, 0, 3, 0);
     }},
    {"slice",
     {"[-1:3:1]"},
     [] {
       slice(f32({2, 3}), 1, -1, 3);
     }},
    {"slice_grad", {"[3]", "4"}, [] { slice_grad(f32({3}), 0, 4, 0, 2); }},
    {"slice_grad", {"-4"}, [] { slice_grad(f32({0}), 0, -4, 0, 1); }},
    {"concat", {"at least one"}, [] { concat({}, 0); }},
    {"concat",
     {"float32[2, 4]", "float32[2, 3]"},
     [] {
       concat({f32({2, 3}), f32({2, 4})}, 0);
     }},
    {"concat",
     {"float64[2, 3]"},
     [] {
       concat({f32({2, 3}), f64({2, 3})}, 0);
     }},
    {"concat",
     {"undefined"},
     [] {
       concat({f32({2, 3}), Variable()}, 0);
     }},
    {"pad",
     {"[2]"},
     [] {
       pad(f32({2}), {{1, 1}, {1, 1}});
     }},
    {"pad",
     {"[2]", "3"},
     [] {
       pad(f32({2}), {{-3, 0}});
     }},
    {"pad",
     {"elements"},
     [] {
       pad(f32({2}), {{std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max()}});
     }},
    {"pad",
     {"elements"},
     [] {
       pad(f32({2}), {{std::numeric_limits<std::int64_t>::min(), 0}});
     }},
    {"pad", {"undefined"}, [] { pad(Variable(), {}); }},
    {"sum",
     {"[0, 0]"},
     [] {
       sum(f32({2, 3}), {0, 0});
     }},
    {"sum",
     {"[2, 3]", "2"},
     [] {
       sum(f32({2, 3}), {2});
     }},
    {"sum_to",
     {"[4]", "[2, 3]"},
     [] {
       sum_to(f32({2, 3}), {4});
     }},
    {"sum_to",
     {"[1, 2, 3]", "[2, 3]"},
     [] {
       sum_to(f32({2, 3}), {1, 2, 3});
     }},
    {"sum: ", {"undefined"}, [] { sum(Variable(), {0}); }},
    {"mean: ", {"undefined"}, [] { mean(Variable()); }},
    {"mean: ", {"int64[2]"}, [] { mean(i64({2}), {0}); }},
    {"sum_to", {"int64[2]"}, [] { sum_to(i64({2}), {}); }},
    {"mean",
     {"no elements", "[0, 3]"},
     [] {
       mean(f32({0, 3}));
     }},
    {"mean",
     {"no elements", "[0, 3]"},
     [] {
       mean(f32({0, 3}), {0});
     }},
    {"amax",
     {"no elements", "[0, 3]"},
     [] {
       amax(f32({0, 3}), {0});
     }},
    {"amax", {"int64[2]"}, [] { amax(i64({2}), {0}); }},
    {"matmul",
     {"float32[2, 3]", "float32[4, 5]"},
     [] {
       matmul(f32({2, 3}), f32({4, 5}));
     }},
    {"matmul",
     {"float32[3]"},
     [] {
       matmul(f32({3}), f32({3, 2}));
     }},
    {"matmul",
     {"float32[2, 3]", "float64[3, 2]"},
     [] {
       matmul(f32({2, 3}), f64({3, 2}));
     }},
    {"matmul",
     {"[2]", "[3]"},
     [] {
       matmul(f32({2, 1, 1}), f32({3, 1, 1}));
     }},
    {"linear",
     {"float32[2, 3]", "float32[4, 5]"},
     [] {
       linear(f32({2, 3}), f32({4, 5}));
     }},
    {"linear",
     {"float32[3]", "4"},
     [] {
       linear(f32({2, 5}), f32({4, 5}), f32({3}));
     }},
    {"conv2d",
     {"float32[1, 3, 8, 8]", "float32[4, 2, 3, 3]"},
     [] {
       conv2d(f32({1, 3, 8, 8}), f32({4, 2, 3, 3}));
     }},
    {"conv2d",
     {"float32[3, 8, 8]"},
     [] {
       conv2d(f32({3, 8, 8}), f32({4, 3, 3, 3}));
     }},
    {"conv2d",
     {"float32[1, 1, 2, 2]", "larger"},
     [] {
       conv2d(f32({1, 1, 2, 2}), f32({1, 1, 3, 3}));
     }},
    {"conv2d",
     {"bias", "float32[3]", "4"},
     [] {
       conv2d(f32({1, 2, 4, 4}), f32({4, 2, 3, 3}), f32({3}));
     }},
    {"conv2d",
     {"bias", "float64[4]", "float32"},
     [] {
       conv2d(f32({1, 2, 4, 4}), f32({4, 2, 3, 3}), f64({4}));
     }},
    {"conv2d",
     {"rectifier", "1.5"},
     [] {
       conv2d(f32({1, 2, 4, 4}), f32({4, 2, 3, 3}), {}, {}, {1.5});
     }},
    {"conv2d",
     {"rectifier", "-0.2"},
     [] {
       conv2d(f32({1, 2, 4, 4}), f32({4, 2, 3, 3}), {}, {}, {-0.2});
     }},
    {"conv_transpose2d",
     {"rectifier", "nan"},
     [] {
       conv_transpose2d(f32({1, 2, 4, 4}), f32({2, 4, 3, 3}), {}, {}, {0, 0},
                        {std::numeric_limits<double>::quiet_NaN()});
     }},
    {"conv_transpose2d",
     {"bias", "float32[2]", "4"},
     [] {
       conv_transpose2d(f32({1, 2, 4, 4}), f32({2, 4, 3, 3}), f32({2}));
     }},
    {"conv2d",
     {"stride"},
     [] {
       conv2d(f32({1, 2, 4, 4}), f32({4, 2, 3, 3}), {}, {.stride = {0, 1}});
     }},
    {"conv2d",
     {"padding"},
     [] {
       conv2d(f32({1, 2, 4, 4}), f32({4, 2, 3, 3}), {}, {.padding = {-1, 1}});
     }},
    {"conv2d",
     {"group"},
     [] {
       conv2d(f32({1, 2, 4, 4}), f32({4, 2, 3, 3}), {}, {.groups = 0});
     }},
    {"conv2d",
     {"3 groups"},
     [] {
       conv2d(f32({1, 6, 4, 4}), f32({4, 2, 3, 3}), {}, {.groups = 3});
     }},
    {"conv2d",
     {"float64"},
     [] {
       conv2d(f32({1, 2, 4, 4}), f64({4, 2, 3, 3}));
     }},
    {"conv2d",
     {"kernel"},
     [] {
       conv2d(f32({1, 2, 4, 4}), f32({4, 2, 0, 3}));
     }},
    {"upsample_conv2d",
     {"undefined"},
     [] {
       upsample_conv2d(Variable(), f32({4, 2, 3, 3}));
     }},
    {"upsample_conv2d",
     {"float32[1, 3, 4, 4]", "float32[4, 2, 3, 3]"},
     [] {
       upsample_conv2d(f32({1, 3, 4, 4}), f32({4, 2, 3, 3}));
     }},
    {"upsample_conv2d",
     {"float32[4, 1, 9, 9]", "larger", "float32[1, 1, 3, 3]"},
     [] {
       upsample_conv2d(f32({1, 1, 3, 3}), f32({4, 1, 9, 9}), {}, {.padding = {1, 1}});
     }},
    {"upsample_conv2d",
     {"padding"},
     [] {
       upsample_conv2d(f32({1, 2, 4, 4}), f32({4, 2, 3, 3}), {},
                       {.padding = {std::numeric_limits<std::int64_t>::min(), 0}});
     }},
    {"conv2d_avg_pool2d",
     {"kernel", "float32[4, 2, 0, 3]"},
     [] {
       conv2d_avg_pool2d(f32({1, 2, 4, 4}), f32({4, 2, 0, 3}));
     }},
    {"conv2d_avg_pool2d",
     {"float32[1, 1, 3, 5]", "less than 2 x 2"},
     [] {
       conv2d_avg_pool2d(f32({1, 1, 3, 5}), f32({1, 1, 3, 3}));
     }},
    {"conv2d_avg_pool2d",
     {"4 dimensions", "float64"},
     [] {
       conv2d_avg_pool2d(f64({1, 2, 4, 4}), f32({4, 2, 3, 3}));
     }},
    {"conv_transpose2d",
     {"float32[1, 3, 4, 4]", "float32[2, 3, 3, 3]"},
     [] {
       conv_transpose2d(f32({1, 3, 4, 4}), f32({2, 3, 3, 3}));
     }},
    {"conv_transpose2d",
     {"output padding 2 x 0"},
     [] {
       conv_transpose2d(f32({1, 2, 4, 4}), f32({2, 3, 3, 3}), {}, {.stride = {2, 2}}, {2, 0});
     }},
    {"conv_transpose2d",
     {"empty"},
     [] {
       conv_transpose2d(f32({1, 2, 1, 1}), f32({2, 3, 1, 1}), {}, {.padding = {2, 2}});
     }},
    {"conv2d_input_grad",
     {"float32[1, 2, 4, 4]", "9 x 9"},
     [] {
       conv2d_input_grad(f32({1, 2, 4, 4}), f32({2, 3, 3, 3}), {9, 9}, {});
     }},
    {"conv2d_weight_grad",
     {"float32[1, 2, 4, 4]", "float32[1, 3, 4, 4]", "3 x 3"},
     [] {
       conv2d_weight_grad(f32({1, 2, 4, 4}), f32({1, 3, 4, 4}), {3, 3}, {});
     }},
    {"batch_norm",
     {"more than one element", "float32[1, 3]"},
     [] {
       batch_norm(f32({1, 3}), {}, {}, 1e-5);
     }},
    {"batch_norm", {"float32[5]"}, [] { batch_norm(f32({5}), {}, {}, 1e-5); }},
    {"batch_norm",
     {"gain", "float32[2]", "float32[4, 3]"},
     [] {
       batch_norm(f32({4, 3}), f32({2}), {}, 1e-5);
     }},
    {"batch_norm",
     {"float64[3]"},
     [] {
       batch_norm(f32({4, 3}), {}, f64({3}), 1e-5);
     }},
    {"batch_norm",
     {"[0, 1]", "1.5"},
     [] {
       batch_norm(f32({4, 3}), {}, {}, 1e-5, {1.5});
     }},
    {"batch_norm",
     {"[0, 1]", "nan"},
     [] {
       batch_norm(f32({4, 3}), {}, {}, 1e-5, {std::numeric_limits<double>::quiet_NaN()});
     }},
    {"normalize_channels",
     {"float32[2]", "float32[4, 3]"},
     [] {
       normalize_channels(f32({4, 3}), Tensor::zeros({2}), Tensor::zeros({3}), {}, {}, 1e-5);
     }},
    {"normalize_channels",
     {"float64[3]", "float32[4, 3]"},
     [] {
       const Tensor t = Tensor::zeros({3}, {.dtype = DType::float64});
       normalize_channels(f32({4, 3}), t, t, {}, {}, 1e-5);
     }},
    {"normalize_channels",
     {"[0, 1]", "-0.2"},
     [] {
       const Tensor t = Tensor::zeros({3});
       normalize_channels(f32({4, 3}), t, t, {}, {}, 1e-5, {-0.2});
     }},
    {"dropout",
     {"1"},
     [] {
       Rng rng(1);
       dropout(f32({2}), 1, rng);
     }},
    {"dropout",
     {"-0.5"},
     [] {
       Rng rng(1);
       dropout(f32({2}), -0.5, rng);
     }},
    {"dropout2d",
     {"float32[2]"},
     [] {
       Rng rng(1);
       dropout2d(f32({2}), 0.5, rng);
     }},
};

TEST_CASE("misuse throws with the operation and the sizes") { check_misuses(kMisuses); }

}  // namespace
}  // namespace duel::testing
