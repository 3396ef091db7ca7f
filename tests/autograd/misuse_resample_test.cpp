// Misuse of autograd/resample.h, upfirdn2d.h, pool.h, grid_sample.h and conv1d.h.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "duel/autograd/ops.h"
#include "tests/autograd/misuse.h"

namespace duel::testing {
namespace {

constexpr std::int64_t kHuge = std::int64_t{1} << 62;

Variable picture() { return f32({1, 4, 5, 6}); }
Taps kept(std::int64_t pixels) { return pad_taps(pixels, 0, pixels, PadMode::zeros); }

const std::vector<Misuse> kResampling = {
    {"resample2d", {"undefined"}, [] { resample2d(Variable(), kept(5), kept(6)); }},
    {"resample2d",
     {"float32[4, 5, 6]"},
     [] {
       resample2d(f32({4, 5, 6}), kept(5), kept(6));
     }},
    {"resample2d",
     {"int64[1, 4, 5, 6]"},
     [] {
       resample2d(i64({1, 4, 5, 6}), kept(5), kept(6));
     }},
    {"resample2d", {"index 5", "axis of 5"}, [] { resample2d(picture(), kept(6), kept(6)); }},
    {"resample2d",
     {"index -1"},
     [] {
       resample2d(picture(), make_taps({{{-1, 1}}}), kept(6));
     }},
    {"resample2d", {"taps"}, [] { resample2d(picture(), {}, kept(6)); }},
    {"resample2d",
     {"rise"},
     [] {
       resample2d(picture(), {Tensor::from<std::int64_t>({0, 9}, {2}), kept(5).index, kept(5).weight}, kept(6));
     }},
    {"upsample_nearest",
     {"undefined"},
     [] {
       upsample_nearest(Variable(), {.scale = {2, 2}});
     }},
    {"upsample_nearest", {"either"}, [] { upsample_nearest(picture(), {}); }},
    {"upsample_nearest",
     {"either"},
     [] {
       upsample_nearest(picture(), {.size = {2, 2}, .scale = {2, 2}});
     }},
    {"upsample_nearest",
     {"-1"},
     [] {
       upsample_nearest(picture(), {.size = {2, -1}});
     }},
    {"upsample_nearest",
     {"0 x 3"},
     [] {
       upsample_nearest(picture(), {.size = {0, 3}});
     }},
    {"upsample_nearest",
     {"pixel", "float32[1, 2, 0, 3]"},
     [] {
       upsample_nearest(f32({1, 2, 0, 3}), {.scale = {2, 2}});
     }},
    {"upsample_bilinear",
     {"scale 0.1", "5"},
     [] {
       upsample_bilinear(picture(), {.scale = {0.1, 1}});
     }},
    {"upsample_bilinear",
     {"scale nan"},
     [] {
       upsample_bilinear(picture(), {.scale = {NAN, 1}});
     }},
    {"upsample_bilinear",
     {"scale -2"},
     [] {
       upsample_bilinear(picture(), {.scale = {-2, 1}});
     }},
    {"upsample_bilinear",
     {"scale inf"},
     [] {
       upsample_bilinear(picture(), {.scale = {1, INFINITY}});
     }},
    {"resample2d",
     {"an axis of 1073741824 pixels"},
     [] {
       upsample_nearest(picture(), {.size = {1 << 30, 1}});
     }},
    {"resample2d",
     {"an axis of 2147483653 pixels"},
     [] {
       pad2d(picture(), {{std::int64_t{1} << 31, 0}, {}}, PadMode::zeros);
     }},
    {"upsample_bilinear",
     {"float32[5]"},
     [] {
       upsample_bilinear(f32({5}), {.scale = {2, 2}});
     }},
    {"pad2d",
     {"reflecting", "5 and 0", "5"},
     [] {
       pad2d(picture(), {{5, 0}, {0, 0}}, PadMode::reflect);
     }},
    {"pad2d",
     {"reflecting"},
     [] {
       pad2d(f32({1, 1, 0, 2}), {{0, 1}, {0, 0}}, PadMode::reflect);
     }},
    {"pad2d",
     {"replicate", "float32[1, 1, 0, 2]"},
     [] {
       pad2d(f32({1, 1, 0, 2}), {{0, 1}, {0, 0}}, PadMode::replicate);
     }},
    {"pad2d",
     {"cropping 3 and 3"},
     [] {
       pad2d(picture(), {{-3, -3}, {0, 0}}, PadMode::zeros);
     }},
    {"pad2d",
     {"padding"},
     [] {
       pad2d(picture(), {{kHuge, kHuge}, {0, 0}}, PadMode::zeros);
     }},
    {"pad2d", {"undefined"}, [] { pad2d(Variable(), {}, PadMode::zeros); }},
    {"pixel_shuffle", {"float32[1, 4, 5, 6]", "3 x 3"}, [] { pixel_shuffle(picture(), 3); }},
    {"pixel_shuffle", {"0 x 0"}, [] { pixel_shuffle(picture(), 0); }},
    {"pixel_shuffle", {"multiple"}, [] { pixel_shuffle(picture(), kHuge); }},
    {"pixel_shuffle", {"undefined"}, [] { pixel_shuffle(Variable(), 2); }},
    {"pixel_unshuffle", {"float32[1, 4, 5, 6]", "2"}, [] { pixel_unshuffle(picture(), 2); }},
    {"pixel_unshuffle", {"-1"}, [] { pixel_unshuffle(picture(), -1); }},
    {"upfirdn2d", {"undefined"}, [] { upfirdn2d(Variable(), binomial_filter(3)); }},
    {"upfirdn2d", {"filter"}, [] { upfirdn2d(picture(), Tensor()); }},
    {"upfirdn2d", {"int64[3]"}, [] { upfirdn2d(picture(), i64({3})); }},
    {"upfirdn2d", {"float32[0]"}, [] { upfirdn2d(picture(), Tensor::zeros({0})); }},
    {"upfirdn2d", {"9 taps", "5 pixels"}, [] { upfirdn2d(picture(), binomial_filter(9)); }},
    {"upfirdn2d",
     {"6 pixels"},
     [] {
       upfirdn2d(picture(), Tensor::zeros({2, 7}));
     }},
    {"upfirdn2d",
     {"from 1"},
     [] {
       upfirdn2d(picture(), binomial_filter(3), {.up = {0, 1}});
     }},
    {"upfirdn2d",
     {"from 1"},
     [] {
       upfirdn2d(picture(), binomial_filter(3), {.down = {1, -2}});
     }},
    {"upfirdn2d",
     {"padding"},
     [] {
       upfirdn2d(picture(), binomial_filter(3), {.padding = {{kHuge, kHuge}, {}}});
     }},
    {"upfirdn2d",
     {"padding"},
     [] {
       upfirdn2d(picture(), binomial_filter(3), {.padding = {{std::numeric_limits<std::int64_t>::min(), 0}, {}}});
     }},
    {"fir_upsample2d", {"factor", "0"}, [] { fir_upsample2d(picture(), binomial_filter(3), 0); }},
    {"fir_upsample2d", {"filter"}, [] { fir_upsample2d(picture(), Tensor()); }},
    {"fir_downsample2d", {"factor", "-2"}, [] { fir_downsample2d(picture(), binomial_filter(3), -2); }},
    {"binomial_filter", {"0"}, [] { binomial_filter(0); }},
};

const std::vector<Misuse> kPooling = {
    {"avg_pool2d", {"undefined"}, [] { avg_pool2d(Variable()); }},
    {"avg_pool2d",
     {"window of 7", "5"},
     [] {
       avg_pool2d(picture(), {.kernel = {7, 1}});
     }},
    {"avg_pool2d",
     {"padding", "half"},
     [] {
       avg_pool2d(picture(), {.kernel = {2, 2}, .padding = {2, 0}});
     }},
    {"avg_pool2d",
     {"padding"},
     [] {
       avg_pool2d(picture(), {.padding = {-1, 0}});
     }},
    {"avg_pool2d",
     {"kernel"},
     [] {
       avg_pool2d(picture(), {.kernel = {0, 1}});
     }},
    {"avg_pool2d",
     {"stride"},
     [] {
       avg_pool2d(picture(), {.stride = {1, -1}});
     }},
    {"avg_pool2d",
     {"float32[1, 1, 0, 4]"},
     [] {
       avg_pool2d(f32({1, 1, 0, 4}));
     }},
    {"adaptive_avg_pool2d",
     {"0 x 3"},
     [] {
       adaptive_avg_pool2d(picture(), {0, 3});
     }},
    {"adaptive_avg_pool2d",
     {"float32[1, 1, 0, 4]"},
     [] {
       adaptive_avg_pool2d(f32({1, 1, 0, 4}), {1, 1});
     }},
    {"max_pool2d",
     {"int64[1, 1, 4, 4]"},
     [] {
       max_pool2d(i64({1, 1, 4, 4}));
     }},
    {"max_pool2d", {"undefined"}, [] { max_pool2d(Variable()); }},
    {"max_pool2d",
     {"window of 7", "5"},
     [] {
       max_pool2d(picture(), {.kernel = {3, 1}, .dilation = {3, 1}});
     }},
    {"max_pool2d",
     {"dilation"},
     [] {
       max_pool2d(picture(), {.dilation = {0, 1}});
     }},
    {"max_pool2d",
     {"kernel"},
     [] {
       max_pool2d(picture(), {.kernel = {kHuge, 1}});
     }},
    {"max_pool2d",
     {"has none"},
     [] {
       max_pool2d(f32({1, 1, 2, 2}), {.kernel = {2, 2}, .padding = {1, 1}, .dilation = {3, 3}});
     }},
    {"global_sum_pool",
     {"float32[3, 4]"},
     [] {
       global_sum_pool(f32({3, 4}));
     }},
    {"global_mean_pool",
     {"float32[1, 2, 0, 3]"},
     [] {
       global_mean_pool(f32({1, 2, 0, 3}));
     }},
    {"affine_grid",
     {"float32[2, 3]"},
     [] {
       affine_grid(f32({2, 3}), {4, 4});
     }},
    {"affine_grid",
     {"undefined"},
     [] {
       affine_grid(Variable(), {4, 4});
     }},
    {"affine_grid",
     {"0 x 4"},
     [] {
       affine_grid(f32({1, 2, 3}), {0, 4});
     }},
    {"grid_sample", {"undefined"}, [] { grid_sample(picture(), Variable()); }},
    {"grid_sample",
     {"float32[1, 2, 2, 3]"},
     [] {
       grid_sample(picture(), f32({1, 2, 2, 3}));
     }},
    {"grid_sample",
     {"float32[2, 2, 2, 2]", "float32[1, 4, 5, 6]"},
     [] {
       grid_sample(picture(), f32({2, 2, 2, 2}));
     }},
    {"grid_sample",
     {"float64[1, 2, 2, 2]"},
     [] {
       grid_sample(picture(), f64({1, 2, 2, 2}));
     }},
    {"grid_sample",
     {"float32[1, 1, 0, 2]"},
     [] {
       grid_sample(f32({1, 1, 0, 2}), f32({1, 2, 2, 2}));
     }},
    {"grid_sample_input_grad",
     {"float32[1, 4, 5, 6]", "float32[1, 2, 2, 2]"},
     [] {
       grid_sample_input_grad(picture(), f32({1, 2, 2, 2}), {3, 3});
     }},
    {"grid_sample_input_grad",
     {"size", "0 x 3"},
     [] {
       grid_sample_input_grad(picture(), f32({1, 5, 6, 2}), {0, 3});
     }},
};

const std::vector<Misuse> kConv1d = {
    {"conv1d",
     {"undefined"},
     [] {
       conv1d(Variable(), f32({1, 1, 1}));
     }},
    {"conv1d",
     {"float32[1, 4, 5, 6]"},
     [] {
       conv1d(picture(), f32({1, 1, 1}));
     }},
    {"conv1d",
     {"float32[1, 3, 8]", "float32[4, 2, 3]"},
     [] {
       conv1d(f32({1, 3, 8}), f32({4, 2, 3}));
     }},
    {"conv1d",
     {"larger"},
     [] {
       conv1d(f32({1, 2, 2}), f32({4, 2, 3}));
     }},
    {"conv1d",
     {"stride"},
     [] {
       conv1d(f32({1, 2, 5}), f32({4, 2, 3}), {}, {.stride = 0});
     }},
    {"conv_transpose1d",
     {"output padding"},
     [] {
       conv_transpose1d(f32({1, 2, 5}), f32({2, 2, 3}), {}, {}, 1);
     }},
    {"conv_transpose1d",
     {"float32[1, 3, 5]"},
     [] {
       conv_transpose1d(f32({1, 3, 5}), f32({2, 2, 3}));
     }},
};

TEST_CASE("misuse of resampling throws with the operation and the sizes") { check_misuses(kResampling); }
TEST_CASE("misuse of pooling and grids throws with the operation and the sizes") { check_misuses(kPooling); }
TEST_CASE("misuse of conv1d throws with the operation and the sizes") { check_misuses(kConv1d); }

}  // namespace
}  // namespace duel::testing
