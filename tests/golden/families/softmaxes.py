import torch
import torch.nn.functional as F

from cases import case, tensor


def make():
    logits = lambda shape: tensor(shape, low=-3, high=3)
    for label, shape, d in [("last", (3, 7), -1), ("first", (5, 3), 0), ("channels", (2, 3, 2, 4), 1), ("wide", (2, 37), 1)]:
        case("softmax: " + label, lambda x: F.softmax(x, d), logits(shape))
        case("log_softmax: " + label, lambda x: F.log_softmax(x, d), logits(shape))
    case("logsumexp: last", lambda x: torch.logsumexp(x, -1), logits((3, 7)))
    case("logsumexp: keep", lambda x: torch.logsumexp(x, 1, True), logits((2, 5, 3)))
    case("logsumexp: two", lambda x: torch.logsumexp(x, (3, 1)), logits((2, 3, 1, 5)))
