// Datasets and the batches drawn from them: each picture once an epoch, the same again from a seed or a position.
#include "duel/gan/dataset.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "duel/tensor/thread_pool.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Picture i has the label i, and 10 i + 3 c + 2 y + x for its pixels (modulo 256).
Dataset numbered(std::int64_t n, std::int64_t channels = 1) {
  std::vector<std::uint8_t> bytes;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t c = 0; c < channels; ++c)
      for (int pixel = 0; pixel < 4; ++pixel) bytes.push_back(static_cast<std::uint8_t>(10 * i + 3 * c + pixel));
  std::vector<std::int64_t> labels(static_cast<std::size_t>(n));
  std::iota(labels.begin(), labels.end(), 0);
  return {Tensor::from(bytes, {n, channels, 2, 2}), Tensor::from(labels, {n}), n, {}};
}

std::vector<std::int64_t> labels_of_epoch(Batches& batches) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < batches.per_epoch(); ++i)
    for (std::int64_t label : batches.next().labels.to_vector<std::int64_t>()) all.push_back(label);
  return all;
}

}  // namespace

TEST_CASE("dataset: validate") {
  CHECK_NOTHROW(numbered(3).validate());
  const auto error = [](auto change) {
    Dataset d = numbered(3);
    change(d);
    return error_of([&] { d.validate(); });
  };
  CHECK(error([](Dataset& d) { d.pictures = Tensor(); }).find("no pictures") != std::string::npos);
  CHECK(error([](Dataset& d) { d.pictures = d.pictures.to(DType::float32); }).find("float32[3, 1, 2, 2]") !=
        std::string::npos);
  CHECK(error([](Dataset& d) { d.pictures = d.pictures.select(0, 0); }).find("[N, C, H, W]") != std::string::npos);
  CHECK(error([](Dataset& d) { d.pictures = d.pictures.slice(0, 0, 0); }).find("[0, 1, 2, 2]") != std::string::npos);
  CHECK(error([](Dataset& d) { d.labels = d.labels.slice(0, 0, 2); }).find("one per picture") != std::string::npos);
  CHECK(error([](Dataset& d) { d.labels = d.labels.to(DType::uint8); }).find("int64") != std::string::npos);
  CHECK(error([](Dataset& d) { d.labels = Tensor(); }).find("but no labels") != std::string::npos);
  CHECK(error([](Dataset& d) { d.classes = 2; }).find("[0, 2), they reach from 0 to 2") != std::string::npos);
  CHECK(error([](Dataset& d) {
          d.labels = Tensor::from<std::int64_t>({0, -1, 1}, {3});
        }).find("-1") != std::string::npos);
  CHECK(error([](Dataset& d) { d.class_names = {"a", "b"}; }).find("2 class names for 3") != std::string::npos);
}

TEST_CASE("batches: pictures in [-1, 1], channels-last, beside their labels") {
  const Dataset data = numbered(20, 3);
  for (const Tensor& pictures : {data.pictures, as_view(data.pictures, View::channels_last)}) {
    Batches batches({pictures, data.labels, data.classes, {}}, 7, 1);
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
  CHECK(Batches({extremes, {}, 0, {}}, 1, 0).next().pictures.to_vector<float>() == std::vector<float>{-1, 1, -1, 1});
}

TEST_CASE("batches: an epoch is a permutation, another one each time, without the incomplete batch") {
  Batches batches(numbered(23), 5, 42);
  CHECK(batches.per_epoch() == 4);
  std::set<std::vector<std::int64_t>> seen;
  for (int epoch = 0; epoch < 20; ++epoch) {
    CHECK(batches.position() == Batches::Position{epoch, 0});
    const auto labels = labels_of_epoch(batches);
    CHECK(std::set(labels.begin(), labels.end()).size() == 20);
    CHECK(seen.insert(labels).second);
  }
  Batches again(numbered(23), 5, 42), other(numbered(23), 5, 43);
  CHECK(seen.count(labels_of_epoch(again)) == 1);
  CHECK(seen.count(labels_of_epoch(other)) == 0);
}

TEST_CASE("batches: a position is the whole state") {
  Batches batches(numbered(17), 4, 7), other(numbered(17), 4, 7);
  std::vector<Batches::Position> positions;
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

TEST_CASE("batches: the same bits for any number of threads") {
  const std::int64_t n = 40, side = 128;
  Rng rng(3);
  std::vector<std::uint8_t> bytes;
  for (std::int64_t i = 0; i < n * side * side; ++i) bytes.push_back(static_cast<std::uint8_t>(rng.below(256)));
  const Dataset data{Tensor::from(bytes, {n, 1, side, side}), {}, 0, {}};
  const int threads = num_threads();
  std::vector<std::vector<float>> drawn;
  for (int count : {1, 2, 5}) {
    set_num_threads(count);
    drawn.push_back(Batches(data, 33, 9).next().pictures.to_vector<float>());
  }
  set_num_threads(threads);
  CHECK(drawn[0] == drawn[1]);
  CHECK(drawn[0] == drawn[2]);
}

TEST_CASE("batches: without labels, of the whole dataset, and misuse") {
  Dataset data = numbered(4);
  data.labels = Tensor();
  data.classes = 0;
  Batches batches(data, 4, 1);
  CHECK(!batches.next().labels.defined());
  CHECK(batches.position() == Batches::Position{1, 0});
  CHECK(error_of([&] { Batches(data, 5, 1); }).find("from 1 to the 4 pictures of the dataset, got 5") !=
        std::string::npos);
  CHECK(error_of([&] { Batches(data, 0, 1); }).find("got 0") != std::string::npos);
  CHECK(error_of([&] { Batches({}, 1, 1); }).find("no pictures") != std::string::npos);
  CHECK(error_of([&] { batches.restore({0, 1}); }).find("does not exist") != std::string::npos);
  CHECK(error_of([&] { batches.restore({-1, 0}); }).find("does not exist") != std::string::npos);
}
