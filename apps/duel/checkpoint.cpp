#include "apps/duel/checkpoint.h"

#include <utility>

#include <fmt/format.h>

namespace duel::app {
namespace {

constexpr const char* kFormat = "duel checkpoint 2";
constexpr const char* kPosition = "data.position";  // epoch, batch, examples in all
constexpr const char* kStep = "step";
constexpr const char* kTraining = "training";  // what the trainer remembers

Json shape_json(const BatchShape& shape) {
  const auto sizes = [](const Shape& s) {
    Json list = Json::array();
    for (std::int64_t i = 0; i < s.dim(); ++i) list.push_back(s[i]);
    return list;
  };
  return {{"picture", sizes(shape.picture)}, {"target", sizes(shape.target)}, {"classes", shape.classes}};
}

Shape read_picture_shape(const Json& json) {
  Shape shape;
  for (const Json& size : json) {
    const auto n = size.get<std::int64_t>();
    check(n >= 1 && n <= 65536, "read checkpoint", "a picture can't have a side of ", n);
    shape.push_back(n);
  }
  check(shape.dim() == 0 || shape.dim() == 3, "read checkpoint", "a picture can't be ", shape);
  return shape;
}

BatchShape read_shape_json(const Json& json) {
  BatchShape shape{read_picture_shape(json.at("picture")), read_picture_shape(json.at("target")),
                   json.at("classes").get<std::int64_t>()};
  check(shape.picture.dim() == 3 && shape.classes >= 0 && shape.classes <= 65536, "read checkpoint",
        "its pictures can't be ", shape.picture, " of ", shape.classes, " classes");
  return shape;
}

// What tells the data apart that the checkpoint was made with, `examples` of them; empty if nothing does.
std::string difference_of_data(const Checkpoint& checkpoint, std::int64_t examples, const DataLoader& data) {
  const std::int64_t size = data.dataset().size();
  if (examples != size) return cat("made with ", examples, " examples, this data has ", size);
  if (!checkpoint.data_fingerprint || *checkpoint.data_fingerprint == data.fingerprint()) return "";
  return fmt::format(
      "made with other data of the same number: their pictures or labels had the fingerprint {:016x}, "
      "those of this data {:016x}",
      *checkpoint.data_fingerprint, data.fingerprint());
}

}  // namespace

Checkpoint read_checkpoint(const std::filesystem::path& file) {
  Checkpoint c;
  c.file = file;
  c.content = read_safetensors(file);
  const auto& metadata = c.content.metadata;
  const auto format = metadata.find("format");
  check(format != metadata.end() && format->second.starts_with("duel checkpoint "), "read checkpoint", file,
        " is a safetensors file but no checkpoint of duel train");
  check(format->second == kFormat, "read checkpoint", file, " is a '", format->second, "', this program reads '",
        kFormat, "' only: use the version of duel that wrote it");
  try {
    apply(c.options, {Json::parse(metadata.at("config")), file.string()});
    const Json data = Json::parse(metadata.at("data"));
    c.options.data_shape = read_shape_json(data);
    c.class_names = c.options.data.class_names;
    if (c.class_names.empty()) c.class_names = data.at("class_names").get<std::vector<std::string>>();
    const Tensor& step = c.content.tensors.at(kStep);
    if (data.contains("fingerprint"))
      c.data_fingerprint = std::stoull(data["fingerprint"].get<std::string>(), nullptr, 16);
    c.step = static_cast<std::int64_t>(step.item());
  } catch (const UsageError& e) {
    throw UsageError(cat(e.what(), kPluginHint));
  } catch (const std::exception& e) {
    fail("read checkpoint", file, ": its description is damaged: ", e.what());
  }
  return c;
}

void write_checkpoint(const std::filesystem::path& file, const TrainOptions& options, const Trained& trained) {
  Safetensors content;
  content.tensors = trained.game.state();
  for (auto& [name, tensor] : trained.training) content.tensors[std::string(kTraining) + "." + name] = tensor;
  const DataLoader::Position position = trained.data.position();
  content.tensors[kPosition] = Tensor::from({position.epoch, position.index, trained.data.dataset().size()}, {3});
  Json data = shape_json(options.data_shape);  // names of folders may be of any bytes
  data["class_names"] = trained.data.dataset().class_names();
  data["fingerprint"] = fmt::format("{:016x}", trained.data.fingerprint());
  content.metadata = {{"format", kFormat},
                      {"config", to_json(options, Scope::numbers).dump()},
                      {"data", data.dump(-1, ' ', false, Json::error_handler_t::replace)}};
  write_safetensors(file, content);
}

void restore_checkpoint(const Checkpoint& checkpoint, const Trained& trained) {
  StateDict state = checkpoint.content.tensors;
  const auto node = state.extract(kPosition);
  check(!node.empty() && node.mapped().dtype() == DType::int64 && node.mapped().numel() == 3, "read checkpoint",
        checkpoint.file, " doesn't say where in the data it was");
  const std::vector<std::int64_t> position = node.mapped().to_vector<std::int64_t>();
  const std::string difference = difference_of_data(checkpoint, position[2], trained.data);
  check(difference.empty() || checkpoint.other_data == OtherData::accept, "read checkpoint", checkpoint.file, " was ",
        difference, "; give the --data that it was made with. To go on with these all the same: duel train --restore ",
        "--other-data");
  const StateDict training = part(state, kTraining);
  std::erase_if(state, [](const auto& item) { return item.first.starts_with(std::string(kTraining) + "."); });
  check_state(trained.training, training, "the checkpoint's training state");
  const DataLoader::Position before = trained.data.position();
  trained.data.restore({position[0], difference.empty() ? position[1] : 0});
  try {
    trained.game.load_state(state);
  } catch (...) {
    trained.data.restore(before);
    throw;
  }
  load_state(trained.training, training, "the checkpoint's training state");
}

StateDict part(const StateDict& state, const std::string& prefix) {
  StateDict result;
  for (auto at = state.lower_bound(prefix + "."); at != state.end() && at->first.starts_with(prefix + "."); ++at)
    result[at->first.substr(prefix.size() + 1)] = at->second;
  return result;
}

}  // namespace duel::app
