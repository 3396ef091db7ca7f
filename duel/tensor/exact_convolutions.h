// The switch between the fastest convolutions and those whose sums are taken as they are written.
#pragma once

namespace duel {

/// While one lives, convolutions and their gradients (of any order) that this thread asks for avoid Winograd's
/// algorithms: errors of a few 1e-7 of the largest result in place of up to 1e-5, at half the speed or less. float64
/// never uses them.
class ExactConvolutions {
 public:
  ExactConvolutions();
  ~ExactConvolutions();
  ExactConvolutions(const ExactConvolutions&) = delete;
  ExactConvolutions& operator=(const ExactConvolutions&) = delete;

  /// Whether one lives on this thread.
  static bool active();

 private:
  bool before_;
};

}  // namespace duel
