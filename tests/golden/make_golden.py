#!/usr/bin/env python3
"""Writes operations/*.json, one per module of families/: PyTorch's values, gradients and double gradients of the op table's
cases, in float64.

Needed only to make the files again: python make_golden.py [family ...]. The tests read them (autograd/golden_test.cpp). A
case is named as in the op table, "operation: label"; shapes and constants here are those of the row.
"""
import importlib
import json
import pathlib
import sys

import torch

from cases import cases


def main():
    here = pathlib.Path(__file__).parent
    for name in sys.argv[1:] or sorted(f.stem for f in (here / "families").glob("*.py")):
        torch.manual_seed(0)
        cases.clear()
        importlib.import_module(f"families.{name}").make()
        lines = [f"{json.dumps(key)}: {json.dumps(c, separators=(',', ':'))}" for key, c in cases.items()]
        file = here / "operations" / f"{name}.json"
        file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        print(f"{file}: {len(cases)} cases, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
