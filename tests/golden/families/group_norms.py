import torch
import torch.nn.functional as F

from cases import case, tensor


def make():
    eps = 1e-2
    gain = lambda shape: tensor(shape, low=0.5, high=1.5)
    per_sample = lambda y, g, b: y * g[:, :, None, None] + b[:, :, None, None]

    group = lambda groups: lambda x, g=None, b=None: F.group_norm(x, groups, g, b, eps)
    case("group_norm: image", group(3), tensor((2, 6, 2, 3)), gain((6,)), tensor((6,)))
    case("group_norm: matrix", group(2), tensor((3, 6)), gain((6,)), tensor((6,)))
    case("group_norm: conditional", lambda x, g, b: per_sample(group(2)(x), g, b), tensor((3, 4, 2, 2)), gain((3, 4)),
         tensor((3, 4)))

    instance = lambda x, g=None, b=None: F.instance_norm(x, None, None, g, b, True, 0.1, eps)
    case("instance_norm: image", instance, tensor((2, 3, 2, 4)), gain((3,)), tensor((3,)))
    case("instance_norm: plain", instance, tensor((3, 2, 3, 1)))
    case("instance_norm: sequence", instance, tensor((2, 3, 5)), gain((3,)), tensor((3,)))
    case("adaptive_instance_norm: image", lambda x, g, b: per_sample(instance(x), g, b), tensor((2, 3, 2, 4)),
         gain((2, 3)), tensor((2, 3)))

    layer = lambda dims: lambda x, g=None, b=None: F.layer_norm(x, x.shape[-dims:], g, b, eps)
    case("layer_norm: image", layer(3), tensor((2, 3, 2, 3)), gain((3, 2, 3)), tensor((3, 2, 3)))
    case("layer_norm: image, plain", layer(3), tensor((2, 3, 1, 5)))
    case("layer_norm: last", layer(1), tensor((2, 3, 7)), gain((7,)), tensor((7,)))
    case("layer_norm: last, plain", layer(1), tensor((5, 3)))
    case("layer_norm: one", layer(1), tensor((3, 1)), gain((1,)), tensor((1,)))

    case("pixel_norm: image", lambda x: x / (x.square().mean(1, keepdim=True) + eps).sqrt(), tensor((2, 3, 2, 4)))
    case("group_norm: leaky relu, conditional", lambda x, g, b: F.leaky_relu(
        group(2)(x) * g[:, :, None, None] + b[:, :, None, None], 0.2), tensor((3, 4, 2, 1)), gain((3, 4)), tensor((3, 4)))
    case("group_norm: relu", lambda x, g, b: F.relu(group(2)(x, g, b)), tensor((2, 4, 3, 1)), gain((4,)), tensor((4,)))
    case("instance_norm: relu, plain", lambda x: F.relu(instance(x)), tensor((2, 2, 3, 2)))
    case("layer_norm: leaky relu, plain", lambda x: F.leaky_relu(layer(3)(x), 0.2), tensor((3, 2, 1, 3)))
