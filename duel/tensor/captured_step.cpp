#include "duel/tensor/captured_step.h"

#include <bit>

#include "duel/tensor/devices.h"

namespace duel {
namespace {

std::string key_of(const CapturedStep::Inputs& inputs) {
  std::string key = inputs.variant;
  for (const Tensor& t : inputs.tensors) key += t.defined() ? cat("; ", t, " ", t.strides()) : "; -";
  for (const Rng& r : inputs.draws) key += cat("; from ", r.counter());
  return key;
}

Tensor seed_tensor(const Rng& rng) { return Tensor::from({std::bit_cast<std::int64_t>(rng.seed())}, {1}); }

}  // namespace

CapturedStep::CapturedStep(Device device, Capture capture) : device_(device), capture_(capture) {}

CapturedStep::Outputs CapturedStep::operator()(const Inputs& inputs, const Work& work,
                                               const std::function<void()>& before) {
  if (device_ == Device::cpu || capture_ == Capture::off) return work(inputs, Doing::now);
  const auto [found, first] = records_.try_emplace(key_of(inputs));
  Record& r = found->second;
  if (first) {
    try {
      return work(inputs, Doing::now);
    } catch (...) {
      records_.erase(found);  // not everything has its memory
      throw;
    }
  }
  if (r.refused) return work(inputs, Doing::now);
  if (!r.graph) record(r, inputs, work);
  if (r.refused) return work(inputs, Doing::now);
  if (before) before();
  replay(r, inputs);
  return r.outputs;
}

void CapturedStep::record(Record& r, const Inputs& inputs, const Work& work) {
  r.inputs.variant = inputs.variant;
  for (const Tensor& t : inputs.tensors) r.inputs.tensors.push_back(t.defined() ? t.clone() : t);
  for (const Rng& rng : inputs.draws) {
    r.seeds.push_back(seed_tensor(rng).to(device_));
    r.inputs.draws.emplace_back(r.seeds.back(), rng.counter());
  }
  const DeviceFunctions& device = *cuda_functions();
  device.release_cached_memory();  // what the step that was done at once has left is of no use to a record
  device.begin_capture();
  try {
    r.outputs = work(r.inputs, Doing::recorded);
    r.graph = device.end_capture();
  } catch (const OutOfMemory&) {
    device.abandon_capture();
    throw;
  } catch (const Error& e) {
    device.abandon_capture();
    refusal_ = e.what();
    r = {};
    r.refused = true;
  } catch (...) {
    device.abandon_capture();
    throw;
  }
}

void CapturedStep::replay(Record& r, const Inputs& inputs) {
  for (std::size_t i = 0; i < inputs.tensors.size(); ++i)
    if (inputs.tensors[i].defined()) r.inputs.tensors[i].copy_(inputs.tensors[i]);
  for (std::size_t i = 0; i < inputs.draws.size(); ++i) r.seeds[i].copy_(seed_tensor(inputs.draws[i]));
  cuda_functions()->replay(r.graph.get());
  ++replays_;
}

}  // namespace duel
