"""The games of bench/workloads/adversarial.cpp in PyTorch: their steps, and their networks at full size."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import spectral_norm

from torch_step import Step, hinge_d, softplus_d
import make_golden_biggan as biggan
import make_golden_biggan_deep as deep
import make_golden_cyclegan as cyclegan
import make_golden_heads as heads
import make_golden_studiogan as studiogan


class Game(Step):
    """With the hinge loss: updates of the discriminator, each on a round of its own, and one of the generator. Labels
    come as a list of one tensor, or none."""

    def __call__(self, z, labels=None, **rounds):
        listed = lambda y: [] if y is None else [y]
        losses = []
        for i in range(sum(name.startswith("real") for name in rounds)):
            y = listed(rounds.get(f"labels{i}"))
            with torch.no_grad():
                fake = self.g(rounds[f"z{i}"], *y)
            loss = self.discriminator_loss(rounds[f"real{i}"], fake, y, rounds.get(f"shares{i}"))
            losses.append(self.minimize(loss, "discriminator"))
        y = listed(labels)
        losses.append(self.minimize_generator(lambda: self.generator_loss(self.g(z, *y), y)))
        return losses

    def scores(self, real, fake, y):
        return self.d(torch.cat([real, fake]), *(torch.cat([labels, labels]) for labels in y)).split(len(real))

    def discriminator_loss(self, real, fake, y, shares):
        return hinge_d(*self.scores(real, fake, y))

    def generator_loss(self, fake, y):
        return -self.d(fake, *y).mean()


class VanillaGame(Game):
    def discriminator_loss(self, real, fake, y, shares):
        return softplus_d(*self.scores(real, fake, y))

    def generator_loss(self, fake, y):
        return F.softplus(-self.d(fake, *y)).mean()


class WganGame(Game):
    def discriminator_loss(self, real, fake, y, shares):
        on_real, on_fake = self.scores(real, fake, y)
        return on_fake.mean() - on_real.mean()


class WganGpGame(WganGame):
    penalised = True

    def discriminator_loss(self, real, fake, y, shares):
        loss = super().discriminator_loss(real, fake, y, shares)
        mixed = torch.lerp(real, fake, shares[:, None, None, None]).requires_grad_()
        (g,) = torch.autograd.grad(self.d(mixed).sum(), mixed, create_graph=True)
        return loss + 10 * ((g + 1e-16).flatten(1).norm(dim=1) - 1).square().mean()


class Separate:
    """For a discriminator with batch norms."""

    def scores(self, real, fake, y):
        return self.d(real, *y), self.d(fake, *y)


class SeparateGame(Separate, Game):
    pass


class SeparateVanillaGame(Separate, VanillaGame):
    pass


class SeparateWganGpGame(Separate, WganGpGame):
    pass


class ClippedWganGame(Separate, WganGame):
    def minimize(self, loss, name):
        value = super().minimize(loss, name)
        if name == "discriminator":
            with torch.no_grad():
                for p in self.networks[name].parameters():
                    p.clamp_(-0.01, 0.01)
        return value


class HeadedGame(Game):
    """With a loss of classes: `on_both` and `on_fakes` take what the discriminator's heads say besides its logits, of
    real and of generated pictures or of the latter alone, and the labels."""

    def __init__(self, discriminator, on_both, on_fakes, **rate):
        super().__init__(studiogan_generator(), discriminator, **rate)
        self.on_both, self.on_fakes = on_both, on_fakes

    def discriminator_loss(self, real, fake, y, shares):
        (on_real, *of_real), (on_fake, *of_fake) = self.d(real, *y), self.d(fake, *y)
        return hinge_d(on_real, on_fake) + self.on_both(of_real, of_fake, *y)

    def generator_loss(self, fake, y):
        on_fake, *of_fake = self.d(fake, *y)
        return -on_fake.mean() + self.on_fakes(of_fake, *y)


class MultiHingeGame(Game):
    def discriminator_loss(self, real, fake, y, shares):
        (on_real,), (on_fake,) = self.d(real, *y), self.d(fake, *y)
        return heads.multi_hinge(on_real, *y) + heads.multi_hinge(on_fake, torch.full_like(*y, 10))

    def generator_loss(self, fake, y):
        return 0.05 * heads.multi_hinge(*self.d(fake, *y), *y)


class SsganGame(Game):
    def rotation_loss(self, pictures):
        n = len(pictures)
        return F.cross_entropy(self.d(heads.quarters(pictures))[1], torch.arange(n) * 4 // n)

    def discriminator_loss(self, real, fake, y, shares):
        return hinge_d(self.d(real)[0], self.d(fake)[0]) + self.rotation_loss(real)

    def generator_loss(self, fake, y):
        return -self.d(fake)[0].mean() + 0.2 * self.rotation_loss(fake)


class InfomaxGame(Game):
    def discriminator_loss(self, real, fake, y, shares):
        on_real, local, features = self.d(real)
        return hinge_d(on_real, self.d(fake)[0]) + 0.2 * heads.info_nce(local, features, -10)

    def generator_loss(self, fake, y):
        on_fake, local, features = self.d(fake)
        return -on_fake.mean() + 0.2 * heads.info_nce(local, features, -10)


# --- the tutorial's ---


class TutorialGenerator(cyclegan.TutorialGenerator):
    def __init__(self):
        super().__init__()
        up = lambda i, o, p: [nn.ConvTranspose2d(i, o, 3, 2, p), nn.BatchNorm2d(o), nn.ReLU()]
        self.linear = nn.Linear(100, 256 * 16)
        self.conv = nn.Sequential(*up(256, 128, 0), *up(128, 64, 1), nn.ConvTranspose2d(64, 1, 4, 2, 2), nn.Tanh())

    def forward(self, z):
        return self.conv(self.linear(z).reshape(-1, 256, 4, 4))


def tutorial_discriminator():
    discriminator, act = cyclegan.TutorialDiscriminator(), nn.LeakyReLU(0.2)
    layer = lambda i, o, *how: [nn.Conv2d(i, o, *how), nn.BatchNorm2d(o), act]
    discriminator.conv = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), act, *layer(16, 32, 3, 2, 1), *layer(32, 64, 3, 2, 1),
                                       *layer(64, 128, 4))
    discriminator.linear = nn.Linear(128, 1)
    return discriminator


# --- Ganzo ---


def ganzo_fc_generator():
    return cyclegan.GanzoFc([128, 256, 512, 1024, 784], lambda x: torch.tanh(x).reshape(-1, 1, 28, 28))


def ganzo_fc_discriminator():
    return cyclegan.GanzoFc([784, 1024, 512, 256, 1], torch.flatten)


def ganzo_conv_generator():
    up = lambda i, o: nn.ConvTranspose2d(i, o, 4, 2, 1)
    convs = [nn.ConvTranspose2d(128, 64, 4), up(64, 32), up(32, 16), up(16, 8), up(8, 3)]
    network = cyclegan.GanzoConv(convs, F.relu, torch.tanh)
    network.register_forward_pre_hook(lambda _, z: (z[0][:, :, None, None],))
    return network


def ganzo_conv_discriminator():
    down = lambda i, o: nn.Conv2d(i, o, 4, 2, 1)
    convs = [down(3, 8), down(8, 16), down(16, 32), down(32, 64), nn.Conv2d(64, 1, 4)]
    return cyclegan.GanzoConv(convs, lambda x: F.leaky_relu(x, 0.2), torch.flatten)


class GanzoGenerator(cyclegan.GanzoGood):
    def __init__(self, w=64):
        super().__init__(w, 128)
        self.fc = nn.Linear(128, 8 * w * 16)

    def forward(self, z):
        x = self.fc(z).reshape(len(z), -1, 4, 4)
        for block in (self.rb1, self.rb2, self.rb3, self.rb4):
            x = block(x)
        return torch.tanh(self.conv(F.relu(self.batch_norm(x))))


def ganzo_critic(w=64):
    critic = cyclegan.GanzoGoodCritic(w)  # for 16 x 16
    for i, (a, b) in enumerate(((1, 2), (2, 4), (4, 8), (8, 8))):
        setattr(critic, f"rb{i + 1}", cyclegan.GanzoDown(a * w, b * w, 64 >> i))
    critic.fc = nn.Linear(8 * w * 16, 1)
    return critic


# --- mimicry ---


def mimicry_generator(widths, classes=0, sagan=False):
    generator = biggan.MimicryGenerator(widths, 4, classes, sagan, attended=2 if sagan else 0)
    generator.l1 = nn.Linear(128, widths[0] * 16)
    if sagan:
        spectral_norm(generator.l1)
    return generator


def mimicry_discriminator(**options):
    return biggan.MimicryDiscriminator([3] + [128] * 4, 2, **options)


class SsganDiscriminator(biggan.MimicryDiscriminator):
    def __init__(self):
        super().__init__([3] + [128] * 4, 2)
        self.l_y = spectral_norm(nn.Linear(128, 4))

    def forward(self, x):
        h = self.features(x)
        return self.l5(h).flatten(), self.l_y(h)


class InfomaxDiscriminator(nn.Module):
    def __init__(self, c=128, projection=1024):
        super().__init__()
        blocks = [biggan.Down(biggan.MIMICRY, i, o, c, spectral_norm, n == 0, n < 2, True)
                  for n, (i, o) in enumerate([(3, c)] + [(c, c)] * 3)]
        self.local_feat_blocks, self.global_feat_blocks = nn.Sequential(*blocks[:-1]), nn.Sequential(blocks[-1])
        self.linear = spectral_norm(nn.Linear(c, 1))
        for name, o in [("a", c), ("b", projection), ("sc", projection)]:
            setattr(self, "local_nrkhs_" + name, spectral_norm(nn.Conv2d(c, o, 1)))
            setattr(self, "global_nrkhs_" + name, spectral_norm(nn.Linear(c, o)))

    def forward(self, x):
        local = self.local_feat_blocks(x)
        h = F.relu(self.global_feat_blocks(local)).sum([2, 3])
        local = F.relu(local)  # what the next block's ReLU in place has made of it
        of_places = self.local_nrkhs_b(F.relu(self.local_nrkhs_a(local))) + self.local_nrkhs_sc(local)
        of_pictures = self.global_nrkhs_b(F.relu(self.global_nrkhs_a(h))) + self.global_nrkhs_sc(h)
        return self.linear(h).flatten(), of_places, of_pictures


# --- PyTorch-StudioGAN, whose networks the tests have for 3 classes and latents of length 5 ---


def studiogan_dcgan_generator():
    generator = studiogan.DcganGenerator([512, 256, 128, 64])
    generator.linear0 = nn.Linear(128, 512 * 16)
    return generator


def studiogan_resnet_generator(classes=0, wrap=studiogan.plain, attended=0):
    generator = studiogan.Generator([256] * 4, classes, wrap, attended)
    generator.linear0 = wrap(nn.Linear(128, 256 * 16))
    return generator


def studiogan_resnet_discriminator(**options):
    return studiogan.Discriminator([3] + [128] * 4, 2, **options)


def studiogan_generator():
    generator = deep.studio_generator([384] * 4, 1, part=20, shared=128)
    generator.shared = nn.Embedding(10, 128)
    return generator


def studiogan_discriminator():
    discriminator = deep.studio_discriminator([3] + [192] * 4, 2, 0)
    discriminator.embedding = deep.sn(nn.Embedding(10, 192))
    return discriminator


class HeadedDiscriminator(nn.Module):
    """With other heads than a projection: returns logits, or scores of classes, and what further heads say."""

    def __init__(self, scores=1, **heads):
        super().__init__()
        self.blocks, self.linear1 = studiogan_discriminator().blocks, deep.sn(nn.Linear(192, scores))
        self.heads = list(heads)
        for name, head in heads.items():
            self.add_module(name, deep.sn(head))

    def forward(self, x, y):
        for layer in (layer for inner in self.blocks for layer in inner):
            x = layer(x)
        h = F.relu(x).sum([2, 3])
        return self.linear1(h).squeeze(1), *(getattr(self, name)(h) for name in self.heads)


class MultiDiscriminator(HeadedDiscriminator):
    def __init__(self):
        super().__init__(scores=10)

    def forward(self, x, y):
        (scores,) = super().forward(x, y)
        return scores.gather(1, y[:, None]).flatten()


class EmbeddingDiscriminator(HeadedDiscriminator):
    def __init__(self):
        super().__init__(linear2=nn.Linear(192, 512))
        self.embedding = deep.sn(nn.Embedding(10, 512))

    def forward(self, x, y):
        logits, embedding = super().forward(x, y)
        return logits, F.normalize(embedding), F.normalize(self.embedding(y))


def classifier(classes=10):
    return nn.Linear(192, classes, bias=False)


def acgan():
    loss = lambda of_classes, y: F.cross_entropy(of_classes[0], y)
    return HeadedGame(HeadedDiscriminator(linear2=classifier()), lambda real, _, y: loss(real, y), loss)


def tacgan():
    ce = F.cross_entropy
    return HeadedGame(HeadedDiscriminator(linear2=classifier(), linear_mi=classifier()),
                      lambda real, fake, y: ce(real[0], y) + ce(fake[1], y),
                      lambda fake, y: ce(fake[0], y) - ce(fake[1], y))


def adcgan():
    ce = F.cross_entropy
    return HeadedGame(HeadedDiscriminator(linear2=classifier(20)),
                      lambda real, fake, y: ce(real[0], 2 * y) + ce(fake[0], 2 * y + 1),
                      lambda fake, y: ce(fake[0], 2 * y) - ce(fake[0], 2 * y + 1))


def contragan():
    loss = lambda pair, y: heads.contrastive(*pair, y, temperature=1)
    return HeadedGame(EmbeddingDiscriminator(), lambda real, _, y: loss(real, y), loss)


def reacgan():
    loss = lambda pair, y: 0.5 * heads.data_to_data(*pair, y, temperature=0.5, margin=0.98)
    return HeadedGame(EmbeddingDiscriminator(), lambda real, _, y: loss(real, y), loss, lr=2.8284271e-4)


def studiogan_biggan_128(c=48):
    generator = deep.studio_generator([16 * c, 16 * c, 8 * c, 4 * c, 2 * c, c], 3, part=20, shared=128)
    generator.shared = nn.Embedding(1000, 128)
    discriminator = deep.studio_discriminator([3, c, 2 * c, 4 * c, 8 * c, 16 * c, 16 * c], 5, 0)
    discriminator.embedding = deep.sn(nn.Embedding(1000, 16 * c))
    return generator, discriminator


def deep_generator():
    generator = deep.deep_generator("studio", [512] * 4, 1, latent=128, shared=128)
    generator.shared = nn.Embedding(10, 128)
    return generator


def deep_discriminator():
    discriminator = deep.deep_discriminator("studio", [512] * 4, 2, 0)
    discriminator.embedding = deep.sn(nn.Embedding(10, 512))
    return discriminator


# --- fastai ---


def basic_generator():
    act = lambda: nn.ReLU(True)
    up = lambda i, o, *how: nn.Sequential(nn.ConvTranspose2d(i, o, 4, *how, bias=False), nn.BatchNorm2d(o), act())
    return nn.Sequential(nn.Unflatten(1, (100, 1, 1)), up(100, 512, 1, 0), up(512, 256, 2, 1), up(256, 128, 2, 1),
                         up(128, 64, 2, 1), nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def basic_critic():
    act = lambda: nn.LeakyReLU(0.2, True)
    down = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), act())
    return nn.Sequential(nn.Sequential(nn.Conv2d(3, 64, 4, 2, 1), act()), down(64, 128), down(128, 256),
                         down(256, 512), nn.Conv2d(512, 1, 4), nn.Flatten(0))
