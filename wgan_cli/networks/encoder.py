"""Networks that learn from real images what they are of: which z may have made one, and which class it has.

Both begin with the body of a family's critic, layers of its own weights by the same settings.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.distributed.collectives import all_reduce_sum
from wgan_cli.networks.conditioning import LabelChannel
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.model_settings import FamilySettings

CENTRE_DECAY = 0.95


class ImageEncoder(nn.Module):
    """An encoder but for its body: q(z | image, class) = N(mean, exp(log_variance)) (Kingma and Welling 2014).

    A family's body gives `begin`, `features` and `last`. A conditional model's is shown the class as one more picture.
    """

    def __init__(self, settings: FamilySettings, image: ImageShape) -> None:
        super().__init__()
        self.enter = LabelChannel(settings, image, shown=settings.conditional)
        self.begin(settings, image, self.enter.channels)
        self.to_moments = self.last(2 * settings.latent_dim)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """images (N, C, H, W) in [-1, 1] -> mean, log_variance of z, (N, latent_dim) each."""
        x = self.features(self.enter(images, labels))
        return self.to_moments(x).chunk(2, 1)


class ImageClassifier(nn.Module):
    """A classifier but for its body, which gives `begin`, `features` and `last`.

    real_centres, fake_centres: where its features of each class lie, for objectives that compare them.
    """

    def __init__(self, settings: FamilySettings, image: ImageShape) -> None:
        super().__init__()
        self.begin(settings, image, image.channels)
        self.to_classes = self.last(image.num_classes)
        self.real_centres, self.fake_centres = (
            ClassCentres(image.num_classes, self.to_classes.in_features) for _ in range(2)
        )

    def forward(self, images: Tensor, features: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """images (N, C, H, W) -> logits (N, num_classes); with `features` also what they are made of, (N, F)."""
        x = self.features(images)
        logits = self.to_classes(x)
        return (logits, x.flatten(1)) if features else logits


class ClassCentres(nn.Module):
    """The mean feature of each class, moved a little by every batch: what a single batch has too few images for.

    centre <- centre + rate * (mean of the batch - centre), with rate = max(1 - decay, 1 / batches so far), so that a
    young centre is the plain mean of its batches.
    """

    def __init__(self, num_classes: int, features: int, decay: float = CENTRE_DECAY) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("centres", torch.zeros(num_classes, features))
        self.register_buffer("batches", torch.zeros(num_classes))

    def moved(self, features: Tensor, labels: Tensor) -> Tensor:
        """Take in a batch, features (N, F) float32 of classes (N,), and return the centres (num_classes, F).

        Their values are the moved centres, their gradients those of the batch's own means, so that the pull on an
        image does not depend on how slowly centres move.
        """
        of_class = torch.arange(len(self.centres), device=labels.device)[:, None] == labels  # (num_classes, N)
        counts = all_reduce_sum(of_class.sum(1, keepdim=True))  # (num_classes, 1)
        with torch.autocast(features.device.type, enabled=False):  # sums of half precision would not do
            means = all_reduce_sum(of_class.float() @ features) / counts.clamp(min=1)  # (num_classes, F)
        with torch.no_grad():
            present = counts.squeeze(1) > 0  # (num_classes,)
            self.batches += present
            rate = (1 / self.batches.clamp(min=1)).clamp(min=1 - self.decay) * present
            self.centres.lerp_(means, rate[:, None])
        return self.centres.clone() + means - means.detach()
