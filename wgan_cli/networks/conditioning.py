"""Class labels in networks: next to z, in normalization layers, as an image channel, or at the score."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.networks.layers import norm
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.layer_settings import ConditionalLatentSettings, FamilySettings, Norm


class Embedding(nn.Embedding):
    """Embedding that doesn't draw meta tensors, for which torch would import its compiler."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


class ConditionalLatent(nn.Module):
    """Concatenation of z and the class, embedded (Mirza and Osindero 2014) or one-hot; or z without classes."""

    def __init__(self, settings: ConditionalLatentSettings, image: ImageShape) -> None:
        super().__init__()
        self.width = self.latent_dim = settings.latent_dim
        self.embedding = self.one_hot = None
        if settings.conditional and settings.label_encoding == "one_hot":
            self.one_hot = image.num_classes
            self.width += image.num_classes
        elif settings.conditional:
            self.embedding = Embedding(image.num_classes, settings.label_dim)
            self.width += settings.label_dim

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        if self.one_hot is not None:
            assert labels is not None
            return torch.cat([z, F.one_hot(labels, self.one_hot).to(z.dtype)], 1)  # (N, latent_dim + num_classes)
        if self.embedding is None:
            return z
        return torch.cat([z, self.embedding(labels)], 1)  # (N, latent_dim + label_dim)

    def z_columns(self, weight: Tensor) -> Tensor:
        """Return the columns of a layer's weight that multiply z: (outputs, width) -> (outputs, latent_dim)."""
        return weight[:, : self.latent_dim]


class ConditionalNorm2d(nn.Module):
    """Normalization with a gain and bias per class (Dumoulin et al. 2017, eq. 5), initially 1 and 0.

    With `norm: none` only gain and bias remain.
    """

    def __init__(self, name: Norm, features: int, num_classes: int) -> None:
        super().__init__()
        self.normalise = (norm(name, features, spatial=True, affine=False) or [nn.Identity()])[0]
        self.gain = Embedding(num_classes, features)
        self.bias = Embedding(num_classes, features)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        x = self.normalise(x)
        gain, bias = (table(labels).to(x.dtype)[:, :, None, None] for table in (self.gain, self.bias))
        return torch.addcmul(bias, x, gain)  # (N, features, H, W)


def class_sums(rows: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return the sum of the rows (N, F) of each class, (num_classes, F) float32, and their numbers (num_classes, 1)."""
    of_class = torch.arange(num_classes, device=labels.device)[:, None] == labels  # (num_classes, N)
    # A matrix product, because index_add_ isn't deterministic on GPUs; half precision is too coarse for the sums.
    with torch.autocast(rows.device.type, enabled=False):
        return of_class.float() @ rows.float(), of_class.sum(1, keepdim=True)


class LabelChannel(nn.Module):
    """Image with one more channel, a learned embedding of its class, if `shown`; otherwise the image alone."""

    def __init__(self, settings: FamilySettings, image: ImageShape, shown: bool) -> None:
        super().__init__()
        self.channels, self.size = image.channels, image.size
        self.embedding = None
        if shown:
            self.embedding = Embedding(image.num_classes, image.height * image.width)
            self.channels += 1

    def forward(self, images: Tensor, labels: Tensor | None) -> Tensor:
        if self.embedding is None:
            return images
        channel = self.embedding(labels).unflatten(1, (1, *self.size))  # (N, 1, H, W)
        return torch.cat([images, channel.to(images.dtype)], 1)  # (N, C+1, H, W)
