// Data sets that are arrays: numpy's .npy and .npz, and safetensors.
#pragma once

#include <filesystem>

#include "duel/gan/data/tensor_dataset.h"

namespace duel {

/// Pictures from an array in a file. An .npz or .safetensors file has them under `pictures`, `images`, `x` or `arr_0`
/// and may have labels, integers [N], under `labels` or `y`; what else it has is not looked at.
///
/// The array is [N, C, H, W] or [N, H, W, C] with any number C of channels, or [N, H, W] with one. What C is, is told
/// by the sizes: the second one, unless the last one is smaller. Elements are uint8, or floats as networks take them,
/// in
/// [-1, 1]; these become (x + 1) * 127.5, float32.
///
/// Throws if the file is damaged, if there are no such arrays, for floats out of [-1, 1], and for labels that are not
/// one number of a class for each picture.
TensorDataset load_arrays(const std::filesystem::path& path);

}  // namespace duel
