#include "apps/duel/checkpoint.h"

#include <utility>

namespace duel::app {
namespace {

constexpr const char* kFormat = "duel checkpoint 1";
constexpr const char* kPosition = "data.position";  // epoch, batch, pictures in all
constexpr const char* kStep = "step";

// The sizes that the data decides, each under a name in the metadata.
template <class F>
void describe_data(ConditionalDcganOptions& model, F&& f) {
  f("channels", model.channels);
  f("height", model.size.h);
  f("width", model.size.w);
  f("classes", model.classes);
}

std::string data_json(ConditionalDcganOptions model) {
  Json json;
  describe_data(model, [&](const char* name, std::int64_t size) { json[name] = size; });
  return json.dump();
}

void read_data_json(ConditionalDcganOptions& model, const Json& json) {
  describe_data(model, [&](const char* name, std::int64_t& size) {
    size = json.at(name).get<std::int64_t>();
    check(size >= 1 && size <= 65536, "read checkpoint", "the data's ", name, " can't be ", size);
  });
}

}  // namespace

Checkpoint read_checkpoint(const std::filesystem::path& file) {
  Checkpoint c;
  c.file = file;
  c.content = read_safetensors(file);
  const auto& metadata = c.content.metadata;
  const auto format = metadata.find("format");
  check(format != metadata.end() && format->second == kFormat, "read checkpoint", file,
        " is a safetensors file but no checkpoint of duel train");
  try {
    apply(c.options, {Json::parse(metadata.at("config")), file.string()});
    read_data_json(c.options.game.model, Json::parse(metadata.at("data")));
    const Tensor& step = c.content.tensors.at(kStep);
    c.step = static_cast<std::int64_t>(step.item());
  } catch (const std::exception& e) {
    fail("read checkpoint", file, ": its description is damaged: ", e.what());
  }
  return c;
}

void write_checkpoint(const std::filesystem::path& file, const TrainOptions& options, ConditionalGame& game,
                      const Batches& batches) {
  Safetensors content;
  content.tensors = game.state();
  const Batches::Position position = batches.position();
  content.tensors[kPosition] = Tensor::from({position.epoch, position.index, batches.dataset().size()}, {3});
  content.metadata = {{"format", kFormat},
                      {"config", to_json(options, Scope::numbers).dump()},
                      {"data", data_json(options.game.model)}};
  write_safetensors(file, content);
}

void restore_checkpoint(const Checkpoint& checkpoint, ConditionalGame& game, Batches& batches) {
  StateDict state = checkpoint.content.tensors;
  const auto node = state.extract(kPosition);
  check(!node.empty() && node.mapped().dtype() == DType::int64 && node.mapped().numel() == 3, "read checkpoint",
        checkpoint.file, " doesn't say where in the data it was");
  const std::vector<std::int64_t> position = node.mapped().to_vector<std::int64_t>();
  check(position[2] == batches.dataset().size(), "read checkpoint", checkpoint.file, " was made with ", position[2],
        " pictures, this data has ", batches.dataset().size(), "; give the same --data");
  const Batches::Position before = batches.position();
  batches.restore({position[0], position[1]});
  try {
    game.load_state(state);
  } catch (...) {
    batches.restore(before);
    throw;
  }
}

StateDict part(const StateDict& state, const std::string& prefix) {
  StateDict result;
  for (auto at = state.lower_bound(prefix + "."); at != state.end() && at->first.starts_with(prefix + "."); ++at)
    result[at->first.substr(prefix.size() + 1)] = at->second;
  return result;
}

}  // namespace duel::app
