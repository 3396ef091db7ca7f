// What training is made of above the operations, on CUDA against the CPU: drawings, augmentation, losses, penalties,
// layers with state. All of it stays on the device: what it draws is the same there, bit for bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/gan/augment.h"
#include "duel/gan/class_losses.h"
#include "duel/gan/labels.h"
#include "duel/gan/penalties.h"
#include "duel/nn/attention.h"
#include "duel/nn/batch_norm.h"
#include "duel/nn/losses.h"
#include "tests/cuda/twins.h"
#include "tests/support/tensors.h"

namespace duel::testing {
namespace {

constexpr double kClose = 1e-11;  // float64, a few operations

Tensor numbers(const Shape& shape, std::uint64_t seed) {
  return Rng(seed).normal(shape, 0, 1, {.dtype = DType::float64});
}

Tensor to(const Tensor& t, Device device) { return t.defined() ? t.to(device) : t; }

// f's value and gradients for inputs on one device.
std::vector<Tensor> derivatives(Device device, const std::vector<Tensor>& inputs,
                                const std::function<Variable(const Variables&)>& f) {
  Variables xs;
  for (const Tensor& x : inputs) xs.push_back(Variable::leaf(x.to(device)));
  const Variable y = f(xs);
  std::vector<Tensor> all{y.value()};
  const Tensor cotangent = numbers(y.shape(), 99).to(device);
  for (const Variable& g : grad(y, xs, {.allow_unused = true, .grad_output = cotangent})) all.push_back(g.value());
  return all;
}

// `make(device)` gives the function for that device.
template <class Make>
void check_same(const std::vector<Tensor>& inputs, const Make& make) {
  const std::vector<Tensor> expected = derivatives(Device::cpu, inputs, make(Device::cpu));
  const std::vector<Tensor> found = derivatives(Device::cuda, inputs, make(Device::cuda));
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(found[i].device() == Device::cuda);
    CHECK(difference(found[i].to(Device::cpu), expected[i]) <= kClose);
  }
}

void check_equal(const Tensor& found, const Tensor& expected) {
  REQUIRE(found.defined() == expected.defined());
  if (!found.defined()) return;
  CHECK(found.device() == Device::cuda);
  CHECK(found.dtype() == expected.dtype());
  CHECK(doubles(found.to(Device::cpu)) == doubles(expected));
}

// Of the same state, and one whose seed lies on the device.
std::vector<Rng> streams(const Rng& rng) {
  const Tensor seed = Tensor::from({static_cast<std::int64_t>(rng.seed())}, {1}).to(Device::cuda);
  return {Rng(rng.seed()), Rng(seed)};
}

TEST_CASE("drawings on CUDA are those of the CPU" * on_cuda()) {
  const Shape shape{9, 3, 12, 7};
  for (const double probability : {1.0, 0.4}) {
    Rng host(7);
    const Tensor integers = host.integers({5, 3}, 1000);
    const DiffAugment augment = draw_diff_augment(host, "color,translation,cutout", shape, probability);
    const FlipAndShift flips = draw_flip_and_shift(host, shape, probability);
    for (Rng& rng : streams(Rng(7))) {
      check_equal(rng.integers({5, 3}, 1000, Device::cuda), integers);
      const DiffAugment a = draw_diff_augment(rng, "color,translation,cutout", shape, probability, Device::cuda);
      check_equal(a.brightness, augment.brightness);
      check_equal(a.saturation, augment.saturation);
      check_equal(a.contrast, augment.contrast);
      check_equal(a.translation.h, augment.translation.h);
      check_equal(a.translation.w, augment.translation.w);
      check_equal(a.cutout.h, augment.cutout.h);
      check_equal(a.cutout.w, augment.cutout.w);
      const FlipAndShift f = draw_flip_and_shift(rng, shape, probability, Device::cuda);
      check_equal(f.flipped, flips.flipped);
      check_equal(f.shift.h, flips.shift.h);
      check_equal(f.shift.w, flips.shift.w);
      CHECK(rng.counter() == host.counter());
    }
  }
}

TEST_CASE("a probability of augmentation that lies on CUDA is that number" * on_cuda()) {
  const Shape shape{40, 3, 12, 7};
  for (const double probability : {0.0, 0.4, 1.0}) {
    const Tensor number = Tensor::full({}, probability, {.dtype = DType::float64});
    Rng host(7);
    const DiffAugment expected = draw_diff_augment(host, "color,translation,cutout", shape, number, Device::cpu);
    for (Rng& rng : streams(Rng(7))) {
      const DiffAugment found =
          draw_diff_augment(rng, "color,translation,cutout", shape, number.to(Device::cuda), Device::cuda);
      check_equal(found.saturation, expected.saturation);
      check_equal(found.translation.h, expected.translation.h);
      check_equal(found.cutout.w, expected.cutout.w);
    }
    const std::vector<double> saturation = doubles(expected.saturation);
    const auto untouched = std::count(saturation.begin(), saturation.end(), 1.0);
    CHECK(untouched >= (probability == 0 ? 40 : probability == 1 ? 0 : 14));
    CHECK(untouched <= (probability == 0 ? 40 : probability == 1 ? 0 : 34));
  }
}

TEST_CASE("targets on CUDA are those of the CPU, exchanged or not" * on_cuda()) {
  const Tensor scores = Tensor::zeros({6, 1});
  for (const double flip : {0.0, 0.5, 1.0})
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const TargetOptions o{.real_low = 0.9, .real_high = 1, .fake_low = 0, .fake_high = 0.1, .flip = flip};
      Rng host(seed);
      const Targets expected = draw_targets(host, scores, scores, o);
      for (Rng& rng : streams(Rng(seed))) {
        const Targets found = draw_targets(rng, scores.to(Device::cuda), scores.to(Device::cuda), o);
        check_equal(found.real.value(), expected.real.value());
        check_equal(found.fake.value(), expected.fake.value());
      }
    }
}

TEST_CASE("augmented pictures and their gradients" * on_cuda()) {
  const Tensor pictures = numbers({4, 3, 9, 8}, 1);
  check_same({pictures}, [&](Device device) {
    Rng rng(3);
    return [drawn = draw_diff_augment(rng, "cutout,color,translation", pictures.shape(), 0.8, device)](
               const Variables& x) { return drawn(x[0]); };
  });
  check_same({pictures}, [&](Device device) {
    Rng rng(4);
    return [drawn = draw_flip_and_shift(rng, pictures.shape(), 1, device)](const Variables& x) { return drawn(x[0]); };
  });
}

TEST_CASE("losses of classes, rotations and features" * on_cuda()) {
  const Tensor labels = Tensor::from<std::int64_t>({0, 1, 0, 2, 1, 0}, {6});
  const std::vector<Tensor> embeddings{numbers({6, 5}, 1), numbers({6, 5}, 2)};
  check_same(embeddings, [&](Device device) {
    return [y = to(labels, device)](const Variables& x) {
      return conditional_contrastive_loss(x[0], x[1], y, {.temperature = 0.5});
    };
  });
  for (const Repulsion repulsion : {Repulsion::studiogan, Repulsion{}})
    check_same(embeddings, [&](Device device) {
      return [y = to(labels, device), repulsion](const Variables& x) {
        return data_to_data_loss(x[0], x[1], y, {.repulsion = repulsion});
      };
    });
  check_same({numbers({6, 4}, 3)}, [&](Device device) {
    return [y = to(labels, device)](const Variables& x) {
      return multi_hinge_loss(x[0], y) + cross_entropy(x[0], y, {.label_smoothing = 0.1});
    };
  });
  check_same({numbers({3, 4, 2, 2}, 4), numbers({3, 4}, 5)},
             [](Device) { return [](const Variables& x) { return info_nce_loss(x[0], x[1]); }; });
  check_same({numbers({6, 2, 3, 3}, 6)},
             [](Device) { return [](const Variables& x) { return rotated_quarters(x[0]).pictures; }; });
  check_equal(rotated_quarters(numbers({6, 2, 3, 3}, 6).to(Device::cuda)).turns,
              rotated_quarters(numbers({6, 2, 3, 3}, 6)).turns);
  check_equal(discriminative_labels(labels.to(Device::cuda), PictureOrigin::fake),
              discriminative_labels(labels, PictureOrigin::fake));
  for (const ClassLoss& loss : class_losses())
    if (loss.name != std::string("adc"))
      check_same({numbers({6, 4}, 7), numbers({6, 5}, 8), numbers({6, 5}, 9)}, [&](Device device) {
        return [&loss, y = to(labels, device)](const Variables& x) {
          const ClassJudgement j{.logits = x[0],
                                 .features = x[1],
                                 .labels = y,
                                 .classes = x[0],
                                 .embedding = x[1],
                                 .proxy = x[2],
                                 .twin_classes = x[0] * 2};
          return loss.discriminator(j, j) + loss.generator(j);
        };
      });
}

TEST_CASE("penalties, with their running means" * on_cuda()) {
  const auto bend = [](const Variable& x) { return sum(tanh(flatten(x)), {1}); };
  const Tensor real = numbers({4, 2, 3, 3}, 1), fake = numbers({4, 2, 3, 3}, 2), w = numbers({6, 18}, 3);
  check_same({w}, [&](Device device) {
    return [=, at = real.to(device), away = fake.to(device)](const Variables& p) {
      const Critic critic = [&](const Variable& x) { return bend(matmul(flatten(x), transpose(p[0], 0, 1))); };
      Rng rng(5);
      return gradient_penalty(critic, at, away, rng) + max_gradient_penalty(critic, at, away, rng) +
             dragan_penalty(critic, at, rng) + r1_penalty(critic, at, 2) + orthogonal_penalty({p[0]});
    };
  });
  LeCamPenalty lecams[2];
  PathLengthPenalty paths[2];
  for (int update = 0; update < 3; ++update) {
    check_same({numbers({5}, 10 + update), numbers({5}, 20 + update)}, [&](Device device) {
      return [&lecam = lecams[device == Device::cuda]](const Variables& s) { return lecam(s[0], s[1]); };
    });
    check_same({numbers({2, 6}, 30 + update), w}, [&](Device device) {
      return [&path = paths[device == Device::cuda]](const Variables& in) {
        Rng rng(6);
        return path(reshape(tanh(matmul(in[0], in[1])), {2, 2, 3, 3}), in[0], rng);
      };
    });
  }
  CHECK(lecams[1].updates.item() == 3);
  CHECK(difference(lecams[1].real.to(Device::cpu), lecams[0].real) <= kClose);
  CHECK(difference(paths[1].mean.to(Device::cpu), paths[0].mean) <= kClose);
}

// A module of float64 with its twin on CUDA: outputs, gradients, and what it keeps.
template <class Module, class Run>
void check_module(Module module, const std::vector<Tensor>& inputs, const Run& run) {
  duel::to(module, DType::float64);
  Module twins[2] = {clone(module), clone(module)};
  duel::to(twins[1], Device::cuda);
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<Tensor> expected;
    for (const Device device : {Device::cpu, Device::cuda}) {
      Module& twin = twins[device == Device::cuda];
      Variables xs = parameters(twin);
      Variables in;
      for (const Tensor& x : inputs) in.push_back(Variable::leaf(x.to(device)));
      xs.insert(xs.end(), in.begin(), in.end());
      const Variable y = run(twin, in);
      std::vector<Tensor> found{y.value()};
      for (const Variable& g : grad(sum(square(y)), xs, {.allow_unused = true})) found.push_back(g.value());
      for (const auto& [name, t] : state_dict(twin)) found.push_back(t.clone());
      if (device == Device::cpu)
        expected = std::move(found);
      else
        for (std::size_t i = 0; i < found.size(); ++i) {
          CAPTURE(i);
          CHECK(found[i].device() == Device::cuda);
          CHECK(difference(found[i].to(Device::cpu), expected[i]) <= kClose);
        }
    }
  }
}

TEST_CASE("layers, and the state they keep" * on_cuda()) {
  Rng rng(1);
  const Tensor map = numbers({3, 8, 4, 4}, 1);
  const auto whole = [](auto& layer, const Variables& x) { return layer(x[0]); };
  const auto passed = [](auto& layer, const Variables& x) { return layer(x[0], Pass{}); };
  check_module(BatchNorm2d(8), {map}, passed);
  check_module(ConditionalBatchNorm2d(rng, 8, 4), {map}, [](auto& layer, const Variables& x) {
    return layer(x[0], Tensor::from<std::int64_t>({3, 0, 1}, {3}).to(x[0].value().device()));
  });
  for (const auto variant : {SpectralNormVariant::torch, SpectralNormVariant::ajbrock, SpectralNormVariant::mmgen,
                             SpectralNormVariant::mimicry})
    check_module(SpectralNorm(rng, Conv2d(rng, 8, 4), {.variant = variant}), {map}, passed);
  check_module(SelfAttention(rng, 8), {map}, passed);
  check_module(UnpooledSelfAttention(rng, 8), {map}, passed);
  check_module(MultiHeadAttention(rng, 8, 2), {numbers({2, 5, 8}, 2)}, whole);
}

TEST_CASE("a device has to be the same for all operands" * on_cuda()) {
  const Tensor x = Tensor::zeros({2, 2, 3, 3}), there = x.to(Device::cuda), c = Tensor::zeros({2}).to(Device::cuda);
  const Tensor index = Tensor::zeros({2}, {.dtype = DType::int64});
  const std::vector<std::function<void()>> mixed{
      [&] { static_cast<void>(Variable(x) + there); },
      [&] { static_cast<void>(where(x, there, there)); },
      [&] {
        static_cast<void>(concat({x, there}, 0));
      },
      [&] { static_cast<void>(matmul(x, there)); },
      [&] { static_cast<void>(conv2d(x, there)); },
      [&] { static_cast<void>(conv2d(x, x, c)); },
      [&] { static_cast<void>(batch_norm(x, c, {}, 0)); },
      [&] { static_cast<void>(index_select(there, 0, index)); },
      [&] {
        static_cast<void>(embedding(there.reshape({4, 9}), index));
      },
      [&] { static_cast<void>(scaled_dot_product_attention(x, there, there)); },
      [&] {
        static_cast<void>(cross_entropy(there.reshape({2, 18}), index));
      },
  };
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    CAPTURE(i);
    CHECK(error_of(mixed[i]).find("on devices c") != std::string::npos);
  }
}

}  // namespace
}  // namespace duel::testing
