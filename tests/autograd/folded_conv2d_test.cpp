// Folded convolutions against the operations they stand for, in float32 and at the sizes of networks: on both sides of
// the choice whether to fold, and with the same bits for any number of threads.
#include <doctest/doctest.h>

#include "duel/autograd/ops.h"
#include "duel/tensor/thread_pool.h"
#include "tests/support/tensors.h"
#include "tests/support/tolerances.h"

namespace duel::testing {
namespace {

using Function = Variable (*)(const Variable& x, const Variable& weight, const Variable& bias);
constexpr Conv2dGeometry kSameSize{.padding = {1, 1}};

Variable upsampled_then(const Variable& x, const Variable& weight, const Variable& bias) {
  return conv2d(upsample_nearest(x, {.scale = {2, 2}}), weight, bias, kSameSize);
}
Variable upsampled_folded(const Variable& x, const Variable& weight, const Variable& bias) {
  return upsample_conv2d(x, weight, bias, kSameSize);
}
Variable then_pooled(const Variable& x, const Variable& weight, const Variable& bias) {
  return avg_pool2d(conv2d(x, weight, bias, kSameSize));
}
Variable pooled_folded(const Variable& x, const Variable& weight, const Variable& bias) {
  return conv2d_avg_pool2d(x, weight, bias, kSameSize);
}

struct Layer {
  Shape x;  // [N, C, H, W]
  std::int64_t out;
};

/// The result and all gradients.
std::vector<Tensor> run(Function f, const Layer& layer) {
  Rng rng(3);
  const TensorOptions pictures{.layout = Layout::channels_last};
  const Variables in = {Variable::leaf(rng.normal(layer.x, 0, 1, pictures)),
                        Variable::leaf(rng.normal({layer.out, layer.x[1], 3, 3}, 0, 1, pictures)),
                        Variable::leaf(rng.normal({layer.out}))};
  const Variable y = f(in[0], in[1], in[2]);
  std::vector<Tensor> all = {y.value()};
  for (const Variable& g : grad(y, in, {.grad_output = rng.normal(y.shape(), 0, 1, pictures)}))
    all.push_back(g.value());
  return all;
}

double largest(const Variable& x) { return amax(flatten(abs(x), 0), {0}).item(); }

void check_fold(Function folded, Function defined) {
  for (const Layer& layer : {Layer{{1, 64, 4, 4}, 64}, Layer{{17, 64, 8, 8}, 65}, Layer{{7, 64, 8, 8}, 64},
                             Layer{{3, 5, 14, 9}, 3}, Layer{{1, 1, 64, 2}, 1}}) {
    CAPTURE(layer.x);
    const std::vector<Tensor> found = run(folded, layer), wanted = run(defined, layer);
    const int threads = num_threads();
    set_num_threads(threads + 2);
    const std::vector<Tensor> again = run(folded, layer);
    set_num_threads(threads);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      CAPTURE(i);
      CHECK(found[i].shape() == wanted[i].shape());
      const double scale = largest(wanted[i]);
      CHECK(largest(Variable(found[i]) - wanted[i]) < 2 * tolerance::kWinograd * scale);
      CHECK(doubles(found[i]) == doubles(again[i]));
    }
  }
}

}  // namespace

TEST_CASE("upsampling folded into a convolution is upsampling before it") {
  check_fold(upsampled_folded, upsampled_then);
}

TEST_CASE("means folded into a convolution are means after it") { check_fold(pooled_folded, then_pooled); }

}  // namespace duel::testing
