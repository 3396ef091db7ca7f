// LSUN (Yu et al. 2015): encoded pictures as values of LMDB databases.
#pragma once

#include <filesystem>
#include <memory>

#include "duel/gan/data/dataset.h"

namespace duel {

/// One database, a folder with a data.mdb or that file itself; or a folder of databases called CLASS_train_lmdb,
/// CLASS_val_lmdb and CLASS_test_lmdb, of which those of the split (val counts as test) are the classes, sorted by
/// name. The pictures are in the order of their keys. Throws if there are none, or a database is damaged.
std::unique_ptr<Dataset> open_lsun(const std::filesystem::path& path, Split split);

/// Whether it looks as if `open_lsun` could open it.
bool is_lsun(const std::filesystem::path& path);

}  // namespace duel
