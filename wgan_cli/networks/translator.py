"""Residual translators and patch critics, one of each per image domain (Zhu et al. 2017, section 7.2)."""

# pyright: reportUnknownMemberType=false
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.networks.layers import activation_and_dropout, norm
from wgan_cli.networks.resampling import DownConv2d, doubling
from wgan_cli.recipe import ImageShape
from wgan_cli.recipe.layer_settings import LayerSettings
from wgan_cli.recipe.model_settings import PatchCriticSettings, TranslationSettings, TranslatorSettings

OUTER_KERNEL, KERNEL = 7, 3  # of the first and last convolution, and of all others


class Generator(nn.Module):
    """Two translators: `to_b` for images of domain a, and `to_a` for images of domain b."""

    def __init__(self, settings: TranslationSettings, image: ImageShape) -> None:
        super().__init__()
        self.to_b = Translator(settings.generator, image.channels)
        self.to_a = Translator(settings.generator, image.channels)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Translate a to domain b, and b to domain a; (N, C, H, W) in [-1, 1] each."""
        return self.to_b(a), self.to_a(b)


class Critic(nn.Module):
    """Two patch critics: `of_a` for domain a, and `of_b` for domain b."""

    def __init__(self, settings: TranslationSettings, image: ImageShape) -> None:
        super().__init__()
        self.of_a = PatchCritic(settings.critic, image.channels)
        self.of_b = PatchCritic(settings.critic, image.channels)

    @property
    def bodies(self) -> tuple[nn.Module, ...]:
        """Parts whose first layers `freeze` keeps."""
        return self.of_a.layers, self.of_b.layers

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Score the patches of images (N, C, H, W) of each domain: (N, patches) each."""
        return self.of_a(a), self.of_b(b)


class Translator(nn.Module):
    """Downsampling, residual blocks and upsampling, from an image to an image of the same size.

    Attributes:
        multiple: height and width must be multiples of it, and at least twice as large.
        memory_per_pixel: bytes that a pass without gradients takes at once, measured on a CPU.
    """

    def __init__(self, own: TranslatorSettings, channels: int) -> None:
        super().__init__()
        self.multiple = 2**own.halvings
        self.memory_per_pixel = 4 * (6 * own.channels + 4 * channels)
        widths = [own.channels * 2**number for number in range(own.halvings + 1)]
        self.enter = nn.Sequential(*_hidden(own, ReflectConv2d(channels, widths[0], OUTER_KERNEL), 0))
        self.down = nn.Sequential()
        for number, (a, b) in enumerate(pairwise(widths), start=1):
            self.down.extend(_hidden(own, DownConv2d(a, b, KERNEL), number))
        first = 1 + own.halvings
        self.blocks = nn.Sequential(*(Block(own, widths[-1], first + 2 * i) for i in range(own.blocks)))
        self.up = nn.Sequential()
        for number, (a, b) in enumerate(pairwise(widths[::-1]), start=first + 2 * own.blocks):
            self.up.extend(_hidden(own, doubling(own.upsample, a, b, KERNEL), number))
        self.to_image = ReflectConv2d(widths[0], channels, OUTER_KERNEL)

    def forward(self, images: Tensor) -> Tensor:
        x = self.enter(images)  # (N, channels, H, W)
        x = self.blocks(self.down(x))  # (N, channels*2^k, H/2^k, W/2^k) for k halvings
        return self.to_image(self.up(x)).tanh()  # (N, C, H, W)


class Block(nn.Module):
    """x + branch(x), without an activation after the sum (He et al. 2016, as in Johnson et al. 2016).

    `number` is that of the first of its two norms.
    """

    def __init__(self, own: TranslatorSettings, width: int, number: int) -> None:
        super().__init__()
        last = [ReflectConv2d(width, width, KERNEL), *_norm(own, width, number + 1)]
        self.branch = nn.Sequential(*_hidden(own, ReflectConv2d(width, width, KERNEL), number), *last)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)  # (N, width, H, W)


class PatchCritic(nn.Module):
    """Scores of overlapping patches, each from its own pixels only (Isola et al. 2017)."""

    def __init__(self, own: PatchCriticSettings, channels: int) -> None:
        super().__init__()
        padding = (own.kernel - 1) // 2
        layers: list[nn.Module] = [DownConv2d(channels, own.channels[0], own.kernel), *activation_and_dropout(own)]
        for number, (a, b) in enumerate(pairwise(own.channels)):
            halves = number + 1 < own.halvings
            layer = DownConv2d(a, b, own.kernel) if halves else nn.Conv2d(a, b, own.kernel, padding=padding)
            layers += _hidden(own, layer, number)
        self.layers = nn.Sequential(*layers)
        self.to_scores = nn.Conv2d(own.channels[-1], 1, own.kernel, padding=padding)

    def forward(self, images: Tensor) -> Tensor:
        return self.to_scores(self.layers(images)).flatten(1)  # (N, patches)


class ReflectConv2d(nn.Conv2d):
    """Convolution of odd kernel size with reflection padding."""

    torch_name = "ReflectionPad2d, Conv2d"

    def __init__(self, fan_in: int, fan_out: int, kernel: int) -> None:
        super().__init__(fan_in, fan_out, kernel)
        self.pad = kernel // 2

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(reflection_pad(input, self.pad))  # (N, fan_out, H, W)


def reflection_pad(x: Tensor, pad: int) -> Tensor:
    """Pad by reflection on all sides: (N, C, H, W) -> (N, C, H+2*pad, W+2*pad)."""
    if x.is_cuda and torch.are_deterministic_algorithms_enabled():  # F.pad's gradient isn't deterministic there
        return reflection_pad_by_slices(x, pad)
    return F.pad(x, (pad, pad, pad, pad), mode="reflect")


def reflection_pad_by_slices(x: Tensor, pad: int) -> Tensor:
    """Compute `reflection_pad` from slices, with a deterministic gradient."""
    for dim in (2, 3):
        before, after = x.narrow(dim, 1, pad), x.narrow(dim, x.shape[dim] - 1 - pad, pad)
        x = torch.cat([before.flip(dim), x, after.flip(dim)], dim)
    return x


def _hidden(own: LayerSettings, layer: nn.Conv2d | nn.ConvTranspose2d, number: int) -> list[nn.Module]:
    return [layer, *_norm(own, layer.out_channels, number), *activation_and_dropout(own)]


def _norm(own: LayerSettings, features: int, number: int) -> list[nn.Module]:
    name = own.norm_of(number)
    return norm(name, features, spatial=True, affine=name != "instance")  # without gain and bias, as the authors' code
