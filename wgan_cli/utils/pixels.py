"""Conversion between stored pixels and the networks' range [-1, 1].

Images of 8 bits are stored as uint8. Images with more are stored as int16, 32768 below their 16-bit value, because
torch supports uint16 in few operations.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def to_unit_range(pixels: Tensor) -> Tensor:
    """Scale stored pixels, uint8 or int16, to float32 in [-1, 1], in new memory; floats are in this range already."""
    if pixels.dtype == torch.int16:
        return pixels.to(torch.float32).add_(0.5).div_(32767.5)
    if pixels.is_floating_point():
        return pixels.to(torch.float32, copy=True)
    return pixels.to(torch.float32, copy=True).div_(127.5).sub_(1)


def from_unit_range(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Scale images from [-1, 1] to stored pixels of a type, rounded to the nearest and clamped; floats stay."""
    if dtype == torch.float32:
        return images.float()
    if dtype == torch.int16:
        return images.float().mul(32767.5).sub_(0.5).round_().clamp_(-32768, 32767).to(torch.int16)
    return images.float().add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8)


def to_uint8(images: Tensor) -> Tensor:
    """Scale images from [-1, 1] to uint8, rounded to the nearest and clamped."""
    return from_unit_range(images, torch.uint8)


def to_16_bits(pixels: Tensor) -> Tensor:
    """Return stored pixels of either type as int32 from 0 to 65535, exactly."""
    return pixels.int().add_(32768) if pixels.dtype == torch.int16 else pixels.int().mul_(257)


def as_uint8(pixels: Tensor) -> Tensor:
    """Return stored pixels with 8 bits."""
    return pixels if pixels.dtype == torch.uint8 else to_uint8(to_unit_range(pixels))


def preview(pixels: Tensor, bands: Sequence[int] | None = None) -> Tensor:
    """Return stored pixels (..., C, H, W) as they are shown: with 8 bits, and the channels of `shown_bands`."""
    return as_uint8(shown_bands(pixels, bands))


def shown_bands(pixels: Tensor, bands: Sequence[int] | None = None) -> Tensor:
    """Return the channels of pixels (..., C, H, W) that pictures show as gray, RGB or RGBA.

    Args:
        bands: their numbers, from 1; by default all, or `default_preview`.
    """
    bands = bands or default_preview(pixels.shape[-3])
    return pixels if bands is None else pixels[..., [band - 1 for band in bands], :, :]


def default_preview(channels: int, bands: bool = False) -> tuple[int, ...] | None:
    """Return the bands to show of images that aren't gray, RGB or RGBA: the first three, or the first of two.

    Args:
        bands: four channels are bands of their own, not RGBA.
    """
    if channels in (1, 3) or (channels == 4 and not bands):
        return None
    return (1, 2, 3) if channels > 2 else (1,)


def num_colors(channels: int, bands: bool = False) -> int:
    """Return the number of channels without the transparency of RGBA.

    Args:
        bands: four channels are bands of their own, not RGBA.
    """
    return 3 if channels == 4 and not bands else channels
