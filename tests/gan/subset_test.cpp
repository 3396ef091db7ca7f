// Parts of a data set: some classes, or the beginning.
#include "duel/gan/data/subset.h"

#include <doctest/doctest.h>

#include "duel/gan/data/tensor_dataset.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

using Names = std::vector<std::string>;

// Pictures 0, 1, ... of one pixel.
std::shared_ptr<TensorDataset> count(const std::vector<std::int64_t>& labels, std::int64_t classes, Names names) {
  const auto size = static_cast<std::int64_t>(labels.size());
  auto dataset = std::make_shared<TensorDataset>();
  dataset->pictures = Tensor::empty({size, 1, 1, 1}, {.dtype = DType::uint8});
  for (std::int64_t i = 0; i < size; ++i)
    dataset->pictures.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i);
  dataset->labels = Tensor::from(labels, {size});
  dataset->count = classes;
  dataset->names = std::move(names);
  return dataset;
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("select_classes: by name or by number, renumbered in the order given") {
  const auto named = count({0, 1, 2, 1, 0}, 3, {"cat", "dog", "eel"}), numbered = count({0, 1, 2, 1, 0}, 3, {});
  Rng draws(0);
  for (const auto& [whole, classes] : {std::pair(named, Names{"eel", "dog"}), std::pair(numbered, Names{"2", "1"})}) {
    const auto some = select_classes(whole, classes);
    REQUIRE(some->size() == 3);
    CHECK(some->classes() == 2);
    CHECK(some->class_names() == classes);
    const std::int64_t labels[] = {1, 0, 1};
    for (std::int64_t i = 0; i < 3; ++i) {
      CHECK(some->label(i) == labels[i]);
      CHECK(some->read(i, draws).picture.item() == i + 1);
      CHECK(some->name(i) == whole->name(i + 1));
    }
  }
}

TEST_CASE("select_classes: what can't be selected is named") {
  const auto error = [](const std::shared_ptr<TensorDataset>& whole, const Names& classes) {
    return error_of([&] { select_classes(whole, classes); });
  };
  const auto whole = count({0, 1, 0}, 3, {"cat", "dog", "eel"});
  CHECK(has(error(whole, {"fox"}), "no class 'fox'; there are cat, dog, eel"));
  CHECK(has(error(whole, {"cat", "dog", "cat"}), "'cat' is named twice"));
  CHECK(has(error(whole, {"eel"}), "'eel' has no examples"));
  CHECK(has(error(whole, {}), "no classes are named"));
  const auto unlabelled = count({0}, 1, {});
  unlabelled->labels = {};
  unlabelled->count = 0;
  CHECK(has(error(unlabelled, {"0"}), "has no classes"));
}

TEST_CASE("take_first: no more than there are") {
  const auto whole = count({0, 1, 2, 1, 0}, 3, {"cat", "dog", "eel"});
  const auto two = take_first(whole, 2);
  CHECK(two->size() == 2);
  CHECK(two->label(1) == 1);
  CHECK(two->class_names() == whole->class_names());
  CHECK(take_first(whole, 100)->size() == 5);
  CHECK(has(error_of([&] { take_first(whole, 0); }), "at least 1"));
}
