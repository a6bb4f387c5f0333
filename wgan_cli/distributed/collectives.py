"""What looks at a whole batch, where each process has a share of it.

All of it is differentiable, twice: a process's gradients then hold what its images do to everybody's loss, and the mean
of all processes' gradients is that of the whole batch's loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.process_group import collective
from wgan_cli.errors import ExitStatus, WganError


def all_reduce_mean(own: Tensor) -> Tensor:
    """The mean over all shares of what each computed from its own images, such as their mean."""
    return own if current_shard().of == 1 else _Sum.apply(own) / current_shard().of


def all_reduce_sum(own: Tensor) -> Tensor:
    """The sum over all shares of what each computed from its own images."""
    return own if current_shard().of == 1 else _Sum.apply(own)


def all_gather(own: Tensor) -> Tensor:
    """This share's rows (N, ...) with those of the others, in the order of the whole batch: (N * shares, ...)."""
    mine = current_shard()
    if mine.of == 1:
        return own
    apart = torch.zeros(len(own), mine.of, *own.shape[1:], dtype=own.dtype, device=own.device)
    apart[:, mine.index] = own
    return _Sum.apply(apart).flatten(0, 1)  # (N * shares, ...)


class _Sum(torch.autograd.Function):
    """The sum over all processes. Each one's gradient is the sum of theirs, since each loss depends on it."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        if not current_shard().reachable:
            raise WganError(
                "this recipe compares the images of a whole batch, and `micro_batch_size` computes it in parts",
                "leave out `micro_batch_size`, or use more devices",
                ExitStatus.USAGE,
            )
        whole = own.clone(memory_format=torch.contiguous_format)
        with collective("a mean over the whole batch"):
            torch.distributed.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return _Sum.apply(slope)
