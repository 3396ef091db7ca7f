// ClassMixer: pictures between two classes, of generators that look their classes up in tables.
#pragma once

#include <functional>
#include <vector>

#include "duel/gan/models/network.h"

namespace duel {

/// A share of each of two classes.
struct ClassMixture {
  std::int64_t from = 0, to = 0;
  double share = 0;  ///< of `to`; in [0, 1]
};

/// A generator that takes labels knows each class by a row of one or more tables [classes, F]: the gains and biases of
/// conditional batch norms, or an embedding that all layers share. Mixing the rows is what BigGAN's interpolation of y
/// does. The tables are found by their gradients: for a batch of one class only that class's row has any.
class ClassMixer {
 public:
  /// Throws for a network that has no classes or looks none up in tables, and for one where the rows aren't all there
  /// is to a class (a spectrally normalised table's other rows matter too).
  explicit ClassMixer(const Network& generator);

  /// z [N, latent], one mixture for each -> pictures [N, C, H, W] on the network's device, in evaluation mode and
  /// without gradients. Shares of 0 and 1 give what the network makes of the plain class.
  Tensor operator()(const Tensor& z, const std::vector<ClassMixture>& mixtures);

 private:
  struct Table {
    Tensor rows, original;  // of the network, which changes, and as they were
  };
  void find_tables();
  void check_tables();
  Tensor draw(const Tensor& z, const std::vector<ClassMixture>& mixtures);

  Network network_;  // a copy
  std::int64_t classes_;
  Device device_ = Device::cpu;  // of the network
  std::vector<Table> tables_;
};

}  // namespace duel
