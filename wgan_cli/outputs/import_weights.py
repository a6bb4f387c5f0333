"""Import of generators trained by other programs: a bare state_dict, matched to a recipe with the same layers."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.networks.state_dict_matching import Match, match
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.checkpoint_file import read_state_dict

#: Entries that training scripts use for a generator's weights, the EMA first.
ENTRIES = ("g_ema", "ema", "generator_state_dict", "generator", "netg", "g", "gen", "model_state_dict", "state_dict")
ENTRIES += ("model", "params")


def import_checkpoint(
    path: Path, recipe: Recipe, image: ImageShape, entry: str | None = None
) -> tuple[Checkpoint, Match]:
    """Load a file of weights as a checkpoint of a recipe, and return how tensors were matched.

    The recipe supplies what weights don't contain: activations, their slopes, and the eps of norms.

    Args:
        entry: key of the generator's state_dict in a training checkpoint; None looks for the usual names.
    Raises: WganError.
    """
    given = _state_dict(read_state_dict(path), path, entry)
    with torch.device("meta"):
        wanted = build_network("generator", recipe, image).state_dict()
    found = match(given, wanted, str(path), f"the generator of {recipe.name}")
    names = tuple(str(number) for number in range(image.num_classes))
    weights = found.weights(given, wanted)
    return Checkpoint(recipe, image, names, step=0, networks={"generator": weights}, taken_from=path.name), found


def _state_dict(content: Any, path: Path, entry: str | None) -> dict[str, Tensor]:
    """Return the generator's tensors: the whole content, or those of one entry."""
    if _is_state_dict(content) and entry is None:
        return content
    entries = {key: value for key, value in content.items() if _is_state_dict(value)} if type(content) is dict else {}
    if entry in entries:
        return entries[entry]
    known = {str(key).lower(): value for key, value in entries.items()}
    chosen = next((known[name] for name in ENTRIES if name in known), None)
    if chosen is None and len(entries) == 1:
        (chosen,) = entries.values()
    if chosen is not None and entry is None:
        return chosen
    if not entries:
        hint = "save the generator: torch.save(generator.state_dict(), 'generator.pth')"
        raise WganError(f"{path} holds no state_dict{f' named {entry!r:.40}' if entry else 's by name'}", hint)
    held = f"state_dicts named {', '.join(f'{key!s:.40}' for key in list(entries)[:8])}"
    problem = f"none named {entry!r:.40}" if entry else "none named as a generator"
    raise WganError(f"{path} holds {held}, but {problem}", f"choose one, for example --entry {next(iter(entries))}")


def _is_state_dict(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items())
    )
