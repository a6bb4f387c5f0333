"""Generators in two halves: a mapping from z to a style w, and a synthesis network from styles to images."""

import torch
from torch import Tensor, nn

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_gather
from wgan_cli.networks.conditioning import class_sums
from wgan_cli.networks.layers import LatentGenerator

MEAN_DECAY = 0.995  # of the running mean w, as in the authors' code


class StyleSpace(LatentGenerator):
    """Base of generators with a style space for interpolation, mixing and truncation (Karras et al. 2019).

    A subclass provides `style_layers`, `mapping`, `synthesis`, `truncate` and `first_weight`.
    """

    style_layers: int  # number of layers that take a style each, coarse to fine

    def mapping(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim), labels (N,) -> w (N, style_dim)."""
        raise NotImplementedError

    def synthesis(self, styles: Tensor) -> Tensor:
        """One w per layer, (N, style_layers, style_dim) -> images (N, C, H, W) in [-1, 1]."""
        raise NotImplementedError

    def truncate(self, w: Tensor, psi: float | Tensor, labels: Tensor | None = None) -> Tensor:
        """Return mean + psi * (w - mean), with the mean w of each image's class, or of all classes without labels.

        w: (N, style_dim), or (N, style_layers, style_dim) with one per layer.
        """
        raise NotImplementedError

    def styles(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (N, latent_dim) -> (N, style_layers, style_dim)."""
        return self.broadcast(self.mapping(z, labels))

    def broadcast(self, w: Tensor) -> Tensor:
        """Use one w in all layers: (N, style_dim) -> (N, style_layers, style_dim)."""
        return w[:, None].expand(-1, self.style_layers, -1)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.synthesis(self.styles(z, labels))  # (N, C, H, W)


class MeanStyle(nn.Module):
    """Running mean w of each class, or of all images, in a buffer that is saved in checkpoints."""

    w: Tensor

    def __init__(self, style_dim: int, num_classes: int = 0) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.register_buffer("w", torch.zeros(max(1, num_classes), style_dim))

    @torch.no_grad()
    def update(self, w: Tensor, labels: Tensor | None = None) -> None:
        """Move the mean towards a batch of w (N, style_dim) with rate 1 - MEAN_DECAY."""
        w = w.to(self.w.dtype)
        if current_shard().connected:  # each micro-batch moves it separately
            w, labels = all_gather(w), None if labels is None else all_gather(labels)
        if labels is None or not self.num_classes:
            self.w.lerp_(w.mean(0, keepdim=True), 1 - MEAN_DECAY)
            return
        sums, counts = class_sums(w, labels, self.num_classes)  # (num_classes, style_dim), (num_classes, 1)
        rate = (1 - MEAN_DECAY) * (counts > 0)  # classes that are not in the batch keep their mean
        self.w.add_(rate * (sums / counts.clamp(min=1) - self.w))

    def forward(self, labels: Tensor | None = None) -> Tensor:
        """Return the means of labels (N,), (N, style_dim), or without them the mean of all classes, (1, style_dim)."""
        if not self.num_classes:
            return self.w
        return self.w.mean(0, keepdim=True) if labels is None else self.w[labels]
