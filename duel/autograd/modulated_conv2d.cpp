#include "duel/autograd/modulated_conv2d.h"

#include "duel/autograd/matmul.h"
#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"

namespace duel {

Variable demodulate(const Variable& weight, double eps) {
  check(weight.defined() && (weight.dim() == 4 || weight.dim() == 5) && is_floating(weight.dtype()), "demodulate",
        "needs a float32 or float64 weight [O, I, KH, KW] or [N, O, I, KH, KW], got ", weight.value());
  check(eps >= 0, "demodulate", "eps must not be negative, got ", eps);
  return weight * rsqrt(sum(square(weight), {-3, -2, -1}, KeepDims::yes) + eps);
}

// With w'[n, o, i] = s[n, i] w[o, i] the sum of squares is sum_i s^2[n, i] sum_kernel w^2[o, i]: a matrix product.
Variable modulated_conv2d(const Variable& x, const Variable& weight, const Variable& styles,
                          const ModulatedConv2dOptions& options) {
  check(x.dim() == 4 && weight.dim() == 4 && x.size(1) == weight.size(1), "modulated_conv2d", "input ", x.value(),
        " does not fit weight ", weight.value(), " [O, I, KH, KW]");
  check(styles.shape() == Shape{x.size(0), x.size(1)}, "modulated_conv2d", "styles must be [N, I] for input ",
        x.value(), ", got ", styles.value());
  check(options.geometry.groups == 1, "modulated_conv2d", "has one group, got ", options.geometry.groups);
  check(options.eps >= 0, "modulated_conv2d", "eps must not be negative, got ", options.eps);
  const auto over_space = [](const Variable& v) { return reshape(v, {v.size(0), v.size(1), 1, 1}); };
  const Variable y = conv2d(x * over_space(follow(styles, x.dtype())), weight, {}, options.geometry);
  if (options.demodulate == Demodulate::no) return y;
  const Variable squares = sum(square(weight), {2, 3});  // [O, I]
  const Variable scaled = matmul(square(follow(styles, squares.dtype())), transpose(squares, 0, 1));
  return y * over_space(follow(rsqrt(scaled + options.eps), y.dtype()));
}

}  // namespace duel
