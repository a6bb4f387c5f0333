"""Network families and objectives that generate images from noise, for tests of all their combinations."""

from __future__ import annotations

from wgan_cli import networks, objectives
from wgan_cli.recipe.model_settings import ModelSettings
from wgan_cli.recipe.objective_settings import ObjectiveSettings
from wgan_cli.recipe.settings import Settings, classes_of

MODEL_SETTINGS = classes_of(ModelSettings)
OBJECTIVE_SETTINGS = classes_of(ObjectiveSettings)


def _from_noise(settings: dict[str, type[Settings]], known: dict) -> dict:
    return {name: value for name, value in known.items() if not settings[name].translates}


FAMILIES = _from_noise(MODEL_SETTINGS, networks.FAMILIES)
OBJECTIVES = _from_noise(OBJECTIVE_SETTINGS, objectives.OBJECTIVES)
#: By the setting with which a family says how wide its layers are.
NARROW = {"widths": [8], "width": 8, "channels": [8, 8]}


def narrow(family: str, role: str) -> dict:
    """Settings of a small network of any family, as far as it has a setting of NARROW."""
    known = MODEL_SETTINGS[family].model_fields[role].annotation.model_fields
    return {name: value for name, value in NARROW.items() if name in known}
