"""Generators in two halves: z to a style w, and styles to an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_gather
from wgan_cli.networks.latent import FromLatent

MEAN_DECAY = 0.995  # how slowly the mean w follows, as in the authors' code


class StyleSpace(FromLatent):
    """A generator with a space of styles, in which one can walk, mix, and turn towards the mean (Karras et al. 2019).

    A family's generator gives `style_layers`, `mapping`, `synthesis` and `first_weight`; what only samples may wrap
    one.
    """

    style_layers: int  # layers that take a style each, coarse to fine

    def mapping(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim), labels (N,) -> w (N, style_dim)."""
        raise NotImplementedError

    def synthesis(self, styles: Tensor) -> Tensor:
        """A w for each layer, (N, style_layers, style_dim) -> images (N, C, H, W) in [-1, 1]."""
        raise NotImplementedError

    def truncated(self, w: Tensor, psi: float, labels: Tensor | None = None) -> Tensor:
        """mean + psi * (w - mean), with the mean w of its class: (N, style_dim) to the same."""
        raise NotImplementedError

    def styles(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """The styles of z: (N, latent_dim) -> (N, style_layers, style_dim)."""
        return self.in_every_layer(self.mapping(z, labels))

    def in_every_layer(self, w: Tensor) -> Tensor:
        """One w for all layers: (N, style_dim) -> (N, style_layers, style_dim)."""
        return w[:, None].expand(-1, self.style_layers, -1)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> images (N, C, H, W) in [-1, 1]."""
        return self.synthesis(self.styles(z, labels))


class MeanStyle(nn.Module):
    """The mean w of each class, or of all images, as a moving average in a buffer, and so in checkpoints."""

    def __init__(self, style_dim: int, num_classes: int = 0) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.register_buffer("w", torch.zeros(max(1, num_classes), style_dim))

    @torch.no_grad()
    def follow(self, w: Tensor, labels: Tensor | None = None) -> None:
        """Move towards the styles of a batch, (N, style_dim), by the share 1 - MEAN_DECAY."""
        w = w.to(self.w.dtype)
        if current_shard().connected:  # of a batch in parts each moves it
            w, labels = all_gather(w), None if labels is None else all_gather(labels)
        if not self.num_classes:
            self.w.lerp_(w.mean(0, keepdim=True), 1 - MEAN_DECAY)
            return
        # A product instead of an indexed sum, whose order a GPU leaves to chance.
        belongs = (labels[:, None] == torch.arange(self.num_classes, device=w.device)).to(w.dtype)  # (N, classes)
        counts = belongs.sum(0)[:, None]  # (classes, 1)
        sums = (belongs[:, :, None] * w[:, None]).sum(0)  # (classes, style_dim)
        rate = (1 - MEAN_DECAY) * (counts > 0)  # a class that is not in the batch stays
        self.w.add_(rate * (sums / counts.clamp(min=1) - self.w))

    def forward(self, labels: Tensor | None = None) -> Tensor:
        """(1, style_dim), or of classes labels (N,): (N, style_dim)."""
        return self.w[labels] if self.num_classes else self.w
