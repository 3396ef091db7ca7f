import importlib
import types

import torch

from cases import case, tensor

SpectralNorm = importlib.import_module("torch.nn.utils.spectral_norm").SpectralNorm


def vector(count, first, step):
    return torch.tensor([first + 0.1 * (step * i % 7) for i in range(count)])


def make():
    def divide(dim):
        def f(weight):
            rows = weight.shape[dim]
            layer = types.SimpleNamespace(weight_orig=weight, weight_u=vector(rows, 0.2, 3),
                                          weight_v=vector(weight.numel() // rows, 0.1, 5))
            return SpectralNorm("weight", dim=dim).compute_weight(layer, do_power_iteration=False)

        return f

    positive = lambda shape: tensor(shape, low=0.2)
    case("divide_by_sigma: matrix", divide(0), positive((5, 7)))
    case("divide_by_sigma: convolution", divide(0), positive((3, 2, 3, 2)))
    case("divide_by_sigma: transposed convolution", divide(1), positive((3, 4, 2, 3)))
    case("divide_by_sigma: sequence", divide(0), positive((4, 3, 5)))
