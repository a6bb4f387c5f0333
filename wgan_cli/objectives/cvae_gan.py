"""Autoencoder and GAN in one: an encoder finds the z of an image, and the generator makes its copy (Bao et al. 2017).

The critic and the classifier learn by cross-entropy; generator and encoder by distances, which go on to be of use where
a critic that is always right gives no slope.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.distributed import rng
from wgan_cli.distributed.collectives import all_reduce_mean
from wgan_cli.objectives.base import Batch, Loss, Networks, Objective, Phase
from wgan_cli.objectives.label_smoothing import fake_targets, real_targets
from wgan_cli.objectives.penalties import TERMS, penalty_of
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.cvae_gan_settings import CvaeGanSettings


def cvae_gan(recipe: Recipe) -> Objective:
    """CVAE-GAN (Bao et al. 2017, Algorithm 1), each network by its own loss and on its own batch.

    critic:      -log D(x) - log(1 - D(copy)) - log(1 - D(sample))
    classifier:  -log C(class of x | x)
    generator:   what a copy differs by, in pixels and in features of critic and classifier, and by what samples differ
                 in the critic's mean features and in the classifier's mean features of each class
    encoder:     kl_weight * KL(q(z | x, class) || N(0, 1)), and what a copy differs by
    """
    settings: CvaeGanSettings = recipe.objective
    penalty = penalty_of(settings)

    def critic_loss(networks: Networks, batch: Batch) -> Loss:
        with torch.no_grad():
            both = _copies_and_samples(networks, batch).float()  # (2N, C, H, W)
        labels = batch.labels.repeat(3)
        scores = networks["critic"](torch.cat([batch.real, both]), labels).float()  # (3N,)
        real, copies, samples = scores.chunk(3)  # (N,) each
        total = F.binary_cross_entropy_with_logits(real, real_targets(settings, real))
        for fake in (copies, samples):
            total = total + F.binary_cross_entropy_with_logits(fake, fake_targets(settings, fake))
        terms = {}
        if penalty and batch.apply_penalty:
            smooth = penalty(networks["critic"], batch.real, both.chunk(2)[1], batch.labels)
            total, terms = total + smooth.total, smooth.terms
        shares = {
            "real_probability": real.sigmoid().mean(),
            "copy_probability": copies.sigmoid().mean(),
            "fake_probability": samples.sigmoid().mean(),
        }
        return Loss(total, {"critic_loss": total, **shares, **terms})

    def classifier_loss(networks: Networks, batch: Batch) -> Loss:
        total = F.cross_entropy(networks["classifier"](batch.real).float(), batch.labels)
        return Loss(total, {"classifier_loss": total})

    def generator_loss(networks: Networks, batch: Batch) -> Loss:
        seen_real = _seen(networks, batch.real, batch.labels, nothing_to_learn=True)
        both = _copies_and_samples(networks, batch)  # (2N, C, H, W)
        seen_copies, seen_samples = _seen(networks, both, batch.labels.repeat(2)).chunk()

        pairs = _pairs(settings, seen_real, seen_copies)
        critic_means = mean_distance(seen_real.by_critic, seen_samples.by_critic)
        class_means = _class_means(networks["classifier"], seen_real, seen_samples, batch.labels)
        total = pairs.total + settings.critic_mean_weight * critic_means + settings.class_mean_weight * class_means
        means = {"critic_means": critic_means, "class_means": class_means}
        return Loss(total, {"generator_loss": total, **pairs.terms, **means})

    def encoder_loss(networks: Networks, batch: Batch) -> Loss:
        mean, log_variance = encode(networks["encoder"], batch.real, batch.labels)
        copies = networks["generator"](on_samples(mean, log_variance), batch.labels)  # (N, C, H, W)
        seen_real = _seen(networks, batch.real, batch.labels, nothing_to_learn=True)
        pairs = _pairs(settings, seen_real, _seen(networks, copies, batch.labels))
        kl = kl_to_normal(mean, log_variance)
        total = settings.kl_weight * kl + pairs.total
        return Loss(total, {"encoder_loss": total, "kl": kl})

    return Objective(
        phases=(
            Phase(
                "critic", "critic", settings.n_critic, critic_loss,
                penalty_interval=settings.gp_every if penalty else 1,
            ),
            Phase("classifier", "classifier", 1, classifier_loss),
            Phase("generator", "generator", 1, generator_loss),
            Phase("encoder", "encoder", 1, encoder_loss),
        ),
        meanings=MEANINGS | dict(TERMS[weight] for weight in settings.penalties),
        exported_roles=("encoder", "classifier"),
    )  # fmt: skip


MEANINGS = {
    "critic_loss": "cross-entropy of its answers; 2.08 where it only guesses, 0 where it is always right",
    "real_probability": "how probably real the critic finds the data; 1 is certain",
    "copy_probability": "how probably real it finds copies, which the generator makes of what the encoder saw",
    "fake_probability": "how probably real it finds the samples",
    "classifier_loss": "how badly the classifier names the classes of real images; falls towards 0",
    "generator_loss": "all of its distances, by their weights; falls, and is not comparable between settings",
    "pixel_pairs": "half the squared difference of a copy's pixels from its image's, from -1 to 1; falls",
    "critic_pairs": "the same in features of the critic, which grow as it learns",
    "class_pairs": "the same in features of the classifier, which grow as it learns",
    "critic_means": "how far the samples are from the data on the mean, in the critic's features",
    "class_means": "how far they are on the mean of each class, in the classifier's features",
    "encoder_loss": "kl and the distances of copies, by their weights; falls",
    "kl": "how much the encoder tells the generator of an image, in nats beyond chance",
}


class Seen(NamedTuple):
    """Images (N, C, H, W), and what critic and classifier see in them: (N, F) each, float32."""

    images: Tensor
    by_critic: Tensor
    by_classifier: Tensor

    def chunk(self) -> tuple[Seen, Seen]:
        """The first half of the images, and the second."""
        return tuple(Seen(*parts) for parts in zip(*(each.chunk(2) for each in self), strict=True))


def encode(encoder: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The encoder's mean and log_variance of z, (N, latent_dim) each, float32."""
    mean, log_variance = encoder(images, labels)
    return mean.float(), log_variance.float()


def on_samples(mean: Tensor, log_variance: Tensor) -> Tensor:
    """z ~ N(mean, exp(log_variance)), differentiable in both (Kingma and Welling 2014, section 2.4)."""
    return mean + (0.5 * log_variance).exp() * rng.randn_like(mean)


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """mean_n KL(N(mean_n, exp(log_variance_n)) || N(0, 1)) = 1/2 sum_d (mean^2 + var - log var - 1), in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()


def pair_distance(a: Tensor, b: Tensor) -> Tensor:
    """mean_n 1/2 ||a_n - b_n||^2; (N, ...) each."""
    return 0.5 * (a - b).flatten(1).square().sum(1).mean()


def mean_distance(a: Tensor, b: Tensor) -> Tensor:
    """1/2 ||mean_n a_n - mean_n b_n||^2; (N, F) each."""
    return 0.5 * all_reduce_mean(a.mean(0) - b.mean(0)).square().sum()


def _class_means(classifier: nn.Module, real: Seen, samples: Seen, labels: Tensor) -> Tensor:
    """1/2 sum_c ||centre_c of real images - centre_c of samples||^2; of a class that never came, both are zero."""
    of_real = classifier.real_centres.moved(real.by_classifier, labels)  # (num_classes, F)
    of_samples = classifier.fake_centres.moved(samples.by_classifier, labels)  # (num_classes, F)
    return 0.5 * (of_real - of_samples).square().sum()


def _pairs(settings: CvaeGanSettings, real: Seen, copies: Seen) -> Loss:
    """What copies differ by from their images, in all that sees them."""
    distances = [pair_distance(a, b) for a, b in zip(real, copies, strict=True)]
    weights = (settings.pixel_weight, settings.critic_pair_weight, settings.class_pair_weight)
    total = sum(weight * distance for weight, distance in zip(weights, distances, strict=True))
    return Loss(total, dict(zip(("pixel_pairs", "critic_pairs", "class_pairs"), distances, strict=True)))


def _copies_and_samples(networks: Networks, batch: Batch) -> Tensor:
    """A copy of each real image by way of its z, then a sample of each one's class: (2N, C, H, W).

    The encoder learns nothing by it. One pass through the generator costs less than two.
    """
    with torch.no_grad():
        z = on_samples(*encode(networks["encoder"], batch.real, batch.labels))
    return networks["generator"](torch.cat([z, batch.z]), batch.labels.repeat(2))


def _seen(networks: Networks, images: Tensor, labels: Tensor, nothing_to_learn: bool = False) -> Seen:
    """Images in float32 as critic and classifier see them.

    Args:
        nothing_to_learn: of images that are what they are.
    """
    with torch.set_grad_enabled(torch.is_grad_enabled() and not nothing_to_learn):
        _, by_critic = networks["critic"](images, labels, features=True)
        _, by_classifier = networks["classifier"](images, features=True)
    return Seen(images.float(), by_critic.float(), by_classifier.float())
