import torch

from cases import case, tensor


def make():
    for label, shape, dims in [("last", (3, 7), (-1,)), ("middle", (2, 5, 3), (1,)), ("channel", (2, 3, 2, 5), (0, 2, 3))]:
        case("amin: " + label, lambda x: x.amin(dims), tensor(shape))
        case("var: " + label, lambda x: x.var(dims), tensor(shape))
        case("var: biased, " + label, lambda x: x.var(dims, correction=0), tensor(shape))
        case("stddev: " + label, lambda x: x.std(dims), tensor(shape))
        case("norm: " + label, lambda x: torch.linalg.vector_norm(x, 2, dims), tensor(shape))
    for p in ["1", "3", "inf"]:
        case(f"norm: {p}, middle", lambda x: torch.linalg.vector_norm(x, float(p), 1), tensor((2, 5, 3), away=[0]))
    case("norm: all of [7]", lambda x: torch.linalg.vector_norm(x), tensor((7,)))
    case("cumsum: image", lambda x: x.cumsum(1), tensor((2, 3, 2, 5)))
    case("cumsum: last", lambda x: x.cumsum(1), tensor((3, 7)))
