"""Networks with weights from a file, which must fit the networks of the file's recipe."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wgan_cli.errors import WganError
from wgan_cli.networks.build import build_network
from wgan_cli.recipe import ImageShape, Recipe


def network_with(role: str, recipe: Recipe, image: ImageShape, weights: Mapping[str, Tensor], origin: str) -> nn.Module:
    """Build a network with weights from a file, in evaluation mode. It shares memory with the weights where it can.

    Raises: WganError naming `origin` if a tensor is missing, unknown, not finite, or has another shape or dtype.
    """
    with torch.device("meta"):  # skip drawing initial weights
        network = build_network(role, recipe, image)
    wanted = network.state_dict()
    if problem := _first_problem(wanted, weights):
        raise WganError(
            f"{origin} is damaged: its weights do not fit its recipe: {problem}", "use another checkpoint of the run"
        )
    for name, tensor in wanted.items():
        given = wanted[name] = weights[name]
        if given.stride() != tensor.stride():  # memory layout selects kernels and thereby rounding
            copy = torch.empty_strided(tensor.shape, tensor.stride(), dtype=given.dtype, device=given.device)
            wanted[name] = copy.copy_(given)
    network.load_state_dict(wanted, assign=True)
    return network.eval()


def check_roles(roles: Mapping[str, object], recipe: Recipe, origin: str) -> None:
    """Refuse a file with networks that its recipe does not train, or without a generator. Raises: WganError."""
    unknown = [role for role in roles if role not in recipe.objective.roles]
    if unknown or "generator" not in roles:
        problem = f"unknown network {unknown[0]!r:.60}" if unknown else "no generator"
        raise WganError(f"{origin} is damaged: {problem}", "use another checkpoint of the run")


def _first_problem(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    for name, tensor in wanted.items():
        if name not in given:
            return f"`{name}` is missing"
        if given[name].shape != tensor.shape or given[name].dtype != tensor.dtype:
            return f"`{name}` is {describe(given[name])} instead of {describe(tensor)}"
        if not given[name].isfinite().all():
            return f"`{name}` holds NaN or infinity"
    extra = next((name for name in given if name not in wanted), None)
    return None if extra is None else f"`{extra:.60}` is unknown"


def describe(tensor: Tensor) -> str:
    """Describe a tensor's shape and dtype: `128x100 float32`."""
    return f"{'x'.join(map(str, tensor.shape)) or 'scalar'} {str(tensor.dtype).removeprefix('torch.')}"
