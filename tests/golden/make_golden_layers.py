#!/usr/bin/env python3
"""Writes layers.json: more layers by PyTorch, or by a few lines of it where PyTorch has no such layer.

Like make_golden_nn.py, whose inputs and format it shares. `by_name` sets a module's state from seeds in the order of its
sorted names, as the tests' `set_state` does.
"""
import json
import math
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

from make_golden_nn import layer, numbers, renumber


def packed(value):
    if isinstance(value, list):
        return value
    return {"shape": list(value.shape), "values": [float(f"{v:.12g}") for v in value.detach().reshape(-1).tolist()]}


def set_state(module, seed=1):
    names = sorted(name for name, t in module.state_dict().items() if t.is_floating_point())
    state = module.state_dict()
    with torch.no_grad():
        for i, name in enumerate(names):
            state[name].copy_(numbers(state[name].shape, seed + i))
    return module


def gradients(module, y, inputs):
    """Of <y, numbers>, for the inputs x0, x1, ... and all parameters."""
    named = [(f"x{i}", x) for i, x in enumerate(inputs) if x.is_floating_point()] + list(module.named_parameters())
    grads = torch.autograd.grad((y * numbers(y.shape, 200)).sum(), [t for _, t in named])
    return {f"{name}.grad": g for (name, _), g in zip(named, grads)}


def by_name(module, *shapes):
    set_state(module)
    inputs = [numbers(shape, 100 + i).requires_grad_() for i, shape in enumerate(shapes)]
    y = module(*inputs)
    return {"y": y, **gradients(module, y, inputs), "state": sorted(module.state_dict())}


class SelfMultiheadAttention(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]


class CrossMultiheadAttention(nn.MultiheadAttention):
    def forward(self, query, key, value):
        return super().forward(query, key, value, need_weights=False)[0]


def torch_layers():
    images, row = [2, 4, 3, 4], [3, 5]
    cases = {
        "conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), [2, 4, 7]),
        "conv_transpose1d": (nn.ConvTranspose1d(4, 2, 3, stride=2, padding=1, output_padding=1), [2, 4, 5]),
        "conv2d_reflect": (nn.Conv2d(4, 2, 3, padding=2, padding_mode="reflect"), images),
        "conv2d_replicate": (nn.Conv2d(4, 2, 3, stride=2, padding=1, padding_mode="replicate"), images),
        "reflection_pad2d": (nn.ReflectionPad2d(1), [1, 2, 2, 3]), "replication_pad2d": (nn.ReplicationPad2d(1), [1, 2, 2, 3]),
        "zero_pad2d": (nn.ZeroPad2d(1), [1, 2, 2, 3]), "upsample_nearest": (nn.Upsample(scale_factor=2), [1, 2, 2, 3]),
        "upsample_bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), [1, 2, 2, 3]),
        "avg_pool2d": (nn.AvgPool2d(3, 2, 1), images), "max_pool2d": (nn.MaxPool2d(3, 2, 1), images),
        "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d((2, 3)), images),
        "pixel_shuffle": (nn.PixelShuffle(2), images), "pixel_unshuffle": (nn.PixelUnshuffle(2), [2, 1, 2, 4]),
        "elu": (nn.ELU(0.7), row), "selu": (nn.SELU(), row), "gelu": (nn.GELU(), row),
        "gelu_tanh": (nn.GELU("tanh"), row), "silu": (nn.SiLU(), row),
        "hardtanh": (nn.Hardtanh(-0.4, 0.6), row), "softmax": (nn.Softmax(1), row),
        "softplus_beta": (nn.Softplus(2), row), "identity": (nn.Identity(), row),
        "batch_norm_plain": (nn.BatchNorm2d(4, affine=False, track_running_stats=False), images),
        "instance_norm": (nn.InstanceNorm2d(4), images),
        "instance_norm_affine": (nn.InstanceNorm2d(4, eps=1e-3, affine=True), images),
        "instance_norm1d": (nn.InstanceNorm1d(4), [2, 4, 6]),
        "layer_norm": (nn.LayerNorm([4, 3, 4], eps=1e-3), images), "layer_norm_last": (nn.LayerNorm(4), images),
        "layer_norm_plain":
            (nn.LayerNorm([3, 4], elementwise_affine=False), images),
        "group_norm": (nn.GroupNorm(2, 4), images), "group_norm_plain": (nn.GroupNorm(4, 4, affine=False), images),
        "multi_head_attention": (SelfMultiheadAttention(6, 3, batch_first=True), [2, 5, 6]),
        "multi_head_attention_without_bias": (SelfMultiheadAttention(4, 1, bias=False, batch_first=True), [1, 3, 4]),
    }
    return {f"layer {name}": layer(*case) for name, case in cases.items()}


def instance_norm_running():
    norm = renumber(nn.InstanceNorm2d(3, momentum=0.3, affine=True, track_running_stats=True), 1)
    for batch in range(3):
        norm(numbers([2, 3, 2, 4], 100 + batch))
    x = numbers([2, 3, 2, 4], 200).requires_grad_()
    y = norm.eval()(x)
    (dx,) = torch.autograd.grad((y * numbers(y.shape, 201)).sum(), [x])
    return {"running_mean": norm.running_mean, "running_var": norm.running_var, "y": y, "x.grad": dx}


class Spectral(nn.Module):
    """The rules of BigGAN-PyTorch, MMGeneration and mimicry."""

    def __init__(self, variant, apply, weight, bias, svs=1, itrs=1, eps=1e-12):
        super().__init__()
        self.variant, self.apply_, self.itrs, self.eps = variant, apply, itrs, eps
        self.weight = nn.Parameter(torch.zeros(weight))
        self.bias = nn.Parameter(torch.zeros(bias)) if bias else None
        self.names = [("sn_u", "sn_sigma")] if variant == "mimicry" else [(f"u{i}", f"sv{i}") for i in range(svs)]
        for u, sigma in self.names:
            self.register_buffer(u, torch.zeros(1, weight[0]))
            self.register_buffer(sigma, torch.ones(1))

    @torch.no_grad()
    def iterate(self, w, pairs):
        done = []
        for u, _ in pairs:
            v = u @ w
            for _, other in done:
                v = v - (v @ other.t()) * other
            v = F.normalize(v, eps=self.eps)
            u = v @ w.t()
            for other, _ in done:
                u = u - (u @ other.t()) * other
            done.append((F.normalize(u, eps=self.eps), v))
        return done

    def forward(self, x):
        w = self.weight.reshape(len(self.weight), -1)
        start = [(getattr(self, u).clone(), None) for u, _ in self.names]
        pairs = start
        for _ in range(self.itrs):
            restart = not self.training and self.variant != "mimicry"
            pairs = self.iterate(w, start if restart else pairs)
        sigmas = [(u @ w @ v.t()).squeeze() for u, v in pairs]
        if self.training:
            with torch.no_grad():
                for (u, sigma), (new, _), value in zip(self.names, pairs, sigmas):
                    getattr(self, u).copy_(new)
                    getattr(self, sigma).copy_(value)
        sigma = sigmas[0].detach() if self.variant == "mmgen" else sigmas[0]
        return self.apply_(x, self.weight / sigma, self.bias)


def spectral_case(module, shape):
    """Two training steps with moving weights, and an evaluation."""
    set_state(module)
    weight = dict(module.named_parameters()).get("weight_orig", getattr(module, "weight", None))
    x = numbers(shape, 100).requires_grad_() if isinstance(shape, list) else torch.tensor([2, 0, 2])
    out = {"state": sorted(module.state_dict())}
    for step in range(2):
        y = module(x)
        if step == 1:
            out |= {"y": y, **gradients(module, y, [x]),
                    **{name: b.clone() for name, b in module.named_buffers()}}
        with torch.no_grad():
            weight.add_(numbers(weight.shape, 300 + step), alpha=0.1)
    y = module.eval()(x)
    return out | {"eval": y, **{f"eval {k}": v for k, v in gradients(module, y, [x]).items()}}


def spectral_norms():
    sn = torch.nn.utils.spectral_norm
    conv = lambda x, w, b: F.conv2d(x, w, b, padding=1)
    image = [2, 2, 3, 4]
    cases = {
        "torch linear": (sn(nn.Linear(4, 3)), [2, 4]),
        "torch conv1d": (sn(nn.Conv1d(2, 3, 3)), [2, 2, 5]),
        "torch conv2d": (sn(nn.Conv2d(2, 3, 3, padding=1), n_power_iterations=2, eps=0.1), image),
        "torch conv_transpose2d": (sn(nn.ConvTranspose2d(2, 3, 3)), [1, 2, 2, 2]),
        "torch embedding": (sn(nn.Embedding(4, 3)), None),
        "ajbrock linear": (Spectral("ajbrock", F.linear, [3, 4], [3]), [2, 4]),
        "ajbrock conv2d": (Spectral("ajbrock", conv, [3, 2, 3, 3], [3], svs=2, itrs=2, eps=1e-6), image),
        "mmgen conv2d": (Spectral("mmgen", conv, [3, 2, 3, 3], [3], svs=2), image),
        "mimicry conv2d": (Spectral("mimicry", conv, [3, 2, 3, 3], [3], itrs=2), image),
    }
    return {f"spectral {name}": spectral_case(*case) for name, case in cases.items()}


class PooledAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.theta, self.phi = nn.Conv2d(c, c // 8, 1, bias=False), nn.Conv2d(c, c // 8, 1, bias=False)
        self.g, self.o = nn.Conv2d(c, c // 2, 1, bias=False), nn.Conv2d(c // 2, c, 1, bias=False)
        self.gamma = nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        theta, phi, g = self.theta(x).flatten(2), F.max_pool2d(self.phi(x), 2).flatten(2), F.max_pool2d(self.g(x), 2).flatten(2)
        beta = F.softmax(theta.transpose(1, 2) @ phi, -1)
        seen = (g @ beta.transpose(1, 2)).reshape(len(x), -1, *x.shape[2:])
        return self.gamma * self.o(seen) + x


class FastaiAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        conv = lambda out: nn.Sequential(torch.nn.utils.spectral_norm(nn.Conv1d(c, out, 1, bias=False)))
        self.query, self.key, self.value = conv(c // 8), conv(c // 8), conv(c)
        self.gamma = nn.Parameter(torch.tensor([0.0]))

    def forward(self, x):
        line = x.flatten(2)
        beta = F.softmax(self.query(line).transpose(1, 2) @ self.key(line), 1)
        return (self.gamma * (self.value(line) @ beta) + line).reshape(x.shape)


class Equalized(nn.Module):
    def __init__(self, weight, gain, lr_mul, apply):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(weight)), nn.Parameter(torch.zeros(weight[0]))
        self.scale, self.lr_mul, self.apply_ = lr_mul * gain / math.sqrt(math.prod(weight[1:])), lr_mul, apply

    def forward(self, x):
        return self.apply_(x, self.weight * self.scale, self.bias * self.lr_mul)


class AdaptiveNorm(nn.Module):
    def __init__(self, c, style):
        super().__init__()
        self.style = nn.Linear(style, 2 * c)

    def forward(self, x, w):
        s, t = self.style(w)[:, :, None, None].chunk(2, 1)
        return F.instance_norm(x, eps=1e-8) * (1 + s) + t


class Modulated(nn.Module):
    """StyleGAN2's equations 1 and 3, with a weight per sample."""

    def __init__(self, i, o, style, demodulate):
        super().__init__()
        self.weight, self.affine = nn.Parameter(torch.zeros(o, i, 3, 3)), Equalized([i, style], 1, 1, F.linear)
        self.demodulate = demodulate

    def forward(self, x, w):
        weight = self.weight / math.sqrt(self.weight[0].numel()) * self.affine(w)[:, None, :, None, None]
        if self.demodulate:
            weight = weight * torch.rsqrt(weight.square().sum([2, 3, 4], keepdim=True) + 1e-8)
        return torch.cat([F.conv2d(a[None], b, padding=1) for a, b in zip(x, weight)])


def composites():
    return {
        "pooled attention": by_name(PooledAttention(8), [1, 8, 4, 5]),
        "fastai attention": by_name(FastaiAttention(8), [2, 8, 3, 2]),
        "cross attention": by_name(CrossMultiheadAttention(4, 2, batch_first=True), [2, 3, 4], [2, 5, 4], [2, 5, 4]),
        "equalized linear": by_name(Equalized([3, 4], 1.5, 0.01, F.linear), [2, 4]),
        "equalized conv2d": by_name(Equalized([3, 2, 3, 3], math.sqrt(2), 1,
                                              lambda x, w, b: F.conv2d(x, w, b, 2, 1)), [2, 2, 4, 5]),
        "adaptive instance norm": by_name(AdaptiveNorm(2, 3), [2, 2, 3, 2], [2, 3]),
        "modulated conv2d": by_name(Modulated(2, 3, 4, True), [2, 2, 3, 4], [2, 4]),
        "modulated conv2d plain": by_name(Modulated(2, 3, 4, False), [2, 2, 3, 4], [2, 4]),
    }


def main():
    golden = {**torch_layers(), "running instance_norm": instance_norm_running(), **spectral_norms(), **composites()}
    lines = [f"{json.dumps(group)}: {json.dumps({k: packed(v) for k, v in values.items()})}"
             for group, values in golden.items()]
    pathlib.Path(__file__).with_name("layers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
