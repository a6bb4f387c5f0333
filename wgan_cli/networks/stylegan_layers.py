"""Layers that take a style: convolutions and the step to an image, each with its own view of w."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wgan_cli.distributed import rng
from wgan_cli.networks.layers import active, norm
from wgan_cli.networks.resampling import Computed, Enlarged
from wgan_cli.recipe.style_settings import StyleGeneratorSettings

KERNEL = 3
BLURS = 3  # the filter [1, 3, 3, 1] of Karras et al. (2020)
GAIN = math.sqrt(2)  # what a rectifier takes away (He et al. 2015)


class Same(Computed, nn.Conv2d):
    """A convolution that keeps the size."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__(fan_in, fan_out, KERNEL, padding=KERNEL // 2, bias=False)


class Affine(nn.Linear):
    """w to factors around 1, one for each channel ("A" in the papers' figures)."""

    init_gain = 1.0

    def forward(self, w: Tensor) -> Tensor:
        """(N, style_dim) -> (N, features)."""
        return 1 + super().forward(w)


class Noise(nn.Module):
    """x + strength * N(0, 1), the same in all channels: new in each pass of training, and else always the same.

    The strength is learnt and starts at 0. That same noise is a buffer, so an image does not depend on its batch.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("fixed", torch.randn(1, 1, side, side))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, side, side) to the same."""
        noise = rng.randn(len(x), 1, *x.shape[2:], device=x.device) if self.training else self.fixed
        return x + (self.strength * noise).to(x.dtype)


class StyledLayer(nn.Module):
    """A convolution, noise, bias and activation in the style of w.

    Args:
        side: of its outputs, in pixels.
        doubles: whether it doubles the size, with a blur.
    """

    def __init__(
        self, own: StyleGeneratorSettings, fan_in: int, fan_out: int, style_dim: int, side: int, doubles: bool
    ) -> None:
        super().__init__()
        self.conv = Enlarged(fan_in, fan_out, KERNEL, BLURS, bias=False) if doubles else Same(fan_in, fan_out)
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.noise = Noise(side) if own.noise else nn.Identity()
        self.active = nn.Sequential(*active(own))
        self.add_style(style_dim)

    def add_style(self, style_dim: int) -> None:
        """Make the views of w."""
        raise NotImplementedError

    def views(self) -> tuple[nn.Linear, ...]:
        """The layers from w to what it does here."""
        raise NotImplementedError

    def finish(self, x: Tensor) -> Tensor:
        """What comes after the convolution and its bias."""
        return self.active(self.noise(x))


class Demodulated(StyledLayer):
    """A convolution whose weights are scaled by the style, and scaled back to unit variance (Karras et al. 2020).

    w'_oik = s_i w_oik, w''_oik = w'_oik / sqrt(sum_ik w'_oik^2 + eps): eqs. 1 to 3. Weights of its own for each image
    would be one convolution for each; to scale the inputs by s and the outputs by the root's inverse gives the same.
    """

    def add_style(self, style_dim: int) -> None:
        """Make the view of w."""
        self.style = Affine(style_dim, self.conv.in_channels)

    def views(self) -> tuple[nn.Linear, ...]:
        """To the inputs' factors."""
        return (self.style,)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (N, fan_in, H, W), w (N, style_dim) -> (N, fan_out, side, side)."""
        style = self.style(w)  # (N, fan_in)
        squares = self.conv.weight.square().sum((2, 3))  # (fan_out, fan_in)
        factor = GAIN * (F.linear(style.square(), squares).to(squares.dtype) + 1e-8).rsqrt()  # (N, fan_out)
        x = self.conv(x * style.to(x.dtype)[:, :, None, None])
        bias, factor = (value.to(x.dtype)[..., None, None] for value in (self.bias, factor))
        return self.finish(torch.addcmul(bias, x, factor))  # (N, fan_out, side, side)


class AdaIn(StyledLayer):
    """A layer whose outputs are normalised, each channel of an image by itself, and given the style's gain and bias.

    Adaptive instance normalisation (Karras et al. 2019, eq. 1).
    """

    def add_style(self, style_dim: int) -> None:
        """Make the views of w, and the normalisation that they follow."""
        features = self.conv.out_channels
        self.normalise = nn.Sequential(*norm("instance", features, spatial=True, affine=False))
        self.gain, self.shift = Affine(style_dim, features), nn.Linear(style_dim, features)
        self.shift.init_gain = 1.0

    def views(self) -> tuple[nn.Linear, ...]:
        """To the gain and to the bias."""
        return self.gain, self.shift

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (N, fan_in, H, W), w (N, style_dim) -> (N, fan_out, side, side)."""
        x = self.conv(x)
        x = self.normalise(self.finish(x + self.bias.to(x.dtype)[:, None, None]))  # (N, fan_out, side, side)
        shift, gain = (view(w).to(x.dtype)[:, :, None, None] for view in (self.shift, self.gain))
        return torch.addcmul(shift, x, gain)  # (N, fan_out, side, side)


class ToRGB(Computed, nn.Linear):
    """Each pixel's channels, weighted by a style, to colours."""

    init_gain = 1.0

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x (N, features, H, W), style (N, features) -> (N, C, H, W) float32."""
        weight = self.weight * style[:, None]  # (N, C, features)
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # (N, H*W, features)
        image = (pixels @ weight.mT).mT.unflatten(2, x.shape[2:])  # (N, C, H, W)
        return image.to(self.bias.dtype) + self.bias[:, None, None]


class ToImage(nn.Module):
    """What a layer adds to the image, in the style of w but not scaled back ("tRGB", Karras et al. 2020)."""

    def __init__(self, features: int, channels: int, style_dim: int) -> None:
        super().__init__()
        self.style = Affine(style_dim, features)
        self.colours = ToRGB(features, channels)

    def views(self) -> tuple[nn.Linear, ...]:
        """To the factors of the features."""
        return (self.style,)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (N, features, H, W), w (N, style_dim) -> (N, C, H, W) float32."""
        return self.colours(x, self.style(w))


class FromImage(nn.Linear):
    """Each pixel's colours to features, as a matrix product: so few channels make a convolution ten times as slow."""

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, features, H, W)."""
        return super().forward(images.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


STYLINGS: dict[str, type[StyledLayer]] = {"demodulate": Demodulated, "adain": AdaIn}


def enlarged(image: Tensor) -> Tensor:
    """Twice the size by the filter [1, 3, 3, 1] each way, with edges repeated: (N, C, H, W) -> (N, C, 2H, 2W)."""
    return F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
