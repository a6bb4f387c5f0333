"""What a critic sees of the batch around an image: samples that all look the same give themselves away."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.recipe.model_settings import CriticLayerSettings

ROW = 5  # numbers by which two images are compared, for each feature; as in the authors' code


class BatchScore(nn.Module):
    """The part of a score that comes from an image's batch: the last layer's share for features put beside its input.

    A linear layer over features beside x is the sum of one over x and one over the features, so no layer grows.
    """

    def __init__(self, settings: CriticLayerSettings, features: int) -> None:
        super().__init__()
        self.varies = settings.minibatch_std
        count = settings.minibatch_features
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
        apart = (rows[:, None] - rows[None]).abs().sum(3)  # (N, N, count)
        return torch.exp(-apart).sum(1)  # (N, count)


def spread(x: Tensor) -> Tensor:
    """The standard deviation over a batch, averaged over features (Karras et al. 2018, section 3): (N, F) -> ()."""
    return (x.var(0, correction=0) + 1e-8).sqrt().mean()
