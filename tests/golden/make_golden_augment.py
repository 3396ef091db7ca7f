#!/usr/bin/env python3
"""Writes augment.json: what PyTorch computes for the augmentations of gan/augment.h and for what labels.h and losses.h
add to the games: targets, the best k scores, feature matching.

Run it with a Python that has numpy and torch (CPU). As in make_golden_losses.py, only results are stored: random
numbers are drawn, here and in the library, from the same stream.
"""
import torch
import torch.nn.functional as F

from make_golden_losses import to_second_order
from make_golden_nn import Rng, numbers, write

SHAPES = [[2, 2, 4, 12], [3, 1, 9, 5], [2, 3, 1, 1]]


def half_up(x):
    return int(x + 0.5)


def offsets(rng, n, most):
    return rng.integers([n], 2 * most + 1) - most


def color(rng, n):
    b, s, c = (rng.uniform((n, 1, 1, 1), *limits) for limits in [(-0.5, 0.5), (0, 2), (0.5, 1.5)])

    def apply(x):
        x = x + b
        mean = x.mean(1, keepdim=True)
        x = s * x + (1 - s) * mean
        mean = x.mean((1, 2, 3), keepdim=True)
        return c * x + (1 - c) * mean
    return apply


def translation(rng, n, h, w):
    """Of a picture between zeros, of which a part is cut out."""
    down, right = offsets(rng, n, half_up(h / 8)), offsets(rng, n, half_up(w / 8))

    def apply(x):
        padded = F.pad(x, (w, w, h, h))
        return torch.stack([p[:, h + i:2 * h + i, w + j:2 * w + j]
                            for p, i, j in zip(padded, down.tolist(), right.tolist())])
    return apply


def cutout(rng, n, h, w):
    """Pixel by pixel, as the authors' program marks them: beyond the border means on it."""
    sides = half_up(h / 2), half_up(w / 2)
    rows, columns = (rng.integers([n], size + (side + 1) % 2) for size, side in zip((h, w), sides))
    mask = torch.ones(n, 1, h, w)
    for k in range(n):
        for i in range(sides[0]):
            for j in range(sides[1]):
                row, column = int(rows[k]) + i - sides[0] // 2, int(columns[k]) + j - sides[1] // 2
                mask[k, 0, min(max(row, 0), h - 1), min(max(column, 0), w - 1)] = 0
    return lambda x: x * mask


def flip_and_shift(rng, n, h, w):
    flipped, down, right = rng.integers([n], 2), offsets(rng, n, h // 8), offsets(rng, n, w // 8)

    def apply(x):
        mirrored = torch.where(flipped.reshape(n, 1, 1, 1) == 1, x.flip(3), x)
        padded = F.pad(mirrored, (w // 8, w // 8, h // 8, h // 8), mode="reflect")
        return torch.stack([p[:, h // 8 + i:h // 8 + i + h, w // 8 + j:w // 8 + j + w]
                            for p, i, j in zip(padded, down.tolist(), right.tolist())])
    return apply


def augmentations():
    """Of pictures, squared so that there are second derivatives."""
    parts = {"color": lambda rng, n, h, w: color(rng, n), "translation": translation, "cutout": cutout,
             "flip_and_shift": flip_and_shift}
    out = {}
    for shape in SHAPES:
        n, _, h, w = shape
        for policy in ["color", "translation,cutout", "cutout,color,translation", "flip_and_shift"]:
            rng = Rng(7)
            drawn = [parts[part](rng, n, h, w) for part in policy.split(",")]

            def augment(x, drawn=drawn):
                for part in drawn:
                    x = part(x)
                return x.square()
            out[f"{policy} {shape}"] = to_second_order(augment, [numbers(shape, 1)])
    return out


def games():
    real, fake = 3 * numbers([2, 1, 3, 2], 1), 3 * numbers([3, 1, 2, 2], 2)
    rng = Rng(7)
    rng.uniform((), 0, 1)  # whether to exchange targets: not this time
    soft_real, soft_fake = rng.uniform(tuple(real.shape), 0.9, 1), rng.uniform(tuple(fake.shape), 0, 0.1)
    losses = {
        "gan": lambda x, t: F.binary_cross_entropy(x, t),
        "vanilla": lambda x, t: F.binary_cross_entropy_with_logits(x, t),
        "lsgan": lambda x, t: 0.5 * F.mse_loss(x, t),
    }
    out = {}
    for name, loss in losses.items():
        scores = [torch.sigmoid(real), torch.sigmoid(fake)] if name == "gan" else [real, fake]
        out[f"soft {name}"] = to_second_order(lambda r, f: loss(r, soft_real) + loss(f, soft_fake), scores)
    out["top_k"] = to_second_order(lambda f: F.softplus(-torch.topk(f.reshape(-1), 3).values), [numbers([7, 1], 1)])
    out["feature_matching"] = to_second_order(lambda r, f: (r.mean(0) - f.mean(0)).square().sum(),
                                              [numbers([3, 4, 2, 1], 1), numbers([2, 4, 2, 1], 2)])
    return out


if __name__ == "__main__":
    write("augment.json", {**augmentations(), **games()})
