// The names of all choices that networks' options offer: those of the enumerators.
#pragma once

#include <array>

#include "duel/gan/class_losses.h"
#include "duel/gan/models/autoencoders.h"
#include "duel/gan/models/biggan.h"
#include "duel/gan/models/biggan_deep.h"
#include "duel/gan/models/dcgan.h"
#include "duel/gan/models/fastai_unet.h"
#include "duel/gan/models/option_text.h"
#include "duel/gan/models/resnet_encoder.h"
#include "duel/gan/models/sngan.h"
#include "duel/gan/models/translation_parts.h"

namespace duel {

constexpr auto names_of(PixelModel) {
  using enum PixelModel;
  return std::array{Named{gaussian, "gaussian"}, Named{bernoulli, "bernoulli"}};
}
constexpr auto names_of(LatentUse) {
  using enum LatentUse;
  return std::array{Named{bottom, "bottom"}, Named{hierarchical, "hierarchical"}};
}
constexpr auto names_of(BigganDeepShortcut) {
  using enum BigganDeepShortcut;
  return std::array{Named{resized, "resized"}, Named{convolved, "convolved"}};
}
constexpr auto names_of(LatentOrder) {
  using enum LatentOrder;
  return std::array{Named{after_class, "after_class"}, Named{before_class, "before_class"}};
}
constexpr auto names_of(BigganSystem) {
  using enum BigganSystem;
  return std::array{Named{biggan_pytorch, "biggan_pytorch"}, Named{studiogan, "studiogan"}};
}
constexpr auto names_of(ClassEmbedding) {
  using enum ClassEmbedding;
  return std::array{Named{per_norm, "per_norm"}, Named{shared, "shared"}};
}
constexpr auto names_of(BigganStatistics) {
  using enum BigganStatistics;
  return std::array{Named{torch, "torch"}, Named{own, "own"}, Named{cross_replica, "cross_replica"}};
}
constexpr auto names_of(ClassConditioning) {
  using enum ClassConditioning;
  return std::array{Named{projection, "projection"},
                    Named{none, "none"},
                    Named{classifier, "classifier"},
                    Named{contrastive, "contrastive"},
                    Named{data_to_data, "data_to_data"},
                    Named{multi_hinge, "multi_hinge"},
                    Named{multi_discriminator, "multi_discriminator"}};
}
constexpr auto names_of(AuxiliaryClassifier) {
  using enum AuxiliaryClassifier;
  return std::array{Named{none, "none"}, Named{twin, "twin"}, Named{discriminative, "discriminative"}};
}
constexpr auto names_of(DcganLayout) {
  using enum DcganLayout;
  return std::array{Named{pytorch, "pytorch"}, Named{fastai, "fastai"}};
}
constexpr auto names_of(FastaiNorm) {
  using enum FastaiNorm;
  return std::array{Named{none, "none"}, Named{batch, "batch"}, Named{instance, "instance"}, Named{weight, "weight"},
                    Named{spectral, "spectral"}};
}
constexpr auto names_of(UnetBlur) {
  using enum UnetBlur;
  return std::array{Named{none, "none"}, Named{all_but_last, "all_but_last"}, Named{all, "all"}};
}
constexpr auto names_of(UnetAttention) {
  using enum UnetAttention;
  return std::array{Named{none, "none"}, Named{third_last, "third_last"}};
}
constexpr auto names_of(UnetCross) {
  using enum UnetCross;
  return std::array{Named{none, "none"}, Named{input, "input"}};
}
constexpr auto names_of(UnetBottleneck) {
  using enum UnetBottleneck;
  return std::array{Named{no, "no"}, Named{yes, "yes"}};
}
constexpr auto names_of(Scores) {
  using enum Scores;
  return std::array{Named{logits, "logits"}, Named{probabilities, "probabilities"}};
}
constexpr auto names_of(Nonlinearity) {
  using enum Nonlinearity;
  return std::array{Named{relu, "relu"}, Named{leaky_relu, "leaky_relu"}, Named{elu, "elu"}, Named{gelu, "gelu"}};
}
constexpr auto names_of(WeightInit) {
  using enum WeightInit;
  return std::array{Named{standard, "standard"}, Named{orthogonal, "orthogonal"}, Named{normal_002, "normal_002"},
                    Named{xavier_uniform, "xavier_uniform"}};
}
constexpr auto names_of(Upsampling) {
  using enum Upsampling;
  return std::array{Named{none, "none"}, Named{nearest, "nearest"}, Named{bilinear, "bilinear"}};
}
constexpr auto names_of(BlockWidth) {
  using enum BlockWidth;
  return std::array{Named{wide, "wide"}, Named{thin, "thin"}};
}
constexpr auto names_of(ShortcutInput) {
  using enum ShortcutInput;
  return std::array{Named{raw, "raw"}, Named{activated, "activated"}};
}
constexpr auto names_of(ResnetBlockKind) {
  using enum ResnetBlockKind;
  return std::array{Named{basic, "basic"}, Named{bottleneck, "bottleneck"}};
}
constexpr auto names_of(SnganSystem) {
  using enum SnganSystem;
  return std::array{Named{mimicry, "mimicry"}, Named{mmgen, "mmgen"}, Named{studiogan, "studiogan"}};
}
constexpr auto names_of(SnganInit) {
  using enum SnganInit;
  return std::array{Named{mimicry, "mimicry"}, Named{mimicry_wgan_gp, "mimicry_wgan_gp"},
                    Named{sngan, "sngan"},     Named{sagan, "sagan"},
                    Named{biggan, "biggan"},   Named{studio, "studio"}};
}
constexpr auto names_of(SelfSupervision) {
  using enum SelfSupervision;
  return std::array{Named{none, "none"}, Named{rotation, "rotation"}, Named{infomax, "infomax"}};
}
constexpr auto names_of(FeaturePooling) {
  using enum FeaturePooling;
  return std::array{Named{sum, "sum"}, Named{mean, "mean"}};
}
constexpr auto names_of(TranslationNorm) {
  using enum TranslationNorm;
  return std::array{Named{batch, "batch"}, Named{instance, "instance"}, Named{none, "none"}};
}
constexpr auto names_of(TranslationWeights) {
  using enum TranslationWeights;
  return std::array{Named{normal, "normal"}, Named{xavier, "xavier"}, Named{kaiming, "kaiming"},
                    Named{orthogonal, "orthogonal"}};
}
inline auto names_of(SpectralNormVariant) {
  using enum SpectralNormVariant;
  return std::array{Named{none, name_of(none)}, Named{torch, name_of(torch)}, Named{ajbrock, name_of(ajbrock)},
                    Named{mmgen, name_of(mmgen)}, Named{mimicry, name_of(mimicry)}};
}
constexpr auto names_of(PadMode) {
  using enum PadMode;
  return std::array{Named{zeros, "zeros"}, Named{replicate, "replicate"}, Named{reflect, "reflect"}};
}

}  // namespace duel
