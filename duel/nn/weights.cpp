#include "duel/nn/weights.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <string_view>
#include <utility>

#include "duel/nn/pytorch_file.h"
#include "duel/nn/safetensors.h"
#include "duel/tensor/nearest.h"

namespace duel {
namespace {

/// A safetensors file begins with its header's length, eight bytes, and the header with a brace; PyTorch's begin with a
/// zip archive's signature or a pickle's protocol.
bool is_safetensors(const std::filesystem::path& path) {
  std::array<char, 9> start{};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(start.data(), start.size())) return false;
  return start[8] == '{' && !std::string_view(start.data(), start.size()).starts_with("PK\x03\x04");
}
bool is_pytorch(const std::filesystem::path& path) {
  std::array<unsigned char, 2> start{};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(start.data()), start.size())) return false;
  constexpr unsigned char kProtocol = 0x80;
  return (start[0] == 'P' && start[1] == 'K') || (start[0] == kProtocol && start[1] <= 5);
}

/// Those named "prefix.something", as something.
StateDict under(const StateDict& all, std::string_view prefix) {
  StateDict part;
  for (const auto& [name, tensor] : all)
    if (name.size() > prefix.size() && name.starts_with(prefix) && name[prefix.size()] == '.')
      part[name.substr(prefix.size() + 1)] = tensor;
  return part;
}

std::vector<std::string> first_words(const StateDict& all) {
  std::set<std::string> words;
  for (const auto& [name, tensor] : all) words.insert(name.substr(0, name.find('.')));
  return {words.begin(), words.end()};
}

}  // namespace

StateDict read_weights(const std::filesystem::path& path, std::string_view part) {
  StateDict all;
  if (is_safetensors(path))
    all = read_safetensors(path).tensors;
  else if (is_pytorch(path) || !std::filesystem::exists(path))
    all = load_pytorch(path).tensors;
  else
    fail("read_weights", path.string(), " is neither a safetensors file nor one of PyTorch's");
  if (!part.empty()) {
    StateDict chosen = under(all, part);
    if (chosen.empty()) {
      const std::vector<std::string> words = first_words(all);
      std::string list;
      for (const std::string& w : words) list += cat(list.empty() ? "" : ", ", w);
      fail("read_weights", path.string(), " has no tensors under '", part, "'", nearest(std::string(part), words),
           "; there is: ", list);
    }
    all = std::move(chosen);
  }
  for (const char* wrapping : {"state_dict", "module"})
    if (StateDict inner = under(all, wrapping); inner.size() == all.size()) all = std::move(inner);
  return all;
}

void write_weights(const std::filesystem::path& path, const StateDict& tensors) {
  const std::string ending = path.extension().string();
  if (ending == ".safetensors")
    write_safetensors(path, {tensors, {}});
  else if (ending == ".pth" || ending == ".pt")
    save_pytorch(path, tensors);
  else
    fail("write_weights", path.string(), ": the name must end in .safetensors, .pth or .pt, which says the format");
}

}  // namespace duel
