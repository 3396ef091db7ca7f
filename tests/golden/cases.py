"""What the families in families/ are made of: `case` records PyTorch's value, gradients and double gradients of a function.

For y = f(x...): grads are those of <y, cotangent>; with directions v, double grads are those of sum_i <grads_i, v_i>. A
case of an operation that PyTorch differentiates only once has no directions and no double grads.
"""
import torch

torch.set_default_dtype(torch.float64)
cases = {}  # of the family being made


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
