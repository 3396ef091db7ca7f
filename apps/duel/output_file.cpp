#include "apps/duel/output_file.h"

#include <array>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "apps/duel/options.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

struct Kind {
  const char* name;
  bool (*is_start)(std::string_view bytes);
};

bool is_zip(std::string_view bytes) { return bytes.starts_with("PK\3\4"); }

// In the order of FileKind.
constexpr std::array<Kind, 5> kKinds = {{
    {"PNG file", [](std::string_view bytes) { return bytes.starts_with("\x89PNG"); }},
    {"GIF file", [](std::string_view bytes) { return bytes.starts_with("GIF8"); }},
    {"archive for numpy", is_zip},
    {"report of duel data check", [](std::string_view bytes) { return bytes.starts_with("{\n  \"data\": "); }},
    // PyTorch's two formats, and safetensors: the length of the JSON that follows it.
    {"file of weights",
     [](std::string_view bytes) {
       return is_zip(bytes) || bytes.starts_with("\x80") || (bytes.size() > 8 && bytes[8] == '{');
     }},
}};

}  // namespace

void check_output(const char* option, const fs::path& file, FileKind kind) {
  std::error_code none;
  if (!fs::exists(file, none)) return;
  const Kind& k = kKinds[static_cast<std::size_t>(kind)];
  if (fs::is_regular_file(file, none)) {  // a pipe would let the reader wait
    std::string bytes(16, '\0');
    std::ifstream stream(file, std::ios::binary);
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(stream.gcount()));
    if (bytes.empty() || k.is_start(bytes)) return;
  }
  throw UsageError(
      fmt::format("{}: {} is there already and is no {}, which is all that would be replaced; choose another "
                  "name",
                  option, file.string(), k.name));
}

}  // namespace duel::app
