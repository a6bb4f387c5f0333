"""Back to the last good checkpoint, in every process of a run at once."""

from __future__ import annotations

from collections.abc import Callable

import torch

from wgan_cli.distributed import process_group
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.training.divergence import find_illness
from wgan_cli.training.state import TrainingState
from wgan_cli.utils.seeds import derived_seed


def agreed_illness(state: TrainingState) -> str | None:
    """What is NaN or infinite in any process, in words, or None. Sums of terms then are those of the whole batch."""
    state.iteration.terms.agree()
    networks = {**state.networks, "averaged generator": state.ema.network}
    illness = find_illness(state.iteration.terms.state_dict()["sums"], networks, state.optimizers)
    (ill,) = process_group.all_reduce_max("whether all numbers are good", illness is not None)
    return (illness or "in another process") if ill else None


def go_back(state: TrainingState, find: Callable[[], Checkpoint]) -> None:
    """Restore what `find` finds in the leading process, with other random numbers from there on.

    These follow from the seed and how often this happened, so that a resumed run goes back as one that never stopped.
    """
    overhead, rollbacks = state.overhead, state.rollbacks + 1
    state.restore(process_group.broadcast_from_main("the last good checkpoint", find))
    state.overhead, state.rollbacks = overhead, rollbacks  # time does not go back
    torch.manual_seed(derived_seed(state.recipe.seed, "noise after going back", rollbacks))
