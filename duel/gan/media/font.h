// Colour fonts of bitmaps, such as Noto Color Emoji: their glyphs as pictures.
#pragma once

#include <filesystem>
#include <memory>

#include "duel/gan/data/dataset.h"

namespace duel {

/// The pictures in an OpenType font: those of the glyphs that have a PNG in its CBDT and CBLC tables or, without these,
/// in its sbix table, in the order of the glyphs and of the largest size that there is. Of glyphs with the same picture
/// only the first is taken. A picture is what `decode_picture` makes of the PNG: FreeType would give it multiplied with
/// its opacity and rounded. Of a collection of fonts it is the first.
///
/// Throws if the file is no font, has no such pictures, or contradicts itself.
std::unique_ptr<Dataset> open_font(const std::filesystem::path& path);

}  // namespace duel
