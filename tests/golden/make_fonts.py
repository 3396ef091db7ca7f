#!/usr/bin/env python3
"""Makes the colour fonts of tests/golden/datasets with fontTools and Pillow (pip install fonttools pillow).

Each has pictures of 8 x 8 pixels of its own, every pixel of glyph g being (10 * g, y * 30, x * 30) with the opacity
255, but 128 in the first row. cbdt.ttf: glyphs 1 and 2 by an index of format 1 with images of format 17, glyph 3 with the
picture of glyph 1, glyph 4 by an index of format 2 with an image of format 19, glyph 5 by one of format 3 with an image
of format 18, glyphs 7 and 8 by one of format 5 with images of format 19, glyph 9 by one of format 4; beside them a strike of smaller pictures. sbix.ttf: glyphs 1 and 3 of two strikes.
"""
import io
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import newTable
from fontTools.ttLib.tables import BitmapGlyphMetrics as metrics
from fontTools.ttLib.tables import C_B_D_T_ as cbdt
from fontTools.ttLib.tables import E_B_L_C_ as eblc
from fontTools.ttLib.tables import sbixGlyph, sbixStrike
from PIL import Image

FOLDER = Path(__file__).parent / "datasets"
GLYPHS = [".notdef"] + [f"g{i}" for i in range(1, 10)]


def png(number, size=8):
    image = Image.new("RGBA", (size, size))
    for y in range(size):
        for x in range(size):
            image.putpixel((x, y), (10 * number, y * 30, x * 30, 128 if y == 0 else 255))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def font():
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(GLYPHS)
    builder.setupCharacterMap({0x1F600 + i: name for i, name in enumerate(GLYPHS) if i > 0})
    builder.setupGlyf({name: empty_glyph() for name in GLYPHS})
    builder.setupHorizontalMetrics({name: (1000, 0) for name in GLYPHS})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Test of colour bitmaps", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    return builder.font


def empty_glyph():
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    return TTGlyphPen(None).glyph()


def glyph_metrics(kind):
    m = kind()
    for name in ("height", "width", "Advance", "horiAdvance", "vertAdvance"):
        setattr(m, name, 8)
    for name in ("BearingX", "BearingY", "horiBearingX", "horiBearingY", "vertBearingX", "vertBearingY"):
        setattr(m, name, 0)
    return m


def bitmap(image_format, data):
    glyph = {17: cbdt.cbdt_bitmap_format_17, 18: cbdt.cbdt_bitmap_format_18, 19: cbdt.cbdt_bitmap_format_19}[
        image_format
    ](b"", None)
    if image_format == 17:
        glyph.metrics = glyph_metrics(metrics.SmallGlyphMetrics)
    if image_format == 18:
        glyph.metrics = glyph_metrics(metrics.BigGlyphMetrics)
    glyph.imageData = data
    return glyph


def subtable(index_format, image_format, names):
    table = eblc.eblc_sub_table_classes[index_format](b"", None)
    table.indexFormat, table.imageFormat, table.names = index_format, image_format, names
    table.firstGlyphIndex, table.lastGlyphIndex = GLYPHS.index(names[0]), GLYPHS.index(names[-1])
    if index_format in (2, 5):
        table.metrics = glyph_metrics(metrics.BigGlyphMetrics)
    return table


def strike(ppem, subtables):
    s = eblc.Strike()
    table = s.bitmapSizeTable = eblc.BitmapSizeTable()
    for direction in ("hori", "vert"):
        line = eblc.SbitLineMetrics()
        for name in (
            "ascender descender widthMax caretSlopeNumerator caretSlopeDenominator caretOffset minOriginSB "
            "minAdvanceSB maxBeforeBL minAfterBL pad1 pad2"
        ).split():
            setattr(line, name, 0)
        setattr(table, direction, line)
    table.colorRef, table.flags, table.bitDepth = 0, 1, 32
    table.ppemX = table.ppemY = ppem
    table.startGlyphIndex = min(t.firstGlyphIndex for t in subtables)
    table.endGlyphIndex = max(t.lastGlyphIndex for t in subtables)
    s.indexSubTables = subtables
    return s


def make_cbdt():
    f = font()
    large = {
        "g1": bitmap(17, png(1)),
        "g2": bitmap(17, png(2)),
        "g3": bitmap(17, png(1)),
        "g4": bitmap(19, png(4)),
        "g5": bitmap(18, png(5)),
        "g9": bitmap(17, png(9)),
    }
    same_length = max(len(png(7)), len(png(8)))
    for i in (7, 8):  # of an index of format 5 all have one size; what follows the end of a PNG is nothing
        large[f"g{i}"] = bitmap(19, png(i).ljust(same_length, b"\0"))
    small = {"g1": bitmap(17, png(1, 4))}
    f["CBDT"], f["CBLC"] = newTable("CBDT"), newTable("CBLC")
    f["CBDT"].version = f["CBLC"].version = 3.0
    f["CBDT"].strikeData = [small, large]
    fives = subtable(5, 19, ["g7", "g8"])
    fives.imageSize = same_length + 4
    twos = subtable(2, 19, ["g4"])
    twos.imageSize = len(png(4)) + 4
    f["CBLC"].strikes = [
        strike(4, [subtable(1, 17, ["g1"])]),
        strike(
            8,
            [subtable(1, 17, ["g1", "g2", "g3"]), twos, subtable(3, 18, ["g5"]), fives, subtable(4, 17, ["g9"])],
        ),
    ]
    f.save(FOLDER / "cbdt.ttf")


def make_sbix():
    f = font()
    f["sbix"] = newTable("sbix")
    for ppem in (4, 8):
        s = sbixStrike.Strike(ppem=ppem, resolution=72)
        for i in (1, 3):
            s.glyphs[f"g{i}"] = sbixGlyph.Glyph(glyphName=f"g{i}", graphicType="png ", imageData=png(i, ppem))
        f["sbix"].strikes[ppem] = s
    f.save(FOLDER / "sbix.ttf")


if __name__ == "__main__":
    make_cbdt()
    make_sbix()
