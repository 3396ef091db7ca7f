import torch
import torch.nn.functional as F

from cases import case, tensor


def make():
    for label, x, w, s, p, d, g, extra in [
        ("padded", (2, 3, 7), (4, 3, 3), 1, 1, 1, 1, 0), ("strided", (1, 2, 8), (3, 2, 4), 2, 1, 1, 1, 0),
        ("groups", (2, 4, 5), (6, 2, 3), 3, 1, 1, 2, 1), ("dilated", (1, 1, 9), (1, 1, 2), 1, 0, 3, 1, 0),
    ]:
        y = F.conv1d(torch.zeros(x), torch.zeros(w), None, s, p, d, g).shape
        bias = label in ("padded", "groups")
        case("conv1d: " + label, lambda a, b, c=None: F.conv1d(a, b, c, s, p, d, g), tensor(x), tensor(w),
             *[tensor((w[0],))] * bias)
        case("conv_transpose1d: " + label, lambda a, b, c=None: F.conv_transpose1d(a, b, c, s, p, extra, g, d), tensor(y),
             tensor(w), *[tensor((x[1],))] * bias)
