// What an operation costs in arithmetic, for profilers and model cards.
#pragma once

#include "duel/autograd/observer.h"

namespace duel {

/// Multiply-adds of an observed product, convolution or attention, by the direct algorithm; 0 for all others, which
/// cost little beside them. Of a convolution folded with a change of size (folded_conv2d.h) those of the fold.
double multiply_adds(const Observer::Operation& op);

/// Adds up those of all operations while an ObserverGuard of it lives.
struct MultiplyAddCounter : Observer {
  double total = 0;
  void on_operation(const Operation& op) override { total += multiply_adds(op); }
};

}  // namespace duel
