"""Batch norm and dropout with results that don't depend on how a batch is sharded."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from wgan_cli.distributed import rng
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_gather
from wgan_cli.errors import WganError


class _SyncBatchNorm(_BatchNorm):
    """Batch norm with the statistics of the global batch.

    torch.nn.SyncBatchNorm does this on GPUs only, and can't be differentiated twice.
    """

    def forward(self, input: Tensor) -> Tensor:
        shard = current_shard()
        if not self.training or shard.count == 1 or not shard.sync_batch_norm:
            return super().forward(input)
        if not shard.connected:
            raise WganError(
                "batch norm needs the whole batch, but `micro_batch_size` splits it",
                "normalize each micro-batch separately, --set sync_batch_norm=false, or use another norm",
            )
        axes = [axis for axis in range(input.ndim) if axis != 1]
        x = input.float()
        moments = torch.stack([x.mean(axes), x.var(axes, correction=0)])[None]  # (1, 2, C)
        means, variances = all_gather(moments).unbind(1)  # (shards, C), (shards, C)
        mean, variance = means.mean(0), variances.mean(0) + means.var(0, correction=0)  # (C,), (C,)
        assert self.num_batches_tracked is not None and self.momentum is not None
        assert self.running_mean is not None and self.running_var is not None
        count = x.numel() // x.shape[1] * shard.count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / max(1, count - 1)), self.momentum)
        shape = (1, -1) + (1,) * (x.ndim - 2)
        scale = (variance + self.eps).rsqrt()
        if self.affine:
            scale = scale * self.weight
        shift = -mean * scale + (self.bias if self.affine else 0.0)
        return torch.addcmul(shift.view(shape), x, scale.view(shape)).to(input.dtype)


class BatchNorm1d(_SyncBatchNorm, nn.BatchNorm1d):
    """Batch norm of (N, C)."""


class BatchNorm2d(_SyncBatchNorm, nn.BatchNorm2d):
    """Batch norm of (N, C, H, W)."""


class Dropout(nn.Dropout):
    """Dropout with the same mask for an image however its batch is distributed."""

    def forward(self, input: Tensor) -> Tensor:
        return _drop(input, self.p, input.shape) if self.training else input


class Dropout2d(nn.Dropout2d):
    """Dropout of whole channels, with the same mask for an image however its batch is distributed."""

    def forward(self, input: Tensor) -> Tensor:
        return _drop(input, self.p, (*input.shape[:2], 1, 1)) if self.training else input


def _drop(input: Tensor, p: float, mask: Sequence[int]) -> Tensor:
    """Set entries to 0 with probability p, drawn in the shape `mask`, and divide the others by 1 - p."""
    # Drawn in float32: in half precision torch.rand rounds the highest numbers (1/512 in bfloat16) to 1, and returns 0.
    return input * (rng.rand(*mask, device=input.device) >= p) / (1 - p)
