#include "duel/gan/data/fingerprint.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <system_error>
#include <vector>

#include "duel/gan/data/xxhash.h"
#include "duel/tensor/thread_pool.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kOperation[] = "fingerprint";

std::uint64_t hash_of(const std::string& text, std::uint64_t seed) {
  return xxhash64(std::as_bytes(std::span(text)), seed);
}

template <std::size_t n>
std::uint64_t hash_of(const std::array<std::int64_t, n>& numbers, std::uint64_t seed) {
  return xxhash64(std::as_bytes(std::span(numbers)), seed);
}

struct Stamp {
  std::int64_t bytes = 0, changed = 0;
};

// Size and time of change of the files that names name: by all of the name, or by what is before one of its commas.
class NamedFiles {
 public:
  Stamp stamp_of(const std::string& name) {
    if (!last_.empty() && name.starts_with(last_ + ", ")) return stamp_;
    for (std::string file = name; !file.empty();) {
      if (look_at(file)) return stamp_;
      const std::size_t comma = file.rfind(", ");
      file.resize(comma == std::string::npos ? 0 : comma);
    }
    return {};
  }

 private:
  bool look_at(const std::string& file) {
    std::error_code error;
    if (!fs::is_regular_file(file, error)) return false;
    last_ = file;
    stamp_.bytes = static_cast<std::int64_t>(fs::file_size(file, error));
    stamp_.changed = fs::last_write_time(file, error).time_since_epoch().count();
    return true;
  }

  std::string last_;
  Stamp stamp_;
};

std::uint64_t hash_of(const Example& example) {
  return hash_of(std::array{static_cast<std::int64_t>(pixels_hash(example.picture)),
                            example.target.defined() ? static_cast<std::int64_t>(pixels_hash(example.target)) : 0},
                 0);
}

// Of one example, or of why it can't be read.
std::uint64_t example_hash(const Dataset& dataset, std::int64_t index, Rng draws) {
  try {
    return hash_of(dataset.read(index, draws));
  } catch (const Error& error) {
    return hash_of(error.what(), 0);
  }
}

// Throws if it depends on the draws.
std::int64_t settled_hash(const Dataset& dataset, std::int64_t index) {
  constexpr std::uint64_t kDraws = 4;
  const std::uint64_t h = example_hash(dataset, index, Rng(0));
  for (std::uint64_t seed = 1; seed < kDraws; ++seed)
    check(example_hash(dataset, index, Rng(seed)) == h, kOperation, dataset.name(index),
          " is another example each time it is read: the data set draws at random, as unaligned pairs do, and has no "
          "fixed content. Use those that it draws from");
  return static_cast<std::int64_t>(h);
}

}  // namespace

std::uint64_t pixels_hash(const Tensor& picture) {
  check(picture.defined() && picture.dim() == 3 && picture.device() == Device::cpu, "pixels_hash",
        "a picture must be [C, H, W] on the CPU, got ", picture);
  const Tensor dense = picture.permute({1, 2, 0}).row_major();
  const auto n = static_cast<std::size_t>(dense.numel());
  const std::uint64_t seed = hash_of(std::array{dense.size(0), dense.size(1), dense.size(2)}, 0);
  return dense.dtype() == DType::uint8 ? xxhash64(std::as_bytes(std::span(dense.data<std::uint8_t>(), n)), seed)
                                       : xxhash64(std::as_bytes(std::span(dense.data<float>(), n)), ~seed);
}

std::uint64_t fingerprint(const Dataset& dataset) {
  const std::int64_t n = dataset.size();
  check(n >= 1, kOperation, "the data set is empty");
  NamedFiles files;
  std::uint64_t h = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::string name = dataset.name(i);
    const Stamp file = files.stamp_of(name);
    const std::int64_t label = dataset.classes() > 0 ? dataset.label(i) : 0;
    h = hash_of(std::array{label, file.bytes, file.changed}, hash_of(name, h));
  }
  for (const std::string& name : dataset.class_names()) h = hash_of(name, h);
  for (const std::int64_t i : {std::int64_t{0}, n / 2, n - 1}) h = hash_of(std::array{settled_hash(dataset, i)}, h);
  return hash_of(std::array{n, dataset.classes()}, h);
}

std::uint64_t content_fingerprint(const Dataset& dataset) {
  constexpr std::int64_t kLookedAt = 32;
  const std::int64_t n = dataset.size(), looked_at = std::min(n, kLookedAt);
  check(n >= 1, "content_fingerprint", "the data set is empty");
  std::vector<std::int64_t> labels;
  if (dataset.classes() > 0)
    for (std::int64_t i = 0; i < n; ++i) labels.push_back(dataset.label(i));
  std::vector<std::uint64_t> pixels(static_cast<std::size_t>(looked_at));  // 0: can't be read
  parallel_for(looked_at, 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) try {
        Rng draws(static_cast<std::uint64_t>(i));
        pixels[static_cast<std::size_t>(i)] = hash_of(dataset.read(i * n / looked_at, draws));
      } catch (const Error&) {
      }
  });
  const std::uint64_t of_labels = xxhash64(std::as_bytes(std::span(labels)));
  return hash_of(std::array{n, dataset.classes()}, xxhash64(std::as_bytes(std::span(pixels)), of_labels));
}

}  // namespace duel
