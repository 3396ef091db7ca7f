#include "duel/gan/class_losses.h"

#include <cmath>
#include <limits>

#include "duel/autograd/check_floating.h"
#include "duel/autograd/ops.h"
#include "duel/nn/losses.h"

namespace duel {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kCosineEps = 1e-8;  // PyTorch's CosineSimilarity

void check_classes(const char* name, const Tensor& labels, const Variable& x) {
  check(labels.defined() && labels.dtype() == DType::int64 && labels.shape() == Shape{x.size(0)}, name,
        "needs an int64 label for each of ", x.value(), ", got ", labels);
  check_devices(name, x.value(), labels);
}

// Labels to compute with, which are exact up to 2^53; and back.
Variable as_numbers(const Tensor& labels) { return labels.to(DType::float64); }
Tensor as_labels(const Variable& numbers) { return numbers.value().to(DType::int64); }

void check_embeddings(const char* name, const Variable& embedding, const Variable& proxy, const Tensor& labels,
                      double temperature) {
  check_floating(name, embedding);
  check_floating(name, proxy);
  check(embedding.dim() == 2 && embedding.size(0) > 0 && embedding.shape() == proxy.shape() &&
            embedding.dtype() == proxy.dtype(),
        name, "needs embeddings and proxies [N, E] of one dtype, N of 1 or more, got ", embedding.value(), " and ",
        proxy.value());
  check_classes(name, labels, embedding);
  check(temperature > 0 && temperature < kInfinity, name, "the temperature must be above 0, got ", temperature);
}

// [N, N]: 1 where two labels are the same, as they are on the diagonal.
Tensor same_class(const Tensor& labels, DType dtype) {
  const Variable y = as_numbers(labels);
  return eq(unsqueeze(y, 1), y).value().to(dtype);
}

// [N, N], for the rows of x [N, ...]
Tensor diagonal(const Variable& x) {
  return one_hot(arange(x.size(0), DType::int64, x.value().device()), x.size(0), x.dtype());
}

struct Cosines {
  Variable with_proxy;  // [N, 1]
  Variable between;     // [N, N]
};

Cosines cosines(const Variable& embedding, const Variable& proxy) {
  const Variable unit = unit_rows(embedding, kCosineEps);
  return {sum(unit * unit_rows(proxy, kCosineEps), {1}, KeepDims::yes), matmul(unit, transpose(unit, 0, 1))};
}

// Of labels on the CPU: elsewhere the host does not wait for them.
void check_parity(const char* name, const Tensor& labels, std::int64_t parity) {
  if (labels.device() != Device::cpu) return;
  for (std::int64_t y : labels.to_vector<std::int64_t>())
    check(y % 2 == parity, name, "pictures must be judged as PictureOrigin::", parity == 0 ? "real" : "fake",
          " here; their labels are those of the other kind");
}

// The loss of a class that is in the logits.
Variable nothing(const Variable& logits) {
  check_floating("class_loss", logits);
  return Tensor::full({}, 0, {logits.dtype(), logits.value().device()});
}

Variable of_classes(const ClassJudgement& j) { return cross_entropy(j.classes, j.labels); }
Variable of_twin(const ClassJudgement& j) { return cross_entropy(j.twin_classes, j.labels); }

Variable discriminative_discriminator(const ClassJudgement& real, const ClassJudgement& fake) {
  check_parity("class_loss(adc)", real.labels, 0);
  check_parity("class_loss(adc)", fake.labels, 1);
  return of_classes(real) + of_classes(fake);
}

Variable discriminative_generator(const ClassJudgement& fake) {
  check_parity("class_loss(adc)", fake.labels, 0);
  return of_classes(fake) - cross_entropy(fake.classes, as_labels(as_numbers(fake.labels) + 1));
}

Variable multi_hinge_discriminator(const ClassJudgement& real, const ClassJudgement& fake) {
  check(fake.logits.defined() && fake.logits.dim() == 2, "class_loss(mh)", "needs scores [N, classes + 1]");
  const Tensor last = Tensor::full({fake.logits.size(0)}, static_cast<double>(fake.logits.size(1) - 1),
                                   {DType::int64, fake.logits.value().device()});
  return multi_hinge_loss(real.logits, real.labels) + multi_hinge_loss(fake.logits, last);
}

}  // namespace

Tensor discriminative_labels(const Tensor& labels, PictureOrigin origin) {
  check(labels.defined() && labels.dtype() == DType::int64, "discriminative_labels", "needs int64 labels, got ",
        labels);
  if (labels.device() == Device::cpu)
    for (const std::int64_t y : labels.to_vector<std::int64_t>())
      check(y >= 0 && y < std::int64_t{1} << 52, "discriminative_labels", "the label ", y, " is no class");
  return as_labels(affine(as_numbers(labels), 2, origin == PictureOrigin::fake ? 1 : 0));
}

Variable unit_rows(const Variable& x, double eps) {
  check_floating("unit_rows", x);
  check(x.dim() == 2, "unit_rows", "needs rows [N, E], got ", x.value());
  return x / clamp(norm(x, {1}, {.keep = KeepDims::yes}), eps, kInfinity);
}

Variable conditional_contrastive_loss(const Variable& embedding, const Variable& proxy, const Tensor& labels,
                                      const ContrastiveOptions& o) {
  check_embeddings("conditional_contrastive_loss", embedding, proxy, labels, o.temperature);
  const auto [with_proxy, between] = cosines(embedding, proxy);
  const Variable others = masked_fill(between / o.temperature, diagonal(embedding), -kInfinity);
  const Variable own = masked_fill(others, 1 - Variable(same_class(labels, embedding.dtype())), -kInfinity);
  const Variable attraction = with_proxy / o.temperature;
  return mean(logsumexp(concat({attraction, others}, 1), {1}) - logsumexp(concat({attraction, own}, 1), {1}));
}

Variable data_to_data_loss(const Variable& embedding, const Variable& proxy, const Tensor& labels,
                           const DataToDataOptions& o) {
  check_embeddings("data_to_data_loss", embedding, proxy, labels, o.temperature);
  check(std::abs(o.margin) <= 1, "data_to_data_loss", "the margin is a cosine, in [-1, 1]; got ", o.margin);
  const auto [with_proxy, between] = cosines(embedding, proxy);
  const Variable similar = (between + (o.margin - 1)) / o.temperature;
  Variable repulsion = relu(similar);
  if (o.repulsion == Repulsion::studiogan) {
    const Tensor self = diagonal(embedding);
    repulsion = repulsion - amax(masked_fill(similar.detach(), self, -kInfinity), {1}, KeepDims::yes);
  }
  const Variable others = masked_fill(repulsion, Variable(same_class(labels, embedding.dtype())), -kInfinity);
  const Variable attraction = relu((o.margin - with_proxy) / o.temperature);  // [N, 1]
  return mean(squeeze(attraction, 1) + logsumexp(concat({-attraction, others}, 1), {1}));
}

Variable multi_hinge_loss(const Variable& scores, const Tensor& labels) {
  check_floating("multi_hinge_loss", scores);
  check(scores.dim() == 2 && scores.size(1) >= 2, "multi_hinge_loss", "needs scores [N, K] of 2 or more, got ",
        scores.value());
  check_classes("multi_hinge_loss", labels, scores);
  const Tensor own = one_hot(labels, scores.size(1), scores.dtype());
  const Variable of_labels = gather(scores, 1, labels.reshape({scores.size(0), 1}));
  return mean(relu(1 + amax(masked_fill(scores, own, -kInfinity), {1}, KeepDims::yes) - of_labels));
}

const std::vector<ClassLoss>& class_losses() {
  using J = ClassJudgement;
  using enum ClassConditioning;
  constexpr auto kNone = AuxiliaryClassifier::none;
  static const std::vector<ClassLoss> all{
      {"ac", classifier, kNone, [](const J& real, const J&) { return of_classes(real); }, of_classes},
      {"tac", classifier, AuxiliaryClassifier::twin,
       [](const J& real, const J& fake) { return of_classes(real) + of_twin(fake); },
       [](const J& fake) { return of_classes(fake) - of_twin(fake); }},
      {"adc", classifier, AuxiliaryClassifier::discriminative, discriminative_discriminator, discriminative_generator},
      {"2c", contrastive, kNone,
       [](const J& real, const J&) { return conditional_contrastive_loss(real.embedding, real.proxy, real.labels); },
       [](const J& fake) { return conditional_contrastive_loss(fake.embedding, fake.proxy, fake.labels); }},
      {"d2d-ce", data_to_data, kNone,
       [](const J& real, const J&) { return data_to_data_loss(real.embedding, real.proxy, real.labels); },
       [](const J& fake) { return data_to_data_loss(fake.embedding, fake.proxy, fake.labels); }, 0.5, 0.5},
      {"mh", multi_hinge, kNone, multi_hinge_discriminator,
       [](const J& fake) { return multi_hinge_loss(fake.logits, fake.labels); }, 1, 0.05,
       ClassLossPlace::instead_of_adversarial},
      {"projection", projection, kNone, [](const J& real, const J&) { return nothing(real.logits); },
       [](const J& fake) { return nothing(fake.logits); }},
      {"md", multi_discriminator, kNone, [](const J& real, const J&) { return nothing(real.logits); },
       [](const J& fake) { return nothing(fake.logits); }},
  };
  return all;
}

const ClassLoss& class_loss(std::string_view name) {
  std::string names;
  for (const ClassLoss& loss : class_losses()) {
    if (loss.name == name) return loss;
    names += cat(names.empty() ? "" : ", ", loss.name);
  }
  fail("class_loss", "unknown loss '", name, "'; known: ", names);
}

Variable rotated(const Variable& pictures, std::int64_t quarter_turns) {
  check(pictures.defined() && pictures.dim() == 4, "rotated", "needs pictures [N, C, H, W]");
  switch ((quarter_turns % 4 + 4) % 4) {
    case 0: return pictures;
    case 1: return flip(transpose(pictures, 2, 3), {2});
    case 2: return flip(pictures, {2, 3});
    default: return flip(transpose(pictures, 2, 3), {3});
  }
}

RotatedPictures rotated_quarters(const Variable& pictures) {
  check(pictures.defined() && pictures.dim() == 4 && pictures.size(0) > 0 && pictures.size(2) == pictures.size(3),
        "rotated_quarters", "needs square pictures [N, C, S, S], one at least");
  const std::int64_t n = pictures.size(0);
  Variables parts;
  const Tensor turns = Tensor::empty({n}, {DType::int64, pictures.value().device()});
  for (std::int64_t turn = 0; turn < 4; ++turn) {
    const std::int64_t first = (turn * n + 3) / 4, end = ((turn + 1) * n + 3) / 4;
    if (first == end) continue;
    parts.push_back(rotated(slice(pictures, 0, first, end), turn));
    turns.slice(0, first, end).fill_(static_cast<double>(turn));
  }
  return {concat(parts, 0), turns};
}

Variable rotation_loss(const Variable& logits, const Tensor& turns) {
  check_floating("rotation_loss", logits);
  check(logits.dim() == 2 && logits.size(1) == 4, "rotation_loss", "needs logits [N, 4], got ", logits.value());
  return cross_entropy(logits, turns);
}

Variable info_nce_loss(const Variable& local, const Variable& global, const InfoNceOptions& o) {
  check_floating("info_nce_loss", local);
  check_floating("info_nce_loss", global);
  check(local.dim() == 4 && global.dim() == 2 && local.numel() > 0 && local.dtype() == global.dtype() &&
            global.shape() == Shape{local.size(0), local.size(1)},
        "info_nce_loss", "needs local features [N, R, H, W] and global ones [N, R] of one dtype, got ", local.value(),
        " and ", global.value());
  check(o.own_score < kInfinity, "info_nce_loss", "own_score must be a number or -infinity, got ", o.own_score);
  const std::int64_t n = local.size(0), places = local.size(2) * local.size(3);
  // scores[i, j, l] = <global of i, place l of j>
  const Variable by_feature = reshape(transpose(flatten(local, 2), 0, 1), {local.size(1), n * places});
  const Variable scores = reshape(matmul(global, by_feature), {n, n, places});
  const Tensor own_index = arange(n, DType::int64, local.value().device()).reshape({n, 1, 1}).expand({n, 1, places});
  const Variable own = squeeze(gather(scores, 1, own_index), 1);  // [N, places]
  const Variable wrong = masked_fill(scores, diagonal(local).reshape({n, n, 1}), o.own_score);
  // -log exp(own) / (exp(own) + exp(w)) = softplus(w - own), for which the many wrong ones are summed up once.
  return mean(softplus(logsumexp(reshape(wrong, {n, n * places}), {1}, KeepDims::yes) - own));
}

}  // namespace duel
