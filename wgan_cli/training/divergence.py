"""Detection of NaN and Inf, and the advice for a run that keeps diverging."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wgan_cli.distributed.process_group import all_reduce_max, in_time
from wgan_cli.errors import ExitStatus, TrainingError
from wgan_cli.objectives import Objective
from wgan_cli.recipe import Recipe
from wgan_cli.training.running_means import RunningMeans
from wgan_cli.training.state import TrainingState

MAX_ROLLBACKS = 3


def checked_means(state: TrainingState) -> tuple[dict[str, float], str | None]:
    """Return the means of the loss terms since the last record, and the name of anything NaN or infinite on any rank.

    Synchronizes with the device once, and with all ranks. All-reduces the running means, so that every rank then logs
    those of the whole batch.
    """
    metrics, name = state.training_step.metrics, "the check for NaN"
    networks = {**state.networks, "averaged generator": state.ema.network}
    with in_time(name):
        metrics.all_reduce()
        means, problem = nonfinite(metrics, networks, state.optimizers)
        (diverged,) = all_reduce_max(name, problem is not None)
    return means, (problem or "a value on another rank is not finite") if diverged else None


def nonfinite(
    metrics: RunningMeans, networks: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> tuple[dict[str, float], str | None]:
    """Return the means, and the name of a loss term, network or optimizer that contains NaN or Inf, or None.

    Checking now and then is enough, because the sums of terms since the last record and the weights stay non-finite
    after a bad step. An infinite Adam moment would freeze its weight. The check's kernels are queued behind the steps,
    and one synchronization reads their result and the means. As part of each step, even captured in its graph, they
    would read all weights and moments `log_every` times as often.
    """
    tensors: list[tuple[str, Tensor]] = []
    for role, network in networks.items():  # bad batch norm statistics spoil samples too
        tensors += [(f"a weight of the {role}", tensor) for tensor in (*network.parameters(), *network.buffers())]
    for role, optimizer in optimizers.items():
        tensors += [
            (f"an optimizer moment of the {role}", value)
            for moments in optimizer.state.values()
            for name, value in moments.items()
            if isinstance(value, Tensor) and name != "step"  # may be on the CPU
        ]
    checked = [tensor.detach() for _, tensor in tensors if tensor.is_floating_point() and tensor.numel()]
    means, flags = metrics.read(*([_all_finite(checked)] if checked else []))
    bad = next((name for name, mean in means.items() if not math.isfinite(mean)), None)
    if bad is None and not all(flags):
        bad = next(name for name, tensor in tensors if not tensor.isfinite().all())
    return means, None if bad is None else f"{bad} is not finite"


def _all_finite(tensors: list[Tensor]) -> Tensor:
    """Return a scalar on the device: 1 if every value is finite, else 0."""
    # One kernel for all of them: the largest magnitude of each, which a NaN replaces.
    largest = torch._foreach_norm(tensors, math.inf)  # type: ignore[attr-defined]
    return torch.stack(largest).isfinite().all().float()


def diverged_error(recipe: Recipe, objective: Objective, step: int, problem: str) -> TrainingError:
    """Return the error of a run that diverged after MAX_ROLLBACKS, with changes to try, most promising first."""
    lower = " ".join(f"--set optim.{role}.lr={recipe.optim.of(role).lr / 4:.2g}" for role in objective.roles)
    hints = [f"train again with a lower lr ({lower})", *objective.divergence_advice]
    if recipe.amp != "off":
        hints.append(f"float32 instead of {recipe.amp} (--amp off)")
    return TrainingError(
        f"training diverged before step {step}: {problem}, after {MAX_ROLLBACKS} rollbacks",
        f"{', then '.join(hints)}; the last checkpoint is good",
        ExitStatus.FAILED,
    )
