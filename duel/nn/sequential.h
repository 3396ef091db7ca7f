// Sequential: layers one after the other, named by their place: "0.weight", "2.bias". A (leaky) ReLU is done by the
// layer before it, in one pass over memory if that takes a rectifier: a convolution, a normalisation.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <vector>

#include "duel/autograd/rectified.h"
#include "duel/nn/module.h"

namespace duel {

/// Holds any struct that maps one variable to one, `layer(x)` or `layer(x, pass)`, and its `visit` if it has one.
class Layer {
 public:
  template <class L>
  requires(!std::same_as<std::remove_cvref_t<L>, Layer>) Layer(L layer)
      : held_(std::make_unique<Held<L>>(std::move(layer))) {}  // NOLINT(google-explicit-constructor)
  Layer(const Layer& other) : held_(other.held_->copy()) {}
  Layer(Layer&&) = default;
  Layer& operator=(const Layer& other) {
    held_ = other.held_->copy();
    return *this;
  }
  Layer& operator=(Layer&&) = default;

  /// The rectified result of the layer, which may take the rectifier itself: `layer(x, r)` or `layer(x, pass, r)`.
  Variable operator()(const Variable& x, const Pass& pass, Rectifier r = {}) { return held_->forward(x, pass, r); }
  /// What the layer is if it is nothing else.
  std::optional<Rectifier> rectifier() const { return held_->rectifier(); }
  void visit(Visitor& v) { held_->visit(v); }

 private:
  struct Any {
    virtual ~Any() = default;
    virtual std::unique_ptr<Any> copy() const = 0;
    virtual Variable forward(const Variable& x, const Pass& pass, Rectifier r) = 0;
    virtual std::optional<Rectifier> rectifier() const = 0;
    virtual void visit(Visitor& v) = 0;
  };
  template <class L>
  struct Held final : Any {
    L layer;
    explicit Held(L l) : layer(std::move(l)) {}
    std::unique_ptr<Any> copy() const override { return std::make_unique<Held>(layer); }
    Variable forward(const Variable& x, const Pass& pass, Rectifier r) override {
      if constexpr (requires { layer(x, pass, r); })
        return layer(x, pass, r);
      else if constexpr (requires { layer(x, r); })
        return layer(x, r);
      else if constexpr (requires { layer(x, pass); })
        return rectified(layer(x, pass), r);
      else
        return rectified(layer(x), r);
    }
    std::optional<Rectifier> rectifier() const override {
      if constexpr (requires { layer.rectifier(); }) return layer.rectifier();
      return {};
    }
    void visit(Visitor& v) override {
      if constexpr (requires { layer.visit(v); }) layer.visit(v);
    }
  };
  std::unique_ptr<Any> held_;
};

struct Sequential {
  std::vector<Layer> layers;

  Variable operator()(Variable x, const Pass& pass = {}) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::optional<Rectifier> next = i + 1 < layers.size() ? layers[i + 1].rectifier() : std::nullopt;
      x = layers[i](x, pass, next.value_or(Rectifier()));
      if (next) ++i;
    }
    return x;
  }
  void visit(Visitor& v) {
    for (std::size_t i = 0; i < layers.size(); ++i) v.child(std::to_string(i), layers[i]);
  }
};

}  // namespace duel
