"""`--set KEY=VALUE`: changes applied to a recipe's plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wgan_cli.errors import WganError
from wgan_cli.recipe.base import classes_of
from wgan_cli.recipe.model_settings import ModelSettings
from wgan_cli.recipe.objective_base import unused_settings
from wgan_cli.recipe.objective_settings import ObjectiveSettings
from wgan_cli.recipe.schema import SHORT_FORMS, Recipe
from wgan_cli.recipe.yaml import parse_yaml
from wgan_cli.utils.format import Log

MAX_KEY_LENGTH = 200  # characters; the longest real key has about thirty
_MEMBERS = {"model": classes_of(ModelSettings), "objective": classes_of(ObjectiveSettings)}


def with_overrides(
    values: dict[str, Any], settings: Sequence[str], log: Log | None = None
) -> tuple[dict[str, Any], set[str]]:
    """Apply `dotted.key=value` settings to a recipe's plain values.

    A new model or objective is selected before all other changes are made, and keeps the settings that it has in common
    with the old one. `steps` replaces `epochs`, and the other way round.

    Args:
        values: nested dicts; left unchanged.
        settings: changes, in order; each value is YAML.
        log: receives one line if a setting falls back to a default.

    Returns: the changed values, and the dotted keys that were set.
    Raises: WganError for text that isn't KEY=VALUE.
    """
    changes = [_parse(setting) for setting in settings]
    for keys, value in sorted(changes, key=lambda change: not _is_switch(*change)):
        if _is_switch(keys, value):
            values = {**values, keys[0]: _switched(keys[0], values.get(keys[0]), value, log)}
        else:
            values = _with_value(values, keys, value)
    changed = {".".join(keys) for keys, _ in changes}
    for given, other in (("steps", "epochs"), ("epochs", "steps")):
        if given in changed and other not in changed:
            values = {**values, other: None}
    return values, changed


def flat_settings(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the settings of nested sections by dotted name, as `--set` takes them."""
    flat = {}
    for key, value in section.items():
        flat |= flat_settings(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _parse(setting: str) -> tuple[list[str], Any]:
    key, equals, text = setting.partition("=")
    key = key.strip()
    if not equals or len(key) > MAX_KEY_LENGTH or not key.isprintable() or not all(key.split(".")):
        raise WganError(
            f"--set {setting[:MAX_KEY_LENGTH]!r} is not KEY=VALUE", "write for example --set optim.critic.lr=0.001"
        )
    return key.split("."), parse_yaml(text, f"--set {key}")


def _with_value(values: dict[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a copy of nested dicts with one value changed."""
    head, *rest = keys
    if rest:
        value = _with_value(_long_form(head, values.get(head)), rest, value)
    return {**values, head: value}


def _long_form(section: str, given: Any) -> dict[str, Any]:
    if isinstance(given, str) and section in SHORT_FORMS:
        return {SHORT_FORMS[section]: given}
    return given if isinstance(given, dict) else {}


def _is_switch(keys: list[str], value: Any) -> bool:
    """Return True if a change selects a model or objective by name."""
    return keys[0] in _MEMBERS and keys[1:] in ([], ["name"]) and isinstance(value, str)


def _switched(section: str, given: Any, new: str, log: Log | None) -> dict[str, Any]:
    """Return the settings of a section after a switch to another model or objective.

    A setting is kept if both have it with the same default. If the defaults differ, as of `n_critic` (wgan_gp: 5,
    gan: 1), it is part of the definition of the model or objective, and falls back to the new default. So does one
    that has no effect any more.
    """
    members = _MEMBERS[section]
    given = dict(_long_form(section, given))
    old = given.pop("name", getattr(Recipe.model_fields[section].default, "name", None))
    if old == new or not (isinstance(old, str) and old in members and new in members):
        return {**given, "name": new}
    before, after = (
        flat_settings(members[name].default().model_dump(mode="json", exclude={"name"})) for name in (old, new)
    )
    explicit = flat_settings(given)
    kept = {key: value for key, value in explicit.items() if key in after and after[key] == before.get(key)}
    for key in unused_settings({**after, **kept}) if section == "objective" else ():
        kept.pop(key, None)
    changes = [
        f"{key} is now {after[key]} (was {value})" if key in after else f"{key} does not apply"
        for key, value in {**before, **explicit}.items()
        if key not in kept and value != (after if key in after else before).get(key)
    ]
    if changes and log:
        log(f"{section}={new}: {', '.join(changes)}")
    values: dict[str, Any] = {"name": new}
    for key, value in kept.items():
        values = _with_value(values, key.split("."), value)
    return values
