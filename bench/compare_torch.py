#!/usr/bin/env python3
"""Runs duel's training steps and the same steps in PyTorch in turn, and prints the ratios of their times.

    bench/compare_torch.py [NAME ...] [--json FILE] [--bench build/release/bench/duel_bench] [--rounds 5] [--threads N]
                           [--variants contiguous,channels_last,compiled] [--check]

Needs torch and numpy. Before a step is timed, duel's weights and inputs are loaded into PyTorch and both must compute the
same losses. PyTorch is timed in several variants, of which the fastest counts; each runs in a process of its own, which
also tells its memory. A ratio above 1 means that duel is faster. --check compares the losses and times nothing.
"""
import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time


def read_safetensors(path):
    import numpy as np
    import torch

    raw = open(path, "rb").read()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    types = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "U8": np.uint8}
    out = {}
    for name, entry in header.items():
        begin, end = (8 + length + o for o in entry["data_offsets"])
        array = np.frombuffer(raw[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
        out[name] = torch.from_numpy(array.copy())
    return out


def peak_resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024e-6 for line in status if line.startswith("VmHWM:"))


def split_inputs(state):
    inputs = {k: v for k, v in state.items() if k.startswith("input.")}
    return inputs, state["output.losses"].tolist(), {k: v for k, v in state.items() if not k.startswith(("input.", "output."))}


def work(name, variant, exported, threads):
    """A worker: for each line on stdin, that many seconds of steps; prints their times, the losses first."""
    import torch
    import torch_workloads

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    inputs, _, weights = split_inputs(read_safetensors(exported))
    step = torch_workloads.WORKLOADS[name]()
    if variant == "compiled" and step.penalised:
        return print(json.dumps({"error": "torch.compile has no gradients of gradients"}))
    step.load(weights)
    step.prepare(variant)
    inputs = step.laid_out(inputs)
    del weights
    report = lambda **values: print(json.dumps(values), flush=True)
    losses = list(step(**inputs))
    report(losses=losses)
    for line in sys.stdin:
        step(**inputs)  # after a pause, caches are cold and processors slow
        times, began = [], time.perf_counter()
        while not times or time.perf_counter() - began < float(line):
            start = time.perf_counter()
            step(**inputs)
            times.append(1e3 * (time.perf_counter() - start))
        report(times=times, peak_mb=peak_resident_mb())


def first_step(name, threads):
    """From nothing to the end of the first step, with PyTorch's own first weights."""
    import torch
    import torch_workloads

    torch.set_num_threads(threads)
    step = torch_workloads.WORKLOADS[name]()
    step.prepare("channels_last")
    labels = lambda: torch.randint(10, (64,))
    step(torch.rand(64, 1, 28, 28), labels(), labels(), torch.randn(64, 64), torch.randn(64, 64))


class Worker:
    def __init__(self, name, variant, exported, threads):
        command = [sys.executable, __file__, "--work", name, variant, exported, str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process ended"}

    def time(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def duel_report(arguments, name, *extra):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        command = [arguments.bench, "--step", name, "--threads", str(arguments.threads), "--json", report, *extra]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.load(open(report)) if os.path.exists(report) else None


def agree(ours, theirs):
    return len(ours) == len(theirs) and all(abs(a - b) <= 2e-3 * max(1, abs(a)) for a, b in zip(ours, theirs))


def compare(arguments, name, folder):
    exported = os.path.join(folder, f"{name}.safetensors")
    duel_report(arguments, name, "--export", exported)
    _, losses, _ = split_inputs(read_safetensors(exported))
    workers = {}
    for variant in arguments.variants.split(","):
        worker = Worker(name, variant, exported, arguments.threads)
        if "error" in worker.first:
            print(f"{name}: not {variant}: {worker.first['error']}", file=sys.stderr)
            continue
        assert agree(losses, worker.first["losses"]), f"{name}: losses differ: duel {losses}, torch {worker.first}"
        workers[variant] = worker

    assert workers, f"{name}: PyTorch ran in none of the variants {arguments.variants}"
    if arguments.check:
        print(f"{name}: losses {losses}, torch {[w.first['losses'] for w in workers.values()]}")
        for worker in workers.values():
            worker.end()
        return None

    reports, times, memory = [], {v: [] for v in workers}, {}
    for i in range(arguments.rounds):
        reports.append(duel_report(arguments, name, "--repeat", "3"))
        for variant, worker in workers.items():
            answer = worker.time(1.0)
            times[variant] += answer["times"]
            memory[variant] = answer["peak_mb"]
        if i == 0:  # the slow variants need no further rounds
            best = min(min(t) for t in times.values())
            for variant in [v for v, t in times.items() if min(t) > 1.25 * best]:
                workers.pop(variant).end()
    for worker in workers.values():
        worker.end()
    best = min(workers, key=lambda v: statistics.median(times[v]))
    rows = [r["results"][0] for r in reports]
    ours, theirs = statistics.median(r["median_ms"] for r in rows), statistics.median(times[best])
    return {
        "name": name, "ours_ms": ours, "torch_ms": theirs, "ratio": theirs / ours,
        "fraction_of_peak": statistics.median(r["fraction_of_peak"] for r in rows),
        "gflop": rows[0]["gflop"], "ours_mb": max(r["peak_resident_mb"] for r in rows),
        "torch_mb": memory[best], "memory_share": max(r["peak_resident_mb"] for r in rows) / memory[best],
        "torch_variant": best, "torch_variants_ms": {v: statistics.median(t) for v, t in times.items()},
        "threads": arguments.threads, "peak_gflops": max(r["peak_gflops"] for r in reports),
    }


def compare_start(arguments):
    """Process start to the end of the first step of the demo's networks."""
    def seconds(command):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    name = "dcgan-fashion"
    ours = [arguments.bench, "--first-step", name, "--threads", str(arguments.threads)]
    theirs = [sys.executable, __file__, "--first-step", name, str(arguments.threads)]
    both = [(seconds(ours), seconds(theirs)) for _ in range(arguments.rounds + 1)][1:]
    ours_s, theirs_s = (statistics.median(b) for b in zip(*both))
    return {"name": "first-step", "ours_ms": 1e3 * ours_s, "torch_ms": 1e3 * theirs_s, "ratio": theirs_s / ours_s}


def main():
    if sys.argv[1:2] == ["--work"]:
        return work(*sys.argv[2:5], int(sys.argv[5]))
    if sys.argv[1:2] == ["--first-step"]:
        return first_step(sys.argv[2], int(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--json")
    parser.add_argument("--bench", default="build/release/bench/duel_bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--variants", default="contiguous,channels_last,compiled")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    listed = subprocess.run([arguments.bench, "--step", "list"], check=True, capture_output=True, text=True)
    names = arguments.names or ["first-step", *listed.stdout.split()]
    workloads = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            row = compare_start(arguments) if name == "first-step" else compare(arguments, name, folder)
            if row is None:
                continue
            workloads.append(row)
            print(f"{name:22} duel {row['ours_ms']:9.1f} ms, torch {row['torch_ms']:9.1f} ms, ratio {row['ratio']:5.2f}",
                  end="")
            if "gflop" in row:
                print(f", {100 * row['fraction_of_peak']:3.0f}% of peak, memory {row['ours_mb']:6.0f} of "
                      f"{row['torch_mb']:6.0f} MB ({100 * row['memory_share']:.0f}%), torch's best: {row['torch_variant']}", end="")
            print(flush=True)
            if arguments.json:
                with open(arguments.json, "w") as out:
                    json.dump({"workloads": workloads}, out, indent=1)


if __name__ == "__main__":
    main()
