#include "duel/gan/penalties.h"

#include <cmath>

#include "duel/autograd/ops.h"
#include "duel/nn/losses.h"

namespace duel {
namespace {

// The gradient of the summed scores with respect to the pictures, of their shape, differentiable again.
Variable score_gradient(const char* name, const Critic& critic, const Tensor& at) {
  check(at.defined() && at.dim() >= 2 && at.numel() > 0, name, "needs pictures [N, ...], got ", at);
  check(critic != nullptr, name, "the critic is empty");
  const Variable x = Variable::leaf(at);
  return grad(sum(critic(x)), {x}, {.create_graph = true})[0];
}

// The gradient with what its norm goes over in dimension 1.
Variable grouped(const char* name, const Variable& g, NormOver over) {
  check(over == NormOver::sample || g.dim() >= 3, name, "a norm over each pixel needs pictures [N, C, ...], got ",
        g.value());
  return over == NormOver::sample ? flatten(g) : g;
}

// One uniform number per sample, that multiplies the whole sample.
Tensor per_sample(const Tensor& pictures, Rng& rng) {
  Shape shape = Shape::filled(pictures.dim(), 1);
  shape[0] = pictures.size(0);
  return rng.uniform(shape, 0, 1, {.dtype = pictures.dtype(), .device = pictures.device()});
}

void check_pictures(const char* name, const Tensor& real, const Tensor& fake) {
  check(real.defined() && fake.defined() && real.shape() == fake.shape() && real.dtype() == fake.dtype(), name,
        "real pictures ", real, " and fake ones ", fake, " differ");
  check(real.dim() >= 2, name, "needs pictures [N, ...], got ", real);
}

// real + t (fake - real), one t per sample
Tensor between(const Tensor& real, const Tensor& fake, Rng& rng) {
  const NoGrad no_grad;
  const Variable t = per_sample(real, rng);
  return (real + t * (Variable(fake) - real)).value();
}

}  // namespace

Variable gradient_penalty(const Critic& critic, const Tensor& real, const Tensor& fake, Rng& rng,
                          const GradientPenaltyOptions& o) {
  check_pictures("gradient_penalty", real, fake);
  const Tensor at = o.at == PenaltyAt::real ? real : o.at == PenaltyAt::fake ? fake : between(real, fake, rng);
  const Variable g = score_gradient("gradient_penalty", critic, at);
  return mean(square(norm(grouped("gradient_penalty", g + o.epsilon, o.over), {1}) - o.centre));
}

Variable max_gradient_penalty(const Critic& critic, const Tensor& real, const Tensor& fake, Rng& rng) {
  check_pictures("max_gradient_penalty", real, fake);
  const Variable g = score_gradient("max_gradient_penalty", critic, between(real, fake, rng));
  return amax(sum(square(flatten(g)), {1}), {0});
}

Variable dragan_penalty(const Critic& critic, const Tensor& real, Rng& rng, const DraganOptions& o) {
  check(real.defined() && real.dim() >= 2 && real.numel() > 0, "dragan_penalty", "needs pictures [N, ...], got ", real);
  const Tensor at = [&] {
    const NoGrad no_grad;
    const Variable x = real, a = per_sample(real, rng);
    const Variable u = rng.uniform(real.shape(), 0, 1, {.dtype = real.dtype(), .device = real.device()});
    const Variable deviation = stddev(flatten(x, 0), {0}, {.correction = 0});
    return (x + o.scale * (deviation * (a * u))).value();
  }();
  const Variable g = score_gradient("dragan_penalty", critic, at);
  return mean(square(norm(flatten(g), {1}) - o.centre));
}

Variable zero_centred_penalty(const Critic& critic, const Tensor& pictures, NormOver over) {
  const Variable g = score_gradient("zero_centred_penalty", critic, pictures);
  return mean(sum(square(grouped("zero_centred_penalty", g, over)), {1}));
}

Variable r1_penalty(const Critic& critic, const Tensor& real, double gamma) {
  return 0.5 * gamma * zero_centred_penalty(critic, real);
}

Variable r2_penalty(const Critic& critic, const Tensor& fake, double gamma) {
  return 0.5 * gamma * zero_centred_penalty(critic, fake);
}

Variable PathLengthPenalty::operator()(const Variable& pictures, const Variable& latents, Rng& rng) {
  const char* const name = "PathLengthPenalty";
  check(pictures.defined() && pictures.dim() == 4 && pictures.numel() > 0, name, "needs pictures [N, C, H, W], got ",
        pictures.value());
  check(latents.defined() && (latents.dim() == 2 || latents.dim() == 3) && latents.numel() > 0 &&
            latents.size(0) == pictures.size(0),
        name, "needs latents [N, D] or [N, L, D] of the pictures ", pictures.value(), ", got ", latents.value());
  check(decay >= 0 && decay <= 1, name, "the decay must lie in [0, 1], got ", decay);
  const double pixels = static_cast<double>(pictures.size(2) * pictures.size(3));
  const Tensor y = rng.normal(pictures.shape(), 0, 1 / std::sqrt(pixels),
                              {.dtype = pictures.dtype(), .device = pictures.value().device()});
  const Variable j = grad(pictures, {latents}, {.create_graph = true, .grad_output = y})[0];
  const double layers = j.dim() == 3 ? static_cast<double>(j.size(1)) : 1;
  const Variable lengths = norm(flatten(j), {1}) / std::sqrt(layers);
  mean = mean.to(lengths.value().device());
  const Variable moved = (1 - decay) * Variable(mean.to(lengths.dtype())) + decay * duel::mean(lengths);
  mean.copy_(moved.value());
  return duel::mean(square(lengths - moved));
}

Variable orthogonal_penalty(const Variables& parameters, Orthogonality form) {
  Variable total;
  for (const Variable& p : parameters) {
    check(p.defined(), "orthogonal_penalty", "a parameter is undefined");
    if (p.dim() < 2) continue;
    const Variable w = flatten(p);
    const std::int64_t n = w.size(0);
    Tensor identity = Tensor::zeros({n, n}, {.dtype = p.dtype(), .device = p.value().device()});
    identity.reshape({n * n}).slice(0, 0, n * n, n + 1).fill_(1);
    const Variable gram = matmul(w, transpose(w, 0, 1));
    const Variable excess = form == Orthogonality::full ? gram - identity : gram * (1 - Variable(identity));
    const Variable penalty = 0.5 * sum(square(excess));
    total = total.defined() ? total + penalty : penalty;
  }
  check(total.defined(), "orthogonal_penalty", "none of the ", parameters.size(), " parameters has two dimensions");
  return total;
}

Variable LeCamPenalty::operator()(const Variable& on_real, const Variable& on_fake) {
  const char* const name = "LeCamPenalty";
  check(on_real.defined() && on_fake.defined() && on_real.numel() > 0 && on_fake.numel() > 0, name,
        "needs scores of real and of fake pictures, got ", on_real.value(), " and ", on_fake.value());
  check(decay >= 0 && decay <= 1, name, "the decay must lie in [0, 1], got ", decay);
  for (Tensor* t : {&real, &fake, &updates}) *t = t->to(on_real.value().device());
  const Tensor count = updates.to(DType::float64);
  const Variable kept = decay * Variable(ne(count, 0));  // nothing at first
  // The running mean after this batch, as a constant beside the scores.
  const auto update = [&](Tensor& running, const Variable& scores) {
    const NoGrad no_grad;
    running.copy_((kept * Variable(running) + (1 - kept) * cast(mean(scores), running.dtype())).value());
    return Variable(running.to(scores.dtype()));
  };
  const Variable mean_real = update(real, on_real), mean_fake = update(fake, on_fake);
  updates.copy_(affine(count, 1, 1).value());
  return mean(square(relu(on_real - mean_fake))) + mean(square(relu(mean_real - on_fake)));
}

void LeCamPenalty::visit(Visitor& v) {
  v.buffer("real", real);
  v.buffer("fake", fake);
  v.buffer("updates", updates);
}

Variable consistency_penalty(const Variable& scores, const Variable& augmented) {
  check(scores.defined() && augmented.defined() && scores.shape() == augmented.shape(), "consistency_penalty",
        "scores ", scores.value(), " and those of the augmented pictures ", augmented.value(), " differ");
  return mse(scores, augmented);
}

Variable balanced_consistency_penalty(const Variable& real, const Variable& real_augmented, const Variable& fake,
                                      const Variable& fake_augmented, const BalancedConsistencyOptions& o) {
  return o.real * consistency_penalty(real, real_augmented) + o.fake * consistency_penalty(fake, fake_augmented);
}

Variable latent_consistency_discriminator(const Variable& fake, const Variable& perturbed,
                                          const LatentConsistencyOptions& o) {
  return o.discriminator * consistency_penalty(fake, perturbed);
}

Variable latent_consistency_generator(const Variable& fake, const Variable& perturbed,
                                      const LatentConsistencyOptions& o) {
  return -o.generator * consistency_penalty(fake, perturbed);
}

OptimizerOptions lazy(OptimizerOptions options, std::int64_t interval) {
  check(interval >= 1, "lazy", "the interval must be 1 or more, got ", interval);
  const double c = static_cast<double>(interval) / (static_cast<double>(interval) + 1);
  options.lr *= c;
  options.beta1 = std::pow(options.beta1, c);
  options.beta2 = std::pow(options.beta2, c);
  return options;
}

}  // namespace duel
