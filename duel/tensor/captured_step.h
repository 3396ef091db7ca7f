// CapturedStep: a piece of training done again and again on tensors of the same shapes. On a GPU it is recorded once
// and then replayed, which spares the time of asking for each of its hundreds of kernels.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "duel/tensor/rng.h"
#include "duel/tensor/tensor.h"

namespace duel {

enum class Capture : std::uint8_t { off, on };

/// Whether what is asked of the device is done, or recorded to be done later: then no value can be read.
enum class Doing : std::uint8_t { now, recorded };

class CapturedStep {
 public:
  /// What changes from one time to the next. Equal variants with tensors of equal shapes do the same: everything else
  /// that the work depends on, such as a weight that the host computes, must be in `variant`.
  struct Inputs {
    std::string variant;
    std::vector<Tensor> tensors;  ///< those that are undefined stay so
    std::vector<Rng> draws;       ///< streams of random numbers, which the work leaves as they are
  };
  using Outputs = std::vector<std::pair<std::string, Tensor>>;
  /// Computes from `inputs` and from tensors that stay where they are, by asking a device and by nothing else: what it
  /// does on the host happens only while it is recorded. Where the work is recorded the streams lie on the device.
  using Work = std::function<Outputs(const Inputs& inputs, Doing doing)>;

  /// Capture::on records on devices that can.
  explicit CapturedStep(Device device, Capture capture);

  /// The outputs of the work. Those that were recorded are overwritten by the next call with an equal variant.
  /// `before_recorded` is the part of the host, done before each time that recorded work is done. The first time of
  /// each variant the work is done at once, so that everything has its memory; the second time it is recorded. Work
  /// that cannot be recorded is done at once every time: see `refusal`.
  Outputs operator()(const Inputs& inputs, const Work& work, const std::function<void()>& before_recorded = {});

  /// Why something was not recorded, or nothing.
  const std::string& refusal() const { return refusal_; }
  /// Times that recorded work was done.
  std::int64_t replays() const { return replays_; }
  /// Drops all records, so that nothing of them holds memory.
  void forget() { records_.clear(); }

 private:
  struct Record {
    Inputs inputs;              // where the work reads them
    std::vector<Tensor> seeds;  // of its streams
    Outputs outputs;
    std::shared_ptr<const void> graph;
    bool refused = false;
  };
  void record(Record& r, const Inputs& inputs, const Work& work);
  void replay(Record& r, const Inputs& inputs);

  Device device_;
  Capture capture_;
  std::map<std::string, Record> records_;  // by variant, shapes and counters
  std::string refusal_;
  std::int64_t replays_ = 0;
};

}  // namespace duel
