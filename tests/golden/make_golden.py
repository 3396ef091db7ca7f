#!/usr/bin/env python3
"""Writes operations.json: PyTorch's values, gradients and double gradients of the op table's cases, in float64.

Needed only to make the file again: python make_golden.py. The tests read the file (autograd/golden_test.cpp). A case is
named as in the op table, "operation: label"; shapes and constants here are those of the row.

For y = f(x...): grads are those of <y, cotangent>; with directions v, double grads are those of sum_i <grads_i, v_i>.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
cases = {}


def rounded(t):
    return [float(v) for v in t.detach().reshape(-1)]


def tensor(shape, low=-1.5, high=1.5, away=None):
    """Uniform multiples of 1/256: short to write, and the same numbers in float32."""
    t = torch.rand(shape) * (high - low) + low
    if away is not None:  # from kinks: push to a distance of at least 0.1
        for kink in away:
            t = torch.where((t - kink).abs() < 0.1, kink + 0.15, t)
    return (t * 256).round() / 256


def case(name, f, *inputs):
    xs = [x.clone().requires_grad_() for x in inputs]
    y = f(*xs)
    cotangent = tensor(y.shape).requires_grad_()
    zeros = dict(allow_unused=True, materialize_grads=True)
    grads = torch.autograd.grad(y, xs, cotangent, create_graph=True, **zeros)
    directions = [tensor(x.shape) for x in xs]
    s = sum((g * v).sum() for g, v in zip(grads, directions))
    doubles = torch.autograd.grad(s, xs + [cotangent], **zeros) if s.requires_grad else [
        torch.zeros_like(x) for x in xs + [cotangent]]
    assert name not in cases, name
    cases[name] = {
        "inputs": [{"shape": list(x.shape), "values": rounded(x)} for x in inputs],
        "output": {"shape": list(y.shape), "values": rounded(y)},
        "cotangent": rounded(cotangent),
        "grads": [rounded(g) for g in grads],
        "directions": [rounded(v) for v in directions],
        "double_grads": [rounded(d) for d in doubles],  # of the inputs, then of the cotangent
    }


def pointwise():
    image = (2, 3, 1, 5)
    positive, nonzero, kink = dict(low=0.5, high=2), dict(low=0.5, high=1.5), dict(away=[0])
    for name, f, domain in [
        ("abs: image", torch.abs, kink), ("sign: image", torch.sign, kink), ("exp: image", torch.exp, {}),
        ("log: image", torch.log, positive), ("log1p: image", torch.log1p, dict(low=-0.5, high=1)),
        ("sqrt: image", torch.sqrt, positive), ("rsqrt: image", torch.rsqrt, positive),
        ("square: image", torch.square, {}), ("reciprocal: image", torch.reciprocal, nonzero),
        ("pow: 2.5, image", lambda x: x**2.5, positive), ("pow: -1.5, image", lambda x: x**-1.5, positive),
        ("pow: 3, image", lambda x: x**3, {}), ("clamp: image", lambda x: x.clamp(-0.6, 0.8), dict(away=[-0.6, 0.8])),
        ("relu: image", torch.relu, kink), ("leaky_relu: image", lambda x: F.leaky_relu(x, 0.2), kink),
        ("tanh: image", torch.tanh, {}), ("sigmoid: image", torch.sigmoid, {}), ("softplus: image", F.softplus, {}),
        ("log_sigmoid: image", F.logsigmoid, {}), ("operator-: -x, image", torch.neg, {}),
        ("operator+: x + c, image", lambda x: x + 0.7, {}), ("operator-: c - x, image", lambda x: 0.7 - x, {}),
        ("operator*: x * c, image", lambda x: x * 0.7, {}), ("operator/: x / c, image", lambda x: x / 0.7, {}),
    ]:
        case(name, f, tensor(image, **domain))
    for label, a, b in [("channel", (2, 3, 2, 2), (3, 1, 1)), ("outer", (3, 1), (1, 5))]:
        case("operator+: " + label, torch.add, tensor(a), tensor(b))
        case("operator-: " + label, torch.sub, tensor(a), tensor(b))
        case("operator*: " + label, torch.mul, tensor(a), tensor(b))
        case("operator/: " + label, torch.div, tensor(a), tensor(b, **nonzero))
        case("maximum: " + label, torch.maximum, tensor(a), tensor(b))
        case("minimum: " + label, torch.minimum, tensor(a), tensor(b))


def shapes():
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


def products():
    for label, shape, dims in [("channel", (2, 3, 2, 5), (0, 2, 3)), ("last", (3, 7), (-1,)), ("middle", (2, 5, 3), (1,))]:
        case("sum: " + label, lambda x, d=dims: x.sum(d), tensor(shape))
        case("mean: " + label, lambda x, d=dims: x.mean(d), tensor(shape))
        case("amax: " + label, lambda x, d=dims: x.amax(d), tensor(shape))
    case("sum_to: bias", lambda x: x.sum_to_size(3, 1, 1), tensor((2, 3, 4, 5)))
    for label, a, b in [("odd", (3, 5), (5, 7)), ("broadcast", (2, 1, 3, 4), (3, 4, 2)), ("shared", (3, 2, 5), (5, 3))]:
        case("matmul: " + label, torch.matmul, tensor(a), tensor(b))
    case("linear: bias", F.linear, tensor((3, 5)), tensor((7, 5)), tensor((7,)))
    case("linear: no bias", F.linear, tensor((3, 5)), tensor((7, 5)))
    index = torch.tensor([4, 0, 4, 2, 4, 1, 0])
    case("embedding: labels", lambda t: F.embedding(index, t), tensor((5, 3)))
    case("scatter_add: labels", lambda x: torch.zeros(5, 3).index_add(0, index, x), tensor((7, 3)))


def convolutions():
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


def norms():
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


def main():
    torch.manual_seed(0)
    for family in (pointwise, shapes, products, convolutions, norms):
        family()
    file = pathlib.Path(__file__).with_name("operations.json")
    lines = [f"{json.dumps(name)}: {json.dumps(c, separators=(',', ':'))}" for name, c in cases.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{file}: {len(cases)} cases, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
