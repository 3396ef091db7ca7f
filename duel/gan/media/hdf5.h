// HDF5 files of pictures, as BigGAN-PyTorch makes them of ImageNet.
#pragma once

#include <filesystem>
#include <memory>

#include "duel/gan/data/dataset.h"

namespace duel {

/// A file with `imgs`, uint8 [N, C, H, W], and, if there are labels, `labels`, integers [N]. Pictures are read one by
/// one; of a file in compressed chunks the last few chunks are kept, so that reading in order is much faster.
///
/// Throws if the file is damaged or doesn't have them so, if they are compressed in a way that libhdf5 here can't undo
/// (h5py's LZF), and where the library was built without HDF5. What libhdf5 trusts is trusted here: a file whose index
/// of chunks was altered on purpose may end the program, so take such files from where you would take programs from.
std::unique_ptr<Dataset> open_hdf5(const std::filesystem::path& path);

}  // namespace duel
