"""The families of networks and the objectives that make images from noise, for tests of every crossing of them."""

from __future__ import annotations

from wgan_cli import networks, objectives
from wgan_cli.recipe.explain import _models, _tags
from wgan_cli.recipe.schema import Recipe


def _from_noise(section: str, known: dict) -> dict:
    arms = {tag: arm for arm in _models(Recipe.model_fields[section].annotation) for tag in _tags(arm)}
    return {name: value for name, value in known.items() if arms[name].task == "generation"}


FAMILIES = _from_noise("model", networks.FAMILIES)
OBJECTIVES = _from_noise("objective", objectives.OBJECTIVES)
