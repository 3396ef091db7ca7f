import torch

from cases import case, tensor


def make():
    for equation, a, b in [
        ("ij,jk->ik", (3, 5), (5, 7)), ("ij,jk", (2, 3), (3, 5)), ("bhqd,bhkd->bhqk", (2, 3, 2, 5), (2, 3, 4, 5)),
        ("nchw, oc -> nohw", (2, 3, 2, 4), (5, 3)), ("i,j->ji", (3,), (5,)), ("ij,ij->", (3, 5), (3, 5)),
        ("abc,cd->bd", (2, 3, 5), (5, 3)), ("zA,Ab", (3, 2), (2, 5)),
    ]:
        case("einsum: " + equation, lambda x, y: torch.einsum(equation, x, y), tensor(a), tensor(b))
