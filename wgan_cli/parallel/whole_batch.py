"""What looks at a whole batch, where each process has a share of it.

All of it is differentiable, twice: a process's gradients then hold what its images do to everybody's loss, and the mean
of all processes' gradients is that of the whole batch's loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.parallel.company import collective
from wgan_cli.parallel.share import share


def mean_of_shares(own: Tensor) -> Tensor:
    """The mean over all shares of what each computed from its own images, such as their mean."""
    return own if share().of == 1 else _Sum.apply(own) / share().of


def sum_of_shares(own: Tensor) -> Tensor:
    """The sum over all shares of what each computed from its own images."""
    return own if share().of == 1 else _Sum.apply(own)


def rows_of_batch(own: Tensor) -> Tensor:
    """This share's rows (N, ...) with those of the others, in the order of the whole batch: (N * shares, ...)."""
    mine = share()
    if mine.of == 1:
        return own
    apart = torch.zeros(len(own), mine.of, *own.shape[1:], dtype=own.dtype, device=own.device)
    apart[:, mine.index] = own
    return _Sum.apply(apart).flatten(0, 1)  # (N * shares, ...)


class _Sum(torch.autograd.Function):
    """The sum over all processes. Each one's gradient is the sum of theirs, since each loss depends on it."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        if not share().reachable:
            raise WganError(
                "this recipe compares the images of a whole batch, and `batch_per_device` computes it in parts",
                "leave out `batch_per_device`, or use more devices",
                ExitStatus.USAGE,
            )
        whole = own.clone(memory_format=torch.contiguous_format)
        with collective("a mean over the whole batch"):
            torch.distributed.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return _Sum.apply(slope)
