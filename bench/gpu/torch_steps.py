#!/usr/bin/env python3
"""The training steps of bench/gpu_steps.cpp in PyTorch, on a GPU, in the ways in which its users write and speed them up.

    torch_steps.py NAME:BATCH=VARIANT ... [--device cuda] [--seconds 3]    a line of JSON for each, and one before it
    torch_steps.py --losses NAME:BATCH --start FILE --steps N --precision fp32|tf32|bf16 [--device cuda]

Variants: eager (as written, TF32), bf16 (autocast, channels-last), graph (that, and the whole step as one CUDA graph),
compiled (bf16 with torch.compile of the networks), compiled_graph (both), graph_tf32 (the graph, channels-last, without
autocast). All have fused capturable Adam, cudnn.benchmark and batches that lie on the device. --losses starts from the
weights and inputs that `duel_bench --export` wrote.
"""
import argparse
import contextlib
import json
import math
import pathlib
import sys
import time

import torch

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from compare_torch import read_safetensors  # noqa: E402
import torch_games  # noqa: E402
from torch_workloads import WORKLOADS  # noqa: E402

GROUPS, LEAST_GROUPS, GROUP_SECONDS = 50, 5, 0.02


# What a step is called with, of the batches numbered `first` and on; as many of them as its updates take.


def shared(batches, first):
    return dict(real=batches["real", first], z=batches["z", first])


def hinge(d_steps, own_labels):
    def inputs(batches, first):
        given = {}
        for i in range(d_steps):
            for name in ("real", "z", "labels"):
                given[f"{name}{i}"] = batches[name, first + i]
            if own_labels:  # of the generated pictures: duel's game has those of the real ones
                given[f"fake_labels{i}"] = batches["labels", first + i]
        return dict(given, z=batches["z", first + d_steps], labels=batches["labels", first + d_steps])

    return inputs


def domains(batches, first):
    return dict(a=batches["a", first], b=batches["b", first])


class Workload:
    """`shapes`: of a batch of one, by the input's name, or the number of classes."""

    def __init__(self, make, updates, inputs, **shapes):
        self.make, self.updates, self.inputs, self.shapes = make, updates, inputs, shapes

    def batches(self, size, device, count):
        torch.manual_seed(0)
        found = {}
        for name, shape in self.shapes.items():
            for i in range(count * self.updates):
                if isinstance(shape, int):
                    found[name, i] = torch.randint(shape, (size,), device=device)
                else:
                    found[name, i] = torch.randn(size, *shape, device=device)
        return found


WORKLOADS_ON_GPU = {
    "dcgan-64": Workload(WORKLOADS["dcgan-64"], 1, shared, real=(3, 64, 64), z=(100,)),
    "dcgan-64-r1": Workload(WORKLOADS["dcgan-64-r1"], 1, shared, real=(3, 64, 64), z=(100,)),
    "sngan-32": Workload(WORKLOADS["sngan-32"], 6, hinge(5, True), real=(3, 32, 32), z=(128,), labels=10),
    "biggan-128": Workload(lambda: torch_games.Game(*torch_games.studiogan_biggan_128(96)), 2, hinge(1, False),
                           real=(3, 128, 128), z=(120,), labels=1000),
    "cyclegan-256": Workload(WORKLOADS["cyclegan-128"], 1, domains, a=(3, 256, 256), b=(3, 256, 256)),
}


def use_precision(precision):
    """Returns the context for the step."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "fp32"
    torch.backends.cudnn.benchmark = True
    if precision != "bf16":
        return contextlib.nullcontext
    return lambda: torch.autocast("cuda", torch.bfloat16)


def prepared(workload, variant, device, start=None):
    """The step, with losses that stay on the device."""
    step = workload.make()
    if start is not None:
        step.load(start)
    for network in step.networks.values():
        network.to(device)
    step.rate["capturable"] = device == "cuda"
    step.prepare(variant)

    def minimize(loss, name):
        optimizer = step.optimizers[name]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        torch.clear_autocast_cache()  # of the weights as they were
        return loss.detach()

    step.minimize = minimize
    return step


def as_graph(step, batches, inputs):
    """The whole step recorded: a function of a step's number that copies the inputs to where they are read."""
    static = {k: v.clone() for k, v in inputs(batches, 0).items()}
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step(**static)
    torch.cuda.current_stream().wait_stream(side)
    for optimizer in step.optimizers.values():
        optimizer.zero_grad()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(**static)

    def replay(first):
        for name, value in inputs(batches, first).items():
            static[name].copy_(value)
        graph.replay()

    return replay


def timed(run, seconds, wait):
    """Median and best seconds, over groups of steps between two waits."""
    number = 0

    def group_of(steps):
        nonlocal number
        start = time.perf_counter()
        for _ in range(steps):
            run(number)
            number += 1
        wait()
        return time.perf_counter() - start

    group_of(5)
    steps = min(50, max(1, math.ceil(GROUP_SECONDS / (group_of(3) / 3))))
    each, spent = [], 0.0
    while len(each) < LEAST_GROUPS or (len(each) < GROUPS and spent < seconds):
        each.append(group_of(steps))
        spent += each[-1]
    each = sorted(t / steps for t in each)
    return each[len(each) // 2], each[0], len(each), steps


def measure(name, batch, variant, device, seconds):
    workload = WORKLOADS_ON_GPU[name]
    precision = "tf32" if variant in ("eager", "graph_tf32") else "bf16"
    context = use_precision(precision if device == "cuda" else "tf32")
    if variant.startswith("compiled") and "r1" in name:
        return {"error": "torch.compile has no gradients of gradients"}
    step = prepared(workload, "compiled" if variant.startswith("compiled") else
                    "contiguous" if variant == "eager" else "channels_last", device)
    count = 2
    batches = workload.batches(batch, device, count)
    batches = {k: step.laid_out({k[0]: v})[k[0]] for k, v in batches.items()}

    def in_context(**inputs):
        with context():
            return step(**inputs)

    in_context.optimizers = step.optimizers
    if "graph" in variant:
        replay = as_graph(in_context, batches, workload.inputs)
        run = lambda i: replay(i % count * workload.updates)
    else:
        run = lambda i: in_context(**workload.inputs(batches, i % count * workload.updates))
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    median, best, groups, steps = timed(run, seconds, wait)
    row = {"precision": precision, "ms": 1e3 * median, "best_ms": 1e3 * best, "groups": groups, "steps_per_group": steps,
           "images_per_second": batch / median}
    if device == "cuda":
        row["peak_bytes"] = torch.cuda.max_memory_allocated()
    return row


def measure_all(specs, device, seconds):
    for spec in specs:
        print(json.dumps({"begin": spec}), flush=True)
        workload, variant = spec.split("=")
        name, batch = workload.split(":")
        try:
            row = measure(name, int(batch), variant, device, seconds)
        except Exception as e:  # the next one may work
            row = {"error": f"{type(e).__name__}: {str(e)[:300]}"}
        print(json.dumps({"spec": spec, "name": workload, "variant": variant, **row}), flush=True)
        if device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


def losses(workload, start, steps, precision, device):
    workload = WORKLOADS_ON_GPU[workload.split(":")[0]]
    state = read_safetensors(start)
    weights = {k: v for k, v in state.items() if not k.startswith("input.")}
    context = use_precision(precision)
    torch.backends.cudnn.benchmark = False
    step = prepared(workload, "channels_last", device, weights)
    batches = {}
    for key, value in state.items():
        if key.startswith("input."):
            name = key.removeprefix("input.").rstrip("0123456789")
            value = step.laid_out({name: value.to(device)})[name]
            batches[name, int(key[len("input." + name):])] = value
    found = []
    for i in range(steps):
        with context():
            found.append(step(**workload.inputs(batches, i * workload.updates)))
    finite = lambda x: x if math.isfinite(x) else None  # as in duel's JSON
    print(json.dumps({"losses": [[finite(float(loss)) for loss in one] for one in found]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*", metavar="NAME:BATCH=VARIANT")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--losses", metavar="NAME:BATCH")
    parser.add_argument("--start")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "tf32", "bf16"])
    arguments = parser.parse_args()
    if arguments.losses:
        losses(arguments.losses, arguments.start, arguments.steps, arguments.precision, arguments.device)
    else:
        measure_all(arguments.specs, arguments.device, arguments.seconds)


if __name__ == "__main__":
    main()
