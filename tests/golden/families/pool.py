import torch
import torch.nn.functional as F

from cases import case, tensor


def distinct(shape):
    """Evenly spaced and shuffled: no ties."""
    n = torch.Size(shape).numel()
    return (torch.randperm(n).reshape(shape) * 8 - 4 * n) / 256


def grid(n, h, w, size):
    """Places at least 1/16 of a pixel away from pixels' centres and edges, some of them outside."""
    t = tensor((n, h, w, 2), low=-1.9, high=1.9)
    kinks = torch.arange(-2 * size, 4 * size + 1) / size - 1
    while True:
        near = ((t[..., None] - kinks).abs() < 1 / 16 / size).any(-1)
        if not near.any():
            return t
        t = torch.where(near, tensor(t.shape, low=-1.9, high=1.9), t)


def make():
    for label, x, k, s, p in [("halve", (2, 3, 4, 6), 2, 2, 0), ("padded", (1, 2, 5, 4), 3, 2, 1)]:
        case("avg_pool2d: " + label, lambda a: F.avg_pool2d(a, k, s, p), tensor(x))
    case("avg_pool2d: without padding", lambda a: F.avg_pool2d(a, 3, 2, 1, count_include_pad=False), tensor((1, 2, 5, 4)))
    case("avg_pool2d: uneven", lambda a: F.avg_pool2d(a, (4, 2), (1, 3), (2, 1), count_include_pad=False),
         tensor((2, 1, 7, 5)))
    for label, x, size in [("even", (2, 3, 4, 6), (2, 3)), ("overlapping", (1, 2, 7, 5), (3, 2)),
                           ("larger", (1, 1, 2, 3), (5, 4))]:
        case("adaptive_avg_pool2d: " + label, lambda a: F.adaptive_avg_pool2d(a, size), tensor(x))
    for label, x, k, s, p, d in [
        ("halve", (2, 3, 4, 6), 2, 2, 0, 1), ("overlapping", (1, 2, 5, 4), 3, (1, 2), 1, 1),
        ("uneven", (2, 1, 7, 5), (4, 1), (1, 3), (2, 0), 1), ("dilated", (1, 2, 7, 6), (2, 3), (2, 1), (1, 1), (3, 2)),
    ]:
        case("max_pool2d: " + label, lambda a: F.max_pool2d(a, k, s, p, d), distinct(x))
    case("global_sum_pool: image", lambda a: a.sum((2, 3)), tensor((2, 3, 4, 5)))
    case("global_mean_pool: image", lambda a: a.mean((2, 3)), tensor((2, 3, 4, 5)))

    for label, n, h, w in [("image", 2, 3, 4), ("one", 1, 1, 1), ("tall", 3, 5, 2)]:
        case("affine_grid: " + label, lambda t: F.affine_grid(t, (n, 1, h, w), align_corners=False), tensor((n, 2, 3)))
    for label, x, (h, w), outside in [
        ("zeros", (2, 3, 3, 3), (2, 4), "zeros"), ("border", (2, 2, 4, 4), (3, 2), "border"),
        ("reflection", (1, 3, 3, 3), (4, 3), "reflection"), ("not square", (1, 2, 2, 4), (5, 1), "zeros"),
    ]:
        case("grid_sample: " + label, lambda a, g: F.grid_sample(a, g, "bilinear", outside, align_corners=False), tensor(x),
             grid(x[0], h, w, max(x[2:])))
