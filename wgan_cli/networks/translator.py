"""Residual translators and patch critics, one of each for both sides of images (Zhu et al. 2017, section 7.2)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.networks.layers import active, norm
from wgan_cli.networks.resampling import DownConv2d, UpConvTranspose2d
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.model_settings import LayerSettings
from wgan_cli.recipe.translation_settings import PatchCriticSettings, TranslationSettings, TranslatorSettings

WIDE, NARROW = 7, 3  # kernels: of the first and last convolution, and of all between


class Generator(nn.Module):
    """Two translators: `to_b` of images of side a, and `to_a` of images of side b."""

    def __init__(self, settings: TranslationSettings, image: ImageShape) -> None:
        super().__init__()
        self.to_b = Translator(settings.generator, image.channels)
        self.to_a = Translator(settings.generator, image.channels)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W) of each side in [-1, 1] -> the first as b, and the second as a."""
        return self.to_b(a), self.to_a(b)


class Critic(nn.Module):
    """Two patch critics: `of_a` and `of_b`, each of its own side."""

    def __init__(self, settings: TranslationSettings, image: ImageShape) -> None:
        super().__init__()
        self.of_a = PatchCritic(settings.critic, image.channels)
        self.of_b = PatchCritic(settings.critic, image.channels)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W) of each side -> scores of the patches of each, (N, patches)."""
        return self.of_a(a), self.of_b(b)


class Translator(nn.Module):
    """An image made smaller, changed by residual blocks, and made as large again."""

    def __init__(self, own: TranslatorSettings, channels: int) -> None:
        super().__init__()
        widths = [own.channels * 2**number for number in range(own.halvings + 1)]
        self.enter = nn.Sequential(*_followed(own, Reflected(channels, widths[0], WIDE)))
        self.down = nn.Sequential(
            *(layer for a, b in pairwise(widths) for layer in _followed(own, DownConv2d(a, b, NARROW)))
        )
        self.blocks = nn.Sequential(*(Block(own, widths[-1]) for _ in range(own.blocks)))
        self.up = nn.Sequential(
            *(layer for a, b in pairwise(widths[::-1]) for layer in _followed(own, UpConvTranspose2d(a, b, NARROW)))
        )
        self.to_image = Reflected(widths[0], channels, WIDE)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> the same."""
        x = self.enter(images)  # (N, channels, H, W)
        x = self.blocks(self.down(x))  # (N, channels*2^k, H/2^k, W/2^k) for k halvings
        return self.to_image(self.up(x)).tanh()  # (N, C, H, W)


class Block(nn.Module):
    """x + branch(x), with no activation after the sum (He et al. 2016, as Johnson et al. 2016 have it)."""

    def __init__(self, own: TranslatorSettings, width: int) -> None:
        super().__init__()
        last = [Reflected(width, width, NARROW), *_norm(own, width)]
        self.branch = nn.Sequential(*_followed(own, Reflected(width, width, NARROW)), *last)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) -> the same."""
        return x + self.branch(x)


class PatchCritic(nn.Module):
    """Scores of overlapping patches, each by what it alone shows (Isola et al. 2017)."""

    def __init__(self, own: PatchCriticSettings, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [DownConv2d(channels, own.channels[0], own.kernel), *active(own)]
        for number, (a, b) in enumerate(pairwise(own.channels), start=1):
            halves = number < own.halvings
            layer = DownConv2d(a, b, own.kernel) if halves else nn.Conv2d(a, b, own.kernel, padding=_frame(own.kernel))
            layers += _followed(own, layer)
        self.layers = nn.Sequential(*layers)
        self.to_scores = nn.Conv2d(own.channels[-1], 1, own.kernel, padding=_frame(own.kernel))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> scores (N, patches)."""
        return self.to_scores(self.layers(images)).flatten(1)  # (N, patches)


class Reflected(nn.Conv2d):
    """A convolution of odd kernel over an image whose edges are mirrored, so that no border comes in."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int) -> None:
        super().__init__(fan_in, fan_out, kernel)
        self.frame = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """(N, fan_in, H, W) -> (N, fan_out, H, W)."""
        return super().forward(mirrored(x, self.frame))


def mirrored(x: Tensor, frame: int) -> Tensor:
    """Images with a frame of `frame` pixels mirrored at the edges: (N, C, H, W) -> (N, C, H+2*frame, W+2*frame)."""
    if x.is_cuda and torch.are_deterministic_algorithms_enabled():  # whose own gradient adds up in any order
        return mirrored_by_parts(x, frame)
    return F.pad(x, 4 * (frame,), mode="reflect")


def mirrored_by_parts(x: Tensor, frame: int) -> Tensor:
    """The same as `mirrored`, put together from pieces."""
    for side in (2, 3):
        before, after = x.narrow(side, 1, frame), x.narrow(side, x.shape[side] - 1 - frame, frame)
        x = torch.cat([before.flip(side), x, after.flip(side)], side)
    return x


def _followed(own: LayerSettings, layer: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    return [layer, *_norm(own, layer.out_channels), *active(own)]


def _norm(own: LayerSettings, features: int) -> list[nn.Module]:
    """Without gain and bias of its own, as the authors have it; but batch norm's first weights are drawn."""
    return norm(own.norm, features, spatial=True, affine=own.norm != "instance")


def _frame(kernel: int) -> int:
    return (kernel - 1) // 2
