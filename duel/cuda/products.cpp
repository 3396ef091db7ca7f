#include "duel/cuda/products.h"

#include <atomic>

#include "duel/tensor/exact_convolutions.h"

namespace duel::cuda {
namespace {

std::atomic<Precision> chosen = Precision::tf32;

}  // namespace

Precision precision() { return ExactConvolutions::active() ? Precision::fp32 : chosen.load(); }
void set_precision(Precision precision) { chosen = precision; }

}  // namespace duel::cuda
