// Datasets and the batches drawn from them: each picture once an epoch, the same again from a seed or a position.
#include "duel/gan/data/data_loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>
#include <thread>

#include "duel/tensor/thread_pool.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Picture i has the label i, and 10 i + 3 c + 2 y + x for its pixels (modulo 256).
TensorDataset numbered(std::int64_t n, std::int64_t channels = 1) {
  std::vector<std::uint8_t> bytes;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t c = 0; c < channels; ++c)
      for (int pixel = 0; pixel < 4; ++pixel) bytes.push_back(static_cast<std::uint8_t>(10 * i + 3 * c + pixel));
  std::vector<std::int64_t> labels(static_cast<std::size_t>(n));
  std::iota(labels.begin(), labels.end(), 0);
  return {Tensor::from(bytes, {n, channels, 2, 2}), Tensor::from(labels, {n}), n};
}

std::vector<std::int64_t> labels_of_epoch(DataLoader& batches) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < batches.per_epoch(); ++i)
    for (std::int64_t label : batches.next().labels.to_vector<std::int64_t>()) all.push_back(label);
  return all;
}

}  // namespace

TEST_CASE("tensor data set: validate") {
  CHECK_NOTHROW(numbered(3).validate());
  const auto error = [](auto change) {
    TensorDataset d = numbered(3);
    change(d);
    return error_of([&] { d.validate(); });
  };
  CHECK(error([](TensorDataset& d) { d.pictures = Tensor(); }).find("no pictures") != std::string::npos);
  CHECK(error([](TensorDataset& d) { d.pictures = d.pictures.to(DType::float64); }).find("float64[3, 1, 2, 2]") !=
        std::string::npos);
  CHECK(error([](TensorDataset& d) { d.pictures = d.pictures.select(0, 0); }).find("[N, C, H, W]") !=
        std::string::npos);
  CHECK(error([](TensorDataset& d) { d.pictures = d.pictures.slice(0, 0, 0); }).find("[0, 1, 2, 2]") !=
        std::string::npos);
  CHECK(error([](TensorDataset& d) { d.labels = d.labels.slice(0, 0, 2); }).find("one per picture") !=
        std::string::npos);
  CHECK(error([](TensorDataset& d) { d.labels = d.labels.to(DType::uint8); }).find("int64") != std::string::npos);
  CHECK(error([](TensorDataset& d) { d.labels = Tensor(); }).find("but no labels") != std::string::npos);
  CHECK(error([](TensorDataset& d) { d.count = 2; }).find("[0, 2), they reach from 0 to 2") != std::string::npos);
  CHECK(error([](TensorDataset& d) {
          d.labels = Tensor::from<std::int64_t>({0, -1, 1}, {3});
        }).find("-1") != std::string::npos);
  CHECK(error([](TensorDataset& d) { d.names = {"a", "b"}; }).find("2 class names for 3") != std::string::npos);
}

TEST_CASE("data loader: pictures in [-1, 1], channels-last, beside their labels") {
  const TensorDataset data = numbered(20, 3);
  for (const Tensor& pictures : {data.pictures, as_view(data.pictures, View::channels_last)}) {
    DataLoader batches(TensorDataset(pictures, data.labels, data.count), {.batch_size = 7, .seed = 1});
    const Batch batch = batches.next();
    CHECK(batch.pictures.shape() == Shape{7, 3, 2, 2});
    CHECK(batch.pictures.dtype() == DType::float32);
    CHECK(batch.pictures.is_channels_last());
    const auto labels = batch.labels.to_vector<std::int64_t>();
    for (int b = 0; b < 7; ++b) {
      const auto row = data.pictures.select(0, labels[static_cast<std::size_t>(b)]).to_vector<std::uint8_t>();
      std::vector<float> expected;
      for (std::uint8_t byte : row) expected.push_back(static_cast<float>(byte) / 127.5f - 1.0f);
      CHECK(batch.pictures.select(0, b).to_vector<float>() == expected);
    }
  }
  const Tensor extremes = Tensor::from<std::uint8_t>({0, 255, 0, 255}, {1, 1, 2, 2});
  CHECK(DataLoader(TensorDataset(extremes, {}), {.batch_size = 1}).next().pictures.to_vector<float>() ==
        std::vector<float>{-1, 1, -1, 1});
}

TEST_CASE("data loader: an epoch is a permutation, another one each time, without the incomplete batch") {
  DataLoader batches(numbered(23), {.batch_size = 5, .seed = 42});
  CHECK(batches.per_epoch() == 4);
  std::set<std::vector<std::int64_t>> seen;
  for (int epoch = 0; epoch < 20; ++epoch) {
    CHECK(batches.position() == DataLoader::Position{epoch, 0});
    const auto labels = labels_of_epoch(batches);
    CHECK(std::set(labels.begin(), labels.end()).size() == 20);
    CHECK(seen.insert(labels).second);
  }
  DataLoader again(numbered(23), {.batch_size = 5, .seed = 42}), other(numbered(23), {.batch_size = 5, .seed = 43});
  CHECK(seen.count(labels_of_epoch(again)) == 1);
  CHECK(seen.count(labels_of_epoch(other)) == 0);
}

TEST_CASE("data loader: a position is the whole state") {
  const DataLoaderOptions options{.batch_size = 4, .seed = 7};
  DataLoader batches(numbered(17), options), other(numbered(17), options);
  std::vector<DataLoader::Position> positions;
  std::vector<std::vector<float>> drawn;
  for (int i = 0; i < 15; ++i) {
    positions.push_back(batches.position());
    drawn.push_back(batches.next().pictures.to_vector<float>());
  }
  for (int i : {14, 3, 4, 0, 7, 8}) {
    const auto at = static_cast<std::size_t>(i);
    other.restore(positions[at]);
    CHECK(other.position() == positions[at]);
    CHECK(other.next().pictures.to_vector<float>() == drawn[at]);
  }
}

TEST_CASE("data loader: the same bits for any number of threads") {
  const std::int64_t n = 40, side = 128;
  Rng rng(3);
  std::vector<std::uint8_t> bytes;
  for (std::int64_t i = 0; i < n * side * side; ++i) bytes.push_back(static_cast<std::uint8_t>(rng.below(256)));
  const TensorDataset data(Tensor::from(bytes, {n, 1, side, side}), {});
  const int threads = num_threads();
  std::vector<std::vector<float>> drawn;
  for (int count : {1, 2, 5}) {
    set_num_threads(count);
    drawn.push_back(DataLoader(data, {.batch_size = 33, .seed = 9}).next().pictures.to_vector<float>());
  }
  set_num_threads(threads);
  CHECK(drawn[0] == drawn[1]);
  CHECK(drawn[0] == drawn[2]);
}

TEST_CASE("data loader: without labels, of the whole dataset, and misuse") {
  TensorDataset data = numbered(4);
  data.labels = Tensor();
  data.count = 0;
  DataLoader batches(data, {.batch_size = 4});
  CHECK(!batches.next().labels.defined());
  CHECK(batches.position() == DataLoader::Position{1, 0});
  CHECK(error_of([&] {
          DataLoader(data, {.batch_size = 5});
        }).find("from 1 to the 4 pictures of the data set, got 5") != std::string::npos);
  CHECK(error_of([&] { DataLoader(data, {.batch_size = 0}); }).find("got 0") != std::string::npos);
  CHECK(error_of([&] { DataLoader(TensorDataset(), {.batch_size = 1}); }).find("no pictures") != std::string::npos);
  CHECK(error_of([&] { batches.restore({0, 1}); }).find("does not exist") != std::string::npos);
  CHECK(error_of([&] { batches.restore({-1, 0}); }).find("does not exist") != std::string::npos);
}

namespace {

// Of `numbered`, with some that can't be read, slower now and then, and a random pixel.
class Fragile : public Dataset {
 public:
  Fragile(std::int64_t n, std::set<std::int64_t> broken) : numbered_(numbered(n)), broken_(std::move(broken)) {}
  std::int64_t size() const override { return numbered_.size(); }
  Example read(std::int64_t i, Rng& draws) const override {
    if (i % 7 == 3) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    check(!broken_.contains(i), "read", name(i), " is broken");
    Tensor picture = numbered_.pictures.select(0, i).clone();
    picture.mutable_data<std::uint8_t>()[0] = static_cast<std::uint8_t>(draws.below(256));
    return {picture};
  }
  std::int64_t label(std::int64_t i) const override { return numbered_.label(i); }
  std::int64_t classes() const override { return numbered_.count; }
  std::string name(std::int64_t i) const override { return "file " + std::to_string(i); }

 private:
  TensorDataset numbered_;
  std::set<std::int64_t> broken_;
};

Transform turning() {
  return [](const Example& example, Rng& draws) {
    Tensor picture = example.picture.clone();
    picture.mutable_data<std::uint8_t>()[3] = static_cast<std::uint8_t>(draws.below(256));
    return Example{picture, example.picture};
  };
}

}  // namespace

TEST_CASE("data loader: the same batches for any number of workers, from any position") {
  const auto data = std::make_shared<Fragile>(40, std::set<std::int64_t>{5, 6, 39});
  std::vector<std::vector<float>> pictures, targets;
  std::vector<std::vector<std::int64_t>> labels;
  std::vector<DataLoader::Position> positions;
  for (const std::int64_t workers : {0, 1, 2, 5}) {
    DataLoader loader(data, {.batch_size = 6, .seed = 4, .transform = turning(), .workers = workers, .prefetch = 3});
    CHECK(loader.shape().picture == Shape{1, 2, 2});
    CHECK(loader.shape().target == Shape{1, 2, 2});
    CHECK(loader.shape().classes == 40);
    std::set<std::string> messages;
    std::int64_t skipped = 0;
    for (std::size_t i = 0; i < 20; ++i) {
      if (workers == 0) positions.push_back(loader.position());
      const Batch batch = loader.next();
      if (workers == 0) {
        pictures.push_back(batch.pictures.to_vector<float>());
        targets.push_back(batch.targets.to_vector<float>());
        labels.push_back(batch.labels.to_vector<std::int64_t>());
      }
      CHECK(batch.pictures.to_vector<float>() == pictures[i]);
      CHECK(batch.targets.to_vector<float>() == targets[i]);
      CHECK(batch.labels.to_vector<std::int64_t>() == labels[i]);
      DataLoader::Report report = loader.report();
      skipped += report.skipped;
      messages.insert(report.messages.begin(), report.messages.end());
    }
    CHECK(messages.size() == 3);  // each once, whatever the epochs
    CHECK(messages.count("file 5 is left out: read: file 5 is broken") == 1);
    CHECK(skipped >= 6);
    for (const std::size_t at : {std::size_t{11}, std::size_t{2}, std::size_t{19}}) {
      loader.restore(positions[at]);
      CHECK(loader.next().pictures.to_vector<float>() == pictures[at]);
    }
  }
}

TEST_CASE("data loader: in the data set's order, and some of all parts") {
  DataLoader loader(numbered(10), {.batch_size = 4, .shuffle = Shuffle::no, .workers = 2});
  CHECK(loader.next().labels.to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(loader.spread(3).labels.to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 3, 6});
  CHECK(loader.spread(12).labels.to_vector<std::int64_t>().back() == 9);
  CHECK(loader.next().labels.to_vector<std::int64_t>() == std::vector<std::int64_t>{4, 5, 6, 7});
}

TEST_CASE("data loader: an example whose partner can't be read gets another partner") {
  // Of which one partner in ten is broken, drawn at random.
  class Partners : public Fragile {
   public:
    Partners() : Fragile(10, {}) {}
    Example read(std::int64_t i, Rng& draws) const override {
      check(draws.below(10) != 3, "read", "partner 3 is broken");
      return Fragile::read(i, draws);
    }
  };
  DataLoader loader(std::make_shared<Partners>(), {.batch_size = 5, .workers = 2});
  for (int i = 0; i < 100; ++i) CHECK_NOTHROW(static_cast<void>(loader.next()));
  CHECK(loader.report().skipped > 10);
}

TEST_CASE("data loader: nothing readable, and pictures of several sizes") {
  const auto broken = std::make_shared<Fragile>(3, std::set<std::int64_t>{0, 1, 2});
  CHECK(error_of([&] { DataLoader(broken, {.batch_size = 1}); }).find("3 examples in a row could not be read") !=
        std::string::npos);
  for (const std::int64_t workers : {0, 2}) {
    const Transform uneven = [](const Example& example, Rng& draws) {
      return Example{example.picture.slice(2, 0, 1 + draws.below(2))};
    };
    DataLoader loader(numbered(20), {.batch_size = 10, .transform = uneven, .workers = workers});
    const std::string error = error_of([&] {
      for (int i = 0; i < 20; ++i) static_cast<void>(loader.next());
    });
    CHECK(error.find("must have one size") != std::string::npos);
    CHECK(error.find("picture ") != std::string::npos);
  }
}
