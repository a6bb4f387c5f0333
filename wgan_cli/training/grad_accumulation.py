"""Gradient accumulation: split a batch that doesn't fit on the device into micro-batches."""

from collections.abc import Iterator
from dataclasses import replace

from wgan_cli.distributed import rng
from wgan_cli.distributed.batch_shard import current_shard, use_shard
from wgan_cli.errors import WganError
from wgan_cli.objectives import Batch, Objective
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.objective_base import uncouple_hint


def accumulation_steps(recipe: Recipe, objective: Objective) -> int:
    """Return how many micro-batches of equal size this rank needs, as few as `micro_batch_size` allows.

    Raises: WganError if processes can't share the batch equally, the engine or objective needs whole batches, or
        micro-batches would be much smaller than allowed, or too small for batch norm.
    """
    size, processes = recipe.batch_size, current_shard().count
    if size % processes:
        raise WganError(
            f"`batch_size` is {size}, which {processes} processes cannot share equally",
            f"use a multiple: --set batch_size={processes * max(1, round(size / processes))}",
        )
    local = size // processes
    if processes > 1 and local % 2 and getattr(recipe.objective, "path_length_weight", 0):
        pairs = 2 * processes
        raise WganError(
            f"`batch_size` is {size}, {local} for each of {processes} processes, and `objective.path_length_weight` "
            "needs an even number, because it takes half of them",
            f"use a multiple of {pairs}: --set batch_size={pairs * max(1, round(size / pairs))}",
        )
    steps = _passes(recipe, objective, local)
    norm = recipe.model.generator_batch_norm or recipe.model.critic_setting("batch_norm")
    if local == steps and norm and not recipe.sync_batch_norm:
        larger = next((n for n in range(2, local + 1) if local % n == 0), None)
        setting = f"micro_batch_size={larger}" if larger else f"batch_size={2 * processes}"
        raise WganError(
            f"`{norm}` needs at least 2 images per pass if `sync_batch_norm` is false, and `batch_size` {size} is "
            f"split into {size} passes",
            f"use --set {setting}, or {uncouple_hint(norm)}",
        )
    return steps


def _passes(recipe: Recipe, objective: Objective, local: int) -> int:
    """Return the number of micro-batches of a shard of `local` images. Raises: WganError."""
    limit, steps = recipe.micro_batch_size, recipe.num_micro_batches(current_shard().count)
    if limit is None or steps == 1:
        return 1
    if objective.state is not None:
        raise WganError(
            "the objective updates its state from whole batches, which `micro_batch_size` splits",
            "remove `micro_batch_size`, or use more devices",
        )
    if recipe.engine == "graph":
        raise WganError(
            f"`engine: graph` captures whole batches, and `micro_batch_size` splits {local} images into {steps}",
            "use --engine eager, or remove `micro_batch_size`",
        )
    if 2 * (part := local // steps) < limit:
        passes = -(-local // limit)
        whole = passes * (local // passes) * current_shard().count
        raise WganError(
            f"`micro_batch_size` is {limit}, but {local} images split equally only into {steps} passes of {part}",
            f"use --set batch_size={whole}, or --set micro_batch_size={part} to accept smaller passes",
        )
    return steps


def micro_batches(batch: Batch, count: int) -> Iterator[Batch]:
    """Yield `count` micro-batches; micro-batch i holds images i, i + count, i + 2 * count...

    While one is in use it is the current shard, like another rank's part of the batch: each draws random numbers for
    the whole batch from the same RNG state and keeps its own, so that gradients don't depend on `count`. Exceptions are
    batch norm with `sync_batch_norm: false`, and what each forward pass updates: the singular vectors of spectral norm
    and a style generator's mean w.
    """
    if count == 1:
        yield batch
        return
    shard, device = current_shard(), batch.z.device
    state = rng.get_states(device)
    for number in range(count):
        rng.set_states(state, device)
        rows = slice(number, None, count)
        index = shard.index + shard.count * number
        part = replace(shard, index=index, count=shard.count * count, connected=False)
        with use_shard(part):
            real, labels = (None if tensor is None else tensor[rows] for tensor in (batch.real, batch.labels))
            yield replace(batch, z=batch.z[rows], real=real, labels=labels)
