"""Path length regularization: a step in w changes the image equally, wherever and in whatever direction."""

import torch
from torch import Tensor, nn

from wgan_cli.distributed import rng
from wgan_cli.distributed.collectives import all_reduce_mean
from wgan_cli.networks.style_space import StyleSpace
from wgan_cli.objectives.objective import Loss
from wgan_cli.objectives.terms import Term
from wgan_cli.utils.double_backward import FastDoubleBackward

DECAY = 0.01  # weight of a batch in the running mean, as in the authors' code

TERMS = (
    Term("path_penalty", "variance of the image's change for equal steps in w; small for a smooth generator"),
    Term("path_length", "mean change of the image for a step in w"),
)


class PathLength(nn.Module):
    """Path length regularization (Karras et al. 2020, eq. 4) with its running mean in a buffer.

    mean_n (||J_n^T y_n||_2 - a)^2, with J the Jacobian of the image with respect to w, y ~ N(0, 1) / sqrt(H * W), and a
    the running mean of these norms. Each layer has its own w, so ||.||^2 is the mean over layers, as in the authors'
    code.
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, generator: StyleSpace, z: Tensor, labels: Tensor | None = None) -> Loss:
        """Return the unweighted penalty, differentiable with respect to the generator's parameters.

        Args:
            z: (N, latent_dim). labels: (N,) or None.
        """
        lengths = path_lengths(generator, generator.styles(z, labels))  # (N,)
        with torch.no_grad():
            self.mean.lerp_(all_reduce_mean(lengths.mean()), DECAY)
        penalty = (lengths - self.mean.clone()).square().mean()  # clone, because the next batch changes the buffer
        return Loss(penalty, {"path_penalty": penalty, "path_length": lengths.mean()})


def path_lengths(generator: StyleSpace, styles: Tensor) -> Tensor:
    """Return ||J_n^T y_n||_2 with the square averaged over layers: (N,) float32, differentiable.

    Args:
        styles: (N, style_layers, style_dim); may require gradients.
    """
    if not styles.requires_grad:
        styles = styles.requires_grad_()
    with FastDoubleBackward():
        images = generator.synthesis(styles)  # (N, C, H, W)
    pixels = images.shape[2] * images.shape[3]
    noise = rng.randn_like(images) / pixels**0.5
    (gradient,) = torch.autograd.grad((images * noise).sum(), styles, create_graph=True)  # (N, layers, style_dim)
    return (gradient.float().square().sum(2).mean(1) + 1e-12).sqrt()  # (N,); eps gives a derivative at zero
