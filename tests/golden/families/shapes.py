import torch
import torch.nn.functional as F

from cases import case, tensor


def make():
    case("expand: channel", lambda x: x.expand(2, 3, 4, 5), tensor((1, 3, 1, 1)))
    case("reshape: mixed", lambda x: x.reshape(2, 6), tensor((4, 3)))
    case("flatten: image", lambda x: x.flatten(1), tensor((2, 3, 2, 5)))
    case("permute: image", lambda x: x.permute(0, 2, 3, 1), tensor((2, 3, 4, 5)))
    case("transpose: inner", lambda x: x.transpose(1, 3), tensor((2, 3, 4, 5)))
    case("slice: step", lambda x: x[:, 1:7:2], tensor((2, 7)))
    case("slice_grad: step", lambda x: torch.ops.aten.slice_backward(x, [2, 7], 1, 1, 7, 2), tensor((2, 3)))
    case("concat: channels", lambda a, b: torch.cat([a, b], 1), tensor((2, 3, 2, 2)), tensor((2, 1, 2, 2)))
    case("pad: image", lambda x: F.pad(x, (0, 1, 1, 2)), tensor((2, 3, 3, 4)))
    case("pad: value", lambda x: F.pad(x, (1, 1), value=-0.7), tensor((3, 2)))
    case("pad: both", lambda x: F.pad(x, (2, -1, -1, 2)), tensor((5, 3)))
    joined = lambda parts, d: torch.cat([(i + 1) * p for i, p in enumerate(parts)][::-1], d)
    case("unsqueeze: last", lambda x: x.unsqueeze(-1), tensor((3, 5)))
    case("squeeze: first", lambda x: x.squeeze(0), tensor((1, 3, 5)))
    case("stack: last", lambda a, b: torch.stack([a, b], -1), tensor((3, 5)), tensor((3, 5)))
    case("split: sizes", lambda x: joined(x.split([2, 0, 4, 1]), 0), tensor((7, 3)))
    case("split: even", lambda x: joined(x.split(3, 1), 1), tensor((3, 7)))
    case("chunk: fewer", lambda x: joined(x.chunk(4), 0), tensor((6,)))
    case("unbind: rows", lambda x: joined([p[None] for p in x.unbind()], 0), tensor((3, 5)))
