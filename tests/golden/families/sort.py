import torch

from cases import case, tensor


def make():
    case("sort: last", lambda x: x.sort(stable=True, dim=1).values, tensor((3, 7)))
    case("sort: first", lambda x: x.sort(stable=True, dim=0, descending=True).values, tensor((7, 3)))
    case("topk: last", lambda x: x.topk(3, 1).values, tensor((3, 7)))
    case("topk: smallest", lambda x: x.topk(2, 0, largest=False).values, tensor((7, 3)))
