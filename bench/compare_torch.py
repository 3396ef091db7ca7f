#!/usr/bin/env python3
"""Runs duel's training step and the same step in PyTorch in turn, and prints the ratio of their times.

    bench/compare_torch.py [--json FILE] [--bench build/release/bench/duel_bench] [--rounds 7] [--threads N]

Needs torch and numpy. First it loads duel's weights and inputs into PyTorch and checks that both compute the same losses.
A ratio above 1 means that duel is faster.
"""
import argparse
import json
import os
import statistics
import struct
import subprocess
import tempfile
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

LATENT, CLASSES, WIDTH, BATCH = 64, 10, 64, 64


def read_safetensors(path):
    raw = open(path, "rb").read()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    options = {k: float(v) for k, v in header.pop("__metadata__", {}).items()}
    types = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "U8": np.uint8}
    out = {}
    for name, entry in header.items():
        begin, end = (8 + length + o for o in entry["data_offsets"])
        array = np.frombuffer(raw[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
        out[name] = torch.from_numpy(array.copy())
    return out, options


class ConditionalBatchNorm2d(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.bias = nn.Embedding(CLASSES, channels), nn.Embedding(CLASSES, channels)

    def forward(self, x, y):
        return (1 + self.gain(y))[:, :, None, None] * self.norm(x) + self.bias(y)[:, :, None, None]


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(LATENT, 2 * WIDTH * 49, bias=False)
        self.norms = nn.ModuleList([ConditionalBatchNorm2d(2 * WIDTH), ConditionalBatchNorm2d(WIDTH)])
        self.ups = nn.ModuleList([nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1, bias=False), nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1)])

    def forward(self, z, y):
        x = self.project(z).reshape(-1, 2 * WIDTH, 7, 7)
        for norm, up in zip(self.norms, self.ups):
            x = up(F.relu(norm(x, y)))
        return torch.tanh(x)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.downs = nn.ModuleList([nn.Conv2d(1, WIDTH, 4, 2, 1), nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1)])
        self.psi, self.classes = nn.Linear(2 * WIDTH * 49, 1), nn.Embedding(CLASSES, 2 * WIDTH * 49)

    def forward(self, x, y):
        for down in self.downs:
            x = F.leaky_relu(down(x), 0.2)
        h = x.flatten(1)
        return self.psi(h).flatten() + (self.classes(y) * h).sum(1)


class TorchStep:
    """One step of the conditional game, as a PyTorch user would write it."""

    def __init__(self, state, options, channels_last):
        self.options = options
        self.g, self.d = Generator(), Discriminator()
        self.load(state)
        self.ema = Generator()
        self.ema.load_state_dict(self.g.state_dict())
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.g.to(memory_format=self.format)
        self.d.to(memory_format=self.format)
        betas = options["beta1"], options["beta2"]
        self.g_optimizer = torch.optim.Adam(self.g.parameters(), options["generator_lr"], betas, fused=True)
        self.d_optimizer = torch.optim.Adam(self.d.parameters(), options["discriminator_lr"], betas, fused=True)

    def load(self, state):
        rename = lambda name: name.replace("running_", "norm.running_").replace("num_b", "norm.num_b")
        for prefix, net in (("generator.", self.g), ("discriminator.", self.d)):
            net.load_state_dict({rename(k[len(prefix):]): v for k, v in state.items() if k.startswith(prefix)})

    def __call__(self, real, labels, z_d, labels_g, z_g):
        real = real.contiguous(memory_format=self.format)
        with torch.no_grad():
            fake = self.g(z_d, labels)
        d_loss = F.softplus(-self.d(real, labels)).mean() + F.softplus(self.d(fake, labels)).mean()
        if self.options["r1_gamma"] > 0:
            x = real.detach().requires_grad_()
            (g,) = torch.autograd.grad(self.d(x, labels).sum(), x, create_graph=True)
            d_loss = d_loss + self.options["r1_gamma"] / 2 * g.square().sum((1, 2, 3)).mean()
        self.d_optimizer.zero_grad()
        d_loss.backward()
        self.d_optimizer.step()
        self.d.requires_grad_(False)
        g_loss = F.softplus(-self.d(self.g(z_g, labels_g), labels_g)).mean()
        self.g_optimizer.zero_grad()
        g_loss.backward()
        self.g_optimizer.step()
        self.d.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.g.parameters()), 1 - self.options["ema_decay"])
        return d_loss.item(), g_loss.item()


def duel_medians(arguments, extra=()):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        command = [arguments.bench, "--only", "dcgan-fashion", "--repeat", "10", "--json", report, *extra]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.load(open(report))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--bench", default="build/release/bench/duel_bench")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    with tempfile.TemporaryDirectory() as folder:
        exported = os.path.join(folder, "step.safetensors")
        duel_medians(arguments, ("--export", exported))
        state, options = read_safetensors(exported)
    inputs = [state["input." + n] for n in ("pictures", "labels", "discriminator_z", "generator_labels", "generator_z")]
    ours, theirs = state["output.losses"].numpy(), np.array(TorchStep(state, options, False)(*inputs))
    assert np.allclose(ours, theirs, rtol=1e-4), f"the losses differ: duel {ours}, torch {theirs}"
    print(f"the same losses: duel {ours}, torch {theirs}")

    variants = {"contiguous": TorchStep(state, options, False), "channels_last": TorchStep(state, options, True)}
    times = {name: [] for name in variants}
    reports = []
    for _ in range(arguments.rounds):
        reports.append(duel_medians(arguments))
        for name, step in variants.items():
            for i in range(12):
                start = time.perf_counter()
                step(*inputs)
                if i >= 2:
                    times[name].append(1e3 * (time.perf_counter() - start))
    best = min(times, key=lambda name: statistics.median(times[name]))
    torch_ms = statistics.median(times[best])
    duel_ms = statistics.median(r["results"][0]["median_ms"] for r in reports)
    row = {
        "name": "dcgan-fashion", "ours_ms": duel_ms, "torch_ms": torch_ms, "ratio": torch_ms / duel_ms,
        "fraction_of_peak": statistics.median(r["results"][0]["fraction_of_peak"] for r in reports),
        "torch_variant": best, "threads": arguments.threads, "torch": torch.__version__,
        "peak_gflops": statistics.median(r["peak_gflops"] for r in reports),
    }
    print(f"{row['name']}: duel {duel_ms:.1f} ms, torch {torch.__version__} ({best}) {torch_ms:.1f} ms, ratio "
          f"{row['ratio']:.2f}, {100 * row['fraction_of_peak']:.0f}% of the machine's peak")
    if arguments.json:
        with open(arguments.json, "w") as out:
            json.dump({"workloads": [row]}, out, indent=1)


if __name__ == "__main__":
    main()
