// The one place where tests say how close is close enough. All are relative to the largest element of what is compared
// (see `difference` in tensors.h) unless they say otherwise. Margins of statistics stay beside the samples they are of.
#pragma once

namespace duel::tolerance {

/// Finite differences against grad(), float64, at order 1, 2 and 3.
constexpr double kGradcheck[] = {1e-6, 1e-5, 1e-4};
/// A few roundings: a kernel against naive loops in double precision.
constexpr double kRoundingsSingle = 2e-6;
constexpr double kRoundings = 4e-15;
/// Absolute, in float64: what is lost when something is added to a 1.
constexpr double kBelowOne = 1e-16;
/// Sums of up to 1e7 elements, accumulated in double; a variance of data with a mean 1e4 times its deviation.
constexpr double kSumSingle = 1e-7;
constexpr double kSum = 1e-13;
constexpr double kShiftedVarianceSingle = 1e-6;
/// Winograd's convolutions against naive loops in double precision, for any input.
constexpr double kWinograd = 1e-5;
/// Their norm relative to that of the magnitudes of the terms, for inputs whose terms cancel.
constexpr double kWinogradTerms = 1e-6;
/// Losses of ten steps of training with them against those without. Training amplifies roundings: first weights that
/// differ by one move the losses as far.
constexpr double kWinogradTraining = 2e-3;
/// Traces and eigenvalues of matrix roots; those of matrices that lack rank, where a rounding becomes its root.
constexpr double kMatrixRoot = 1e-9;
constexpr double kSingularMatrixRoot = 1e-7;
/// Singular values by 60 steps of power iteration in float32; the next one is 0.6 times as large.
constexpr double kPowerIteration = 1e-4;
/// Squared: a float32 initialisation's rows, where they should be orthonormal.
constexpr double kOrthonormalSquared = 1e-10;
/// Closed forms computed in float64, and in float32.
constexpr double kClosedForm = 1e-12;
constexpr double kClosedFormSingle = 1e-5;
/// The naive loops of the tests against the kernels, float64: other orders of summation.
constexpr double kReference = 1e-12;
/// The length of a gradient that some would call 0, absolute: gradients that flow are larger by far.
constexpr double kNoGradient = 1e-12;
/// <A x, y> against <x, A' y>.
constexpr double kAdjoint = 1e-12;
/// The same elements in other strides, float64.
constexpr double kLayout = 1e-12;
/// A fused operation against its composite, float64: values, and gradients.
constexpr double kFused = 1e-11;
/// float32 against float64, values and first gradients.
constexpr double kSingle = 1e-5;
/// PyTorch's values, gradients and double gradients.
constexpr double kGolden = 1e-10;
constexpr double kGoldenSingle = 1e-5;
/// PyTorch's float64 trajectories against float32: ten optimiser steps, and ten steps of a whole training.
constexpr double kGoldenOptimizerSingle = 1e-6;
constexpr double kGoldenTraining = 1e-5;
/// Ten steps of the published recipes against PyTorch's in float64: each loss relative to its own size, and states.
constexpr double kRecipe = 1e-9;
constexpr double kRecipeSingle = 1e-4;
/// A bias before an instance norm has no gradient but roundings, of which Adam makes steps of full length.
constexpr double kRecipeStateSingle = 1e-2;

}  // namespace duel::tolerance
