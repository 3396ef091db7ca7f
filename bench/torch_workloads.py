"""The training steps of bench/workloads in PyTorch, as its users write them: WORKLOADS maps a name to a step.

A step takes {"input.NAME": tensor} and returns its losses.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import spectral_norm

from torch_step import Step, hinge_d, mse, softplus_d  # first, for it tells where the tests' networks are
import make_golden_biggan as biggan
import make_golden_cyclegan as cyclegan
import make_golden_tutorial as tutorial
import torch_games as games


class Vanilla(Step):
    def __init__(self, *networks, r1_gamma=0.0, **rate):
        super().__init__(*networks, **rate)
        self.r1_gamma, self.penalised = r1_gamma, r1_gamma > 0

    def __call__(self, real, z):
        fake = self.g(z)
        loss = softplus_d(self.d(real), self.d(fake.detach()))
        if self.r1_gamma > 0:
            x = real.detach().requires_grad_()
            (g,) = torch.autograd.grad(self.d(x).sum(), x, create_graph=True)
            loss = loss + self.r1_gamma / 2 * g.square().sum((1, 2, 3)).mean()
        d = self.minimize(loss, "discriminator")
        return d, self.minimize_generator(lambda: F.softplus(-self.d(fake)).mean())


class WganGp(Step):
    penalised = True

    def __call__(self, real, z, shares):
        fake = self.g(z)
        share = shares[:, None, None, None]
        mixed = (share * real + (1 - share) * fake.detach()).requires_grad_()
        (g,) = torch.autograd.grad(self.d(mixed).sum(), mixed, create_graph=True)
        penalty = (g.square().sum((1, 2, 3)).sqrt() - 1).square().mean()
        d = self.minimize(self.d(fake.detach()).mean() - self.d(real).mean() + 10 * penalty, "discriminator")
        return d, self.minimize_generator(lambda: -self.d(fake).mean())


class DcganFashion(Step):
    def prepare(self, variant):
        super().prepare(variant)
        self.average = [p.detach().clone() for p in self.networks["generator"].parameters()]

    def __call__(self, real, labels, other_labels, z, other_z):
        with torch.no_grad():
            fake = self.g(z, labels)
        d = self.minimize(softplus_d(self.d(real, labels), self.d(fake, labels)), "discriminator")
        g = self.minimize_generator(lambda: F.softplus(-self.d(self.g(other_z, other_labels), other_labels)).mean())
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list(self.networks["generator"].parameters()), 0.002)
        return d, g


class Hinge(Step):
    def __call__(self, z, labels, **rounds):
        losses = []
        for i in range(len(rounds) // 4):
            real, fake_labels = rounds[f"real{i}"], rounds[f"fake_labels{i}"]
            with torch.no_grad():
                fake = self.g(rounds[f"z{i}"], fake_labels)
            both = self.d(torch.cat([real, fake]), torch.cat([rounds[f"labels{i}"], fake_labels]))
            losses.append(self.minimize(hinge_d(*both.split(len(real))), "discriminator"))
        losses.append(self.minimize_generator(lambda: -self.d(self.g(z, labels), labels).mean()))
        return losses


class R3gan(Step):
    penalised = True

    def __call__(self, real, labels, z, other_z):
        with torch.no_grad():
            fake = self.g(z, labels)
        x, y = real.detach().requires_grad_(), fake.detach().requires_grad_()
        on_real, on_fake = self.d(x, labels), self.d(y, labels)
        penalty = lambda out, at: torch.autograd.grad(out.sum(), at, create_graph=True)[0].square().sum((1, 2, 3)).mean()
        loss = F.softplus(on_fake - on_real).mean() + 0.05 / 2 * (penalty(on_real, x) + penalty(on_fake, y))
        d = self.minimize(loss, "discriminator")
        generator_loss = lambda: F.softplus(self.d(real, labels) - self.d(self.g(other_z, labels), labels)).mean()
        return d, self.minimize_generator(generator_loss)


class Cyclegan(Step):
    def __call__(self, a, b):
        to_b, to_a = self.g["a"], self.g["b"]
        judge_b, judge_a = self.d["a"], self.d["b"]
        fakes = []

        def loss():
            fake_b, fake_a = to_b(a), to_a(b)
            fakes.extend([fake_b, fake_a])
            cycle = F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b)
            identity = F.l1_loss(to_a(a), a) + F.l1_loss(to_b(b), b)
            return mse(judge_b(fake_b), 1) + mse(judge_a(fake_a), 1) + 10 * cycle + 5 * identity

        g = self.minimize_generator(loss)
        fake_b, fake_a = fakes
        judged = lambda d, real, fake: 0.5 * (mse(d(real), 1) + mse(d(fake.detach()), 0))
        return g, self.minimize(judged(judge_b, b, fake_b) + judged(judge_a, a, fake_a), "discriminator")

    def prepare(self, variant):
        super().prepare("channels_last" if variant == "compiled" else variant)
        if variant == "compiled":
            self.g, self.d = ({k: torch.compile(n) for k, n in both.items()} for both in (self.g, self.d))


class Pix2pix(Step):
    def __call__(self, a, b):
        fake = self.g(a)
        on_fake, on_real = self.d(torch.cat([a, fake.detach()], 1)), self.d(torch.cat([a, b], 1))
        d = self.minimize(0.5 * softplus_d(on_real, on_fake), "discriminator")
        loss = lambda: F.softplus(-self.d(torch.cat([a, fake], 1))).mean() + 100 * F.l1_loss(fake, b)
        return d, self.minimize_generator(loss)


class GanzoPix2pix(Step):
    def __call__(self, a, b):
        one = lambda scores, target: F.binary_cross_entropy(scores, torch.full_like(scores, target))
        fake = self.g(a)
        loss = lambda: one(self.d(torch.cat([a, fake], 1)), 1.0) + F.l1_loss(fake, b)
        g = self.minimize_generator(loss)
        on_real, on_fake = self.d(torch.cat([a, b], 1)), self.d(torch.cat([a, fake.detach()], 1))
        return g, self.minimize(one(on_real, 1.0) + one(on_fake, 0.0), "discriminator")


class Restoring(Step):
    def __call__(self, a, b):
        return (self.minimize(F.l1_loss(self.g(a), b), "generator"),)


class Judging(Step):
    def __call__(self, real, fake):
        return (self.minimize(0.5 * softplus_d(*self.d(torch.cat([real, fake])).split(len(real))), "discriminator"),)


class Copying(Step):
    def __call__(self, real):
        return (self.minimize((self.g(real) - real).square().sum() / 2 / len(real), "generator"),)


class Variational(Step):
    def __call__(self, real, noise):
        y, mu, log_var = self.g(real, noise)
        divergence = -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum()
        return (self.minimize(((y - real).square().sum() / 2 + divergence) / len(real), "generator"),)


class Forward(Step):
    """Pictures from a generator, in evaluation mode or (CycleGAN) as it is."""

    def __call__(self, **inputs):
        given = [inputs[name] for name in ("z", "real", "labels") if name in inputs]
        with torch.no_grad():
            return (self.g(*given).abs().mean().item(),)


class Sampling(Forward):
    def prepare(self, variant):
        super().prepare(variant)
        self.g.eval()


# --- the networks that the tests do not have at full size ---


def dcgan_generator(size=64, channels=3):
    up = lambda i, o, k, s, p: [nn.ConvTranspose2d(i, o, k, s, p, bias=False), nn.BatchNorm2d(o), nn.ReLU(True)]
    c = 64 * (size // 8)
    layers = up(100, c, 4, 1, 0)
    while c > 64:
        layers += up(c, c // 2, 4, 2, 1)
        c //= 2
    return cyclegan.Main(*layers, nn.ConvTranspose2d(64, channels, 4, 2, 1, bias=False), nn.Tanh())


def dcgan_discriminator(size=64, channels=3, norm=nn.BatchNorm2d):
    bias = norm is None
    layers, c = [nn.Conv2d(channels, 64, 4, 2, 1, bias=bias), nn.LeakyReLU(0.2, True)], 64
    while c < 64 * (size // 8):
        layers += [nn.Conv2d(c, 2 * c, 4, 2, 1, bias=bias), *([] if norm is None else [norm(2 * c)]),
                   nn.LeakyReLU(0.2, True)]
        c *= 2
    return cyclegan.Main(*layers, nn.Conv2d(c, 1, 4, bias=bias), nn.Flatten(0))


def mlp_gan(widths, classes=0):
    g, i = [], 100 + classes
    for o in widths:
        g += [nn.Linear(i, o), *([nn.BatchNorm1d(o, 0.8)] if g else []), nn.LeakyReLU(0.2, True)]
        i = o
    g += [nn.Linear(i, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))]
    d = [nn.Linear(784 + classes, 512), nn.LeakyReLU(0.2, True), nn.Linear(512, 256), nn.LeakyReLU(0.2, True),
         nn.Linear(256, 1)]
    return cyclegan.Mlp(classes, *g), cyclegan.Mlp(classes, *d, nn.Flatten(0))


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU())
        self.mu, self.log_var = nn.Linear(256, 32), nn.Linear(256, 32)
        self.decoder = nn.Sequential(nn.Linear(32, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 784),
                                     nn.Tanh())

    def forward(self, x, noise):
        hidden = self.encoder(x.flatten(1))
        mu, log_var = self.mu(hidden), self.log_var(hidden)
        return self.decoder(mu + torch.exp(0.5 * log_var) * noise).reshape(x.shape), mu, log_var


class FashionNorm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gain, self.bias = nn.Embedding(10, c), nn.Embedding(10, c)
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_var", torch.ones(c))

    def forward(self, x, y):
        x = F.batch_norm(x, self.running_mean, self.running_var, training=self.training)
        return (1 + self.gain(y))[:, :, None, None] * x + self.bias(y)[:, :, None, None]


class FashionGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(64, 128 * 49, bias=False)
        self.norms = nn.ModuleList([FashionNorm(128), FashionNorm(64)])
        self.ups = nn.ModuleList([nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.ConvTranspose2d(64, 1, 4, 2, 1)])

    def forward(self, z, y):
        x = self.project(z).reshape(-1, 128, 7, 7)
        for norm, up in zip(self.norms, self.ups):
            x = up(F.relu(norm(x, y)))
        return torch.tanh(x)


class FashionDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.downs = nn.ModuleList([nn.Conv2d(1, 64, 4, 2, 1), nn.Conv2d(64, 128, 4, 2, 1)])
        self.psi, self.classes = nn.Linear(128 * 49, 1), nn.Embedding(10, 128 * 49)

    def forward(self, x, y):
        for down in self.downs:
            x = F.leaky_relu(down(x), 0.2)
        h = x.flatten(1)
        return self.psi(h).flatten() + (self.classes(y) * h).sum(1)


class MmgenGenerator(nn.Module):
    """SNGAN, or SAGAN with attention behind the second block."""

    def __init__(self, sagan, widths=(256,) * 4):
        super().__init__()
        sn = spectral_norm if sagan else lambda m: m
        norm = lambda c: biggan.MmgenNorm(c, 10, sn)
        blocks = [biggan.Up(biggan.MMGEN, i, o, sn, norm, {}) for i, o in zip(widths, widths[1:])]
        if sagan:
            blocks.insert(2, biggan.MmgenAttention(widths[2]))
        c = widths[-1]
        self.noise2feat = sn(nn.Linear(128, widths[0] * 16))
        self.conv_blocks = nn.ModuleList(blocks)
        self.to_rgb = biggan.holder(bn=nn.BatchNorm2d(c, eps=1e-4), conv=sn(nn.Conv2d(c, 3, 3, padding=1)))

    forward = biggan.MmgenGenerator.forward


class MmgenDiscriminator(nn.Module):
    """The same, with attention behind the first block."""

    def __init__(self, sagan, widths=(128,) * 4, halvings=2):
        super().__init__()
        down = lambda n, i, o: biggan.Down(biggan.MMGEN, i, o, o, spectral_norm, n == 0, n < halvings, False)
        first, *blocks = [down(n, i, o) for n, (i, o) in enumerate(zip((3, *widths), widths))]
        c = widths[-1]
        self.from_rgb = first
        self.conv_blocks = nn.ModuleList([biggan.MmgenAttention(widths[0]), *blocks] if sagan else blocks)
        self.decision, self.proj_y = spectral_norm(nn.Linear(c, 1)), spectral_norm(nn.Embedding(10, c))

    forward = biggan.MmgenDiscriminator.forward


def biggan_generator():
    generator = biggan.BigganGenerator(ch=64, classes=10, latent=128)
    generator.blocks[1] = generator.blocks[1][:1]  # without attention
    return generator


def biggan_discriminator():
    plan = [(3, 256, True), (256, 256, True), (256, 256, False), (256, 256, False)]
    return biggan.BigganDiscriminator(plan, [], classes=10)


def sngan_64():
    return MmgenGenerator(False, [1024, 512, 256, 128, 64]), MmgenDiscriminator(False, [64, 128, 256, 512, 1024], 5)


def mimicry_conditional(sagan):
    attended = dict(attended=2) if sagan else {}
    return games.mimicry_generator([256] * 4, 10, sagan), games.mimicry_discriminator(classes=10, **attended)


def studiogan_dcgan():
    return games.studiogan_dcgan_generator(), games.studiogan.DcganDiscriminator([3, 64, 128, 256, 512])


def studiogan_sngan():
    return games.studiogan_resnet_generator(10), games.studiogan_resnet_discriminator(classes=10, wrap=games.deep.sn)


def studiogan_sagan():
    return (games.studiogan_resnet_generator(10, games.deep.sn, 2),
            games.studiogan_resnet_discriminator(classes=10, wrap=games.deep.sn, attended=1))


def both(make):
    return nn.ModuleDict({"a": make(), "b": make()})


def restoring_unet():
    return tutorial.Unet(tutorial.resnet(64, [3, 4, 6, 3]), 3, "weight", [True] * 4, attention=True, span=(-3, 3))


def resnet():
    return cyclegan.Resnet(3, 3, 64, 9, "instance", "reflect")


R3_WIDTHS = [768] * 4
ORIGINAL = dict(lr=2e-4, betas=(0.0, 0.9))

WORKLOADS = {
    "mlp-gan": lambda: Vanilla(*mlp_gan([128, 256, 512, 1024])),
    "dcgan-fashion": lambda: DcganFashion(FashionGenerator(), FashionDiscriminator(), lr=5e-4),
    "dcgan-32": lambda: Vanilla(dcgan_generator(32, 1), dcgan_discriminator(32, 1)),
    "dcgan-64": lambda: Vanilla(dcgan_generator(), dcgan_discriminator()),
    "dcgan-64-r1": lambda: Vanilla(dcgan_generator(), dcgan_discriminator(norm=None), r1_gamma=10.0),
    "wgan-gp-64": lambda: WganGp(dcgan_generator(), dcgan_discriminator(norm=None), lr=1e-4, betas=(0.0, 0.9)),
    "sngan-32": lambda: Hinge(MmgenGenerator(False), MmgenDiscriminator(False), **ORIGINAL),
    "sngan-64": lambda: Hinge(*sngan_64(), **ORIGINAL),
    "sagan-32": lambda: Hinge(MmgenGenerator(True), MmgenDiscriminator(True), **ORIGINAL),
    "biggan-32": lambda: Hinge(biggan_generator(), biggan_discriminator(), lr=2e-4, betas=(0.0, 0.999)),
    "cyclegan-256-forward": lambda: Forward(resnet()),
    "cyclegan-128": lambda: Cyclegan(both(resnet), both(lambda: cyclegan.Patch(3, 64, 3, "instance"))),
    "pix2pix-256": lambda: Pix2pix(cyclegan.Unet(3, 3, 8, 64, "batch"), cyclegan.Patch(6, 64, 3, "batch")),
    "pix2pix-128": lambda: Pix2pix(cyclegan.Unet(3, 3, 7, 64, "batch"), cyclegan.Patch(6, 64, 3, "batch")),
    "pix2pix-pixel-128": lambda: Pix2pix(cyclegan.Unet(3, 3, 7, 64, "batch"), cyclegan.Pixel(6, 64, "batch")),
    "r3gan-32": lambda: R3gan(cyclegan.R3Generator(R3_WIDTHS, 16, 64, 10), cyclegan.R3Discriminator(R3_WIDTHS, 16, 10),
                              **ORIGINAL),
    "tutorial-cgan": lambda: games.VanillaGame(*mlp_gan([128, 256, 512], classes=10)),
    "tutorial-dcgan": lambda: games.SeparateVanillaGame(games.TutorialGenerator(), games.tutorial_discriminator()),
    "autoencoder-undercomplete": lambda: Copying(tutorial.Autoencoder(784, [512, 256], 32, nn.Tanh(), 0), lr=1e-3,
                                                 betas=(0.9, 0.999)),
    "autoencoder-variational": lambda: Variational(Vae(), lr=1e-3, betas=(0.9, 0.999)),
    "ganzo-fc": lambda: games.VanillaGame(games.ganzo_fc_generator(), games.ganzo_fc_discriminator(), lr=1e-4,
                                          betas=(0.0, 0.9)),
    "ganzo-conv-64": lambda: games.SeparateVanillaGame(games.ganzo_conv_generator(), games.ganzo_conv_discriminator()),
    "ganzo-good-64": lambda: games.WganGpGame(games.GanzoGenerator(), games.ganzo_critic(), lr=1e-4, betas=(0.0, 0.9)),
    "ganzo-pix2pix": lambda: GanzoPix2pix(cyclegan.GanzoUGen(8, 4), cyclegan.GanzoPatch(4), lr=1e-4, betas=(0.0, 0.9)),
    "mimicry-sngan-64": lambda: games.Game(games.mimicry_generator([1024, 512, 256, 128, 64]),
                                           biggan.MimicryDiscriminator([3, 64, 128, 256, 512, 1024], 5), **ORIGINAL),
    "mimicry-sngan-128": lambda: games.Game(games.mimicry_generator([1024, 1024, 512, 256, 128, 64]),
                                            biggan.MimicryDiscriminator([3, 64, 128, 256, 512, 1024, 1024], 5),
                                            **ORIGINAL),
    "mimicry-wgan-gp-32": lambda: games.WganGpGame(games.mimicry_generator([256] * 4),
                                                   games.mimicry_discriminator(sn=lambda m: m, mean=True), **ORIGINAL),
    "mimicry-ssgan-32": lambda: games.SsganGame(games.mimicry_generator([256] * 4), games.SsganDiscriminator(),
                                                **ORIGINAL),
    "mimicry-infomax-32": lambda: games.InfomaxGame(games.mimicry_generator([256] * 4), games.InfomaxDiscriminator(),
                                                    **ORIGINAL),
    "mimicry-cgan-pd-32": lambda: games.Game(*mimicry_conditional(False), **ORIGINAL),
    "mimicry-sagan-32": lambda: games.Game(*mimicry_conditional(True), **ORIGINAL),
    "studiogan-dcgan-32": lambda: games.SeparateVanillaGame(*studiogan_dcgan()),
    "studiogan-wgan-gp-32": lambda: games.SeparateWganGpGame(games.studiogan_resnet_generator(),
                                                             games.studiogan_resnet_discriminator()),
    "studiogan-sngan-32": lambda: games.Game(*studiogan_sngan()),
    "studiogan-pd-gan-32": lambda: games.SeparateGame(games.studiogan_resnet_generator(10),
                                                      games.studiogan_resnet_discriminator(classes=10)),
    "studiogan-sagan-32": lambda: games.Game(*studiogan_sagan()),
    "studiogan-biggan-32": lambda: games.Game(games.studiogan_generator(), games.studiogan_discriminator()),
    "studiogan-acgan-32": games.acgan,
    "studiogan-tacgan-32": games.tacgan,
    "studiogan-adcgan-32": games.adcgan,
    "studiogan-mhgan-32": lambda: games.MultiHingeGame(games.studiogan_generator(), games.HeadedDiscriminator(11)),
    "studiogan-mdgan-32": lambda: games.Game(games.studiogan_generator(), games.MultiDiscriminator()),
    "studiogan-contragan-32": games.contragan,
    "studiogan-reacgan-32": games.reacgan,
    "studiogan-biggan-128": lambda: games.Game(*games.studiogan_biggan_128()),
    "biggan-deep-32": lambda: games.Game(games.deep_generator(), games.deep_discriminator()),
    "fastai-basic-64": lambda: games.ClippedWganGame(games.basic_generator(), games.basic_critic(), lr=2e-4,
                                                     betas=(0.9, 0.99)),
    "fastai-critic": lambda: Judging(discriminator=tutorial.critic(128, 3), lr=1e-3, betas=(0.9, 0.99)),
    "fastai-unet": lambda: Restoring(restoring_unet(), lr=1e-3, betas=(0.9, 0.99)),
    "dcgan-64-sampling": lambda: Sampling(dcgan_generator()),
    "biggan-32-sampling": lambda: Sampling(biggan_generator()),
}
