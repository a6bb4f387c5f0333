"""Axes of weights that grow with the channels of images, the number of classes or the length of z."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import torch

from wgan_cli.errors import WganError
from wgan_cli.networks.build import build_network
from wgan_cli.networks.transfer.layer_tensors import layer_tensors
from wgan_cli.recipe import ImageShape, Recipe

CHANNELS, CLASSES, LATENT = "channels", "classes", "z"
Place = tuple[str, str]  # path of a layer, and name of its tensor


class Axis(NamedTuple):
    """Axis with `number` channels, classes or elements of z, of `unit` entries each.

    Channels and elements of z come first on their axis, classes last; other inputs of the layer share it.
    """

    dim: int
    number: int
    unit: int


def growing_axes(role: str, recipe: Recipe, image: ImageShape) -> dict[str, dict[Place, Axis]]:
    """Find the axes by kind, from the shapes of the same network with one more channel, class or element of z."""
    model, length = recipe.model, recipe.model.latent_dim
    longer = recipe.model_copy(update={"model": model.model_copy(update={"latent_dim": length + 1})})
    more = {
        CHANNELS: (image.channels, recipe, replace(image, channels=image.channels + 1)),
        CLASSES: (image.num_classes, recipe, replace(image, num_classes=image.num_classes + 1)),
        LATENT: (length, longer if length else recipe, image),
    }
    shapes = _shapes(role, recipe, image)
    axes: dict[str, dict[Place, Axis]] = {}
    for kind, (number, larger_recipe, larger_image) in more.items():
        axes[kind] = {}
        with suppress(WganError):  # a list of layers may name the number of channels
            for place, larger in _shapes(role, larger_recipe, larger_image).items():
                for dim, (size, grown) in enumerate(zip(shapes[place], larger, strict=True)):
                    if grown > size:
                        axes[kind][place] = Axis(dim, number, grown - size)
    return axes


def _shapes(role: str, recipe: Recipe, image: ImageShape) -> dict[Place, torch.Size]:
    with torch.device("meta"):
        network = build_network(role, recipe, image).eval()
        tensors = layer_tensors(network)
    return {(path, name): tensor.shape for path, own in tensors.items() for name, tensor in own.items()}
