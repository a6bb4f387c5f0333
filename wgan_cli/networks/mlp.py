"""Fully connected networks on the flattened image (Goodfellow et al. 2014)."""

from __future__ import annotations

from torch import Tensor, nn

from wgan_cli.networks.conditioning import ConditionalLatent, ImageCritic
from wgan_cli.networks.encoder import ImageClassifier, ImageEncoder
from wgan_cli.networks.latent import FromLatent
from wgan_cli.networks.layers import hidden_layers
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.model_settings import MlpSettings


class Generator(FromLatent):
    """z through hidden layers to an image in [-1, 1]."""

    def __init__(self, settings: MlpSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.generator
        self.image = image
        self.enter = ConditionalLatent(settings, image)
        self.body = hidden_layers(own, (self.enter.width, *own.widths))
        self.to_image = nn.Linear(own.widths[-1], image.pixels)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> images (N, C, H, W) in [-1, 1]."""
        x = self.body(self.enter(z, labels))  # (N, widths[-1])
        x = self.to_image(x).tanh()  # (N, C*H*W)
        return x.unflatten(1, (self.image.channels, self.image.size, self.image.size))  # (N, C, H, W)

    def first_weight(self) -> Tensor:
        """Of the first hidden layer: (widths[0], latent_dim)."""
        return self.enter.share_of_z(self.body[0].weight)


class Body(nn.Module):
    """An image through hidden layers to features: what critic, encoder and classifier have in common."""

    def begin(self, settings: MlpSettings, image: ImageShape, channels: int) -> None:
        """Make the layers, for images of so many channels."""
        widths = settings.critic.widths
        self.body = hidden_layers(settings.critic, (channels * image.size**2, *widths))
        self.width = widths[-1]

    def features(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, widths[-1])."""
        return self.body(x.flatten(1))

    def last(self, outputs: int) -> nn.Module:
        """A layer from the features to so many outputs."""
        return nn.Linear(self.width, outputs)


class Critic(Body, ImageCritic):
    """An image through hidden layers to one score: no sigmoid."""


class Encoder(Body, ImageEncoder):
    """An image through hidden layers to the z that may have made it."""


class Classifier(Body, ImageClassifier):
    """An image through hidden layers to its class."""
