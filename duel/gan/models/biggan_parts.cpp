#include "duel/gan/models/biggan_parts.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/rectified.h"
#include "duel/nn/init.h"

namespace duel {
namespace {

constexpr const char* kNorm = "BigganConditionalNorm";
constexpr std::int64_t kStandardGroups = 16;

// All of `text` as a number of 0 or more; -1 if it is none.
std::int64_t whole_number(std::string_view text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::max<std::int64_t>(number, -1) : -1;
}

BatchNormOptions batch_norm_options(BigganStatistics statistics, double eps) {
  const bool own = statistics == BigganStatistics::own;
  return {.eps = eps, .stored_variance = own ? StoredVariance::biased : StoredVariance::unbiased};
}

Tensor counter(BigganStatistics statistics) {
  return statistics == BigganStatistics::own ? init::zeros({1}) : Tensor();
}

void visit_statistics(Visitor& v, std::string prefix, RunningMoments& moments, BigganStatistics statistics,
                      Tensor& accumulation_counter) {
  if (statistics == BigganStatistics::cross_replica) return v.child(prefix + "bn", moments);
  if (statistics == BigganStatistics::own) prefix += "bn.";
  v.running_moments(moments);
  v.buffer(prefix + "stored_mean", moments.mean);
  v.buffer(prefix + "stored_var", moments.var);
  v.buffer(prefix + "accumulation_counter", accumulation_counter);
}

std::variant<Embedding, SpectralNorm<Linear>> projection(Rng& rng, std::int64_t channels, std::int64_t condition,
                                                         const BigganNormOptions& o) {
  if (o.embedding == ClassEmbedding::per_norm) return Embedding(rng, condition, channels);
  return normalized(rng, Linear(rng, condition, channels, {.bias = Bias::no}), o.spectral);
}

Variable project(std::variant<Embedding, SpectralNorm<Linear>>& how, const BigganCondition& y, const Pass& pass) {
  if (auto* table = std::get_if<Embedding>(&how)) return (*table)(y.labels);
  return std::get<SpectralNorm<Linear>>(how)(y.embedded, pass);
}

// "gn": 16 groups, "gn_grp_4": 4, "gn_ch_8": groups of 8 channels, and one of all if there are fewer.
std::int64_t groups(const std::string& style, std::int64_t channels) {
  if (style == "gn") return kStandardGroups;
  const bool by_channels = style.starts_with("gn_ch_");
  const std::int64_t n = by_channels                    ? whole_number(std::string_view(style).substr(6))
                         : style.starts_with("gn_grp_") ? whole_number(std::string_view(style).substr(7))
                                                        : -1;
  check(n >= 1, kNorm, "there is no norm style '", style, "'; there are bn, in, gn, gn_ch_N, gn_grp_N and nonorm");
  return by_channels ? std::max<std::int64_t>(channels / n, 1) : n;
}

std::variant<RunningMoments, InstanceNorm, GroupNorm, Identity> norm_of(std::int64_t channels,
                                                                        const BigganNormOptions& o) {
  if (o.style == "bn") return RunningMoments(channels, TrackRunning::yes);
  if (o.style == "in") return InstanceNorm(channels, {.eps = o.eps, .track_running = TrackRunning::yes});
  if (o.style == "nonorm") return Identity();
  return GroupNorm(groups(o.style, channels), channels, {.affine = Affine::no});
}

Variable normalized_by(std::variant<RunningMoments, InstanceNorm, GroupNorm, Identity>& norm, const Variable& x,
                       const Pass& pass) {
  if (auto* instance = std::get_if<InstanceNorm>(&norm)) return (*instance)(x, pass);
  if (auto* group = std::get_if<GroupNorm>(&norm)) return (*group)(x);
  return x;
}

}  // namespace

BigganConditionalNorm::BigganConditionalNorm(Rng& rng, std::int64_t channels, std::int64_t condition,
                                             const BigganNormOptions& o)
    : gain(projection(rng, channels, condition, o)),
      bias(projection(rng, channels, condition, o)),
      norm(norm_of(channels, o)),
      options(batch_norm_options(o.statistics, o.eps)),
      statistics(o.statistics),
      accumulation_counter(counter(o.statistics)) {}

Variable BigganConditionalNorm::operator()(const Variable& x, const BigganCondition& y, const Pass& pass, Rectifier r) {
  const Variable scale = 1 + project(gain, y, pass), shift = project(bias, y, pass);  // [N, C]
  if (auto* running = std::get_if<RunningMoments>(&norm))
    return normalize_batch(x, scale, shift, *running, options, pass, r);
  const auto of_maps = [&](const Variable& v) { return follow(reshape(v, {x.size(0), x.size(1), 1, 1}), x.dtype()); };
  return rectified(normalized_by(norm, x, pass) * of_maps(scale) + of_maps(shift), r);
}

void BigganConditionalNorm::visit(Visitor& v) {
  std::visit([&](auto& layer) { v.child("gain", layer); }, gain);
  std::visit([&](auto& layer) { v.child("bias", layer); }, bias);
  if (auto* batch = std::get_if<RunningMoments>(&norm))
    visit_statistics(v, "", *batch, statistics, accumulation_counter);
  else if (auto* instance = std::get_if<InstanceNorm>(&norm))
    visit_statistics(v, "", instance->running, statistics, accumulation_counter);
}

BigganOutput::BigganOutput(Rng& rng, std::int64_t in, std::int64_t out, BigganSystem names, BigganStatistics stored,
                           double eps, const SpectralNormOptions& spectral)
    : system(names),
      statistics(stored),
      norm(in, batch_norm_options(stored, eps)),
      accumulation_counter(counter(stored)),
      conv(same_size_conv(rng, in, out, 3, spectral)) {}

Variable BigganOutput::operator()(const Variable& x, Nonlinearity f, const Pass& pass) {
  return tanh(conv(activate(f, [&](Rectifier r) { return norm(x, pass, r); }), pass));
}

void BigganOutput::visit(Visitor& v) {
  if (system == BigganSystem::studiogan) {
    v.child("bn4", norm);
    v.child("conv2d5", conv);
    return;
  }
  v.parameter("output_layer.0.gain", norm.weight);
  v.parameter("output_layer.0.bias", norm.bias);
  visit_statistics(v, "output_layer.0.", norm.running, statistics, accumulation_counter);
  v.child("output_layer.2", conv);
}

namespace biggan {

std::vector<StagePlan> generator_plan(const char* network, std::int64_t resolution, BigganSystem system) {
  const bool studiogan = system == BigganSystem::studiogan;
  std::vector<std::int64_t> maps;  // one more than stages
  switch (resolution) {
    case 32: maps = {4, 4, 4, 4}; break;
    case 64:
      maps = {16, 16, 8, 4, 2};
      if (studiogan) maps = {16, 8, 4, 2, 1};
      break;
    case 128: maps = {16, 16, 8, 4, 2, 1}; break;
    case 256: maps = {16, 16, 8, 8, 4, 2, 1}; break;
    case 512: maps = {16, 16, 8, 8, 4, 2, 1, 1}; break;
    default: fail(network, "the resolution must be 32, 64, 128, 256 or 512, got ", resolution);
  }
  std::vector<StagePlan> plan;
  for (std::size_t i = 0; i + 1 < maps.size(); ++i) plan.push_back({maps[i], maps[i + 1], (2 * kBottom) << i});
  if (studiogan) number_stages(plan);
  return plan;
}

void number_stages(std::vector<StagePlan>& plan) {
  std::int64_t number = 0;
  for (StagePlan& stage : plan) stage.place = ++number;
}

std::vector<std::int64_t> attended(const char* network, const std::string& text, BigganSystem system) {
  const bool studiogan = system == BigganSystem::studiogan;
  std::vector<std::int64_t> found;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find('_', from), text.size());
    const std::int64_t n = whole_number(std::string_view(text).substr(from, to - from));
    const bool resolution = n >= kBottom && std::has_single_bit(static_cast<std::uint64_t>(n));
    check(n == 0 || (studiogan ? n > 0 : resolution), network, "attention is '", text, "'; it takes ",
          studiogan ? "numbers of blocks such as 2 or 1_2" : "resolutions such as 64 or 32_64", ", or 0 for none");
    found.push_back(n);
    from = to + 1;
  }
  return found;
}

std::optional<SelfAttention> attention_after(Rng& rng, const std::vector<std::int64_t>& places, std::int64_t place,
                                             std::int64_t channels, BigganSystem system, SpectralNormOptions spectral) {
  if (std::find(places.begin(), places.end(), place) == places.end()) return std::nullopt;
  spectral.singular_values = std::clamp<std::int64_t>(channels / 8, 1, spectral.singular_values);
  SelfAttention attention(rng, channels, spectral);
  if (system == BigganSystem::studiogan) attention.gamma = Variable::leaf(init::zeros({1}));
  return attention;
}

void visit_attention(Visitor& v, const std::string& name, SelfAttention& attention, BigganSystem system) {
  if (system == BigganSystem::biggan_pytorch) return v.child(name, attention);
  v.child(name + ".conv1x1_theta", attention.theta);
  v.child(name + ".conv1x1_phi", attention.phi);
  v.child(name + ".conv1x1_g", attention.g);
  v.child(name + ".conv1x1_attn", attention.o);
  v.parameter(name + ".sigma", attention.gamma);
}

void ZeroBiases::on_parameter(const std::string& name, Variable& p) {
  if (p.dim() == 1 && name.ends_with("bias")) p = Variable::leaf(init::zeros(p.shape()));
}

}  // namespace biggan
}  // namespace duel
