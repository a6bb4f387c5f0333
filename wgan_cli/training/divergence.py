"""What sends a run back before it wastes a night: numbers that are no numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.objectives import Objective
from wgan_cli.recipe import Recipe

MOST_ROLLBACKS = 3


def find_illness(
    terms: Mapping[str, Tensor],
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
) -> str | None:
    """What is NaN or infinite, in words, or None. Waits once for the device.

    One bad step spoils the sum of a term, a gradient the weight that follows it, and both stay so: a look now and then
    misses none. An infinite moment of Adam's would freeze its weight for ever.

    Args:
        terms: sums of the losses' terms since the last record.
    """
    found = list(_tensors(terms, networks, optimizers))
    if not found or torch.stack([tensor.isfinite().all() for _, tensor in found]).all():
        return None
    return next(name for name, tensor in found if not tensor.isfinite().all())


def _tensors(
    terms: Mapping[str, Tensor],
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
) -> Iterator[tuple[str, Tensor]]:
    for name, value in terms.items():
        yield f"{name} is not finite", value
    for role, network in networks.items():
        for tensor in (*network.parameters(), *network.buffers()):  # batch norm's statistics spoil samples as well
            yield f"a weight of the {role} is not finite", tensor
    for role, optimizer in optimizers.items():
        for moments in optimizer.state.values():
            for name, value in moments.items():
                if isinstance(value, Tensor) and name != "step":  # which may lie on the host
                    yield f"a moment of the {role}'s optimizer is not finite", value


def gave_up(recipe: Recipe, objective: Objective, step: int, illness: str) -> WganError:
    """The end of a run that diverged too often, with what to change, in the order in which it helps."""
    rates = {role: recipe.optim.of(role).lr for role in objective.roles}
    lower = " ".join(f"--set optim.{role}.lr={lr / 4:.2g}" for role, lr in rates.items())
    hints = [f"train again with a lower lr ({lower})"]
    hints += objective.divergence_advice
    if recipe.amp != "off":
        hints.append(f"float32 instead of {recipe.amp} (--amp off)")
    return WganError(
        f"training diverged before step {step}: {illness}; it had gone back {MOST_ROLLBACKS} times before",
        f"{', then '.join(hints)}; everything is kept, and the last checkpoint is good",
        ExitStatus.FAILED,
    )
