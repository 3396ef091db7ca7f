// The options of every network under their names: for model cards and `--set width=32`. Names are those of the members
// and of the enumerators. Of nested options the first has the outer member's name, the others have it in front:
// "spectral", the variant, and "spectral_eps".
//
// `describe` walks over a struct once, and all else goes over that walk:
//
//   for (const auto& [name, text] : option_texts(options)) std::cout << name << " = " << text << '\n';
//   set_option(options, "width", "32");
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duel/gan/models/autoencoders.h"
#include "duel/gan/models/biggan.h"
#include "duel/gan/models/biggan_deep.h"
#include "duel/gan/models/conditional_dcgan.h"
#include "duel/gan/models/cyclegan_generator.h"
#include "duel/gan/models/dcgan.h"
#include "duel/gan/models/fastai.h"
#include "duel/gan/models/fastai_unet.h"
#include "duel/gan/models/ganzo_plain.h"
#include "duel/gan/models/ganzo_resnet.h"
#include "duel/gan/models/ganzo_translation.h"
#include "duel/gan/models/option_names.h"
#include "duel/gan/models/option_text.h"
#include "duel/gan/models/patch_discriminator.h"
#include "duel/gan/models/pix2pix_generator.h"
#include "duel/gan/models/r3gan.h"
#include "duel/gan/models/resnet_encoder.h"
#include "duel/gan/models/sngan.h"
#include "duel/gan/models/studiogan_dcgan.h"
#include "duel/gan/models/tutorial_gans.h"

namespace duel {

/// "-1,1": low, high.
std::string to_text(const PixelRange& value);
[[nodiscard]] bool set_from_text(PixelRange& value, std::string_view text);
std::string takes(const PixelRange&);

// describe(options, f) calls f(name, value) for every option of a network, in the order of its struct; `value` is a
// member of `options`, of one of the types in option_text.h or a PixelRange.

namespace detail {

template <class F>
void describe_spectral(SpectralNormOptions& o, F&& f) {
  f("spectral", o.variant);
  f("spectral_eps", o.eps);
  f("spectral_iterations", o.iterations);
  f("spectral_singular_values", o.singular_values);
}

template <class F>
void describe_init(TranslationInit& o, F&& f) {
  f("init", o.kind);
  f("init_gain", o.gain);
}

[[noreturn]] void fail_wrong_value(std::string_view name, const std::string& takes, std::string_view text);
[[noreturn]] void fail_unknown_option(std::string_view name, const std::vector<std::string>& known);
/// Throws for sizes that no network can have: what is counted in layers, blocks or iterations goes from 0 to 1000, what
/// in channels, pixels or classes to 65536. Other types have no range.
void check_range(std::string_view name, std::int64_t value);
void check_range(std::string_view name, Size2 value);
void check_range(std::string_view name, const std::vector<std::int64_t>& value);
template <class T>
void check_range(std::string_view, const T&) {}

}  // namespace detail

template <class F>
void describe(AutoencoderOptions& o, F&& f) {
  f("size", o.size);
  f("channels", o.channels);
  f("widths", o.widths);
  f("code", o.code);
  f("pixels", o.pixels);
  f("noise", o.noise);
  f("masking", o.masking);
}

template <class F>
void describe(BigganGeneratorOptions& o, F&& f) {
  f("system", o.system);
  f("resolution", o.resolution);
  f("width", o.width);
  f("channels", o.channels);
  f("classes", o.classes);
  f("latent", o.latent);
  f("embedding", o.embedding);
  f("shared", o.shared);
  f("latent_use", o.latent_use);
  f("attention", o.attention);
  f("depth", o.depth);
  f("norm_style", o.norm_style);
  f("statistics", o.statistics);
  f("norm_eps", o.norm_eps);
  f("output_norm_eps", o.output_norm_eps);
  f("nonlinearity", o.nonlinearity);
  f("init", o.init);
  detail::describe_spectral(o.spectral, f);
}

template <class F>
void describe(BigganDiscriminatorOptions& o, F&& f) {
  f("system", o.system);
  f("resolution", o.resolution);
  f("width", o.width);
  f("channels", o.channels);
  f("classes", o.classes);
  f("attention", o.attention);
  f("depth", o.depth);
  f("block_width", o.block_width);
  f("shortcut_input", o.shortcut_input);
  f("nonlinearity", o.nonlinearity);
  f("init", o.init);
  f("conditioning", o.conditioning);
  f("auxiliary", o.auxiliary);
  f("embedding", o.embedding);
  detail::describe_spectral(o.spectral, f);
}

template <class F>
void describe(BigganDeepGeneratorOptions& o, F&& f) {
  f("system", o.system);
  f("shortcut", o.shortcut);
  f("resolution", o.resolution);
  f("width", o.width);
  f("channels", o.channels);
  f("classes", o.classes);
  f("latent", o.latent);
  f("shared", o.shared);
  f("latent_order", o.latent_order);
  f("attention", o.attention);
  f("depth", o.depth);
  f("norm_style", o.norm_style);
  f("statistics", o.statistics);
  f("norm_eps", o.norm_eps);
  f("output_norm_eps", o.output_norm_eps);
  f("nonlinearity", o.nonlinearity);
  f("output_maps", o.output_maps);
  f("init", o.init);
  detail::describe_spectral(o.spectral, f);
}

template <class F>
void describe(BigganDeepDiscriminatorOptions& o, F&& f) {
  f("system", o.system);
  f("shortcut", o.shortcut);
  f("resolution", o.resolution);
  f("width", o.width);
  f("channels", o.channels);
  f("classes", o.classes);
  f("attention", o.attention);
  f("depth", o.depth);
  f("shortcut_input", o.shortcut_input);
  f("nonlinearity", o.nonlinearity);
  f("init", o.init);
  f("conditioning", o.conditioning);
  f("auxiliary", o.auxiliary);
  f("embedding", o.embedding);
  detail::describe_spectral(o.spectral, f);
}

template <class F>
void describe(ConditionalDcganOptions& o, F&& f) {
  f("size", o.size);
  f("channels", o.channels);
  f("classes", o.classes);
  f("latent", o.latent);
  f("width", o.width);
  f("stages", o.stages);
}

template <class F>
void describe(CycleganGeneratorOptions& o, F&& f) {
  f("in_channels", o.in_channels);
  f("out_channels", o.out_channels);
  f("width", o.width);
  f("blocks", o.blocks);
  f("halvings", o.halvings);
  f("norm", o.norm);
  f("padding", o.padding);
  f("dropout", o.dropout);
  detail::describe_init(o.init, f);
}

template <class F>
void describe(DcganOptions& o, F&& f) {
  f("size", o.size);
  f("channels", o.channels);
  f("latent", o.latent);
  f("width", o.width);
  f("extra_layers", o.extra_layers);
  f("slope", o.slope);
  f("layout", o.layout);
  f("scores", o.scores);
}

template <class F>
void describe(FastaiCriticOptions& o, F&& f) {
  f("channels", o.channels);
  f("width", o.width);
  f("blocks", o.blocks);
  f("dropout", o.dropout);
}

template <class F>
void describe(FastaiUnetOptions& o, F&& f) {
  f("in_channels", o.in_channels);
  f("out_channels", o.out_channels);
  f("size", o.size);
  f("norm", o.norm);
  f("blur", o.blur);
  f("attention", o.attention);
  f("cross", o.cross);
  f("bottleneck", o.bottleneck);
  f("range", o.range);
  f("slope", o.slope);
}

template <class F>
void describe(GanzoFcOptions& o, F&& f) {
  f("size", o.size);
  f("latent", o.latent);
  f("layers", o.layers);
  f("dropout", o.dropout);
  f("scores", o.scores);
}

template <class F>
void describe(GanzoConvOptions& o, F&& f) {
  f("layers", o.layers);
  f("channels", o.channels);
  f("latent", o.latent);
  f("generator_width", o.generator_width);
  f("discriminator_width", o.discriminator_width);
  f("dropout", o.dropout);
  f("scores", o.scores);
}

template <class F>
void describe(GanzoResnetOptions& o, F&& f) {
  f("size", o.size);
  f("channels", o.channels);
  f("latent", o.latent);
  f("width", o.width);
  f("generator_kernel", o.generator_kernel);
}

template <class F>
void describe(GanzoUGeneratorOptions& o, F&& f) {
  f("in_channels", o.in_channels);
  f("out_channels", o.out_channels);
  f("width", o.width);
  f("layers", o.layers);
}

template <class F>
void describe(GanzoPatchDiscriminatorOptions& o, F&& f) {
  f("in_channels", o.in_channels);
  f("width", o.width);
  f("scores", o.scores);
}

template <class F>
void describe(PatchDiscriminatorOptions& o, F&& f) {
  f("in_channels", o.in_channels);
  f("width", o.width);
  f("halvings", o.halvings);
  f("norm", o.norm);
  detail::describe_init(o.init, f);
}

template <class F>
void describe(PixelDiscriminatorOptions& o, F&& f) {
  f("in_channels", o.in_channels);
  f("width", o.width);
  f("norm", o.norm);
  detail::describe_init(o.init, f);
}

template <class F>
void describe(Pix2pixGeneratorOptions& o, F&& f) {
  f("in_channels", o.in_channels);
  f("out_channels", o.out_channels);
  f("width", o.width);
  f("halvings", o.halvings);
  f("norm", o.norm);
  f("dropout", o.dropout);
  detail::describe_init(o.init, f);
}

template <class F>
void describe(R3ganOptions& o, F&& f) {
  f("widths", o.widths);
  f("blocks", o.blocks);
  f("expansion", o.expansion);
  f("group_width", o.group_width);
  f("channels", o.channels);
  f("latent", o.latent);
  f("classes", o.classes);
}

template <class F>
void describe(ResnetEncoderOptions& o, F&& f) {
  f("in_channels", o.in_channels);
  f("width", o.width);
  f("blocks", o.blocks);
  f("kind", o.kind);
}

template <class F>
void describe(SnganGeneratorOptions& o, F&& f) {
  f("system", o.system);
  f("resolution", o.resolution);
  f("width", o.width);
  f("channels", o.channels);
  f("classes", o.classes);
  f("latent", o.latent);
  f("attention_after", o.attention_after);
  f("upsampling", o.upsampling);
  f("norm_eps", o.norm_eps);
  f("init", o.init);
  detail::describe_spectral(o.spectral, f);
}

template <class F>
void describe(SnganDiscriminatorOptions& o, F&& f) {
  f("system", o.system);
  f("resolution", o.resolution);
  f("width", o.width);
  f("channels", o.channels);
  f("classes", o.classes);
  f("attention_after", o.attention_after);
  f("block_width", o.block_width);
  f("shortcut_input", o.shortcut_input);
  f("pooling", o.pooling);
  f("self_supervision", o.self_supervision);
  f("projection", o.projection);
  f("norm_eps", o.norm_eps);
  f("init", o.init);
  detail::describe_spectral(o.spectral, f);
}

template <class F>
void describe(StudioganDcganOptions& o, F&& f) {
  f("size", o.size);
  f("channels", o.channels);
  f("latent", o.latent);
  f("width", o.width);
  f("norm_eps", o.norm_eps);
  f("init", o.init);
}

template <class F>
void describe(MlpGanOptions& o, F&& f) {
  f("size", o.size);
  f("channels", o.channels);
  f("latent", o.latent);
  f("classes", o.classes);
  f("generator_widths", o.generator_widths);
  f("discriminator_widths", o.discriminator_widths);
  f("norm_eps", o.norm_eps);
  f("scores", o.scores);
}

template <class F>
void describe(TutorialDcganOptions& o, F&& f) {
  f("size", o.size);
  f("channels", o.channels);
  f("latent", o.latent);
  f("width", o.width);
  f("scores", o.scores);
}

/// All options with their values, in the order of `describe`.
template <class Options>
std::vector<std::pair<std::string, std::string>> option_texts(Options options) {
  std::vector<std::pair<std::string, std::string>> texts;
  describe(options, [&](const char* name, const auto& value) { texts.emplace_back(name, to_text(value)); });
  return texts;
}

/// Gives the option `name` the value that `text` says. Throws, leaving `options` as they were, for a text that is no
/// value of its type, saying what it takes, and for an unknown name, with the nearest one and all that there are.
/// So do numbers beyond all reason; whether a network can be made with the value is checked when it is made.
template <class Options>
void set_option(Options& options, std::string_view name, std::string_view text) {
  std::vector<std::string> known;
  bool found = false;
  describe(options, [&](const char* option, auto& value) {
    known.emplace_back(option);
    if (option != name) return;
    found = true;
    auto given = value;
    if (!set_from_text(given, text)) detail::fail_wrong_value(name, takes(value), text);
    detail::check_range(name, given);
    value = given;
  });
  if (!found) detail::fail_unknown_option(name, known);
}

}  // namespace duel
