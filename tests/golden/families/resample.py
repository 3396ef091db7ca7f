import torch
import torch.nn.functional as F

from cases import case, tensor


def upfirdn2d(x, f, up=(1, 1), down=(1, 1), pad=((0, 0), (0, 0)), gain=1, flip=True):
    """StyleGAN's, from its definition; all pairs are (h, w)."""
    n, c, h, w = x.shape
    z = torch.stack([x] + [torch.zeros_like(x)] * (up[0] - 1), 3).reshape(n, c, h * up[0], w)
    z = torch.stack([z] + [torch.zeros_like(z)] * (up[1] - 1), 4).reshape(n, c, h * up[0], w * up[1])
    z = F.pad(z, (*pad[1], *pad[0]))
    f = torch.tensor(f)
    f = gain * (torch.outer(f, f) if f.ndim == 1 else f)
    f = f.flip(0, 1) if flip else f
    return F.conv2d(z, f.expand(c, 1, *f.shape), groups=c)[:, :, ::down[0], ::down[1]]


def make():
    for label, x, size, scale in [
        ("double", (1, 2, 2, 3), None, (2.0, 2.0)), ("up by size", (1, 2, 3, 2), (7, 5), None),
        ("down by size", (2, 1, 7, 5), (3, 2), None), ("up by scale", (1, 1, 3, 4), None, (1.5, 2.5)),
        ("down by scale", (1, 2, 5, 7), None, (0.7, 0.6)), ("mixed", (1, 3, 5, 2), (2, 6), None),
    ]:
        case("upsample_nearest: " + label, lambda a: F.interpolate(a, size, scale, "nearest"), tensor(x))
        case("upsample_bilinear: " + label,
             lambda a: F.interpolate(a, size, scale, "bilinear", align_corners=False), tensor(x))
    case("pad2d: reflect", lambda a: F.pad(a, (1, 2, 3, 2), "reflect"), tensor((1, 2, 4, 3)))
    case("pad2d: replicate", lambda a: F.pad(a, (1, 0, 2, 5), "replicate"), tensor((2, 2, 3, 2)))
    case("pad2d: zeros", lambda a: F.pad(a, (0, 3, 1, 2)), tensor((1, 2, 3, 5)))
    case("pixel_shuffle: 2", lambda a: F.pixel_shuffle(a, 2), tensor((1, 8, 3, 2)))
    case("pixel_shuffle: 3", lambda a: F.pixel_shuffle(a, 3), tensor((1, 9, 1, 2)))
    case("pixel_unshuffle: 2", lambda a: F.pixel_unshuffle(a, 2), tensor((2, 3, 4, 2)))
    case("pixel_unshuffle: 3", lambda a: F.pixel_unshuffle(a, 3), tensor((1, 1, 3, 6)))

    f121, f1331, uneven = [0.25, 0.5, 0.25], [0.125, 0.375, 0.375, 0.125], [0.5, -0.25, 0.75]
    square = [[0.5, -0.25, 0.75], [1, 0.25, -0.5]]
    for label, x, f, options in [
        ("up", (2, 2, 2, 3), f1331, dict(up=(2, 2), pad=((2, 1), (2, 1)), gain=4)),
        ("down", (1, 2, 6, 5), f1331, dict(down=(2, 2), pad=((1, 1), (1, 1)))),
        ("uneven", (1, 1, 5, 4), uneven, dict(up=(3, 2), down=(2, 3), pad=((1, 2), (0, 3)), gain=1.5)),
        ("correlation", (1, 2, 4, 3), uneven, dict(pad=((1, 1), (2, 0)), flip=False)),
        ("crop", (2, 1, 5, 6), uneven, dict(up=(2, 1), pad=((-3, 1), (2, -2)))),
        ("square", (2, 2, 3, 4), square, dict(up=(2, 1), down=(1, 2), pad=((1, 0), (2, 1)), gain=2)),
        ("square correlation", (1, 3, 4, 3), square, dict(pad=((1, 1), (1, 1)), flip=False)),
    ]:
        case("upfirdn2d: " + label, lambda a: upfirdn2d(a, f, **options), tensor(x))
    case("fir_upsample2d: 121", lambda a: upfirdn2d(a, f121, up=(2, 2), pad=((2, 0), (2, 0)), gain=4), tensor((1, 3, 2, 1)))
    case("fir_downsample2d: 1331", lambda a: upfirdn2d(a, f1331, down=(2, 2), pad=((1, 1), (1, 1))), tensor((1, 2, 4, 6)))
