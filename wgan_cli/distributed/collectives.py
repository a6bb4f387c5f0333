"""Collectives over the shards of a batch: gradient all-reduce, and differentiable sums, means and gathers.

The sums, means and gathers can be differentiated twice. Each rank's gradients then include the effect of its samples on
every rank's loss, and their mean over the ranks is the gradient of the whole batch's loss.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.process_group import collective
from wgan_cli.errors import WganError

BUCKET_BYTES = 25 * 2**20  # large enough for full bandwidth, small enough to start early


def all_reduce_gradients(network: nn.Module, role: str) -> None:
    """Replace the gradients of a role's network by their mean over all ranks.

    DistributedDataParallel starts its all-reduce when a parameter's gradient is accumulated, which a penalty's double
    backward does twice or never (pytorch/pytorch#47562, #63812). Here the complete gradients are averaged in buckets.
    """
    processes = current_shard().count
    if processes == 1:
        return
    pending = []
    with collective(f"the gradients of the {role}"):
        for bucket in _buckets(p.grad for p in network.parameters() if p.grad is not None):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            pending.append((bucket, flat, torch.distributed.all_reduce(flat, async_op=True)))
        for bucket, flat, work in pending:
            work.wait()
            means = flat.div_(processes).split([gradient.numel() for gradient in bucket])
            shaped = [mean.view_as(gradient) for mean, gradient in zip(means, bucket, strict=True)]
            torch._foreach_copy_(bucket, shaped)  # pyright: ignore[reportPrivateImportUsage]


def _buckets(gradients: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Group gradients of one dtype into buckets of about BUCKET_BYTES."""
    bucket: list[Tensor] = []
    size = 0
    for gradient in gradients:
        if bucket and (size >= BUCKET_BYTES or gradient.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(gradient)
        size += gradient.nbytes
    if bucket:
        yield bucket


def all_reduce_mean(value: Tensor) -> Tensor:
    """Return the mean over all shards of a tensor that each computes from its own samples."""
    shards = current_shard().count
    return value if shards == 1 else _AllReduceSum.apply(value) / shards


def all_reduce_sum(value: Tensor) -> Tensor:
    """Return the sum over all shards of a tensor that each computes from its own samples."""
    return value if current_shard().count == 1 else _AllReduceSum.apply(value)


def all_gather(rows: Tensor) -> Tensor:
    """Return the rows (N, ...) of all shards in the order of the whole batch: (N * shards, ...)."""
    shard = current_shard()
    if shard.count == 1:
        return rows
    spread = torch.zeros(len(rows), shard.count, *rows.shape[1:], dtype=rows.dtype, device=rows.device)
    spread[:, shard.index] = rows
    return _AllReduceSum.apply(spread).flatten(0, 1)  # (N * shards, ...)


class _AllReduceSum(torch.autograd.Function):
    """Sum over all ranks. Every rank's loss depends on the result, so the gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        if not current_shard().connected:
            raise WganError(
                "this recipe compares the images of a whole batch, which `micro_batch_size` splits",
                "remove `micro_batch_size`, or use more devices",
            )
        total = value.clone(memory_format=torch.contiguous_format)
        with collective("a sum over the batch"):
            torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        return _AllReduceSum.apply(*grad_outputs)
