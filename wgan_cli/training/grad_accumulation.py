"""Gradient accumulation: split a batch that doesn't fit on the device into micro-batches."""

from collections.abc import Iterator
from dataclasses import replace

from wgan_cli.distributed import rng
from wgan_cli.distributed.batch_shard import BatchShard, current_shard, use_shard
from wgan_cli.errors import WganError
from wgan_cli.objectives import Batch, Objective
from wgan_cli.recipe import Recipe


def accumulation_steps(recipe: Recipe, objective: Objective) -> int:
    """Return how many micro-batches of equal size this rank needs, as few as `micro_batch_size` allows.

    Raises: WganError if processes can't share the batch equally, or the engine or objective needs whole batches.
    """
    size, processes = recipe.batch_size, current_shard().world_size
    if size % processes:
        raise WganError(
            f"`batch_size` is {size}, which {processes} processes cannot share equally",
            f"use a multiple: --set batch_size={processes * max(1, round(size / processes))}",
        )
    local, limit = size // processes, recipe.micro_batch_size
    if limit is None or limit >= local:
        return 1
    if objective.state is not None:
        raise WganError(
            "the objective updates its state from whole batches, which `micro_batch_size` splits",
            "remove `micro_batch_size`, or use more devices",
        )
    steps = next(n for n in range(-(-local // limit), local + 1) if local % n == 0)
    if recipe.engine == "graph":
        raise WganError(
            f"`engine: graph` captures whole batches, and `micro_batch_size` splits {local} images into {steps}",
            "use --engine eager, or remove `micro_batch_size`",
        )
    return steps


def micro_batches(batch: Batch, count: int) -> Iterator[Batch]:
    """Yield `count` micro-batches; micro-batch i holds images i, i + count, i + 2 * count...

    While one is in use it is the current shard, like another rank's part of the batch: each draws random numbers for
    the whole batch from the same RNG state and keeps its own, so that gradients don't depend on `count`.
    """
    if count == 1:
        yield batch
        return
    shard, device = current_shard(), batch.z.device
    state = rng.get_states(device)
    for index in range(count):
        rng.set_states(state, device)
        rows = slice(index, None, count)
        part = BatchShard(
            shard.rank + shard.world_size * index, shard.world_size * count, shard.sync_batch_norm, connected=False
        )
        with use_shard(part):
            real, labels = (None if tensor is None else tensor[rows] for tensor in (batch.real, batch.labels))
            yield replace(batch, z=batch.z[rows], real=real, labels=labels)
