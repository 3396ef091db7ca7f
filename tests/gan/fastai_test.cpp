// fastai's critic and U-Net: counts and names as fastai 2.8 has them, PyTorch's values and gradients, any size, what
// their initialisation promises, and what they refuse.
#include "duel/gan/models/fastai.h"

#include "duel/gan/models/fastai_unet.h"
#include "duel/gan/models/resnet_encoder.h"
#include "tests/gan/residual_checks.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Training of the networks with dropout needs a stream, even where the golden file has none.
template <class Module>
Variable run(Module& m, const Variable& x, const Pass& pass) {
  Rng rng(9);
  return m(x, {.mode = pass.mode, .rng = &rng});
}

template <class Module>
void agrees_with_pytorch(const std::string& group, const Module& module, const Shape& shape) {
  check_whole_network<Module>("tutorial.json", group, module, shape, run<Module>);
  check_single_precision<Module>("tutorial.json", group, module, shape, run<Module>);
}

FastaiUnet unet(const ResnetEncoderOptions& encoder, const FastaiUnetOptions& o) {
  Rng rng(1);
  return {rng, resnet_encoder(rng, encoder), o};
}

Conv2d convolution(Rng& rng, std::int64_t in, std::int64_t out, std::int64_t stride) {
  return {rng, in, out, {.stride = stride, .padding = 1}};
}

// An encoder that is no residual network, and whose first layer keeps the size.
FastaiUnet plain_unet(const FastaiUnetOptions& o) {
  Rng rng(1);
  Sequential encoder{{convolution(rng, 3, 5, 1), ReLU{}, convolution(rng, 5, 6, 2), ReLU{}, convolution(rng, 6, 8, 2)}};
  return {rng, encoder, o};
}

// As fastai's super-resolution GAN has it.
FastaiUnetOptions restoring(Size2 size) {
  return {.size = size,
          .norm = FastaiNorm::weight,
          .blur = UnetBlur::all,
          .attention = UnetAttention::third_last,
          .range = PixelRange{-3, 2}};
}

}  // namespace

TEST_CASE("fastai: the published counts of parameters") {
  CHECK(count<FastaiCritic>() == 44705665);
  struct Row {
    const char* encoder;
    std::int64_t body, plain, restoring;
  };
  for (const Row& row :
       {Row{"resnet18", 11176512, 31113108, 31305374}, Row{"resnet34", 21284672, 41221268, 41413534}}) {
    CAPTURE(row.encoder);
    Rng rng(1);
    const ResnetEncoderOptions o = resnet_configuration(row.encoder);
    Sequential body = resnet_encoder(rng, o);
    CHECK(count_parameters(body) == row.body);
    const auto total = [&](const FastaiUnetOptions& options) {
      FastaiUnet network(rng, body, options);
      return count_parameters(network);
    };
    CHECK(total({.size = {32, 32}}) == row.plain);
    CHECK(total(restoring({32, 32})) == row.restoring);
  }
  Rng rng(1);
  Sequential body = resnet_encoder(rng, resnet_configuration("resnet50"));
  CHECK(count_parameters(body) == 23508032);
  CHECK(error_of([] { resnet_configuration("resnet35"); }) ==
        "resnet_configuration: there is no configuration 'resnet35' (nearest: resnet34)");
}

TEST_CASE("gan_critic: names, shapes, values, gradients and singular vectors are PyTorch's") {
  agrees_with_pytorch("gan_critic", made<FastaiCritic>({.width = 4, .blocks = 2, .dropout = 0}), {2, 3, 32, 40});
}

TEST_CASE("U-Net: names, shapes, values, gradients and buffers are PyTorch's") {
  const Size2 size{32, 32};
  agrees_with_pytorch("unet", unet({.width = 4, .blocks = {1, 2, 1, 1}}, {.out_channels = 2, .size = size}),
                      {2, 3, 40, 36});
  agrees_with_pytorch("unet weight", unet({.width = 8, .blocks = {1, 1, 1}}, restoring(size)), {2, 3, 32, 24});
  agrees_with_pytorch(
      "unet batch",
      unet({.width = 2, .blocks = {1, 1}, .kind = ResnetBlockKind::bottleneck}, {.size = size,
                                                                                 .norm = FastaiNorm::batch,
                                                                                 .blur = UnetBlur::all_but_last,
                                                                                 .bottleneck = UnetBottleneck::yes,
                                                                                 .slope = 0.2}),
      {2, 3, 16, 24});
  agrees_with_pytorch("unet instance",
                      plain_unet({.size = size, .norm = FastaiNorm::instance, .cross = UnetCross::none}),
                      {2, 3, 12, 10});
  agrees_with_pytorch("unet spectral", plain_unet({.size = size, .norm = FastaiNorm::spectral}), {1, 3, 11, 10});
}

TEST_CASE("U-Net: the published names of a ResNet inside") {
  auto network = unet({.width = 8, .blocks = {1, 1, 1, 1}, .kind = ResnetBlockKind::bottleneck}, restoring({64, 64}));
  CHECK(has_names(
      network, {"layers.0.0.weight", "layers.0.1.running_mean", "layers.0.4.0.conv3.weight",
                "layers.0.4.0.downsample.1.bias", "layers.0.7.0.bn1.weight", "layers.1.running_var",
                "layers.3.1.0.weight_g", "layers.4.shuf.0.0.weight_v", "layers.5.conv2.2.query.0.weight_u",
                "layers.7.bn.weight", "layers.8.0.0.bias", "layers.11.convpath.1.0.weight_v", "layers.12.0.weight_g"}));
}

TEST_CASE("weight normalisation starts as the layer was; its gain is a length") {
  Rng rng(2);
  const Conv2d conv(rng, 3, 4, {.padding = 1});
  WeightNorm<Conv2d> normalised(conv);
  const Tensor x = rng.normal({2, 3, 5, 5});
  CHECK(difference(normalised(x).value(), conv(x).value()) < 1e-6);
  CHECK(normalised.gain.shape() == Shape{4, 1, 1, 1});
  const Tensor before = normalised(x).value();
  Tensor(normalised.layer.weight.value()).copy_((3 * conv.weight).value().clone());
  CHECK(difference(normalised(x).value(), before) < 1e-6);
  Tensor(normalised.layer.weight.value()).fill_(0);
  CHECK(std::isfinite(largest(normalised(x))));
  CHECK(parameter_names(normalised) == std::vector<std::string>{"weight_v", "bias", "weight_g"});
}

TEST_CASE("U-Net: upsampling starts by repeating pixels, and the last block as the identity with batch norm") {
  auto network = unet({.width = 4, .blocks = {1, 1}}, {.size = {32, 32}, .norm = FastaiNorm::batch});
  Rng rng(3);
  const Tensor x = rng.normal({2, 8, 3, 4});
  const Variable y = network.blocks[0].shuf(x, kEvaluation);
  CHECK(y.shape() == Shape{2, 4, 6, 8});
  CHECK(difference(y.value(), upsample_nearest(avg_pool2d(y), {.scale = {2, 2}}).value()) < 1e-6);
  const Variable z = rng.uniform({2, 7, 4, 4}, 0.1, 1);
  CHECK(difference((*network.cross)(z, kEvaluation).value(), (z + 1e-3).value()) < 1e-6);
}

TEST_CASE("fastai: pictures of any size, and a score for each place") {
  Rng rng(4);
  const Pass training{.rng = &rng};
  auto critic = made<FastaiCritic>({.width = 2});
  CHECK(critic(rng.normal({1, 3, 64, 64}), training).shape() == Shape{1, 1});
  CHECK(critic(rng.normal({2, 3, 128, 97}), training).shape() == Shape{2, 15});
  auto network = unet({.width = 8, .blocks = {1, 1, 1}}, restoring({64, 64}));
  for (const Shape& shape : {Shape{1, 3, 64, 64}, Shape{2, 3, 33, 47}, Shape{1, 3, 20, 90}}) {
    CAPTURE(shape);
    const Tensor y = network(rng.normal(shape), training).value();
    CHECK(y.shape() == shape);
    for (double v : doubles(y)) REQUIRE((v > -3 && v < 2));
  }
}

TEST_CASE("fastai: every parameter gets a gradient, through the penalties too") {
  Rng rng(5);
  const Pass training{.rng = &rng};
  auto critic = made<FastaiCritic>({.width = 4, .blocks = 2});
  for (const auto& [name, p] : named_parameters(critic))
    if (name.ends_with("gamma")) Tensor(p.value()).fill_(0.5);
  const Tensor x = rng.normal({3, 3, 32, 32});
  check_all_gradients(critic,
                      mean(softplus(critic(x, training))) +
                          r1_penalty([&](const Variable& y) { return mean(critic(y, training), {1}); }, x, 1.0));
  auto network = unet({.width = 8, .blocks = {1, 1, 1}}, restoring({32, 32}));
  set_state(network);  // gammas that are not 0
  check_all_gradients(network, mean(square(network(numbers({3, 3, 32, 32}, 1)))));
}

TEST_CASE("fastai: gradients by finite differences") {
  check_by_differences("FastaiUnet", plain_unet({.size = {8, 8}, .norm = FastaiNorm::weight, .blur = UnetBlur::all}),
                       {1, 3, 6, 5}, 1);
}

TEST_CASE("fastai's networks refuse what does not fit") {
  Rng rng(6);
  CHECK(error_of([] { made<FastaiCritic>({.dropout = 1}); }) != "");
  auto critic = made<FastaiCritic>({.width = 2});
  CHECK(error_of([&] {
          critic(rng.normal({1, 3, 63, 64}), {.rng = &rng});
        }).starts_with("FastaiCritic: needs pictures of 64 x 64 at least"));
  CHECK(error_of([&] { critic(rng.normal({1, 1, 64, 64}), {.rng = &rng}); }) != "");
  CHECK(error_of([&] { critic(rng.normal({1, 3, 64, 64})); }) != "");  // dropout without a stream
  const Sequential flat{{convolution(rng, 3, 4, 1)}};
  CHECK(error_of([&] {
          FastaiUnet(rng, flat, {.size = {8, 8}});
        }).starts_with("FastaiUnet: the encoder must change the size of its maps"));
  CHECK(error_of([&] { FastaiUnet(rng, Sequential{{Flatten{}}}, {.size = {8, 8}}); }) != "");
  CHECK(error_of([&] { FastaiUnet(rng, flat, {.size = {0, 8}}); }) != "");
  CHECK(error_of([&] { plain_unet({.size = {8, 8}, .range = PixelRange{1, 1}}); }) != "");
  auto network = plain_unet({.size = {8, 8}});
  CHECK(error_of([&] { network(rng.normal({1, 4, 8, 8})); }) != "");
}
