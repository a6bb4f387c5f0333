"""The JSON schema accepts every packaged recipe, and no misspelled key."""

from __future__ import annotations

from typing import Any

import pytest

from wgan_cli.recipe import load_recipe, recipe_names, recipe_path
from wgan_cli.recipe.json_schema import json_schema
from wgan_cli.recipe.schema import Recipe
from wgan_cli.recipe.yaml import parse_yaml

SCHEMA = json_schema()
TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int,
    "number": (int, float),
}  # fmt: skip


def fits(value: Any, schema: dict[str, Any] | bool) -> bool:
    """Return True if a value matches a schema; supports the keywords that pydantic writes."""
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema and not fits(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]):
        return False
    if "anyOf" in schema and not any(fits(value, each) for each in schema["anyOf"]):
        return False
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        return False
    wanted = schema.get("type")
    if wanted and (not isinstance(value, TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean")):
        return False
    if isinstance(value, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        return set(schema.get("required", [])) <= set(value) and all(
            fits(inner, known.get(key, more)) for key, inner in value.items()
        )
    if isinstance(value, list):
        first, more = schema.get("prefixItems", []), schema.get("items", True)
        return all(fits(inner, first[at] if at < len(first) else more) for at, inner in enumerate(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return True


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipes_fit(name):
    assert fits(parse_yaml(recipe_path(name).read_text(encoding="utf-8"), name), SCHEMA)


def test_resolved_recipe_fits():
    assert fits(load_recipe("digits_dcgan", ["patience=2"]).as_dict(), SCHEMA)


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
    ],
)
def test_accepted_and_marked(path, value, right):
    recipe = {"model": "mlp", "steps": 5, path: value}
    assert fits(recipe, SCHEMA) == right


def test_only_standard_keywords():
    def keys(node: Any) -> set[str]:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        return set().union(node if isinstance(node, dict) else (), *map(keys, inner))

    assert not {"discriminator", "oneOf"} & (keys(SCHEMA) - set(Recipe.model_fields))
    assert SCHEMA["properties"]["steps"]["description"]
