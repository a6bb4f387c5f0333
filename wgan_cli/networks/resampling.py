"""Down- and upsampling layers, in forms and memory layouts (channels-last) that are fast on CPUs."""

# pyright: reportUnknownMemberType=false
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import Self

from wgan_cli.recipe.layer_settings import Upsample

MAX_DIRECT = 4  # channels up to which oneDNN's direct kernels run ten times slower than those of wide layers


class DownConv2d(nn.Conv2d):
    """Convolution of stride 2 that exactly halves an even height and width for any kernel size."""

    torch_name = "Conv2d"

    def __init__(self, fan_in: int, fan_out: int, kernel: int, bias: bool = True) -> None:
        super().__init__(fan_in, fan_out, kernel, stride=2, padding=(kernel - 1) // 2, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        if self.in_channels > MAX_DIRECT or input.device.type != "cpu":
            return super().forward(input)  # (N, fan_out, H/2, W/2)
        # The same sums with blocks of 2x2 pixels as channels and stride 1: equally fast forward, gradients 3 to 5 times
        # as fast. Kernel entry 2t+r multiplies pixel r of block t.
        taps = (self.kernel_size[0] + 1) // 2
        pad = taps - 1
        blocks = F.pixel_unshuffle(F.pad(input, (pad, pad, pad, pad)), 2)  # (N, fan_in*4, H/2+taps-1, W/2+taps-1)
        kernel = _split(self.weight, taps)  # (fan_out, fan_in, taps, 2, taps, 2)
        kernel = kernel.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)  # (fan_out, fan_in*4, taps, taps)
        return F.conv2d(_channels_last(blocks), _channels_last(kernel), self.bias)  # (N, fan_out, H/2, W/2)


class UpConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution of stride 2; without a padding it exactly doubles height and width."""

    torch_name = "ConvTranspose2d"

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        kernel: int,
        bias: bool = True,
        padding: int | None = None,
        output_padding: int = 0,
    ) -> None:
        if padding is None:
            padding, output_padding = (kernel - 1) // 2, kernel % 2
        super().__init__(fan_in, fan_out, kernel, 2, padding, output_padding, bias=bias)
        self.crop = padding
        self.growth = kernel - 2 - 2 * padding + output_padding  # of the doubled size

    def forward(self, input: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.out_channels > MAX_DIRECT or input.device.type != "cpu":
            return super().forward(input)  # (N, fan_out, 2H, 2W)
        return _transposed_in_blocks(input, self.weight, self.bias, self.crop, self.growth)  # (N, fan_out, 2H, 2W)


class SmoothUpConvTranspose2d(UpConvTranspose2d):
    """Transposed convolution that starts without a checkerboard, as nearest-neighbor upsampling and a convolution.

    ICNR (Aitken et al. 2017): training may change every weight, so that the result isn't too smooth either.
    """

    @torch.no_grad()
    def smooth_weight_(self) -> None:
        """Replace a drawn weight by that of both steps; on average, outputs keep their variance."""
        side = self.kernel_size[0]
        kernel = F.pad(self.weight[:, :, 1:, 1:], (1, 1, 1, 1))  # (fan_in, fan_out, k+1, k+1), zeros around k-1
        twice_each_way = 4 * F.avg_pool2d(kernel, 2, stride=1)  # (fan_in, fan_out, k, k)
        self.weight.copy_(twice_each_way * (side / 2 / (side - 1)))


def _transposed_in_blocks(input: Tensor, weight: Tensor, bias: Tensor | None, crop: int, growth: int) -> Tensor:
    """Compute a transposed convolution of stride 2 with the 2x2 pixels of a block as channels.

    The same sums with stride 1, much faster for few outputs: out[2b+r] = sum_t x[b-t] * weight[2t+r].

    Args:
        weight: (fan_in, fan_out, k, k).
        crop: padding of the transposed convolution. growth: pixels of the result beyond the doubled size.
    """
    taps = (weight.shape[2] + 1) // 2
    kernel = _split(weight, taps).flip(2, 4)  # (fan_in, fan_out, taps, 2, taps, 2)
    kernel = kernel.permute(1, 3, 5, 0, 2, 4).flatten(0, 2)  # (fan_out*4, fan_in, taps, taps)
    blocks = F.conv2d(input, _channels_last(kernel), padding=taps - 1)  # (N, fan_out*4, H+taps-1, W+taps-1)
    image = F.pixel_shuffle(blocks, 2)  # (N, fan_out, 2H+2*taps-2, 2W+2*taps-2)
    height, width = (2 * side + growth for side in input.shape[2:])
    image = image[:, :, crop : crop + height, crop : crop + width]  # (N, fan_out, 2H, 2W)
    return image if bias is None else image + bias.to(image.dtype)[:, None, None]


class DerivedWeight:
    """Marker of layers that compute with their weight in float32 before it is used in a product."""


class BlurConv2d(DerivedWeight, nn.Conv2d):
    """Base of convolutions of odd kernel size with a blur and a change of size, as one convolution by a blurred kernel.

    The result equals both steps; with a blur by [1, 1] it takes less than half of the products. Each of the `blurs`
    averages the kernel with itself shifted by one pixel in each direction, which enlarges it by one: one is the mean of
    2x2 pixels; three are the filter [1, 3, 3, 1] of Karras et al. (2020), which interpolates linearly.
    """

    def __init__(self, fan_in: int, fan_out: int, kernel: int, blurs: int = 1, bias: bool = True) -> None:
        self.pad = (kernel + blurs) // 2 - 1
        super().__init__(fan_in, fan_out, kernel, padding=self.pad, bias=bias)
        self.blurs = blurs
        self._blur = _blur_matrix(kernel, blurs)  # a constant, not a buffer: it is neither saved nor averaged

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._blur = fn(self._blur)
        return super()._apply(fn, recurse)

    def blurred(self, weight: Tensor) -> Tensor:
        """Blur kernels (A, B, k, k) to (A, B, k+blurs, k+blurs), in channels-last layout."""
        side = self.kernel_size[0] + self.blurs
        rows = weight.permute(0, 2, 3, 1).flatten(1, 2)  # (A, k*k, B)
        with nullcontext() if weight.is_meta else torch.autocast(weight.device.type, enabled=False):
            rows = self._blur.to(weight) @ rows  # (A, (k+blurs)^2, B)
        return torch.unflatten(rows, 1, (side, side)).permute(0, 3, 1, 2)  # (A, B, k+blurs, k+blurs)


def _blur_matrix(kernel: int, blurs: int) -> Tensor:
    """Return the matrix that blurs a flat kernel: ((k+blurs)^2, k*k)."""
    with torch.device("cpu"):  # also where networks are built without memory
        units = torch.eye(kernel**2).view(-1, 1, kernel, kernel)
        for _ in range(blurs):
            units = F.avg_pool2d(F.pad(units, (1, 1, 1, 1)), 2, stride=1)  # (k*k, 1, k+i, k+i)
        return units.flatten(1).T.contiguous()


class BlurPoolConv2d(BlurConv2d):
    """Convolution, blur and subsampling by 2: with one blur, the mean of each 2x2 block."""

    @property
    def torch_name(self) -> str:
        """Name in tables of layers; BlurPool is Zhang's (2019) term for the wider filter."""
        return "Conv2d, AvgPool2d" if self.blurs == 1 else "Conv2d, BlurPool"

    def forward(self, input: Tensor) -> Tensor:
        kernel = self.blurred(self.weight)
        return F.conv2d(input, kernel, self.bias, stride=2, padding=self.pad)  # (N, fan_out, H/2, W/2)


class BlurUpConv2d(BlurConv2d):
    """Upsampling by 2, blur and convolution: one blur is nearest-neighbor upsampling, three are bilinear."""

    torch_name = "Upsample, Conv2d"

    def __init__(self, fan_in: int, fan_out: int, kernel: int, blurs: int = 1, bias: bool = True) -> None:
        super().__init__(fan_in, fan_out, kernel, blurs, bias)
        self._blur = 4 * self._blur.flip(0)  # flips the kernel; each pixel counts for four

    def forward(self, input: Tensor) -> Tensor:
        # out[q] = sum_j x[j] * kernel[q - 2j + padding], with the kernel flipped
        kernel = self.blurred(self.weight.transpose(0, 1))  # (fan_in, fan_out, k+blurs, k+blurs)
        if self.out_channels <= MAX_DIRECT and input.device.type == "cpu":
            return _transposed_in_blocks(input, kernel, self.bias, self.pad, growth=0)  # (N, fan_out, 2H, 2W)
        return F.conv_transpose2d(input, kernel, self.bias, stride=2, padding=self.pad)  # (N, fan_out, 2H, 2W)


class NearestUpsample(nn.Upsample):
    """Nearest-neighbor upsampling by 2 in its input's precision; autocast would return float32."""

    torch_name = "Upsample"

    def __init__(self) -> None:
        super().__init__(scale_factor=2)

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input)  # (N, C, 2H, 2W)


def doubling(upsample: Upsample, fan_in: int, fan_out: int, kernel: int) -> nn.ConvTranspose2d | nn.Conv2d:
    """Return a layer that doubles height and width; see `model.generator.upsample`."""
    if upsample == "transpose":
        return UpConvTranspose2d(fan_in, fan_out, kernel)
    if upsample == "icnr":
        return SmoothUpConvTranspose2d(fan_in, fan_out, kernel)
    return BlurUpConv2d(fan_in, fan_out, kernel, blurs={"nearest": 1, "bilinear": 3}[upsample])


class VectorToImage(nn.Linear):
    """Linear layer from a vector to a small image in channels-last layout."""

    torch_name = "Linear, Unflatten"

    def __init__(self, features: int, image: tuple[int, int, int]) -> None:
        super().__init__(features, math.prod(image))
        self.image = image

    def forward(self, input: Tensor) -> Tensor:
        return _channels_last(torch.unflatten(super().forward(input), 1, self.image))  # (N, *image)


class ImageToVector(nn.Linear):
    """Linear layer from a small image in any layout to a vector."""

    torch_name = "Flatten, Linear"

    def __init__(self, image: Sequence[int], features: int, bias: bool = True) -> None:
        super().__init__(math.prod(image), features, bias)
        self.image = image

    def forward(self, input: Tensor) -> Tensor:
        # Permute the weight to the images' layout, because it is smaller than a batch of images.
        weight = torch.unflatten(self.weight, 1, self.image).permute(0, 2, 3, 1).flatten(1)
        return F.linear(input.permute(0, 2, 3, 1).flatten(1), weight, self.bias)  # (N, features)


def _split(weight: Tensor, taps: int) -> Tensor:
    """Split a kernel (A, B, k, k) into blocks of 2x2: (A, B, taps, 2, taps, 2), zero-padded for odd k."""
    pad = 2 * taps - weight.shape[2]
    return torch.unflatten(torch.unflatten(F.pad(weight, (0, pad, 0, pad)), 3, (taps, 2)), 2, (taps, 2))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
