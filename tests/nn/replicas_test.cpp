// Synchronised batch norm: replicas, here threads, with shares of a batch compute what one with the whole batch does.
#include "duel/nn/replicas.h"

#include <barrier>
#include <thread>

#include "duel/nn/layers.h"
#include "tests/nn/by_name.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Replicas of one process: each thread has one of these, and all share the table.
struct Table {
  explicit Table(int count) : given(static_cast<std::size_t>(count)), all_here(count) {}
  std::vector<Tensor> given;
  std::barrier<> all_here;
};

class Threads : public Replicas {
 public:
  Threads(Table& table, std::size_t rank) : table_(table), rank_(rank) {}
  int count() const override { return static_cast<int>(table_.given.size()); }
  Tensor all_reduce_sum(const Tensor& x) override {
    table_.given[rank_] = x;
    table_.all_here.arrive_and_wait();
    const NoGrad no_grad;
    Variable total = table_.given[0];
    for (std::size_t i = 1; i < table_.given.size(); ++i) total = total + table_.given[i];
    table_.all_here.arrive_and_wait();
    return table_.given.size() == 1 ? total.value().clone() : total.value();
  }

 private:
  Table& table_;
  std::size_t rank_;
};

struct Result {
  Tensor y, dx, dweight, dbias;  // first order
  Tensor ddx, ddweight, ddbias;  // of <dx, v> + <dweight, v'> + <dbias, v''>
  StateDict state;
};

// Rows [from, to) of the batch, of its cotangents and of its directions.
Result run(std::int64_t from, std::int64_t to_row, const Pass& pass) {
  BatchNorm norm(2, {.eps = 1e-3, .momentum = 0.3});
  set_state(norm);
  const auto share = [&](std::uint64_t seed) { return numbers({7, 2, 3, 1}, seed).slice(0, from, to_row); };
  const Variable x = Variable::leaf(share(100));
  const Variable y = norm(x, pass);
  const Variables inputs = {x, norm.weight, norm.bias};
  const Variables g = grad(sum(y * square(y) * Variable(share(200))), inputs, {.create_graph = true});
  const Variable along = sum(g[0] * Variable(share(300))) + sum(g[1] * Variable(numbers({2}, 301))) +
                         sum(g[2] * Variable(numbers({2}, 302)));
  const Variables gg = grad(along, inputs);
  return {y.value(),     g[0].value(),  g[1].value(),  g[2].value(),
          gg[0].value(), gg[1].value(), gg[2].value(), state_dict(norm)};
}

std::vector<Result> run_shares(const std::vector<std::int64_t>& ends) {
  std::vector<Result> results(ends.size());
  Table table(static_cast<int>(ends.size()));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < ends.size(); ++i)
    threads.emplace_back([&, i] {
      Threads replicas(table, i);
      results[i] = run(i == 0 ? 0 : ends[i - 1], ends[i], {.replicas = &replicas});
    });
  for (std::thread& t : threads) t.join();
  return results;
}

Tensor joined(const std::vector<Result>& results, Tensor Result::*part) {
  Variables parts;
  for (const Result& r : results) parts.push_back(r.*part);
  return concat(parts, 0).value();
}

Tensor added(const std::vector<Result>& results, Tensor Result::*part) {
  Variable total = results[0].*part;
  for (std::size_t i = 1; i < results.size(); ++i) total = total + results[i].*part;
  return total.value();
}

}  // namespace

TEST_CASE("synchronised batch norm: shares give the values and gradients, orders 1 and 2, of the whole batch") {
  const Result whole = run(0, 7, {});
  for (const std::vector<std::int64_t>& ends : {std::vector<std::int64_t>{7}, {3, 7}, {2, 3, 7}, {2, 2, 5, 7}}) {
    CAPTURE(ends.size());
    const std::vector<Result> shares = run_shares(ends);
    for (Tensor Result::*part : {&Result::y, &Result::dx, &Result::ddx})
      CHECK(difference(joined(shares, part), whole.*part) <= tolerance::kFused);
    for (Tensor Result::*part : {&Result::dweight, &Result::dbias, &Result::ddweight, &Result::ddbias})
      CHECK(difference(added(shares, part), whole.*part) <= tolerance::kFused);
    for (const Result& share : shares)  // the variance stored is unbiased by the count of the whole
      for (const auto& [name, tensor] : share.state) {
        CAPTURE(name);
        CHECK(difference(tensor, whole.state.at(name)) <= tolerance::kFused);
        CHECK(difference(tensor, shares[0].state.at(name)) == 0);
      }
  }
}

TEST_CASE("synchronised batch norm: conditional norms are synchronised by the same pass; evaluation talks to nobody") {
  Table table(2);
  Rng rng(1);
  ConditionalBatchNorm2d norm(rng, 2, 3);
  set_state(norm);
  const Tensor x = numbers({4, 2, 2, 1}, 100), labels = Tensor::from<std::int64_t>({2, 0, 1, 2}, {4});
  ConditionalBatchNorm2d alone = clone(norm);
  const Tensor whole = alone(x, labels).value();
  std::vector<Tensor> parts(2);
  std::vector<std::thread> threads;
  for (std::int64_t i = 0; i < 2; ++i)
    threads.emplace_back([&, i] {
      Threads replicas(table, static_cast<std::size_t>(i));
      ConditionalBatchNorm2d own = clone(norm);
      const Tensor rows = x.slice(0, 2 * i, 2 * i + 2), of_rows = labels.slice(0, 2 * i, 2 * i + 2);
      parts[static_cast<std::size_t>(i)] = own(rows, of_rows, {.replicas = &replicas}).value();
    });
  for (std::thread& t : threads) t.join();
  CHECK(difference(concat({parts[0], parts[1]}, 0).value(), whole) <= tolerance::kFused);
  Threads nobody_else_calls(table, 0);
  CHECK_NOTHROW(norm(x, labels, {.mode = Mode::eval, .replicas = &nobody_else_calls}));
}

TEST_CASE("synchronised batch norm refuses what the plain one does") {
  Table table(1);
  Threads replicas(table, 0);
  const Pass pass{.replicas = &replicas};
  BatchNorm norm(3);
  CHECK(error_of([&] {
          norm(Tensor::zeros({1, 3, 1, 1}), pass);
        }).find("more than one element per channel") != std::string::npos);
  CHECK(norm.running.num_batches_tracked.item() == 0);
  CHECK(error_of([&] { norm(Tensor::zeros({2, 4}), pass); }).starts_with("sync_batch_norm: "));
  CHECK_FALSE(error_of([&] { norm(Variable(), pass); }).empty());
  CHECK_FALSE(error_of([&] { sync_batch_norm(Tensor::zeros({2, 3}), {}, {}, -1, {}, replicas); }).empty());
  CHECK(error_of([&] { all_reduce_sum(Variable(), replicas); }).starts_with("all_reduce_sum: "));
}
