import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from cases import case, tensor


def attention(scale=None):
    def f(q, k, v):
        with sdpa_kernel(SDPBackend.MATH):  # the one that can be differentiated twice
            return F.scaled_dot_product_attention(q, k, v, scale=scale)
    return f


def make():
    name = "scaled_dot_product_attention: "
    case(name + "odd", attention(), tensor((2, 3, 5)), tensor((2, 7, 5)), tensor((2, 7, 3)))
    case(name + "heads", attention(), tensor((2, 2, 3, 2)), tensor((2, 2, 5, 2)), tensor((2, 2, 5, 3)))
    case(name + "scale 1", attention(1.0), tensor((1, 5, 3)), tensor((1, 3, 3)), tensor((1, 3, 5)))
    case(name + "one query", attention(), tensor((3, 1, 2)), tensor((3, 5, 2)), tensor((3, 5, 1)))
    case(name + "one channel", attention(), tensor((2, 3, 1)), tensor((2, 5, 1)), tensor((2, 5, 1)))

    eps = 1e-2
    demodulate = lambda w: w / (w.square().sum((-3, -2, -1), keepdim=True) + eps).sqrt()
    case("demodulate: weight", demodulate, tensor((3, 2, 3, 2)))
    case("demodulate: per sample", demodulate, tensor((2, 3, 2, 1, 3)))

    def modulated(demodulated, **geometry):  # each sample's weight from the definition, a group of the convolution each
        def f(x, w, s):
            n, i, o = x.shape[0], x.shape[1], w.shape[0]
            weights = w[None] * s[:, None, :, None, None]
            weights = demodulate(weights) if demodulated else weights
            y = F.conv2d(x.reshape(1, n * i, *x.shape[2:]), weights.reshape(n * o, i, *w.shape[2:]), groups=n, **geometry)
            return y.reshape(n, o, *y.shape[2:])
        return f

    styles = lambda shape: tensor(shape, low=0.5, high=1.5)
    case("modulated_conv2d: demodulated", modulated(True, padding=1), tensor((2, 3, 4, 5)), tensor((2, 3, 3, 3)),
         styles((2, 3)))
    case("modulated_conv2d: modulated", modulated(False), tensor((2, 2, 3, 3)), tensor((3, 2, 1, 1)), styles((2, 2)))
    case("modulated_conv2d: strided", modulated(True, stride=(2, 1), padding=(1, 0)), tensor((1, 1, 5, 4)),
         tensor((2, 1, 3, 2)), styles((1, 1)))
