#include "duel/cuda/attention_products.h"
#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

DType statistic_dtype(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

struct Sizes {
  std::int64_t batch, queries, keys, d, e;
};

const std::vector<Sizes>& sizes() {
  static const std::vector<Sizes> all{{1, 1, 1, 1, 1},   {2, 5, 7, 3, 2},    {1, 65, 70, 17, 33}, {1, 9, 64, 16, 64},
                                      {1, 3, 20, 8, 96}, {1, 5, 40, 9, 130}, {1, 3, 20, 130, 5}};
  return all;
}

struct Inputs {
  Tensor q, k, v, dy;
  double scale;

  Inputs(const Sizes& s, DType dtype)
      : q(gaussian({s.batch, s.queries, s.d}, dtype, 1)),
        k(gaussian({s.batch, s.keys, s.d}, dtype, 2)),
        v(gaussian({s.batch, s.keys, s.e}, dtype, 3)),
        dy(gaussian({s.batch, s.queries, s.e}, dtype, 4)),
        scale(1 / std::sqrt(static_cast<double>(s.d))) {}
};

// samples: 0 for the slot itself, else how many at a time by products.
void check_attention(const Inputs& in, std::int64_t samples = 0) {
  const DType dtype = in.q.dtype();
  const Shape queries{in.q.size(0), in.q.size(1)};
  const Tensor y = poisoned(in.dy.shape(), dtype), lse = poisoned(queries, statistic_dtype(dtype));
  const Tensor expected = to_twin(y), expected_lse = to_twin(lse);
  if (samples == 0)
    testing::cuda().attention(in.q, in.k, in.v, in.scale, y, lse);
  else
    duel::cuda::attention_by_products(in.q, in.k, in.v, in.scale, y, lse, samples);
  twin().attention(to_twin(in.q), to_twin(in.k), to_twin(in.v), in.scale, expected, expected_lse);
  CHECK(relative_error(y, expected) < tolerance(dtype));
  CHECK(relative_error(lse, expected_lse) < tolerance(samples == 0 ? statistic_dtype(dtype) : dtype));
}

void check_gradient(const Inputs& in, std::int64_t samples = 0) {
  const DType dtype = in.q.dtype();
  const Tensor wide_q = to_twin(in.q), wide_k = to_twin(in.k), wide_v = to_twin(in.v);
  const Tensor wide_y = to_twin(in.dy),
               wide_lse = Tensor::empty({in.q.size(0), in.q.size(1)}, {.dtype = DType::float64});
  twin().attention(wide_q, wide_k, wide_v, in.scale, wide_y, wide_lse);
  const Tensor y = to_cuda(wide_y.to(dtype)), lse = to_cuda(wide_lse.to(statistic_dtype(dtype)));
  const Tensor dq = poisoned(in.q.shape(), dtype), dk = poisoned(in.k.shape(), dtype),
               dv = poisoned(in.v.shape(), dtype);
  const Tensor expected_dq = to_twin(dq), expected_dk = to_twin(dk), expected_dv = to_twin(dv);
  if (samples == 0)
    testing::cuda().attention_grad(in.q, in.k, in.v, in.scale, y, lse, in.dy, dq, dk, dv);
  else
    duel::cuda::attention_grad_by_products(in.q, in.k, in.v, in.scale, y, lse, in.dy, dq, dk, dv, samples);
  twin().attention_grad(wide_q, wide_k, wide_v, in.scale, to_twin(y), to_twin(lse), to_twin(in.dy), expected_dq,
                        expected_dk, expected_dv);
  CHECK(relative_error(dv, expected_dv) < tolerance(dtype));
  if (in.k.size(1) == 1) return;  // one key: the others are 0, but for rounding
  CHECK(relative_error(dq, expected_dq) < tolerance(dtype));
  CHECK(relative_error(dk, expected_dk) < tolerance(dtype));
}

}  // namespace

TEST_CASE("attention" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Sizes& s : sizes()) {
      CAPTURE(dtype);
      CAPTURE(s.queries);
      CAPTURE(s.keys);
      check_attention(Inputs(s, dtype));
    }
}

TEST_CASE("attention_grad" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Sizes& s : sizes()) {
      CAPTURE(dtype);
      CAPTURE(s.queries);
      CAPTURE(s.keys);
      check_gradient(Inputs(s, dtype));
    }
}

TEST_CASE("attention by products, of some samples at a time" * on_cuda()) {
  const PrecisionGuard guard(Precision::fp32);
  for (const DType dtype : {DType::float32, DType::bfloat16})
    for (const Sizes& s : {Sizes{1, 1, 1, 1, 1}, {2, 5, 7, 3, 2}, {3, 9, 40, 5, 8}, {2, 33, 296, 16, 33}})
      for (const std::int64_t samples : {1, 2, 5}) {
        CAPTURE(dtype);
        CAPTURE(s.keys);
        CAPTURE(samples);
        check_attention(Inputs(s, dtype), samples);
        check_gradient(Inputs(s, dtype), samples);
      }
}

TEST_CASE("attention goes by products where there are many scores" * on_cuda()) {
  const auto samples = [](std::int64_t queries, std::int64_t keys, DType dtype) {
    const TensorOptions on_device{.dtype = dtype, .device = Device::cuda};
    return duel::cuda::samples_by_products(Tensor::empty({64, queries, 1}, on_device),
                                           Tensor::empty({64, keys, 1}, on_device));
  };
  CHECK(samples(4096, 1024, DType::bfloat16) == 4);  // BigGAN-128
  CHECK(samples(4096, 1024, DType::float32) == 2);
  CHECK(samples(16384, 4096, DType::float32) == 1);
  CHECK(samples(1024, 256, DType::float32) == 0);
  CHECK(samples(65536, 16384, DType::float32) == 0);  // 4 GiB for each
  CHECK(samples(4096, 1024, DType::float64) == 0);    // for checks
}

TEST_CASE("attention with scores that are large, infinite or missing" * on_cuda()) {
  const PrecisionGuard guard(Precision::fp32);
  Inputs in({1, 6, 70, 2, 3}, DType::float32);
  const Tensor q = in.q.to(Device::cpu);
  const float inf = INFINITY;
  const std::vector<float> first{300, -inf, inf, NAN, -300, 0};
  q.select(2, 0).select(0, 0).copy_(Tensor::from(first, {6}));
  q.select(2, 1).select(0, 0).copy_(Tensor::zeros({6}));
  in.q = to_cuda(q);
  in.k = to_cuda(Tensor::full({1, 70, 2}, 1));
  in.k.slice(1, 3, 40).fill_(2);
  check_attention(in);
  check_attention(in, 1);
}

TEST_CASE("attention of nothing" * on_cuda()) {
  const Tensor q = poisoned({2, 0, 3}, DType::float32), y = poisoned({2, 0, 4}, DType::float32),
               lse = poisoned({2, 0}, DType::float32);
  const Tensor k = gaussian({2, 5, 3}, DType::float32, 1), v = gaussian({2, 5, 4}, DType::float32, 2);
  testing::cuda().attention(q, k, v, 1, y, lse);
  const Tensor dk = poisoned(k.shape(), DType::float32), dv = poisoned(v.shape(), DType::float32);
  testing::cuda().attention_grad(q, k, v, 1, y, lse, y, q, dk, dv);
  CHECK(dk.to(Device::cpu).to_vector<float>() == std::vector<float>(30, 0));
  CHECK(dv.to(Device::cpu).to_vector<float>() == std::vector<float>(40, 0));
}
