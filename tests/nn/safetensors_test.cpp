// The file format: what is written, what is read back, and what is refused.
#include "duel/nn/safetensors.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <bit>
#include <csignal>
#include <cstring>

#include "duel/nn/atomic_file.h"
#include "duel/tensor/allocator.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tensors.h"

using namespace duel;
using namespace duel::testing;

namespace {

// A safetensors file with this header, unpadded, and so many bytes of data.
std::string file_of(std::string_view header, std::size_t data_bytes) {
  std::string file(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(file.data(), &length, sizeof length);
  return file.append(header).append(data_bytes, '\0');
}

Safetensors small_content() {
  Safetensors content;
  content.tensors["main.0.weight"] = Tensor::from({1.5f, -2.0f, 3.25f}, {3});
  content.tensors["bytes"] = Tensor::from<std::uint8_t>({1, 2, 3, 255, 0}, {5, 1});
  content.tensors["labels"] = Tensor::from<std::int64_t>({-1, INT64_MAX}, {1, 2});
  content.tensors["exact"] = Tensor::scalar(0.1, DType::float64);
  content.metadata = {{"step", "7"}, {"note", "caf\u00e9 \"x\"\n"}};
  return content;
}

template <class T>
void check_same(const Safetensors& content, const char* name, const std::vector<T>& values, const Shape& shape) {
  CAPTURE(name);
  REQUIRE(content.tensors.count(name) == 1);
  const Tensor& t = content.tensors.at(name);
  CHECK(t.shape() == shape);
  CHECK(t.to_vector<T>() == values);
}

// No file that this process writes can be larger, for as long as it lives: like a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("safetensors: what is written is read back") {
  const TempFolder folder;
  const auto path = folder / "a.safetensors";
  write_safetensors(path, small_content());
  const Safetensors read = read_safetensors(path);
  CHECK(read.metadata == small_content().metadata);
  CHECK(read.tensors.size() == 4);
  check_same<float>(read, "main.0.weight", {1.5f, -2.0f, 3.25f}, {3});
  check_same<std::uint8_t>(read, "bytes", {1, 2, 3, 255, 0}, {5, 1});
  check_same<std::int64_t>(read, "labels", {-1, INT64_MAX}, {1, 2});
  check_same<double>(read, "exact", {0.1}, {});
  CHECK(folder.entries() == 1);
}

TEST_CASE("safetensors: the bytes are those of the format") {
  const TempFolder folder;
  Safetensors content;
  content.tensors["b"] = Tensor::from({1.0f}, {1, 1});
  content.tensors["a"] = Tensor::from<std::uint8_t>({7}, {1});
  content.metadata["k"] = "v";
  write_safetensors(folder / "x", content);
  const std::string header = R"({"__metadata__":{"k":"v"},"a":{"data_offsets":[4,5],"dtype":"U8","shape":[1]},)"
                             R"("b":{"data_offsets":[0,4],"dtype":"F32","shape":[1,1]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  std::string expected = file_of(padded, 5);
  const float one = 1;
  std::memcpy(expected.data() + expected.size() - 5, &one, sizeof one);
  expected.back() = 7;
  CHECK(file_content(folder / "x") == expected);
}

TEST_CASE("safetensors: any layout is written in row-major order, equal content as equal bytes") {
  const TempFolder folder;
  Rng rng(1);
  const Tensor t = random_tensor(rng, {2, 3, 4, 5});
  write_safetensors(folder / "plain", {{{"t", t}}, {}});
  for (View view : kViews) {
    write_safetensors(folder / "view", {{{"t", as_view(t, view)}}, {}});
    CHECK(file_content(folder / "view") == file_content(folder / "plain"));
  }
  const Tensor read = read_safetensors(folder / "plain").tensors.at("t");
  CHECK(read.is_row_major());
  CHECK(read.to_vector<double>() == t.to_vector<double>());
}

TEST_CASE("safetensors: nothing at all, and tensors of no elements") {
  const TempFolder folder;
  write_safetensors(folder / "none", {});
  CHECK(read_safetensors(folder / "none").tensors.empty());
  write_safetensors(folder / "empty", {{{"a", Tensor::empty({0, 3})}, {"b", Tensor::empty({2, 0})}}, {}});
  const Safetensors read = read_safetensors(folder / "empty");
  CHECK(read.tensors.at("a").shape() == Shape{0, 3});
  CHECK(read.tensors.at("b").shape() == Shape{2, 0});
}

TEST_CASE("safetensors: a file cut at any byte, or with a byte too many, is refused") {
  const TempFolder folder;
  const auto path = folder / "cut.safetensors";
  write_safetensors(path, small_content());
  const std::string whole = file_content(path);
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    CAPTURE(bytes);
    make_file(path, std::string_view(whole).substr(0, bytes));
    CHECK(error_of([&] { read_safetensors(path); }).find("cut.safetensors") != std::string::npos);
  }
  make_file(path, whole + '\0');
  CHECK(error_of([&] { read_safetensors(path); }).find("the file has") != std::string::npos);
}

TEST_CASE("safetensors: any flipped bit of the header is refused or changes names and text only") {
  const TempFolder folder;
  const auto path = folder / "flipped.safetensors";
  write_safetensors(path, small_content());
  const std::string whole = file_content(path);
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, whole.data(), sizeof header_bytes);
  reset_peak_memory(Device::cpu);
  const std::size_t before = memory_stats(Device::cpu).live;
  for (std::size_t at = 0; at < 8 + header_bytes; ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
      make_file(path, flipped);
      CAPTURE(at);
      CAPTURE(bit);
      std::size_t bytes = 0;
      const std::string error = error_of([&] {
        for (const auto& [name, t] : read_safetensors(path).tensors)
          bytes += static_cast<std::size_t>(t.numel()) * size_of(t.dtype());
      });
      if (error.empty())
        CHECK(bytes == whole.size() - 8 - header_bytes);
      else
        CHECK(error.find("flipped.safetensors") != std::string::npos);
    }
  CHECK(memory_stats(Device::cpu).peak - before < 4096);
}

TEST_CASE("safetensors: what a header can get wrong is refused, and named") {
  struct Wrong {
    const char* header;
    std::size_t data_bytes;
    const char* message;
  };
  const Wrong wrongs[] = {
      {R"({"t":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4, "'F16'"},
      {R"({"t":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}})", 4, "'BOOL'"},
      {R"({"t":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "a negative number"},
      {R"({"t":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "not an integer"},
      {R"({"t":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}})", 4, "not valid JSON"},
      {R"({"t":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}})", 4, "not an integer"},
      {R"({"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", 4, "beyond 64 bits"},
      {R"({"t":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}})", 0, "beyond 64 bits"},
      {R"({"t":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4, "beyond 64 bits"},
      {R"({"t":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4, "at most 8 dimensions"},
      {R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "has 4 bytes, not 8"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "not [begin, end]"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "not [begin, end]"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,2,4]}})", 4, "not [begin, end]"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615]}})", 4, "bytes"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "a gap or an overlap"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}})",
       5, "a gap or an overlap"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})",
       3, "a gap or an overlap"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3, "cut short"},
      {R"({"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5, "has 5"},
      {R"({"t":{"dtype":"F32","data_offsets":[0,4]}})", 4, "lacks"},
      {R"({"t":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", 4, "a list out of place"},
      {R"({"t":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4, "text out of place"},
      {R"({"t":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "a list out of place"},
      {R"({"t":{"dtype":"F32","shape":[{}],"data_offsets":[0,4]}})", 4, "an object out of place"},
      {R"({"t":{"dtype":4,"shape":[1],"data_offsets":[0,4]}})", 4, "a number out of place"},
      {R"({"t":{"dtype":null,"shape":[1],"data_offsets":[0,4]}})", 4, "null out of place"},
      {R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
       1, "names 't' twice"},
      {R"({"__metadata__":{"a":"b","a":"c"}})", 0, "metadata 'a' twice"},
      {R"({"__metadata__":{"a":1}})", 0, "a number"},
      {R"({"__metadata__":["a"]})", 0, "a list"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "twice"},
      {R"({"t":3})", 0, "a number"},
      {R"({} x)", 0, "not valid JSON"},
      {R"([])", 0, "does not begin with '{'"},
      {"", 0, "does not begin with '{'"},
      {"{\"\xff\":{}}", 0, "not valid JSON"},
  };
  const TempFolder folder;
  for (const Wrong& wrong : wrongs) {
    CAPTURE(wrong.header);
    make_file(folder / "wrong", file_of(wrong.header, wrong.data_bytes));
    const std::string error = error_of([&] { read_safetensors(folder / "wrong"); });
    CAPTURE(error);
    CHECK(error.find(wrong.message) != std::string::npos);
    CHECK(error.find((folder / "wrong").string()) != std::string::npos);
  }
}

TEST_CASE("safetensors: a header of a million open brackets ends at the first out of place") {
  const TempFolder folder;
  make_file(folder / "deep", file_of("{\"t\":" + std::string(1'000'000, '['), 0));
  CHECK(error_of([&] { read_safetensors(folder / "deep"); }).find("a list") != std::string::npos);
}

TEST_CASE("safetensors: what can't be read or written is named") {
  const TempFolder folder;
  CHECK(error_of([&] { read_safetensors(folder / "missing"); }).find("no such file") != std::string::npos);
  CHECK(error_of([&] { read_safetensors(folder.path()); }).find("not a regular file") != std::string::npos);
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(error_of([&] { read_safetensors(folder / "pipe"); }).find("not a regular file") != std::string::npos);
  CHECK(error_of([&] { write_safetensors(folder / "pipe", {}); }).find("not a regular file") != std::string::npos);
  const std::string no_folder = error_of([&] { write_safetensors(folder / "no/where", {}); });
  CHECK(no_folder.find("no/where\": No such file or directory") != std::string::npos);
  const Tensor t = Tensor::scalar(1);
  CHECK(error_of([&] {
          write_safetensors(folder / "x", {{{"t", Tensor()}}, {}});
        }).find("undefined") != std::string::npos);
  CHECK(error_of([&] {
          write_safetensors(folder / "x", {{{"__metadata__", t}}, {}});
        }).find("__metadata__") != std::string::npos);
  CHECK(error_of([&] { write_safetensors(folder / "x", {{{"\xff", t}}, {}}); }).find("UTF-8") != std::string::npos);
  CHECK(error_of([&] { write_safetensors(folder / "x", {{}, {{"k", "\xff"}}}); }).find("UTF-8") != std::string::npos);
  CHECK(folder.entries() == 1);
}

TEST_CASE("atomic file: when the disk is full the previous file stays as it was and nothing is left behind") {
  const TempFolder folder;
  const auto path = folder / "latest.safetensors";
  write_safetensors(path, small_content());
  const std::string before = file_content(path);
  Safetensors larger = small_content();
  larger.tensors["large"] = Tensor::zeros({100'000});
  std::string error;
  for (const rlim_t limit : {rlim_t{0}, rlim_t{100}, rlim_t{4096}, rlim_t{399'999}}) {
    {
      const FullDisk full(limit);
      error = error_of([&] { write_safetensors(path, larger); });
    }
    CHECK(error.find("latest.safetensors\": File too large") != std::string::npos);
    CHECK(file_content(path) == before);
    CHECK(folder.entries() == 1);
  }
  write_safetensors(path, larger);
  CHECK(file_content(path).size() > before.size());
}

TEST_CASE("atomic file: appears when committed, keeps permissions, follows links") {
  namespace fs = std::filesystem;
  const TempFolder folder;
  {
    AtomicFile file(folder / "a");
    file.write("never ");
    CHECK(!fs::exists(folder / "a"));
  }
  CHECK(folder.entries() == 0);
  {
    AtomicFile file(folder / "a");
    file.write("one ");
    file.write("two");
    file.commit();
    CHECK(error_of([&] { file.write("more"); }).find("has been committed") != std::string::npos);
  }
  CHECK(file_content(folder / "a") == "one two");
  CHECK(read_file("test", folder / "a") == "one two");
  fs::permissions(folder / "a", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("a", folder / "link");
  atomic_write(folder / "link", "three");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(file_content(folder / "a") == "three");
  CHECK(fs::status(folder / "a").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(folder.entries() == 2);
}
