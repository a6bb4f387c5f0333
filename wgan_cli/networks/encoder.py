"""Encoders and classifiers: a family's critic body with weights of its own and another head."""

import torch
from torch import Tensor, nn

from wgan_cli.distributed.collectives import all_reduce_sum
from wgan_cli.networks.conditioning import LabelChannel, class_sums
from wgan_cli.networks.critic import BodyFactory
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.layer_settings import LatentSettings

CENTER_DECAY = 0.95


class Encoder(nn.Module):
    """Posterior q(z | image, class) = N(mean, exp(log_variance)) (Kingma and Welling 2014)."""

    def __init__(self, body: BodyFactory, settings: LatentSettings, image: ImageShape) -> None:
        super().__init__()
        self.stem = LabelChannel(settings, image, shown=settings.conditional and settings.encoder_labels)
        self.body = body(settings, image, self.stem.channels)
        self.head = self.body.output_layer(2 * settings.latent_dim)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W) in [-1, 1] -> mean and log variance of z, (N, latent_dim) each."""
        mean, log_variance = self.head(self.body(self.stem(images, labels))).chunk(2, 1)
        return mean, log_variance


class Classifier(nn.Module):
    """Class logits of images; keeps running class centers of its features for real and for fake images."""

    def __init__(self, body: BodyFactory, settings: LatentSettings, image: ImageShape) -> None:
        super().__init__()
        self.body = body(settings, image, image.channels)
        self.head = self.body.output_layer(image.num_classes)
        self.real_centers = ClassCenters(image.num_classes, self.head.in_features)
        self.fake_centers = ClassCenters(image.num_classes, self.head.in_features)

    def forward(self, images: Tensor, features: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Images (N, C, H, W) -> logits (N, num_classes); with `features` also the features (N, F)."""
        x = self.body(images)  # (N, ...)
        logits = self.head(x)
        return (logits, x.flatten(1)) if features else logits


class ClassCenters(nn.Module):
    """Running mean feature of each class, because a single batch has too few images per class.

    center <- center + rate * (batch mean - center) with rate = max(1 - CENTER_DECAY, 1 / batches so far), so that a new
    center is the plain mean of its batches.
    """

    centers: Tensor
    batches: Tensor

    def __init__(self, num_classes: int, features: int) -> None:
        super().__init__()
        self.register_buffer("centers", torch.zeros(num_classes, features))
        self.register_buffer("batches", torch.zeros(num_classes))

    def update(self, features: Tensor, labels: Tensor) -> Tensor:
        """Include a batch, features (N, F) float32 of classes (N,), and return the centers (num_classes, F).

        The values are the new centers, the gradients those of the batch means, so that the gradient of an image does
        not depend on the decay.
        """
        sums, counts = map(all_reduce_sum, class_sums(features, labels, len(self.centers)))
        means = sums / counts.clamp(min=1)  # (num_classes, F)
        with torch.no_grad():
            present = counts.squeeze(1) > 0  # (num_classes,)
            self.batches += present
            rate = (1 / self.batches.clamp(min=1)).clamp(min=1 - CENTER_DECAY) * present
            self.centers.lerp_(means, rate[:, None])
        return self.centers.clone() + means - means.detach()
