"""The memory that training takes: an estimate from shapes alone, and the error when it runs out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from wgan_cli.distributed.batch_shard import current_shard
from wgan_cli.errors import ExitStatus, TrainingError, WganError, is_out_of_memory
from wgan_cli.outputs.summary import NetworkFacts, inspect_networks
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.utils.machine import free_memory

WEIGHTS, ACTIVATIONS = "weights and optimizers", "activations"


def estimate_memory(recipe: Recipe, networks: Sequence[NetworkFacts]) -> dict[str, int]:
    """Return the bytes that training takes in float32, by purpose, without the images and PyTorch itself.

    Weights have gradients, Adam's two moments and, for the generator, the EMA. The objective's settings say how many
    copies of a network's activations a step keeps; temporary memory of kernels is not included.
    """
    by_role = {network.role: network for network in networks}
    per_image = max(
        sum(count * by_role[role].activations for role, count in counts.items())
        for counts in recipe.objective.activation_counts
    )
    local = recipe.batch_size // current_shard().count
    images = min(local, recipe.micro_batch_size or local)
    return {
        WEIGHTS: 4 * (4 * sum(network.parameters for network in networks) + by_role["generator"].parameters),
        ACTIVATIONS: 4 * images * per_image,
    }


def check_memory(recipe: Recipe, image: ImageShape, device: torch.device) -> None:
    """Check that a recipe's networks fit in the device's free memory, before anything is built.

    Counts half of the activations, as in bf16: a rough estimate must not refuse what fits.

    Raises: WganError if they don't; names the setting to lower.
    """
    free = free_memory(device)
    if free is None:
        return
    networks = inspect_networks(recipe, image, recipe.objective.roles)
    memory = estimate_memory(recipe, networks)
    weights, activations = memory[WEIGHTS], memory[ACTIVATIONS] // 2
    if weights + activations <= free:
        return
    largest = max(networks, key=lambda network: network.parameters)
    role = largest.role if hasattr(recipe.model, largest.role) else "critic"  # other roles use the critic's settings
    settings = getattr(recipe.model, role)
    layers = next((f".{name}" for name in ("widths", "width", "channels") if hasattr(settings, name)), "")
    name, size = batch_setting(recipe)
    fitting = int(size * (free - weights) / activations) if activations else 0
    batch = f"--set {name}={fitting}, or " if fitting > 0 else ""
    raise WganError(
        f"training takes about {(weights + activations) / 1e9:,.1f} GB of memory at `{name}` {size}, "
        f"and {free / 1e9:,.1f} GB are free on {device}",
        f"try {batch}smaller `model.{role}{layers}`; `wgan inspect` shows the memory of a recipe",
    )


def batch_setting(recipe: Recipe) -> tuple[str, int]:
    """Return the setting that limits the images in memory at a time, and its value."""
    if recipe.micro_batch_size and recipe.micro_batch_size < recipe.batch_size // current_shard().count:
        return "micro_batch_size", recipe.micro_batch_size
    return "batch_size", recipe.batch_size


@contextmanager
def out_of_memory_hint(recipe: Recipe, device: torch.device) -> Iterator[None]:
    """Turn an error of the block that says that memory ran out into one that names the batch size to try."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        name, size = batch_setting(recipe)
        hint = f"--set {name}={size // 2}" if size > 1 else "smaller networks (model.generator, model.critic)"
        reason = str(error).partition("\n")[0].partition(". ")[0].strip() or type(error).__name__
        message = f"not enough memory on {device} for {name}={size}: {reason}"
        raise TrainingError(message, f"train again with {hint}", ExitStatus.FAILED) from error
