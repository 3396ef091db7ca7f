#!/usr/bin/env python3
"""Makes the files in pytorch/ that the reader of PyTorch's files is tested with. Needs PyTorch: run it in this folder.
The tests know the values."""
import os
import pathlib
import zipfile
from collections import OrderedDict

import torch

FOLDER = pathlib.Path(__file__).with_name("pytorch")
DTYPES = ["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]


class Untyped:
    """A tensor on a storage of bytes: how torch saves dtypes that have no storage class of their own."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        t = self.tensor
        return torch._utils._rebuild_tensor_v3, (t.untyped_storage(), t.storage_offset(), tuple(t.size()), t.stride(),
                                                 False, OrderedDict(), t.dtype)


class Command:
    """What must not happen when a file is read."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def count(*shape):
    """0, 1, 2, ..."""
    return torch.arange(float(torch.Size(shape).numel())).reshape(shape)


def state_dict():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.BatchNorm2d(3)).to(memory_format=torch.channels_last)
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(count(*p.shape) + 100 * i)
    return net.state_dict()


def content():
    flat = count(24)
    grid = flat.reshape(4, 6)
    return {
        "state_dict": state_dict(),
        "dtypes": {name: torch.tensor([0, 1, 1, 0]).to(getattr(torch, name)) for name in DTYPES},
        "halves": torch.tensor([1.5, -0.0, 65504, 2**-14, 2**-24, float("inf"), float("-inf"), float("nan")]).half(),
        "bfloats": torch.tensor([1.5, -2.0**100, float("inf"), float("nan")]).bfloat16(),
        "signed": torch.tensor([-128, 127]).to(torch.int8),
        "views": {"whole": flat, "transposed": grid.t(), "inner": grid[1:3, 2:6:2], "last": flat[23],
                  "repeated": flat[5:6].expand(3), "scalar": torch.tensor(2.5, dtype=torch.float64),
                  "empty": torch.empty(0, 3)},
        "parameters": [torch.nn.Parameter(count(2)), torch.nn.Parameter(count(3), requires_grad=False)],
        "untyped": Untyped(count(2, 2).double()),
        "epoch": 3, "lr": 2e-4, "note": "café", "negative": -70000, "wide": 2**40, "huge": -2**70,
        "flag": True, "nothing": None, "betas": (0.5, 0.999), "size": torch.Size([2, 3]),
        "set": {7}, "frozen": frozenset({8}), "raw": b"\x00\xffA",
        "none": b"", "dtype": torch.float16, "of": {5: {"five": "V"}}, "long": list(range(300)),
    }


def rewrite(name, to, compression, change=lambda entry, content: content):
    with zipfile.ZipFile(FOLDER / name) as old, zipfile.ZipFile(FOLDER / to, "w", compression) as new:
        for entry in old.namelist():
            new.writestr(zipfile.ZipInfo(entry), change(entry, old.read(entry)), compression)


def main():
    FOLDER.mkdir(exist_ok=True)
    torch.save(content(), FOLDER / "zip.pth")
    torch.save(content(), FOLDER / "zip_protocol4.pth", pickle_protocol=4)
    torch.save(content(), FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(state_dict(), FOLDER / "state_dict.pth")
    torch.save(count(2, 2), FOLDER / "tensor.pth")
    torch.save({"epoch": 1, "payload": Command()}, FOLDER / "command.pth")
    torch.save({"epoch": 1, "payload": Command()}, FOLDER / "command_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"complex": torch.zeros(2, dtype=torch.complex64)}, FOLDER / "complex.pth")
    torch.save({"unsigned": torch.zeros(2, dtype=torch.uint16)}, FOLDER / "uint16.pth")
    rewrite("tensor.pth", "compressed.pth", zipfile.ZIP_DEFLATED)
    rewrite("tensor.pth", "big_endian.pth", zipfile.ZIP_STORED,
            lambda entry, data: b"big" if entry.endswith("/byteorder") else data)
    with zipfile.ZipFile(FOLDER / "no_pickle.zip", "w") as archive:
        archive.writestr("a/data.txt", "1")


if __name__ == "__main__":
    main()
