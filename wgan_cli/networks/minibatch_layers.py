"""Layers through which a critic compares the images of a batch, so that identical samples are easy to detect."""

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_gather, all_reduce_mean

KERNEL_DIM = 5  # C in the paper, as in the authors' code: the length of each row of M


class BatchScore(nn.Module):
    """Part of a score that depends on the batch: the last layer's weights for features concatenated to its input.

    A linear layer over two concatenated inputs is the sum of one layer over each, so the last layer keeps its size.

    Args:
        inputs: length of an image's features.
        num_features: number of minibatch discrimination features.
        with_std: add the batch's standard deviation.
    """

    def __init__(self, inputs: int, num_features: int, with_std: bool) -> None:
        super().__init__()
        self.with_std = with_std
        self.likeness = MinibatchDiscrimination(inputs, num_features) if num_features else None
        self.to_score = nn.Linear(num_features + with_std, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1).float()  # (N, F)
        inputs = [] if self.likeness is None else [self.likeness(x)]
        if self.with_std:
            inputs.append(minibatch_std(x).expand(len(x), 1))
        return self.to_score(torch.cat(inputs, 1)).squeeze(1)  # (N,)


class MinibatchDiscrimination(nn.Module):
    """Minibatch discrimination (Salimans et al. 2016, section 3.2): o_b(x_i) = sum over j of exp(-|M_ib - M_jb|_1).

    M_i = T(x_i), (num_features, KERNEL_DIM), is linear in x_i.
    """

    def __init__(self, inputs: int, num_features: int) -> None:
        super().__init__()
        self.to_rows = nn.Linear(inputs, num_features * KERNEL_DIM, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs) -> (N, num_features), from 1 (unlike all other images) to N (equal to all of them)."""
        rows = self.to_rows(x).float().unflatten(1, (-1, KERNEL_DIM))  # (N, num_features, KERNEL_DIM)
        distances = (rows[:, None] - all_gather(rows)[None]).abs().sum(3)  # (N, global N, num_features)
        return torch.exp(-distances).sum(1)  # (N, num_features)


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
