"""JSON schema of all settings, for editors that complete and check recipes."""

from __future__ import annotations

from typing import Any

from wgan_cli.recipe.schema import SHORT_FORMS, Recipe


def json_schema() -> dict[str, Any]:
    """Return the schema of a recipe, including sections written as one word.

    It can't express which settings fit together; the program checks that.
    """
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_with_short_forms(Recipe.model_json_schema())}


def _with_short_forms(node: Any, definitions: dict[str, Any] | None = None) -> Any:
    """Accept `objective: wgan_gp` next to `objective: {name: wgan_gp}`.

    Also replace oneOf by anyOf: a section without a name gets the default one, and matches several.
    """
    if isinstance(node, list):
        return [_with_short_forms(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    definitions = definitions or node.get("$defs", {})
    changed = {
        ("anyOf" if key == "oneOf" else key): _with_short_forms(value, definitions)
        for key, value in node.items()
        if key != "discriminator"
    }
    sections = changed.get("properties")
    if isinstance(sections, dict):
        for section, key in SHORT_FORMS.items():
            words = _words(node["properties"].get(section), key, definitions)
            if words:
                long = sections[section]
                about = {name: long.pop(name) for name in ("default", "description") if name in long}
                sections[section] = {**about, "anyOf": [{"enum": words}, long]}
    return changed


def _words(section: Any, key: str, definitions: dict[str, Any]) -> list[str]:
    """Return the words that may replace a section: the values of its key, in all its forms."""
    if not isinstance(section, dict):
        return []
    if "$ref" in section:
        section = definitions[section["$ref"].rpartition("/")[2]]
    forms = section.get("oneOf", section.get("anyOf", section.get("allOf", [])))
    named = section.get("properties", {}).get(key, {})
    own = [named["const"]] if "const" in named else named.get("enum", [])
    return list(dict.fromkeys([*own, *(word for form in forms for word in _words(form, key, definitions))]))
