"""Import of generators trained by other programs: a bare state_dict, matched to a recipe with the same layers."""

from pathlib import Path

import torch
from torch import nn

from wgan_cli.errors import WganError
from wgan_cli.networks import build_network
from wgan_cli.networks.layers import PiecewiseLinear
from wgan_cli.networks.state_dict_matching import Match, match
from wgan_cli.outputs.imported.weight_entries import generator_weights
from wgan_cli.outputs.layer_names import layer_name
from wgan_cli.recipe import ImageShape, Recipe
from wgan_cli.recipe.data_settings import DataSettings
from wgan_cli.runs.checkpoint import Checkpoint
from wgan_cli.runs.checkpoint_file import read_state_dict
from wgan_cli.utils.format import Log, no_log


def import_checkpoint(
    path: Path, recipe: Recipe, image: ImageShape, entry: str | None = None, log: Log = no_log
) -> tuple[Checkpoint, Match]:
    """Load a file of weights as a checkpoint of a recipe, and return how tensors were matched.

    The recipe supplies what weights don't contain: activations, their slopes, and the eps of norms.

    Args:
        entry: name of the generator in a training checkpoint; None looks for the usual names, preferring an EMA.
        log: receives a line about the choice of a network, and one about what the file doesn't tell.
    Raises: WganError.
    """
    names = _class_names(recipe, image)
    given = generator_weights(read_state_dict(path), path, entry, log)
    with torch.device("meta"):
        network = build_network("generator", recipe, image)
    wanted = network.state_dict()
    found = match(given, wanted, str(path), f"the generator of {recipe.name}")
    log(f"note: not in the file, so as in {recipe.name}: {', '.join([*_activations(network), 'images in [-1, 1]'])}")
    weights = found.weights(given, wanted)
    return Checkpoint(recipe, image, names, step=0, networks={"generator": weights}, taken_from=path.name), found


def _class_names(recipe: Recipe, image: ImageShape) -> tuple[str, ...]:
    """Return the classes that the recipe lists, else their numbers. Raises: WganError if it needs some and has none."""
    if recipe.model.conditional and not image.num_classes:
        raise WganError(
            f"{recipe.name} generates images of classes, and none are known",
            "name them in their order, --set 'data.classes=[cat, dog]', or give their images, --set data.path=FOLDER",
        )
    listed = recipe.data.classes if isinstance(recipe.data, DataSettings) else None
    return tuple(map(str, listed or range(image.num_classes)))


def _activations(network: nn.Module) -> list[str]:
    """Return the names of a network's activations without parameters, each once."""
    names = [
        layer_name(module)
        for module in network.modules()
        if isinstance(module, PiecewiseLinear) or type(module).__module__ == nn.ReLU.__module__
        if not any(True for _ in module.parameters())
    ]
    return list(dict.fromkeys(names))
