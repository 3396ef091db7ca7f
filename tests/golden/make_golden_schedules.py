#!/usr/bin/env python3
"""Writes schedules.json: the learning rates (of a base rate 1) that torch.optim.lr_scheduler gives, and fastai's
one-cycle by its formula.

Run it with a Python that has numpy and torch (CPU).
"""
import math

import torch
from torch.optim import lr_scheduler

from make_golden_nn import Rng, write


def rates(make, steps=30, lr=1.0, key="lr"):
    """What the optimiser uses in each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    schedule, out = make(optimizer), []
    for _ in range(steps):
        out.append(optimizer.param_groups[0][key])
        optimizer.step()
        schedule.step()
    return torch.tensor(out)


def plateau(metrics, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, out = lr_scheduler.ReduceLROnPlateau(optimizer, **options), []
    for metric in metrics:
        schedule.step(metric)
        out.append(optimizer.param_groups[0]["lr"])
    return torch.tensor(out)


def fastai_one_cycle(total, first, middle, last, pct_start=0.25):
    cosine = lambda start, end, pos: start + (1 + math.cos(math.pi * (1 - pos))) * (end - start) / 2
    at = lambda pos: (cosine(first, middle, pos / pct_start) if pos < pct_start else
                      cosine(middle, last, (pos - pct_start) / (1 - pct_start)))
    return torch.tensor([at(step / total) for step in range(total)])


def main():
    s, warmup = lr_scheduler, lambda o: lr_scheduler.LinearLR(o, start_factor=0.25, total_iters=8)
    cyclegan = lambda e: 1.0 - max(0, e + 1 - 10) / float(12 + 1)
    one_cycle = lambda o: s.OneCycleLR(o, max_lr=1.0, total_steps=31, pct_start=0.3, div_factor=10, final_div_factor=50)
    schedules = {
        "constant": rates(lambda o: s.LambdaLR(o, lambda e: 1)),
        "linear": rates(lambda o: s.LambdaLR(o, cyclegan), steps=22),
        "step": rates(lambda o: s.StepLR(o, step_size=7, gamma=0.3)),
        "multi_step": rates(lambda o: s.MultiStepLR(o, milestones=[3, 11, 12], gamma=0.5)),
        "exponential": rates(lambda o: s.ExponentialLR(o, gamma=0.9)),
        "cosine": rates(lambda o: s.CosineAnnealingLR(o, T_max=12, eta_min=0.1)),
        "one_cycle": rates(one_cycle),
        "one_cycle momentum": rates(one_cycle, key="momentum"),
        "warmup": rates(warmup),
        "warmup cosine": rates(lambda o: s.ChainedScheduler([warmup(o), s.CosineAnnealingLR(o, T_max=40)])),
        "fastai": fastai_one_cycle(30, 1 / 25, 1, 1e-5),
        "fastai momentum": fastai_one_cycle(30, 0.95, 0.85, 0.95),
    }
    metrics = (1 + Rng(1).uniform((60,), -0.2, 0.2)) * torch.linspace(2, 1, 60).clamp(min=1.4)
    common = dict(factor=0.2, threshold=0.01, patience=5)
    plateaus = {
        "metrics": metrics,
        "min": plateau(metrics.tolist(), **common),
        "max": plateau((-metrics + 5).tolist(), mode="max", **common),
        "absolute": plateau((metrics - 2).tolist(), factor=0.5, threshold=0.05, patience=3, threshold_mode="abs"),
        "cooldown": plateau(metrics.tolist(), factor=0.3, threshold=0.02, patience=2, cooldown=4, min_lr=0.01),
    }
    write("schedules.json", {"schedules": schedules, "plateaus": plateaus})


if __name__ == "__main__":
    main()
