"""Weights that come from a file, and are believed only where they fit the networks of the file's own recipe."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.recipe import ImageShape, Recipe


def network_with(role: str, recipe: Recipe, image: ImageShape, weights: Mapping[str, Tensor], origin: str) -> nn.Module:
    """The network of a role with weights from a file, built without memory of its own and in evaluation mode.

    Args:
        origin: the file, as errors name it.
    Raises: WganError where a tensor is missing, unknown, of another shape or kind, or not finite.
    """
    with torch.device("meta"):  # the weights come from the file, so first weights are never drawn
        network = build_network(role, recipe, image)
    wanted = network.state_dict()
    problem = _first_problem(wanted, weights)
    if problem:
        raise WganError(
            f"{origin} is damaged: its weights do not fit its recipe: {problem}", "use another checkpoint of the run"
        )
    network.load_state_dict({name: _laid_out_as(wanted[name], weights[name]) for name in wanted}, assign=True)
    return network.eval()


def _laid_out_as(wanted: Tensor, given: Tensor) -> Tensor:
    """The numbers of one tensor in the memory layout of another, by which kernels are chosen, and so images rounded."""
    if given.stride() == wanted.stride():
        return given
    return torch.empty_strided(wanted.shape, wanted.stride(), dtype=given.dtype, device=given.device).copy_(given)


def check_roles(roles: Mapping[str, object], recipe: Recipe, origin: str) -> None:
    """Refuse a file that names networks which its recipe does not train, or lacks the generator. Raises: WganError."""
    unknown = [role for role in roles if role not in recipe.objective.roles]
    if unknown or "generator" not in roles:
        what = f"it names a network {unknown[0]!r:.60}" if unknown else "it holds no generator"
        raise WganError(f"{origin} is damaged: {what}", "use another checkpoint of the run")


def _first_problem(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    for name, tensor in wanted.items():
        if name not in given:
            return f"`{name}` is missing"
        if given[name].shape != tensor.shape or given[name].dtype != tensor.dtype:
            return f"`{name}` is {form(given[name])}, and should be {form(tensor)}"
        if not given[name].isfinite().all():
            return f"`{name}` holds NaN or infinity"
    extra = next((name for name in given if name not in wanted), None)
    return None if extra is None else f"`{extra:.60}` has no place in it"


def form(tensor: Tensor) -> str:
    """A tensor's shape and kind in words: `128x100 of float32`."""
    return f"{'x'.join(map(str, tensor.shape)) or 'one number'} of {str(tensor.dtype).removeprefix('torch.')}"
