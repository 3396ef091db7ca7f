import torch

from cases import case, tensor


def pattern(shape):
    n = 1
    for s in shape:
        n *= s
    return torch.tensor([i % 3 != 1 for i in range(n)]).reshape(shape)


def make():
    halves = dict(low=-2, high=2, away=[-1.5, -0.5, 0.5, 1.5])
    for name in ["gt", "ge", "lt", "le", "eq", "ne"]:
        compare = getattr(torch, name)
        case(f"{name}: outer", lambda a, b: compare(a.round(), b.round()) * a, tensor((3, 1), **halves),
             tensor((1, 5), **halves))
        case(f"{name}: number, prime", lambda x: compare(x.round(), 1) * x, tensor((7,), **halves))
    where = lambda c: lambda a, b: torch.where(pattern(c), a, b)
    case("where: outer", where((3, 1)), tensor((1, 5)), tensor((3, 5)))
    case("where: image", where((2, 1, 4, 3)), tensor((2, 3, 4, 3)), tensor((3, 1, 1)))
    fill = lambda c: lambda x: x.masked_fill(pattern(c), -0.7)
    case("masked_fill: row", fill((5,)), tensor((3, 5)))
