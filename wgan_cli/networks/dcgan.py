"""Strided convolutional generator and critic (Radford et al. 2016)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from wgan_cli.networks.conditioning import ConditionalCritic, Judgement, LabelledLatent, LabelPlane
from wgan_cli.networks.convolution import Doubling, FromVector, Halving, ToVector
from wgan_cli.networks.layers import after, hidden, hidden_layers
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.model_settings import DcganSettings


class Generator(nn.Module):
    """z through a fully connected layer to a small image of many channels, doubled until it has the full size."""

    def __init__(self, settings: DcganSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.generator
        first, last = own.channels[0], own.channels[-1]
        side = image.size // 2 ** len(own.channels)
        self.enter = LabelledLatent(settings, image)
        self.project = FromVector(self.enter.width, (first, side, side))
        self.start = nn.Sequential(*after(own, first, spatial=True))
        self.up = nn.Sequential(
            *(m for a, b in pairwise(own.channels) for m in hidden(own, Doubling(a, b, own.kernel), b, spatial=True))
        )
        self.to_image = Doubling(last, image.channels, own.kernel)
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> images (N, C, H, W) in [-1, 1]."""
        x = self.project(self.enter(z, labels))  # (N, channels[0], H/2^k, W/2^k) for k stages
        x = self.start(x)
        x = self.up(x)  # (N, channels[-1], H/2, W/2)
        return self.to_image(x).tanh()  # (N, C, H, W)


class Critic(ConditionalCritic):
    """An image through halving convolutions and fully connected layers to one score: no sigmoid."""

    def __init__(self, settings: DcganSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.critic
        self.enter = LabelPlane(settings, image)
        widths = (self.enter.channels, *own.channels)
        self.down = nn.Sequential(
            *(m for a, b in pairwise(widths) for m in hidden(own, Halving(a, b, own.kernel), b, spatial=True))
        )
        side = image.size // 2 ** len(own.channels)
        features = (own.channels[-1], side, side)
        self.dense = nn.Sequential()
        if own.dense:
            first, last = own.dense[0], own.dense[-1]
            self.dense.extend(hidden(own, ToVector(features, first), first, spatial=False))
            self.dense.extend(hidden_layers(own, own.dense))
            self.end(settings, image, lambda outputs: nn.Linear(last, outputs))
        else:
            self.end(settings, image, lambda outputs: ToVector(features, outputs))
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor, labels: Tensor | None = None, classify: bool = False) -> Judgement:
        """images (N, C, H, W) -> scores (N,); with `classify` also logits of the classes (N, num_classes)."""
        x = self.down(self.enter(images, labels))  # (N, channels[-1], H/2^k, W/2^k) for k stages
        x = self.dense(x)  # (N, dense[-1]), or as it was
        return self.judge(x, labels, classify)
