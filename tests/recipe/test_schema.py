"""The JSON schema accepts every packaged recipe, and no misspelled key."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from wgan_cli.recipe import load_recipe, recipe_names, recipe_path
from wgan_cli.recipe.schema import Recipe, json_schema
from wgan_cli.recipe.yaml import parse_yaml

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def test_schema_is_valid():
    Draft202012Validator.check_schema(SCHEMA)


def test_packaged_and_resolved_recipes_fit():
    packaged = {name: parse_yaml(recipe_path(name).read_text(encoding="utf-8"), name) for name in recipe_names()}
    assert not [name for name, values in packaged.items() if not VALIDATOR.is_valid(values)]
    assert VALIDATOR.is_valid(load_recipe("digits_dcgan", ["patience=2"]).as_dict())


@pytest.mark.parametrize(
    ("path", "value", "right"),
    [
        ("objective", "wgan_gp", True),
        ("objective", {"name": "hinge"}, True),
        ("objective", {"gp_weight": 3}, True),  # of the default
        ("objective", "wgan_pg", False),
        ("objective", {"name": "wgan_gp", "gp_wieght": 3}, False),
        ("data", "mnist", True),
        ("data", "minst", False),
        ("data", {"a": "mnist", "b": {"source": "mnist", "transform": "invert"}}, True),
        ("model", "resnet", True),
        ("batch_size", 0, False),
        ("batch_size", "many", False),
        ("batch_sise", 5, False),
        ("report", True, True),
        ("optim", {"critic": {"lr": 0.1, "betas": [0.5, 0.9]}}, True),
        ("optim", {"name": "rmsprop", "lr": 0.1, "lr_schedule": "linear", "critic": {"lr": 1}}, True),
        ("optim", {"lr": "fast"}, False),
        ("optim", {"beta": [0.5, 0.9]}, False),
        ("model", {"name": "resnet", "critic": {"norm": ["none", "layer"]}}, True),
        ("model", {"name": "style", "critic": {"norm": ["none", "layer"]}}, False),
    ],
)
def test_accepted_and_marked(path, value, right):
    assert VALIDATOR.is_valid({"model": "mlp", "steps": 5, path: value}) == right


def test_only_standard_keywords():
    def keys(node: Any) -> set[str]:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        return set().union(node if isinstance(node, dict) else (), *map(keys, inner))

    assert not {"discriminator", "oneOf"} & (keys(SCHEMA) - set(Recipe.model_fields))
    assert SCHEMA["properties"]["steps"]["description"]
