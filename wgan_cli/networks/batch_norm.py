"""Batch norm and dropout for batches that several processes share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.distributed import rng
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_reduce_mean
from wgan_cli.errors import WganError


class _SharedStatistics(nn.Module):
    """The framework's batch norm, whose statistics are those of the whole batch if the run's shares see each other.

    torch.nn.SyncBatchNorm does the same on GPUs, and nothing on processors, nor can it be differentiated twice.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same."""
        mine = current_shard()
        if not self.training or mine.world_size == 1 or not mine.sync_batch_norm:
            return super().forward(x)
        if not mine.connected:
            raise WganError(
                "batch norm must see the whole batch, and `micro_batch_size` computes it in parts",
                "let it see each part alone, --set sync_batch_norm=false, or take another norm",
            )
        axes = [axis for axis in range(x.ndim) if axis != 1]
        own = x.float()
        both = torch.stack([own.mean(axes), own.square().mean(axes)])  # (2, C)
        mean, square = all_reduce_mean(both).unbind(0)  # (C,), (C,)
        variance = (square - mean.square()).clamp(min=0)  # (C,)
        self._remember(mean.detach(), variance.detach(), x.numel() // x.shape[1] * mine.world_size)

        shape = (1, -1) + (1,) * (x.ndim - 2)
        scale = (variance + self.eps).rsqrt()
        if self.affine:
            scale = scale * self.weight
        shift = -mean * scale + (self.bias if self.affine else 0.0)
        return torch.addcmul(shift.view(shape), own, scale.view(shape)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), self.momentum)


class BatchNorm1d(_SharedStatistics, nn.BatchNorm1d):
    """Batch norm of (N, C)."""


class BatchNorm2d(_SharedStatistics, nn.BatchNorm2d):
    """Batch norm of (N, C, H, W)."""


class Dropout(nn.Dropout):
    """The framework's dropout, with the same numbers left out of an image however its batch is shared."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) to the same."""
        return x * (rng.rand_like(x) >= self.p) / (1 - self.p) if self.training else x
