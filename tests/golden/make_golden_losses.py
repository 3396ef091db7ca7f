#!/usr/bin/env python3
"""Writes losses.json: what PyTorch computes for the losses of nn/ and gan/ and for the penalties of gan/.

Run it with a Python that has numpy and torch (CPU). As in make_golden_nn.py, only results are stored.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from make_golden_nn import Rng, adversarial, numbers, renumber, write


def to_second_order(loss, inputs):
    """Values, the gradients of <values, c>, and those of sum <gradients, d>, c and d from seeds 100 and 200 on."""
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    values = loss(*inputs)
    grads = torch.autograd.grad((values * numbers(values.shape, 100)).sum(), inputs, create_graph=True)
    along = sum((g * numbers(g.shape, 200 + i)).sum() for i, g in enumerate(grads))
    again = [None] * len(inputs)
    if along.requires_grad:
        again = torch.autograd.grad(along, inputs, allow_unused=True)
    again = [torch.zeros_like(x) if g is None else torch.zeros_like(x) + g for x, g in zip(inputs, again)]
    return {"values": values, **{f"grad {i}": g for i, g in enumerate(grads)},
            **{f"double grad {i}": g for i, g in enumerate(again)}}


def elementwise():
    x, t = numbers([2, 1, 3, 2], 1), numbers([2, 1, 3, 2], 2)
    soft = 0.5 + 0.45 * t
    cases = {
        "bce": (F.binary_cross_entropy, 0.5 + 0.45 * x, soft),
        "bce_with_logits": (F.binary_cross_entropy_with_logits, 3 * x, soft),
        "mse": (F.mse_loss, 3 * x, t),
        "l1": (F.l1_loss, 3 * x, t),
        "smooth_l1": (lambda a, b, reduction: F.smooth_l1_loss(a, b, reduction=reduction, beta=0.7), 3 * x, t),
    }
    out = {f"loss {name}": to_second_order(lambda a, b, f=f: f(a, b, reduction="none"), [a, b])
           for name, (f, a, b) in cases.items()}
    for name, (f, a, _) in cases.items():  # a number for a target
        for target in [0.0, 0.9, 1.0]:
            group = to_second_order(lambda a: f(a, torch.full_like(a, target), reduction="none"), [a])
            out[f"loss {name} {target:g}"] = group
    return out


def cross_entropy():
    out = {}
    for shape in [[5, 3], [2, 4, 3, 2]]:
        labels = Rng(3).integers([shape[0], *shape[2:]], shape[1])
        for smoothing in [0.0, 0.2, 1.0]:
            out[f"cross_entropy {shape} {smoothing:g}"] = to_second_order(
                lambda x: F.cross_entropy(x, labels, reduction="none", label_smoothing=smoothing),
                [3 * numbers(shape, 1)])
    return out


def kl_gaussian():
    def loss(mu, log_var):
        return torch.distributions.kl_divergence(torch.distributions.Normal(mu, (0.5 * log_var).exp()),
                                                 torch.distributions.Normal(0.0, 1.0)).flatten(1).sum(1)
    return {"kl_gaussian": to_second_order(loss, [numbers([3, 2, 2], 1), numbers([3, 2, 2], 2)])}


def games():
    out = {}
    for name in ["gan", "vanilla", "minimax", "lsgan", "wgan", "hinge", "relativistic"]:
        d_loss, g_loss = adversarial(name)
        real, fake = 3 * numbers([2, 1, 3, 2], 1), 3 * numbers([2, 1, 3, 2], 2)
        if name == "gan":
            real, fake = torch.sigmoid(real), torch.sigmoid(fake)
        out[f"adversarial {name}"] = {
            f"{side} {key}": value for side, loss in [("discriminator", d_loss), ("generator", g_loss)]
            for key, value in to_second_order(lambda r, f: loss(r, f) + 0 * (r.sum() + f.sum()), [real, fake]).items()}
    return out


def with_gradient(value, parameters):
    grads = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
    return value, torch.cat([g.reshape(-1) for g in grads])


def gradient_penalties():
    """As in pytorch-CycleGAN-and-pix2pix (1e-16 inside the norm), Mescheder et al. (R1, R2), MMGeneration ("pixel"),
    Zhou et al. (the maximum) and the program of Kodali et al. (DRAGAN)."""
    out = {}
    for name, norm in [("plain", []), ("batch_norm", [nn.BatchNorm2d(3)])]:
        critic = renumber(nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1), *norm, nn.LeakyReLU(0.2),
                                        nn.Conv2d(3, 2, 3, padding=1), nn.Softplus(), nn.Flatten(), nn.Linear(12, 1)), 1)
        real, fake = numbers([3, 2, 5, 4], 100), numbers([3, 2, 5, 4], 101)
        mixed = real + Rng(7).uniform((3, 1, 1, 1), 0, 1) * (fake - real)
        rng = Rng(7)
        a, u = rng.uniform((3, 1, 1, 1), 0, 1), rng.uniform((3, 2, 5, 4), 0, 1)
        perturbed = real + a * (0.5 * real.std(correction=0) * u)

        def gradient(x):
            x = x.clone().requires_grad_()
            return torch.autograd.grad(critic(x).sum(), [x], create_graph=True)[0]

        def norms(x, epsilon=0.0):
            return (gradient(x).flatten(1) + epsilon).norm(2, dim=1)

        cases = {"real": (norms(real, 1e-16) - 1).square().mean(), "fake": (norms(fake, 1e-16) - 1).square().mean(),
                 "mixed": (norms(mixed, 1e-16) - 0.5).square().mean(),
                 "pixel": ((gradient(mixed) + 1e-16).norm(2, dim=1) - 1).square().mean(),
                 "max": norms(mixed).square().max(),
                 "dragan": (norms(perturbed) - 1).square().mean(),
                 "r1": 0.5 * 3 * norms(real).square().mean(), "r2": 0.5 * 3 * norms(fake).square().mean(),
                 "r1 pixel": gradient(real).norm(2, dim=1).square().mean()}
        group = out[f"penalty {name}"] = {}
        for case, value in cases.items():
            group[case], group[f"{case}.grad"] = with_gradient(value, list(critic.parameters()))
    return out


def path_length():
    """As in stylegan2-ada-pytorch: three calls, of which each moves the mean."""
    generator = renumber(nn.Sequential(nn.Linear(4, 12), nn.Softplus(), nn.Unflatten(1, (3, 2, 2)),
                                       nn.ConvTranspose2d(3, 2, 4, 2, 1), nn.Tanh()), 1)
    out, rng, mean = {}, Rng(7), torch.zeros([])
    for call in range(3):
        w = numbers([3, 2, 4], 100 + call).requires_grad_()  # two layers, of which the network sees the sum
        pictures = generator(w.sum(1))
        y = rng.normal(pictures.shape, np.float64) / 4
        (j,) = torch.autograd.grad((pictures * y).sum(), [w], create_graph=True)
        lengths = j.square().sum(2).mean(1).sqrt()
        moved = mean.lerp(lengths.mean(), 0.3)
        mean = moved.detach()
        value, grads = with_gradient((lengths - moved).square().mean(), list(generator.parameters()))
        out[f"path length {call}"] = {"value": value, "grad": grads, "mean": mean}
    return out


def regularisers():
    out = {}
    for name, shape in [("wide", [3, 2, 2, 1]), ("tall", [5, 3])]:
        w = numbers(shape, 1).requires_grad_()
        flat = w.flatten(1)
        gram, identity = flat @ flat.T, torch.eye(len(flat))
        # what BigGAN-PyTorch adds to the gradient
        out[f"orthogonal {name}"] = {"off_diagonal.grad": (2 * (gram * (1 - identity)) @ flat).reshape(shape),
                                     "full.grad": (2 * (gram - identity) @ flat).reshape(shape),
                                     "off_diagonal": 0.5 * (gram * (1 - identity)).square().sum(),
                                     "full": 0.5 * (gram - identity).square().sum()}
    means = None
    for call in range(3):
        real, fake = 2 * numbers([4, 1], 10 + call) + 0.5, 2 * numbers([4, 1], 20 + call) - 0.5
        batch = torch.stack([real.mean(), fake.mean()])
        means = batch if means is None else 0.9 * means + 0.1 * batch
        out[f"lecam {call}"] = to_second_order(
            lambda r, f: F.relu(r - means[1]).square().mean() + F.relu(means[0] - f).square().mean(), [real, fake])
        out[f"lecam {call}"]["means"] = means
    return out


def main():
    write("losses.json", {**elementwise(), **cross_entropy(), **kl_gaussian(), **games(), **gradient_penalties(),
                          **path_length(), **regularisers()})


if __name__ == "__main__":
    main()
