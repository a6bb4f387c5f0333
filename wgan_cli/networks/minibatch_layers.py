"""What a critic sees of the batch around an image: samples that all look the same give themselves away."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_gather, all_reduce_mean

ROW = 5  # numbers by which two images are compared, for each feature; as in the authors' code


class BatchScore(nn.Module):
    """The part of a score that comes from an image's batch: the last layer's share for features put beside its input.

    A linear layer over features beside x is the sum of one over x and one over the features, so no layer grows.

    Args:
        features: of x. count: numbers on how like its batch an image is. varies: whether it sees the batch's spread.
    """

    def __init__(self, features: int, count: int, varies: bool) -> None:
        super().__init__()
        self.varies = varies
        self.likeness = BatchLikeness(features, count) if count else None
        self.to_score = nn.Linear(count + self.varies, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, ...) -> (N,)."""
        x = x.flatten(1).float()  # (N, F)
        seen = [] if self.likeness is None else [self.likeness(x)]
        if self.varies:
            seen.append(spread(x).expand(len(x), 1))
        return self.to_score(torch.cat(seen, 1)).squeeze(1)  # (N,)


class BatchLikeness(nn.Module):
    """Minibatch discrimination (Salimans et al. 2016, section 3.2): o_b(x_i) = sum over j of exp(-|M_ib - M_jb|_1)."""

    def __init__(self, features: int, count: int) -> None:
        super().__init__()
        self.to_rows = nn.Linear(features, count * ROW, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, features) -> (N, count), each number from 1, unlike all others, to N, alike."""
        rows = self.to_rows(x).float().unflatten(1, (-1, ROW))  # (N, count, ROW)
        apart = (rows[:, None] - all_gather(rows)[None]).abs().sum(3)  # (N, whole N, count)
        return torch.exp(-apart).sum(1)  # (N, count)


def with_spread(x: Tensor) -> Tensor:
    """Images with one more channel, which is their batch's spread everywhere: (N, C, H, W) -> (N, C+1, H, W)."""
    plane = spread(x.float()).to(x.dtype).expand(len(x), 1, *x.shape[2:])  # (N, 1, H, W)
    return torch.cat([x, plane], 1)  # (N, C+1, H, W)


def spread(x: Tensor) -> Tensor:
    """The standard deviation over a batch, averaged over features (Karras et al. 2018, section 3): (N, ...) -> ()."""
    if current_shard().world_size == 1:
        variance = x.var(0, correction=0)
    else:
        variance = all_reduce_mean((x - all_reduce_mean(x.mean(0))).square().mean(0))
    return (variance + 1e-8).sqrt().mean()
