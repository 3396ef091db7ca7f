#include "duel/gan/penalties.h"

#include "duel/autograd/ops.h"

namespace duel {
namespace {

// The gradient of the summed scores with respect to each sample, [N, elements], differentiable again.
Variable sample_gradients(const char* name, const Critic& critic, const Tensor& at) {
  check(at.dim() >= 2 && at.size(0) > 0, name, "needs pictures [N, ...], got ", at);
  const Variable x = Variable::leaf(at);
  return flatten(grad(sum(critic(x)), {x}, {.create_graph = true})[0]);
}

// real + t (fake - real), one t per sample
Tensor between(const Tensor& real, const Tensor& fake, Rng& rng) {
  Shape per_sample = Shape::filled(real.dim(), 1);
  per_sample[0] = real.size(0);
  const NoGrad no_grad;
  const Variable t = rng.uniform(per_sample, 0, 1, {.dtype = real.dtype(), .device = real.device()});
  return (real + t * (Variable(fake) - real)).value();
}

}  // namespace

Variable gradient_penalty(const Critic& critic, const Tensor& real, const Tensor& fake, Rng& rng,
                          const GradientPenaltyOptions& o) {
  check(real.shape() == fake.shape() && real.dtype() == fake.dtype(), "gradient_penalty", "real pictures ", real,
        " and fake ones ", fake, " differ");
  const Tensor at = o.at == PenaltyAt::real ? real : o.at == PenaltyAt::fake ? fake : between(real, fake, rng);
  const Variable g = sample_gradients("gradient_penalty", critic, at);
  const Variable norm = sqrt(sum(square(g + o.epsilon), {1}));
  return mean(square(norm - o.centre));
}

Variable zero_centred_penalty(const Critic& critic, const Tensor& pictures) {
  return mean(sum(square(sample_gradients("zero_centred_penalty", critic, pictures)), {1}));
}

Variable r1_penalty(const Critic& critic, const Tensor& real, double gamma) {
  return 0.5 * gamma * zero_centred_penalty(critic, real);
}

Variable r2_penalty(const Critic& critic, const Tensor& fake, double gamma) {
  return 0.5 * gamma * zero_centred_penalty(critic, fake);
}

}  // namespace duel
