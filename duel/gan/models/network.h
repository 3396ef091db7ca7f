// Network: any generator, discriminator or other network behind one interface, for programs that choose it by name.
// Blueprint: one that is yet to be made, whose options can be read and set as text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "duel/autograd/pointwise.h"
#include "duel/gan/class_losses.h"
#include "duel/gan/models/autoencoders.h"
#include "duel/gan/models/model_options.h"
#include "duel/nn/module.h"
#include "duel/nn/spectral_norm.h"

namespace duel {

/// What a network is given for each sample, besides labels.
struct NetworkInput {
  Shape shape;               ///< [latent], or [C, H, W]
  std::int64_t classes = 0;  ///< 0: it takes no labels
};

/// What a discriminator says of N pictures with all the heads it has; undefined is what it has not.
struct Judgement {
  ClassJudgement classes{};    ///< its logits are always there
  Variable rotations{};        ///< [N, 4]: of quarter turns (SSGAN)
  Variable local{}, global{};  ///< [N, R, H, W] and [N, R] (InfoMax-GAN)
};

/// What an auto-encoder makes of N pictures.
struct Reconstruction {
  Variable pictures;             ///< [N, C, H, W]
  DiagonalGaussian posterior{};  ///< of a variational one
};

/// Holds a network: `network(x, labels, pass)`, `network(x, pass)`. A plain copy shares the parameters, as with every
/// module; see `clone`.
class Network {
 public:
  template <class N>
  Network(N network, const NetworkInput& input)
      : input_(input), held_(std::make_unique<Held<N>>(std::move(network))), spectral_(spectral_weights(*held_)) {}
  Network(const Network& other)
      : input_(other.input_),
        held_(other.held_->copy()),
        spectral_(spectral_weights(*held_)),
        activations_(other.activations_) {}
  Network(Network&&) = default;
  Network& operator=(const Network& other) { return *this = Network(other); }
  Network& operator=(Network&&) = default;
  ~Network() = default;

  const NetworkInput& input() const { return input_; }
  /// x [N, ...] as the network takes it, labels int64 [N] or none -> its result, of a variational auto-encoder the
  /// pictures. Throws for labels that the network has no use for, and for missing ones.
  Variable operator()(const Variable& x, const Tensor& labels, const Pass& pass = {}) {
    return widened(normalized(pass, [&](const Pass& p) { return held_->forward(narrowed(x), labels, p); }));
  }
  /// Of a discriminator: its scores, and what its heads say besides.
  Judgement judge(const Variable& pictures, const Tensor& labels, PictureOrigin origin, const Pass& pass = {}) {
    Judgement j = normalized(pass, [&](const Pass& p) { return held_->judge(narrowed(pictures), labels, origin, p); });
    ClassJudgement& c = j.classes;
    for (Variable* v : {&c.logits, &c.features, &c.classes, &c.embedding, &c.proxy, &c.twin_classes, &c.twin_embedding,
                        &c.twin_proxy, &j.rotations, &j.local, &j.global})
      *v = widened(*v);
    return j;
  }
  /// Of an auto-encoder. Throws for other networks.
  Reconstruction reconstruct(const Variable& pictures, const Pass& pass = {}) {
    Reconstruction r = held_->reconstruct(narrowed(pictures), pass);
    for (Variable* v : {&r.pictures, &r.posterior.mu, &r.posterior.log_var}) *v = widened(*v);
    return r;
  }
  /// Codes [N, code] of pictures, of a variational one their means. Throws for other networks.
  Variable encode(const Variable& pictures, const Pass& pass = {}) {
    return widened(held_->encode(narrowed(pictures), pass));
  }
  /// Pictures [N, C, H, W] of codes [N, code]. Throws for other networks than auto-encoders.
  Variable decode(const Variable& codes, const Pass& pass = {}) {
    return widened(held_->decode(narrowed(codes), pass));
  }
  /// What float32 activations are within the network: float32, or bfloat16, for devices that compute in it. Parameters
  /// stay as they are, and so do the results.
  void compute_in(DType activations) { activations_ = activations; }
  void visit(Visitor& v) { held_->visit(v); }

 private:
  struct Any {
    virtual ~Any() = default;
    virtual std::unique_ptr<Any> copy() const = 0;
    virtual Variable forward(const Variable& x, const Tensor& labels, const Pass& pass) = 0;
    virtual Judgement judge(const Variable& x, const Tensor& labels, PictureOrigin origin, const Pass& pass) = 0;
    virtual Reconstruction reconstruct(const Variable& x, const Pass& pass) = 0;
    virtual Variable encode(const Variable& x, const Pass& pass) = 0;
    virtual Variable decode(const Variable& codes, const Pass& pass) = 0;
    virtual void visit(Visitor& v) = 0;
  };
  template <class N>
  struct Held final : Any {
    N network;
    explicit Held(N n) : network(std::move(n)) {}
    std::unique_ptr<Any> copy() const override { return std::make_unique<Held>(network); }
    Variable forward(const Variable& x, const Tensor& labels, const Pass& pass) override {
      if constexpr (requires { network(x, labels, pass); }) {
        return network(x, labels, pass);
      } else {
        check(!labels.defined(), "Network", "this network has no classes, but was given labels ", labels);
        if constexpr (requires { network(x, pass).pictures; })
          return network(x, pass).pictures;
        else
          return network(x, pass);
      }
    }
    Judgement judge(const Variable& x, const Tensor& labels, PictureOrigin origin, const Pass& pass) override {
      if constexpr (requires { network.judge(x, labels, origin, pass); }) {
        return {.classes = network.judge(x, labels, origin, pass)};
      } else if constexpr (requires { network.judge(x, labels, pass).rotations; }) {
        auto found = network.judge(x, labels, pass);
        Judgement all{.rotations = found.rotations, .local = found.local, .global = found.global};
        all.classes.logits = found.logits;
        all.classes.features = found.features;
        return all;
      } else {
        Judgement all;
        all.classes.logits = forward(x, labels, pass);
        return all;
      }
    }
    Reconstruction reconstruct(const Variable& x, const Pass& pass) override {
      if constexpr (requires { network(x, pass).posterior; }) {
        VariationalOutput output = network(x, pass);
        return {std::move(output.pictures), std::move(output.posterior)};
      } else if constexpr (requires { network.decode(x, pass); }) {
        return {network(x, pass)};
      } else {
        fail("Network", "this network is no auto-encoder");
      }
    }
    Variable encode(const Variable& x, const Pass& pass) override {
      if constexpr (requires { network.encode(x, pass).mu; })
        return network.encode(x, pass).mu;
      else if constexpr (requires { network.decode(x, pass); })
        return network.encode(x, pass);
      else
        fail("Network", "this network is no auto-encoder");
    }
    Variable decode(const Variable& codes, const Pass& pass) override {
      if constexpr (requires { network.decode(codes, pass); })
        return network.decode(codes, pass);
      else
        fail("Network", "this network is no auto-encoder");
    }
    void visit(Visitor& v) override { network.visit(v); }
  };
  /// f(pass), with the singular vectors of all weights, unless those of a network around this one are there.
  template <class F>
  std::invoke_result_t<F, const Pass&> normalized(Pass pass, const F& f) {
    if (pass.spectral) return f(pass);
    SpectralPass spectral(spectral_, pass.mode);
    pass.spectral = &spectral;
    return f(pass);
  }
  Variable narrowed(const Variable& x) const {
    return activations_ == DType::bfloat16 && x.dtype() == DType::float32 ? cast(x, activations_) : x;
  }
  static Variable widened(const Variable& y) {
    return y.defined() && y.dtype() == DType::bfloat16 ? cast(y, DType::float32) : y;
  }

  NetworkInput input_;
  std::unique_ptr<Any> held_;
  std::vector<SpectralWeight> spectral_;  // within what is held
  DType activations_ = DType::float32;
};

/// A kind of network, and its options.
class Blueprint {
 public:
  template <class N>
  using InputOf = NetworkInput (*)(const typename N::Options&);

  /// `input` tells what a network of some options takes.
  template <class N>
  static Blueprint of(const typename N::Options& options, InputOf<N> input) {
    return Blueprint(std::make_unique<Plan<N>>(options, input));
  }
  Blueprint(const Blueprint& other) : plan_(other.plan_->copy()) {}
  Blueprint(Blueprint&&) = default;
  Blueprint& operator=(const Blueprint& other) { return *this = Blueprint(other); }
  Blueprint& operator=(Blueprint&&) = default;
  ~Blueprint() = default;

  /// Names and values, in the order of the options' struct.
  std::vector<std::pair<std::string, std::string>> options() const { return plan_->options(); }
  /// Throws for an unknown name, with the nearest one, and for a text that is no such value.
  void set(std::string_view name, std::string_view text) { plan_->set(name, text); }
  /// An option's text; none for an unknown name.
  std::optional<std::string> get(std::string_view name) const;
  /// Throws for options that can't be.
  Network make(Rng& rng) const { return plan_->make(rng); }

 private:
  struct AnyPlan {
    virtual ~AnyPlan() = default;
    virtual std::unique_ptr<AnyPlan> copy() const = 0;
    virtual std::vector<std::pair<std::string, std::string>> options() const = 0;
    virtual void set(std::string_view name, std::string_view text) = 0;
    virtual Network make(Rng& rng) const = 0;
  };
  template <class N>
  struct Plan final : AnyPlan {
    typename N::Options values;
    InputOf<N> input;
    Plan(typename N::Options o, InputOf<N> i) : values(std::move(o)), input(i) {}
    std::unique_ptr<AnyPlan> copy() const override { return std::make_unique<Plan>(*this); }
    std::vector<std::pair<std::string, std::string>> options() const override { return option_texts(values); }
    void set(std::string_view name, std::string_view text) override { set_option(values, name, text); }
    Network make(Rng& rng) const override {
      N network(rng, values);
      // Its own options, if it keeps any, say what sizes were rounded to.
      if constexpr (requires { network.options; }) {
        const NetworkInput given = input(network.options);
        return {std::move(network), given};
      } else {
        return {std::move(network), input(values)};
      }
    }
  };
  explicit Blueprint(std::unique_ptr<AnyPlan> plan) : plan_(std::move(plan)) {}
  std::unique_ptr<AnyPlan> plan_;
};

inline std::optional<std::string> Blueprint::get(std::string_view name) const {
  for (auto& [option, value] : options())
    if (option == name) return value;
  return {};
}

}  // namespace duel
