// The layout is that of mdb.c, "Page Format" and what follows. The file is pages of one size, each with 16 bytes in
// front: its number, 2 bytes unused, flags, and where its free space begins and ends or, of values that are longer than
// a page, how many pages there are. The first two are metas, of which the one with the later transaction counts; from
// its root on, branches lead to leaves. In both, 2-byte places of nodes follow the front, in the order of the keys.
#include "duel/gan/media/lmdb_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "duel/nn/atomic_file.h"
#include "duel/tensor/error.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "numbers are taken as they lie");

constexpr char kRead[] = "read_lmdb";
constexpr std::size_t kPageFront = 16, kNodeFront = 8;
constexpr std::uint64_t kNoPage = UINT64_MAX;
constexpr int kMaxDepth = 32;

namespace page_flag {
constexpr std::uint16_t branch = 1, leaf = 2, overflow = 4, meta = 8;
}
namespace node_flag {
constexpr std::uint16_t overflow = 1;
}

struct PageFront {
  std::uint64_t number;
  std::uint16_t unused, flags;
  std::uint16_t lower, upper;  // of overflow pages together their count
};
struct Database {
  std::uint32_t page_bytes;  // in the first one of a meta
  std::uint16_t flags, depth;
  std::uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};
struct Meta {
  PageFront front;
  std::uint32_t magic, version;
  std::uint64_t address, map_bytes;
  Database free, main;
  std::uint64_t last_page, transaction;
};
struct NodeFront {
  std::uint16_t low, high, flags, key_bytes;
};
static_assert(sizeof(PageFront) == kPageFront && sizeof(Database) == 48 && sizeof(Meta) == 152 &&
              sizeof(NodeFront) == kNodeFront);

template <class T>
T number_at(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

// Reads at any place without moving one.
class LmdbFile::File {
 public:
  explicit File(const fs::path& path)
      : path_(path), bytes_(regular_file_size(kRead, path)), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    check(descriptor_ >= 0, kRead, path, ": ", std::generic_category().message(errno));
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  template <class... Args>
  void expect(bool ok, const Args&... message) const {
    check(ok, kRead, path_, ": ", message...);
  }
  bool holds(std::uint64_t at, std::uint64_t bytes) const { return at <= bytes_ && bytes <= bytes_ - at; }
  std::uint64_t bytes() const { return bytes_; }

  std::string read(std::uint64_t at, std::uint64_t bytes) const {
    expect(holds(at, bytes), bytes, " bytes should be at byte ", at, ", but the file has ", bytes_,
           "; it is cut short or altered");
    std::string result(bytes, '\0');
    for (std::uint64_t done = 0; done < bytes;) {
      const ::ssize_t got = ::pread(descriptor_, result.data() + done, bytes - done, static_cast<::off_t>(at + done));
      if (got < 0 && errno == EINTR) continue;
      expect(got > 0, got < 0 ? std::generic_category().message(errno) : "the file has become shorter");
      done += static_cast<std::uint64_t>(got);
    }
    return result;
  }

 private:
  fs::path path_;
  std::uint64_t bytes_;
  int descriptor_;
};

// Finds all values.
class LmdbFile::Walk {
 public:
  explicit Walk(LmdbFile& found) : found_(found), file_(*found.file_) {
    const Meta meta = newest_meta();
    if (meta.main.root == kNoPage) return;
    file_.expect(meta.main.flags == 0, "its main database has several values for a key, or keys that are numbers");
    visit(meta.main.root, 0);
    file_.expect(found_.entries_.size() == meta.main.entries, "it should have ", meta.main.entries, " values, but has ",
                 found_.entries_.size(), "; it is altered");
  }

 private:
  Meta meta_at(std::uint64_t at) const {
    constexpr std::uint32_t kMagic = 0xbeefc0de, kVersion = 1;
    const Meta meta = number_at<Meta>(file_.read(at, sizeof(Meta)), 0);
    file_.expect((meta.front.flags & page_flag::meta) != 0 && meta.magic == kMagic, "this is no data file of LMDB ",
                 "of 64 bits, or it is altered");
    file_.expect(meta.version == kVersion, "its format is of version ", meta.version, "; ", kVersion, " is read");
    return meta;
  }
  Meta newest_meta() {
    constexpr std::uint64_t kSmallest = 256, kLargest = 1 << 16;
    const Meta first = meta_at(0);
    page_bytes_ = first.free.page_bytes;
    file_.expect(std::has_single_bit(page_bytes_) && page_bytes_ >= kSmallest && page_bytes_ <= kLargest, "pages of ",
                 page_bytes_, " bytes; it is altered");
    const Meta second = meta_at(page_bytes_);
    return second.transaction > first.transaction ? second : first;
  }

  std::uint64_t place_of(std::uint64_t page) const {
    file_.expect(page < file_.bytes() / page_bytes_, "page ", page, " is needed, but there are ",
                 file_.bytes() / page_bytes_, "; it is cut short or altered");
    return page * page_bytes_;
  }

  void visit(std::uint64_t page, int depth) {
    // A page is reached once, unless it is altered so that there are circles.
    file_.expect(depth < kMaxDepth && ++visited_ <= file_.bytes() / page_bytes_, "its pages lead in circles");
    const std::uint64_t place = place_of(page);
    const std::string bytes = file_.read(place, page_bytes_);
    const auto front = number_at<PageFront>(bytes, 0);
    const bool branch = front.flags == page_flag::branch;
    const bool whole = front.number == page && (branch || front.flags == page_flag::leaf) &&
                       front.lower >= kPageFront && front.lower <= page_bytes_ && front.lower % 2 == 0;
    file_.expect(whole, "page ", page, " is no page of keys; the file is altered");
    for (std::size_t at = kPageFront; at < front.lower; at += 2) {
      const std::uint64_t node = number_at<std::uint16_t>(bytes, at);
      file_.expect(node >= front.lower && node + kNodeFront <= page_bytes_, "page ", page, " is altered");
      const auto node_front = number_at<NodeFront>(bytes, node);
      file_.expect(node + kNodeFront + node_front.key_bytes <= page_bytes_, "page ", page, " is altered");
      const std::uint64_t low = node_front.low | std::uint64_t{node_front.high} << 16;
      if (branch)
        visit(low | std::uint64_t{node_front.flags} << 32, depth + 1);
      else
        add(bytes, place, node, node_front, static_cast<std::uint32_t>(low));
    }
  }

  // The value of a leaf's node: behind the key, or the number of its pages is.
  void add(std::string_view page, std::uint64_t place, std::uint64_t node, const NodeFront& front,
           std::uint32_t value_bytes) {
    const std::uint64_t key_at = node + kNodeFront, behind = key_at + front.key_bytes;
    std::uint64_t value_at = place + behind;
    if (front.flags == node_flag::overflow) {
      file_.expect(behind + sizeof(std::uint64_t) <= page_bytes_, "a value's page is missing; the file is altered");
      value_at = place_of(number_at<std::uint64_t>(page, behind)) + kPageFront;
    } else {
      file_.expect(front.flags == 0, "it has databases in it, or keys with several values; such are not read");
      file_.expect(behind + value_bytes <= page_bytes_, "a value does not end in its page; the file is altered");
    }
    file_.expect(file_.holds(value_at, value_bytes), "a value of ", value_bytes, " bytes should be at byte ", value_at,
                 ", but the file has ", file_.bytes(), "; it is cut short or altered");
    found_.entries_.push_back({value_at, found_.keys_.size(), value_bytes, front.key_bytes});
    found_.keys_.append(page.substr(key_at, front.key_bytes));
  }

  LmdbFile& found_;
  const File& file_;
  std::uint64_t page_bytes_ = 0, visited_ = 0;
};

LmdbFile::LmdbFile(const fs::path& path) : file_(std::make_shared<File>(path)) { Walk(*this); }

std::string_view LmdbFile::key(std::int64_t index) const {
  const Entry& entry = entries_[static_cast<std::size_t>(index)];
  return std::string_view(keys_).substr(entry.key_at, entry.key_bytes);
}

std::string LmdbFile::value(std::int64_t index) const {
  const Entry& entry = entries_[static_cast<std::size_t>(index)];
  return file_->read(entry.value_at, entry.value_bytes);
}

}  // namespace duel
