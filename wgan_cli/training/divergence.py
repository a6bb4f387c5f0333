"""Detect NaN and Inf, and roll a diverged run back to its last good checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from wgan_cli.distributed.process_group import all_reduce_max, broadcast_from_main
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.objectives import Objective
from wgan_cli.recipe import Recipe
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.training.state import TrainingState
from wgan_cli.utils.seeds import derived_seed

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

    Checking now and then is enough, because sums of terms and weights stay non-finite after a bad step. An infinite
    Adam moment would freeze its weight.

    Args:
        terms: sums of the loss terms since the last record.
    """
    tensors = list(_named_tensors(terms, networks, optimizers))
    if not tensors or torch.stack([tensor.isfinite().all() for _, tensor in tensors]).all():
        return None
    return next(f"{name} is not finite" for name, tensor in tensors if not tensor.isfinite().all())


def _named_tensors(
    terms: Mapping[str, Tensor],
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
) -> Iterator[tuple[str, Tensor]]:
    yield from terms.items()
    for role, network in networks.items():
        for tensor in (*network.parameters(), *network.buffers()):  # bad batch norm statistics spoil samples too
            yield f"a weight of the {role}", tensor
    for role, optimizer in optimizers.items():
        for moments in optimizer.state.values():
            for name, value in moments.items():
                if isinstance(value, Tensor) and name != "step":  # may be on the CPU
                    yield f"an optimizer moment of the {role}", value


def roll_back(state: TrainingState, find_checkpoint: Callable[[], Checkpoint]) -> None:
    """Restore on every rank the checkpoint that `find_checkpoint` returns in the main process, with new random numbers.

    These follow from the seed and the number of rollbacks, so that a resumed run equals an uninterrupted one.
    """
    overhead, rollbacks = state.overhead, state.rollbacks + 1
    state.restore(broadcast_from_main("the last good checkpoint", find_checkpoint))
    state.overhead, state.rollbacks = overhead, rollbacks  # time isn't rolled back
    torch.manual_seed(derived_seed(state.recipe.seed, "noise after going back", rollbacks))


def diverged_error(recipe: Recipe, objective: Objective, step: int, problem: str) -> WganError:
    """Return the error of a run that diverged after MAX_ROLLBACKS, with changes to try, most promising first."""
    lower = " ".join(f"--set optim.{role}.lr={recipe.optim.of(role).lr / 4:.2g}" for role in objective.roles)
    hints = [f"train again with a lower lr ({lower})"]
    hints += objective.divergence_advice
    if recipe.amp != "off":
        hints.append(f"float32 instead of {recipe.amp} (--amp off)")
    return WganError(
        f"training diverged before step {step}: {problem}, after {MAX_ROLLBACKS} rollbacks",
        f"{', then '.join(hints)}; the last checkpoint is good",
        ExitStatus.FAILED,
    )
