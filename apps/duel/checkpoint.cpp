#include "apps/duel/checkpoint.h"

#include <utility>

namespace duel::app {
namespace {

constexpr const char* kFormat = "duel checkpoint 1";
constexpr const char* kPosition = "data.position";  // epoch, batch, pictures in all
constexpr const char* kStep = "step";

// Under a name each in the metadata.
template <class F>
void describe_data(DataSizes& sizes, F&& f) {
  f("channels", sizes.channels);
  f("height", sizes.height);
  f("width", sizes.width);
  f("classes", sizes.classes);
}

std::string data_json(DataSizes sizes) {
  Json json;
  describe_data(sizes, [&](const char* name, std::int64_t size) { json[name] = size; });
  return json.dump();
}

DataSizes read_data_json(const Json& json) {
  DataSizes sizes;
  describe_data(sizes, [&](const char* name, std::int64_t& size) {
    size = json.at(name).get<std::int64_t>();
    check(size >= (std::string_view(name) == "classes" ? 0 : 1) && size <= 65536, "read checkpoint", "the data's ",
          name, " can't be ", size);
  });
  return sizes;
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
    c.options.data_sizes = read_data_json(Json::parse(metadata.at("data")));
    const Tensor& step = c.content.tensors.at(kStep);
    c.step = static_cast<std::int64_t>(step.item());
  } catch (const std::exception& e) {
    fail("read checkpoint", file, ": its description is damaged: ", e.what());
  }
  return c;
}

void write_checkpoint(const std::filesystem::path& file, const TrainOptions& options, AdversarialGame& game,
                      const Batches& batches) {
  Safetensors content;
  content.tensors = game.state();
  const Batches::Position position = batches.position();
  content.tensors[kPosition] = Tensor::from({position.epoch, position.index, batches.dataset().size()}, {3});
  content.metadata = {{"format", kFormat},
                      {"config", to_json(options, Scope::numbers).dump()},
                      {"data", data_json(options.data_sizes)}};
  write_safetensors(file, content);
}

void restore_checkpoint(const Checkpoint& checkpoint, AdversarialGame& game, Batches& batches) {
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
