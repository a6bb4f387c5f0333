"""Strided convolutional networks (Radford et al. 2016)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from wgan_cli.networks.conditioning import ConditionalLatent
from wgan_cli.networks.critic import Body
from wgan_cli.networks.layers import LatentGenerator, activation_and_dropout, dense_layers, hidden_layer, norm
from wgan_cli.networks.resampling import DownConv2d, ImageToVector, VectorToImage, doubling
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.model_settings import DcganSettings


class Generator(LatentGenerator):
    """Fully connected layer from z to a small image, then convolutions that double its size."""

    def __init__(self, settings: DcganSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.generator
        first, last = own.channels[0], own.channels[-1]
        self.enter = ConditionalLatent(settings, image)
        self.project = VectorToImage(self.enter.width, (first, *image.divided(2 ** len(own.channels))))
        self.start = nn.Sequential(*norm(own.norm_of(0), first, spatial=True), *activation_and_dropout(own))
        self.up = nn.Sequential()
        for i, (a, b) in enumerate(pairwise(own.channels), start=1):
            self.up.extend(hidden_layer(own, doubling(own.upsample, a, b, own.kernel), i))
        self.to_image = doubling(own.upsample, last, image.channels, own.kernel)
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.project(self.enter(z, labels))  # (N, channels[0], H/2^k, W/2^k) for k stages
        x = self.start(x)
        x = self.up(x)  # (N, channels[-1], H/2, W/2)
        return self.to_image(x).tanh()  # (N, C, H, W)

    def first_weight(self) -> Tensor:
        return self.enter.z_columns(self.project.weight)  # (channels[0] * H/2^k * W/2^k, latent_dim)


class DcganBody(Body):
    """Convolutions that halve the image, and fully connected layers, to features."""

    def __init__(self, settings: DcganSettings, image: ImageShape, channels: int) -> None:
        super().__init__()
        own = settings.critic
        self.down = nn.Sequential()
        for i, (a, b) in enumerate(pairwise((channels, *own.channels))):
            self.down.extend(hidden_layer(own, DownConv2d(a, b, own.kernel), i))
        self.down_shape = (own.channels[-1], *image.divided(2 ** len(own.channels)))
        self.dense = nn.Sequential()
        if own.dense:
            count = len(own.channels)
            self.dense.extend(hidden_layer(own, ImageToVector(self.down_shape, own.dense[0]), count))
            self.dense.extend(dense_layers(own, own.dense, count + 1))
        self.width = own.dense[-1] if own.dense else math.prod(self.down_shape)
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)  # (N, channels[-1], H/2^k, W/2^k) for k stages
        return self.dense(x)  # (N, dense[-1]), or the same without dense layers

    def output_layer(self, outputs: int) -> nn.Linear:
        return super().output_layer(outputs) if self.dense else ImageToVector(self.down_shape, outputs)
