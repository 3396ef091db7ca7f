// Packed data sets: the same examples as before, errors kept, files told apart, and what is damaged.
#include "duel/gan/data/packed.h"

#include <doctest/doctest.h>

#include <functional>
#include <thread>

#include "duel/gan/data/data_loader.h"
#include "duel/gan/data/fingerprint.h"
#include "duel/gan/data/xxhash.h"
#include "duel/nn/atomic_file.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Pictures of all sizes and both types, pairs, labels, names with line feeds; some can't be read.
class Mixed : public Dataset {
 public:
  explicit Mixed(std::int64_t count) : count_(count) {}

  std::int64_t size() const override { return count_; }
  Example read(std::int64_t index, Rng& draws) const override {
    check(index % 7 != unreadable, "Mixed", name(index), ": for a reason");
    Rng numbers(static_cast<std::uint64_t>(random ? draws.below(1 << 30) : index + first));
    const Shape shape = {index % 2 == 0 ? 3 : 1, 1 + index % 5, 2 + index % 3};
    const Tensor floats = numbers.normal(shape);
    Example example{floats};
    if (index % 3 != 0) {  // bytes, and of other strides
      Tensor bytes = Tensor::empty({shape[1], shape[2], shape[0]}, {.dtype = DType::uint8});
      for (std::int64_t i = 0; i < bytes.numel(); ++i)
        bytes.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(numbers.below(256));
      example.picture = bytes.permute({2, 0, 1});
      example.target = floats;
    }
    return example;
  }
  std::int64_t label(std::int64_t index) const override { return (index + shift) % 4; }
  std::string name(std::int64_t index) const override { return cat("picture\n", index); }
  std::int64_t classes() const override { return 4; }
  std::vector<std::string> class_names() const override { return {"a", "", "c c", "d"}; }

  int unreadable = 3, shift = 0, first = 0;
  bool random = false;

 private:
  std::int64_t count_;
};

// What reading an example gives, as text.
std::string outcome(const Dataset& data, std::int64_t index) {
  Rng draws(0);
  try {
    const Example e = data.read(index, draws);
    return cat(pixels_hash(e.picture), " ", e.picture.dtype() == DType::uint8, " ",
               e.target.defined() ? pixels_hash(e.target) : 0);
  } catch (const Error& error) {
    return error.what();
  }
}

void check_same(const Dataset& a, const Dataset& b) {
  REQUIRE(a.size() == b.size());
  CHECK(a.classes() == b.classes());
  CHECK(a.class_names() == b.class_names());
  for (std::int64_t i = 0; i < a.size(); ++i) {
    CHECK(outcome(a, i) == outcome(b, i));
    CHECK(a.name(i) == b.name(i));
    CHECK(a.label(i) == b.label(i));
  }
}

// One picture of one byte, in a file of its own.
class OneFile : public Dataset {
 public:
  explicit OneFile(fs::path path) : path_(std::move(path)) {}
  std::int64_t size() const override { return 3; }
  Example read(std::int64_t, Rng&) const override { return {Tensor::full({1, 1, 1}, 5, {.dtype = DType::uint8})}; }
  std::string name(std::int64_t index) const override { return cat(path_.string(), ", picture ", index); }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("xxhash64: the values of the reference implementation") {
  const auto hash = [](std::string_view text, std::uint64_t seed) {
    return xxhash64(std::as_bytes(std::span(text)), seed);
  };
  CHECK(hash("", 0) == 0xEF46DB3751D8E999);
  CHECK(hash("abc", 0) == 0x44BC2CF5AD770999);
  CHECK(hash("The quick brown fox jumps over the lazy dog", 0) == 0xb242d361fda71bc);
  CHECK(hash("The quick brown fox jumps over the lazy dog", 12345678901234567890u) == 0x6d9c44ad63d73dcd);
}

TEST_CASE("packed: every example, label and name as before, and the errors") {
  const TempFolder folder;
  const Mixed data(100);
  std::vector<std::string> warnings;
  std::int64_t last = 0;
  pack(data, folder / "p",
       {.progress =
            [&](std::int64_t done, std::int64_t total) {
              CHECK((done > last && done <= total && total == 100));
              last = done;
            },
        .warn = [&](const std::string& w) { warnings.push_back(w); }});
  CHECK(last == 100);
  CHECK(warnings.size() == 14);
  CHECK(has(warnings.at(0), "picture\n3 can't be read: Mixed: picture\n3: for a reason"));
  CHECK(folder.entries() == 1);
  const PackedDataset packed(folder / "p");
  check_same(packed, data);
  CHECK(packed.fingerprint() == fingerprint(data));
  Rng draws(0);
  const Tensor picture = packed.read(4, draws).picture;  // channels-last
  CHECK(picture.strides()[0] == 1);
}

TEST_CASE("packed: several threads read at once") {
  const TempFolder folder;
  const Mixed data(60);
  pack(data, folder / "p");
  const PackedDataset packed(folder / "p");
  std::vector<std::string> expected;
  for (std::int64_t i = 0; i < 60; ++i) expected.push_back(outcome(data, i));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 20; ++round)
        for (std::int64_t i = 0; i < 60; ++i) wrong[t] += outcome(packed, i) != expected[static_cast<std::size_t>(i)];
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("packed: a loader gives the same batches from it") {
  const TempFolder folder;
  TensorDataset data(Tensor::full({50, 3, 4, 4}, 9, {.dtype = DType::uint8}), {});
  for (std::int64_t i = 0; i < data.pictures.numel(); ++i)
    data.pictures.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 37 % 251);
  pack(data, folder / "p");
  DataLoader plain(std::make_shared<TensorDataset>(data), {.batch_size = 8, .seed = 3});
  DataLoader packed(std::make_shared<PackedDataset>(folder / "p"), {.batch_size = 8, .seed = 3, .workers = 2});
  for (int i = 0; i < 15; ++i) {
    const Tensor a = plain.next().pictures, b = packed.next().pictures;
    CHECK(std::equal(a.data<float>(), a.data<float>() + a.numel(), b.data<float>()));
  }
}

TEST_CASE("packed: whatever is cut off or altered is an error, never another picture") {
  const TempFolder folder;
  const fs::path path = folder / "p", broken = folder / "broken";
  const Mixed data(9);
  pack(data, path);
  const std::string content = file_content(path);
  std::vector<std::string> expected;
  for (std::int64_t i = 0; i < 9; ++i) expected.push_back(outcome(data, i));
  const auto check_broken = [&] {
    std::string opening = error_of([&] {
      const PackedDataset packed(broken);
      int damaged = 0;
      for (std::int64_t i = 0; i < 9; ++i) {
        const std::string got = outcome(packed, i);
        if (got == expected[static_cast<std::size_t>(i)]) continue;
        CHECK(has(got, "damaged"));
        ++damaged;
      }
      fail("read", damaged);
    });
    return opening;
  };
  for (std::size_t length = 0; length < content.size(); length += 5) {
    make_file(broken, content.substr(0, length));
    CHECK_FALSE(has(check_broken(), "read"));
  }
  make_file(broken, content);
  for (std::size_t at = 0; at < content.size(); ++at) {
    set_byte(broken, at, static_cast<char>(content[at] ^ 0x41));
    const std::string error = check_broken();
    CHECK_MESSAGE((has(error, "damaged") || has(error, "no packed") || has(error, "version") || error == "read: 1"),
                  "byte ", at, ": ", error);
    set_byte(broken, at, content[at]);
  }
  make_file(broken, content + "more");
  CHECK(has(check_broken(), "damaged"));
}

TEST_CASE("packed: what can't be packed leaves the file that was there") {
  const TempFolder folder;
  make_file(folder / "p", "before");
  Mixed data(10);
  data.random = true;
  CHECK(has(error_of([&] { pack(data, folder / "p"); }), "draws at random"));
  CHECK(has(error_of([&] { pack(Mixed(0), folder / "p"); }), "empty"));
  struct Unreadable : Mixed {
    using Mixed::Mixed;
    Example read(std::int64_t, Rng&) const override { fail("Unreadable", "no"); }
  };
  CHECK(has(error_of([&] { pack(Unreadable(40), folder / "p"); }), "none of the 40 examples can be read"));
  CHECK(error_of([&] {
          pack(Mixed(40), folder / "p", {.progress = [](std::int64_t, std::int64_t) { fail("stop", "here"); }});
        }) == "stop: here");
  CHECK(file_content(folder / "p") == "before");
  CHECK(folder.entries() == 1);
}

TEST_CASE("fingerprint: changes with everything that it is of") {
  const TempFolder folder;
  const std::uint64_t plain = fingerprint(Mixed(10));
  CHECK(fingerprint(Mixed(10)) == plain);
  CHECK(fingerprint(Mixed(11)) != plain);
  Mixed other(10);
  other.shift = 1;
  CHECK(fingerprint(other) != plain);
  other.shift = 0;
  other.first = 1;
  CHECK(fingerprint(other) != plain);

  const fs::path file = folder / "f";
  make_file(file, "content");
  const fs::file_time_type time = fs::last_write_time(file);
  const std::uint64_t before = fingerprint(OneFile(file));
  CHECK(fingerprint(OneFile(file)) == before);
  fs::last_write_time(file, time + std::chrono::seconds(1));
  CHECK(fingerprint(OneFile(file)) != before);
  make_file(file, "more content");
  fs::last_write_time(file, time);
  CHECK(fingerprint(OneFile(file)) != before);
}

TEST_CASE("content_fingerprint: of what training sees, not of how it is stored") {
  const TempFolder folder;
  const std::uint64_t plain = content_fingerprint(Mixed(100));
  pack(Mixed(100), folder / "p");
  CHECK(content_fingerprint(PackedDataset(folder / "p")) == plain);
  CHECK(content_fingerprint(Mixed(99)) != plain);
  for (int Mixed::*change : {&Mixed::unreadable, &Mixed::shift, &Mixed::first}) {
    Mixed other(100);
    other.*change = 1;
    CHECK(content_fingerprint(other) != plain);
  }
  Mixed drawn(100);
  drawn.random = true;
  CHECK(content_fingerprint(drawn) == content_fingerprint(drawn));
  CHECK(content_fingerprint(drawn) != plain);

  const fs::path file = folder / "f";
  make_file(file, "content");
  const std::uint64_t before = content_fingerprint(OneFile(file));
  make_file(file, "more content");
  CHECK(content_fingerprint(OneFile(file)) == before);
  CHECK(error_of([] { content_fingerprint(Mixed(0)); }) == "content_fingerprint: the data set is empty");
}

TEST_CASE("cached: packs once, anew for other data or a damaged file, never over something else") {
  const TempFolder folder;
  const fs::path file = folder / "cache";
  std::vector<std::string> said;
  const PackOptions options{.progress = {}, .warn = [&](const std::string& line) { said.push_back(line); }};
  Mixed data(20);
  data.unreadable = -1;
  check_same(*cached(data, file, options), data);
  REQUIRE(said.size() == 1);
  CHECK(has(said[0], "packing 20 examples into"));
  const std::string content = file_content(file);

  check_same(*cached(data, file, options), data);
  CHECK(said.size() == 1);

  data.shift = 1;
  check_same(*cached(data, file, options), data);
  REQUIRE(said.size() == 2);
  CHECK(has(said[1], "other data, or they have changed since: packing 20"));
  data.shift = 0;

  make_file(file, content.substr(0, content.size() / 2));
  check_same(*cached(data, file, options), data);
  REQUIRE(said.size() == 3);
  CHECK(has(said[2], "damaged"));
  CHECK(file_content(file) == content);

  for (const std::size_t at : {std::size_t{20}, content.size() / 3}) {  // in pictures, which the table does not show
    set_byte(file, at, static_cast<char>(content[at] ^ 1));
    CHECK(error_of([&] { PackedDataset{file}; }).empty());
    CHECK(has(error_of([&] { PackedDataset(file).verify(); }), "damaged: picture"));
    said.clear();
    check_same(*cached(data, file, options), data);
    REQUIRE(said.size() == 1);
    CHECK(has(said[0], "is altered; pack it anew: packing 20"));
    CHECK(file_content(file) == content);
  }

  make_file(file, "my only copy");
  CHECK(has(error_of([&] { cached(data, file, options); }), "choose another name"));
  CHECK(file_content(file) == "my only copy");
}
