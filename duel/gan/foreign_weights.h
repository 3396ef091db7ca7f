// Weights that other systems trained, for networks of ours. The networks have the originals' names; what is left to do
// is to find a network in a checkpoint, to leave out what is obsolete, and to translate what systems store differently.
//
// Back again, nothing has to be translated: a network's state has the names and shapes that the original's
// load_state_dict takes strictly.
#pragma once

#include <map>
#include <string>

#include "duel/nn/module.h"

namespace duel {

/// What a file holds, as far as its names tell.
struct RecognisedWeights {
  /// "BigGAN-PyTorch", "CycleGAN" (and pix2pix), "MMGeneration", "StudioGAN", "mimicry", "R3GAN", "fastai",
  /// "torchvision" (a ResNet), "duel" (a run's checkpoint), or "" for none of these.
  std::string system;
  /// Networks: "generator", "generator_ema", "discriminator", and others under the names that they have; or "" for the
  /// only one. Without wrappings and the state of optimisers.
  std::map<std::string, StateDict> parts;
};

/// Takes off "state_dict", "model_state_dict", "model" and "net" with optimisers beside them, "module" and "Model"
/// (R3GAN), and sorts the parts of what remains: generator, G, netG; generator_ema, G_ema; discriminator, D, netD,
/// critic (fastai). BigGAN-PyTorch, StudioGAN, mimicry and CycleGAN have one network in a file, in part "".
RecognisedWeights recognise_weights(const StateDict& tensors);

/// The order of channels in the pictures that weights were trained with. MMGeneration's are BGR, unless its
/// configuration says otherwise (rgb2bgr, or weights that it converted).
enum class ColourOrder : std::uint8_t { rgb, bgr };

struct FitOptions {
  ColourOrder colours = ColourOrder::rgb;
  std::string what = "state";  ///< names the weights in messages: a file, and a part of it
};

/// The tensors for a network with the state `own`, whose values don't matter, made from `given`, one network's:
///   - what wraps them is taken off, as by `recognise_weights`, and words that all names begin with
///   - MMGeneration's BigGAN and BigGAN-deep (whose order of latents is LatentOrder::before_class) become those of
///     BigGAN-PyTorch, and torchvision's ResNet without its classes the list of `resnet_encoder`; running statistics go
///     by any of BigGAN-PyTorch's, MMGeneration's and PyTorch's names, and sums of them (--mybn) become means
///   - what old instance norms stored is left out, and a missing num_batches_tracked is 0
///   - spectral normalisation goes from any of torch's (the old and the parametrised), ajbrock's and mimicry's state to
///     any other, as foreign_spectral_norm.h has it; for a network without it, weights are divided by their sigma
///   - floating numbers become those of `own`, and integers too; gamma [1] and gamma [] are the same
///   - BGR becomes RGB: the channels that meet pictures, in the one convolution at the end, or the one at the start and
///     the shortcut beside it, are reversed. Which these are is told by their 3 channels; throws where that could be
///     others too
/// They may share memory with `given`. Names and shapes must agree in the end: throws, with `check_state`'s table and
/// the names as far as they could be translated, if they don't; and, listing them, if there are several networks in
/// `given`.
StateDict fit_weights(const StateDict& own, const StateDict& given, const FitOptions& options = {});

/// Puts them into a module's parameters and buffers; all or, if it throws, none.
template <class Module>
void load_weights(Module& module, const StateDict& given, const FitOptions& options = {}) {
  const StateDict own = state_dict(module);
  load_state(own, fit_weights(own, given, options), options.what.c_str());
}

}  // namespace duel
