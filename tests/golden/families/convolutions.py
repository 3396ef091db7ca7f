import torch
import torch.nn.functional as F

from cases import case, tensor


def make():
    geometries = {  # label: x, weight, stride, padding, dilation, groups, output padding, bias
        "padded": ((2, 3, 5, 4), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1, (0, 0), True),
        "strided": ((1, 2, 8, 6), (3, 2, 4, 4), (2, 2), (1, 1), (1, 1), 1, (0, 0), False),
        "uneven": ((2, 1, 7, 5), (2, 1, 3, 2), (1, 2), (2, 0), (1, 1), 1, (0, 1), True),
        "groups": ((2, 4, 5, 5), (6, 2, 3, 3), (2, 1), (1, 1), (1, 1), 2, (0, 0), False),
        "depthwise": ((1, 3, 5, 4), (3, 1, 3, 3), (1, 1), (1, 1), (1, 1), 3, (0, 0), True),
        "dilated": ((1, 1, 7, 9), (1, 1, 3, 2), (1, 1), (0, 0), (2, 3), 1, (0, 0), False),
        "1 x 1": ((3, 5, 2, 3), (7, 5, 1, 1), (1, 1), (0, 0), (1, 1), 1, (0, 0), True),
        "left over": ((1, 2, 8, 9), (2, 2, 3, 3), (3, 3), (0, 0), (1, 1), 1, (2, 0), True),
    }
    for label, (x, w, s, p, d, g, extra, bias) in geometries.items():
        y = F.conv2d(torch.zeros(x), torch.zeros(w), None, s, p, d, g).shape
        biases = [tensor((w[0],))] if bias else []
        case("conv2d: " + label, lambda a, b, c=None: F.conv2d(a, b, c, s, p, d, g), tensor(x), tensor(w), *biases)
        biases = [tensor((x[1],))] if bias else []
        case("conv_transpose2d: " + label, lambda a, b, c=None: F.conv_transpose2d(a, b, c, s, p, extra, g, d), tensor(y),
             tensor(w), *biases)

        def backward(dy, a, b, mask):
            return torch.ops.aten.convolution_backward(dy, a, b, None, s, p, d, False, (0, 0), g, mask)

        case("conv2d_input_grad: " + label,
             lambda dy, b: backward(dy, torch.zeros(x), b, (True, False, False))[0], tensor(y), tensor(w))
        case("conv2d_weight_grad: " + label,
             lambda a, dy: backward(dy, a, torch.zeros(w), (False, True, False))[1], tensor(x), tensor(y))

    for label, x, w, s, p, g, bias, slope in [
        ("relu", (1, 2, 4, 4), (3, 2, 4, 4), (2, 2), (1, 1), 1, True, 0),
        ("leaky relu without bias", (1, 2, 3, 2), (2, 2, 3, 3), (2, 1), (1, 1), 1, False, 0.2),
        ("leaky relu", (1, 4, 3, 3), (4, 2, 2, 2), (1, 1), (0, 0), 2, True, 0.2),
    ]:
        y = F.conv2d(torch.zeros(x), torch.zeros(w), None, s, p, 1, g).shape
        biases = [tensor((w[0],))] if bias else []
        case("conv2d: " + label, lambda a, b, c=None: F.leaky_relu(F.conv2d(a, b, c, s, p, 1, g), slope), tensor(x),
             tensor(w), *biases)
        biases = [tensor((x[1],))] if bias else []
        case("conv_transpose2d: " + label,
             lambda a, b, c=None: F.leaky_relu(F.conv_transpose2d(a, b, c, s, p, 0, g), slope), tensor(y), tensor(w),
             *biases)
