import torch
import torch.nn.functional as F

from cases import case, tensor


def make():
    for label, shape, dims in [("channel", (2, 3, 2, 5), (0, 2, 3)), ("last", (3, 7), (-1,)), ("middle", (2, 5, 3), (1,))]:
        case("sum: " + label, lambda x, d=dims: x.sum(d), tensor(shape))
        case("mean: " + label, lambda x, d=dims: x.mean(d), tensor(shape))
        case("amax: " + label, lambda x, d=dims: x.amax(d), tensor(shape))
    case("sum_to: bias", lambda x: x.sum_to_size(3, 1, 1), tensor((2, 3, 4, 5)))
    for label, a, b in [("odd", (3, 5), (5, 7)), ("broadcast", (2, 1, 3, 4), (3, 4, 2)), ("shared", (3, 2, 5), (5, 3))]:
        case("matmul: " + label, torch.matmul, tensor(a), tensor(b))
    case("linear: bias", F.linear, tensor((3, 5)), tensor((7, 5)), tensor((7,)))
    case("linear: no bias", F.linear, tensor((3, 5)), tensor((7, 5)))
