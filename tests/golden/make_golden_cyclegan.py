#!/usr/bin/env python3
"""Writes cyclegan.json: the networks of pytorch-CycleGAN-and-pix2pix, R3GAN, Ganzo, the standard DCGAN and the
tutorials at tiny widths, written anew in PyTorch from their descriptions.

Inputs and parameters come from seeds, as in make_golden_nn.py, whose random numbers it shares; `set_parameters` is
what the tests' function of that name does. Stored are names, samples of the larger tensors, and of each gradient
one number: its inner product with random numbers.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

from excerpts import digests, packed, sample, write
from make_golden_nn import numbers

golden = {}


def set_parameters(module):
    """Numbers in [-1, 1), those of matrices and kernels times 2 / sqrt(elements per row), in the order of the names."""
    with torch.no_grad():
        for i, (name, p) in enumerate(sorted(module.named_parameters())):
            scale = 1 if p.dim() == 1 else 2 / math.sqrt(p.numel() / p.shape[0])
            p.copy_(numbers(p.shape, 1 + i) * scale)
    return module


def network(name, module, shape, labels=None, penalty=False):
    set_parameters(module)
    extra = [] if labels is None else [torch.tensor(labels)]
    x = numbers(shape, 100).requires_grad_()
    y = module(x, *extra)
    parameters = [p for _, p in sorted(module.named_parameters())]
    zeros = dict(allow_unused=True, materialize_grads=True)
    grads = torch.autograd.grad((y * numbers(y.shape, 200)).sum(), [x] + parameters, **zeros)
    result = {"y": sample(y), "dx": sample(grads[0]), "grads": digests(grads[1:], 300)}
    buffers = [b for n, b in sorted(module.named_buffers()) if "running" in n]
    if buffers:
        result |= {"running": digests(buffers, 500), "eval": sample(module.eval()(x, *extra))}
        module.train()
    if penalty:
        r1 = torch.autograd.grad(module(x, *extra).sum(), x, create_graph=True)[0].square().sum()
        result |= {"r1": r1, "r1_grads": digests(torch.autograd.grad(r1, parameters, **zeros), 700)}
    golden[name] = {k: packed(v) for k, v in result.items()} | {"state": sorted(module.state_dict())}


# --- pytorch-CycleGAN-and-pix2pix ---


def norm_layer(kind, c):
    return {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "none": lambda c: nn.Identity()}[kind](c)


class Block(nn.Module):
    def __init__(self, c, norm, padding):
        super().__init__()
        pads = {"reflect": [nn.ReflectionPad2d(1)], "replicate": [nn.ReplicationPad2d(1)], "zeros": []}[padding]
        conv = lambda: nn.Conv2d(c, c, 3, padding=0 if pads else 1, bias=norm == "instance")
        half = lambda: [*pads, conv(), norm_layer(norm, c)]
        self.conv_block = nn.Sequential(*half(), nn.ReLU(), *half())

    def forward(self, x):
        return x + self.conv_block(x)


class Resnet(nn.Module):
    def __init__(self, cin, cout, w, blocks, norm, padding):
        super().__init__()
        bias = norm == "instance"
        after = lambda c: [norm_layer(norm, c), nn.ReLU()]
        down = lambda c: [nn.Conv2d(c, 2 * c, 3, 2, 1, bias=bias), *after(2 * c)]
        up = lambda c: [nn.ConvTranspose2d(c, c // 2, 3, 2, 1, output_padding=1, bias=bias), *after(c // 2)]
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(cin, w, 7, bias=bias), *after(w), *down(w), *down(2 * w),
            *[Block(4 * w, norm, padding) for _ in range(blocks)], *up(4 * w), *up(2 * w),
            nn.ReflectionPad2d(3), nn.Conv2d(w, cout, 7), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class Level(nn.Module):
    def __init__(self, outside, inside, norm, cin=None, inner=None):
        super().__init__()
        outermost, bias = cin is not None, norm == "instance"
        down = nn.Conv2d(cin or outside, inside, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(inside * (2 if inner else 1), outside, 4, 2, 1, bias=bias or outermost)
        self.skip = not outermost
        if outermost:
            layers = [down, inner, nn.ReLU(), up, nn.Tanh()]
        elif inner:
            layers = [nn.LeakyReLU(0.2), down, norm_layer(norm, inside), inner, nn.ReLU(), up,
                      norm_layer(norm, outside)]
        else:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm_layer(norm, outside)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return torch.cat([x, self.model(x)], 1) if self.skip else self.model(x)


class Unet(nn.Module):
    def __init__(self, cin, cout, halvings, w, norm):
        super().__init__()
        widths = [cout] + [w * min(8, 2**i) for i in range(halvings)]
        level = None
        for depth in range(halvings, 0, -1):
            level = Level(widths[depth - 1], widths[depth], norm, cin if depth == 1 else None, level)
        self.model = level

    def forward(self, x):
        return self.model(x)


class Patch(nn.Module):
    def __init__(self, cin, w, n, norm):
        super().__init__()
        layers, c = [nn.Conv2d(cin, w, 4, 2, 1), nn.LeakyReLU(0.2)], w
        for i in range(1, n + 1):
            wider = w * min(8, 2**i)
            layers += [nn.Conv2d(c, wider, 4, 2 if i < n else 1, 1, bias=norm == "instance"), norm_layer(norm, wider),
                       nn.LeakyReLU(0.2)]
            c = wider
        self.model = nn.Sequential(*layers, nn.Conv2d(c, 1, 4, 1, 1))

    def forward(self, x):
        return self.model(x)


class Pixel(nn.Module):
    def __init__(self, cin, w, norm):
        super().__init__()
        bias = norm == "instance"
        self.net = nn.Sequential(nn.Conv2d(cin, w, 1), nn.LeakyReLU(0.2), nn.Conv2d(w, 2 * w, 1, bias=bias),
                                 norm_layer(norm, 2 * w), nn.LeakyReLU(0.2), nn.Conv2d(2 * w, 1, 1, bias=bias))

    def forward(self, x):
        return self.net(x)


# --- the standard DCGAN and the tutorials ---


class Main(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, x):
        return self.main(x[:, :, None, None] if x.dim() == 2 else x)


def dcgan_generator():
    up = lambda i, o, k, s, p: [nn.ConvTranspose2d(i, o, k, s, p, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
    return Main(*up(5, 4, 4, 1, 0), *up(4, 2, 4, 2, 1),
                nn.ConvTranspose2d(2, 3, 4, 2, 1, bias=False), nn.Tanh())


def dcgan_discriminator():
    return Main(nn.Conv2d(3, 2, 4, 2, 1, bias=False), nn.LeakyReLU(0.2), nn.Conv2d(2, 4, 4, 2, 1, bias=False),
                nn.BatchNorm2d(4), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 4, bias=False), nn.Flatten(0))


def basic_generator():
    conv = lambda *sizes: nn.ConvTranspose2d(*sizes, bias=False)
    up = lambda i, o, k, s, p: nn.Sequential(conv(i, o, k, s, p), nn.BatchNorm2d(o), nn.ReLU())
    return nn.Sequential(nn.Unflatten(1, (5, 1, 1)), up(5, 4, 4, 1, 0), up(4, 2, 4, 2, 1), up(2, 2, 3, 1, 1),
                         nn.ConvTranspose2d(2, 3, 4, 2, 1, bias=False), nn.Tanh())


def basic_critic():
    conv = lambda i, o, k, s: nn.Sequential(nn.Conv2d(i, o, k, s, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2))
    return nn.Sequential(nn.Sequential(nn.Conv2d(3, 2, 4, 2, 1), nn.LeakyReLU(0.2)), conv(2, 2, 3, 1), conv(2, 4, 4, 2),
                         nn.Conv2d(4, 1, 4), nn.Flatten(0))


class Mlp(nn.Module):
    def __init__(self, classes, *layers):
        super().__init__()
        self.classes, self.model = classes, nn.Sequential(*layers)

    def forward(self, x, labels=None):
        x = x.flatten(1)
        return self.model(torch.cat([x, F.one_hot(labels, self.classes).to(x.dtype)], 1) if self.classes else x)


def mlp_generator(classes):
    return Mlp(classes, nn.Linear(4 + classes, 5), nn.LeakyReLU(0.2), nn.Linear(5, 6), nn.BatchNorm1d(6, 0.8),
               nn.LeakyReLU(0.2), nn.Linear(6, 2 * 3 * 4), nn.Tanh(), nn.Unflatten(1, (2, 3, 4)))


def mlp_discriminator(classes):
    return Mlp(classes, nn.Linear(24 + classes, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1), nn.Sigmoid(), nn.Flatten(0))


class TutorialGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 16 * 16)
        self.conv = nn.Sequential(nn.ConvTranspose2d(16, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(),
                                  nn.ConvTranspose2d(8, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(),
                                  nn.ConvTranspose2d(4, 1, 4, 2, 2), nn.Tanh())

    def forward(self, x):
        return self.conv(self.linear(x).reshape(-1, 16, 4, 4))


class TutorialDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        act = lambda: nn.LeakyReLU(0.2)
        self.conv = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), act(), nn.Conv2d(1, 2, 3, 2, 1), nn.BatchNorm2d(2), act(),
                                  nn.Conv2d(2, 4, 3, 2, 1), nn.BatchNorm2d(4), act(), nn.Conv2d(4, 8, 4),
                                  nn.BatchNorm2d(8), act())
        self.linear = nn.Linear(8, 1)

    def forward(self, x):
        return self.linear(self.conv(x).flatten(1)).flatten()


# --- R3GAN ---


def holder(**children):
    """A module that only gives names to others."""
    module = nn.Module()
    for name, child in children.items():
        setattr(module, name, child)
    return module


def pointwise(i, o, k=1, groups=1):
    return holder(Layer=nn.Conv2d(i, o, k, padding=k // 2, groups=groups, bias=False))


class R3Block(nn.Module):
    def __init__(self, w, group):
        super().__init__()
        wide = 2 * w
        self.LinearLayer1, self.LinearLayer3 = pointwise(w, wide), pointwise(wide, w)
        self.LinearLayer2 = pointwise(wide, wide, 3, wide // group)
        self.NonLinearity1 = nn.ParameterDict({"Bias": torch.zeros(wide)})
        self.NonLinearity2 = nn.ParameterDict({"Bias": torch.zeros(wide)})

    def forward(self, x):
        act = lambda y, bias: F.leaky_relu(y + bias["Bias"][:, None, None], 0.2)
        y = act(self.LinearLayer1.Layer(x), self.NonLinearity1)
        return x + self.LinearLayer3.Layer(act(self.LinearLayer2.Layer(y), self.NonLinearity2))


class R3Resample(nn.Module):
    def __init__(self, i, o, up):
        super().__init__()
        line = torch.tensor([1.0, 3, 3, 1]) / 8  # [1, 2, 1] * [1, 1]
        self.up, self.Resampler = up, nn.Module()
        self.Resampler.register_buffer("Kernel", line[:, None] * line)
        if i != o:
            self.LinearLayer = pointwise(i, o)

    def forward(self, x):
        linear = self.LinearLayer.Layer if hasattr(self, "LinearLayer") else nn.Identity()
        x = linear(x) if self.up else x
        c = x.shape[1]
        kernel = self.Resampler.Kernel.expand(c, 1, 4, 4)
        if self.up:
            return F.conv_transpose2d(x, 4 * kernel, stride=2, padding=1, groups=c)
        return linear(F.conv2d(x, kernel, stride=2, padding=1, groups=c))


class R3From(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.Basis, self.LinearLayer = nn.Parameter(torch.zeros(o, 4, 4)), nn.Linear(i, o, bias=False)

    def forward(self, z):
        return self.Basis * self.LinearLayer(z)[:, :, None, None]


class R3To(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.Basis, self.LinearLayer = nn.Conv2d(i, i, 4, groups=i, bias=False), nn.Linear(i, o, bias=False)

    def forward(self, x):
        return self.LinearLayer(self.Basis(x).flatten(1))


class R3Generator(nn.Module):
    def __init__(self, widths, group, latent, classes):
        super().__init__()
        stages = [[R3From(latent * (2 if classes else 1), widths[0])]]
        stages += [[R3Resample(i, o, True)] for i, o in zip(widths, widths[1:])]
        stages = [s + [R3Block(w, group) for _ in range(2)] for s, w in zip(stages, widths)]
        self.MainLayers = nn.ModuleList(holder(Layers=nn.Sequential(*s)) for s in stages)
        self.AggregationLayer = pointwise(widths[-1], 3)
        if classes:
            self.EmbeddingLayer = nn.Linear(classes, latent, bias=False)

    def forward(self, x, labels=None):
        if labels is not None:
            x = torch.cat([x, self.EmbeddingLayer.weight.t()[labels]], 1)
        for stage in self.MainLayers:
            x = stage.Layers(x)
        return self.AggregationLayer.Layer(x)


class R3Discriminator(nn.Module):
    def __init__(self, widths, group, classes):
        super().__init__()
        down = widths[::-1]
        ends = [R3Resample(i, o, False) for i, o in zip(down, down[1:])] + [R3To(down[-1], down[-1] if classes else 1)]
        self.MainLayers = nn.ModuleList(
            holder(Layers=nn.Sequential(*[R3Block(w, group) for _ in range(2)], end)) for w, end in zip(down, ends))
        self.ExtractionLayer = pointwise(3, down[0])
        if classes:
            self.EmbeddingLayer = nn.Linear(classes, widths[0], bias=False)

    def forward(self, x, labels=None):
        x = self.ExtractionLayer.Layer(x)
        for stage in self.MainLayers:
            x = stage.Layers(x)
        return x.flatten() if labels is None else (x * self.EmbeddingLayer.weight.t()[labels]).sum(1)


# --- Ganzo ---


class GanzoFc(nn.Module):
    def __init__(self, sizes, end):
        super().__init__()
        self.count, self.end = len(sizes) - 1, end
        for i in range(self.count):
            self.add_module(f"linear_{i}", nn.Linear(sizes[i], sizes[i + 1]))

    def forward(self, x):
        x = x.flatten(1)
        for i in range(self.count):
            x = getattr(self, f"linear_{i}")(x if i == 0 else F.leaky_relu(x, 0.2))
        return self.end(x)


class GanzoConv(nn.Module):
    def __init__(self, convs, act, end):
        super().__init__()
        self.count, self.act, self.end = len(convs), act, end
        for i, conv in enumerate(convs):
            self.add_module(f"conv_{i}", conv)
            if i + 1 < self.count:
                self.add_module(f"batch_norm_{i}", nn.BatchNorm2d(conv.out_channels))

    def forward(self, x):
        for i in range(self.count - 1):
            x = self.act(getattr(self, f"batch_norm_{i}")(getattr(self, f"conv_{i}")(x)))
        return self.end(getattr(self, f"conv_{self.count - 1}")(x))


def ganzo_conv_generator():
    convs = [nn.ConvTranspose2d(5, 4, 4), nn.ConvTranspose2d(4, 2, 4, 2, 1), nn.ConvTranspose2d(2, 3, 4, 2, 1)]
    net = GanzoConv(convs, F.relu, torch.tanh)
    net.register_forward_pre_hook(lambda _, x: (x[0][:, :, None, None],))
    return net


class GanzoUp(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.batch_norm1, self.batch_norm2 = nn.BatchNorm2d(i), nn.BatchNorm2d(o)
        self.shortcut = holder(conv=nn.Conv2d(i, o, 1))
        self.upsample_conv = holder(conv=nn.Conv2d(i, o, 3, padding=1, bias=False))
        self.conv = nn.Conv2d(o, o, 3, padding=1)

    def forward(self, x):
        up = nn.Upsample(scale_factor=2)
        y = self.upsample_conv.conv(up(F.relu(self.batch_norm1(x))))
        return self.shortcut.conv(up(x)) + self.conv(F.relu(self.batch_norm2(y)))


class GanzoDown(nn.Module):
    def __init__(self, i, o, side):
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm([i, side, side]), nn.LayerNorm([i, side, side])
        self.shortcut, self.conv_mean_pool = holder(conv=nn.Conv2d(i, o, 1)), holder(conv=nn.Conv2d(i, o, 3, padding=1))
        self.conv = nn.Conv2d(i, i, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv(F.relu(self.layer_norm1(x)))
        y = self.conv_mean_pool.conv(F.relu(self.layer_norm2(y)))
        return self.shortcut.conv(F.avg_pool2d(x, 2)) + F.avg_pool2d(y, 2)


class GanzoGood(nn.Module):
    def __init__(self, w, latent):
        super().__init__()
        self.fc = nn.Linear(latent, 8 * w)
        for i, (a, b) in enumerate(((8, 8), (8, 4), (4, 2), (2, 1))):
            self.add_module(f"rb{i + 1}", GanzoUp(a * w, b * w))
        self.batch_norm, self.conv = nn.BatchNorm2d(w), nn.Conv2d(w, 3, 3, padding=1)

    def forward(self, z):
        x = self.fc(z)[:, :, None, None]
        for block in (self.rb1, self.rb2, self.rb3, self.rb4):
            x = block(x)
        return torch.tanh(self.conv(F.relu(self.batch_norm(x))))


class GanzoGoodCritic(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.conv = nn.Conv2d(3, w, 3, padding=1)
        for i, (a, b) in enumerate(((1, 2), (2, 4), (4, 8), (8, 8))):
            self.add_module(f"rb{i + 1}", GanzoDown(a * w, b * w, 16 >> i))
        self.fc = nn.Linear(8 * w, 1)

    def forward(self, x):
        x = self.conv(x)
        for block in (self.rb1, self.rb2, self.rb3, self.rb4):
            x = block(x)
        return self.fc(x.flatten(1)).flatten()


class GanzoUGen(nn.Module):
    def __init__(self, w, layers):
        super().__init__()
        self.count, self.conv_in = layers, nn.Conv2d(3, w, 4, 2, 1)
        self.deconv_out = nn.ConvTranspose2d(2 * w, 3, 4, 2, 1)
        for i in range(layers):
            c = w * 2**i
            self.add_module(f"conv_{i}", nn.Conv2d(c, 2 * c, 4, 2, 1))
            self.add_module(f"bn_{i}", nn.BatchNorm2d(2 * c))
            self.add_module(f"deconv_{i}", nn.ConvTranspose2d(4 * c, c, 4, 2, 1))
            self.add_module(f"debn_{i}", nn.BatchNorm2d(c))

    def forward(self, x):
        at = lambda name, i: getattr(self, f"{name}_{i}")
        first = x = self.conv_in(x)
        down = []
        for i in range(self.count):
            x = at("conv", i)(F.leaky_relu(x, 0.2))
            x = at("bn", i)(x) if i < self.count - 1 else x
            down.append(x)
        for i in reversed(range(self.count)):
            x = at("debn", i)(at("deconv", i)(F.relu(torch.cat([x, down[i]], 1))))
        return torch.tanh(self.deconv_out(F.relu(torch.cat([x, first], 1))))


class GanzoPatch(nn.Module):
    def __init__(self, w):
        super().__init__()
        widths = [6, w, 2 * w, 4 * w, 8 * w]
        for i in range(4):
            self.add_module(f"conv{i + 1}", nn.Conv2d(widths[i], widths[i + 1], 4, 2, 1))
            if i:
                self.add_module(f"batch_norm{i + 1}", nn.BatchNorm2d(widths[i + 1]))
        self.conv5 = nn.Conv2d(8 * w, 1, 4)

    def forward(self, x):
        x = F.leaky_relu(self.conv1(x), 0.2)
        for i in (2, 3, 4):
            x = F.leaky_relu(getattr(self, f"batch_norm{i}")(getattr(self, f"conv{i}")(x)), 0.2)
        return torch.sigmoid(self.conv5(x)).mean([1, 2, 3])


def main():
    network("cyclegan instance reflect", Resnet(2, 3, 2, 2, "instance", "reflect"), [1, 2, 8, 12])
    network("cyclegan batch replicate", Resnet(1, 2, 2, 1, "batch", "replicate"), [2, 1, 12, 8])
    network("cyclegan none zeros", Resnet(1, 1, 1, 1, "none", "zeros"), [2, 1, 4, 4])
    network("pix2pix batch", Unet(2, 3, 5, 1, "batch"), [2, 2, 32, 64])
    network("pix2pix instance", Unet(1, 1, 6, 1, "instance"), [1, 1, 64, 64])
    network("patch instance", Patch(3, 2, 2, "instance"), [2, 3, 24, 18], penalty=True)
    network("patch batch", Patch(2, 1, 4, "batch"), [2, 2, 48, 64], penalty=True)
    network("pixel batch", Pixel(2, 3, "batch"), [2, 2, 3, 4], penalty=True)
    network("dcgan generator", dcgan_generator(), [3, 5])
    network("dcgan discriminator", dcgan_discriminator(), [2, 3, 16, 16], penalty=True)
    network("basic_generator", basic_generator(), [3, 5])
    network("basic_critic", basic_critic(), [2, 3, 16, 16], penalty=True)
    network("gan generator", mlp_generator(0), [3, 4])
    network("gan discriminator", mlp_discriminator(0), [3, 2, 3, 4], penalty=True)
    network("cgan generator", mlp_generator(3), [3, 4], [2, 0, 1])
    network("cgan discriminator", mlp_discriminator(3), [3, 2, 3, 4], [2, 0, 1], penalty=True)
    network("tutorial dcgan generator", TutorialGenerator(), [2, 5])
    network("tutorial dcgan discriminator", TutorialDiscriminator(), [3, 1, 28, 28], penalty=True)
    network("r3gan generator", R3Generator([6, 6, 4], 4, 5, 0), [2, 5])
    network("r3gan discriminator", R3Discriminator([6, 6, 4], 4, 0), [2, 3, 16, 16], penalty=True)
    network("r3gan conditional generator", R3Generator([4, 2], 4, 3, 3), [3, 3], [2, 0, 2])
    network("r3gan conditional discriminator", R3Discriminator([4, 2], 4, 3), [3, 3, 8, 8], [2, 0, 2], penalty=True)
    network("ganzo fc generator", GanzoFc([3, 6, 16], lambda x: torch.tanh(x).reshape(-1, 1, 4, 4)), [2, 3])
    network("ganzo fc discriminator", GanzoFc([16, 6, 1], torch.flatten), [2, 1, 4, 4], penalty=True)
    network("ganzo conv generator", ganzo_conv_generator(), [3, 5])
    network("ganzo conv discriminator",
            GanzoConv([nn.Conv2d(3, 2, 4, 2, 1), nn.Conv2d(2, 4, 4, 2, 1), nn.Conv2d(4, 1, 4)],
                      lambda x: F.leaky_relu(x, 0.2), torch.flatten), [2, 3, 16, 16], penalty=True)
    network("ganzo good generator", GanzoGood(1, 4), [3, 4])
    network("ganzo good discriminator", GanzoGoodCritic(2), [2, 3, 16, 16], penalty=True)
    network("ganzo u-gen", GanzoUGen(2, 2), [2, 3, 8, 16])
    network("ganzo patch-gan", GanzoPatch(1), [2, 6, 64, 80], penalty=True)
    write("cyclegan.json", golden)


if __name__ == "__main__":
    main()
