// Winograd's transforms, made from their interpolation points at compile time: every product with a zero is left out
// and nothing is looked up while they run.
#include "duel/tensor/cpu/simd/winograd.h"

#include <utility>

#include "duel/tensor/cpu/simd/gemm_packet.h"

namespace duel::cpu::DUEL_SIMD_NAMESPACE {
namespace {

/// The finite ones of the n points; infinity is the last. Of the small fractions these give the least error, found by
/// trial: for n = 6 a third less than 0, 1, -1, 1/2, -2 and half of that of 0, 1, -1, 2, -2.
constexpr double point(int n, int i) {
  constexpr double points[4][5] = {{0, -1}, {0, 1, -1}, {0, 1, -0.5, -2}, {0, 2. / 3, -2. / 3, 1.5, -1.5}};
  return points[n - 3][i];
}

struct Matrix {
  int rows, columns;
  double at[6][6];

  constexpr Matrix transposed() const {
    Matrix t{columns, rows, {}};
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j) t.at[j][i] = at[i][j];
    return t;
  }
};

/// Values of a polynomial at the n points from its coefficients, the last at infinity.
constexpr Matrix evaluation(int n, int coefficients) {
  Matrix e{n, coefficients, {}};
  for (int i = 0; i + 1 < n; ++i) {
    double power = 1;
    for (int j = 0; j < coefficients; ++j, power *= point(n, i)) e.at[i][j] = power;
  }
  e.at[n - 1][coefficients - 1] = 1;
  return e;
}

/// Row i: coefficients of the product of (x - p) over the points p but the i-th; over all for the one at infinity.
constexpr Matrix nodal_polynomials(int n) {
  Matrix b{n, n, {}};
  for (int i = 0; i < n; ++i) {
    b.at[i][0] = 1;
    for (int p = 0; p + 1 < n; ++p) {
      if (p == i) continue;
      for (int j = n - 1; j >= 0; --j) b.at[i][j] = (j > 0 ? b.at[i][j - 1] : 0) - point(n, p) * b.at[i][j];
    }
  }
  return b;
}

/// The kernel's side also takes the denominators of the Lagrange polynomials: its values are the fewest.
constexpr Matrix kernel_evaluation(int n, int taps) {
  Matrix g = evaluation(n, taps);
  for (int i = 0; i + 1 < n; ++i) {
    double denominator = 1;
    for (int p = 0; p + 1 < n; ++p)
      if (p != i) denominator *= point(n, i) - point(n, p);
    for (int j = 0; j < taps; ++j) g.at[i][j] /= denominator;
  }
  return g;
}

template <int m, int r>
struct DataMatrix {  // B'
  static constexpr Matrix value = nodal_polynomials(m + r - 1);
};
template <int m, int r>
struct OutputGradMatrix {  // A
  static constexpr Matrix value = evaluation(m + r - 1, m);
};
template <int m, int r>
struct WeightsMatrix {  // G
  static constexpr Matrix value = kernel_evaluation(m + r - 1, r);
};
template <class M>
struct Transposed {
  static constexpr Matrix value = M::value.transposed();
};

/// Where a row's sum begins: at a coefficient of 1, which needs no product, if it has one.
template <class M, int row>
constexpr int first_term() {
  for (int j = 0; j < M::value.columns; ++j)
    if (M::value.at[row][j] == 1) return j;
  return -1;
}

using FloatPacket = Packet<float>;

template <class M, int row, int j>
EIGEN_ALWAYS_INLINE void add_term(const FloatPacket* x, FloatPacket& sum) {
  constexpr double c = M::value.at[row][j];
  if constexpr (c != 0 && j != first_term<M, row>()) sum = multiply_add<float>(broadcast(float(c)), x[j], sum);
}
template <class M, int row, int... j>
EIGEN_ALWAYS_INLINE FloatPacket row_times(const FloatPacket* x, std::integer_sequence<int, j...>) {
  FloatPacket sum;
  if constexpr (first_term<M, row>() >= 0)
    sum = x[first_term<M, row>()];
  else
    sum = broadcast(0.f);
  (add_term<M, row, j>(x, sum), ...);
  return sum;
}
/// y = M x.
template <class M, int... row>
EIGEN_ALWAYS_INLINE void times(const FloatPacket* x, FloatPacket* y, std::integer_sequence<int, row...>) {
  ((y[row] = row_times<M, row>(x, std::make_integer_sequence<int, M::value.columns>())), ...);
}

/// One packet of channels, `offset` into every vector.
template <class M>
EIGEN_ALWAYS_INLINE void transform_packet(const float* const* in, float* const* out, std::int64_t offset) {
  constexpr int p = M::value.columns, q = M::value.rows;
  constexpr auto rows = std::make_integer_sequence<int, q>();
  FloatPacket half[q][p];
#pragma GCC unroll 8
  for (int j = 0; j < p; ++j) {
    FloatPacket x[p], y[q];
#pragma GCC unroll 8
    for (int i = 0; i < p; ++i) x[i] = load(in[i * p + j] + offset);
    times<M>(x, y, rows);
#pragma GCC unroll 8
    for (int i = 0; i < q; ++i) half[i][j] = y[i];
  }
#pragma GCC unroll 8
  for (int i = 0; i < q; ++i) {
    FloatPacket y[q];
    times<M>(half[i], y, rows);
#pragma GCC unroll 8
    for (int j = 0; j < q; ++j) store<float>(out[i * q + j] + offset, y[j]);
  }
}

template <class M>
void transform(const float* const* in, float* const* out, std::int64_t channels) {
  constexpr int p = M::value.columns, q = M::value.rows, lanes = kLanes<float>;
  std::int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) transform_packet<M>(in, out, c);
  if (c == channels) return;
  float in_buffer[p * p][lanes] = {}, out_buffer[q * q][lanes];
  const float* in_rows[p * p];
  float* out_rows[q * q];
  for (int i = 0; i < p * p; ++i) {
    in_rows[i] = in_buffer[i];
    for (std::int64_t k = c; k < channels; ++k) in_buffer[i][k - c] = in[i][k];
  }
  for (int i = 0; i < q * q; ++i) out_rows[i] = out_buffer[i];
  transform_packet<M>(in_rows, out_rows, 0);
  for (int i = 0; i < q * q; ++i)
    for (std::int64_t k = c; k < channels; ++k) out[i][k] = out_buffer[i][k - c];
}

template <int m, int r>
constexpr WinogradKernels kernels() {
  return {m,
          r,
          transform<DataMatrix<m, r>>,
          transform<WeightsMatrix<m, r>>,
          transform<Transposed<OutputGradMatrix<m, r>>>,
          transform<OutputGradMatrix<m, r>>,
          transform<Transposed<WeightsMatrix<m, r>>>};
}

}  // namespace

const WinogradKernels winograd_kernels[kWinogradVariants] = {kernels<2, 2>(), kernels<4, 2>(), kernels<2, 3>(),
                                                             kernels<4, 3>(), kernels<2, 4>(), kernels<3, 4>()};

}  // namespace duel::cpu::DUEL_SIMD_NAMESPACE
