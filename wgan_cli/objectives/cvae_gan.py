"""CVAE-GAN: an encoder finds the latent vector of an image, and the generator reconstructs it (Bao et al. 2017).

Critic and classifier minimize cross-entropy; generator and encoder minimize distances between features, which give a
gradient even if the critic is always right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.distributed import rng
from wgan_cli.distributed.collectives import all_reduce_mean
from wgan_cli.networks.encoder import Classifier
from wgan_cli.objectives.adversarial import advice, with_addends
from wgan_cli.objectives.label_smoothing import cross_entropy_meaning, fake_targets, real_targets
from wgan_cli.objectives.objective import Batch, Loss, NetworksByRole, Objective, Phase, given, settings_of
from wgan_cli.objectives.penalties import make_penalty, penalty_terms
from wgan_cli.objectives.terms import Term, critic_loss_term, probability_terms
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.objective_settings import CvaeGanSettings


def cvae_gan(recipe: Recipe, image: ImageShape) -> Objective:
    """CVAE-GAN (Bao et al. 2017, Algorithm 1): each network minimizes its own loss on its own batch.

    critic:      -log D(x) - log(1 - D(reconstruction)) - log(1 - D(sample))
    classifier:  -log C(class of x | x)
    generator:   distances of reconstructions in pixels and in features of critic and classifier, and distances of
                 samples in the critic's mean features and in the classifier's mean features of each class
    encoder:     kl_weight * KL(q(z | x, class) || N(0, 1)), and the distances of reconstructions

    With `adversarial_weight` and `classifier_weight`, generator and encoder also minimize -log D(fake) and
    -log C(class | fake).
    """
    settings = settings_of(recipe, CvaeGanSettings)
    penalties = penalty_terms(settings)
    loss_term, *other_terms = _terms(settings)
    return Objective(
        phases=(
            _critic_phase(settings),
            Phase("classifier", "classifier", 1, _classifier_loss),
            _generator_phase(settings),
            _encoder_phase(settings),
        ),
        terms=(with_addends(loss_term, penalties), *(term for term, _ in penalties), *other_terms),
        exported_roles=("encoder", "classifier"),
        **advice(settings),
    )


def _critic_phase(settings: CvaeGanSettings) -> Phase:
    penalty = make_penalty(settings)

    def critic_loss(networks: NetworksByRole, batch: Batch) -> Loss:
        real_images, labels = given(batch.real), given(batch.labels)
        with torch.no_grad():
            fakes = _reconstructions_and_samples(networks, batch).float()  # (2N, C, H, W)
        scores = networks["critic"](torch.cat([real_images, fakes]), labels.repeat(3)).float()  # (3N,)
        real, reconstructions, samples = scores.chunk(3)  # (N,) each
        total = F.binary_cross_entropy_with_logits(real, real_targets(settings, real))
        for fake in (reconstructions, samples):
            total = total + F.binary_cross_entropy_with_logits(fake, fake_targets(settings, fake))
        terms = {
            "real_probability": real.sigmoid().mean(),
            "copy_probability": reconstructions.sigmoid().mean(),
            "fake_probability": samples.sigmoid().mean(),
        }
        if penalty and batch.apply_penalty:
            added = penalty(networks["critic"], real_images, fakes.chunk(2)[1], labels)
            total, terms = total + added.total, terms | added.terms
        return Loss(total, {"critic_loss": total, **terms})

    interval = settings.gp_every if penalty else 1
    return Phase("critic", "critic", settings.n_critic, critic_loss, penalty_interval=interval)


def _classifier_loss(networks: NetworksByRole, batch: Batch) -> Loss:
    total = F.cross_entropy(networks["classifier"](given(batch.real)).float(), given(batch.labels))
    return Loss(total, {"classifier_loss": total})


def _generator_phase(settings: CvaeGanSettings) -> Phase:
    def generator_loss(networks: NetworksByRole, batch: Batch) -> Loss:
        labels = given(batch.labels)
        real = _features(networks, given(batch.real), labels, constant=True)
        images = _reconstructions_and_samples(networks, batch)  # (2N, C, H, W)
        fakes = _features(networks, images, labels.repeat(2))
        reconstructions, samples = fakes.halves()

        pairs = _pair_loss(settings, real, reconstructions)
        critic_means = mean_distance(real.critic, samples.critic)
        class_means = _class_means(cast(Classifier, networks["classifier"]), real, samples, labels)
        total = pairs.total + settings.critic_mean_weight * critic_means + settings.class_mean_weight * class_means
        judged = _adversarial_loss(settings, fakes, labels.repeat(2))
        total = total + judged.total
        means = {"critic_means": critic_means, "class_means": class_means}
        return Loss(total, {"generator_loss": total, **pairs.terms, **means, **judged.terms})

    return Phase("generator", "generator", 1, generator_loss)


def _encoder_phase(settings: CvaeGanSettings) -> Phase:
    def encoder_loss(networks: NetworksByRole, batch: Batch) -> Loss:
        images, labels = given(batch.real), given(batch.labels)
        mean, log_variance = encode(networks["encoder"], images, labels)
        reconstructions = networks["generator"](sample_posterior(mean, log_variance), labels)  # (N, C, H, W)
        real = _features(networks, images, labels, constant=True)
        fakes = _features(networks, reconstructions, labels)
        kl = kl_to_normal(mean, log_variance)
        total = settings.kl_weight * kl + _pair_loss(settings, real, fakes).total
        total = total + _adversarial_loss(settings, fakes, labels).total
        return Loss(total, {"encoder_loss": total, "kl": kl})

    return Phase("encoder", "encoder", 1, encoder_loss)


def _terms(settings: CvaeGanSettings) -> Sequence[Term]:
    return (
        critic_loss_term(cross_entropy_meaning(settings, fakes_per_real=2)),
        *probability_terms(settings),
        Term("copy_probability", "the same for reconstructions"),
        Term("classifier_loss", "cross-entropy of the classifier on real images; falls towards 0"),
        Term("generator_loss", "weighted sum of its distances; falls, and is not comparable between settings"),
        Term("pixel_pairs", f"{_PIXEL_LOSSES[settings.pixel_loss]}; falls"),
        Term("critic_pairs", "the same in the critic's features, which grow while it learns"),
        Term("class_pairs", "the same in the classifier's features, which grow while it learns"),
        Term("critic_means", "half the squared distance of the samples' mean from the data's in the critic's features"),
        Term("class_means", "the same for the mean of each class, in the classifier's features"),
        *(term for term, weight in _adversarial_terms(settings) if weight),
        Term("encoder_loss", "kl and the distances of reconstructions, weighted; falls"),
        Term("kl", "information about an image in its latent vector, in nats"),
    )


def _adversarial_terms(settings: CvaeGanSettings) -> Sequence[tuple[Term, float]]:
    return (
        (Term("adversarial_loss", "-log of the critic's probability of generated images"), settings.adversarial_weight),
        (Term("fake_class_loss", "the classifier's cross-entropy on generated images"), settings.classifier_weight),
    )


_PIXEL_LOSSES = {
    "mse": "half the squared distance of reconstructions from their images, in pixels",
    "bce": "cross-entropy of reconstructions and their images, summed over pixels",
}


class Features(NamedTuple):
    """Images (N, C, H, W), their features in critic and classifier, (N, F) each, scores and class logits; float32."""

    images: Tensor
    critic: Tensor
    classifier: Tensor
    scores: Tensor
    logits: Tensor

    def halves(self) -> tuple[Features, Features]:
        """Split along the batch."""
        first, second = zip(*(each.chunk(2) for each in self), strict=True)
        return Features(*first), Features(*second)


def encode(encoder: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log variance of q(z | image, class), (N, latent_dim) each, float32."""
    mean, log_variance = encoder(images, labels)
    return mean.float(), log_variance.float()


def sample_posterior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw z ~ N(mean, exp(log_variance)), differentiable in both (Kingma and Welling 2014, section 2.4)."""
    return mean + (0.5 * log_variance).exp() * rng.randn_like(mean)


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """mean_n KL(N(mean_n, exp(log_variance_n)) || N(0, 1)) = 1/2 sum_d (mean^2 + var - log var - 1), in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()


def pair_distance(a: Tensor, b: Tensor) -> Tensor:
    """mean_n 1/2 ||a_n - b_n||^2; (N, ...) each."""
    return 0.5 * (a - b).flatten(1).square().sum(1).mean()


def pixel_cross_entropy(images: Tensor, reconstructions: Tensor) -> Tensor:
    """mean_n sum over pixels of -x log y - (1 - x) log(1 - y), with both in [0, 1]; (N, C, H, W) in [-1, 1] each."""
    x, y = ((pixels + 1) / 2 for pixels in (images, reconstructions))
    y = y.clamp(1e-6, 1 - 1e-6)
    # Not F.binary_cross_entropy: it raises an error under autocast.
    return -(x * y.log() + (1 - x) * (1 - y).log()).flatten(1).sum(1).mean()


def mean_distance(a: Tensor, b: Tensor) -> Tensor:
    """1/2 ||mean_n a_n - mean_n b_n||^2; (N, F) each."""
    return 0.5 * all_reduce_mean(a.mean(0) - b.mean(0)).square().sum()


def _class_means(classifier: Classifier, real: Features, samples: Features, labels: Tensor) -> Tensor:
    """1/2 sum_c ||center_c of real images - center_c of samples||^2; both are zero for a class not seen so far."""
    real_centers = classifier.real_centers.update(real.classifier, labels)  # (num_classes, F)
    fake_centers = classifier.fake_centers.update(samples.classifier, labels)  # (num_classes, F)
    return 0.5 * (real_centers - fake_centers).square().sum()


def _pair_loss(settings: CvaeGanSettings, real: Features, reconstructions: Features) -> Loss:
    """Weighted distances of reconstructions from their images, in pixels and in both networks' features."""
    pixel_distance = pair_distance if settings.pixel_loss == "mse" else pixel_cross_entropy
    distances = [
        pixel_distance(real.images, reconstructions.images),
        pair_distance(real.critic, reconstructions.critic),
        pair_distance(real.classifier, reconstructions.classifier),
    ]
    weights = (settings.pixel_weight, settings.critic_pair_weight, settings.class_pair_weight)
    first, second, third = (weight * distance for weight, distance in zip(weights, distances, strict=True))
    terms: dict[str, Tensor] = dict(zip(("pixel_pairs", "critic_pairs", "class_pairs"), distances, strict=True))
    return Loss(first + second + third, terms)


def _adversarial_loss(settings: CvaeGanSettings, fakes: Features, labels: Tensor) -> Loss:
    """Weighted adversarial and classification losses of generated images."""
    losses = (F.softplus(-fakes.scores).mean(), F.cross_entropy(fakes.logits, labels))
    total, terms = fakes.scores.new_zeros(()), dict[str, Tensor]()
    for loss, (term, weight) in zip(losses, _adversarial_terms(settings), strict=True):
        if weight:
            total, terms = total + weight * loss, {**terms, term.name: loss}
    return Loss(total, terms)


def _reconstructions_and_samples(networks: NetworksByRole, batch: Batch) -> Tensor:
    """Return a reconstruction of each real image, then a sample of each one's class: (2N, C, H, W).

    No gradient reaches the encoder. One pass through the generator is faster than two.
    """
    labels = given(batch.labels)
    with torch.no_grad():
        z = sample_posterior(*encode(networks["encoder"], given(batch.real), labels))
    return networks["generator"](torch.cat([z, batch.z]), labels.repeat(2))


def _features(networks: NetworksByRole, images: Tensor, labels: Tensor, constant: bool = False) -> Features:
    """Compute the features of images in critic and classifier, without gradients if they are `constant`."""
    with torch.set_grad_enabled(torch.is_grad_enabled() and not constant):
        scores, critic = networks["critic"](images, labels, features=True)
        logits, classifier = networks["classifier"](images, features=True)
    return Features(*(each.float() for each in (images, critic, classifier, scores, logits)))
