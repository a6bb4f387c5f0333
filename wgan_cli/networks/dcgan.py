"""Strided convolutional networks (Radford et al. 2016)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from wgan_cli.networks.conditioning import ConditionalLatent, ImageCritic
from wgan_cli.networks.encoder import ImageClassifier, ImageEncoder
from wgan_cli.networks.latent import FromLatent
from wgan_cli.networks.layers import after, hidden, hidden_layers
from wgan_cli.networks.resampling import DownConv2d, FromVector, ToVector, UpConvTranspose2d
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.model_settings import DcganSettings


class Generator(FromLatent):
    """z through a fully connected layer to a small image of many channels, doubled until it has the full size."""

    def __init__(self, settings: DcganSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.generator
        first, last = own.channels[0], own.channels[-1]
        side = image.size // 2 ** len(own.channels)
        self.enter = ConditionalLatent(settings, image)
        self.project = FromVector(self.enter.width, (first, side, side))
        self.start = nn.Sequential(*after(own, first, spatial=True))
        self.up = nn.Sequential(
            *(
                m
                for a, b in pairwise(own.channels)
                for m in hidden(own, UpConvTranspose2d(a, b, own.kernel), b, spatial=True)
            )
        )
        self.to_image = UpConvTranspose2d(last, image.channels, own.kernel)
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> images (N, C, H, W) in [-1, 1]."""
        x = self.project(self.enter(z, labels))  # (N, channels[0], H/2^k, W/2^k) for k stages
        x = self.start(x)
        x = self.up(x)  # (N, channels[-1], H/2, W/2)
        return self.to_image(x).tanh()  # (N, C, H, W)

    def first_weight(self) -> Tensor:
        """Of the fully connected layer: (channels[0] * H/2^k * W/2^k, latent_dim)."""
        return self.enter.share_of_z(self.project.weight)


class Body(nn.Module):
    """An image through halving convolutions and fully connected layers to features, in critic, encoder, classifier."""

    def begin(self, settings: DcganSettings, image: ImageShape, channels: int) -> None:
        """Make the layers, for images of so many channels."""
        own = settings.critic
        widths = (channels, *own.channels)
        self.down = nn.Sequential(
            *(m for a, b in pairwise(widths) for m in hidden(own, DownConv2d(a, b, own.kernel), b, spatial=True))
        )
        side = image.size // 2 ** len(own.channels)
        self.reached = (own.channels[-1], side, side)
        self.dense = nn.Sequential()
        if own.dense:
            first = own.dense[0]
            self.dense.extend(hidden(own, ToVector(self.reached, first), first, spatial=False))
            self.dense.extend(hidden_layers(own, own.dense))
        self.width = own.dense[-1] if own.dense else None
        self.to(memory_format=torch.channels_last)

    def features(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, dense[-1]), or without those (N, channels[-1], H/2^k, W/2^k) for k stages."""
        return self.dense(self.down(x))

    def last(self, outputs: int) -> nn.Module:
        """A layer from the features to so many outputs."""
        return nn.Linear(self.width, outputs) if self.width else ToVector(self.reached, outputs)


class Critic(Body, ImageCritic):
    """An image through halving convolutions and fully connected layers to one score: no sigmoid."""


class Encoder(Body, ImageEncoder):
    """An image through halving convolutions and fully connected layers to the z that may have made it."""


class Classifier(Body, ImageClassifier):
    """An image through halving convolutions and fully connected layers to its class."""
