// Zip archives of pictures with a dataset.json, as StyleGAN's tools write them.
#pragma once

#include <filesystem>
#include <memory>

#include "duel/gan/data/dataset.h"

namespace duel {

/// The pictures in a zip archive, sorted by name byte by byte, with the labels of the dataset.json in it, if there is
/// one and it has any. Throws if the file is no zip archive, has no pictures, or for what is wrong with the labels.
std::unique_ptr<Dataset> open_zip_dataset(const std::filesystem::path& path);

}  // namespace duel
