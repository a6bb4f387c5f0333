"""The gradients of all processes' shares, averaged.

DistributedDataParallel hangs its all-reduce on the accumulation of each parameter's gradient, and waits for parameters
whose gradient a penalty's double backward computes twice or not at all (pytorch/pytorch#47562, #63812). Here the
gradients are averaged once they are all there, in a few large pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.process_group import collective

BUCKET = 25 * 2**20  # bytes in a piece: large enough for the wires' full speed, small enough to begin early


def all_reduce_gradients(network: nn.Module, name: str) -> None:
    """Replace the gradients that lie in a network by their mean over all processes; nothing where there is one.

    Args:
        name: of what is averaged, for a message where a process does not come.
    """
    if current_shard().of == 1:
        return
    sent = []
    with collective(f"the gradients of the {name}"):
        for bucket in _buckets(p.grad for p in network.parameters() if p.grad is not None):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            sent.append((bucket, flat, torch.distributed.all_reduce(flat, async_op=True)))
        for bucket, flat, work in sent:
            work.wait()
            parts = flat.div_(current_shard().of).split([gradient.numel() for gradient in bucket])
            torch._foreach_copy_(bucket, [part.view_as(g) for part, g in zip(parts, bucket, strict=True)])


def _buckets(gradients: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Gradients of one type in pieces of about BUCKET bytes."""
    bucket: list[Tensor] = []
    size = 0
    for gradient in gradients:
        if bucket and (size >= BUCKET or gradient.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(gradient)
        size += gradient.nbytes
    if bucket:
        yield bucket
