import torch
import torch.nn.functional as F

from cases import case, tensor


def make():
    image, kink = (2, 3, 1, 5), dict(away=[0])
    for name, f, domain in [
        ("relu: image", torch.relu, kink), ("leaky_relu: image", lambda x: F.leaky_relu(x, 0.2), kink),
        ("elu: image", F.elu, kink), ("elu: alpha, image", lambda x: F.elu(x, 0.3), kink),
        ("selu: image", F.selu, kink), ("tanh: image", torch.tanh, {}),
        ("hardtanh: image", F.hardtanh, dict(away=[-1, 1])),
        ("hardtanh: bounds, image", lambda x: F.hardtanh(x, -0.25, 0.6), dict(away=[-0.25, 0.6])),
        ("sigmoid: image", torch.sigmoid, {}), ("log_sigmoid: image", F.logsigmoid, {}),
        ("softplus: image", F.softplus, {}), ("softplus: beta, image", lambda x: F.softplus(x, 2.5), {}),
        ("silu: image", F.silu, {}), ("gelu: image", F.gelu, {}),
        ("gelu: tanh, image", lambda x: F.gelu(x, approximate="tanh"), {}),
    ]:
        case(name, f, tensor(image, **domain))
    # Far from 0, where formulas cancel or overflow.
    for name, f in [("silu: prime", F.silu), ("gelu: prime", F.gelu), ("softplus: prime", F.softplus),
                    ("gelu: tanh, prime", lambda x: F.gelu(x, approximate="tanh"))]:
        case(name, f, tensor((7,), low=-12, high=12))
