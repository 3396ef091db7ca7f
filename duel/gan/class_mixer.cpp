#include "duel/gan/class_mixer.h"

#include <algorithm>
#include <cmath>

#include "duel/autograd/grad.h"
#include "duel/autograd/ops.h"

namespace duel {
namespace {

constexpr char kName[] = "ClassMixer";
constexpr std::int64_t kProbes = 4;  // latents that the tables are looked for with
constexpr std::int64_t kMostAtOnce = 64;
constexpr double kTolerance = 1e-4;  // of a picture in [-1, 1]

// Whether something is in row `row` of g [classes, F] and nothing is elsewhere.
bool only_in_row(const Tensor& g, std::int64_t row) {
  const std::vector<float> values = g.to_vector<float>();
  const auto width = static_cast<std::size_t>(g.size(1));
  bool here = false, elsewhere = false;
  for (std::size_t i = 0; i < values.size(); ++i)
    (i / width == static_cast<std::size_t>(row) ? here : elsewhere) |= values[i] != 0;
  return here && !elsewhere;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<float> x = a.to_vector<float>(), y = b.to_vector<float>();
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(double{x[i]} - y[i]));
  return largest;
}

}  // namespace

ClassMixer::ClassMixer(const Network& generator) : network_(clone(generator)), classes_(generator.input().classes) {
  check(classes_ > 0, kName, "the network knows no classes");
  find_tables();
  check(!tables_.empty(), kName, "the network has no tables of its classes that could be mixed");
  check_tables();
}

void ClassMixer::find_tables() {
  Variables candidates;
  for (const Variable& p : parameters(network_))
    if (p.dim() == 2 && p.size(0) == classes_ && p.dtype() == DType::float32) candidates.push_back(p);
  if (candidates.empty()) return;
  device_ = candidates[0].value().device();
  Rng rng(0);
  const Tensor z = rng.normal({kProbes, network_.input().shape[0]}, 0, 1, {.device = device_});
  const std::int64_t label = classes_ - 1;
  const Tensor labels = Tensor::full({kProbes}, static_cast<double>(label), {DType::int64, device_});
  const Variable pictures = network_(z, labels, {.mode = Mode::eval});
  const Variable probe = sum(pictures * Variable(rng.normal(pictures.shape(), 0, 1, {.device = device_})));
  const Variables gradients = grad(probe, candidates, {.allow_unused = true});
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (only_in_row(gradients[i].value(), label))
      tables_.push_back({candidates[i].value(), candidates[i].value().clone()});
}

// Plain classes through the mixed tables must be what they were.
void ClassMixer::check_tables() {
  const std::int64_t n = std::min<std::int64_t>(classes_, kProbes);
  const Tensor z = Rng(1).normal({n, network_.input().shape[0]}, 0, 1, {.device = device_});
  std::vector<std::int64_t> labels;
  std::vector<ClassMixture> plain;
  for (std::int64_t i = 0; i < n; ++i) {
    labels.push_back(classes_ - 1 - i);
    plain.push_back({labels.back(), 0, 0});
  }
  const NoGrad no_grad;
  const Tensor wanted = network_(z, Tensor::from(labels, {n}).to(device_), {.mode = Mode::eval}).value();
  check(largest_difference(draw(z, plain), wanted) <= kTolerance, kName,
        "the rows of the network's tables are not all that it knows of its classes");
}

// As many mixtures as there are rows, each in a row of its own.
Tensor ClassMixer::draw(const Tensor& z, const std::vector<ClassMixture>& mixtures) {
  const NoGrad no_grad;
  const auto n = static_cast<std::int64_t>(mixtures.size());
  for (Table& table : tables_) {
    const std::int64_t width = table.rows.size(1);
    for (std::int64_t row = 0; row < n; ++row) {
      const ClassMixture& m = mixtures[static_cast<std::size_t>(row)];
      const Variable from = table.original.select(0, m.from), to = table.original.select(0, m.to);
      table.rows.slice(0, row, row + 1).copy_(reshape((1 - m.share) * from + m.share * to, {1, width}).value());
    }
  }
  const Tensor pictures = network_(z, arange(n, DType::int64, device_), {.mode = Mode::eval}).value();
  for (Table& table : tables_) table.rows.copy_(table.original);
  return pictures;
}

Tensor ClassMixer::operator()(const Tensor& z, const std::vector<ClassMixture>& mixtures) {
  const auto n = static_cast<std::int64_t>(mixtures.size());
  check(z.defined() && z.dim() == 2 && z.size(0) == n && n > 0, kName,
        "needs a mixture for each of z [N, latent], got ", n, " for ", z);
  for (const ClassMixture& m : mixtures)
    check(m.from >= 0 && m.from < classes_ && m.to >= 0 && m.to < classes_ && m.share >= 0 && m.share <= 1, kName,
          "there is no mixture of ", m.share, " between the classes ", m.from, " and ", m.to, " of ", classes_);
  const std::int64_t at_once = std::min(classes_, kMostAtOnce);
  Tensor all;
  for (std::int64_t begin = 0; begin < n; begin += at_once) {
    const std::int64_t end = std::min(n, begin + at_once);
    const Tensor drawn = draw(z.slice(0, begin, end).to(device_), {mixtures.begin() + begin, mixtures.begin() + end});
    if (begin == 0) all = Tensor::empty({n, drawn.size(1), drawn.size(2), drawn.size(3)}, {.device = device_});
    all.slice(0, begin, end).copy_(drawn);
  }
  return all;
}

}  // namespace duel
