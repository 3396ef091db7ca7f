// Weights from any format, by content, and to the one that the file's name says.
#include "duel/nn/weights.h"

#include <doctest/doctest.h>

#include <fstream>

#include "duel/nn/pytorch_file.h"
#include "duel/nn/safetensors.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"
#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

StateDict some_weights(const std::string& prefix) {
  return {{prefix + "conv.weight", Tensor::from({1.5f, -2.f, 3.f, 0.25f}, {2, 2})},
          {prefix + "conv.bias", Tensor::from({0.5f, 0.f}, {2})},
          {prefix + "steps", Tensor::from({std::int64_t{7}}, {})}};
}

void check_same(const StateDict& a, const StateDict& b) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, tensor] : a) {
    CAPTURE(name);
    REQUIRE(b.contains(name));
    CHECK(same_bits(tensor, b.at(name)));
  }
}

}  // namespace

TEST_CASE("weights go to the format that the name says and come back, whatever the file is called") {
  const TempFolder folder;
  const StateDict weights = some_weights("");
  for (const char* name : {"w.safetensors", "w.pth", "w.pt"}) {
    CAPTURE(name);
    write_weights(folder / name, weights);
    std::filesystem::rename(folder / name, folder / "weights");
    check_same(read_weights(folder / "weights"), weights);
  }
  CHECK(error_of([&] { write_weights(folder / "w.bin", weights); }).find(".safetensors, .pth or .pt") !=
        std::string::npos);
}

TEST_CASE("a header whose length begins like a zip archive's signature is a header all the same") {
  const TempFolder folder;
  const std::filesystem::path file = folder / "w.safetensors";
  char first = 0;
  for (std::string note; first != 'P'; note += ' ') {
    write_safetensors(file, {{{"w", Tensor::from({1.5f}, {1})}}, {{"note", note}}});
    std::ifstream(file, std::ios::binary).get(first);
  }
  CHECK(read_weights(file).at("w").item() == 1.5);
}

TEST_CASE("wrappings are taken off, and a part is what lies under its name") {
  const TempFolder folder;
  StateDict all = some_weights("generator.");
  for (const auto& [name, tensor] : some_weights("discriminator.")) all[name] = tensor;
  StateDict wrapped;
  for (const auto& [name, tensor] : all) wrapped["state_dict.module." + name] = tensor;
  save_pytorch(folder / "w", wrapped);
  check_same(read_weights(folder / "w"), all);
  save_pytorch(folder / "w", all);
  check_same(read_weights(folder / "w", "discriminator"), some_weights(""));
  const std::string error = error_of([&] { read_weights(folder / "w", "generater"); });
  CHECK(error.find("nearest: generator") != std::string::npos);
  CHECK(error.find("there is: discriminator, generator") != std::string::npos);
}

TEST_CASE("what is no file of weights is refused by name") {
  const TempFolder folder;
  CHECK(error_of([&] { read_weights(folder / "none"); }).find("none") != std::string::npos);
  for (const char* content : {"", "{", "not weights at all, but long enough to be"}) {
    make_file(folder / "other", content);
    CHECK(error_of([&] { read_weights(folder / "other"); }).find("neither a safetensors file nor") !=
          std::string::npos);
  }
}
