#!/usr/bin/env python3
"""Writes biggan.json: the residual networks of BigGAN-PyTorch, mimicry and MMGeneration at tiny widths, written anew in
PyTorch from their descriptions.

Inputs, parameters and buffers come from seeds, as in make_golden_nn.py, whose random numbers it shares. Stored are names,
samples of the larger tensors, and of each gradient and buffer one number: its inner product with random numbers.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm

from excerpts import digests, packed, sample, write
from make_golden_nn import numbers

golden = {}


def set_state(module):
    """The tests' `set_state`: numbers in [-1, 1) for each name; scaled for matrices, positive for variances."""
    with torch.no_grad():
        for i, (name, t) in enumerate(sorted(module.state_dict().items())):
            if not t.is_floating_point() or name.endswith("counter"):
                continue
            scale = 1 if t.dim() < 2 else 2 / math.sqrt(t.numel() / t.shape[0])
            t.copy_(numbers(t.shape, 1 + i) * scale + (1.5 if name.endswith("var") else 0))
    return module


def network(name, module, shape, labels=None, penalty=False):
    set_state(module)
    y_of = lambda x: module(x) if labels is None else module(x, torch.tensor(labels))
    x = numbers(shape, 100).requires_grad_()
    y = y_of(x)
    parameters = [p for _, p in sorted(module.named_parameters())]
    grads = torch.autograd.grad((y * numbers(y.shape, 200)).sum(), [x] + parameters)
    buffers = [b for _, b in sorted(module.named_buffers()) if b.is_floating_point()]
    result = {"y": sample(y), "dx": sample(grads[0]), "grads": digests(grads[1:], 300)}
    if buffers:
        result["buffers"] = digests(buffers, 500)
    module.eval()
    result["eval"] = sample(y_of(x))
    module.train()
    if penalty:
        zeros = dict(allow_unused=True, materialize_grads=True)
        r1 = torch.autograd.grad(y_of(x).sum(), x, create_graph=True)[0].square().sum()
        result |= {"r1": r1, "r1_grads": digests(torch.autograd.grad(r1, parameters, **zeros), 700)}
    golden[name] = {k: packed(v) for k, v in result.items()} | {"state": sorted(module.state_dict())}


# --- BigGAN-PyTorch ---


class PowerIteration:
    """Its spectral norm: of every forward pass, stored in training only."""

    def follow(self, rows):
        self.register_buffer("u0", torch.zeros(1, rows))
        self.register_buffer("sv0", torch.zeros(1))
        return self

    def normal(self):
        w = self.weight.flatten(1)
        with torch.no_grad():
            v = F.normalize(self.u0 @ w, eps=1e-8)
            u = F.normalize(v @ w.t(), eps=1e-8)
        sigma = (v @ w.t() @ u.t()).squeeze()
        if self.training:
            self.u0.copy_(u)
            self.sv0.fill_(sigma.item())
        return self.weight / sigma


class SnConv(nn.Conv2d, PowerIteration):
    def forward(self, x):
        return F.conv2d(x, self.normal(), self.bias, padding=self.padding)


class SnLinear(nn.Linear, PowerIteration):
    def forward(self, x):
        return F.linear(x, self.normal(), self.bias)


class SnEmbedding(nn.Embedding, PowerIteration):
    def forward(self, labels):
        return F.embedding(labels, self.normal())


class Layers:
    """Convolutions and the like, normalised or not."""

    def __init__(self, normalised):
        self.normalised = normalised

    def conv(self, i, o, k=3, bias=True):
        kind = SnConv if self.normalised else nn.Conv2d
        return self.followed(kind(i, o, k, padding=k // 2, bias=bias))

    def linear(self, i, o, bias=True):
        return self.followed((SnLinear if self.normalised else nn.Linear)(i, o, bias=bias))

    def embedding(self, count, size):
        return self.followed((SnEmbedding if self.normalised else nn.Embedding)(count, size))

    def followed(self, layer):
        return layer.follow(layer.weight.shape[0]) if self.normalised else layer


class Attention(nn.Module):
    def __init__(self, c, conv):
        super().__init__()
        self.theta, self.phi, self.g = conv(c, c // 8), conv(c, c // 8), conv(c, c // 2)
        self.o, self.gamma = conv(c // 2, c), nn.Parameter(torch.zeros(()))

    def forward(self, x, y=None):
        keys, values = (F.max_pool2d(f(x), 2).flatten(2) for f in (self.phi, self.g))
        weights = torch.softmax(self.theta(x).flatten(2).transpose(1, 2) @ keys, -1)
        seen = (values @ weights.transpose(1, 2)).reshape(x.shape[0], -1, *x.shape[2:])
        return self.gamma * self.o(seen) + x


class OwnBn(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.register_buffer("stored_mean", torch.zeros(c))
        self.register_buffer("stored_var", torch.ones(c))
        self.register_buffer("accumulation_counter", torch.zeros(1))

    def forward(self, x):
        mean, var = self.stored_mean, self.stored_var
        if self.training:
            mean, var = x.mean([0, 2, 3]), x.var([0, 2, 3], unbiased=False)
            with torch.no_grad():
                self.stored_mean.lerp_(mean, 0.1)
                self.stored_var.lerp_(var, 0.1)
        return (x - mean[:, None, None]) * torch.rsqrt(var + self.eps)[:, None, None]


class Stored(nn.Module):
    """A norm without gain and bias, of one of the styles."""

    def __init__(self, c, style, own, eps):
        super().__init__()
        self.style, self.own, self.eps = style, own, eps
        if own:
            self.bn = OwnBn(c)
            self.bn.eps = eps
        elif style in ("bn", "in"):
            self.register_buffer("stored_mean", torch.zeros(c))
            self.register_buffer("stored_var", torch.ones(c))

    def normalised(self, x):
        if self.own:
            return self.bn(x)
        if self.style in ("bn", "in"):
            f = F.batch_norm if self.style == "bn" else F.instance_norm
            return f(x, self.stored_mean, self.stored_var, None, None, self.training, 0.1, self.eps)
        return F.group_norm(x, int(self.style)) if self.style else x


class ConditionalBn(Stored):
    def __init__(self, c, projection, *options):
        super().__init__(c, *options)
        self.gain, self.bias = projection(c), projection(c)

    def forward(self, x, y):
        return self.normalised(x) * (1 + self.gain(y))[:, :, None, None] + self.bias(y)[:, :, None, None]


class OutputBn(Stored):
    def __init__(self, c, own):
        super().__init__(c, "bn", own, 1e-5)
        self.gain, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))

    def forward(self, x):
        return self.normalised(x) * self.gain[:, None, None] + self.bias[:, None, None]


class BigganUp(nn.Module):
    def __init__(self, i, o, conv, bn, upsample):
        super().__init__()
        self.conv1, self.conv2 = conv(i, o), conv(o, o)
        self.bn1, self.bn2, self.upsample = bn(i), bn(o), upsample
        if upsample or i != o:
            self.conv_sc = conv(i, o, 1)

    def forward(self, x, y):
        up = (lambda h: F.interpolate(h, scale_factor=2)) if self.upsample else lambda h: h
        h = self.conv1(up(F.relu(self.bn1(x, y))))
        h = self.conv2(F.relu(self.bn2(h, y)))
        return h + (self.conv_sc(up(x)) if hasattr(self, "conv_sc") else x)


class BigganGenerator(nn.Module):
    """32 pixels, attention at 16."""

    def __init__(self, ch=2, classes=3, latent=5, shared=0, hier=False, style="bn", own=False, eps=1e-5, sn=True, depth=1):
        super().__init__()
        layers, c = Layers(sn), 4 * ch
        self.part = latent // 4 if hier else 0
        conv = lambda i, o, k=3: layers.conv(i, o, k)
        size = shared + self.part
        projection = (lambda c: layers.linear(size, c, bias=False)) if shared else (lambda c: nn.Embedding(classes, c))
        bn = lambda c: ConditionalBn(c, projection, style, own, eps)
        if shared:
            self.shared = nn.Embedding(classes, shared)
        self.linear = layers.linear(self.part or latent, c * 16)
        stages = [[BigganUp(c, c, conv, bn, d == depth - 1) for d in range(depth)] for _ in range(3)]
        stages[1].append(Attention(c, lambda i, o: layers.conv(i, o, 1, bias=False)))
        self.blocks = nn.ModuleList(nn.ModuleList(s) for s in stages)
        self.output_layer = nn.Sequential(OutputBn(c, own), nn.ReLU(), conv(c, 3))

    def forward(self, z, y=None):
        y = self.shared(y) if hasattr(self, "shared") else y
        z = z.split(self.part, 1) if self.part else [z]
        h = self.linear(z[0]).reshape(len(y), -1, 4, 4)
        for i, stage in enumerate(self.blocks):
            for block in stage:
                h = block(h, torch.cat([y, z[i + 1]], 1) if self.part else y)
        return torch.tanh(self.output_layer(h))


class BigganDown(nn.Module):
    def __init__(self, i, o, wide, conv, first, down):
        super().__init__()
        hidden = o if wide else i
        self.conv1, self.conv2, self.first, self.down = conv(i, hidden), conv(hidden, o), first, down
        if down or i != o:
            self.conv_sc = conv(i, o, 1)

    def forward(self, x):
        pool = (lambda h: F.avg_pool2d(h, 2)) if self.down else lambda h: h
        h = pool(self.conv2(F.relu(self.conv1(x if self.first else F.relu(x)))))
        if not hasattr(self, "conv_sc"):
            return h + x
        return h + (self.conv_sc(pool(x)) if self.first else pool(self.conv_sc(x)))


class BigganDiscriminator(nn.Module):
    def __init__(self, plan, attended, wide=True, sn=True, classes=3):
        """plan: feature maps in and out, and whether to downsample, of each block."""
        super().__init__()
        layers = Layers(sn)
        conv = lambda i, o, k=3: layers.conv(i, o, k)
        blocks = [[BigganDown(i, o, wide, conv, n == 0, down)] for n, (i, o, down) in enumerate(plan)]
        for place in attended:
            blocks[place].append(Attention(plan[place][1], lambda i, o: layers.conv(i, o, 1, bias=False)))
        self.blocks = nn.ModuleList(nn.ModuleList(b) for b in blocks)
        self.linear, self.embed = layers.linear(plan[-1][1], 1), layers.embedding(classes, plan[-1][1])

    def forward(self, x, y=None):
        for stage in self.blocks:
            for block in stage:
                x = block(x)
        h = F.relu(x).sum([2, 3])
        return self.linear(h).flatten() + (self.embed(y) * h).sum(1)


# --- mimicry and MMGeneration ---


def holder(**children):
    """A module that only gives names to others."""
    module = nn.Module()
    for name, child in children.items():
        setattr(module, name, child)
    return module


class MimicryNorm(nn.Module):
    def __init__(self, c, classes):
        super().__init__()
        self.bn, self.embed = nn.BatchNorm2d(c, affine=False), nn.Embedding(classes, 2 * c)

    def forward(self, x, y):
        gain, bias = self.embed(y)[:, :, None, None].chunk(2, 1)
        return gain * self.bn(x) + bias


class MmgenNorm(nn.Module):
    def __init__(self, c, classes, sn):
        super().__init__()
        self.norm = nn.BatchNorm2d(c, affine=False, eps=1e-4)
        self.weight_embedding, self.bias_embedding = sn(nn.Embedding(classes, c)), sn(nn.Embedding(classes, c))

    def forward(self, x, y):
        return self.norm(x) * (1 + self.weight_embedding(y))[:, :, None, None] + self.bias_embedding(y)[:, :, None, None]


class Named(nn.Module):
    """A network whose parts are called by whatever names its system gives them."""

    def part(self, path):
        module = self
        for name in path.split("."):
            module = getattr(module, name)
        return module

    def put(self, path, child):
        module, names = self, path.split(".")
        for name in names[:-1]:
            if not hasattr(module, name):
                setattr(module, name, nn.Module())
            module = getattr(module, name)
        setattr(module, names[-1], child)


MIMICRY = dict(norm1="b1", norm2="b2", conv1="c1", conv2="c2", shortcut="c_sc")
MMGEN = dict(norm1="norm_1", norm2="norm_2", conv1="conv_1.conv", conv2="conv_2.conv", shortcut="shortcut.conv")


class Up(Named):
    def __init__(self, names, i, o, sn, norm, mode):
        super().__init__()
        self.names, self.mode = names, mode
        for name, child in dict(norm1=norm(i), norm2=norm(o), conv1=sn(nn.Conv2d(i, o, 3, padding=1)),
                                conv2=sn(nn.Conv2d(o, o, 3, padding=1)), shortcut=sn(nn.Conv2d(i, o, 1))).items():
            self.put(names[name], child)

    def forward(self, x, y):
        at = lambda name: self.part(self.names[name])
        norm = lambda f, h: f(h) if y is None else f(h, y)
        up = lambda h: F.interpolate(h, scale_factor=2, **self.mode)
        h = at("conv1")(up(F.relu(norm(at("norm1"), x))))
        return at("conv2")(F.relu(norm(at("norm2"), h))) + at("shortcut")(up(x))


class Down(Named):
    def __init__(self, names, i, hidden, o, sn, first, down, in_place):
        super().__init__()
        self.names, self.first, self.down, self.in_place = names, first, down, in_place
        self.put(names["conv1"], sn(nn.Conv2d(i, hidden, 3, padding=1)))
        self.put(names["conv2"], sn(nn.Conv2d(hidden, o, 3, padding=1)))
        self.learnt = down or i != o
        if self.learnt:
            self.put(names["shortcut"], sn(nn.Conv2d(i, o, 1)))

    def forward(self, x):
        at = lambda name: self.part(self.names[name])
        pool = (lambda h: F.avg_pool2d(h, 2)) if self.down else lambda h: h
        seen = x if self.first else F.relu(x)
        h = pool(at("conv2")(F.relu(at("conv1")(seen))))
        x = seen if self.in_place else x
        return h + (pool(at("shortcut")(x)) if self.learnt else x)


class MmgenAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        plain = Attention(c, lambda i, o: spectral_norm(nn.Conv2d(i, o, 1, bias=False)))
        for name in ("theta", "phi", "g", "o"):
            setattr(self, name, holder(conv=getattr(plain, name)))
        self.gamma, self.run = plain.gamma, [plain]

    def forward(self, x):
        for name in ("theta", "phi", "g", "o"):
            getattr(self.run[0], name).train(self.training)
        return self.run[0](x)


class MimicryGenerator(nn.Module):
    def __init__(self, widths, side, classes=0, sagan=False, attended=0):
        super().__init__()
        sn = spectral_norm if sagan else lambda m: m
        norm = (lambda c: MimicryNorm(c, classes)) if classes else nn.BatchNorm2d
        self.side, self.attended, self.count = side, attended, len(widths) - 1
        self.l1 = sn(nn.Linear(5, widths[0] * side * side))
        mode = dict(mode="bilinear", align_corners=False)
        for i in range(self.count):
            self.add_module(f"block{i + 2}", Up(MIMICRY, widths[i], widths[i + 1], sn, norm, mode))
        self.add_module(f"b{self.count + 2}", nn.BatchNorm2d(widths[-1]))
        self.add_module(f"c{self.count + 2}", sn(nn.Conv2d(widths[-1], 3, 3, padding=1)))
        if attended:
            self.attn_block = Attention(widths[attended], lambda i, o: sn(nn.Conv2d(i, o, 1, bias=False)))

    def forward(self, z, y=None):
        at = lambda name: getattr(self, f"{name}{self.count + 2}")
        x = self.l1(z).reshape(len(z), -1, self.side, self.side)
        for i in range(self.count):
            x = getattr(self, f"block{i + 2}")(x, y)
            x = self.attn_block(x) if i + 1 == self.attended else x
        return torch.tanh(at("c")(F.relu(at("b")(x))))


class MimicryDiscriminator(nn.Module):
    """`head` names the last layer, which is not always the number of blocks and one."""

    def __init__(self, widths, halvings, classes=0, attended=0, sn=spectral_norm, head=None, mean=False):
        super().__init__()
        self.count, self.attended, self.mean = len(widths) - 1, attended, mean
        self.head = head or f"l{self.count + 1}"
        for i in range(self.count):
            a, b = widths[i], widths[i + 1]
            self.add_module(f"block{i + 1}", Down(MIMICRY, a, a if i else b, b, sn, i == 0, i < halvings, True))
        self.add_module(self.head, sn(nn.Linear(widths[-1], 1)))
        if classes:
            self.l_y = sn(nn.Embedding(classes, widths[-1]))
        if attended:
            self.attn_block = Attention(widths[attended], lambda i, o: sn(nn.Conv2d(i, o, 1, bias=False)))

    def features(self, x):
        for i in range(self.count):
            x = getattr(self, f"block{i + 1}")(x)
            x = self.attn_block(x) if i + 1 == self.attended else x
        return F.relu(x).mean([2, 3]) if self.mean else F.relu(x).sum([2, 3])

    def forward(self, x, y=None):
        h = self.features(x)
        logits = getattr(self, self.head)(h).flatten()
        return logits if y is None else logits + (self.l_y(y) * h).sum(1)


class MmgenGenerator(nn.Module):
    """SAGAN at 32 pixels, with tables that count from gain 1."""

    def __init__(self, c, classes):
        super().__init__()
        up = lambda: Up(MMGEN, c, c, spectral_norm, lambda c: MmgenNorm(c, classes, spectral_norm), {})
        self.noise2feat = spectral_norm(nn.Linear(5, c * 16))
        self.conv_blocks = nn.ModuleList([up(), up(), MmgenAttention(c), up()])
        self.to_rgb = holder(bn=nn.BatchNorm2d(c, eps=1e-4), conv=spectral_norm(nn.Conv2d(c, 3, 3, padding=1)))

    def forward(self, z, y=None):
        x = self.noise2feat(z).reshape(len(z), -1, 4, 4)
        for block in self.conv_blocks:
            x = block(x) if isinstance(block, MmgenAttention) else block(x, y)
        return torch.tanh(self.to_rgb.conv(F.relu(self.to_rgb.bn(x))))


class MmgenDiscriminator(nn.Module):
    def __init__(self, c, classes):
        super().__init__()
        block = lambda down: Down(MMGEN, c, c, c, spectral_norm, False, down, False)
        self.from_rgb = Down(MMGEN, 3, c, c, spectral_norm, True, True, False)
        self.conv_blocks = nn.ModuleList([MmgenAttention(c), block(True), block(False), block(False)])
        self.decision = spectral_norm(nn.Linear(c, 1))
        self.proj_y = spectral_norm(nn.Embedding(classes, c))

    def forward(self, x, y=None):
        x = self.from_rgb(x)
        for block in self.conv_blocks:
            x = block(x)
        h = F.relu(x).sum([2, 3])
        return self.decision(h).flatten() + (self.proj_y(y) * h).sum(1)


def main():
    y, pictures = [2, 0], [2, 3, 32, 32]
    network("biggan generator", BigganGenerator(), [2, 5], y)
    network("biggan hierarchical", BigganGenerator(latent=8, shared=4, hier=True, own=True, eps=1e-3), [2, 8], y)
    network("biggan deep stages", BigganGenerator(shared=4, style="in", sn=False, depth=2), [2, 5], y)
    network("biggan groups", BigganGenerator(style="4"), [2, 5], y)
    network("biggan nonorm", BigganGenerator(style="", sn=False), [2, 5], y)
    wide = [(3, 8, True), (8, 8, True), (8, 8, False), (8, 8, False)]
    network("biggan discriminator", BigganDiscriminator(wide, range(4)), pictures, y, penalty=True)
    thin = [(3, 1, True), (1, 2, True), (2, 4, True), (4, 8, True), (8, 16, False)]
    network("biggan thin discriminator", BigganDiscriminator(thin, [3, 4], wide=False, sn=False), [2, 3, 64, 64], y,
            penalty=True)
    network("mimicry generator", MimicryGenerator([16, 8, 4, 2], 6), [2, 5])
    network("mimicry discriminator", MimicryDiscriminator([3, 1, 2, 4, 8, 16], 4, head="l5"), [2, 3, 48, 48],
            penalty=True)
    network("mimicry critic", MimicryDiscriminator([3, 4, 4, 4, 4], 2, sn=lambda m: m, mean=True), pictures,
            penalty=True)
    network("mimicry sagan generator", MimicryGenerator([8] * 4, 4, 3, True, 2), [2, 5], y)
    network("mimicry sagan discriminator", MimicryDiscriminator([3] + [8] * 4, 2, 3, 2), pictures, y, penalty=True)
    network("mmgen sagan generator", MmgenGenerator(8, 3), [2, 5], y)
    network("mmgen sagan discriminator", MmgenDiscriminator(8, 3), pictures, y, penalty=True)
    write("biggan.json", golden)


if __name__ == "__main__":
    main()
