// What the recipes of training share: their data, and the comparison with PyTorch's (make_golden_training.py).
#pragma once

#include "duel/nn/optim.h"
#include "tests/gan/residual_checks.h"

namespace duel::testing {

inline constexpr std::int64_t kSteps = 10;

/// Makes a module one of `dtype` with the weights that training starts from: those of `set_parameters`, times `scale`,
/// or where it has spectral norms, those of `set_state`.
template <class Module>
Module started(Module module, DType dtype, double scale = 1) {
  set_parameters(module);
  for (const Variable& p : parameters(module)) Tensor(p.value()).copy_((scale * p).value());
  to(module, dtype);
  return module;
}
template <class Module>
Module started_with_buffers(Module module, DType dtype) {
  set_state(module);
  to(module, dtype);
  return module;
}

/// Everything random that training looks at, from one stream.
struct Data {
  Shape shape;  // of a batch of pictures [N, C, H, W]
  DType dtype;
  Rng rng{7};

  Tensor pictures() { return rng.uniform(shape, -1, 1, {.dtype = DType::float64}).to(dtype); }
  Tensor noise(std::int64_t size) { return rng.normal({shape[0], size}).to(dtype); }
  Tensor labels(std::int64_t classes) { return rng.integers({shape[0]}, classes); }
};

inline void update(Optimizer& optimizer, const Variable& loss) { optimizer.step(grad(loss, optimizer.parameters())); }

/// What is left of a training: losses, a row for each step, and the networks' states.
struct Trained {
  std::vector<double> losses;
  std::vector<Tensor> state;

  void record(const Variables& of_step) {
    for (const Variable& loss : of_step) losses.push_back(loss.item());
  }
  template <class... Modules>
  void keep(Modules&... modules) {
    const auto add = [&](auto& module) {
      for (const auto& [name, t] : state_dict(module)) state.push_back(t.to(DType::float64));
    };
    (add(modules), ...);
  }
};

/// Each loss relative to its own size, and the states.
inline void check_training(const std::string& name, Trained (*train)(DType)) {
  const Golden golden(name, "training.json");
  const std::vector<double> expected = doubles(golden.tensor("losses"));
  const auto per_step = expected.size() / kSteps;
  for (const DType dtype : {DType::float64, DType::float32}) {
    CAPTURE(name);
    CAPTURE(dtype);
    const bool single = dtype == DType::float32;
    const Trained trained = train(dtype);
    REQUIRE(trained.losses.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double limit = (single ? tolerance::kRecipeSingle : tolerance::kRecipe) * std::abs(expected[i]);
      CHECK_MESSAGE(std::abs(trained.losses[i] - expected[i]) <= limit, "loss ", i % per_step, " of step ",
                    i / per_step, " is ", trained.losses[i], ", PyTorch's ", expected[i]);
    }
    CHECK(golden.difference_of("state", digests(trained.state, 900)) <=
          (single ? tolerance::kRecipeStateSingle : tolerance::kRecipe));
  }
}

}  // namespace duel::testing
