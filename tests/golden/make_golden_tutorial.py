#!/usr/bin/env python3
"""Writes tutorial.json: the auto-encoders, and fastai's gan_critic and U-Net on residual encoders, at tiny widths,
written anew in PyTorch from their descriptions.

Like make_golden_biggan.py, with whose `network` it makes them; besides names it stores shapes.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm, weight_norm

import make_golden_biggan
from excerpts import write
from make_golden_biggan import golden
from make_golden_nn import Rng, numbers


def network(name, module, shape, penalty=False):
    make_golden_biggan.network(name, module, shape, penalty=penalty)
    golden[name]["shapes"] = [str(list(t.shape)) for _, t in sorted(module.state_dict().items())]


# --- auto-encoders ---


def drawn(shape):
    return Rng(9).normal(tuple(shape), np.float64)


class Autoencoder(nn.Module):
    def __init__(self, pixels, widths, code, end, noise):
        super().__init__()
        sizes = [pixels, *widths, code]
        line = lambda sizes: [l for i, o in zip(sizes, sizes[1:]) for l in (nn.Linear(i, o), nn.ReLU())][:-1]
        self.encoder, self.decoder = nn.Sequential(*line(sizes)), nn.Sequential(*line(sizes[::-1]), end)
        self.noise = noise

    def forward(self, x):
        given = x + self.noise * drawn(x.shape) if self.training and self.noise else x
        return self.decoder(self.encoder(given.flatten(1))).reshape(x.shape)


class Vae(nn.Module):
    def __init__(self, pixels, width, code, bernoulli, beta):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, width), nn.ReLU())
        self.mu, self.log_var = nn.Linear(width, code), nn.Linear(width, code)
        self.decoder = nn.Sequential(nn.Linear(code, width), nn.ReLU(), nn.Linear(width, pixels),
                                     nn.Sigmoid() if bernoulli else nn.Tanh())
        self.bernoulli, self.beta = bernoulli, beta

    def forward(self, x):
        """The loss, if a beta was given; else the pictures."""
        hidden = self.encoder(x.flatten(1))
        mu, log_var = self.mu(hidden), self.log_var(hidden)
        z = mu + torch.exp(0.5 * log_var) * drawn(mu.shape) if self.training else mu
        y = self.decoder(z).reshape(x.shape)
        if self.beta is None:
            return y
        target = (x + 1) / 2 if self.bernoulli else x
        of_pixels = F.binary_cross_entropy(y, target, reduction="sum") if self.bernoulli else (y - x).square().sum() / 2
        kl = -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum()
        return (of_pixels + self.beta * kl) / len(x)


# --- fastai ---


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        conv = lambda out: nn.Sequential(spectral_norm(nn.Conv1d(c, out, 1, bias=False)))
        self.query, self.key, self.value = conv(c // 8), conv(c // 8), conv(c)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        line = x.flatten(2)
        beta = F.softmax(self.query(line).transpose(1, 2) @ self.key(line), 1)
        return (self.gamma * (self.value(line) @ beta) + line).reshape(x.shape)


def conv_layer(i, o, k=3, stride=1, padding=None, norm="none", slope=0.0, bias=True, attention=False):
    conv = nn.Conv2d(i, o, k, stride, (k - 1) // 2 if padding is None else padding,
                     bias=bias and norm not in ("batch", "instance"))
    conv = {"weight": weight_norm, "spectral": spectral_norm}.get(norm, lambda c: c)(conv)
    after = {"batch": [nn.BatchNorm2d(o)], "instance": [nn.InstanceNorm2d(o, affine=True)]}.get(norm, [])
    act = [] if slope is None else [nn.LeakyReLU(slope)]
    return nn.Sequential(conv, *after, *act, *([Attention(o)] if attention else []))


class Dense(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return torch.cat([self.layers(x), x], 1)


def critic(w, blocks):
    """Without its dropout, whose place in the list is kept."""
    how = dict(norm="spectral", slope=0.2)
    layers = [conv_layer(3, w, 4, 2, 1, **how), nn.Identity(), Dense(conv_layer(w, w, **how), conv_layer(w, w, **how))]
    for i in range(blocks):
        w *= 2
        layers += [nn.Identity(), conv_layer(w, 2 * w, 4, 2, 1, attention=i == 0, **how)]
    return nn.Sequential(*layers, conv_layer(2 * w, 1, 4, 1, 0, "spectral", None, False), nn.Flatten())


class ResnetBlock(nn.Module):
    def __init__(self, i, w, stride, bottleneck):
        super().__init__()
        o = 4 * w if bottleneck else w
        plan = [(i, w, 1, 1), (w, w, 3, stride), (w, o, 1, 1)] if bottleneck else [(i, w, 3, stride), (w, w, 3, 1)]
        self.count = len(plan)
        for n, (a, b, k, s) in enumerate(plan, 1):
            self.add_module(f"conv{n}", nn.Conv2d(a, b, k, s, k // 2, bias=False))
            self.add_module(f"bn{n}", nn.BatchNorm2d(b))
        self.downsample = nn.Sequential()
        if stride > 1 or i != o:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = x
        for n in range(1, self.count + 1):
            y = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(y))
            y = F.relu(y) if n < self.count else y
        return F.relu(y + self.downsample(x))


def resnet(w, blocks, bottleneck=False):
    layers = [nn.Conv2d(3, w, 7, 2, 3, bias=False), nn.BatchNorm2d(w), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    i = w
    for stage, count in enumerate(blocks):
        line = []
        for n in range(count):
            line.append(ResnetBlock(i, w, 2 if stage and not n else 1, bottleneck))
            i = 4 * w if bottleneck else w
        layers.append(nn.Sequential(*line))
        w *= 2
    return layers


def plain_encoder():
    return [nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1)]


class UnetBlock(nn.Module):
    def __init__(self, i, skip, o, blur, attention, norm, slope):
        super().__init__()
        self.shuf = shuffle(i, i // 2, blur, norm, slope)
        self.bn, self.slope = nn.BatchNorm2d(skip), slope
        how = dict(norm=norm, slope=slope)
        self.conv1, self.conv2 = conv_layer(i // 2 + skip, o, **how), conv_layer(o, o, attention=attention, **how)

    def forward(self, x, skip):
        up = F.interpolate(self.shuf(x), skip.shape[2:])
        return self.conv2(self.conv1(F.leaky_relu(torch.cat([up, self.bn(skip)], 1), self.slope)))


def shuffle(i, o, blur, norm, slope):
    end = [nn.ReplicationPad2d((1, 0, 1, 0)), nn.AvgPool2d(2, 1)] if blur else []
    return nn.Sequential(conv_layer(i, 4 * o, 1, norm=norm, slope=slope), nn.PixelShuffle(2), *end)


class Residual(nn.Module):
    def __init__(self, w, inner, norm, slope):
        super().__init__()
        self.convpath = nn.Sequential(conv_layer(w, inner, norm=norm, slope=slope),
                                      conv_layer(inner, w, norm=norm, slope=None))
        self.slope = slope

    def forward(self, x):
        return F.leaky_relu(self.convpath(x) + x, self.slope)


class Unet(nn.Module):
    def __init__(self, encoder, out, norm="none", blur=(), attention=False, cross=True, inner=lambda w: w, span=None,
                 slope=0.0):
        """blur: of each block, from the smallest; none are blurred if it is empty."""
        super().__init__()
        self.span, self.cross, self.skips = span, cross, []
        x, sizes = torch.zeros(2, 3, 32, 32), []
        for layer in encoder:
            x = layer(x)
            sizes.append(x.shape)
        self.skips = [i for i in range(len(sizes) - 1) if sizes[i][3] != sizes[i + 1][3]][::-1]
        w, count = sizes[-1][1], len(self.skips)
        middle = nn.Sequential(conv_layer(w, 2 * w, norm=norm, slope=slope),
                               conv_layer(2 * w, w, norm=norm, slope=slope))
        layers = [nn.Sequential(*encoder), nn.BatchNorm2d(w), nn.ReLU(), middle]
        for n, i in enumerate(self.skips):
            last, skip = n == count - 1, sizes[i][1]
            o = (w // 2 + skip) // (2 if last else 1)
            layers.append(UnetBlock(w, skip, o, bool(blur) and blur[n], attention and n == count - 3, norm, slope))
            w = o
        if sizes[0][3] != 32:
            layers.append(shuffle(w, w, False, norm, slope))
        self.resize = len(layers)
        layers.append(nn.Identity())
        if cross:
            layers += [nn.Identity(), Residual(w + 3, inner(w + 3), norm, slope)]
        layers.append(conv_layer(w + 3 * cross, out, 1, norm=norm, slope=None))
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        maps, y = [], x
        for layer in self.layers[0]:
            y = layer(y)
            maps.append(y)
        for n, layer in enumerate(list(self.layers)[1:], 1):
            if isinstance(layer, UnetBlock):
                y = layer(y, maps[self.skips[n - 4]])
            elif n == self.resize:
                y = F.interpolate(y, x.shape[2:])
            elif self.cross and n == self.resize + 1:
                y = torch.cat([y, x], 1)
            else:
                y = layer(y)
        return y if self.span is None else torch.sigmoid(y) * (self.span[1] - self.span[0]) + self.span[0]


def main():
    network("autoencoder", Autoencoder(24, [7, 5], 3, nn.Tanh(), 0), [3, 2, 3, 4])
    network("denoising autoencoder", Autoencoder(24, [], 30, nn.Sigmoid(), 0.5), [3, 2, 3, 4])
    network("vae", Vae(24, 7, 4, False, None), [3, 2, 3, 4])
    network("vae loss", Vae(24, 7, 4, False, 0.5), [3, 2, 3, 4])
    network("vae bernoulli loss", Vae(24, 7, 4, True, 1.0), [3, 2, 3, 4])
    network("gan_critic", critic(4, 2), [2, 3, 32, 40], penalty=True)
    network("unet", Unet(resnet(4, [1, 2, 1, 1]), 2), [2, 3, 40, 36])
    network("unet weight", Unet(resnet(8, [1, 1, 1]), 3, "weight", [1, 1, 1], True, span=(-3, 2)), [2, 3, 32, 24])
    network("unet batch", Unet(resnet(2, [1, 1], True), 3, "batch", [1, 0], inner=lambda w: w // 2, slope=0.2),
            [2, 3, 16, 24])
    network("unet instance", Unet(plain_encoder(), 3, "instance", cross=False), [2, 3, 12, 10], penalty=True)
    network("unet spectral", Unet(plain_encoder(), 3, "spectral"), [1, 3, 11, 10])
    write("tutorial.json", golden)


if __name__ == "__main__":
    main()
