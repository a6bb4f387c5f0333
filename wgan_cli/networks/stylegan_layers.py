"""Layers with a style: convolutions and the conversion to RGB, each with its own affine transform of w."""

# pyright: reportUnknownMemberType=false
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.distributed import rng
from wgan_cli.networks.layers import activation_and_dropout, norm, normal_values
from wgan_cli.networks.resampling import BlurUpConv2d, DerivedWeight
from wgan_cli.recipe.decoding_types import Size
from wgan_cli.recipe.model_settings import StyleGeneratorSettings

KERNEL = 3
BLURS = 3  # the filter [1, 3, 3, 1] of Karras et al. (2020)
GAIN = math.sqrt(2)  # compensates for the rectifier (He et al. 2015)


class SameConv2d(DerivedWeight, nn.Conv2d):
    """Convolution that keeps the size."""

    torch_name = "Conv2d"

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__(fan_in, fan_out, KERNEL, padding=KERNEL // 2, bias=False)


class Affine(nn.Linear):
    """A number per channel from w, around `center` ("A" in the papers' figures)."""

    init_gain = 1.0
    torch_name = "Linear"

    def __init__(self, style_dim: int, features: int, center: float = 1.0) -> None:
        super().__init__(style_dim, features)
        self.center = center

    def forward(self, input: Tensor) -> Tensor:
        return self.center + super().forward(input)  # (N, features)


class Noise(nn.Module):
    """x + strength * N(0, 1), equal in all channels: drawn in every pass in training, fixed otherwise.

    The strength is learned and starts at 0. The fixed noise is a buffer, so an image does not depend on its batch.
    """

    fixed: Tensor

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("fixed", normal_values(1, 1, *size))

    def forward(self, x: Tensor) -> Tensor:
        noise = rng.randn(len(x), 1, *x.shape[2:], device=x.device) if self.training else self.fixed
        return x + (self.strength * noise).to(x.dtype)  # (N, C, H, W)


class StyledLayer(nn.Module):
    """Convolution, noise, bias and activation in the style of w, with outputs of a size (H, W).

    If it `doubles` the size, it also blurs.
    """

    def __init__(
        self, own: StyleGeneratorSettings, fan_in: int, fan_out: int, style_dim: int, size: Size, doubles: bool
    ) -> None:
        super().__init__()
        self.conv = BlurUpConv2d(fan_in, fan_out, KERNEL, BLURS, bias=False) if doubles else SameConv2d(fan_in, fan_out)
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.noise = Noise(size) if own.noise else nn.Identity()
        self.active = nn.Sequential(*activation_and_dropout(own))
        self.add_style(style_dim)

    def add_style(self, style_dim: int) -> None:
        """Create the affine transforms of w."""
        raise NotImplementedError


class ModulatedLayer(StyledLayer):
    """Convolution with weights modulated by the style and demodulated to unit variance (Karras et al. 2020).

    y = activation(sqrt(2) * conv(x, w'') + bias + noise) with w'_oik = s_i w_oik and
    w''_oik = w'_oik / sqrt(sum_ik w'_oik^2 + eps): eqs. 1 to 3. Instead of one convolution per image, scale the inputs
    by s and the outputs by the inverse root, which is equal.
    """

    def add_style(self, style_dim: int) -> None:
        self.style = Affine(style_dim, self.conv.in_channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.style(w)  # (N, fan_in)
        squares = self.conv.weight.square().sum((2, 3))  # (fan_out, fan_in)
        factor = GAIN * (F.linear(style.square(), squares).to(squares.dtype) + 1e-8).rsqrt()  # (N, fan_out)
        x = self.conv(x * style.to(x.dtype)[:, :, None, None])
        bias, factor = (value.to(x.dtype)[..., None, None] for value in (self.bias, factor))
        return self.active(self.noise(torch.addcmul(bias, x, factor)))  # (N, fan_out, H, W)


class AdaInLayer(StyledLayer):
    """Layer whose output channels are normalized per image and given the style's gain and bias.

    Adaptive instance normalization (Karras et al. 2019, eq. 1).
    """

    def add_style(self, style_dim: int) -> None:
        features = self.conv.out_channels
        self.normalise = nn.Sequential(*norm("instance", features, spatial=True, affine=False))
        self.gain, self.shift = Affine(style_dim, features), Affine(style_dim, features, center=0.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = self.conv(x) + self.bias.to(x.dtype)[:, None, None]
        x = self.normalise(self.active(self.noise(x)))  # (N, fan_out, H, W)
        shift, gain = (affine(w).to(x.dtype)[:, :, None, None] for affine in (self.shift, self.gain))
        return torch.addcmul(shift, x, gain)  # (N, fan_out, H, W)


class ModulatedPixels(DerivedWeight, nn.Linear):
    """Linear map of each pixel's channels, modulated by a style."""

    init_gain = 1.0
    torch_name = "Conv2d"

    def forward(self, x: Tensor, style: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """x (N, features, H, W), style (N, features) -> (N, C, H, W) float32."""
        weight = self.weight * style[:, None]  # (N, C, features)
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # (N, H*W, features)
        image = torch.unflatten((pixels @ weight.mT).mT, 2, x.shape[2:])  # (N, C, H, W)
        return image.to(self.bias.dtype) + self.bias[:, None, None]


class ToRGB(nn.Module):
    """Contribution of a layer to the image, modulated by w but not demodulated ("tRGB", Karras et al. 2020)."""

    def __init__(self, features: int, channels: int, style_dim: int) -> None:
        super().__init__()
        self.style = Affine(style_dim, features)
        self.colours = ModulatedPixels(features, channels)  # the name is part of checkpoints

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return self.colours(x, self.style(w))  # (N, C, H, W) float32


class FromRGB(nn.Linear):
    """1x1 convolution of an image as a matrix product, which is ten times as fast on CPUs for so few channels."""

    torch_name = "Conv2d"

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # (N, features, H, W)


STYLE_LAYERS: dict[str, type[StyledLayer]] = {"demodulate": ModulatedLayer, "adain": AdaInLayer}


def upsample(image: Tensor) -> Tensor:
    """Double the size with the filter [1, 3, 3, 1] and replicated edges: (N, C, H, W) -> (N, C, 2H, 2W).

    Equals bilinear interpolation, whose gradient on a GPU is a sum in random order.
    """
    for axis in (2, 3):
        size = image.shape[axis]
        before = torch.cat([image.narrow(axis, 0, 1), image.narrow(axis, 0, size - 1)], axis)
        after = torch.cat([image.narrow(axis, 1, size - 1), image.narrow(axis, size - 1, 1)], axis)
        pairs = torch.stack([image.lerp(before, 0.25), image.lerp(after, 0.25)], axis + 1)
        image = pairs.flatten(axis, axis + 1)
    return image
