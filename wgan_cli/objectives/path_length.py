"""A term that keeps a generator smooth: a step in w changes the image by as much, wherever and whichever way."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wgan_cli.distributed import rng
from wgan_cli.distributed.collectives import all_reduce_mean
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.objectives.base import Loss

DECAY = 0.01  # the share of a batch in the running mean, as in the authors' code

MEANINGS = {
    "path_penalty": "how unequally the image answers to equal steps in w; small where the generator is smooth",
    "path_length": "how strongly it answers, on average",
}


class PathLength(nn.Module):
    """Path length regularisation (Karras et al. 2020, eq. 4), with the mean length that it remembers in a buffer.

    mean_n (||J_n^T y_n||_2 - a)^2, with J the image's Jacobian by w, y ~ N(0, 1) / sqrt(H * W), and a the running mean
    of these norms. A layer has a w of its own, so that ||.||^2 is the mean over layers, as in the authors' code.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, generator: StyleSpace, z: Tensor, labels: Tensor | None = None) -> Loss:
        """The unweighted penalty, differentiable in the generator's parameters, and terms for the log.

        Args:
            z: (N, latent_dim). labels: (N,), or None.
        """
        lengths = path_lengths(generator, generator.styles(z, labels))  # (N,)
        with torch.no_grad():
            self.mean.lerp_(all_reduce_mean(lengths.mean()), DECAY)
        penalty = (lengths - self.mean.clone()).square().mean()  # a copy, since the next batch changes the buffer
        return Loss(penalty, {"path_penalty": penalty, "path_length": lengths.mean()})


def path_lengths(generator: StyleSpace, styles: Tensor) -> Tensor:
    """How far each image moves by a step of its styles, in a random direction of the image.

    ||J_n^T y_n||_2, the square averaged over layers; itself differentiable.

    Args:
        styles: (N, style_layers, style_dim), which may have a history.
    Returns: (N,) float32.
    """
    if not styles.requires_grad:
        styles = styles.requires_grad_()
    images = generator.synthesis(styles)  # (N, C, H, W)
    pixels = images.shape[2] * images.shape[3]
    noise = rng.randn_like(images) / pixels**0.5
    (gradient,) = torch.autograd.grad((images * noise).sum(), styles, create_graph=True)  # (N, layers, style_dim)
    return (gradient.float().square().sum(2).mean(1) + 1e-12).sqrt()  # (N,), with a derivative at zero
