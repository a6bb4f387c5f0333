"""Terms that keep a critic smooth."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, labels: Tensor | None = None) -> Tensor:
    """Penalise critic gradients whose norm differs from 1 (Gulrajani et al. 2017, eq. 3).

    mean_n (||grad critic(x_n)||_2 - 1)^2 with x = eps*real + (1-eps)*fake, eps ~ U[0,1] per sample.

    Args:
        critic: (N,C,H,W) -> scores (N,); no batch norm, since the penalty is per sample.
        real, fake: (N,C,H,W) in [-1,1] on one device; detached here.
    Returns: unweighted float32 scalar, differentiable in the critic's parameters.
    """
    real, fake = real.detach(), fake.detach()
    eps = torch.rand(real.shape[0], 1, 1, 1, device=real.device)
    between = torch.lerp(fake, real, eps)  # (N, C, H, W)
    gradient = input_gradient(lambda images: critic(images, labels), between)  # (N, C, H, W)
    # The square root's derivative is infinite at zero, and a dead critic would turn every weight to NaN.
    norms = (gradient.float().flatten(1).square().sum(1) + 1e-12).sqrt()  # (N,)
    return (norms - 1).square().mean()


def input_gradient(score: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """The gradient of each image's score by its own pixels, itself differentiable in the critic's parameters.

    Args:
        score: (N, C, H, W) -> (N,), each from its own image alone, so that the sum's gradient holds every image's own.
    """
    if torch.compiler.is_compiling():  # the compiler refuses autograd.grad(create_graph=True), and takes this whole
        return torch.func.grad(lambda x: score(x).float().sum())(images)
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(images).sum(), images, create_graph=True)
    return gradient
