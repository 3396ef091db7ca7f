// Labels as data sets of arrays and archives have them: numbers from 0 on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "duel/gan/data/dataset.h"

namespace duel {

/// How many classes there are: the largest label + 1. Throws, with `where` the labels are from, if there is no label,
/// or one that is negative or 2^20 or more, which no number of a class is.
std::int64_t count_classes(const char* operation, std::string_view where, std::span<const std::int64_t> labels);

constexpr char kDatasetJson[] = "dataset.json";

/// StyleGAN's dataset.json: {"labels": [["name", label], ...]}, or null in place of the list. The label of each of
/// `names`; none at all where the file has none. Throws for a name without a label and for labels that are no numbers
/// of classes.
std::vector<std::int64_t> read_dataset_json(std::string_view json, std::string_view where,
                                            const std::vector<std::string>& names);

/// The examples of `pictures` with these labels, or as they are if there are no labels.
std::unique_ptr<Dataset> with_labels(std::unique_ptr<Dataset> pictures, std::vector<std::int64_t> labels);

}  // namespace duel
