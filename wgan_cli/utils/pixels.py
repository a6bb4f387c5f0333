"""Conversion between pixels in 0..255 and the networks' range [-1, 1]."""

import torch
from torch import Tensor


def to_unit_range(pixels: Tensor) -> Tensor:
    """Scale pixels from 0..255 to float32 in [-1, 1], in new memory."""
    return pixels.to(torch.float32, copy=True).div_(127.5).sub_(1)


def to_uint8(images: Tensor) -> Tensor:
    """Scale images from [-1, 1] to uint8, rounded to the nearest and clamped."""
    return images.float().add(1).mul(127.5).round_().clamp_(0, 255).to(torch.uint8)
