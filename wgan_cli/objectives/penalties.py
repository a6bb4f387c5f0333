"""Penalties on the critic's gradient with respect to its input images."""

from collections.abc import Callable
from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn

from wgan_cli.distributed import rng
from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.distributed.collectives import all_reduce_mean
from wgan_cli.objectives.objective import Loss
from wgan_cli.objectives.terms import Check, Term, Values
from wgan_cli.recipe.objective_base import CriticGameSettings
from wgan_cli.utils.double_backward import FastDoubleBackward

Penalty = Callable[[nn.Module, Tensor, Tensor, "Tensor | None"], Loss]

HIGH_PENALTY = 2.0  # it starts at 1, where the critic is flat, and falls
HIGH_PENALTY_EARLY = 50.0  # with gp_weight 1 it exceeds 20 in single steps before it falls
EARLY_STEPS = 100


def make_penalty(settings: CriticGameSettings, extra: Penalty | None = None) -> Penalty | None:
    """Return the weighted sum of the penalties that the settings ask for, or None without any.

    gp_every * (gp_weight * gradient_penalty + r1_weight/2 * r1 + r2_weight/2 * r2 + extra): lazy regularization scales
    the penalty by the interval at which it is applied (Karras et al. 2020, section 3.1).

    Args:
        extra: penalty of the objective itself, already weighted; it may log any number of terms.
    """
    every = settings.gp_every

    def penalty(critic: nn.Module, real: Tensor, fake: Tensor, labels: Tensor | None) -> Loss:
        parts: list[Tensor] = []
        terms: dict[str, Tensor] = {}
        if settings.gp_weight:
            terms["gradient_penalty"] = gradient_penalty(
                critic, real, fake, labels, settings.gp_sided, settings.gp_points
            )
            parts.append(settings.gp_weight * every * terms["gradient_penalty"])
        for name, weight, images in (("r1", settings.r1_weight, real), ("r2", settings.r2_weight, fake)):
            if weight:
                terms[name] = zero_centered_penalty(critic, images, labels)
                parts.append(0.5 * weight * every * terms[name])
        if extra:
            added = extra(critic, real, fake, labels)
            parts.append(every * added.total)
            terms |= added.terms
        return Loss(reduce(torch.add, parts), terms)

    return penalty if extra or settings.penalties else None


def penalty_terms(settings: CriticGameSettings) -> list[tuple[Term, float]]:
    """Return the terms that the settings' penalties log, each with its weight in the critic's loss."""
    where = {"interpolates": "between real and fake images", "real": "around real images"}[settings.gp_points]
    deviation = {
        "two": "mean squared deviation of the critic's gradient norm from 1",
        "one": "mean squared excess of the critic's gradient norm over 1 (norms above 1 only)",
    }[settings.gp_sided]
    norm = "mean squared gradient norm of the critic at {}; small for a smooth critic"
    terms = (
        (Term("gradient_penalty", f"{deviation}, {where}; healthy near 0", (_STEEP,)), settings.gp_weight),
        (Term("r1", norm.format("real images")), settings.r1_weight / 2),
        (Term("r2", norm.format("samples")), settings.r2_weight / 2),
    )
    return [(term, weight) for term, weight in terms if weight]


def gradient_penalty(
    critic: Callable[..., Tensor],
    real: Tensor,
    fake: Tensor,
    labels: Tensor | None = None,
    sided: Literal["two", "one"] = "two",
    at: Literal["interpolates", "real"] = "interpolates",
) -> Tensor:
    """Penalize critic gradient norms that differ from 1 (Gulrajani et al. 2017, eq. 3).

    mean_n (||grad critic(x_n)||_2 - 1)^2 with x = eps*real + (1-eps)*fake, eps ~ U[0,1] per sample.

    Args:
        critic: (N,C,H,W) -> scores (N,) or (N,1); must not use batch norm, because the penalty is per sample. Called
            with the images alone, or with images and labels if there are labels.
        real, fake: (N,C,H,W) in [-1,1] on one device, or (N,...) of any other kind; detached here.
        labels: (N,) int64 for a critic that takes them.
        sided: "one" penalizes only norms above 1 (WGAN-LP, Petzka et al. 2018).
        at: "real" evaluates around real images (DRAGAN, Kodali et al. 2017).

    Returns: unweighted float32 scalar, differentiable with respect to the critic's parameters.
    """
    norms = gradient_norms(critic, real, fake, labels, at)  # (N,)
    return two_sided(norms) if sided == "two" else one_sided(norms)


def two_sided(norms: Tensor) -> Tensor:
    """Return mean_n (norm_n - 1)^2."""
    return (norms - 1).square().mean()


def one_sided(norms: Tensor) -> Tensor:
    """Return mean_n max(0, norm_n - 1)^2."""
    return (norms - 1).clamp(min=0).square().mean()


def gradient_norms(
    critic: Callable[..., Tensor],
    real: Tensor,
    fake: Tensor,
    labels: Tensor | None = None,
    at: Literal["interpolates", "real"] = "interpolates",
) -> Tensor:
    """Return ||grad critic(x_n)||_2 for a random point x_n per sample: (N,) float32, differentiable.

    Build a new penalty from these norms, such as `F.huber_loss(norms, torch.ones_like(norms))`.

    Args: see `gradient_penalty`.
    """
    real, fake = real.detach(), fake.detach()
    points = dragan_perturb(real) if at == "real" else interpolate(real, fake)  # (N, C, H, W)
    gradient = input_gradient(_score(critic, labels), points)  # (N, C, H, W)
    # The square root's derivative is infinite at zero: a critic with no gradient would turn every weight to NaN.
    return (gradient.float().flatten(1).square().sum(1) + 1e-12).sqrt()  # (N,)


def zero_centered_penalty(critic: Callable[..., Tensor], images: Tensor, labels: Tensor | None = None) -> Tensor:
    """R1 on real images, R2 on fake ones: mean_n ||grad critic(x_n)||_2^2 (Mescheder et al. 2018, eqs. 9 and 10).

    Args: see `gradient_penalty`.

    Returns: float32 scalar without the factor gamma/2, differentiable with respect to the critic's parameters.
    """
    gradient = input_gradient(_score(critic, labels), images.detach())  # (N, C, H, W)
    return gradient.float().flatten(1).square().sum(1).mean()


def input_gradient(score: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return the gradient of each image's score with respect to its pixels, differentiable in the critic's parameters.

    Args:
        score: (N, C, H, W) -> (N,), where each score depends on its own image only.
    """
    if torch.compiler.is_compiling():  # torch.compile rejects autograd.grad(create_graph=True)

        def total_score(x: Tensor) -> Tensor:
            return score(x).float().sum()

        return torch.func.grad(total_score)(images)
    images = images.detach().requires_grad_()
    with FastDoubleBackward():
        scores = score(images)
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient


def interpolate(real: Tensor, fake: Tensor) -> Tensor:
    """Return eps*real + (1-eps)*fake with eps ~ U[0,1] per sample."""
    eps = rng.rand(len(real), *(1,) * (real.ndim - 1), device=real.device)  # (N, 1, 1, 1)
    return torch.lerp(fake, real, eps)  # (N, C, H, W)


def dragan_perturb(real: Tensor) -> Tensor:
    """Return real + eps * 0.5 * std(real) * U[0,1] per pixel with eps ~ U[0,1] per sample, as in DRAGAN's code."""
    eps = rng.rand(len(real), *(1,) * (real.ndim - 1), device=real.device)  # (N, 1, 1, 1)
    return real + eps * 0.5 * _batch_std(real) * rng.rand_like(real)  # (N, C, H, W)


def _batch_std(images: Tensor) -> Tensor:
    """Return the standard deviation over all values of the global batch, as Tensor.std() does."""
    shards = current_shard().count
    if shards == 1:
        return images.std()
    mean = all_reduce_mean(images.mean())
    square = all_reduce_mean((images - mean).square().mean())
    count = images.numel() * shards
    return (square * (count / (count - 1))).sqrt()


def _score(critic: Callable[..., Tensor], labels: Tensor | None) -> Callable[[Tensor], Tensor]:
    return critic if labels is None else lambda images: critic(images, labels)


def _is_steep(values: Values, step: int) -> bool:
    return values["gradient_penalty"] > (HIGH_PENALTY_EARLY if step < EARLY_STEPS else HIGH_PENALTY)


_STEEP = Check(
    failing=_is_steep,
    message="gradient_penalty is {gradient_penalty:.3g}, far above 0: the critic's gradient norm is far above 1",
    advice="a lower optim.critic.lr or a larger objective.gp_weight",
)
