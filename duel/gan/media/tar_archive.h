// Tar archives, compressed or not, read through libarchive.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace duel {

/// What the files of these names hold, in whatever folder of the archive they are; those that it doesn't have are left
/// out. Throws, naming `operation` and the file, if that is damaged or no such archive, if one of the files is there
/// twice or larger than `max_bytes`, and where the library was built without libarchive.
std::map<std::string, std::string> read_tar(const char* operation, const std::filesystem::path& path,
                                            const std::vector<std::string>& names, std::uint64_t max_bytes);

}  // namespace duel
