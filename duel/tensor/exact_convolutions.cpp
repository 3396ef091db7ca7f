#include "duel/tensor/exact_convolutions.h"

namespace duel {
namespace {

thread_local bool exact = false;

}  // namespace

ExactConvolutions::ExactConvolutions() : before_(exact) { exact = true; }
ExactConvolutions::~ExactConvolutions() { exact = before_; }
bool ExactConvolutions::active() { return exact; }

}  // namespace duel
