"""What the training steps in PyTorch have in common. Networks that the tests compare with duel's are shared with them.
"""
import pathlib
import sys

import torch
import torch.nn.functional as F

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden"))
import make_golden_nn  # noqa: E402, F401  the tests compare in float64, which it makes the default

torch.set_default_dtype(torch.float32)


def softplus_d(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def hinge_d(real, fake):
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def mse(scores, target):
    return (scores - target).square().mean()


class Step:
    """Networks by name, which are loaded, laid out and compiled alike."""

    penalised = False  # gradients of gradients, which torch.compile does not have

    def __init__(self, generator=None, discriminator=None, lr=2e-4, betas=(0.5, 0.999)):
        given = {"generator": generator, "discriminator": discriminator}
        self.networks = {name: network for name, network in given.items() if network is not None}
        self.rate = dict(lr=lr, betas=betas, fused=True)

    def load(self, state):
        for prefix, network in self.networks.items():
            mine = {k[len(prefix) + 1:]: v for k, v in state.items() if k.startswith(prefix + ".")}
            own = network.state_dict()
            missing = [k for k in own if k not in mine and "num_batches" not in k]
            unexpected = [k for k in mine if k not in own and "num_batches" not in k]
            assert not missing and not unexpected, f"{prefix}: missing {missing}, unexpected {unexpected}"
            network.load_state_dict({k: v.reshape(own[k].shape) for k, v in mine.items() if k in own}, strict=False)

    def prepare(self, variant):
        self.format = torch.contiguous_format if variant == "contiguous" else torch.channels_last
        for network in self.networks.values():
            network.to(memory_format=self.format)
        self.optimizers = {k: torch.optim.Adam(n.parameters(), **self.rate) for k, n in self.networks.items()}
        self.g, self.d = self.networks.get("generator"), self.networks.get("discriminator")
        if variant == "compiled":
            self.g, self.d = (network and torch.compile(network) for network in (self.g, self.d))

    def laid_out(self, inputs):
        inputs = {k.removeprefix("input."): v for k, v in inputs.items()}
        return {k: v.contiguous(memory_format=self.format) if v.dim() == 4 else v for k, v in inputs.items()}

    def minimize(self, loss, name):
        optimizer = self.optimizers[name]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def minimize_generator(self, loss_of):
        """Without the discriminator's weight gradients."""
        self.networks["discriminator"].requires_grad_(False)
        loss = self.minimize(loss_of(), "generator")
        self.networks["discriminator"].requires_grad_(True)
        return loss
