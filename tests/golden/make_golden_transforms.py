#!/usr/bin/env python3
"""Writes transforms.json: what PIL makes of pictures at other sizes, what the originals' transforms make of them, in PIL
as there but for where their random numbers come from, and what skimage says of their colours.

Needs PIL, skimage, numpy and torch (the latter for the random stream of make_golden_nn.py, from which pictures are
drawn here and in the tests). Stored are samples of the results.
"""
import json
import math
import pathlib

import numpy as np
from PIL import Image, ImageOps
from skimage import color

from make_golden_nn import Rng

FILTERS = {"nearest": Image.NEAREST, "box": Image.BOX, "bilinear": Image.BILINEAR, "hamming": Image.HAMMING,
           "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
SIZES = [(3, (7, 5), (4, 9)), (3, (13, 17), (29, 8)), (1, (1, 1), (5, 3)), (3, (9, 11), (1, 1)),
         (3, (200, 3), (3, 200)), (1, (3, 200), (200, 3)), (3, (40, 50), (40, 20)), (4, (50, 40), (21, 40)),
         (1, (28, 28), (32, 32)), (3, (64, 63), (63, 65)), (2, (100, 37), (6, 7))]


def levels(channels, height, width):
    """Random numbers [H, W, C] in [0, 256)."""
    return Rng(1).uniform((channels, height, width), 0, 256).numpy().transpose(1, 2, 0)


def picture(channels, height, width):
    return np.floor(levels(channels, height, width)).astype(np.uint8)


def image(pixels):
    """Planes without an alpha channel, for which PIL has a mode only at 1, 3 and 4 of them."""
    return Image.fromarray(pixels[:, :, 0]) if pixels.shape[2] == 1 else Image.fromarray(
        pixels, {3: "RGB", 4: "CMYK"}[pixels.shape[2]])


def array(im):
    a = np.asarray(im)
    return a[:, :, None] if a.ndim == 2 else a


def sample(pixels):
    """[H, W, C] -> about 40 numbers, evenly spaced in the order [C, H, W]."""
    flat = pixels.transpose(2, 0, 1).reshape(-1)
    return flat[::max(1, flat.size // 37)]


def resize(im, size, resample):
    """Along the rows first, as Pillow did up to its version 12; later ones start with the columns where that is quicker,
    and end up a level higher or lower."""
    return im.resize((size[0], im.height), resample).resize(size, resample)


def resized(pixels, size, resample):
    h, w = size
    if pixels.shape[2] in (1, 3, 4) and pixels.dtype == np.uint8:
        return array(resize(image(pixels), (w, h), resample))
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(pixels, 2, 0)]
    return np.stack([np.asarray(resize(plane, (w, h), resample)) for plane in planes], 2)


def resizes():
    out = {}
    for name, resample in FILTERS.items():
        for c, (h, w), (to_h, to_w) in SIZES:
            key = f"{name} {c}x{h}x{w} to {to_h}x{to_w}"
            out[key] = sample(resized(picture(c, h, w), (to_h, to_w), resample))
            if c == 3:
                out[f"{key} float"] = sample(resized(levels(c, h, w).astype(np.float32), (to_h, to_w), resample))
    return out


# The policies, of images, with draws from the library's stream: a place's column, then its row, then the flip.

def place(rng, within, part):
    x = rng.below(within[0] - part[0] + 1)
    return x, rng.below(within[1] - part[1] + 1)


def crop_at(im, position, size):
    x, y = position
    return im.crop((x, y, x + size[0], y + size[1]))


def center_crop(im, size):
    """torchvision's."""
    x, y = int(round((im.width - size[0]) / 2.0)), int(round((im.height - size[1]) / 2.0))
    return crop_at(im, (x, y), size)


def make_multiple(im, o, rng):
    h, w = (int(round(n / o["multiple"]) * o["multiple"]) for n in (im.height, im.width))
    return im if (w, h) == im.size else resize(im, (w, h), Image.BICUBIC)


def scale_width(im, o, rng):
    width, least = o["load"][0], o["crop"][1]
    if im.width == width and im.height >= least:
        return im
    return resize(im, (width, int(max(width * im.height / im.width, least))), Image.BICUBIC)


def crop(im, o, rng):
    return crop_at(im, place(rng, im.size, o["crop"]), o["crop"])


def long_edge(im, o, rng, where):
    """Of squares; BigGAN-PyTorch's, but that its random crop mistakes PIL's width for the height."""
    side = min(im.size)
    im = center_crop(im, (side, side)) if where == "center" else crop_at(im, place(rng, im.size, (side, side)),
                                                                         (side, side))
    return resize(im, o["load"], Image.BILINEAR)


def cover_and_crop(im, o, rng):
    """Of squares: torchvision's Resize of the short side, then CenterCrop."""
    size = o["load"][0]
    w, h = im.size
    w, h = (size, int(size * h / w)) if w < h else (int(size * w / h), size)
    return center_crop(resize(im, (w, h), Image.BILINEAR), o["crop"])


def fit_and_pad(im, o, rng):
    """fastai's Resize(method=ResizeMethod.Pad, pad_mode=PadMode.Zeros) of squares."""
    size = o["load"][0]
    longest = max(im.size)
    small = resize(im, tuple(n * size // longest for n in im.size), Image.BILINEAR)
    padded = Image.new(im.mode, (size, size))
    padded.paste(small, tuple((size - n) // 2 for n in small.size))
    return padded


POLICIES = {
    "none": make_multiple,
    "resize": lambda im, o, rng: resize(im, o["load"], Image.BICUBIC),
    "resize_and_crop": lambda im, o, rng: crop(resize(im, o["load"], Image.BICUBIC), o, rng),
    "crop": crop,
    "scale_width": scale_width,
    "scale_width_and_crop": lambda im, o, rng: crop(scale_width(im, o, rng), o, rng),
    "center_crop": lambda im, o, rng: long_edge(im, o, rng, "center"),
    "random_crop": lambda im, o, rng: long_edge(im, o, rng, "random"),
    "cover_and_crop": cover_and_crop,
    "fit_and_pad": fit_and_pad,
    "pad_and_crop": lambda im, o, rng: crop(im, {"crop": (im.width - 2 * o["pad"], im.height - 2 * o["pad"])}, rng),
}


def transforms():
    """Each picture three times, so that draws differ; sizes are (width, height), as PIL has them."""
    o = {"load": (20, 20), "crop": (16, 16), "multiple": 4, "pad": 0}
    out = {}
    for policy, apply in POLICIES.items():
        for h, w in [(24, 31), (37, 18), (19, 20), (22, 22)]:
            rng = Rng(7)
            for turn in range(3):
                options = {**o, "pad": 3 if policy == "pad_and_crop" else turn}
                im = image(picture(3, h, w))
                if turn == 1:
                    im = im.convert("L")
                im = apply(ImageOps.expand(im, options["pad"]), options, rng)
                if rng.below(2) == 1:
                    im = im.transpose(Image.FLIP_LEFT_RIGHT)
                key = f"{policy} {h}x{w} turn {turn}"
                out[key], out[f"{key} size"] = sample(array(im)), np.array([im.height, im.width])
    return out


def lab():
    pixels = picture(3, 6, 7)
    pixels[0] = [[0, 0, 0], [255, 255, 255], [1, 2, 3], [255, 0, 0], [0, 255, 0], [0, 0, 255], [11, 10, 12]]
    rows = color.rgb2lab(pixels)
    # Any lightness and colours, most of which sRGB doesn't have.
    numbers = Rng(2).uniform((3, 6, 7), -1.2, 1.2).numpy().transpose(1, 2, 0)
    guess = color.lab2rgb(np.concatenate([(numbers[:, :, :1] + 1) * 50, numbers[:, :, 1:] * 110], 2))
    planes = {"pixels": pixels, "lab": rows, "guess": guess * 255}
    return {name: p.transpose(2, 0, 1).reshape(-1) for name, p in planes.items()}


def main():
    golden = {"resize": resizes(), "transform": transforms(), "lab": lab()}
    lines = []
    for group, results in golden.items():
        values = {key: {"shape": list(v.shape), "values": [int(x) if x == math.floor(x) else float(f"{x:.9g}")
                                                           for x in v.tolist()]} for key, v in results.items()}
        lines.append(f"{json.dumps(group)}: {json.dumps(values, separators=(',', ':'))}")
    pathlib.Path(__file__).with_name("transforms.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
