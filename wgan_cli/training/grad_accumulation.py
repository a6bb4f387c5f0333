"""A batch in parts, one after the other, where a device cannot hold all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wgan_cli.distributed.batch_shard import BatchShard, current_shard, use_shard
from wgan_cli.errors import WganError
from wgan_cli.objectives import Batch, Loss
from wgan_cli.recipe import Recipe

if TYPE_CHECKING:
    from wgan_cli.training.step import TrainingStep


def parts_to_take(recipe: Recipe) -> int:
    """How many parts this process cuts its share of a batch into: the fewest, all of one size, that fit.

    Raises: WganError where processes or parts cannot all be of one size.
    """
    size, processes = recipe.batch_size, current_shard().world_size
    if size % processes:
        raise WganError(
            f"`batch_size` is {size}, which {processes} processes cannot share equally",
            f"give a multiple: --set batch_size={processes * max(1, round(size / processes))}",
        )
    own, most = size // processes, recipe.micro_batch_size
    if most is None or most >= own:
        return 1
    parts = next(n for n in range(-(-own // most), own + 1) if own % n == 0)
    if recipe.engine == "graph":
        raise WganError(
            f"`engine` is graph, which captures whole batches, and `micro_batch_size` cuts {own} images in {parts}",
            "take `engine` eager, or leave out `micro_batch_size`",
        )
    return parts


def check_parts(step: TrainingStep) -> None:
    """Try one gradient of each phase, on a step that nobody will train with.

    Raises: WganError where something must see the whole batch.
    """
    if step.objective.state is not None:
        raise WganError(
            "the objective remembers whole batches, and `micro_batch_size` computes them in parts",
            "leave out `micro_batch_size`, or use more devices",
        )
    for phase in step.objective.phases:
        step.gradients(phase, step.shown(phase), step.batch(phase, 0))


def micro_batches(batch: Batch, count: int) -> Iterator[Batch]:
    """Every `count`-th image of a batch at a time; what is drawn while a part is out is that part's.

    A part is a share like another process's, so every part draws for the whole batch from the same random state, and
    the sum of what is computed does not depend on the number of parts.
    """
    if count == 1:
        yield batch
        return
    whole, device = current_shard(), batch.z.device
    start = _random_state(device)
    for index in range(count):
        _set_random_state(start, device)
        mine = BatchShard(
            whole.rank + whole.world_size * index, whole.world_size * count, whole.sync_batch_norm, connected=False
        )
        rows = slice(index, None, count)
        with use_shard(mine):
            yield replace(batch, z=batch.z[rows], real=_rows(batch.real, rows), labels=_rows(batch.labels, rows))


def mean_loss(losses: Iterable[Loss]) -> Loss:
    """The mean of the parts' losses, without their graphs."""
    every = list(losses)
    if len(every) == 1:
        return every[0]
    terms = {name: torch.stack([loss.terms[name].detach() for loss in every]).mean() for name in every[0].terms}
    return Loss(torch.stack([loss.total.detach() for loss in every]).mean(), terms)


def _rows(tensor: Tensor | None, rows: slice) -> Tensor | None:
    return None if tensor is None else tensor[rows]


def _random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_random_state(state: Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
