import torch.nn.functional as F

from cases import case, tensor


def make():
    geometries = {  # label: x of the convolution, weight, padding, bias
        "3 x 3": ((2, 3, 8, 6), (4, 3, 3, 3), (1, 1), True),
        "unpadded": ((1, 2, 6, 8), (3, 2, 3, 3), (0, 0), False),
        "uneven": ((2, 1, 6, 10), (2, 1, 5, 2), (3, 1), True),
        "1 x 1": ((2, 3, 4, 6), (2, 3, 1, 1), (0, 0), False),
        "odd": ((2, 3, 7, 5), (4, 3, 3, 3), (1, 1), False),
    }
    for label, (x, w, p, bias) in geometries.items():
        biases = [tensor((w[0],))] if bias else []
        if label != "odd":
            case("upsample_conv2d: " + label, lambda a, b, c=None: F.conv2d(F.interpolate(a, scale_factor=2), b, c, 1, p),
                 tensor((x[0], x[1], x[2] // 2, x[3] // 2)), tensor(w), *biases)
        case("conv2d_avg_pool2d: " + label, lambda a, b, c=None: F.avg_pool2d(F.conv2d(a, b, c, 1, p), 2), tensor(x),
             tensor(w), *biases)
