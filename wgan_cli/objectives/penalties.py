"""Terms that keep a critic smooth."""

from __future__ import annotations

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
    between = torch.lerp(fake, real, eps).requires_grad_()  # (N, C, H, W)
    scores = critic(between, labels)  # (N,)
    # The sum's gradient holds each sample's own gradient, since no sample's score depends on another sample.
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)  # (N, C, H, W)
    # The square root's derivative is infinite at zero, and a dead critic would turn every weight to NaN.
    norms = (gradient.float().flatten(1).square().sum(1) + 1e-12).sqrt()  # (N,)
    return (norms - 1).square().mean()
