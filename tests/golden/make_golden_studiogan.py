#!/usr/bin/env python3
"""Writes studiogan.json: the networks of PyTorch-StudioGAN's `resnet` and `deep_conv` at tiny widths, written anew in
PyTorch from their descriptions. Stored is what make_golden_biggan.py stores, with shapes besides names.
"""
import torch
import torch.nn.functional as F
from torch import nn

from excerpts import write
from make_golden_biggan import Down, Up, golden, network
from make_golden_biggan_deep import STUDIO, StudioAttention, sn


def plain(layer):
    return layer


def batch_norm(c, **options):
    return nn.BatchNorm2d(c, eps=1e-4, **options)


class OneHotNorm(nn.Module):
    """Gain and bias are linear in the class' one-hot vector."""

    def __init__(self, c, classes, wrap):
        super().__init__()
        self.classes, self.bn = classes, batch_norm(c, affine=False)
        self.gain, self.bias = wrap(nn.Linear(classes, c, bias=False)), wrap(nn.Linear(classes, c, bias=False))

    def forward(self, x, y):
        y = F.one_hot(y, self.classes).to(x.dtype)
        return self.bn(x) * (1 + self.gain(y))[:, :, None, None] + self.bias(y)[:, :, None, None]


def with_attention(blocks, attended, widths):
    """A list for each block, and one for the attention after the block of that number, from 1."""
    lists = [[block] for block in blocks]
    if attended:
        lists.insert(attended, [StudioAttention(widths[attended])])
    return nn.ModuleList(nn.ModuleList(one) for one in lists)


class Generator(nn.Module):
    def __init__(self, widths, classes=0, wrap=plain, attended=0):
        super().__init__()
        norm = (lambda c: OneHotNorm(c, classes, wrap)) if classes else batch_norm
        self.linear0 = wrap(nn.Linear(5, widths[0] * 16))
        blocks = [Up(STUDIO, i, o, wrap, norm, {}) for i, o in zip(widths, widths[1:])]
        self.blocks = with_attention(blocks, attended, widths)
        self.bn4, self.conv2d5 = batch_norm(widths[-1]), wrap(nn.Conv2d(widths[-1], 3, 3, padding=1))

    def forward(self, z, y=None):
        x = self.linear0(z).reshape(len(z), -1, 4, 4)
        for (layer,) in self.blocks:
            x = layer(x, y) if isinstance(layer, Up) else layer(x)
        return torch.tanh(self.conv2d5(F.relu(self.bn4(x))))


class NormedDown(nn.Module):
    """The block of a discriminator without spectral norm."""

    def __init__(self, i, o, first, down):
        super().__init__()
        self.first, self.down = first, down
        self.conv2d1, self.conv2d2 = nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)
        self.bn1 = batch_norm(o if first else i)
        if not first:
            self.bn2 = batch_norm(o)
        if down or i != o:
            self.conv2d0, self.bn0 = nn.Conv2d(i, o, 1), batch_norm(i)

    def forward(self, x):
        pool = (lambda h: F.avg_pool2d(h, 2)) if self.down else lambda h: h
        if self.first:
            h = F.relu(self.bn1(self.conv2d1(x)))
            return pool(self.conv2d2(h)) + self.conv2d0(self.bn0(pool(x)))
        h = self.conv2d1(F.relu(self.bn1(x)))
        h = pool(self.conv2d2(F.relu(self.bn2(h))))
        return h + (pool(self.conv2d0(self.bn0(x))) if hasattr(self, "conv2d0") else x)


class Discriminator(nn.Module):
    def __init__(self, widths, halvings, classes=0, wrap=plain, attended=0):
        super().__init__()
        block = lambda s, i, o: (NormedDown(i, o, s == 0, s < halvings) if wrap is plain else
                                 Down(STUDIO, i, o, o, wrap, s == 0, s < halvings, True))
        blocks = [block(s, i, o) for s, (i, o) in enumerate(zip(widths, widths[1:]))]
        self.blocks = with_attention(blocks, attended, widths)
        self.linear1 = wrap(nn.Linear(widths[-1], 1))
        if classes:
            self.embedding = wrap(nn.Embedding(classes, widths[-1]))

    def forward(self, x, y=None):
        for (layer,) in self.blocks:
            x = layer(x)
        h = F.relu(x).sum([2, 3])
        logits = self.linear1(h).flatten()
        return logits if y is None else logits + (self.embedding(y) * h).sum(1)


# --- deep_conv ---


def joined(*layers):
    """Layers in a list of their own, under these names, one after the other."""
    block = nn.Sequential()
    for name, layer in layers:
        block.add_module(name, layer)
    return nn.ModuleList([block])


class DcganGenerator(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.linear0 = nn.Linear(5, widths[0] * 16)
        self.blocks = nn.ModuleList(joined(("deconv0", nn.ConvTranspose2d(i, o, 4, 2, 1)), ("bn0", batch_norm(o)))
                                    for i, o in zip(widths, widths[1:]))
        self.conv4 = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, z):
        x = self.linear0(z).reshape(len(z), -1, 4, 4)
        for (block,) in self.blocks:
            x = F.relu(block(x))
        return torch.tanh(self.conv4(x))


class DcganDiscriminator(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.blocks = nn.ModuleList(joined(("conv0", nn.Conv2d(i, o, 3, 1, 1)), ("bn0", batch_norm(o)),
                                           ("relu", nn.ReLU()), ("conv1", nn.Conv2d(o, o, 4, 2, 1)),
                                           ("bn1", batch_norm(o)), ("last", nn.ReLU()))
                                    for i, o in zip(widths, widths[1:-1]))
        self.conv1, self.bn1 = nn.Conv2d(widths[-2], widths[-1], 3, padding=1), batch_norm(widths[-1])
        self.linear1 = nn.Linear(widths[-1], 1)

    def forward(self, x):
        for (block,) in self.blocks:
            x = block(x)
        return self.linear1(F.relu(self.bn1(self.conv1(x))).sum([2, 3])).flatten()


def main():
    y, small, large = [2, 0], [2, 3, 32, 32], [2, 3, 64, 64]
    at_32, at_64 = [3, 8, 8, 8, 8], [3, 1, 2, 4, 8, 16]
    networks = {
        "wgan-gp generator": (Generator([4] * 4), [2, 5], None),
        "wgan-gp discriminator": (Discriminator([3] + [4] * 4, 2), small, None),
        "pd-gan discriminator 64": (Discriminator(at_64, 4, 3), large, y),
        "sngan generator 64": (Generator([16, 8, 4, 2, 1], 3), [2, 5], y),
        "sngan discriminator 64": (Discriminator(at_64, 4, 3, sn), large, y),
        "sagan generator": (Generator([8] * 4, 3, sn, 2), [2, 5], y),
        "sagan discriminator": (Discriminator(at_32, 2, 3, sn, 1), small, y),
        "dcgan generator": (DcganGenerator([16, 8, 4, 2]), [2, 5], None),
        "dcgan discriminator": (DcganDiscriminator([3, 2, 4, 8, 16]), small, None),
    }
    for name, (module, shape, labels) in networks.items():
        network(name, module, shape, labels, penalty="discriminator" in name)
        state = sorted(module.state_dict().items())
        golden[name]["shapes"] = [str(list(t.shape)) for _, t in state]
    write("studiogan.json", golden)


if __name__ == "__main__":
    main()
