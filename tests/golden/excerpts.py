"""How the golden files of whole networks keep their tensors short: samples of the larger ones, and of each gradient one
number."""
import json
import pathlib

import torch

from make_golden_nn import numbers


def sample(t):
    """Not more than some 30 elements, evenly spaced."""
    t = t.detach().reshape(-1)
    return t[::max(1, t.numel() // 19)]


def digests(tensors, seed):
    """Of each its inner product with random numbers."""
    return torch.stack([(t * numbers(t.shape, seed + i)).sum() for i, t in enumerate(tensors)])


def packed(t):
    return {"shape": list(t.shape), "values": [float(f"{v:.11g}") for v in t.detach().reshape(-1).tolist()]}


def write(file, golden):
    """A line for each network."""
    lines = [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in golden.items()]
    pathlib.Path(__file__).with_name(file).write_text("{\n" + ",\n".join(lines) + "\n}\n")
