#include "duel/nn/resample_layers.h"

namespace duel {
namespace {

Variable padded(const Variable& x, std::int64_t padding, PadMode mode) {
  return pad2d(x, {.h = {padding, padding}, .w = {padding, padding}}, mode);
}

}  // namespace

Variable ReflectionPad2d::operator()(const Variable& x) const { return padded(x, padding, PadMode::reflect); }
Variable ReplicationPad2d::operator()(const Variable& x) const { return padded(x, padding, PadMode::replicate); }
Variable ZeroPad2d::operator()(const Variable& x) const { return padded(x, padding, PadMode::zeros); }

Variable Upsample::operator()(const Variable& x) const {
  const UpsampleOptions by_scale{.scale = {scale, scale}};
  return mode == UpsampleMode::nearest ? upsample_nearest(x, by_scale) : upsample_bilinear(x, by_scale);
}

}  // namespace duel
