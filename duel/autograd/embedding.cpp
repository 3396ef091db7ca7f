#include "duel/autograd/embedding.h"

#include "duel/autograd/shape_ops.h"
#include "duel/tensor/backend.h"

namespace duel {
namespace {

Shape with_last(const Shape& shape, std::int64_t last) {
  Shape out = shape;
  out.push_back(last);
  return out;
}

}  // namespace

Variable embedding(const Variable& table, const Tensor& index) {
  check(table.dim() == 2 && is_floating(table.dtype()), "embedding", "needs a float table [R, D], got ", table.value());
  check(index.defined() && index.dtype() == DType::int64, "embedding", "needs int64 indices, got ", index);
  const Tensor flat = index.reshape({-1});
  Tensor y = Tensor::empty({flat.numel(), table.size(1)}, table.value().options());
  backend(y.device()).gather_rows(table.value().row_major(), flat.row_major(), y);
  return record("embedding", {table}, y.reshape(with_last(index.shape(), table.size(1))),
                [index = Saved(index), count = table.size(0)](const Backward& b) -> Variables {
                  return {scatter_add(b.grad, index.get().value(), count)};
                });
}

Variable scatter_add(const Variable& rows, const Tensor& index, std::int64_t count) {
  check(index.defined() && index.dtype() == DType::int64 && is_floating(rows.dtype()) && rows.dim() >= 1 &&
            rows.shape() == with_last(index.shape(), rows.size(-1)),
        "scatter_add", "rows ", rows.value(), " do not fit indices ", index);
  check(count >= 0, "scatter_add", "a table of ", count, " rows");
  const Tensor flat = index.reshape({-1}).row_major();
  Tensor table = Tensor::zeros({count, rows.size(-1)}, rows.value().options());
  backend(table.device())
      .scatter_add_rows(rows.value().reshape({flat.numel(), rows.size(-1)}).row_major(), flat, table);
  return record("scatter_add", {rows}, std::move(table), [index = Saved(index)](const Backward& b) -> Variables {
    return {embedding(b.grad, index.get().value())};
  });
}

Tensor one_hot(const Tensor& labels, std::int64_t classes, DType dtype) {
  check(labels.dim() == 1 && labels.dtype() == DType::int64, "one_hot", "needs int64 labels [N], got ", labels);
  check(classes >= 1, "one_hot", "needs at least one class, got ", classes);
  Tensor identity = Tensor::zeros({classes, classes}, {.dtype = dtype});
  // The diagonal, as a view.
  Tensor(identity.storage(), {classes}, {classes + 1}, 0, dtype).fill_(1);
  return embedding(identity, labels).value();
}

}  // namespace duel
