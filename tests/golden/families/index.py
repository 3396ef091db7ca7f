import itertools

import torch
import torch.nn.functional as F

from cases import case, tensor


def indices(shape, size):
    values = [sum((k + 2) * v * v for k, v in enumerate(i)) % size for i in itertools.product(*map(range, shape))]
    return torch.tensor(values).reshape(shape)


def make():
    gather = lambda d, i: lambda x: x.gather(d, i)
    case("gather: last", gather(1, indices((3, 5), 7)), tensor((3, 7)))
    case("gather: inner", gather(1, indices((2, 6, 3), 5)), tensor((2, 5, 3)))
    scatter = lambda d, i, shape: lambda g: torch.zeros(shape).scatter_add(d, i, g)
    case("scatter_add: last", scatter(1, indices((3, 5), 7), (3, 7)), tensor((3, 5)))
    case("scatter_add: inner", scatter(1, indices((2, 6, 3), 5), (2, 5, 3)), tensor((2, 6, 3)))
    labels, few = torch.tensor([4, 0, 4, 2, 4, 1, 0]), torch.tensor([4, 3, 0])
    case("index_select: rows", lambda x: x.index_select(0, labels), tensor((5, 3)))
    case("index_select: channels", lambda x: x.index_select(1, few), tensor((2, 5, 3, 2)))
    case("index_add: rows", lambda g: torch.zeros(5, 3).index_add(0, labels, g), tensor((7, 3)))
    case("index_add: channels", lambda g: torch.zeros(2, 5, 3, 2).index_add(1, few, g), tensor((2, 3, 3, 2)))
    case("embedding: labels", lambda t: F.embedding(labels, t), tensor((5, 3)))
    case("flip: both", lambda x: x.flip(2, -1), tensor((2, 3, 4, 5)))
    case("roll: both", lambda x: x.roll((-1, 7), (2, -1)), tensor((2, 1, 4, 5)))
    case("roll: twice", lambda x: x.roll((2, 2), (0, 0)), tensor((5,)))
