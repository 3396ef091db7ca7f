// Sequential: layers one after the other, named by their place: "0.weight", "2.bias".
#pragma once

#include <concepts>
#include <memory>
#include <vector>

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

  Variable operator()(const Variable& x, const Pass& pass) { return held_->forward(x, pass); }
  void visit(Visitor& v) { held_->visit(v); }

 private:
  struct Any {
    virtual ~Any() = default;
    virtual std::unique_ptr<Any> copy() const = 0;
    virtual Variable forward(const Variable& x, const Pass& pass) = 0;
    virtual void visit(Visitor& v) = 0;
  };
  template <class L>
  struct Held final : Any {
    L layer;
    explicit Held(L l) : layer(std::move(l)) {}
    std::unique_ptr<Any> copy() const override { return std::make_unique<Held>(layer); }
    Variable forward(const Variable& x, const Pass& pass) override {
      if constexpr (requires { layer(x, pass); })
        return layer(x, pass);
      else
        return layer(x);
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
    for (Layer& layer : layers) x = layer(x, pass);
    return x;
  }
  void visit(Visitor& v) {
    for (std::size_t i = 0; i < layers.size(); ++i) v.child(std::to_string(i), layers[i]);
  }
};

}  // namespace duel
