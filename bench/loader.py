#!/usr/bin/env python3
"""Images per second of duel's DataLoader and of PyTorch's with PIL, on the same files: resized and cropped at random as
CycleGAN does, flipped, as floats in [-1, 1]. The two take turns. Needs torch, numpy and Pillow.

    loader.py build/bench/duel_bench_loader FOLDER --load-size 286 --crop-size 256
"""
import argparse
import pathlib
import statistics
import subprocess
import time

import numpy
import torch
from PIL import Image

EXTENSIONS = {".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp"}


class Pictures(torch.utils.data.Dataset):
    def __init__(self, folder, load, crop):
        self.files = sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix.lower() in EXTENSIONS)
        self.load, self.crop = load, crop

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = Image.open(self.files[index]).convert("RGB").resize((self.load, self.load), Image.BICUBIC)
        x, y = (int(v) for v in torch.randint(0, self.load - self.crop + 1, (2,)))
        image = image.crop((x, y, x + self.crop, y + self.crop))
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.FLIP_LEFT_RIGHT)
        picture = torch.from_numpy(numpy.array(image)).permute(2, 0, 1).contiguous()
        return picture.to(torch.float32).div_(127.5).sub_(1)


def endless(loader):
    while True:
        yield from loader


def torch_speed(options, workers):
    data = Pictures(options.folder, options.load_size, options.crop_size)
    batches = endless(
        torch.utils.data.DataLoader(
            data, options.batch_size, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
        )
    )
    next(batches)
    start, images = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < options.seconds:
        images += len(next(batches))
    return images / passed


def duel_speed(options, workers, *more):
    command = [options.program, options.folder, "--workers", str(workers), "--seconds", str(options.seconds)]
    for name in ("load_size", "crop_size", "batch_size"):
        command += ["--" + name.replace("_", "-"), str(getattr(options, name))]
    return float(subprocess.run([*command, *more], check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="duel_bench_loader")
    parser.add_argument("folder")
    parser.add_argument("--load-size", type=int, default=286)
    parser.add_argument("--crop-size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--repeat", type=int, default=3, help="measurements, of which the median counts")
    parser.add_argument("--cache", help="a file: also measure duel with a packed cache there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'workers':>7} {'duel':>9} {'PyTorch':>9} {'ratio':>6}" + (f" {'cached':>9}" if options.cache else ""))
    for workers in (0, 1, 2):
        ours, theirs, cached = [], [], []
        for _ in range(options.repeat):
            ours.append(duel_speed(options, workers))
            theirs.append(torch_speed(options, workers))
            if options.cache:
                cached.append(duel_speed(options, workers, "--cache", options.cache))
        a, b = statistics.median(ours), statistics.median(theirs)
        print(
            f"{workers:7} {a:9.0f} {b:9.0f} {a / b:6.2f}"
            + (f" {statistics.median(cached):9.0f}" if options.cache else "")
        )


if __name__ == "__main__":
    main()
