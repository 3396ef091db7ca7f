#include "duel/gan/models/translation_parts.h"

#include "duel/nn/init.h"

namespace duel {

Layer translation_norm(TranslationNorm norm, std::int64_t channels) {
  switch (norm) {
    case TranslationNorm::batch: return BatchNorm2d(channels);
    case TranslationNorm::instance: return InstanceNorm2d(channels);
    case TranslationNorm::none: return Identity{};
  }
  fail("translation_norm", "unknown norm ", static_cast<int>(norm));
}

Bias bias_before(TranslationNorm norm) { return norm == TranslationNorm::instance ? Bias::yes : Bias::no; }

Tensor draw_weight(Rng& rng, const Shape& shape, const TranslationInit& o) {
  switch (o.kind) {
    case TranslationWeights::normal: return init::normal(rng, shape, 0, o.gain);
    case TranslationWeights::xavier: return init::xavier_normal(rng, shape, o.gain);
    case TranslationWeights::kaiming: return init::kaiming_normal(rng, shape);
    case TranslationWeights::orthogonal: return init::orthogonal(rng, shape, o.gain);
  }
  fail("draw_weight", "unknown initialisation ", static_cast<int>(o.kind));
}

void detail::InitializeTranslation::on_parameter(const std::string& name, Variable& p) {
  if (name.ends_with("bias"))
    p = Variable::leaf(init::zeros(p.shape()));
  else if (p.dim() == 1)
    p = Variable::leaf(init::normal(rng, p.shape(), 1, options.gain));
  else
    p = Variable::leaf(draw_weight(rng, p.shape(), options));
}

}  // namespace duel
