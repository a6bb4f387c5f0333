"""Layers through which a critic compares the images of a batch, so that identical samples are easy to detect."""

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_gather, all_reduce_mean

ROW = 5  # numbers per feature in which two images are compared, as in the authors' code


class BatchScore(nn.Module):
    """Part of a score that depends on the batch: the last layer's weights for features concatenated to its input.

    A linear layer over two concatenated inputs is the sum of one layer over each, so the last layer keeps its size.

    Args:
        count: number of minibatch discrimination features.
        varies: add the batch's standard deviation.
    """

    def __init__(self, features: int, count: int, varies: bool) -> None:
        super().__init__()
        self.varies = varies
        self.likeness = MinibatchDiscrimination(features, count) if count else None
        self.to_score = nn.Linear(count + self.varies, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1).float()  # (N, F)
        inputs = [] if self.likeness is None else [self.likeness(x)]
        if self.varies:
            inputs.append(minibatch_std(x).expand(len(x), 1))
        return self.to_score(torch.cat(inputs, 1)).squeeze(1)  # (N,)


class MinibatchDiscrimination(nn.Module):
    """Minibatch discrimination (Salimans et al. 2016, section 3.2): o_b(x_i) = sum over j of exp(-|M_ib - M_jb|_1)."""

    def __init__(self, features: int, count: int) -> None:
        super().__init__()
        self.to_rows = nn.Linear(features, count * ROW, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, features) -> (N, count), from 1 (unlike all other images) to N (equal to all of them)."""
        rows = self.to_rows(x).float().unflatten(1, (-1, ROW))  # (N, count, ROW)
        distances = (rows[:, None] - all_gather(rows)[None]).abs().sum(3)  # (N, global N, count)
        return torch.exp(-distances).sum(1)  # (N, count)


def append_minibatch_std(x: Tensor) -> Tensor:
    """Append a channel that holds the batch's standard deviation everywhere: (N, C, H, W) -> (N, C+1, H, W)."""
    channel = minibatch_std(x.float()).to(x.dtype).expand(len(x), 1, *x.shape[2:])  # (N, 1, H, W)
    return torch.cat([x, channel], 1)  # (N, C+1, H, W)


def minibatch_std(x: Tensor) -> Tensor:
    """Return the standard deviation over the batch, averaged over features (Karras et al. 2018, section 3): scalar."""
    if current_shard().count == 1:
        variance = x.var(0, correction=0)
    else:
        variance = all_reduce_mean((x - all_reduce_mean(x.mean(0))).square().mean(0))
    return (variance + 1e-8).sqrt().mean()
