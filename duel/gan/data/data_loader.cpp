#include "duel/gan/data/data_loader.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "duel/gan/data/fingerprint.h"
#include "duel/tensor/backend.h"
#include "duel/tensor/thread_pool.h"

namespace duel {
namespace {

using Position = DataLoader::Position;

constexpr std::int64_t kMostSkips = 100;  // in a row: then there is something else wrong

constexpr std::array<float, 256> kFromByte = [] {
  std::array<float, 256> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 127.5f - 1.0f;
  return values;
}();

float from_scale_of_bytes(std::uint8_t byte) { return kFromByte[byte]; }
float from_scale_of_bytes(float x) { return x / 127.5f - 1.0f; }

std::uint8_t as_it_is(std::uint8_t byte) { return byte; }

// A picture [C, H, W] of any strides, channels-last, each value as `convert` gives it.
template <class T, class To>
void put(const Tensor& picture, To* to, To (*convert)(T)) {
  const T* from = picture.data<T>();
  const Shape &s = picture.shape(), &stride = picture.strides();
  if (s[0] == 1 ? picture.is_row_major() : stride[0] == 1 && stride[2] == s[0] && stride[1] == s[0] * s[2]) {
    std::transform(from, from + picture.numel(), to, convert);
    return;
  }
  for (std::int64_t y = 0; y < s[1]; ++y)
    for (std::int64_t x = 0; x < s[2]; ++x)
      for (std::int64_t c = 0; c < s[0]; ++c) *to++ = convert(from[c * stride[0] + y * stride[1] + x * stride[2]]);
}

void check_picture(const Tensor& picture, const std::string& name) {
  check(picture.defined() && picture.dim() == 3 && picture.numel() > 0 && picture.device() == Device::cpu &&
            (picture.dtype() == DType::uint8 || picture.dtype() == DType::float32),
        "DataLoader", name, ": a picture must be uint8 or float32 [C, H, W] on the CPU, got ", picture);
}

struct Read {
  Example example;
  std::int64_t index;  // of the one that was read in the end
};

// [B, C, H, W] of one of the pictures of all examples.
Tensor collate(const std::vector<Read>& examples, Tensor Example::*which, const Dataset& dataset, BatchPixels pixels) {
  const Shape& one = (examples[0].example.*which).shape();
  const auto n = static_cast<std::int64_t>(examples.size());
  const bool bytes = pixels == BatchPixels::bytes && std::all_of(examples.begin(), examples.end(), [&](const Read& r) {
                       return (r.example.*which).defined() && (r.example.*which).dtype() == DType::uint8;
                     });
  Tensor all = Tensor::empty({n, one[0], one[1], one[2]},
                             {.dtype = bytes ? DType::uint8 : DType::float32, .layout = Layout::channels_last});
  std::int64_t at = 0;
  for (const Read& r : examples) {
    const Tensor& picture = r.example.*which;
    check_picture(picture, dataset.name(r.index));
    check(picture.shape() == one, "DataLoader",
          "the pictures of a batch must have one size: ", dataset.name(examples[0].index), " is ", one, ", ",
          dataset.name(r.index), " is ", picture.shape(),
          picture.size(0) == one[0] ? "; resize or crop them, or take batches of 1"
                                    : "; make colours of grey (--channels 3), or grey of colours (--channels 1)");
    if (bytes)
      put(picture, all.mutable_data<std::uint8_t>() + at, as_it_is);
    else if (picture.dtype() == DType::uint8)
      put<std::uint8_t, float>(picture, all.mutable_data<float>() + at, from_scale_of_bytes);
    else
      put<float, float>(picture, all.mutable_data<float>() + at, from_scale_of_bytes);
    at += picture.numel();
  }
  return all;
}

}  // namespace

Tensor to_floats(const Tensor& pictures) {
  if (pictures.dtype() != DType::uint8) return pictures;
  const Tensor y = pictures.to(DType::float32), scale = Tensor::full({}, 127.5, {.device = y.device()});
  const Backend& device = backend(y.device());
  device.binary(BinaryOp::div, y, scale.expand(y.shape()), y, {});
  device.unary(UnaryOp::affine, y, y, {1, -1});
  return y;
}

class DataLoader::Impl {
 public:
  Impl(std::shared_ptr<const Dataset> data, const DataLoaderOptions& o) : dataset_(std::move(data)), options_(o) {
    const std::int64_t n = dataset_->size();
    check(n >= 1, "DataLoader", "the data set is empty");
    check(o.batch_size >= 1 && o.batch_size <= n, "DataLoader", "the batch size must be from 1 to the ", n,
          " pictures of the data set, got ", o.batch_size);
    check(o.workers >= 0 && o.workers <= 1024 && o.prefetch >= 1, "DataLoader",
          "workers must be from 0 to 1024 and prefetch at least 1, got ", o.workers, " and ", o.prefetch);
    const Batch one = spread(1);
    const auto shape_of = [](const Tensor& t) { return Shape{t.size(1), t.size(2), t.size(3)}; };
    shape_.picture = shape_of(one.pictures);
    if (one.targets.defined()) shape_.target = shape_of(one.targets);
    shape_.classes = dataset_->classes();
    try {
      for (std::int64_t i = 0; i < o.workers; ++i) workers_.emplace_back([this] { serve(); });
    } catch (const std::system_error& e) {
      stop();
      fail("DataLoader", "only ", workers_.size(), " of ", o.workers, " workers could be started: ", e.what());
    }
  }

  ~Impl() { stop(); }

  Batch next() {
    const auto start = std::chrono::steady_clock::now();
    Batch batch = workers_.empty() ? make(position_) : wait();
    position_ = after(position_);
    waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return batch;
  }

  Batch spread(std::int64_t count) const {
    check(count >= 1, "DataLoader::spread", "count must be at least 1, got ", count);
    std::vector<Read> examples;
    for (std::int64_t i = 0; i < count; ++i) {
      Rng draws = Rng(options_.seed, static_cast<std::uint64_t>(i)).split();
      const std::int64_t n = dataset_->size(), index = count <= n ? i * n / count : std::min(i, n - 1);
      examples.push_back(read(index, draws));
    }
    return collated(examples, BatchPixels::floats);
  }

  void restore(Position position) {
    check(position.epoch >= 0 && position.index >= 0 && position.index < per_epoch(), "DataLoader::restore", "batch ",
          position.index, " of epoch ", position.epoch, " does not exist: an epoch has ", per_epoch(), " batches of ",
          options_.batch_size);
    const std::lock_guard lock(mutex_);
    position_ = next_ = position;
    queue_.clear();  // who still works for one of them does so for nobody
    work_.notify_all();
  }

  Report report() {
    const std::lock_guard lock(mutex_);
    Report result{.waited = std::exchange(waited_, 0), .skipped = std::exchange(skipped_, 0), .messages = {}};
    std::swap(result.messages, messages_);
    return result;
  }

  std::int64_t per_epoch() const { return dataset_->size() / options_.batch_size; }

  std::uint64_t fingerprint() {
    if (!fingerprint_) fingerprint_ = content_fingerprint(*dataset_);
    return *fingerprint_;
  }

  std::shared_ptr<const Dataset> dataset_;
  DataLoaderOptions options_;
  BatchShape shape_;
  Position position_;

 private:
  // A batch in the making.
  struct Pending {
    Position position;
    std::vector<Read> examples;
    std::int64_t begun = 0, done = 0;
    std::exception_ptr error;
    Batch batch;
    bool ready = false;
  };

  Position after(Position p) const {
    return p.index + 1 == per_epoch() ? Position{p.epoch + 1, 0} : Position{p.epoch, p.index + 1};
  }

  // The data set's index of the example at a place of an epoch. Held: mutex_, if there are workers.
  std::int64_t index_of(std::int64_t epoch, std::int64_t place) {
    if (options_.shuffle == Shuffle::no) return place;
    if (ordered_ != epoch) {
      order_ = Rng(options_.seed, static_cast<std::uint64_t>(epoch)).split().permutation(dataset_->size());
      ordered_ = epoch;
    }
    return order_[static_cast<std::size_t>(place)];
  }

  // What is random in one example: a stream for each place of each epoch.
  Rng draws_for(std::int64_t epoch, std::int64_t place) const {
    Rng of_epoch = Rng(options_.seed, static_cast<std::uint64_t>(epoch)).split().split();
    return Rng(of_epoch.seed(), static_cast<std::uint64_t>(place)).split();
  }

  Read read(std::int64_t index, const Rng& draws) const {
    const std::int64_t n = dataset_->size(), most = std::min(n, kMostSkips);
    Rng stream = draws;
    for (std::int64_t skips = 0;; ++skips, stream = stream.split()) {  // other draws too: they may choose a partner
      const std::int64_t i = (index + skips) % n;
      try {
        Rng own = stream;
        Example example = dataset_->read(i, own);
        if (options_.transform) example = options_.transform(example, own);
        return {std::move(example), i};
      } catch (const Error& e) {
        note_skip(i, e.what());
        if (skips + 1 == most)
          fail("DataLoader", most, " examples in a row could not be read, the last one for: ", e.what());
      }
    }
  }

  void note_skip(std::int64_t index, const char* why) const {
    const std::lock_guard lock(mutex_);
    ++skipped_;
    if (reported_.insert(index).second) messages_.push_back(dataset_->name(index) + " is left out: " + why);
  }

  Batch collated(const std::vector<Read>& examples, BatchPixels pixels) const {
    Batch batch{.pictures = collate(examples, &Example::picture, *dataset_, pixels)};
    if (examples[0].example.target.defined()) batch.targets = collate(examples, &Example::target, *dataset_, pixels);
    if (dataset_->classes() > 0) {
      std::vector<std::int64_t> labels;
      for (const Read& r : examples) labels.push_back(dataset_->label(r.index));
      batch.labels = Tensor::from(labels, {static_cast<std::int64_t>(labels.size())});
    }
    return batch;
  }

  Batch make(Position p) {
    std::vector<Read> examples(static_cast<std::size_t>(options_.batch_size));
    const std::int64_t begin = p.index * options_.batch_size;
    static_cast<void>(index_of(p.epoch, begin));  // orders the epoch
    parallel_for(options_.batch_size, 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = from; i < to; ++i)
        examples[static_cast<std::size_t>(i)] = read(index_of(p.epoch, begin + i), draws_for(p.epoch, begin + i));
    });
    return collated(examples, options_.pixels);
  }

  Batch wait() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return !queue_.empty() && queue_.front()->ready; });
    const std::shared_ptr<Pending> first = queue_.front();
    queue_.pop_front();
    work_.notify_all();
    if (first->error) std::rethrow_exception(first->error);
    return first->batch;
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    work_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  // The batch that has an example nobody has begun with; none if enough are on their way. Held: mutex_.
  std::shared_ptr<Pending> unfinished() {
    for (const auto& pending : queue_)
      if (pending->begun < options_.batch_size) return pending;
    if (static_cast<std::int64_t>(queue_.size()) == options_.prefetch) return nullptr;
    auto pending = std::make_shared<Pending>();
    pending->position = next_;
    pending->examples.resize(static_cast<std::size_t>(options_.batch_size));
    next_ = after(next_);
    queue_.push_back(pending);
    return pending;
  }

  void serve() {
    const SerialRegion serial;  // the trainer's threads have other work
    std::unique_lock lock(mutex_);
    while (true) {
      std::shared_ptr<Pending> pending;
      work_.wait(lock, [&] { return stop_ || (pending = unfinished()); });
      if (stop_) return;
      const std::int64_t slot = pending->begun++, epoch = pending->position.epoch,
                         place = pending->position.index * options_.batch_size + slot, index = index_of(epoch, place);
      lock.unlock();
      std::exception_ptr error;
      Read got;
      try {
        got = read(index, draws_for(epoch, place));
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      pending->examples[static_cast<std::size_t>(slot)] = std::move(got);
      if (error) pending->error = error;
      if (++pending->done < options_.batch_size) continue;
      lock.unlock();
      finish(*pending);
      lock.lock();
      pending->ready = true;
      ready_.notify_all();
    }
  }

  void finish(Pending& pending) const {
    if (!pending.error) {
      try {
        pending.batch = collated(pending.examples, options_.pixels);
      } catch (...) {
        pending.error = std::current_exception();
      }
    }
    pending.examples.clear();
  }

  mutable std::mutex mutex_;
  std::condition_variable work_, ready_;
  std::deque<std::shared_ptr<Pending>> queue_;
  Position next_;  // the next to begin with
  bool stop_ = false;
  std::vector<std::int64_t> order_;  // of the epoch `ordered_`
  std::int64_t ordered_ = -1;
  double waited_ = 0;
  mutable std::int64_t skipped_ = 0;
  mutable std::set<std::int64_t> reported_;
  mutable std::vector<std::string> messages_;
  std::optional<std::uint64_t> fingerprint_;
  std::vector<std::thread> workers_;
};

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions& options)
    : impl_(std::make_unique<Impl>(std::move(dataset), options)) {}

DataLoader::DataLoader(TensorDataset dataset, const DataLoaderOptions& options)
    : DataLoader(
          [&] {
            dataset.validate();
            dataset.pictures = dataset.pictures.channels_last();
            return std::make_shared<const TensorDataset>(std::move(dataset));
          }(),
          options) {}

DataLoader::DataLoader(DataLoader&&) noexcept = default;
DataLoader::~DataLoader() = default;

Batch DataLoader::next() { return impl_->next(); }
Batch DataLoader::spread(std::int64_t count) const { return impl_->spread(count); }
const BatchShape& DataLoader::shape() const { return impl_->shape_; }
const Dataset& DataLoader::dataset() const { return *impl_->dataset_; }
std::uint64_t DataLoader::fingerprint() const { return impl_->fingerprint(); }
std::int64_t DataLoader::per_epoch() const { return impl_->per_epoch(); }
std::int64_t DataLoader::batch_size() const { return impl_->options_.batch_size; }
DataLoader::Position DataLoader::position() const { return impl_->position_; }
void DataLoader::restore(Position position) { impl_->restore(position); }
DataLoader::Report DataLoader::report() { return impl_->report(); }

}  // namespace duel
