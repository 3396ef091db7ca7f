// The data set list, pictures named in a text file with their classes, and the transform posterize.
#include <duel/gan/media/picture.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "parts.h"

namespace example {
namespace {

using namespace duel;
namespace fs = std::filesystem;

// Lines "CLASS PATH", the class a number from 0, the path from the file's folder; empty lines are passed over.
class ListDataset final : public Dataset {
 public:
  ListDataset(const fs::path& file, bool labelled) : labelled_(labelled) {
    std::ifstream lines(file);
    check(lines.is_open(), "list", file, " can't be read");
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      if (line.empty()) continue;
      std::istringstream words(line);
      Item item{};
      std::string path;
      words >> item.label >> std::ws;
      check(static_cast<bool>(std::getline(words, path)) && item.label >= 0, "list", file, ", line ", number,
            ": needs a class and a path, as '3 pictures/cat.png', not '", line, "'");
      item.path = file.parent_path() / path;
      classes_ = std::max(classes_, item.label + 1);
      items_.push_back(std::move(item));
    }
    check(!items_.empty(), "list", file, " names no pictures");
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(items_.size()); }
  Example read(std::int64_t index, Rng&) const override { return {read_picture(item(index).path)}; }
  std::string name(std::int64_t index) const override { return item(index).path; }
  std::int64_t label(std::int64_t index) const override { return labelled_ ? item(index).label : 0; }
  std::int64_t classes() const override { return labelled_ ? classes_ : 0; }

 private:
  struct Item {
    std::int64_t label;
    fs::path path;
  };
  const Item& item(std::int64_t index) const { return items_.at(static_cast<std::size_t>(index)); }

  std::vector<Item> items_;
  std::int64_t classes_ = 0;
  bool labelled_;
};

// Each value in [0, 255] to the nearest of so many evenly spaced ones; float32, as not all of them are bytes.
Tensor posterized(const Tensor& picture, std::int64_t levels) {
  const NoGrad no_grad;
  const Tensor values = picture.to(DType::float32).row_major();
  Tensor result = Tensor::empty(values.shape());
  const double step = 255.0 / static_cast<double>(levels - 1);
  for (std::int64_t i = 0; i < values.numel(); ++i)
    result.mutable_data<float>()[i] = static_cast<float>(std::round(values.data<float>()[i] / step) * step);
  return result;
}

}  // namespace

void register_data(Registry& registry) {
  registry.datasets.add({.name = "list",
                         .help = "a text file of lines CLASS PATH",
                         .parameters = {{"labelled", "whether the classes count", true}},
                         .make = [](const fs::path& path, Split, const Parameters& p) {
                           return std::make_unique<ListDataset>(path, p.get<bool>("labelled"));
                         }});
  registry.transforms.add({.name = "posterize",
                           .help = "pictures of a few shades",
                           .parameters = {{"levels", "how many", 4, 2, 256}},
                           .make = [](const Parameters& p) -> Transform {
                             return [levels = p.get<std::int64_t>("levels")](const Example& example, Rng&) {
                               Example result = example;
                               result.picture = posterized(example.picture, levels);
                               if (example.target.defined()) result.target = posterized(example.target, levels);
                               return result;
                             };
                           }});
}

}  // namespace example
