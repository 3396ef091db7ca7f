// The walk over all options of a training run: their names, groups, meanings and bounds.
#pragma once

#include "apps/duel/enum_names.h"
#include "apps/duel/options.h"

namespace duel::app {

// The names of duel's own parts.
/// Those of adversarial_losses(), what they are called elsewhere, and wgan-gp.
std::vector<std::string> loss_names();
std::vector<std::string> noise_names();
std::vector<std::string> game_names();
std::vector<std::string> logger_names();
/// Names of data sets' formats, and "auto".
std::vector<std::string> format_names();

/// Those and the plug-ins'.
template <class P>
std::vector<std::string> and_plugins(std::vector<std::string> own, const Parts<P>& parts) {
  for (const P& part : parts.all()) own.push_back(part.name);
  return own;
}

/// For each option f(info, value), with the group that the object stands for.
template <class F>
struct Describe {
  F& f;
  const char* group;
  Scope scope = Scope::numbers;

  template <class T>
  void operator()(const char* name, const char* help, T& value, Range range = {0, 1e15}) const {
    f(OptionInfo{group, name, help, scope, range}, value);
  }
  /// A number, not negative, that need not be there: -1 is none.
  void operator()(const char* name, const char* help, std::optional<double>& value, Range range) const {
    double number = value.value_or(-1);
    (*this)(name, help, number, Range{-1, range.high});
    value = number < 0 ? std::nullopt : std::optional(number);
  }
  void choice(const char* name, const char* help, std::string& value, std::vector<std::string> choices) const {
    f(OptionInfo{group, name, help, scope, {}, std::move(choices)}, value);
  }
};

inline constexpr Range kPositive{1, 1e15}, kShare{0, 1}, kWeight{0, 1e6};

template <class F>
void describe_run(TrainOptions& o, F&& f) {
  const Describe<F> origin{f, "Run", Scope::origin}, session{f, "Run", Scope::session}, numbers{f, "Run"};
  origin("preset", "start from this preset; see duel config --list", o.preset);
  session("description", "a note that the configuration keeps", o.description);
  numbers("game",
          "who trains what: pictures of noise (adversarial), pictures of pictures by pairs (translate) or without "
          "(cycle), pictures and back (autoencode)",
          o.game_kind);
  session("steps", "how many steps to train in all; 0: as the epochs say", o.steps);
  session("epochs", "how many passes over the data to train, instead of steps", o.epochs, {0, 1e9});
  numbers("seed", "of all that is random", o.seed, {0, 18446744073709551615.0});
  session.choice("device", "where to compute; best: on a GPU if there is one", o.device, {"best", "cpu", "cuda"});
  numbers.choice("precision",
                 "of products on a GPU: in full (fp32), of operands rounded to TF32, or with activations in bfloat16",
                 o.precision, {"tf32", "fp32", "bf16"});
  session.choice("capture", "record each update on a GPU once, and replay it", o.capture, {"on", "off"});
  numbers("tell_every", "on a GPU: steps between two looks at the losses, for each of which it waits", o.tell_every,
          kPositive);
  session("threads", "processors to use; 0: all. The numbers do not depend on it", o.threads, {0, 1024});
  numbers("exact_conv", "convolve without Winograd's algorithms: slower, with smaller rounding errors", o.exact_conv);
  session("log_every", "steps between two lines of metrics.jsonl", o.log_every, kPositive);
  session("sample_every", "steps between two grids of samples", o.sample_every, kPositive);
  session("checkpoint_every", "steps between two checkpoints", o.checkpoint_every, kPositive);
  session("keep_checkpoints", "how many numbered checkpoints to keep beside the latest", o.keep_checkpoints, {0, 1e6});
  numbers("best", "keep best.safetensors, by the smallest mean of this number, g_loss say (the largest: NAME:max)",
          o.best);
  numbers("best_every", "of so many steps", o.best_every, kPositive);
  session("loggers", "what to write beside metrics.jsonl: html, csv, tensorboard", o.loggers);
  session("snapshots", "pictures of plug-ins to draw beside the grid of samples", o.snapshots);
  session("watch", "what to do when training goes wrong (NaN, collapse, a discriminator that has won ...)", o.watch);
  numbers("rollback_factor", "watch roll_back: what the rates are multiplied by each time", o.rollback_factor,
          {0.001, 1});
  numbers("most_rollbacks", "watch roll_back: how often before the run stops", o.most_rollbacks, {1, 1000});
}

template <class F>
void describe_data(TrainOptions& o, F&& f) {
  const Describe<F> session{f, "Data", Scope::session}, numbers{f, "Data"};
  DataOptions& d = o.data;
  TransformOptions& t = d.transform;
  session("data", "folder or file of the data set", d.path);
  session("data_b", "the folder or file of the other domain, or of the targets", d.path_b);
  numbers.choice("data_format", "what is there", d.format, and_plugins(format_names(), parts().datasets));
  session("cache", "a file to keep the pictures in decoded: made on first use, and anew when the data change", d.cache);
  numbers("data_mode",
          "what an example is: a picture; a pair (aligned); two pictures of two domains (unaligned); a picture's "
          "lightness and its colours (colorization); a picture made worse and itself (restoration)",
          d.mode);
  numbers("split", "which part of a data set that has several", d.split);
  numbers("classes", "only these classes, in this order, separated by commas", d.classes);
  numbers("class_names", "names of the classes, separated by commas", d.class_names);
  numbers("max_size", "only so many of the first examples; 0: all", d.max_size);
  numbers("halves", "how the two pictures of a pair lie in one", d.halves);
  numbers("direction", "which of a pair is made of which", d.direction);
  numbers("pairing", "the other domain's picture: any, or that of the same number", d.pairing);
  numbers("channels", "1: make them grey, 3: coloured; 0: as they are", t.channels, {0, 3});
  numbers("target_channels", "the same for the other picture of a pair", t.target_channels, {0, 3});
  numbers("pad", "black pixels to add on every side: 2 make 28 x 28 to 32 x 32", t.pad, {0, 1024});
  numbers("preprocess", "how pictures get their size, see docs/data.md", t.preprocess);
  numbers("load_size", "the size that preprocess resizes to", t.load_size);
  numbers("crop_size", "the size that preprocess crops to", t.crop_size);
  numbers("multiple", "with preprocess none: round both sides to a multiple of it", t.multiple, {1, 4096});
  numbers("filter", "how to resample; none: as the source of preprocess does", t.filter);
  numbers("flip", "exchange left and right of every other picture", t.flip);
  numbers("transforms", "of plug-ins, for pictures of their final size, in this order", d.transforms);
  numbers("pair_draws", "whether both pictures of a pair are cropped and flipped alike", t.pair_draws);
  numbers("downscale", "of restoration: by what the picture is made smaller, and larger again", d.downscale, {1, 64});
  numbers("noise", "of restoration: deviation of the noise added, where pictures reach from -1 to 1", d.noise, {0, 10});
  numbers("shuffle", "whether each epoch has an order of its own", d.shuffle);
  numbers("batch_size", "pictures per update", d.batch_size, {1, 65536});
  session("workers", "threads that read pictures ahead; 0: none. The pictures do not depend on it", d.workers,
          {0, 1024});
}

template <class F>
void describe_networks(TrainOptions& o, F&& f) {
  const Describe<F> numbers{f, "Networks"};
  numbers("model", "the networks; duel info --list shows all, duel info --model NAME their options", o.model);
  numbers("discriminator", "take the discriminator of this model instead", o.discriminator);
  numbers("latent", "length of the noise vector; 0: the model's own", o.latent, {0, 65536});
  numbers.choice("latent_distribution", "what the noise is drawn from: N(0, 1), or evenly from -1 to 1",
                 o.latent_distribution, and_plugins(noise_names(), parts().noises));
  numbers("width", "feature maps, as the model counts them; 0: its own", o.width, {0, 4096});
  numbers("stages", "halvings of the picture's size, of duel-conditional-DCGAN; 0: 2", o.stages, {0, 10});
  numbers("model_options", "other options of the model, as generator.depth=2, separated by commas", o.model_options);
}

template <class F>
void describe_training(TrainOptions& o, F&& f) {
  const Describe<F> numbers{f, "Training"};
  AdversarialGameOptions& game = o.game;
  numbers.choice("loss", "adversarial loss; wgan-gp is wgan with gp_weight 10", o.loss,
                 and_plugins(loss_names(), parts().losses));
  numbers("d_steps", "discriminator updates per step", game.d_steps, {1, 1000});
  numbers("g_steps", "generator updates per step", game.g_steps, {1, 1000});
  numbers("d_boost", "discriminator updates in steps that have more of them (WGAN: 100); 0: there are none",
          game.d_boost.d_steps, {0, 1000});
  numbers("d_boost_first", "the first so many steps are such,", game.d_boost.first);
  numbers("d_boost_every", "and those whose number it divides; 0: none", game.d_boost.every);
  numbers("order", "who is updated first, and on which pictures; translate knows shared and generator_first",
          game.order);
  numbers("switch_discriminator",
          "go on with the discriminator until its smoothed loss is below this; 0: as the steps say",
          o.switch_discriminator, kWeight);
  numbers("switch_generator", "the same for the generator", o.switch_generator, kWeight);
  numbers("accumulations", "batches per update", game.learning.accumulations, {1, 100000});
  numbers("clip_norm", "limit of the norm of a side's gradients; 0: none", game.learning.clip_norm, kWeight);
  numbers("soft_labels", "labels in (0.9, 1) for real and (0, 0.1) for generated pictures, for the discriminator",
          o.soft_labels);
  numbers("label_smoothing", "label 1 less this for real pictures, for the discriminator", o.label_smoothing, kShare);
  numbers("noisy_labels", "how often a batch's labels are exchanged, for the discriminator", o.noisy_labels, kShare);
}

template <class F>
void describe_optimizers(TrainOptions& o, F&& f) {
  const Describe<F> numbers{f, "Optimisers"};
  constexpr Range rate{0, 1}, beta{0, 0.999999};
  numbers("optimizer", "of both sides", o.optimizer.kind);
  numbers("g_lr", "learning rate of the generator, or of an auto-encoder", o.g_lr, rate);
  numbers("d_lr", "learning rate of the discriminator", o.d_lr, rate);
  numbers("beta1", "Adam's decay of the mean gradient", o.optimizer.beta1, beta);
  numbers("beta2", "Adam's decay of the mean squared gradient", o.optimizer.beta2, beta);
  numbers("eps", "what Adam and RMSprop add to the root", o.optimizer.eps, {0, 1});
  numbers("weight_decay", "of all parameters", o.optimizer.weight_decay, {0, 1});
  numbers("momentum", "of sgd", o.optimizer.momentum, kShare);
  numbers("alpha", "RMSprop's decay of the mean squared gradient", o.optimizer.alpha, kShare);
  std::vector<std::string> kinds{"same"};
  for (const std::string& name : optimizer_names()) kinds.push_back(name);
  numbers.choice("d_optimizer", "the discriminator's; same: that of both sides", o.d_optimizer.kind, kinds);
  numbers("d_beta1", "the discriminator's beta1; -1: that of both sides", o.d_optimizer.beta1, beta);
  numbers("d_beta2", "the same of beta2", o.d_optimizer.beta2, beta);
  numbers("d_eps", "the same of eps", o.d_optimizer.eps, {0, 1});
  numbers("d_weight_decay", "the same of weight_decay", o.d_optimizer.weight_decay, {0, 1});
}

template <class F>
void describe_averages(TrainOptions& o, F&& f) {
  const Describe<F> numbers{f, "Game: adversarial, average of the generator"};
  AdversarialGameOptions& game = o.game;
  numbers("ema_decay", "decay of the averaged generator, which draws the samples", game.ema_decay, kShare);
  numbers("ema_half_life", "images in which the average forgets half, instead of the decay; 0: the decay",
          game.ema_half_life);
  numbers("ema_rampup", "limits that to a part of the images seen (StyleGAN2: 0.05); 0: no limit", game.ema_rampup,
          {0, 1e6});
  numbers("ema_start", "steps before the averaging starts", game.ema_start);
  numbers("ema_interval", "steps between two updates of the average from then on", game.ema_interval, kPositive);
  numbers("ema_buffers", "what becomes of running statistics there", game.ema_buffers);
}

template <class F>
void describe_burn_in(TrainOptions& o, F&& f) {
  const Describe<F> numbers{f, "Game: adversarial, burn-in"};
  BurnInOptions& b = o.game.burn_in;
  numbers("burn_in", "images in which the values below are reached, along half a cosine (R3GAN); 0: none", b.images);
  numbers("r1_gamma_final", "what r1_gamma goes to; -1: it stays", b.r1_gamma, kWeight);
  numbers("r2_gamma_final", "the same of r2_gamma", b.r2_gamma, kWeight);
  numbers("beta2_final", "the same of both sides' beta2", b.beta2, {0, 0.999999});
  numbers("ema_half_life_final", "the same of ema_half_life", b.ema_half_life, {0, 1e15});
  numbers("augment_probability_final", "the same of augment_probability", b.augment_probability, kShare);
}

template <class F>
void describe_schedule(TrainOptions& o, F&& f) {
  const Describe<F> numbers{f, "Learning rates"};
  ScheduleOptions& o_s = o.schedule;
  Schedule& s = o_s.schedule;
  numbers("lr_schedule", "how the rates change", s.kind);
  numbers("lr_unit", "what its times count", o_s.unit);
  numbers("lr_hold", "linear: the rate stays for so long", s.hold);
  numbers("lr_decay", "linear: then it falls to 0 in so long", s.decay, kPositive);
  numbers("lr_gamma", "step, multi_step, exponential: what the rate is multiplied by", s.gamma, {0, 1});
  numbers("lr_every", "step: each so often", s.every, kPositive);
  numbers("lr_milestones", "multi_step: at these times, separated by commas", s.milestones);
  numbers("lr_total", "cosine, one_cycle, ramp: its length", s.total, kPositive);
  numbers("lr_minimum", "cosine, ramp: the factor at the end", s.minimum, kShare);
  numbers("lr_pct_start", "one_cycle: the part in which the rate rises", s.pct_start, kShare);
  numbers("lr_div", "one_cycle: begins with the rate divided by it", s.div, {1, 1e9});
  numbers("lr_div_final", "one_cycle: ends with the rate divided by it", s.div_final, {1, 1e12});
  numbers("lr_warmup", "any: times in which the rate rises from nothing", s.warmup);
  numbers("plateau", "lower the rates when an epoch's mean generator loss has not become better for some epochs",
          o_s.plateau);
  numbers("plateau_factor", "what they are multiplied by then", o_s.plateau_options.factor, kShare);
  numbers("plateau_patience", "how many epochs may pass", o_s.plateau_options.patience);
  numbers("plateau_threshold", "by what part a loss must be lower to count as better", o_s.plateau_options.threshold,
          kShare);
  numbers("lr_scales",
          "rates of parts, as generator.encoder*=0.1 (times the rate) or discriminator.main.0*=0@1000 (from step 1000 "
          "on; 0 freezes), separated by commas",
          o_s.scales);
}

template <class F>
void describe_other_games(TrainOptions& o, F&& f) {
  const Describe<F> translate{f, "Game: translate"}, cycle{f, "Game: cycle"}, autoencode{f, "Game: autoencode"};
  translate("pixel_weight", "of the comparison with the target (pix2pix: 100)", o.pixel_weight, kWeight);
  translate("pixel_loss", "how it compares", o.pixel_loss);
  translate("judged", "what the discriminator is shown: picture and target, or the target alone", o.judged);
  translate("pretrain_generator", "first steps that train the generator by the comparison alone", o.pretrain_generator);
  translate("pretrain_discriminator", "next steps that train the discriminator alone", o.pretrain_discriminator);
  cycle("lambda_a", "of the cycle from A", o.cycle.lambda_a, kWeight);
  cycle("lambda_b", "of the cycle from B", o.cycle.lambda_b, kWeight);
  cycle("lambda_identity", "of the identity loss, times the other domain's lambda", o.cycle.identity, kWeight);
  cycle("pool", "generated pictures kept for each discriminator", o.pool, {0, 100000});
  autoencode("beta", "of a variational auto-encoder's divergence", o.beta, kWeight);
  autoencode("sparsity", "times the mean absolute value of the codes", o.sparsity, kWeight);
}

template <class F>
void describe_regularisers(TrainOptions& o, F&& f) {
  const Describe<F> option{f, "Game: adversarial, regularisers (0: none)"};
  RegulariserOptions& r = o.game.regularisers;
  option("gp_weight", "gradient penalty (WGAN-GP's lambda)", r.gradient_penalty, kWeight);
  option("gp_at", "where the gradient is taken: between real and generated pictures, or at one of them",
         r.gradient_penalty_at);
  option("gp_over", "whether its norm is over the whole sample or each pixel", r.gradient_penalty_over);
  option("max_gp", "the largest squared gradient (MaxGP)", r.max_gradient_penalty, kWeight);
  option("dragan", "gradient penalty around real pictures (DRAGAN)", r.dragan, kWeight);
  option("r1_gamma", "R1 penalty on real pictures", r.r1_gamma, kWeight);
  option("r2_gamma", "R2 penalty on generated pictures", r.r2_gamma, kWeight);
  option("r1_interval", "steps between two R1 and R2 penalties", r.r1_interval, kPositive);
  option("lazy_betas", "correct Adam for that interval, as StyleGAN2 does", r.lazy_betas);
  option("clip", "limit of the discriminator's weights (WGAN: 0.01)", r.clip, kWeight);
  option("d_ortho", "orthogonality of the discriminator's weights (BigGAN: 1e-4)", r.discriminator_orthogonality,
         kWeight);
  option("g_ortho", "orthogonality of the generator's weights", r.generator_orthogonality, kWeight);
  option("lecam", "LeCam penalty", r.lecam, kWeight);
  option("cr", "consistency of scores under flips and shifts, on real pictures (CR: 10)", r.consistency, kWeight);
  option("bcr_real", "balanced consistency, on real pictures (bCR: 10)", r.balanced_real, kWeight);
  option("bcr_fake", "the same on generated ones (10)", r.balanced_fake, kWeight);
  option("zcr_d", "consistency of scores under noise in z (zCR: 5)", r.latent_discriminator, kWeight);
  option("zcr_g", "diversity of pictures under noise in z (zCR: 0.5)", r.latent_generator, kWeight);
  option("zcr_noise", "its standard deviation", r.latent_noise, kWeight);
  option("augment", "DiffAugment's parts: color,translation,cutout", r.augment);
  option("augment_probability", "of each part, for each picture", r.augment_probability, kShare);
  option("ada_target", "adapt how often to augment, so that this is the mean sign of real scores (ADA: 0.6)",
         o.ada_target, {0, 1});
  option("ada_images", "images in which that may go from never to always", o.ada_images, kPositive);
  option("feature_matching", "distance of the discriminator's mean features, for the generator (MHGAN: 1)",
         r.feature_matching, kWeight);
  option("feature_distance", "the sum of its squares, or the mean of its absolute values (MHGAN)", r.feature_distance);
  option("top_k", "least part of its pictures that the generator learns from; 1: all", r.top_k, {1e-6, 1});
  option("top_k_gamma", "by what that part shrinks each epoch", r.top_k_gamma, {1e-6, 1});
  option("class_weight", "times the published weights, of the loss of the discriminator's classes", r.class_weight,
         kWeight);
  option("rotation_d", "of turned pictures, for the discriminator (SSGAN)", r.rotation_discriminator, kWeight);
  option("rotation_g", "the same for the generator", r.rotation_generator, kWeight);
  option("infomax", "of local and global features (InfoMax-GAN)", r.infomax, kWeight);
}

/// Whether a setting of that plug-in's part is of any use.
bool is_chosen(const TrainOptions& options, const std::string& part);

template <class F>
void describe_settings(TrainOptions& o, F&& f) {
  for (PartSetting& s : o.settings) {
    Parameter& p = s.parameter;
    const bool looks_on = parts().loggers.find(s.part) || parts().snapshots.find(s.part);
    OptionInfo info{s.group.c_str(), s.key.c_str(), p.help.c_str(), looks_on ? Scope::session : Scope::numbers};
    info.range = {p.low, p.high};
    info.choices = p.choices;
    info.in_use = is_chosen(o, s.part);
    std::visit([&](auto& value) { f(info, value); }, p.value);
  }
}

/// Calls f(info, value) for every option; `value` is a bool, std::string, std::vector of std::string or std::int64_t,
/// std::int64_t, std::uint64_t, double, Size2 or an enumeration of `o`.
template <class F>
void describe(TrainOptions& o, F&& f) {
  describe_run(o, f);
  describe_data(o, f);
  describe_networks(o, f);
  describe_training(o, f);
  describe_optimizers(o, f);
  describe_schedule(o, f);
  describe_other_games(o, f);
  describe_regularisers(o, f);
  describe_averages(o, f);
  describe_burn_in(o, f);
  describe_settings(o, f);
}

}  // namespace duel::app
