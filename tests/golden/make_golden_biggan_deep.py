#!/usr/bin/env python3
"""Writes biggan_deep.json: BigGAN-deep of BigGAN-PyTorch and of TensorFlow Hub, and both BigGANs of PyTorch-StudioGAN,
at tiny widths, written anew in PyTorch from their descriptions. Stored is what make_golden_biggan.py stores, with
shapes besides names.
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm

from excerpts import write
from make_golden_biggan import Attention, ConditionalBn, Down, Layers, OutputBn, Up, golden, network

STUDIO = dict(norm1="bn1", norm2="bn2", conv1="conv2d1", conv2="conv2d2", shortcut="conv2d0")


def sn(layer):
    return spectral_norm(layer, eps=1e-6)


class StudioLayers:
    def conv(self, i, o, k=3, bias=True):
        return sn(nn.Conv2d(i, o, k, padding=k // 2, bias=bias))

    def linear(self, i, o, bias=True):
        return sn(nn.Linear(i, o, bias=bias))

    def embedding(self, count, size):
        return sn(nn.Embedding(count, size))


class StudioNorm(nn.Module):
    def __init__(self, c, condition):
        super().__init__()
        self.bn = nn.BatchNorm2d(c, affine=False, eps=1e-4)
        self.gain, self.bias = sn(nn.Linear(condition, c, bias=False)), sn(nn.Linear(condition, c, bias=False))

    def forward(self, x, y):
        return self.bn(x) * (1 + self.gain(y))[:, :, None, None] + self.bias(y)[:, :, None, None]


class StudioAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        plain = Attention(c, lambda i, o: StudioLayers().conv(i, o, 1, bias=False))
        for name, ours in dict(theta="theta", phi="phi", g="g", attn="o").items():
            setattr(self, "conv1x1_" + name, getattr(plain, ours))
        plain.gamma = self.sigma = nn.Parameter(torch.zeros(1))
        self.run = [plain]

    def forward(self, x):
        self.run[0].train(self.training)
        return self.run[0](x)


# --- blocks of BigGAN-deep ---


class DeepBlock(nn.Module):
    """The convolutions of both networks' blocks, with their system's names."""

    def __init__(self, i, hidden, o, layers, studio, shortcut):
        super().__init__()
        prefix = "conv2d" if studio else "conv"
        for n, (a, b, k) in enumerate([(i, hidden, 1), (hidden, hidden, 3), (hidden, hidden, 3), (hidden, o, 1)], 1):
            self.add_module(f"{prefix}{n}", layers.conv(a, b, k))
        self.prefix, self.shortcut = prefix, None
        if shortcut:
            self.shortcut = "conv2d0" if studio else "conv_sc"
            self.add_module(self.shortcut, layers.conv(i, shortcut, 1))

    def conv(self, n, x):
        return getattr(self, f"{self.prefix}{n}")(x)

    def beside(self, x):
        return getattr(self, self.shortcut)(x)


class DeepUp(DeepBlock):
    def __init__(self, i, o, layers, norm, up, studio, convolved):
        super().__init__(i, i // 4, o, layers, studio, o if convolved else 0)
        self.out, self.up = o, up
        for n in range(1, 5):
            self.add_module(f"bn{n}", norm(i if n == 1 else i // 4))

    def forward(self, x, y):
        up = (lambda h: F.interpolate(h, scale_factor=2)) if self.up else lambda h: h
        seen = lambda n, h: F.relu(getattr(self, f"bn{n}")(h, y))
        h = self.conv(1, seen(1, x))
        h = self.conv(2, up(seen(2, h)))
        h = self.conv(3, seen(3, h))
        h = self.conv(4, seen(4, h))
        return h + (self.beside(up(x)) if self.shortcut else up(x[:, :self.out]))


class DeepDown(DeepBlock):
    def __init__(self, i, o, layers, down, studio, convolved):
        shortcut = (o if down or i != o else 0) if convolved else o - i
        super().__init__(i, o // 4, o, layers, studio, shortcut)
        self.down, self.studio, self.convolved = down, studio, convolved

    def forward(self, x):
        pool = (lambda h: F.avg_pool2d(h, 2)) if self.down else lambda h: h
        seen = F.relu(x)
        h = self.conv(3, F.relu(self.conv(2, F.relu(self.conv(1, seen)))))
        h = self.conv(4, F.relu(pool(h)) if self.convolved else pool(F.relu(h)))
        x = seen if self.studio else x  # a ReLU in place
        if self.convolved:
            return h + (pool(self.beside(x)) if self.shortcut else x)
        x = pool(x)
        return h + (torch.cat([x, self.beside(x)], 1) if self.shortcut else x)


# --- networks ---


def lists(stages, nesting):
    """A system's list of lists of blocks: one for each block and the attention after it, or one for each layer."""
    found = []
    for blocks, attention in stages:
        found += [[block] for block in blocks]
        if attention is not None and nesting == "block":
            found[-1].append(attention)
        elif attention is not None:
            found.append([attention])
    return nn.ModuleList(nn.ModuleList(f) for f in found)


class Generator(nn.Module):
    """`stages` of blocks and attention; `conditions` gives what each block is told, from the class and z."""

    def __init__(self, system, stages, bottom, top, first, classes, shared, conditions, maps=3, eps=1e-5):
        super().__init__()
        self.studio, self.conditions = system == "studio", conditions
        layers = StudioLayers() if self.studio else Layers(True)
        self.shared = nn.Embedding(classes, shared)
        self.add_module("linear0" if self.studio else "linear", layers.linear(first, bottom * 16))
        self.blocks = lists(stages, "layer" if self.studio else "block")
        if self.studio:
            self.bn4, self.conv2d5 = nn.BatchNorm2d(top, eps=1e-4), layers.conv(top, 3)
        else:
            self.output_layer = nn.Sequential(OutputBn(top, False), nn.ReLU(), layers.conv(top, maps))
            self.output_layer[0].eps = eps

    def forward(self, z, y):
        first, told = self.conditions(self.shared(y), z)
        h = (self.linear0 if self.studio else self.linear)(first).reshape(len(y), -1, 4, 4)
        told = iter(told)
        for layer in (layer for inner in self.blocks for layer in inner):
            h = layer(h) if isinstance(layer, (Attention, StudioAttention)) else layer(h, next(told))
        h = self.conv2d5(F.relu(self.bn4(h))) if self.studio else self.output_layer(h)
        return torch.tanh(h[:, :3])


class Discriminator(nn.Module):
    def __init__(self, system, stages, features, stem=0, classes=3):
        super().__init__()
        self.studio = system == "studio"
        layers = StudioLayers() if self.studio else Layers(True)
        if stem:
            self.input_conv = layers.conv(3, stem)
        self.blocks = lists(stages, "layer" if self.studio else "block")
        self.add_module("linear1" if self.studio else "linear", layers.linear(features, 1))
        self.add_module("embedding" if self.studio else "embed", layers.embedding(classes, features))

    def forward(self, x, y):
        x = self.input_conv(x) if hasattr(self, "input_conv") else x
        for layer in (layer for inner in self.blocks for layer in inner):
            x = layer(x)
        h = F.relu(x).sum([2, 3])
        linear, embed = (self.linear1, self.embedding) if self.studio else (self.linear, self.embed)
        return linear(h).flatten() + (embed(y) * h).sum(1)


def attention(system, c):
    if system == "studio":
        return StudioAttention(c)
    return Attention(c, lambda i, o: Layers(True).conv(i, o, 1, bias=False))


def deep_generator(system, widths, attended, latent, shared, convolved=False, z_first=False, depth=2, **output):
    studio, size = system == "studio", latent + shared
    layers = StudioLayers() if studio else Layers(True)
    eps = output.get("eps", 1e-5)
    project = lambda c: layers.linear(size, c, bias=False)
    norm = (lambda c: StudioNorm(c, size)) if studio else (lambda c: ConditionalBn(c, project, "bn", False, eps))
    stages = []
    for s, (i, o) in enumerate(zip(widths, widths[1:])):
        blocks = [DeepUp(i, o if d == depth - 1 else i, layers, norm, d == depth - 1, studio, convolved)
                  for d in range(depth)]
        stages.append((blocks, attention(system, o) if s == attended else None))

    def conditions(y, z):
        both = torch.cat([z, y] if z_first else [y, z], 1)
        return both, [both] * len(stages) * depth

    return Generator(system, stages, widths[0], widths[-1], size, 3, shared, conditions, **output)


def deep_discriminator(system, widths, halvings, attended, convolved=False, depth=2):
    studio = system == "studio"
    layers = StudioLayers() if studio else Layers(True)
    stages = []
    for s, (i, o) in enumerate(zip(widths, widths[1:])):
        blocks = [DeepDown(o if d else i, o, layers, d == 0 and s < halvings, studio, convolved) for d in range(depth)]
        stages.append((blocks, attention(system, o) if s == attended else None))
    return Discriminator(system, stages, widths[-1], stem=widths[0])


def studio_generator(widths, attended, part, shared):
    norm = lambda c: StudioNorm(c, shared + part)
    stages = [([Up(STUDIO, i, o, sn, norm, {})], StudioAttention(o) if s == attended else None)
              for s, (i, o) in enumerate(zip(widths, widths[1:]))]

    def conditions(y, z):
        parts = z.split(part, 1)
        return parts[0], [torch.cat([y, p], 1) for p in parts[1:]]

    return Generator("studio", stages, widths[0], widths[-1], part, 3, shared, conditions)


def studio_discriminator(widths, halvings, attended):
    stages = [([Down(STUDIO, i, o, o, sn, s == 0, s < halvings, True)], StudioAttention(o) if s == attended else None)
              for s, (i, o) in enumerate(zip(widths, widths[1:]))]
    return Discriminator("studio", stages, widths[-1])


def main():
    y, small, large = [2, 0], [2, 3, 32, 32], [2, 3, 64, 64]
    networks = {
        "deep generator": (deep_generator("pytorch", [16, 16, 8, 4, 2], 1, 5, 4), [2, 5]),
        "deep hub generator": (deep_generator("pytorch", [8] * 4, 1, 5, 4, z_first=True, maps=6, eps=1e-4), [2, 5]),
        "deep discriminator": (deep_discriminator("pytorch", [2, 4, 8, 16, 32], 4, 2), large),
        "studiogan generator": (studio_generator([8] * 4, 1, 2, 4), [2, 8]),
        "studiogan generator 64": (studio_generator([16, 8, 4, 2, 1], None, 2, 4), [2, 10]),
        "studiogan discriminator": (studio_discriminator([3, 8, 8, 8, 8], 2, 0), small),
        "studiogan deep generator": (deep_generator("studio", [32, 16, 8, 4, 2], 1, 5, 4), [2, 5]),
        "studiogan deep discriminator": (deep_discriminator("studio", [8] * 4, 2, 0), small),
        "studiogan convolved generator": (deep_generator("studio", [8] * 4, 1, 5, 4, convolved=True), [2, 5]),
        "studiogan convolved discriminator": (deep_discriminator("studio", [2, 8, 8, 8], 2, 0, convolved=True), small),
    }
    for name, (module, shape) in networks.items():
        network(name, module, shape, y, penalty="discriminator" in name)
        state = sorted(module.state_dict().items())
        golden[name]["shapes"] = [str(list(t.shape)) for _, t in state]
    write("biggan_deep.json", golden)


if __name__ == "__main__":
    main()
