"""Strided convolutional generator and critic (Radford et al. 2016)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from wgan_cli.networks.layers import activation, hidden, norm
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.model_settings import DcganSettings


def _doubling(fan_in: int, fan_out: int, kernel: int) -> nn.ConvTranspose2d:
    """A transposed convolution of stride 2 that exactly doubles height and width, whatever its kernel."""
    return nn.ConvTranspose2d(fan_in, fan_out, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel % 2)


def _halving(fan_in: int, fan_out: int, kernel: int) -> nn.Conv2d:
    """A convolution of stride 2 that exactly halves an even height and width, whatever its kernel."""
    return nn.Conv2d(fan_in, fan_out, kernel, stride=2, padding=(kernel - 1) // 2)


class Generator(nn.Module):
    """z through a fully connected layer to a small image of many channels, doubled until it has the full size."""

    def __init__(self, settings: DcganSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.generator
        first, last = own.channels[0], own.channels[-1]
        self.base = (first, *(2 * (image.size // 2 ** len(own.channels),)))
        self.project = nn.Linear(settings.latent_dim, first * self.base[1] * self.base[2])
        self.start = nn.Sequential(*norm(own.norm, first, spatial=True), activation(own.activation, own.slope))
        self.up = nn.Sequential(
            *(m for a, b in pairwise(own.channels) for m in hidden(own, _doubling(a, b, own.kernel), b, spatial=True))
        )
        self.to_image = _doubling(last, image.channels, own.kernel)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> images (N, C, H, W) in [-1, 1]."""
        x = self.project(z).unflatten(1, self.base)  # (N, channels[0], H/2^k, W/2^k) for k stages
        x = self.start(x)
        x = self.up(x)  # (N, channels[-1], H/2, W/2)
        return self.to_image(x).tanh()  # (N, C, H, W)


class Critic(nn.Module):
    """An image through halving convolutions and a fully connected layer to one score: no sigmoid."""

    def __init__(self, settings: DcganSettings, image: ImageShape) -> None:
        super().__init__()
        own = settings.critic
        widths = (image.channels, *own.channels)
        self.down = nn.Sequential(
            *(m for a, b in pairwise(widths) for m in hidden(own, _halving(a, b, own.kernel), b, spatial=True))
        )
        side = image.size // 2 ** len(own.channels)
        self.to_score = nn.Linear(own.channels[-1] * side * side, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """images (N, C, H, W) -> scores (N,)."""
        x = self.down(images)  # (N, channels[-1], H/2^k, W/2^k) for k stages
        return self.to_score(x.flatten(1)).squeeze(1)  # (N,)
