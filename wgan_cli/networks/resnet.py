"""Residual networks (Gulrajani et al. 2017, appendix F).

The paper refers to its authors' code for details, and this follows the code where the two differ. A generator's block
enlarges before its first convolution, not its second. The critic's first block neither normalises nor activates the
image; the table has it alike the others. Of first weights only the code tells.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from wgan_cli.networks.conditioning import ConditionalNorm2d, ImageCritic
from wgan_cli.networks.encoder import ImageClassifier, ImageEncoder
from wgan_cli.networks.latent import FromLatent
from wgan_cli.networks.layers import activation, active, norm
from wgan_cli.networks.resampling import Enlarged, FromVector, Pooled
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.layer_settings import LayerSettings
from wgan_cli.recipe.model_settings import ResnetSettings

KERNEL = 3
BRANCH_GAIN = nn.init.calculate_gain("relu")  # of first weights; shortcuts and the ends of a network have gain 1


class ResidualBlock(nn.Module):
    """shortcut(x) + branch(x)."""

    def __init__(self, branch: list[nn.Module], shortcut: list[nn.Module]) -> None:
        super().__init__()
        self.branch = nn.ModuleList(branch)
        self.shortcut = nn.Sequential(*shortcut) if shortcut else nn.Identity()
        for layer in branch:
            if isinstance(layer, nn.Conv2d):
                layer.init_gain = BRANCH_GAIN

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, fan_in, H, W) -> (N, fan_out, H', W')."""
        rest = x
        for layer in self.branch:
            rest = layer(rest, labels) if isinstance(layer, ConditionalNorm2d) else layer(rest)
        return self.shortcut(x) + rest  # (N, fan_out, H', W')


class Generator(FromLatent):
    """z through a linear layer to a small image of many channels, doubled by residual blocks until it has full size.

    The class, if conditional, chooses gains and biases of the blocks' norms, though not of the last norm.
    """

    def __init__(self, settings: ResnetSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.generator
        first, last = own.channels[0], own.channels[-1]
        side = image.size // 2 ** (len(own.channels) - 1)
        self.project = FromVector(settings.latent_dim, (first, side, side))
        classes = image.num_classes if settings.conditional else 0
        self.up = nn.ModuleList(_doubling(own, a, b, classes) for a, b in pairwise(own.channels))
        self.finish = nn.Sequential(*_ready(own, last))
        self.to_image = _convolution(last, image.channels)
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> images (N, C, H, W) in [-1, 1]."""
        x = self.project(z)  # (N, channels[0], H/2^k, W/2^k) for k blocks
        for block in self.up:
            x = block(x, labels)  # (N, channels[i], 2H', 2W')
        return self.to_image(self.finish(x)).tanh()  # (N, C, H, W)

    def first_weight(self) -> Tensor:
        """Of the linear layer: (channels[0] * H/2^k * W/2^k, latent_dim)."""
        return self.project.weight


class Body(nn.Module):
    """An image through residual blocks, the first of which halve it, to the mean of all places: features."""

    def begin(self, settings: ResnetSettings, image: ImageShape, channels: int) -> None:
        """Make the layers, for images of so many channels."""
        own = settings.critic
        self.first = _halving_of_image(own, channels, own.channels[0])
        self.blocks = nn.Sequential(
            *(
                (_halving if number < own.halvings else _keeping)(own, a, b)
                for number, (a, b) in enumerate(pairwise(own.channels), start=1)
            )
        )
        self.finish = activation(own.activation, own.slope)
        self.width = own.channels[-1]
        self.to(memory_format=torch.channels_last)

    def features(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels[-1])."""
        x = self.blocks(self.first(x))  # (N, channels[-1], H/2^k, W/2^k) for k halvings
        return self.finish(x).mean((2, 3))  # (N, channels[-1])

    def last(self, outputs: int) -> nn.Module:
        """A layer from the features to so many outputs."""
        return nn.Linear(self.width, outputs)


class Critic(Body, ImageCritic):
    """An image through residual blocks, the first of which halve it, and the mean of all places to one score."""


class Encoder(Body, ImageEncoder):
    """An image through residual blocks to the z that may have made it."""


class Classifier(Body, ImageClassifier):
    """An image through residual blocks to its class."""


def _doubling(own: LayerSettings, fan_in: int, fan_out: int, num_classes: int) -> ResidualBlock:
    branch = [
        *_ready(own, fan_in, num_classes),
        Enlarged(fan_in, fan_out, KERNEL),
        *_ready(own, fan_out, num_classes),
        _convolution(fan_out, fan_out),
    ]
    # A convolution of single pixels and the doubling of each may change places.
    return ResidualBlock(branch, [nn.Conv2d(fan_in, fan_out, 1), nn.Upsample(scale_factor=2)])


def _halving(own: LayerSettings, fan_in: int, fan_out: int) -> ResidualBlock:
    branch = [
        *_ready(own, fan_in),
        _convolution(fan_in, fan_in),
        *_ready(own, fan_in),
        Pooled(fan_in, fan_out, KERNEL),
    ]
    return ResidualBlock(branch, [nn.AvgPool2d(2), nn.Conv2d(fan_in, fan_out, 1)])


def _halving_of_image(own: LayerSettings, fan_in: int, fan_out: int) -> ResidualBlock:
    branch = [
        _convolution(fan_in, fan_out),
        *active(own),
        Pooled(fan_out, fan_out, KERNEL),
    ]
    return ResidualBlock(branch, [nn.AvgPool2d(2), nn.Conv2d(fan_in, fan_out, 1)])


def _keeping(own: LayerSettings, fan_in: int, fan_out: int) -> ResidualBlock:
    branch = [
        *_ready(own, fan_in),
        _convolution(fan_in, fan_out),
        *_ready(own, fan_out),
        _convolution(fan_out, fan_out),
    ]
    return ResidualBlock(branch, [] if fan_in == fan_out else [nn.Conv2d(fan_in, fan_out, 1)])


def _ready(own: LayerSettings, features: int, num_classes: int = 0) -> list[nn.Module]:
    """What comes before a convolution."""
    if num_classes:
        first = [ConditionalNorm2d(own.norm, features, num_classes)]
    else:
        first = norm(own.norm, features, spatial=True)
    return [*first, *active(own)]


def _convolution(fan_in: int, fan_out: int) -> nn.Conv2d:
    return nn.Conv2d(fan_in, fan_out, KERNEL, padding=KERNEL // 2)
