// Training steps on a device, made of what the games are made of: their losses, players and recorded updates. The
// batches lie on the device already, so that a step costs what its arithmetic costs, without the loader.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workload.h"
#include "duel/gan/games/game.h"

namespace duel::bench {

struct DeviceStepOptions {
  Place place;
  std::int64_t batch = 64;
  std::int64_t steps = 2;  ///< that have batches of their own; later ones begin anew with the first
};

class DeviceStep {
 public:
  virtual ~DeviceStep() = default;
  /// Step `number`, counted from 0; the losses in the order of the updates. With Telling::nothing it waits for none.
  virtual Losses run(std::int64_t number, Telling telling) = 0;
  /// "generator.main.0.weight" ...: every network's parameters and buffers.
  virtual StateDict state() = 0;
  /// "input.real0", "input.z0", "input.labels0" ...: what the updates are given, on the CPU.
  virtual const StateDict& inputs() const = 0;
  /// Why an update was not recorded, or nothing.
  virtual std::string refusal() const = 0;
};

struct DeviceWorkload {
  std::string_view name;
  std::unique_ptr<DeviceStep> (*make)(const DeviceStepOptions& options);
  std::int64_t batch;  ///< the usual one
};

/// With the losses and rates of their systems, without averages of weights: torch_steps.py has the same.
const std::vector<DeviceWorkload>& device_workloads();

}  // namespace duel::bench
