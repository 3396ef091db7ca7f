#include "duel/gan/media/arrays.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>

#include "duel/gan/media/class_labels.h"
#include "duel/gan/media/npy.h"
#include "duel/gan/media/zip_archive.h"
#include "duel/nn/atomic_file.h"
#include "duel/nn/safetensors.h"

namespace duel {
namespace {

namespace fs = std::filesystem;

constexpr char kLoad[] = "load_arrays";

// A file of arrays, read one by one.
struct ArrayFile {
  std::vector<std::string> names;
  std::function<Tensor(std::size_t)> read;

  // The first of these names that there is; undefined without.
  Tensor find(std::initializer_list<const char*> wanted) const {
    for (const char* name : wanted)
      if (const auto found = std::find(names.begin(), names.end(), name); found != names.end())
        return read(static_cast<std::size_t>(found - names.begin()));
    return {};
  }
};

ArrayFile open_npz(const fs::path& path) {
  constexpr std::string_view kExtension = ".npy";
  auto archive = std::make_shared<ZipArchive>(kLoad, path);
  ArrayFile file;
  for (const std::string& name : archive->names())
    file.names.push_back(name.ends_with(kExtension) ? name.substr(0, name.size() - kExtension.size()) : name);
  file.read = [archive, path](std::size_t i) {
    return read_npy(archive->read(i), cat(path, ", ", archive->names()[i]));
  };
  return file;
}

ArrayFile open_safetensors(const fs::path& path) {
  ArrayFile file;
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : read_safetensors(path).tensors) {
    file.names.push_back(name);
    tensors.push_back(tensor);
  }
  file.read = [tensors](std::size_t i) { return tensors[i]; };
  return file;
}

ArrayFile open_arrays(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".npz") return open_npz(path);
  if (extension == ".safetensors") return open_safetensors(path);
  check(extension == ".npy", kLoad, path, " is neither .npy nor .npz nor .safetensors");
  return {{"pictures"}, [path](std::size_t) { return read_npy(read_file(kLoad, path), cat(path)); }};
}

// [N, C, H, W]
Tensor channels_first(const fs::path& path, const Tensor& array) {
  check((array.dim() == 3 || array.dim() == 4) && array.numel() > 0, kLoad, path,
        ": pictures must be [N, C, H, W], [N, H, W, C] or ", "[N, H, W] with something in them, got ", array);
  if (array.dim() == 3) return array.unsqueeze(1);
  return array.size(3) < array.size(1) ? array.permute({0, 3, 1, 2}).row_major() : array;
}

// From [-1, 1] to [0, 255].
template <class T>
Tensor scaled(const fs::path& path, const Tensor& array) {
  const Tensor result = Tensor::empty(array.shape());
  const T* in = array.data<T>();
  float* out = result.mutable_data<float>();
  for (std::int64_t i = 0; i < array.numel(); ++i) {
    check(in[i] >= -1 && in[i] <= 1, kLoad, path, ": pictures of floats must lie in [-1, 1], but there is a ", in[i],
          "; scale them, or save uint8 from 0 to 255");
    out[i] = (static_cast<float>(in[i]) + 1) * 127.5f;
  }
  return result;
}

Tensor grey_levels(const fs::path& path, const Tensor& array) {
  switch (array.dtype()) {
    case DType::uint8: return array;
    case DType::float32: return scaled<float>(path, array);
    case DType::float64: return scaled<double>(path, array);
    case DType::int64:
    case DType::bfloat16: break;
  }
  fail(kLoad, path, ": pictures must be uint8 or floats, got ", array);
}

}  // namespace

TensorDataset load_arrays(const fs::path& path) {
  const ArrayFile file = open_arrays(path);
  const Tensor pictures = file.find({"pictures", "images", "x", "arr_0"});
  check(pictures.defined(), kLoad, path, " has none of the arrays pictures, images, x and arr_0; it has ",
        file.names.empty() ? "none at all" : file.names.front() + " and so on");
  TensorDataset dataset;
  dataset.pictures = grey_levels(path, channels_first(path, pictures));
  dataset.source = path.string();
  if (const Tensor labels = file.find({"labels", "y"}); labels.defined()) {
    check(labels.dim() == 1 && labels.size(0) == dataset.size() && !is_floating(labels.dtype()), kLoad, path,
          ": labels must be integers, one for each of ", dataset.size(), " pictures, got ", labels);
    dataset.labels = labels.to(DType::int64);
    const std::span values(dataset.labels.data<std::int64_t>(), static_cast<std::size_t>(dataset.size()));
    dataset.count = count_classes(kLoad, cat(path), values);
  }
  dataset.validate();
  return dataset;
}

}  // namespace duel
