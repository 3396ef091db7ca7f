#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

// The same parameters on the device and on the host, in one dtype; odd sizes, one empty, one that is not aligned. Some
// have an average, some a copy in bfloat16, some no gradient.
struct Problem {
  std::vector<ParameterTensors> here, there;  // host, device

  Problem(DType dtype, std::size_t count, std::size_t states) {
    const std::vector<Shape> shapes{{7}, {64, 3, 4, 4}, {1}, {0}, {4099}, {130}};
    for (std::size_t i = 0; i < count; ++i) {
      const Shape& shape = shapes[i % shapes.size()];
      ParameterTensors h, d;
      std::uint64_t seed = 10 * i;
      const auto add = [&](Tensor& host, Tensor& device, bool positive) {
        const Layout layout = i % 2 ? Layout::channels_last : Layout::row_major;
        const TensorOptions options{dtype, Device::cpu, layout};
        host = positive ? Rng(++seed).uniform(shape, 0, 1, options) : Rng(++seed).normal(shape, 0, 1, options);
        device = host.to(Device::cuda);
        if (shape.dim() == 1 && i % shapes.size() == 5) {  // an element further on
          const Tensor buffer = Tensor::full({shape[0] + 1}, 0, {dtype, Device::cuda});
          device = buffer.slice(0, 1, shape[0] + 1);
          device.copy_(host);
        }
      };
      add(h.param, d.param, false);
      add(h.grad, d.grad, false);
      for (std::size_t s = 0; s < states; ++s) add(h.state[s], d.state[s], s == 1 || states == 1);
      if (i % 3 != 1) add(h.average, d.average, false);
      if (i % 2 == 0) {
        h.cast = h.param.to(DType::bfloat16);
        d.cast = h.cast.to(Device::cuda);
        d.cast.fill_(7);
      }
      if (i % 7 == 3) h.grad = d.grad = {};
      here.push_back(h);
      there.push_back(d);
    }
  }

  // To a few roundings of the numbers of the problem, which are of size 1.
  void check() const {
    for (std::size_t i = 0; i < here.size(); ++i) {
      CAPTURE(i);
      const double few = here[i].param.dtype() == DType::float64 ? 1e-15 : 3e-7;
      CHECK(relative_error(there[i].param, here[i].param) <= few);
      if (here[i].grad.defined()) CHECK(relative_error(there[i].grad, here[i].grad) == 0);
      if (here[i].average.defined()) CHECK(relative_error(there[i].average, here[i].average) <= few);
      if (here[i].cast.defined()) CHECK(relative_error(there[i].cast, there[i].param.to(DType::bfloat16)) == 0);
      for (int s = 0; s < 2; ++s)
        if (here[i].state[s].defined()) CHECK(relative_error(there[i].state[s], here[i].state[s]) <= few);
    }
  }
};

AdamStep adam_step(std::size_t i) {
  const double t = 1 + static_cast<double>(i % 3);
  return {.rate = 0.01,
          .beta1 = 0.5,
          .beta2 = 0.99,
          .eps = 1e-3,
          .weight_decay = i % 3 == 1 ? 0.1 : 0,
          .decoupled_decay = i % 3 == 2 ? 0.1 : 0,
          .correction1 = 1 - std::pow(0.5, t),
          .correction2 = 1 - std::pow(0.99, t),
          .average_share = i % 2 ? 0.3 : 1};
}

template <class Step, class Make>
std::vector<Step> steps_of(std::size_t count, const Make& make) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < count; ++i) steps.push_back(make(i));
  return steps;
}

// float64 [parameters, members]
template <class Step>
Tensor on_device(const std::vector<Step>& steps) {
  constexpr std::int64_t kMembers = sizeof(Step) / sizeof(double);
  const auto* first = reinterpret_cast<const double*>(steps.data());
  const auto count = static_cast<std::int64_t>(steps.size());
  return Tensor::from(std::span(first, steps.size() * kMembers), {count, kMembers}).to(Device::cuda);
}

// One step on both devices, the steps given by value, another with them on the device.
template <class Step, class Slot>
void check_update(Slot Backend::*slot, Problem& p, const std::vector<Step>& steps) {
  (twin().*slot)(p.here, steps, {});
  (cuda().*slot)(p.there, steps, {});
  p.check();
  (twin().*slot)(p.here, steps, {});
  const std::vector<Step> others(steps.size());  // not to be read
  (cuda().*slot)(p.there, others, {.steps = on_device(steps), .loss = {}});
  p.check();
}

}  // namespace

TEST_CASE("cuda adam: as on the CPU, one step for all or one for each" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::float64})
    for (const std::size_t count : {1, 6, 70}) {
      Problem p(dtype, count, 2);
      check_update(&Backend::adam, p, steps_of<AdamStep>(count, [](std::size_t) { return adam_step(0); }));
      check_update(&Backend::adam, p, steps_of<AdamStep>(count, adam_step));
    }
}

TEST_CASE("cuda sgd: with and without momentum" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::float64})
    for (const std::size_t states : {0, 1}) {
      Problem p(dtype, 6, states);
      const SgdStep step{
          .rate = 0.1, .momentum = states ? 0.9 : 0, .weight_decay = 0.01, .gradient_share = 0.7, .average_share = 0.4};
      if (states == 0)
        check_update(&Backend::sgd, p, std::vector<SgdStep>(6, SgdStep{.rate = 0.1, .weight_decay = 0.01}));
      else
        check_update(&Backend::sgd, p, std::vector<SgdStep>(6, step));
    }
}

TEST_CASE("cuda rmsprop: as on the CPU" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    Problem p(dtype, 6, 1);
    check_update(&Backend::rmsprop, p,
                 std::vector<RmsPropStep>(
                     6, {.rate = 0.01, .alpha = 0.9, .eps = 1e-3, .weight_decay = 0.1, .average_share = 0.4}));
  }
}

TEST_CASE("cuda optimisers: nothing is updated where the loss is not finite" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::float64})
    for (const double loss : {double(NAN), double(INFINITY), -double(INFINITY), 2.5}) {
      Problem p(DType::float32, 2, 2);
      const auto steps = steps_of<AdamStep>(2, adam_step);
      cuda().adam(p.there, steps, {.steps = {}, .loss = Tensor::scalar(loss, dtype, Device::cuda)});
      if (std::isfinite(loss)) twin().adam(p.here, steps, {});
      for (ParameterTensors& d : p.there)
        if (!std::isfinite(loss) && d.cast.defined()) {
          CHECK(relative_error(d.cast, Tensor::full(d.cast.shape(), 7, {DType::bfloat16, Device::cuda})) == 0);
          d.cast.copy_(d.param);
        }
      p.check();
    }
  cuda().adam({}, {}, {});
}
