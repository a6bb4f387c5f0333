"""How labels enter networks: beside z, by norms, beside the image, or at the score."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from wgan_cli.networks.layers import norm
from wgan_cli.networks.minibatch_layers import BatchScore
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.layer_settings import FamilySettings, LabelledLatentSettings, Norm

Judgement = Tensor | tuple[Tensor, ...]


class ConditionalLatent(nn.Module):
    """z with the embedding of its image's class behind it (Mirza and Osindero 2014); z alone without classes."""

    def __init__(self, settings: LabelledLatentSettings, image: ImageShape) -> None:
        super().__init__()
        self.width = self.latent_dim = settings.latent_dim
        self.embedding = None
        if settings.conditional:
            self.embedding = nn.Embedding(image.num_classes, settings.label_dim)
            self.width += settings.label_dim

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """z (N, latent_dim), labels (N,) -> (N, width)."""
        if self.embedding is None:
            return z
        return torch.cat([z, self.embedding(labels)], 1)  # (N, latent_dim + label_dim)

    def share_of_z(self, weight: Tensor) -> Tensor:
        """Of the weight of a layer over all this, what meets z: (outputs, width) -> (outputs, latent_dim)."""
        return weight[:, : self.latent_dim]


class ConditionalNorm2d(nn.Module):
    """A normalisation whose gain and bias are those of its image's class (Dumoulin et al. 2017, eq. 5).

    Every class starts with gain 1 and bias 0. After no normalisation at all they are the whole of it.
    """

    def __init__(self, name: Norm, features: int, num_classes: int) -> None:
        super().__init__()
        self.normalise = (norm(name, features, spatial=True, affine=False) or [nn.Identity()])[0]
        self.gain = nn.Embedding(num_classes, features)
        self.bias = nn.Embedding(num_classes, features)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """x (N, features, H, W), labels (N,) -> (N, features, H, W)."""
        x = self.normalise(x)
        gain, bias = (table(labels).to(x.dtype)[:, :, None, None] for table in (self.gain, self.bias))
        return torch.addcmul(bias, x, gain)  # (N, features, H, W)


class LabelChannel(nn.Module):
    """An image with one more channel, a picture learnt for its class, where it is shown; else the image alone.

    shown: by default where that is how the critic learns of classes.
    """

    def __init__(self, settings: FamilySettings, image: ImageShape, shown: bool | None = None) -> None:
        super().__init__()
        self.channels, self.size = image.channels, image.size
        self.embedding = None
        if settings.shows_critic("embedding") if shown is None else shown:
            self.embedding = nn.Embedding(image.num_classes, image.size**2)
            self.channels += 1

    def forward(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """images (N, C, H, W), labels (N,) -> (N, channels, H, W)."""
        if self.embedding is None:
            return images
        plane = self.embedding(labels).unflatten(1, (1, self.size, self.size))  # (N, 1, H, W)
        return torch.cat([images, plane.to(images.dtype)], 1)  # (N, C+1, H, W)


class ConditionalCritic(nn.Module):
    """A critic but for its body: labels at its start, scores at its end, in every way in which it can know of classes.

    projection: score = to_score(x) + row `label` of to_classes(x) (Miyato and Koyama 2018). classifier: the rows of
    to_classes(x) are logits of the classes, beside a score that knows nothing of them (Odena et al. 2017).
    A family makes `enter` and what `features` runs, and calls `end` last.
    """

    def forward(
        self, images: Tensor, labels: Tensor | None = None, classify: bool = False, features: bool = False
    ) -> Judgement:
        """images (N, C, H, W) -> scores (N,).

        With `classify` also logits of the classes (N, num_classes); with `features` also what it judges by, (N, F).
        """
        x = self.features(self.enter(images, labels))
        judgement = self.judge(x, labels, classify)
        if not features:
            return judgement
        return (*judgement, x.flatten(1)) if classify else (judgement, x.flatten(1))

    def end(
        self, settings: FamilySettings, image: ImageShape, layer: Callable[[int], nn.Module], varies: bool | None = None
    ) -> None:
        """Make the last layers.

        Args:
            layer: makes one from the features to so many outputs.
            varies: whether the score sees the batch's spread; default as `minibatch_std` says.
        """
        self.projects = settings.shows_critic("projection")
        self.to_score = layer(1)
        knows = self.projects or settings.shows_critic("classifier")
        self.to_classes = layer(image.num_classes) if knows else None
        own, features = settings.critic, self.to_score.in_features
        varies = own.minibatch_std if varies is None else varies
        looks_around = varies or own.minibatch_features
        self.of_batch = BatchScore(features, own.minibatch_features, varies) if looks_around else None

    def judge(self, x: Tensor, labels: Tensor | None, classify: bool) -> Judgement:
        """Features to scores (N,), and with `classify` also logits (N, num_classes)."""
        scores = self.to_score(x).squeeze(1)  # (N,)
        if self.of_batch is not None:
            scores = scores + self.of_batch(x)  # (N,)
        if self.projects:
            scores = scores + self.to_classes(x).gather(1, labels[:, None]).squeeze(1)  # (N,)
        return (scores, self.to_classes(x)) if classify else scores


class ImageCritic(ConditionalCritic):
    """A critic but for its body, which gives `begin`, `features` and `last`, as an encoder's or a classifier's does."""

    def __init__(self, settings: FamilySettings, image: ImageShape) -> None:
        super().__init__()
        self.enter = LabelChannel(settings, image)
        self.begin(settings, image, self.enter.channels)
        self.end(settings, image, self.last)
