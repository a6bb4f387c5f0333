"""Layers between vectors and images of doubled or halved sizes, in the layout and the form that a processor likes."""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEW = 4  # channels; a processor's direct kernels run such layers at a tenth of the speed of wide ones


class DownConv2d(nn.Conv2d):
    """A convolution of stride 2 that exactly halves an even height and width, whatever its kernel."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int) -> None:
        super().__init__(fan_in, fan_out, kernel, stride=2, padding=(kernel - 1) // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, fan_in, H, W) -> (N, fan_out, H/2, W/2)."""
        if self.in_channels > FEW or x.device.type != "cpu":
            return super().forward(x)
        # The same sums on blocks of 2x2 pixels as channels, with stride 1: forward alike, its gradients 3 to 5 times
        # as fast. Kernel entry 2t+r meets pixel r of block t.
        taps = (self.kernel_size[0] + 1) // 2
        frame = 4 * self.padding[:1]  # taps - 1 on each side
        blocks = F.pixel_unshuffle(F.pad(x, frame), 2)  # (N, fan_in*4, H/2+taps-1, W/2+taps-1)
        kernel = _split(self.weight, taps)  # (fan_out, fan_in, taps, 2, taps, 2)
        kernel = kernel.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)  # (fan_out, fan_in*4, taps, taps)
        return F.conv2d(_channels_last(blocks), _channels_last(kernel), self.bias)


class UpConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution of stride 2 that exactly doubles height and width, whatever its kernel."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int) -> None:
        super().__init__(fan_in, fan_out, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel % 2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, fan_in, H, W) -> (N, fan_out, 2H, 2W)."""
        if self.out_channels > FEW or x.device.type != "cpu":
            return super().forward(x)
        # The same sums with the 2x2 pixels of a block as channels: out[2b+r] = sum_t x[b-t] * weight[2t+r].
        taps, near = (self.kernel_size[0] + 1) // 2, self.padding[0]
        kernel = _split(self.weight, taps).flip(2, 4)  # (fan_in, fan_out, taps, 2, taps, 2)
        kernel = kernel.permute(1, 3, 5, 0, 2, 4).flatten(0, 2)  # (fan_out*4, fan_in, taps, taps)
        blocks = F.conv2d(x, _channels_last(kernel), padding=taps - 1)  # (N, fan_out*4, H+taps-1, W+taps-1)
        image = F.pixel_shuffle(blocks, 2)  # (N, fan_out, 2H+2*taps-2, 2W+2*taps-2)
        height, width = (2 * side for side in x.shape[2:])
        image = image[:, :, near : near + height, near : near + width]  # (N, fan_out, 2H, 2W)
        return image if self.bias is None else image + self.bias.to(image.dtype)[:, None, None]


class Computed:
    """Of a layer with a weight that is computed with, in float32, before it is a factor of a product."""


class Blurred(Computed, nn.Conv2d):
    """A convolution of odd kernel that also changes the size, as one convolution by a blurred kernel.

    The sums are those of both steps; with a blur by [1, 1] the products are less than half as many.

    Args:
        blurs: how often the kernel is averaged with itself a pixel further, each way, and grows by that pixel: once is
            the mean of 2x2 pixels; three times is the filter [1, 3, 3, 1] of Karras et al. (2020).
    """

    def __init__(self, fan_in: int, fan_out: int, kernel: int, blurs: int = 1, bias: bool = True) -> None:
        super().__init__(fan_in, fan_out, kernel, padding=(kernel + blurs) // 2 - 1, bias=bias)
        self.blurs = blurs

    def blurred(self) -> Tensor:
        """The kernel after its blurs: (fan_out, fan_in, k+blurs, k+blurs)."""
        weight, side = self.weight, self.kernel_size[0]
        # What becomes of each place of a kernel, and one product for all kernels: several times as fast as to blur each
        # of them, and as exact, since autocast has no say in it.
        places = torch.eye(side**2, dtype=weight.dtype, device=weight.device).unflatten(1, (1, side, side))
        for _ in range(self.blurs):
            places = F.avg_pool2d(F.pad(places, (1, 1, 1, 1)), 2, stride=1)  # (k*k, 1, k+i, k+i)
        with nullcontext() if weight.is_meta else torch.autocast(weight.device.type, enabled=False):
            kernel = weight.flatten(2) @ places.flatten(1)  # (fan_out, fan_in, (k+blurs)^2)
        return kernel.unflatten(2, places.shape[2:])  # (fan_out, fan_in, k+blurs, k+blurs)


class Pooled(Blurred):
    """A convolution and a blur, of which every second pixel is left: after one blur, the mean of each 2x2 block."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, fan_in, H, W) -> (N, fan_out, H/2, W/2)."""
        return F.conv2d(x, _channels_last(self.blurred()), self.bias, stride=2, padding=self.padding)


class Enlarged(Blurred):
    """A blurred image of twice the size, and a convolution over it: after one blur, each pixel is a block of 2x2."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, fan_in, H, W) -> (N, fan_out, 2H, 2W)."""
        # out[q] = sum_j x[j] * kernel[q - 2j + padding], a kernel that lies the other way round.
        kernel = 4 * self.blurred().flip(2, 3).transpose(0, 1)  # (fan_in, fan_out, k+blurs, k+blurs)
        return F.conv_transpose2d(x, _channels_last(kernel), self.bias, stride=2, padding=self.padding)


class FromVector(nn.Linear):
    """A linear layer whose outputs are a small image, laid out with a pixel's channels side by side."""

    def __init__(self, features: int, image: tuple[int, int, int]) -> None:
        super().__init__(features, math.prod(image))
        self.image = image

    def forward(self, x: Tensor) -> Tensor:
        """(N, features) -> (N, *image)."""
        return _channels_last(super().forward(x).unflatten(1, self.image))


class ToVector(nn.Linear):
    """A linear layer whose inputs are a small image, in whatever layout."""

    def __init__(self, image: tuple[int, int, int], features: int) -> None:
        super().__init__(math.prod(image), features)
        self.image = image

    def forward(self, x: Tensor) -> Tensor:
        """(N, *image) -> (N, features)."""
        # The weight follows the images' layout, not they its, for they are many more; the sums are the same.
        weight = self.weight.unflatten(1, self.image).permute(0, 2, 3, 1).flatten(1)
        return F.linear(x.permute(0, 2, 3, 1).flatten(1), weight, self.bias)


def _split(weight: Tensor, taps: int) -> Tensor:
    """A kernel (A, B, k, k) by blocks of 2x2: (A, B, taps, 2, taps, 2), with zeros where k is odd."""
    more = 2 * taps - weight.shape[2]
    return F.pad(weight, (0, more, 0, more)).unflatten(3, (taps, 2)).unflatten(2, (taps, 2))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
