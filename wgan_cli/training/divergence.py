"""Detection of NaN and Inf, and the advice for a run that keeps diverging."""

import math
from collections.abc import Mapping
from itertools import chain

import torch
from torch import Tensor, nn

from wgan_cli.distributed.process_group import all_reduce_max
from wgan_cli.errors import ExitStatus, TrainingError
from wgan_cli.objectives import Objective
from wgan_cli.recipe import Recipe
from wgan_cli.training.state import TrainingState

MAX_ROLLBACKS = 3


def any_nonfinite(state: TrainingState) -> str | None:
    """Name something that is NaN or infinite on any rank, or return None; synchronizes with the device and all ranks.

    All-reduces the running means, so that every rank then logs those of the whole batch.
    """
    state.training_step.metrics.all_reduce()
    networks = {**state.networks, "averaged generator": state.ema.network}
    found = nonfinite(state.training_step.metrics.state_dict()["sums"], networks, state.optimizers)
    (diverged,) = all_reduce_max("the check for NaN", found is not None)
    return (found or "a value on another rank is not finite") if diverged else None


def nonfinite(
    terms: Mapping[str, Tensor],
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
) -> str | None:
    """Name a loss term, network or optimizer that contains NaN or Inf, or return None. Synchronizes once.

    Checking now and then is enough, because the sums of terms since the last record and the weights stay non-finite
    after a bad step. An infinite Adam moment would freeze its weight.
    """
    tensors = list(terms.items())
    for role, network in networks.items():  # bad batch norm statistics spoil samples too
        tensors += [(f"a weight of the {role}", tensor) for tensor in (*network.parameters(), *network.buffers())]
    for role, optimizer in optimizers.items():
        moments = chain.from_iterable(state.items() for state in optimizer.state.values())
        tensors += [
            (f"an optimizer moment of the {role}", value)
            for name, value in moments
            if isinstance(value, Tensor) and name != "step"  # may be on the CPU
        ]
    checked = [tensor.detach() for _, tensor in tensors if tensor.is_floating_point() and tensor.numel()]
    # One kernel for all of them: the largest magnitude of each, which a NaN replaces.
    if not checked or torch.stack(torch._foreach_norm(checked, math.inf)).isfinite().all():  # type: ignore[attr-defined]
        return None
    return next(f"{name} is not finite" for name, tensor in tensors if not tensor.isfinite().all())


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
