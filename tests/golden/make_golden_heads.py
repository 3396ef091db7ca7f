#!/usr/bin/env python3
"""Writes heads.json: the ends of PyTorch-StudioGAN's conditional discriminators and of mimicry's SSGAN and InfoMax-GAN,
and the losses that go with them, written anew in PyTorch from their descriptions. Of networks it stores what
make_golden_biggan.py stores, of losses what make_golden_losses.py does.
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm

from excerpts import packed, write
from make_golden_biggan import MIMICRY, Down, MimicryDiscriminator, golden, network
from make_golden_biggan_deep import STUDIO, Discriminator, StudioAttention, sn
from make_golden_losses import to_second_order
from make_golden_nn import numbers


# --- networks, which return all that they find, one after the other ---


def joined(*parts):
    return torch.cat([p.flatten() for p in parts])


class Conditioned(Discriminator):
    """StudioGAN's BigGAN discriminator of 32 pixels, 3 classes, embeddings of 5."""

    def __init__(self, conditioning, auxiliary="", fake=False):
        widths = [3, 8, 8, 8, 8]
        stages = [([Down(STUDIO, i, o, o, sn, s == 0, s < 2, True)], StudioAttention(o) if s == 0 else None)
                  for s, (i, o) in enumerate(zip(widths, widths[1:]))]
        super().__init__("studio", stages, 8)
        self.conditioning, self.fake, self.discriminative = conditioning, fake, auxiliary == "ADC"
        classes, embeds = 6 if auxiliary == "ADC" else 3, conditioning in ("2C", "D2DCE")
        self.linear1 = sn(nn.Linear(8, {"MH": 4, "MD": 3}.get(conditioning, 1)))
        if conditioning != "PD":
            del self.embedding
        classifier = lambda: sn(nn.Linear(8, 5)) if embeds else sn(nn.Linear(8, classes, bias=False))
        self.pairs = []  # a classifier, or one that embeds and its table
        for aux, linear, embedding in [("", "linear2", "embedding"), ("TAC", "linear_mi", "embedding_mi")]:
            if (embeds or conditioning == "AC") and aux in ("", auxiliary):
                setattr(self, linear, classifier())
                if embeds:
                    setattr(self, embedding, sn(nn.Embedding(classes, 5)))
                self.pairs.append((linear, embedding if embeds else None))

    def forward(self, x, y):
        for layer in (layer for inner in self.blocks for layer in inner):
            x = layer(x)
        h = F.relu(x).sum([2, 3])
        logits = self.linear1(h)
        y = 2 * y + self.fake if self.discriminative else y
        if self.conditioning == "PD":
            logits = logits.flatten() + (self.embedding(y) * h).sum(1)
        elif self.conditioning == "MD":
            logits = logits[torch.arange(len(y)), y]
        found = [logits]
        for linear, embedding in self.pairs:
            classes = getattr(self, linear)(h)
            found.append(F.normalize(classes, dim=1) if embedding else classes)
            if embedding:
                found.append(F.normalize(getattr(self, embedding)(y), dim=1))
        return joined(*found)


class Ssgan(MimicryDiscriminator):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.l_y = spectral_norm(nn.Linear(self.l5.in_features, 4))

    def forward(self, x):
        h = self.features(x)
        return joined(getattr(self, self.head)(h), self.l_y(h))


class InfoMax(nn.Module):
    """At 48 pixels, with projections to 5 features."""

    def __init__(self):
        super().__init__()
        widths = [3, 1, 2, 4, 8, 16]
        blocks = [Down(MIMICRY, a, a if i else b, b, spectral_norm, i == 0, i < 4, True)
                  for i, (a, b) in enumerate(zip(widths, widths[1:]))]
        self.local_feat_blocks = nn.Sequential(*blocks[:-1])
        self.global_feat_blocks = nn.Sequential(blocks[-1])
        self.linear = spectral_norm(nn.Linear(16, 1))
        for name, o in [("a", 8), ("b", 5), ("sc", 5)]:
            setattr(self, "local_nrkhs_" + name, spectral_norm(nn.Conv2d(8, o, 1)))
        for name, o in [("a", 16), ("b", 5), ("sc", 5)]:
            setattr(self, "global_nrkhs_" + name, spectral_norm(nn.Linear(16, o)))

    def projected(self, kind, x):
        at = lambda name: getattr(self, f"{kind}_nrkhs_{name}")
        return at("b")(F.relu(at("a")(x))) + at("sc")(x)

    def forward(self, x):
        local = self.local_feat_blocks(x)
        h = F.relu(self.global_feat_blocks(local)).sum([2, 3])
        local = F.relu(local)  # what the next block's ReLU in place has made of it
        return joined(self.linear(h), self.projected("local", local), self.projected("global", h))


def networks():
    y, pictures = [2, 0], [2, 3, 32, 32]
    for conditioning, auxiliary in [("W/O", ""), ("AC", ""), ("AC", "TAC"), ("AC", "ADC"), ("2C", ""), ("2C", "TAC"),
                                    ("D2DCE", "ADC"), ("MH", ""), ("MD", "")]:
        name = " ".join(["studiogan", conditioning, auxiliary]).strip()
        network(name, Conditioned(conditioning, auxiliary, fake=True), pictures, y, penalty=conditioning == "2C")
    network("ssgan", Ssgan([3, 4, 4, 4, 4], 2), pictures, penalty=True)
    network("infomax", InfoMax(), [2, 3, 48, 48], penalty=True)


# --- losses ---


def cosines(embedding, proxy):
    return F.cosine_similarity(embedding, proxy), F.cosine_similarity(embedding[:, None], embedding[None], dim=-1)


def contrastive(embedding, proxy, y, temperature):
    with_proxy, between = cosines(embedding, proxy)
    others = ~torch.eye(len(y), dtype=torch.bool)
    own = others & (y[:, None] == y)
    pull, s = (with_proxy / temperature).exp(), (between / temperature).exp()
    return -((pull + (s * own).sum(1)) / (pull + (s * others).sum(1))).log().mean()


def data_to_data(embedding, proxy, y, temperature, margin, paper=False):
    with_proxy, between = cosines(embedding, proxy)
    s = (between + margin - 1) / temperature
    top = 0 if paper else s.masked_fill(torch.eye(len(y), dtype=torch.bool), -torch.inf).amax(1, keepdim=True).detach()
    a = F.relu((margin - with_proxy) / temperature)
    return (a + ((-a).exp() + ((F.relu(s) - top).exp() * (y[:, None] != y)).sum(1)).log()).mean()


def multi_hinge(scores, y):
    others = scores.masked_fill(F.one_hot(y, scores.shape[1]).bool(), -torch.inf)
    return F.relu(1 + others.max(1).values - scores.gather(1, y[:, None])[:, 0]).mean()


def info_nce(local, features, own_score):
    """One cross entropy for each place, among its own score and all those of the batch."""
    n, places = len(features), local[0, 0].numel()
    scores = torch.einsum("ir,jrl->ijl", features, local.flatten(2))
    wrong = scores.masked_fill(torch.eye(n, dtype=torch.bool)[:, :, None], own_score).reshape(n, 1, -1)
    own = scores[torch.arange(n), torch.arange(n)]
    logits = torch.cat([own[:, :, None], wrong.expand(-1, places, -1)], 2)
    return -logits.log_softmax(2)[:, :, 0].mean()


def quarters(x):
    return torch.stack([torch.rot90(p, i * 4 // len(x), (1, 2)) for i, p in enumerate(x)])


def losses():
    y = torch.tensor([0, 1, 0, 2, 1, 0])
    pair = [numbers([6, 5], 1), numbers([6, 5], 2)]
    scores, pictures = 2 * numbers([6, 4], 3), numbers([6, 2, 3, 3], 4)
    ce = F.cross_entropy
    six = [2 * numbers([6, 6], 5), 2 * numbers([6, 6], 6)]
    cases = {
        "2c 1": (lambda e, p: contrastive(e, p, y, 1), pair),
        "2c 0.3": (lambda e, p: contrastive(e, p, y, 0.3), pair),
        "d2d-ce": (lambda e, p: data_to_data(e, p, y, 0.5, 0.98), pair),
        "d2d-ce 0.9": (lambda e, p: data_to_data(e, p, y, 0.25, 0.9), pair),
        "d2d-ce paper": (lambda e, p: data_to_data(e, p, y, 0.5, 0.98, paper=True), pair),
        "mh": (lambda s: multi_hinge(s, y), [scores]),
        "mh discriminator": (lambda r, f: multi_hinge(r, y) + multi_hinge(f, torch.full_like(y, 3)),
                             [scores, 2 * numbers([6, 4], 7)]),
        "feature matching": (lambda r, f: (f.mean(0) - r.mean(0)).abs().mean(), pair),
        "ac": (lambda c: ce(c, y), [scores]),
        "tac discriminator": (lambda c, t: ce(c, y) + ce(t, y), six),
        "tac generator": (lambda c, t: ce(c, y) - ce(t, y), six),
        "adc discriminator": (lambda r, f: ce(r, 2 * y) + ce(f, 2 * y + 1), six),
        "adc generator": (lambda f: ce(f, 2 * y) - ce(f, 2 * y + 1), six[:1]),
        "rotation": (lambda r: ce(r, torch.arange(6) * 4 // 6), [scores]),
        "rotated quarters": (quarters, [pictures]),
        "info nce": (lambda l, g: info_nce(l, g, -10), [numbers([3, 4, 2, 3], 8), 3 * numbers([3, 4], 9)]),
        "info nce others": (lambda l, g: info_nce(l, g, -torch.inf), [numbers([3, 4, 2, 3], 8), numbers([3, 4], 9)]),
    }
    for turns in range(4):
        cases[f"rotated {turns}"] = (lambda x, turns=turns: torch.rot90(x, turns, (2, 3)), [numbers([2, 1, 2, 3], 4)])
    for name, (loss, inputs) in cases.items():
        golden[name] = {k: packed(v) for k, v in to_second_order(loss, inputs).items()}


def main():
    networks()
    losses()
    write("heads.json", golden)


if __name__ == "__main__":
    main()
