import torch

from cases import case, tensor


def make():
    image = (2, 3, 1, 5)
    positive, nonzero, kink = dict(low=0.5, high=2), dict(low=0.5, high=1.5), dict(away=[0])
    for name, f, domain in [
        ("abs: image", torch.abs, kink), ("sign: image", torch.sign, kink), ("exp: image", torch.exp, {}),
        ("log: image", torch.log, positive), ("log1p: image", torch.log1p, dict(low=-0.5, high=1)),
        ("sqrt: image", torch.sqrt, positive), ("rsqrt: image", torch.rsqrt, positive),
        ("square: image", torch.square, {}), ("reciprocal: image", torch.reciprocal, nonzero),
        ("pow: 2.5, image", lambda x: x**2.5, positive), ("pow: -1.5, image", lambda x: x**-1.5, positive),
        ("pow: 3, image", lambda x: x**3, {}), ("clamp: image", lambda x: x.clamp(-0.6, 0.8), dict(away=[-0.6, 0.8])),
        ("floor: image", torch.floor, dict(away=[-1, 0, 1])), ("ceil: image", torch.ceil, dict(away=[-1, 0, 1])),
        ("round: image", torch.round, dict(away=[-0.5, 0.5])), ("expm1: image", torch.expm1, {}),
        ("sin: image", torch.sin, {}), ("cos: image", torch.cos, {}), ("erf: image", torch.erf, {}),
        ("operator-: -x, image", torch.neg, {}),
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
        case("pow: variable, " + label, torch.pow, tensor(a, **positive), tensor(b))
        case("minimum: " + label, torch.minimum, tensor(a), tensor(b))
