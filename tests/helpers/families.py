"""Network families and objectives that generate images from noise, for tests of all their combinations."""

from __future__ import annotations

import math

from wgan_cli import networks, objectives
from wgan_cli.recipe.model_settings import ModelSettings
from wgan_cli.recipe.objective_settings import ObjectiveSettings
from wgan_cli.recipe.settings import Settings, classes_of

ROLES = ("generator", "critic")  # roles that every family has
MODEL_SETTINGS = classes_of(ModelSettings)
OBJECTIVE_SETTINGS = classes_of(ObjectiveSettings)


def _from_noise(settings: dict[str, type[Settings]], known: dict) -> dict:
    return {name: value for name, value in known.items() if not settings[name].translates}


FAMILIES = _from_noise(MODEL_SETTINGS, networks.FAMILIES)
#: Families whose settings are sizes instead of layers.
SIZED = [name for name in FAMILIES if name != "sequential"]
OBJECTIVES = _from_noise(OBJECTIVE_SETTINGS, objectives.OBJECTIVES)
#: By the setting with which a family says how wide its layers are.
NARROW = {"widths": [8], "width": 8, "channels": [8, 8]}


def small_model(
    family: str, size: int | tuple[int, int], channels: int = 1, critic: dict | None = None, **more: object
) -> dict:
    """The `model:` of small networks of any family for images of this size; `critic` adds settings of a SIZED one."""
    if family == "sequential":
        return {"name": family, **layer_lists(size, channels), **more}
    generator, critic = narrow(family, "generator"), {**narrow(family, "critic"), **(critic or {})}
    return {"name": family, "generator": generator, "critic": critic, **more}


def layer_lists(size: int | tuple[int, int], channels: int, width: int = 8) -> dict[str, list]:
    """Layers of a small generator and critic."""
    half = [side // 2 for side in (size if isinstance(size, tuple) else (size, size))]
    up = [{"Linear": width * math.prod(half)}, {"Unflatten": [width, *half]}, "BatchNorm2d", "ReLU"]
    down = [{"Conv2d": [width, 4, 2, 1]}, {"LeakyReLU": 0.2}]
    return {"generator": [*up, {"ConvTranspose2d": [channels, 4, 2, 1]}, "Tanh"], "critic": [*down, {"Linear": 1}]}


def narrow(family: str, role: str) -> dict:
    """Settings of a small network of a SIZED family, as far as it has a setting of NARROW."""
    known = MODEL_SETTINGS[family].model_fields[role].annotation.model_fields
    return {name: value for name, value in NARROW.items() if name in known}
