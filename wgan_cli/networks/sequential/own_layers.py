"""Layers of a list that torch.nn doesn't have, or not in this form."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wgan_cli.networks.minibatch_layers import MinibatchDiscrimination, append_minibatch_std


class Unflatten(nn.Module):
    """Vectors to images in channels-last layout."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, *self.shape).contiguous(memory_format=torch.channels_last)  # (N, C, H, W)


class Crop(nn.Module):
    """Center of images."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        height, width = self.size
        top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
        return x[:, :, top : top + height, left : left + width]  # (N, C, *size)


class AppendDiscrimination(nn.Module):
    """Input, flattened, with the features of minibatch discrimination appended."""

    def __init__(self, inputs: int, features: int) -> None:
        super().__init__()
        self.compare = MinibatchDiscrimination(inputs, features)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)  # (N, F)
        return torch.cat([x, self.compare(x.float()).to(x.dtype)], 1)  # (N, F + features)


class AppendStd(nn.Module):
    """Images with a channel that holds the standard deviation of the batch."""

    torch_name = "MinibatchStdDev"

    def forward(self, x: Tensor) -> Tensor:
        return append_minibatch_std(x)  # (N, C+1, H, W)


class FromUnitRange(nn.Module):
    """Map the range [0, 1] of a sigmoid to that of images, [-1, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x - 1
