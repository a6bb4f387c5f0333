"""Terms that keep a critic smooth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from wgan_cli.distributed import rng
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_reduce_mean
from wgan_cli.objectives.base import Loss
from wgan_cli.recipe.objective_settings import CriticGameSettings

Penalty = Callable[[nn.Module, Tensor, Tensor, Tensor | None], Loss]

#: By the setting of its weight: a penalty's term in the log, and what it means.
TERMS = {
    "gp_weight": ("gradient_penalty", "how far the critic's slope is from 1; small is right"),
    "r1_weight": ("r1", "the critic's squared slope at real images; small where it is smooth"),
    "r2_weight": ("r2", "the critic's squared slope at samples; small where it is smooth"),
}


def penalty_of(settings: CriticGameSettings, own: Penalty | None = None) -> Penalty | None:
    """What an objective's settings add to the critic's loss, from (critic, real, fake, labels); None if nothing.

    gp_weight * gradient_penalty + r1_weight/2 * r1 + r2_weight/2 * r2, as many times as hard as it comes seldom.

    Args:
        own: what the objective adds itself, with its weight in the total, by the same rule.
    """
    every = settings.gp_every

    def penalty(critic: nn.Module, real: Tensor, fake: Tensor, labels: Tensor | None) -> Loss:
        total, terms = 0.0, {}
        if settings.gp_weight:
            term = gradient_penalty(critic, real, fake, labels, settings.gp_sided, settings.gp_at)
            total, terms["gradient_penalty"] = total + settings.gp_weight * every * term, term
        for name, weight, images in (("r1", settings.r1_weight, real), ("r2", settings.r2_weight, fake)):
            if weight:
                term = zero_centered_penalty(critic, images, labels)
                total, terms[name] = total + 0.5 * weight * every * term, term
        if own:
            more = own(critic, real, fake, labels)
            total, terms = total + every * more.total, terms | more.terms
        return Loss(total, terms)

    return penalty if own or settings.penalties else None


def gradient_penalty(
    critic: nn.Module,
    real: Tensor,
    fake: Tensor,
    labels: Tensor | None = None,
    sided: Literal["two", "one"] = "two",
    at: Literal["between", "real"] = "between",
) -> Tensor:
    """Penalise critic gradients whose norm differs from 1 (Gulrajani et al. 2017, eq. 3).

    mean_n (||grad critic(x_n)||_2 - 1)^2 with x = eps*real + (1-eps)*fake, eps ~ U[0,1] per sample.

    Args:
        critic: (N,C,H,W) -> scores (N,) or (N,1); no batch norm, since the penalty is per sample. Called with images
            alone, or with labels behind them where there are some.
        real, fake: (N,C,H,W) in [-1,1] on one device, or (N,...) of any other kind; detached here.
        labels: (N,) int64 for a critic that takes them.
        sided: "one" counts norms above 1 alone (WGAN-LP, Petzka et al. 2018).
        at: "real" takes x around real images (DRAGAN, Kodali et al. 2017).
    Returns: unweighted float32 scalar, differentiable in the critic's parameters.
    """
    real, fake = real.detach(), fake.detach()
    places = dragan_perturb(real) if at == "real" else between(real, fake)  # (N, C, H, W)
    gradient = input_gradient(_scores(critic, labels), places)  # (N, C, H, W)
    # The square root's derivative is infinite at zero, and a dead critic would turn every weight to NaN.
    norms = (gradient.float().flatten(1).square().sum(1) + 1e-12).sqrt()  # (N,)
    excess = norms - 1 if sided == "two" else (norms - 1).clamp(min=0)
    return excess.square().mean()


def zero_centered_penalty(critic: nn.Module, images: Tensor, labels: Tensor | None = None) -> Tensor:
    """R1 on real images, R2 on fake ones: mean_n ||grad critic(x_n)||_2^2 (Mescheder et al. 2018, eqs. 9 and 10).

    Args:
        critic, images, labels: as of `gradient_penalty`.
    Returns: float32 scalar without gamma/2, differentiable in the critic's parameters.
    """
    gradient = input_gradient(_scores(critic, labels), images.detach())  # (N, C, H, W)
    return gradient.float().flatten(1).square().sum(1).mean()


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


def _scores(critic: nn.Module, labels: Tensor | None) -> Callable[[Tensor], Tensor]:
    """The critic as a function of images; one that knows of no classes need not take labels."""
    return critic if labels is None else lambda images: critic(images, labels)


def between(real: Tensor, fake: Tensor) -> Tensor:
    """A point on the line from each fake image to a real one: eps*real + (1-eps)*fake, eps ~ U[0,1] per sample."""
    eps = rng.rand(len(real), *(1,) * (real.ndim - 1), device=real.device)  # (N, 1, 1, 1)
    return torch.lerp(fake, real, eps)  # (N, C, H, W)


def _spread(images: Tensor) -> Tensor:
    """The standard deviation of all numbers of a batch, as Tensor.std() has it."""
    if current_shard().world_size == 1:
        return images.std()
    mean = all_reduce_mean(images.mean())
    square = all_reduce_mean((images - mean).square().mean())
    count = images.numel() * current_shard().world_size
    return (square * (count / (count - 1))).sqrt()


def dragan_perturb(real: Tensor) -> Tensor:
    """real + eps * 0.5 * std(real) * U[0,1] per pixel, eps ~ U[0,1] per sample, as in DRAGAN's code."""
    eps = rng.rand(len(real), *(1,) * (real.ndim - 1), device=real.device)  # (N, 1, 1, 1)
    return real + eps * 0.5 * _spread(real) * rng.rand_like(real)  # (N, C, H, W)
