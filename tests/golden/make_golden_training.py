#!/usr/bin/env python3
"""Writes training.json: the losses of ten training steps of each system's recipe, and its networks' states after them,
with the small networks of make_golden_cyclegan.py and make_golden_biggan.py.

Weights are those of `set_parameters` and `set_state`; pictures, noise, labels and all other random choices come, here
and in the tests (gan/*_parity_test.cpp), from one stream of random numbers in the same order. Stored are the losses of
each step and one number for each tensor of the states.
"""
import copy

import torch
import torch.nn.functional as F
from torch import nn

import make_golden_biggan as residual
import make_golden_cyclegan as networks
from excerpts import digests
from make_golden_biggan import set_state
from make_golden_cyclegan import set_parameters
from make_golden_nn import Rng, write

STEPS = 10
golden = {}


def record(name, losses, *modules):
    """A row of losses for each step, and digests of the modules' states, counts included."""
    states = [t.double() for m in modules for _, t in sorted(m.state_dict().items())]
    golden[name] = {"losses": torch.stack([torch.stack(row).detach() for row in losses]), "state": digests(states, 900)}


def adam(module, lr, beta1, beta2):
    return torch.optim.Adam(module.parameters(), lr=lr, betas=(beta1, beta2))


def update(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


class Data:
    """The tests' class of that name."""

    def __init__(self, *shape):
        self.rng, self.shape = Rng(7), shape

    def pictures(self):
        return self.rng.uniform(self.shape, -1, 1)

    def noise(self, size):
        return self.rng.normal((self.shape[0], size))

    def labels(self, classes):
        return self.rng.integers((self.shape[0],), classes)


def dcgan():
    G, D = set_parameters(networks.dcgan_generator()), set_parameters(networks.dcgan_discriminator())
    g_optimizer, d_optimizer = adam(G, 2e-4, 0.5, 0.999), adam(D, 2e-4, 0.5, 0.999)
    data, losses = Data(4, 3, 16, 16), []
    judged = lambda x, target: F.binary_cross_entropy(torch.sigmoid(D(x)), torch.full((len(x),), target))
    for _ in range(STEPS):
        real, fake = data.pictures(), G(data.noise(5))
        d_loss = judged(real, 1.0) + judged(fake.detach(), 0.0)
        update(d_optimizer, d_loss)
        g_loss = judged(fake, 1.0)
        update(g_optimizer, g_loss)
        losses.append([d_loss, g_loss])
    record("dcgan", losses, G, D)


def wgan_gp():
    G, D = set_parameters(networks.GanzoGood(1, 4)), set_parameters(networks.GanzoGoodCritic(1))
    g_optimizer, d_optimizer = adam(G, 1e-4, 0.0, 0.9), adam(D, 1e-4, 0.0, 0.9)
    data, losses = Data(4, 3, 16, 16), []
    for _ in range(STEPS):
        for _ in range(5):
            real, fake = data.pictures(), G(data.noise(4)).detach()
            share = data.rng.uniform((4, 1, 1, 1), 0, 1)
            mixed = ((1 - share) * real + share * fake).requires_grad_()
            (slope,) = torch.autograd.grad(D(mixed).sum(), mixed, create_graph=True)
            penalty = 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
            w_loss = D(fake).mean() - D(real).mean()
            update(d_optimizer, w_loss + penalty)
        g_loss = -D(G(data.noise(4))).mean()
        update(g_optimizer, g_loss)
        losses.append([w_loss, penalty, g_loss])
    record("wgan-gp", losses, G, D)


def hinge(real, fake):
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def sngan():
    G = set_state(residual.MimicryGenerator([4] * 4, 4))
    D = set_state(residual.MimicryDiscriminator([3] + [4] * 4, 2))
    g_optimizer, d_optimizer = adam(G, 2e-4, 0.0, 0.9), adam(D, 2e-4, 0.0, 0.9)
    data, losses = Data(2, 3, 32, 32), []
    for _ in range(STEPS):
        for _ in range(5):
            real, fake = data.pictures(), G(data.noise(5)).detach()
            d_loss = hinge(D(real), D(fake))
            update(d_optimizer, d_loss)
        g_loss = -D(G(data.noise(5))).mean()
        update(g_optimizer, g_loss)
        losses.append([d_loss, g_loss])
    record("sngan", losses, G, D)


def add_orthogonal_gradient(parameters, strength):
    for p in parameters:
        if p.dim() >= 2:
            w = p.detach().flatten(1)
            p.grad += strength * (2 * (w @ w.t() * (1 - torch.eye(len(w)))) @ w).reshape(p.shape)


def biggan():
    batches, ema_decay, ema_start = 2, 0.9, 4
    G = set_state(residual.BigganGenerator(latent=8, shared=4, hier=True))
    wide = [(3, 8, True), (8, 8, True), (8, 8, False), (8, 8, False)]
    D = set_state(residual.BigganDiscriminator(wide, range(4)))
    average = copy.deepcopy(G)
    g_optimizer, d_optimizer = adam(G, 5e-5, 0.0, 0.999), adam(D, 2e-4, 0.0, 0.999)
    data, losses = Data(2, 3, 32, 32), []
    for step in range(STEPS):
        row = []
        for _ in range(2):
            d_optimizer.zero_grad()
            for _ in range(batches):
                real, y_real, z, y = data.pictures(), data.labels(3), data.noise(8), data.labels(3)
                with torch.no_grad():
                    fake = G(z, y)
                on_fake, on_real = D(torch.cat([fake, real]), torch.cat([y, y_real])).split(2)
                d_loss = hinge(on_real, on_fake) / batches
                d_loss.backward()
                row.append(d_loss)
            add_orthogonal_gradient(D.parameters(), 1e-4)
            d_optimizer.step()
        g_optimizer.zero_grad()
        for _ in range(batches):
            z, y = data.noise(8), data.labels(3)
            g_loss = -D(G(z, y), y).mean() / batches
            g_loss.backward()
            row.append(g_loss)
        add_orthogonal_gradient([p for p in G.parameters() if p is not G.shared.weight], 1e-4)
        g_optimizer.step()
        decay = 0 if step < ema_start else ema_decay
        with torch.no_grad():
            for slow, now in zip(average.state_dict().values(), G.state_dict().values()):
                slow.copy_(slow * decay + now * (1 - decay))
        losses.append(row)
    record("biggan", losses, G, D, average)


def lsgan(scores, target):
    return (scores - target).square().mean()


def pix2pix():
    G, D = set_parameters(networks.Unet(3, 3, 5, 1, "batch")), set_parameters(networks.Patch(6, 2, 3, "batch"))
    g_optimizer, d_optimizer = adam(G, 2e-4, 0.5, 0.999), adam(D, 2e-4, 0.5, 0.999)
    data, losses = Data(2, 3, 32, 64), []

    def judged(a, b, target):
        scores = D(torch.cat([a, b], 1))
        return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))

    for _ in range(STEPS):
        a, b = data.pictures(), data.pictures()
        fake = G(a)
        d_fake, d_real = judged(a, fake.detach(), 0.0), judged(a, b, 1.0)
        update(d_optimizer, 0.5 * (d_fake + d_real))
        g_gan, g_l1 = judged(a, fake, 1.0), 100 * F.l1_loss(fake, b)
        update(g_optimizer, g_gan + g_l1)
        losses.append([d_real, d_fake, g_gan, g_l1])
    record("pix2pix", losses, G, D)


class ImagePool:
    def __init__(self, capacity, rng):
        self.capacity, self.rng, self.stored = capacity, rng, []

    def query(self, pictures):
        return torch.stack([self.one(x) for x in pictures.detach()])

    def one(self, x):
        if len(self.stored) < self.capacity:
            self.stored.append(x)
            return x
        place = self.rng.below(2 * self.capacity)  # half of the time none of the pool's
        if place >= self.capacity:
            return x
        old, self.stored[place] = self.stored[place], x
        return old


def cyclegan():
    G = set_parameters(nn.ModuleDict({k: networks.Resnet(3, 3, 2, 2, "instance", "reflect") for k in "AB"}))
    D = set_parameters(nn.ModuleDict({k: networks.Patch(3, 2, 2, "instance") for k in "AB"}))
    g_optimizer, d_optimizer = adam(G, 2e-4, 0.5, 0.999), adam(D, 2e-4, 0.5, 0.999)
    data, losses = Data(1, 3, 24, 16), []
    pools = {k: ImagePool(3, data.rng) for k in "AB"}
    for _ in range(STEPS):
        a, b = data.pictures(), data.pictures()
        fake_b, fake_a = G["A"](a), G["B"](b)
        idt_a, idt_b = (5 * F.l1_loss(G[k](x), x) for k, x in (("A", b), ("B", a)))
        g_a, g_b = lsgan(D["A"](fake_b), 1), lsgan(D["B"](fake_a), 1)
        cycle_a, cycle_b = 10 * F.l1_loss(G["B"](fake_b), a), 10 * F.l1_loss(G["A"](fake_a), b)
        update(g_optimizer, g_a + g_b + cycle_a + cycle_b + idt_a + idt_b)
        d_a, d_b = (0.5 * (lsgan(D[k](real), 1) + lsgan(D[k](pools[k].query(fake)), 0))
                    for k, real, fake in (("A", b, fake_b), ("B", a, fake_a)))
        update(d_optimizer, d_a + d_b)
        losses.append([d_a, g_a, cycle_a, idt_a, d_b, g_b, cycle_b, idt_b])
    record("cyclegan", losses, G, D)


def smaller(module):
    """So that scores are not too sure from the start."""
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(0.8)
    return module


def r3gan():
    G = smaller(set_parameters(networks.R3Generator([6, 6, 4], 4, 5, 0)))
    D = smaller(set_parameters(networks.R3Discriminator([6, 6, 4], 4, 0)))
    g_optimizer, d_optimizer = adam(G, 2e-4, 0.0, 0.9), adam(D, 2e-4, 0.0, 0.9)
    data, losses = Data(4, 3, 16, 16), []

    def judged(x, gamma=2):
        """The scores, and the penalty on their gradient."""
        x = x.detach().requires_grad_()
        scores = D(x)
        (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
        return scores, gamma / 2 * slope.square().sum([1, 2, 3]).mean()

    for _ in range(STEPS):
        (on_real, r1), (on_fake, r2) = judged(data.pictures()), judged(G(data.noise(5)))
        d_loss = F.softplus(on_fake - on_real).mean()
        update(d_optimizer, d_loss + r1 + r2)
        g_loss = F.softplus(D(data.pictures()) - D(G(data.noise(5)))).mean()
        update(g_optimizer, g_loss)
        losses.append([d_loss, r1, r2, g_loss])
    record("r3gan", losses, G, D)


def main():
    for recipe in (dcgan, wgan_gp, sngan, biggan, pix2pix, cyclegan, r3gan):
        recipe()
    write("training.json", golden)


if __name__ == "__main__":
    main()
