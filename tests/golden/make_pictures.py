#!/usr/bin/env python3
"""Makes the files in pictures/ that the readers of pictures are tested with, and expected.json: the pixels that PIL and
tifffile read from them (opacity blended onto white, 16 bits scaled, by read_picture's rules). Needs pillow, numpy and
tifffile."""
import json
import pathlib
import struct

import numpy as np
import tifffile
from PIL import Image

FOLDER = pathlib.Path(__file__).with_name("pictures")
expected = {}


def pixels(*shape, dtype=np.uint8, seed=1):
    """A gradient and some noise: not too hard on lossy formats."""
    height, width = shape[:2]
    rng = np.random.default_rng(seed)
    slope = np.add.outer(np.arange(height) * 150 // height, np.arange(width) * 100 // width)
    slope = slope.reshape(height, width, *[1] * (len(shape) - 2))
    values = np.broadcast_to(slope, shape) * 6 // 7 + rng.integers(0, 40, shape)
    if dtype == np.uint16:
        return (values * 257 + rng.integers(-128, 128, shape)).clip(0, 65535).astype(np.uint16)
    return values.astype(dtype)


def over_white(values, opacity, premultiplied=False):
    white = np.iinfo(values.dtype).max
    values, opacity = values.astype(np.int64), opacity.astype(np.int64)[..., None]
    if premultiplied:
        return np.minimum(white, values + white - opacity)
    return (values * opacity + white * (white - opacity) + white // 2) // white


def cmyk_to_rgb(image):
    return np.asarray(image.convert("RGB"))


def expect(name, values, bits=8):
    """`values`: [H, W] or [H, W, 3]; integers beyond 8 bits are scaled to 0..255."""
    values = np.atleast_3d(np.asarray(values))
    if bits == 16:
        values = (values.astype(np.float64) / 257).astype(np.float32)
    planes = values.transpose(2, 0, 1)
    expected[name] = {"shape": list(planes.shape), "dtype": "uint8" if bits <= 8 else "float32",
                      "values": [round(float(v), 4) if bits > 8 else int(v) for v in planes.ravel()]}


def pil_reads(name):
    with Image.open(FOLDER / name) as image:
        image.load()
        return image.copy()


def save(name, image, expectation=None, bits=8, **options):
    """Writes it with PIL; what PIL reads of it is expected, or `expectation`."""
    image.save(FOLDER / name, **options)
    if expectation is None:
        read = pil_reads(name)
        expectation = read if read.mode == "L" else read.convert("RGB")
    expect(name, expectation, bits)


def write(name, content, *expectation, **options):
    (FOLDER / name).write_bytes(content)
    if expectation:
        expect(name, *expectation, **options)


def jpeg():
    rgb, grey = Image.fromarray(pixels(3, 5, 3)), Image.fromarray(pixels(3, 5))
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        save(f"{subsampling.replace(':', '')}.jpg", rgb, subsampling=subsampling, quality=90)
    save("larger.jpg", Image.fromarray(pixels(18, 35, 3)), quality=60, restart_marker_rows=1)
    save("progressive.jpg", Image.fromarray(pixels(9, 17, 3)), progressive=True)
    save("grey.jpg", grey)
    save("grey_progressive.jpg", grey, progressive=True)
    save("one.jpg", Image.fromarray(pixels(1, 1, 3)))
    save("as_rgb.jpg", rgb, keep_rgb=True, quality=95)
    save("cmyk.jpg", Image.fromarray(pixels(3, 5, 4), "CMYK"), quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    save("orientation.jpg", rgb, exif=exif)
    # The same, called YCCK in Adobe's marker: other colours, but as good.
    content = bytearray((FOLDER / "cmyk.jpg").read_bytes())
    content[content.index(b"Adobe") + 11] = 2
    write("ycck.jpg", content)
    expect("ycck.jpg", cmyk_to_rgb(pil_reads("ycck.jpg")))


def webp():
    rgb = Image.fromarray(pixels(3, 5, 3))
    rgba = Image.fromarray(np.dstack([pixels(3, 5, 3), pixels(3, 5, seed=2)]))
    save("lossy.webp", rgb)
    save("lossless.webp", rgb, lossless=True)
    save("one.webp", Image.fromarray(pixels(1, 1, 3)), lossless=True)
    for name, options in (("lossy_opacity.webp", {}), ("lossless_opacity.webp", {"lossless": True, "exact": True})):
        rgba.save(FOLDER / name, **options)
        read = np.asarray(pil_reads(name))
        expect(name, over_white(read[..., :3], read[..., 3]))
    rgb.save(FOLDER / "animated.webp", save_all=True, append_images=[rgb.transpose(Image.Transpose.ROTATE_180)])


def packed_tiff(bits, photometric, rows, width, height, palette=None):
    """A TIFF file of fewer than eight bits a value, which the packages don't write."""
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, photometric),
            (273, 4, 1, None), (277, 3, 1, 1), (278, 3, 1, height), (279, 4, 1, len(rows))]
    if palette:
        tags.append((320, 3, len(palette), None))
    data_at = 8 + 2 + 12 * len(tags) + 4
    places = {273: data_at + (2 * len(palette) if palette else 0), 320: data_at}
    directory = b"".join(
        struct.pack("<HHI", tag, kind, count) +
        (struct.pack("<I", places[tag]) if value is None else struct.pack("<HH" if kind == 3 else "<I",
                                                                          *([value, 0] if kind == 3 else [value])))
        for tag, kind, count, value in tags)
    colours = struct.pack(f"<{len(palette)}H", *palette) if palette else b""
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4) + colours + rows


def tiff():
    rgb, grey = pixels(3, 5, 3), pixels(3, 5)
    rgb16, grey16 = pixels(3, 5, 3, dtype=np.uint16), pixels(3, 5, dtype=np.uint16)
    save("grey.tif", Image.fromarray(grey))
    save("rgb.tiff", Image.fromarray(rgb))
    save("bits.tif", Image.fromarray(grey > 90), (grey > 90) * 255)
    save("palette.tif", Image.fromarray(rgb).quantize(7))
    save("cmyk.tif", Image.fromarray(pixels(3, 5, 4), "CMYK"))
    save("lzw.tif", Image.fromarray(rgb), compression="tiff_lzw")
    save("packbits.tif", Image.fromarray(rgb), compression="packbits")
    save("deflate.tif", Image.fromarray(rgb), compression="tiff_adobe_deflate")
    save("group4.tif", Image.fromarray(grey > 90), (grey > 90) * 255, compression="group4")
    save("jpeg.tif", Image.fromarray(pixels(16, 16, 3)), compression="jpeg")
    common = {"metadata": None, "software": None}

    def tf(name, values, expectation, bits=8, **options):
        tifffile.imwrite(FOLDER / name, values, **{**common, "photometric": "rgb", **options})
        expect(name, expectation, bits)

    tf("white_is_zero.tif", grey, 255 - grey, photometric="miniswhite")
    tf("white_is_zero16.tif", grey16, 65535 - grey16, 16, photometric="miniswhite")
    tf("grey16.tif", grey16, grey16, 16, photometric="minisblack")
    tf("rgb16_big_endian.tif", rgb16, rgb16, 16, byteorder=">")
    floats = (pixels(3, 5, 3, dtype=np.float32) * np.float32(1.37) - 3).astype(np.float32)
    tf("float.tif", floats, floats, 32)
    tf("big.tif", rgb, rgb, bigtiff=True)
    tf("planes.tif", rgb.transpose(2, 0, 1), rgb, planarconfig="separate")
    wide = pixels(17, 19, 3)
    tf("tiles.tif", wide, wide, tile=(16, 16))
    wide16 = pixels(3, 17, 3, dtype=np.uint16)
    tf("tiled_planes16.tif", wide16.transpose(2, 0, 1), wide16, 16, tile=(16, 16), planarconfig="separate")
    tall = pixels(11, 4, 3)
    tf("strips.tif", tall, tall, rowsperstrip=5)
    rgba, rgba16 = np.dstack([rgb, pixels(3, 5, seed=2)]), np.dstack([rgb16, pixels(3, 5, dtype=np.uint16, seed=2)])
    tf("opacity.tif", rgba, over_white(rgba[..., :3], rgba[..., 3]), extrasamples=["unassalpha"])
    tf("opacity16.tif", rgba16, over_white(rgba16[..., :3], rgba16[..., 3]), 16, extrasamples=["unassalpha"])
    times = np.dstack([rgb * (rgba[..., 3:] / 255.0), rgba[..., 3]]).astype(np.uint8)
    tf("premultiplied.tif", times, over_white(times[..., :3], times[..., 3], True), extrasamples=["assocalpha"])
    tf("unspecified.tif", rgba, rgb, extrasamples=["unspecified"])
    tf("grey_opacity.tif", rgba[..., 2:], over_white(rgba[..., 2:3], rgba[..., 3]), photometric="minisblack",
       extrasamples=["unassalpha"], planarconfig="contig")
    tifffile.imwrite(FOLDER / "signed.tif", grey.astype(np.int16), photometric="minisblack", **common)
    write("four_bits.tif", packed_tiff(4, 1, bytes([0x01, 0xF0, 0x78, 0x90]), 3, 2), [[0, 17, 255], [119, 136, 153]])
    colours = [v * 257 for v in (1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24)]
    write("two_bits_palette.tif", packed_tiff(2, 3, bytes([0b00011011]), 4, 1, colours),
          [[[1, 11, 21], [2, 12, 22], [3, 13, 23], [4, 14, 24]]])


def bmp_file(width, height, bits, rows, compression=0, extra=b"", header_bytes=40, used=0):
    """`extra`: masks or a palette; those of a version 4 header belong to its `header_bytes`."""
    header = struct.pack("<IiiHHIIiiII", header_bytes, width, height, 1, bits, compression, len(rows), 0, 0, used, 0)
    header = (header + extra).ljust(14 + header_bytes - 14, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(rows), 0, 0, 14 + len(header)) + header + rows


def bmp():
    rgb, grey = pixels(3, 5, 3), pixels(3, 5)
    save("rgb.bmp", Image.fromarray(rgb))
    save("grey.bmp", Image.fromarray(grey))
    save("bits.bmp", Image.fromarray(grey > 90), (grey > 90) * 255)
    save("palette.bmp", Image.fromarray(rgb).quantize(7))
    save("unused_byte.bmp", Image.fromarray(np.dstack([rgb, grey])))
    save("one.bmp", Image.fromarray(pixels(1, 1, 3)))
    colours = [(10, 20, 30), (40, 50, 60), (255, 0, 9)]
    palette = b"".join(bytes([b, g, r, 0]) for r, g, b in colours)
    write("four_bits.bmp", bmp_file(3, 2, 4, bytes.fromhex("01200000 21000000"), extra=palette, used=3),
          [[colours[i] for i in row] for row in ([2, 1, 0], [0, 1, 2])])
    write("top_down.bmp", bmp_file(1, -2, 24, bytes.fromhex("01020300 04050600")), [[[3, 2, 1]], [[6, 5, 4]]])
    # PIL's 5 bits are rounded down
    write("555.bmp", bmp_file(2, 1, 16, struct.pack("<HH", 31 << 10 | 16 << 5 | 1, 3 << 5)), [[[255, 132, 8], [0, 25, 0]]])
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    write("565.bmp", bmp_file(2, 1, 16, struct.pack("<HH", 31 << 11 | 32 << 5 | 1, 3 << 5), 3, masks),
          [[[255, 130, 8], [0, 12, 0]]])
    masks = struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    write("version4.bmp", bmp_file(2, 1, 32, bytes([1, 2, 3, 255, 1, 2, 3, 0]), 3, masks, 108),
          [[[1, 2, 3], [255, 255, 255]]])
    core = struct.pack("<IHHHH", 12, 2, 1, 1, 1) + bytes([3, 2, 1, 6, 5, 4])
    write("core.bmp", b"BM" + struct.pack("<IHHI", 36, 0, 0, 32) + core + bytes([0b01000000, 0, 0, 0]),
          [[[1, 2, 3], [4, 5, 6]]])
    write("rle8.bmp", bmp_file(4, 1, 8, bytes([4, 1, 0, 1]), 1, palette, used=3))


def pnm():
    rgb, grey = pixels(3, 5, 3), pixels(3, 5)
    save("raw.ppm", Image.fromarray(rgb))
    save("raw.pgm", Image.fromarray(grey))
    bits = pixels(3, 11) > 90
    save("raw.pbm", Image.fromarray(bits), bits * 255)
    grey16 = pixels(3, 5, dtype=np.uint16)
    save("raw16.pgm", Image.fromarray(grey16), grey16, 16)
    write("raw16.ppm", b"P6 2 1\n1000\n" + struct.pack(">6H", 0, 1, 500, 999, 1000, 250),
          (np.array([[[0, 1, 500], [999, 1000, 250]]]) * 65.535), bits=16)
    write("plain.pbm", b"P1 # bits\n# two rows\n3 2\n10 1\n0 01", [[0, 255, 0], [255, 255, 0]])
    write("plain.pgm", b"P2\n3 1\n# of 15\n15\n0 7\n15\n", [[0, 119, 255]])
    write("plain.ppm", b"P3 1 2 255 1 2 3 # the first\n 4 5 6", [[[1, 2, 3]], [[4, 5, 6]]])


def png():
    rgb, grey16 = pixels(3, 5, 3), pixels(3, 5, dtype=np.uint16)
    save("rgb.png", Image.fromarray(rgb))
    save("palette.png", Image.fromarray(rgb).quantize(7))
    save("grey16.png", Image.fromarray(grey16), grey16, 16)


def gif():
    rgb, grey = pixels(3, 5, 3), pixels(3, 5)
    save("grey.gif", Image.fromarray(grey), grey)
    save("palette.gif", Image.fromarray(rgb).quantize(7))
    save("interlaced.gif", Image.fromarray(pixels(19, 17, 3)).quantize(30), interlace=1)
    indices = Image.fromarray(rgb).quantize(7)
    save("opacity.gif", indices, np.where((np.asarray(indices) == 2)[..., None], 255, np.asarray(indices.convert("RGB"))),
         transparency=2)


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for make in (jpeg, webp, tiff, bmp, pnm, png, gif):
        make()
    lines = [f"{json.dumps(name)}: {json.dumps(value, separators=',:')}" for name, value in sorted(expected.items())]
    (FOLDER / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
