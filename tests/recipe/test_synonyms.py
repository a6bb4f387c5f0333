"""Names that people use for what recipes call otherwise: each hint is a recipe that works."""

from __future__ import annotations

import re

import pytest

from wgan_cli.errors import WganError
from wgan_cli.recipe import apply_settings, recipe_from_dict
from wgan_cli.recipe.data_settings import SOURCES
from wgan_cli.recipe.schema import MODELS, OBJECTIVES
from wgan_cli.recipe.sequential.layer_types import LAYERS
from wgan_cli.recipe.synonyms import SYNONYMS, meant, plain

KNOWN = {"objective.name": OBJECTIVES, "model.name": MODELS, "layer": LAYERS, "data.source": SOURCES}


@pytest.mark.parametrize(("setting", "word"), [(setting, word) for setting in SYNONYMS for word in SYNONYMS[setting]])
def test_each_name_leads_to_settings(setting, word):
    ours, *more = re.findall("`([^`]+)`", SYNONYMS[setting][word])
    assert plain(word) == word and ours in KNOWN[setting] and word not in map(plain, KNOWN[setting])
    if setting == "objective.name":
        needed = {
            "cvae_gan": ["model.conditional=true"],
            "cyclegan": ["model=translation", "data={a: digits, b: mnist}"],
        }
        settings = [f"objective={ours}", *needed.get(ours, []), *(each.replace(": ", "=") for each in more)]
        assert apply_settings({"model": "mlp", "steps": 1}, settings, "a test").objective.name == ours


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        *[(word, "`gan`") for word in ("bce", "BCE", "vanilla", "non_saturating", "cross-entropy", "dcgan")],
        *[(word, "`wgan_gp`") for word in ("wgan-gp", "wgangp", "WGAN_GP", "wgan_lp")],
        ("sngan", "`hinge` with `model.critic.spectral_norm: true`"),
        ("WGAN", "`wgan`"),
        ("hing", "`hinge`"),
    ],
)
def test_objectives_as_people_call_them(word, ours):
    with pytest.raises(WganError) as caught:
        recipe_from_dict({"model": "mlp", "objective": word, "steps": 1}, "a test")
    hint = caught.value.hint
    assert ours in re.split("[;?] choose ", hint)[0]
    assert all(f"{name} ({settings.summary})" in hint for name, settings in OBJECTIVES.items())


def test_case_and_hyphens_do_not_matter():
    assert meant("optim.critic.name", "RMS-Prop", ["adam", "rmsprop"]) == "did you mean `rmsprop`? "
    assert meant("layer", "xyz", LAYERS) == ""
