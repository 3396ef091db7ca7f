// TensorBoard's event files: scalars, pictures, histograms and texts, for those who look at runs with its pages.
//
// A file is a sequence of records (TFRecord), each a message of TensorFlow's event.proto.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "duel/nn/append_file.h"

namespace duel {

/// A picture as a file's bytes: what TensorBoard's readers know are PNG, JPEG and GIF.
struct EncodedImage {
  std::int64_t height = 0, width = 0, channels = 3;
  std::string_view bytes;
};

/// Writes one new file in a folder. A tag names a curve or a sequence; the part before the first '/' its group. Every
/// call is in the file when it returns, and throws `Error` with the path if it can't be.
class TensorBoardWriter {
 public:
  /// Makes the folder if need be and goes on after `step`: what files from before say of later steps is no longer
  /// shown, as if the run had not been interrupted. 0: from the beginning.
  explicit TensorBoardWriter(const std::filesystem::path& folder, std::int64_t step = 0);

  void scalar(const std::string& tag, std::int64_t step, double value);
  void image(const std::string& tag, std::int64_t step, const EncodedImage& picture);
  /// Counts the values in TensorFlow's buckets, whose limits grow by a tenth from 1e-12 to 1e20, for both signs. NaN
  /// and infinity are left out.
  void histogram(const std::string& tag, std::int64_t step, std::span<const float> values);
  /// Markdown.
  void text(const std::string& tag, std::int64_t step, const std::string& text);

  const std::filesystem::path& path() const { return file_->path(); }

 private:
  void summary(std::int64_t step, const std::string& tag, const std::string& value);

  std::unique_ptr<AppendFile> file_;
};

}  // namespace duel
