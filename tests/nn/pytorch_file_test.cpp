// PyTorch's files: those that it made (tests/golden/make_pytorch_files.py) are read as they were saved, those that we
// write are of its format, and whatever else there may be in a file is refused by name.
#include "duel/nn/pytorch_file.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "duel/nn/layers.h"
#include "duel/nn/sequential.h"
#include "duel/tensor/allocator.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;
using namespace std::string_literals;

namespace {

std::filesystem::path golden(std::string_view name) {
  return std::filesystem::path(DUEL_SOURCE_DIR) / "tests/golden/pytorch" / name;
}

std::vector<double> count(int n, double first = 0) {
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(first + i);
  return values;
}

void check_tensor(const PytorchFile& file, const char* name, DType dtype, const Shape& shape,
                  const std::vector<double>& values) {
  CAPTURE(name);
  REQUIRE(file.tensors.count(name) == 1);
  const Tensor& t = file.tensors.at(name);
  CHECK(t.dtype() == dtype);
  CHECK(t.shape() == shape);
  CHECK(doubles(t) == values);
}

template <class T>
void check_value(const PytorchFile& file, const char* name, const T& value) {
  CAPTURE(name);
  REQUIRE(file.values.count(name) == 1);
  REQUIRE(std::holds_alternative<T>(file.values.at(name)));
  CHECK(std::get<T>(file.values.at(name)) == value);
}

void check_state_dict(const PytorchFile& file, const std::string& prefix) {
  const auto check = [&](const char* name, DType dtype, const Shape& shape, const std::vector<double>& values) {
    check_tensor(file, (prefix + name).c_str(), dtype, shape, values);
  };
  check("0.weight", DType::float32, {3, 2, 2, 2}, count(24));
  check("0.bias", DType::float32, {3}, count(3, 100));
  check("1.weight", DType::float32, {3}, count(3, 200));
  check("1.bias", DType::float32, {3}, count(3, 300));
  check("1.running_mean", DType::float32, {3}, {0, 0, 0});
  check("1.running_var", DType::float32, {3}, {1, 1, 1});
  check("1.num_batches_tracked", DType::int64, {}, {0});
  CHECK(file.tensors.at(prefix + "0.weight").is_channels_last());
}

void check_dtypes(const PytorchFile& file) {
  const std::pair<const char*, DType> dtypes[] = {{"float16", DType::float32}, {"bfloat16", DType::float32},
                                                  {"float32", DType::float32}, {"float64", DType::float64},
                                                  {"int8", DType::int64},      {"int16", DType::int64},
                                                  {"int32", DType::int64},     {"int64", DType::int64},
                                                  {"uint8", DType::uint8},     {"bool", DType::uint8}};
  for (const auto& [name, dtype] : dtypes) check_tensor(file, ("dtypes."s + name).c_str(), dtype, {4}, {0, 1, 1, 0});
  check_tensor(file, "signed", DType::int64, {2}, {-128, 127});
  check_tensor(file, "untyped", DType::float64, {2, 2}, count(4));
  const std::vector<double> halves = doubles(file.tensors.at("halves"));
  CHECK(std::vector(halves.begin(), halves.end() - 1) ==
        std::vector<double>{1.5, -0.0, 65504, 0x1p-14, 0x1p-24, INFINITY, -INFINITY});
  CHECK(std::signbit(halves[1]));
  CHECK(std::isnan(halves[7]));
  const std::vector<double> bfloats = doubles(file.tensors.at("bfloats"));
  CHECK(std::vector(bfloats.begin(), bfloats.end() - 1) == std::vector<double>{1.5, -0x1p100, INFINITY});
  CHECK(std::isnan(bfloats[3]));
}

void check_views(const PytorchFile& file) {
  check_tensor(file, "views.whole", DType::float32, {24}, count(24));
  check_tensor(file, "views.inner", DType::float32, {2, 2}, {8, 10, 14, 16});
  check_tensor(file, "views.last", DType::float32, {}, {23});
  check_tensor(file, "views.repeated", DType::float32, {3}, {5, 5, 5});
  check_tensor(file, "views.scalar", DType::float64, {}, {2.5});
  check_tensor(file, "views.empty", DType::float32, {0, 3}, {});
  const Tensor transposed = file.tensors.at("views.transposed");
  CHECK(transposed.shape() == Shape{6, 4});
  CHECK(transposed.strides() == Shape{1, 6});
  CHECK(doubles(transposed.transpose(0, 1)) == count(24));
  for (const char* name : {"transposed", "inner", "last", "repeated"})
    CHECK(file.tensors.at("views."s + name).storage() == file.tensors.at("views.whole").storage());
}

void check_values(const PytorchFile& file) {
  check_value<std::int64_t>(file, "epoch", 3);
  check_value<std::int64_t>(file, "negative", -70000);
  check_value<std::int64_t>(file, "wide", std::int64_t{1} << 40);
  check_value<double>(file, "huge", -0x1p70);
  check_value<double>(file, "lr", 2e-4);
  check_value<double>(file, "betas.0", 0.5);
  check_value<double>(file, "betas.1", 0.999);
  check_value<bool>(file, "flag", true);
  check_value<std::string>(file, "note", "caf\u00e9");
  check_value<std::string>(file, "raw", "\0\xff"s + "A");
  check_value<std::string>(file, "none", "");
  check_value<std::string>(file, "dtype", "torch.float16");
  check_value<std::string>(file, "of.5.five", "V");
  check_value<std::int64_t>(file, "size.1", 3);
  check_value<std::int64_t>(file, "set.0", 7);
  check_value<std::int64_t>(file, "frozen.0", 8);
  check_value<std::int64_t>(file, "long.299", 299);
  CHECK(file.values.count("nothing") == 0);
  CHECK(file.values.size() == 17 + 300);
}

// The pickles around the content in the old layout, as torch.save() writes them.
const std::string kMagic = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s;
const std::string kProtocol = "\x80\x02M\xe9\x03."s;

std::string text(std::string_view utf8) {
  const auto length = static_cast<std::uint32_t>(utf8.size());
  return cat("X", std::string_view(reinterpret_cast<const char*>(&length), sizeof length), utf8);
}
// A file of the old layout with this pickle, without its protocol and end, and one storage "0" of `floats` zeros.
std::string legacy_file(const std::string& content, std::uint64_t floats = 0) {
  std::string file = cat(kMagic, kProtocol, "\x80\x02}", text("little_endian"), "\x88s.\x80\x02", content, ".");
  file += floats == 0 ? "\x80\x02]." : "\x80\x02]" + text("0") + "a.";
  if (floats > 0) file.append(reinterpret_cast<const char*>(&floats), sizeof floats).append(4 * floats, '\0');
  return file;
}
// A tensor on that storage; the arguments are opcodes.
std::string tensor(const std::string& storage, const std::string& offset_size_stride) {
  return cat("ctorch._utils\n_rebuild_tensor_v2\n((", storage, "tQ", offset_size_stride, "\x89)tR");
}
std::string storage(const std::string& elements, const char* name = "FloatStorage") {
  return cat(text("storage"), "ctorch\n", name, "\n", text("0"), text("cpu"), elements);
}

StateDict small_content() {
  StateDict content;
  content["main.0.weight"] = Tensor::from({1.5f, -2.0f, 3.25f}, {3, 1});
  content["bytes"] = Tensor::from<std::uint8_t>({1, 2, 3, 255, 0}, {5, 1});
  content["labels"] = Tensor::from<std::int64_t>({-1, INT64_MAX}, {1, 2});
  content["exact"] = Tensor::scalar(0.1, DType::float64);
  content["caf\u00e9"] = Tensor::empty({0, 3});
  return content;
}

std::string error_of_reading(const std::filesystem::path& path) {
  return error_of([&] { load_pytorch(path); });
}

// Whether the library was built with libzip. Where it was not, the rest is tested with the older layout.
bool reads_zip() { return error_of_reading(golden("tensor.pth")).find("built without libzip") == std::string::npos; }

bool is_legacy(std::string_view name) { return name.find("legacy") != std::string_view::npos; }

}  // namespace

TEST_CASE("pytorch file: what torch.save() wrote is read as it was, in both layouts") {
  for (const char* name : {"zip.pth", "zip_protocol4.pth", "legacy.pth"}) {
    CAPTURE(name);
    if (!is_legacy(name) && !reads_zip()) continue;
    const PytorchFile file = load_pytorch(golden(name));
    check_state_dict(file, "state_dict.");
    check_dtypes(file);
    check_views(file);
    check_tensor(file, "parameters.0", DType::float32, {2}, count(2));
    check_tensor(file, "parameters.1", DType::float32, {3}, count(3));
    check_values(file);
    CHECK(file.tensors.size() == 7 + 10 + 4 + 7 + 2);
  }
}

TEST_CASE("pytorch file: a state dictionary goes into a module of the same names") {
  if (!reads_zip()) return;
  const PytorchFile file = load_pytorch(golden("state_dict.pth"));
  check_state_dict(file, "");
  Rng rng(1);
  Sequential net{{Conv2d(rng, 2, 3, {.kernel = 2}), BatchNorm2d(3)}};
  load_state_dict(net, file.tensors);
  CHECK(doubles(state_dict(net).at("0.weight")) == count(24));
}

TEST_CASE("pytorch file: the tensors under a path, and a file that is one tensor") {
  const PytorchFile file = load_pytorch(golden("legacy.pth"));
  const StateDict state = file.tensors_under("state_dict");
  CHECK(state.size() == 7);
  CHECK(state.count("0.weight") == 1);
  CHECK(file.tensors_under("state_dict.1").size() == 5);
  CHECK(file.tensors_under("state").empty());
  CHECK(file.tensors_under("").size() == file.tensors.size());
  if (reads_zip()) check_tensor(load_pytorch(golden("tensor.pth")), "", DType::float32, {2, 2}, count(4));
}

TEST_CASE("pytorch file: what a file would have Python do is refused by name and not done") {
  const std::pair<const char*, const char*> refused[] = {
      {"command.pth", "posix.system'"},        {"command_legacy.pth", "posix.system'"},
      {"complex.pth", "torch.ComplexFloatSt"}, {"uint16.pth", "torch.uint16'"},
      {"compressed.pth", "is compressed"},     {"big_endian.pth", "is big-endian"},
      {"no_pickle.zip", "without a data.pkl"}};
  for (const auto& [name, message] : refused) {
    if (!is_legacy(name) && !reads_zip()) continue;
    const std::string error = error_of_reading(golden(name));
    CAPTURE(error);
    CHECK(error.find(message) != std::string::npos);
    CHECK(error.find(name) != std::string::npos);
  }
  CHECK(!std::filesystem::exists("executed"));
}

TEST_CASE("pytorch file: what a pickle can get wrong is refused, and named") {
  const std::string one = "K\x01";
  const std::pair<std::string, const char*> wrongs[] = {
      {"cos\nsystem\n", "'os.system'"},
      {cat(text("os"), text("system"), "\x93"), "'os.system'"},
      {"c__builtin__\neval\n", "'__builtin__.eval'"},
      {"(cnumpy\ndtype\n", "'numpy.dtype'"},
      {"(ios\nsystem\n", "opcode 105"},
      {")\x81", "opcode 129"},
      {"\x82\x01", "opcode 130"},
      {"\x80\x06", "protocol 6"},
      {"", "a value is missing"},
      {"(0", "a value is missing"},
      {"K\x01(K\x02K\x03u", "a dictionary is needed"},
      {"}(K\x01u", "a key without a value"},
      {"t", "a mark is missing"},
      {"K\x01(R", "a value is missing"},
      {"K\x01K\x02R", "a tuple of arguments is needed"},
      {"K\x01)R", "a global is needed"},
      {"h\x05", "nothing was stored as 5"},
      {"K\x01K\x02"
       "a",
       "a list or set is needed"},
      {"]K\x01\x90", "a mark is missing"},
      {"K\x01}b", "a dictionary is needed"},
      {"I12x\n", "is no integer"},
      {"I99999999999999999999\n", "is no integer"},
      {cat("I", std::string(2000, '1'), "\n"), "more than 1000 bytes"},
      {"X\xff\xff\xff\xff", "bytes needed where"},
      {cat("\x8d", std::string(8, '\xff')), "bytes needed where"},
      {"]q\x01h\x01"
       "a",
       "more than 64 deep"},
      {cat("}", text("a"), "}", text("b"), "K\x01ss", text("a.b"), "K\x01s"), "'a.b' is there twice"},
      {"}(K\x01)\x85K\x02u", "a key without a value"},
      {"})K\x01s", "neither a text nor an integer"},
      {"ctorch\nSize\n)R", "a torch.Size of no tuple"},
      {"ctorch._utils\n_rebuild_parameter\n)R", "a parameter of nothing"},
      {"ctorch._utils\n_rebuild_tensor_v2\n)R", "lacks its storage"},
      {"ctorch\nFloatStorage\n)R", "makes no tensor"},
      {"K\x01Q", "a tuple is needed"},
      {cat("(", storage("K\x02"), "tQ"), "is a storage"},
      {tensor(storage("K\x03"), "K\x00K\x02\x85K\x01\x85"s), "saved with 3"},
      {tensor(storage("J\xff\xff\xff\xff"), "K\x00K\x02\x85K\x01\x85"s), "-1 elements"},
      {tensor(storage("K\x02", "LongStorage"), "K\x00K\x02\x85K\x01\x85"s), "cut short"},
      {tensor(storage("K\x02", "float32"), "K\x00K\x02\x85K\x01\x85"s), "of the class torch.float32"},
      {tensor(storage("K\x02"), "K\x00K\x03\x85K\x01\x85"s), "reaches beyond"},
      {tensor(storage("K\x02"), "K\x01K\x02\x85K\x01\x85"s), "reaches beyond"},
      {tensor(storage("K\x02"), "K\x00K\x02\x85K\x02\x85"s), "reaches beyond"},
      {tensor(storage("K\x02"), "J\xff\xff\xff\xffK\x02\x85K\x01\x85"s), "reaches beyond"},
      {tensor(storage("K\x02"), "K\x00J\xff\xff\xff\xff\x85K\x01\x85"s), "a size or stride of -1"},
      {tensor(storage("K\x02"), "K\x00K\x02\x85)"s), "strides"},
      {tensor(storage("K\x02"), "K\x00J\xff\xff\xff\x7f\x85K\x00\x85"s), "more elements than the file"},
      {tensor(storage("K\x02"), cat("K\x00("s, std::string(9, 'N'), "t)")), "a size or stride is needed"},
      {tensor(storage("K\x02"), cat("K\x00("s, one, one, one, one, one, one, one, one, one, "t)")), "more than 8"},
  };
  const TempFolder folder;
  for (const auto& [content, message] : wrongs) {
    CAPTURE(content);
    make_file(folder / "wrong.pt", legacy_file(content, content.find("cpu") == std::string::npos ? 0 : 2));
    const std::string error = error_of_reading(folder / "wrong.pt");
    CAPTURE(error);
    CHECK(error.find(message) != std::string::npos);
    CHECK(error.find("wrong.pt") != std::string::npos);
  }
}

TEST_CASE("pytorch file: other files, and those that a few bytes would make large, are refused") {
  const TempFolder folder;
  const auto path = folder / "a.pt";
  const auto error = [&](const std::string& content) {
    make_file(path, content);
    return error_of_reading(path);
  };
  CHECK(error_of_reading(folder / "missing").find("no such file") != std::string::npos);
  CHECK(error("").find("no file of torch.save()") != std::string::npos);
  CHECK(error("plain text").find("no file of torch.save()") != std::string::npos);
  CHECK(error("\x80\x02K\x01.").find("magic number") != std::string::npos);
  CHECK(error("PK\3\4 and nothing else").find(reads_zip() ? "not a whole zip archive" : "install it") !=
        std::string::npos);
  CHECK(error(cat(kMagic, "\x80\x02K\x01.")).find("another protocol") != std::string::npos);
  CHECK(error(cat(kMagic, kProtocol, "\x80\x02}", text("little_endian"), "\x89s.")).find("big-endian") !=
        std::string::npos);
  CHECK(error(legacy_file(std::string(100'000, ']') + std::string(99'999, 'a'))).find("more than 64 deep") !=
        std::string::npos);
  // Forty lists, each of the one before and again the one before.
  std::string doubling = "]q\x01";
  for (int i = 0; i < 40; ++i)
    doubling +=
        "](h\x01h\x01"
        "eq\x01";
  CHECK(error(legacy_file(doubling)).find("too many or too long names") != std::string::npos);
  // A text of a million characters, a thousand times in one list.
  std::string texts = cat("](", text(std::string(1'000'000, 'a')), "q\x01");
  for (int i = 0; i < 1000; ++i) texts += "h\x01";
  CHECK(error(legacy_file(texts + "e")).find("more text than the file's size") != std::string::npos);
  // A list of 10,000 items, made into a set a thousand times.
  std::string copies = cat("](", std::string(10'000, 'N'), "eq\x01\x85q\x02", "c__builtin__\nset\nq\x03(");
  for (int i = 0; i < 1000; ++i) copies += "h\x03h\x02R";
  CHECK(error(legacy_file(copies + "t")).find("items in lists") != std::string::npos);
}

TEST_CASE("pytorch file: any file cut short or altered is read or refused, and takes no memory that it doesn't have") {
  const TempFolder folder;
  const auto path = folder / "altered.pth";
  save_pytorch(folder / "ours.pth", small_content());
  std::mt19937 random(1);
  for (const auto& file :
       {golden("zip.pth"), golden("zip_protocol4.pth"), golden("legacy.pth"), golden("state_dict.pth"),
        golden("command_legacy.pth"), golden("uint16.pth"), folder / "ours.pth"}) {
    const std::string whole = file_content(file);
    REQUIRE(!whole.empty());
    reset_peak_memory(Device::cpu);
    const std::size_t before = memory_stats(Device::cpu).live;
    for (int round = 0; round < 3000; ++round) {
      std::string altered = whole;
      const auto below = [&](std::size_t n) { return random() % n; };
      for (auto changes = 1 + below(4); changes > 0; --changes) {
        // Half of them where the list of a zip archive is.
        const std::size_t at = below(2) ? below(whole.size()) : whole.size() - 1 - below(whole.size() / 4);
        altered[at] = static_cast<char>(below(3) ? altered[at] ^ 1 << below(8) : below(2) * 255);
      }
      if (below(8) == 0) altered.resize(below(altered.size()));
      if (below(8) == 0) altered.insert(below(altered.size() + 1), altered.substr(0, below(20)));
      std::filesystem::remove(path);  // some file systems wait for the disk when a file is overwritten
      make_file(path, altered);
      CAPTURE(round);
      const std::string error = error_of_reading(path);
      if (!error.empty()) CHECK(error.starts_with("load_pytorch: "));
      if (!error.empty()) CHECK(error.find("altered.pth") != std::string::npos);
    }
    CHECK(memory_stats(Device::cpu).peak - before < 16 * whole.size());
  }
}

TEST_CASE("pytorch file: what is saved is read back") {
  if (!reads_zip()) return;
  const TempFolder folder;
  const auto path = folder / "a.pth";
  save_pytorch(path, small_content());
  const PytorchFile read = load_pytorch(path);
  CHECK(read.values.empty());
  CHECK(read.tensors.size() == small_content().size());
  for (const auto& [name, t] : small_content()) check_tensor(read, name.c_str(), t.dtype(), t.shape(), doubles(t));
  save_pytorch(path, {});
  CHECK(load_pytorch(path).tensors.empty());
  CHECK(folder.entries() == 1);
}

TEST_CASE("pytorch file: any layout is saved in row-major order, equal content as equal bytes, aligned") {
  const TempFolder folder;
  Rng rng(1);
  const Tensor t = random_tensor(rng, {2, 3, 4, 5});
  save_pytorch(folder / "plain", {{"t", t}});
  for (View view : kViews) {
    save_pytorch(folder / "view", {{"t", as_view(t, view)}});
    CHECK(file_content(folder / "view") == file_content(folder / "plain"));
  }
  const std::string file = file_content(folder / "plain");
  const auto* bytes = reinterpret_cast<const char*>(t.data<double>());
  const std::size_t at = file.find(std::string_view(bytes, 8 * 120));
  REQUIRE(at != std::string::npos);
  CHECK(at % 64 == 0);
}

TEST_CASE("pytorch file: what can't be saved is named, and leaves the previous file as it was") {
  const TempFolder folder;
  const auto path = folder / "a.pth";
  save_pytorch(path, small_content());
  const std::string before = file_content(path);
  const auto error = [&](const char* name, const Tensor& t) {
    return error_of([&] { save_pytorch(path, {{"ok", Tensor::scalar(1)}, {name, t}}); });
  };
  CHECK(error("t", Tensor()).find("tensor 't' is undefined") != std::string::npos);
  CHECK(error("t", Tensor::scalar(1).expand({1 << 15, 1 << 15})).find("more than 4 GB") != std::string::npos);
  CHECK(error("t", Tensor::scalar(1).expand({INT64_MAX})).find("more than 4 GB") != std::string::npos);
  for (const char* name : {"\xff", "a\x80", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    CHECK(error(name, Tensor::scalar(1)).find("UTF-8") != std::string::npos);
  CHECK(error_of([&] { save_pytorch(folder / "no/where", {}); }).find("No such file") != std::string::npos);
  CHECK(file_content(path) == before);
  CHECK(folder.entries() == 1);
}
