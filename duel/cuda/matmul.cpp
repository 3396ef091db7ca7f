// Matrix products by cuBLASLt; by our own kernel where it has no algorithm.
#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "duel/cuda/direct.h"
#include "duel/cuda/handles.h"
#include "duel/cuda/kernels.h"
#include "duel/cuda/products.h"

namespace duel::cuda {
namespace {

/// A batch of matrices as cuBLASLt knows them, columns first: those of a tensor [B, R, C] whose rows lie in one piece
/// are [C, R] to it, and those whose columns do are [R, C] and transposed.
struct Matrices {
  std::int64_t rows, columns, leading, batch_stride;
  cublasOperation_t operation;
  std::int64_t alignment;  ///< bytes, of the first element

  friend auto operator<=>(const Matrices&, const Matrices&) = default;
};

void* first_element(const Tensor& t) {
  return t.storage()->data() + t.offset() * static_cast<std::int64_t>(size_of(t.dtype()));
}

/// Nothing if the strides of `t` [B, R, C] are no such thing.
std::optional<Matrices> matrices(const Tensor& t) {
  const std::int64_t rows = t.size(1), columns = t.size(2);
  const std::int64_t batch = t.strides()[0], row = t.strides()[1], column = t.strides()[2];
  std::uintptr_t address = reinterpret_cast<std::uintptr_t>(first_element(t)) | 16;
  if (t.size(0) > 1) address |= static_cast<std::uintptr_t>(batch) * size_of(t.dtype());  // of every matrix
  const auto alignment = static_cast<std::int64_t>(address & (~address + 1));
  const auto spaced = [](std::int64_t stride, std::int64_t count, std::int64_t length) {
    return count == 1 || stride >= length;
  };
  if ((columns == 1 || column == 1) && spaced(row, rows, columns))
    return Matrices{columns, rows, rows == 1 ? columns : row, batch, CUBLAS_OP_N, alignment};
  if ((rows == 1 || row == 1) && spaced(column, columns, rows))
    return Matrices{rows, columns, columns == 1 ? rows : column, batch, CUBLAS_OP_T, alignment};
  return std::nullopt;
}

/// `t`, or a copy in a layout that cuBLASLt knows.
Tensor described(const Tensor& t) {
  if (matrices(t)) return t;
  const bool repeats = t.strides()[0] == 0;
  const Tensor once = repeats ? t.slice(0, 0, 1) : t;
  const Tensor dense = Tensor::empty(once.shape(), t.options());
  copy(once, dense);
  return dense.expand(t.shape());
}

/// All that cuBLASLt's choice depends on: y = a b for each of the batch, perhaps plus a bias. Its products are of
/// matrices columns first, and so b comes first.
struct Problem {
  DType dtype;
  Precision precision;  ///< of float32
  cublasLtEpilogue_t epilogue;
  std::int64_t batch;
  Matrices b, a, y;

  friend auto operator<=>(const Problem&, const Problem&) = default;
};

struct Algorithm {
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace_bytes;
};

/// A problem in cuBLASLt's words.
class Description {
 public:
  Description(const Problem& p, const void* bias) {
    const bool wide = p.dtype == DType::float64;
    const cudaDataType_t type = wide ? CUDA_R_64F : p.dtype == DType::bfloat16 ? CUDA_R_16BF : CUDA_R_32F;
    const bool tf32 = p.dtype == DType::float32 && p.precision == Precision::tf32;
    DUEL_CUDA_CHECK(cublasLtMatmulDescInit(&operation,
                                           wide   ? CUBLAS_COMPUTE_64F
                                           : tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                  : CUBLAS_COMPUTE_32F,
                                           wide ? CUDA_R_64F : CUDA_R_32F));
    set(CUBLASLT_MATMUL_DESC_TRANSA, static_cast<std::int32_t>(p.b.operation));
    set(CUBLASLT_MATMUL_DESC_TRANSB, static_cast<std::int32_t>(p.a.operation));
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<std::uint32_t>(p.epilogue));
    if (bias) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    init(b, p.b, type, p.batch);
    init(a, p.a, type, p.batch);
    init(y, p.y, type, p.batch);
  }

  cublasLtMatmulDescOpaque_t operation{};
  cublasLtMatrixLayoutOpaque_t b{}, a{}, y{};

 private:
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, T value) {
    DUEL_CUDA_CHECK(cublasLtMatmulDescSetAttribute(&operation, attribute, &value, sizeof value));
  }
  static void init(cublasLtMatrixLayoutOpaque_t& layout, const Matrices& m, cudaDataType_t type, std::int64_t batch) {
    DUEL_CUDA_CHECK(cublasLtMatrixLayoutInit(&layout, type, static_cast<std::uint64_t>(m.rows),
                                             static_cast<std::uint64_t>(m.columns), m.leading));
    const auto count = static_cast<std::int32_t>(batch);
    DUEL_CUDA_CHECK(
        cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count));
    DUEL_CUDA_CHECK(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                     &m.batch_stride, sizeof m.batch_stride));
  }
};

/// What cuBLASLt thinks fastest. Parts of long sums are added in the type that they are computed in, not in y's.
std::optional<Algorithm> choose(const Problem& p, Description& d) {
  cublasLtMatmulPreferenceOpaque_t preference{};
  DUEL_CUDA_CHECK(cublasLtMatmulPreferenceInit(&preference));
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    DUEL_CUDA_CHECK(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof value));
  };
  constexpr std::uint64_t kWorkspaceBytes = 32 << 20;
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspaceBytes);
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(p.b.alignment));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(p.a.alignment));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(p.y.alignment));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(p.y.alignment));
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(cublaslt_handle(), &d.operation, &d.b, &d.a, &d.y, &d.y,
                                                               &preference, 1, &result, &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && found == 0)) return std::nullopt;
  DUEL_CUDA_CHECK(status);
  DUEL_CUDA_CHECK(result.state);
  return Algorithm{result.algo, result.workspaceSize};
}

std::optional<Algorithm> algorithm_for(const Problem& p, Description& d) {
  static std::mutex mutex;
  static std::map<Problem, std::optional<Algorithm>> known;
  std::lock_guard lock(mutex);
  auto entry = known.find(p);
  if (entry == known.end()) entry = known.emplace(p, choose(p, d)).first;
  return entry->second;
}

/// Factors and result, all described; bias that can_add, or undefined. False if there is no algorithm for them.
bool multiply(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& bias) {
  const Problem p{.dtype = y.dtype(),
                  .precision = y.dtype() == DType::float32 ? precision() : Precision::tf32,
                  .epilogue = bias.defined() ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT,
                  .batch = y.size(0),
                  .b = *matrices(b),
                  .a = *matrices(a),
                  .y = *matrices(y)};
  Description d(p, bias.defined() ? first_element(bias) : nullptr);
  const std::optional<Algorithm> chosen = algorithm_for(p, d);
  if (!chosen) return false;
  const Tensor workspace =
      Tensor::empty({static_cast<std::int64_t>(chosen->workspace_bytes)}, {DType::uint8, Device::cuda});
  const auto run = [&](auto one, auto zero) {
    DUEL_CUDA_CHECK(cublasLtMatmul(cublaslt_handle(), &d.operation, &one, first_element(b), &d.b, first_element(a),
                                   &d.a, &zero, first_element(y), &d.y, first_element(y), &d.y, &chosen->algorithm,
                                   workspace.mutable_data<std::uint8_t>(), chosen->workspace_bytes, stream()));
  };
  if (y.dtype() == DType::float64)
    run(1.0, 0.0);
  else
    run(1.0f, 0.0f);
  return true;
}

/// Whether cuBLASLt is asked to add the bias: along the rows of a single matrix as it sees it, our columns.
bool can_add(const Tensor& bias, const Tensor& y) {
  return bias.defined() && y.dtype() != DType::float64 && y.size(0) == 1 &&
         reinterpret_cast<std::uintptr_t>(first_element(bias)) % 16 == 0;
}

void add(const Tensor& bias, const Tensor& y) {
  if (bias.defined()) binary(BinaryOp::add, y, bias.expand(y.shape()), y, {});
}

/// Whether a batch of products by one b is one product by it: the rows of a and y follow each other at equal distances.
bool is_one_product(const Tensor& a, const Tensor& b, const Tensor& y) {
  const auto even = [](const Tensor& t) { return t.strides()[0] == t.size(1) * t.strides()[1]; };
  return y.size(0) > 1 && b.strides()[0] == 0 && even(a) && even(y);
}

Tensor as_one(const Tensor& t) {
  return {t.storage(),
          {1, t.size(0) * t.size(1), t.size(2)},
          {t.size(0) * t.strides()[0], t.strides()[1], t.strides()[2]},
          t.offset(),
          t.dtype()};
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, const Tensor& y, const Tensor& bias) {
  if (y.numel() == 0) return;
  if (a.numel() == 0) return bias.defined() ? copy(bias.expand(y.shape()), y) : fill(y, 0);  // sums over nothing
  check(is_floating(y.dtype()), "matmul", "needs a floating dtype, got ", y.dtype());
  if (is_one_product(a, b, y)) return matmul(as_one(a), b.slice(0, 0, 1), as_one(y), bias);
  const std::optional<Matrices> result = matrices(y);
  if (!result) {
    const Tensor dense = Tensor::empty(y.shape(), y.options());
    matmul(a, b, dense, bias);
    return copy(dense, y);
  }
  if (result->operation == CUBLAS_OP_T) {  // y' = b' a'
    matmul(b.transpose(1, 2), a.transpose(1, 2), y.transpose(1, 2), {});
    return add(bias, y);
  }
  const Tensor left = described(a), right = described(b);
  if (can_add(bias, y) && multiply(left, right, y, bias)) return;
  if (!multiply(left, right, y, {})) return matmul_direct(a, b, y, bias);
  add(bias, y);
}

}  // namespace duel::cuda
