"""`--set KEY=VALUE`: changes applied to a recipe's plain values."""

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import filterfalse
from typing import Any

from wgan_cli.errors import WganError
from wgan_cli.recipe.objective_base import unused_settings
from wgan_cli.recipe.optim_settings import BOTH, SHARED, OptimSettings, by_role
from wgan_cli.recipe.schema import MEMBERS, SHORT_FORMS, Recipe
from wgan_cli.recipe.yaml import parse_yaml
from wgan_cli.utils.format import Log

MAX_KEY_LENGTH = 200  # characters; the longest real key has about thirty


class OptionSetting(str):
    """`key=value` from an option named like the setting, such as --lr, which errors then name instead of --set."""

    @property
    def option(self) -> str:
        """Name of the option."""
        return "--" + self.partition("=")[0].rpartition(".")[2].replace("_", "-")


def option_settings(values: Mapping[str, Any]) -> list[str]:
    """Return the settings of the options that were given, by dotted name of the setting; None is left out."""
    return [OptionSetting(f"{key}={value}") for key, value in values.items() if value is not None]


def with_overrides(
    values: dict[str, Any], settings: Sequence[str], log: Log | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Apply `dotted.key=value` settings to a recipe's plain values.

    A new model, objective or optimizer is selected before all other changes are made, and keeps the settings that it
    has in common with the old one. `steps` replaces `epochs`, and the other way round.

    Returns: the changed values, and for each dotted key that was set the option that did, --set or its own.
    Raises: WganError for text that isn't KEY=VALUE.
    """
    changes, changed = [], {}
    for setting in settings:
        parsed = _parse(setting)
        changes += parsed
        option = setting.option if isinstance(setting, OptionSetting) else "--set"
        changed |= dict.fromkeys((".".join(keys) for keys, _ in parsed), option)
    values = {**values, "optim": by_role(values["optim"])} if "optim" in values else values

    def is_switch(change: tuple[list[str], Any]) -> bool:
        keys, value = change
        return ".".join(_section(keys)) in MEMBERS and isinstance(value, str)

    for keys, value in filter(is_switch, changes):
        section = _section(keys)
        given = reduce(lambda above, key: above.get(key) if isinstance(above, dict) else None, section, values)
        values = _with_value(values, section, _switched(section, given, value, log))
    for keys, value in filterfalse(is_switch, changes):
        values = _with_value(values, keys, value)
    if len(given := {"steps", "epochs"} & changed.keys()) == 1:
        values = {**values, "epochs" if "steps" in given else "steps": None}
    return values, changed


def flat_settings(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the settings of nested sections by dotted name, as `--set` takes them."""
    flat = {}
    for key, value in section.items():
        flat |= flat_settings(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _parse(setting: str) -> list[tuple[list[str], Any]]:
    """Return keys and value; a setting of `optim` without a role replaces those of both networks."""
    key, equals, text = setting.partition("=")
    key = key.strip()
    if not equals or len(key) > MAX_KEY_LENGTH or not key.isprintable() or not all(key.split(".")):
        message = f"--set {setting[:MAX_KEY_LENGTH]!r} is not KEY=VALUE"
        raise WganError(message, "write for example --set optim.critic.lr=0.001")
    value = parse_yaml(text, setting.option if isinstance(setting, OptionSetting) else f"--set {key}")
    section, *names = key.split(".")
    if section == "optim" and len(names) == 1 and names[0] in SHARED:
        return [([section, role, *names], value) for role in BOTH]
    return [([section, *names], value)]


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


def _section(keys: list[str]) -> list[str]:
    return keys[:-1] if keys[-1] == "name" else keys


def _switched(keys: list[str], given: Any, new: str, log: Log | None) -> dict[str, Any]:
    """Return the settings of a section after a switch to another model, objective or optimizer.

    A setting is kept if both have it with the same default, and it still has an effect. If the defaults differ, as of
    `n_critic` (wgan_gp: 5, gan: 1), it belongs to the definition of the objective.
    """
    section = ".".join(keys)
    members = MEMBERS[section]
    given = dict(_long_form(keys[-1], given))
    owner = OptimSettings if len(keys) > 1 else Recipe
    old = given.pop("name", getattr(owner.model_fields[keys[-1]].default, "name", None))
    if old == new or not (isinstance(old, str) and old in members and new in members):
        return {**given, "name": new}
    before, after = (
        flat_settings(members[name].model_construct().model_dump(mode="json", exclude={"name"})) for name in (old, new)
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
