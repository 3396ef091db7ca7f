#!/usr/bin/env python3
"""Writes nn.json: what PyTorch computes for the layers and optimisers of nn/ and for the training of gan/.

Run it with a Python that has numpy and torch (CPU). Only results are stored: the inputs are drawn, here and in the
tests, from the library's own counter-based random stream, which the class Rng repeats.
"""
import copy
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


class Rng:
    """duel::Rng: Philox4x32-10 in counter mode."""

    def __init__(self, seed, counter=0):
        self.seed, self.counter = seed, counter

    def blocks(self, count, stream=0):
        """The next `count` blocks: uint64 [count, 4], each word below 2^32."""
        mask = np.uint64(0xFFFFFFFF)
        counters = np.arange(self.counter, self.counter + count, dtype=np.uint64)
        self.counter += count
        c = [counters & mask, counters >> np.uint64(32), np.full(count, stream, np.uint64), np.zeros(count, np.uint64)]
        k = [self.seed & 0xFFFFFFFF, self.seed >> 32]
        for _ in range(10):
            p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
            c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), p1 & mask,
                 (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), p0 & mask]
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        return np.stack(c, 1)

    def words(self, count):
        return self.blocks((count + 3) // 4).reshape(-1)[:count]

    def uniform(self, shape, low, high):
        """float64"""
        u = self.words(math.prod(shape)).astype(np.float64) * 2.0**-32
        return torch.from_numpy((low + u * (high - low)).reshape(shape))

    def normal(self, shape, dtype=np.float32):
        """Rounded to `dtype`, as float64."""
        count = math.prod(shape)
        w = self.words(count + count % 2).astype(np.float64).reshape(-1, 2)
        radius, angle = np.sqrt(-2 * np.log((w[:, 0] + 0.5) * 2.0**-32)), w[:, 1] * (2 * math.pi * 2.0**-32)
        z = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:count]
        return torch.from_numpy(z.astype(dtype).astype(np.float64).reshape(shape))

    def below(self, count):
        while True:
            w = self.blocks(1)[0]
            value = int(w[0]) << 32 | int(w[1])
            if value < 2**64 - 1 - (2**64 - 1) % count:
                return value % count

    def integers(self, shape, count):
        return torch.tensor([self.below(count) for _ in range(math.prod(shape))]).reshape(shape)

    def permutation(self, count):
        order = list(range(count))
        for i in range(count - 1, 0, -1):
            j = self.below(i + 1)
            order[i], order[j] = order[j], order[i]
        return order

    def split(self):
        w = self.blocks(1, stream=1)[0]
        return Rng(int(w[0]) << 32 | int(w[1]))


def numbers(shape, seed):
    """The tests' `numbers`."""
    return Rng(seed).uniform(tuple(shape), -1, 1)


def renumber(module, seed):
    """The tests' `renumber`: every parameter in the order of the walk from a seed of its own."""
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(numbers(p.shape, seed + i))
    return module


def packed(value):
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value
    value = torch.as_tensor(value).detach()
    return {"shape": list(value.shape), "values": [float(f"{v:.14g}") for v in value.reshape(-1).tolist()]}


def layer(module, shape):
    renumber(module, 1)
    x = numbers(shape, 100).requires_grad_()
    y = module(x)
    inputs = [x, *module.parameters()]
    grads = torch.autograd.grad((y * numbers(y.shape, 200)).sum(), inputs)
    names = [name for name, _ in module.named_parameters()]
    return {"y": y, **{f"{name}.grad": g for name, g in zip(["x", *names], grads)},
            **({"names": names} if names else {})}


def layers():
    images = [2, 3, 4, 5]
    cases = {
        "linear": (nn.Linear(5, 3), [4, 5]),
        "linear_without_bias": (nn.Linear(5, 3, bias=False), [4, 5]),
        "conv2d": (nn.Conv2d(3, 4, 3, padding=1), images),
        "conv2d_dilated": (nn.Conv2d(2, 3, 3, stride=2, padding=2, dilation=2), [2, 2, 7, 6]),
        "conv2d_groups": (nn.Conv2d(4, 6, 3, groups=2, bias=False), [2, 4, 5, 4]),
        "conv2d_depthwise": (nn.Conv2d(4, 4, 4, stride=2, padding=1, groups=4), [1, 4, 6, 4]),
        "conv_transpose2d": (nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1), [2, 3, 3, 4]),
        "conv_transpose2d_output_padding":
            (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), [2, 4, 3, 2]),
        "conv_transpose2d_dilated": (nn.ConvTranspose2d(2, 3, 3, padding=1, dilation=2, bias=False), [1, 2, 4, 3]),
        "batch_norm1d": (nn.BatchNorm1d(3), [6, 3]),
        "batch_norm2d": (nn.BatchNorm2d(3, eps=1e-3, momentum=0.3), images),
        "relu": (nn.ReLU(), images),
        "leaky_relu": (nn.LeakyReLU(0.2), images),
        "tanh": (nn.Tanh(), images),
        "sigmoid": (nn.Sigmoid(), images),
        "softplus": (nn.Softplus(), images),
        "flatten": (nn.Flatten(), images),
        "unflatten": (nn.Unflatten(1, (2, 3)), [4, 6]),
        "sequential": (nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.BatchNorm2d(3), nn.LeakyReLU(0.2),
                                     nn.Flatten(), nn.Linear(12, 2)), [3, 2, 4, 4]),
    }
    return {f"layer {name}": layer(*case) for name, case in cases.items()}


def running_statistics():
    out = {}
    for name, norm, shape in [("batch_norm1d", nn.BatchNorm1d(3), [4, 3]),
                              ("batch_norm2d", nn.BatchNorm2d(2, eps=1e-3, momentum=0.3), [2, 2, 3, 2])]:
        renumber(norm, 1)
        for batch in range(3):
            norm(numbers(shape, 100 + batch))
        x = numbers(shape, 200).requires_grad_()
        y = norm.eval()(x)
        (dx,) = torch.autograd.grad((y * numbers(shape, 201)).sum(), [x])
        out[f"running {name}"] = {**norm.state_dict(), "y": y, "x.grad": dx, "names": list(norm.state_dict())}
    return out


def optimizers():
    cases = {
        "sgd": (torch.optim.SGD, dict(lr=0.1)),
        "sgd_momentum": (torch.optim.SGD, dict(lr=0.05, momentum=0.9)),
        "sgd_dampening": (torch.optim.SGD, dict(lr=0.05, momentum=0.9, dampening=0.3)),
        "sgd_weight_decay": (torch.optim.SGD, dict(lr=0.05, momentum=0.5, weight_decay=0.1)),
        "rmsprop": (torch.optim.RMSprop, dict(lr=0.01)),
        "rmsprop_weight_decay": (torch.optim.RMSprop, dict(lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1)),
        "adam": (torch.optim.Adam, dict(lr=0.01)),
        "adam_weight_decay": (torch.optim.Adam, dict(lr=0.02, betas=(0.5, 0.99), eps=1e-3, weight_decay=0.1)),
        "adamw": (torch.optim.AdamW, dict(lr=0.02)),
        "adamw_weight_decay": (torch.optim.AdamW, dict(lr=0.02, betas=(0.0, 0.9), weight_decay=0.5)),
    }
    out = {}
    for name, (kind, options) in cases.items():
        model = renumber(nn.ModuleList([nn.Conv2d(2, 2, 2), nn.Linear(3, 2)]), 1)
        params = list(model.parameters())
        optimizer = kind(params, **options)
        trajectory = []
        for step in range(10):
            for i, p in enumerate(params):
                p.grad = numbers(p.shape, 100 + 10 * step + i)
            if step == 5:
                optimizer.param_groups[0]["lr"] *= 0.5
            optimizer.step()
            trajectory.append(torch.cat([p.detach().reshape(-1).clone() for p in params]))
        out[f"optimizer {name}"] = {"trajectory": torch.stack(trajectory)}
    return out


def small_model():
    model = renumber(nn.ModuleList([nn.Conv2d(2, 2, 2), nn.Linear(3, 2)]), 1)
    params = list(model.parameters())

    def set_gradients(step):
        for i, p in enumerate(params):
            p.grad = numbers(p.shape, 100 + 10 * step + i)
    return params, set_gradients


def changing_betas():
    first, second = lambda step: 0.9 - 0.1 * step, lambda step: 0.9 + 0.015 * step
    cases = {
        "adam": (torch.optim.Adam, dict(lr=0.01), lambda step: {"betas": (first(step), second(step))}),
        "sgd": (torch.optim.SGD, dict(lr=0.05, momentum=0.9), lambda step: {"momentum": first(step)}),
        "rmsprop": (torch.optim.RMSprop, {}, lambda step: {"alpha": second(step)}),
    }
    out = {}
    for name, (kind, options, change) in cases.items():
        params, set_gradients = small_model()
        optimizer = kind(params, **options)
        trajectory = []
        for step in range(6):
            optimizer.param_groups[0].update(change(step))
            set_gradients(step)
            optimizer.step()
            trajectory.append(torch.cat([p.detach().reshape(-1).clone() for p in params]))
        out[name] = torch.stack(trajectory)
    return {"optimizer betas": out}


def clipping():
    out, (params, set_gradients) = {}, small_model()
    gradients = lambda: torch.cat([p.grad.reshape(-1) for p in params])
    set_gradients(0)
    out["norm"] = nn.utils.clip_grad_norm_(params, 0.5)
    out["by_norm"] = gradients()
    set_gradients(0)
    nn.utils.clip_grad_value_(params, 0.25)
    out["by_value"] = gradients()
    return {"clipping": out}


def adversarial(name):
    """The discriminator's loss and the generator's, each of scores (real, fake)."""
    bce, logits, mse = nn.BCELoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()
    one, zero = torch.ones_like, torch.zeros_like
    return {
        "gan": (lambda r, f: bce(r, one(r)) + bce(f, zero(f)), lambda r, f: bce(f, one(f))),
        "vanilla": (lambda r, f: logits(r, one(r)) + logits(f, zero(f)), lambda r, f: logits(f, one(f))),
        "minimax": (lambda r, f: logits(r, one(r)) + logits(f, zero(f)), lambda r, f: F.logsigmoid(-f).mean()),
        "lsgan": (lambda r, f: 0.5 * (mse(r, one(r)) + mse(f, zero(f))), lambda r, f: mse(f, one(f))),
        "wgan": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
        "hinge": (lambda r, f: F.relu(1 - r).mean() + F.relu(1 + f).mean(), lambda r, f: -f.mean()),
        "relativistic": (lambda r, f: F.softplus(-(r - f)).mean(), lambda r, f: F.softplus(-(f - r)).mean()),
    }[name]


class ConditionalNorm(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.gain, self.bias = nn.Embedding(classes, channels), nn.Embedding(classes, channels)
        self.norm = nn.BatchNorm2d(channels, affine=False)

    def forward(self, x, labels):
        return self.norm(x) * (1 + self.gain(labels))[:, :, None, None] + self.bias(labels)[:, :, None, None]


class Generator(nn.Module):
    def __init__(self, o):
        super().__init__()
        self.o = o
        maps = [o["width"] * 2**i for i in range(o["stages"])]  # at half size, quarter size, ...
        self.small = [s >> o["stages"] for s in o["size"]]
        self.project = nn.Linear(o["latent"], maps[-1] * math.prod(self.small), bias=False)
        self.norms = nn.ModuleList(ConditionalNorm(m, o["classes"]) for m in reversed(maps))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(maps[i], maps[i - 1] if i else o["channels"], 4, 2, 1, bias=i == 0)
                                 for i in reversed(range(o["stages"])))

    def forward(self, z, labels):
        x = self.project(z).reshape(len(z), -1, *self.small)
        for norm, up in zip(self.norms, self.ups):
            x = up(F.relu(norm(x, labels)))
        return torch.tanh(x)


class Discriminator(nn.Module):
    def __init__(self, o):
        super().__init__()
        maps = [o["channels"]] + [o["width"] * 2**i for i in range(o["stages"])]
        features = maps[-1] * math.prod(s >> o["stages"] for s in o["size"])
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(maps, maps[1:]))
        self.psi, self.classes = nn.Linear(features, 1), nn.Embedding(o["classes"], features)

    def forward(self, x, labels):
        for down in self.downs:
            x = F.leaky_relu(down(x), 0.2)
        h = x.flatten(1)
        return self.psi(h).flatten() + (self.classes(labels) * h).sum(1)


def set_weights(module, seed):
    """The tests' `set_weights`: parameters by sorted name, from seeds of their own, rounded to float32."""
    with torch.no_grad():
        for i, (_, p) in enumerate(sorted(module.named_parameters())):
            p.copy_((0.3 * numbers(p.shape, seed + i)).float().double())


def game(loss, r1_gamma=0.0, r1_interval=1, d_steps=1):
    o = dict(size=[12, 8], channels=2, classes=3, latent=5, width=4, stages=2)
    generator, discriminator = Generator(o), Discriminator(o)
    set_weights(generator, 1000)
    set_weights(discriminator, 2000)
    average = copy.deepcopy(generator)
    adam = lambda m, lr: torch.optim.Adam(m.parameters(), lr=lr, betas=(0.5, 0.999))
    g_optimizer, d_optimizer = adam(generator, 2e-3), adam(discriminator, 5e-3)
    d_loss, g_loss = adversarial(loss)

    pictures = Rng(5).integers((40, *[o["channels"], *o["size"]]), 256).double() / 127.5 - 1
    labels = Rng(6).integers((40,), o["classes"])
    order = [i for epoch in range(5) for i in Rng(8, epoch).split().permutation(40)]
    batches = iter(torch.tensor(order).reshape(-1, 8))

    rng, rows, last_r1 = Rng(9), [], torch.zeros(())
    for step in range(10):
        for _ in range(d_steps):
            rows_of_batch = next(batches)
            x, y = pictures[rows_of_batch].clone().requires_grad_(), labels[rows_of_batch]
            with torch.no_grad():
                fake = generator(rng.normal((8, o["latent"])), y)
            on_real, on_fake = discriminator(x, y), discriminator(fake, y)
            d, r1 = d_loss(on_real, on_fake), torch.zeros(())
            if r1_gamma > 0 and step % r1_interval == 0:
                (g,) = torch.autograd.grad(on_real.sum(), [x], create_graph=True)
                r1 = last_r1 = 0.5 * r1_gamma * g.square().sum([1, 2, 3]).mean()
            d_optimizer.zero_grad()
            (d + r1_interval * r1).backward()
            d_optimizer.step()
        if loss != "relativistic":  # which compares pairs of one class
            y = rng.integers((8,), o["classes"])
        g = g_loss(discriminator(x, y), discriminator(generator(rng.normal((8, o["latent"])), y), y))
        g_optimizer.zero_grad()
        g.backward()
        g_optimizer.step()
        with torch.no_grad():
            for a, p in zip(average.parameters(), generator.parameters()):
                a.copy_(p if step < 2 else a + 0.25 * (p - a))
            for a, b in zip(average.buffers(), generator.buffers()):
                a.copy_(b)
        rows.append(torch.stack([(d + r1_interval * r1).detach(), g.detach(), on_real.mean().detach(),
                                 on_fake.mean().detach(), last_r1.detach()]))
    sample = average.eval()(Rng(10).normal((3, o["latent"])), torch.tensor([0, 1, 2]))
    return {"curve": torch.stack(rows), "sample": sample, "generator": [n for n, _ in sorted(generator.named_parameters())],
            "discriminator": [n for n, _ in sorted(discriminator.named_parameters())]}


def write(file, golden):
    lines = [f"{json.dumps(group)}: {json.dumps({k: packed(v) for k, v in values.items()})}"
             for group, values in golden.items()]
    pathlib.Path(__file__).with_name(file).write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    write("nn.json", {**layers(), **running_statistics(), **optimizers(), **changing_betas(), **clipping(),
                      "game vanilla": game("vanilla"),
                      "game r1": game("vanilla", r1_gamma=2.0, r1_interval=2),
                      "game hinge": game("hinge", d_steps=2),
                      "game relativistic": game("relativistic")})


if __name__ == "__main__":
    main()
