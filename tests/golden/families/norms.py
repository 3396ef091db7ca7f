import torch
import torch.nn.functional as F

from cases import case, tensor


def make():
    eps = 1e-2
    gain = lambda shape: tensor(shape, low=0.5, high=1.5)
    norm = lambda x, g=None, b=None: F.batch_norm(x, None, None, g, b, True, 0.1, eps)
    case("batch_norm: image", norm, tensor((2, 3, 2, 4)), gain((3,)), tensor((3,)))
    case("batch_norm: matrix", norm, tensor((5, 3)), gain((3,)), tensor((3,)))
    case("batch_norm: plain", norm, tensor((3, 2, 3, 1)))
    case("batch_norm: gain", norm, tensor((3, 2, 2, 2)), gain((2,)))
    case("batch_norm: conditional", lambda x, g, b: norm(x) * g[:, :, None, None] + b[:, :, None, None],
         tensor((3, 2, 2, 3)), gain((3, 2)), tensor((3, 2)))
    case("batch_norm: sequence", norm, tensor((2, 3, 5)), gain((3,)), tensor((3,)))
    mean = torch.tensor([0.3 * c - 0.2 for c in range(3)])
    var = torch.tensor([0.5 + 0.25 * c for c in range(3)])
    case("normalize_channels: image", lambda x, g, b: F.batch_norm(x, mean, var, g, b, False, 0.1, eps),
         tensor((2, 3, 2, 4)), gain((3,)), tensor((3,)))
    case("batch_norm: relu", lambda x, g, b: F.relu(norm(x, g, b)), tensor((3, 2, 2, 2)), gain((2,)), tensor((2,)))
    case("batch_norm: leaky relu, conditional",
         lambda x, g, b: F.leaky_relu(norm(x) * g[:, :, None, None] + b[:, :, None, None], 0.2),
         tensor((3, 2, 2, 2)), gain((3, 2)), tensor((3, 2)))
    case("normalize_channels: relu", lambda x, g, b: F.relu(F.batch_norm(x, mean, var, g, b, False, 0.1, eps)),
         tensor((2, 3, 2, 2)), gain((3,)), tensor((3,)))
