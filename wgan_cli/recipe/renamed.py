"""Former names and defaults of settings, so that recipes and checkpoints of earlier versions keep loading."""

from collections.abc import Callable
from typing import Any

from wgan_cli.recipe import scores
from wgan_cli.recipe.data_settings import SIDES, USER_SOURCES

#: Current name of a setting by its former name.
RENAMED = {
    "batch_per_device": "micro_batch_size",
    "objective.class_weight": "objective.ac_weight",
    "objective.generator_class_weight": "objective.generator_ac_weight",
    "objective.gp_at": "objective.gp_points",
    "optim.decay": "optim.lr_schedule",
    "optim.decay_from": "optim.lr_decay_start",
}
#: Former values of a setting, by its current name.
RENAMED_VALUES = {"best_by": scores.RENAMED, "objective.gp_points": {"between": "interpolates"}}


def with_current_names(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a recipe's plain values with current names; a former name next to its current one stays."""
    current: dict[str, Any] = {}
    for key, value in values.items():
        name = RENAMED.get(f"{prefix}{key}", "").rpartition(".")[2]
        name = key if not name or name in values else name
        if isinstance(value, dict):
            value = with_current_names(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            value = RENAMED_VALUES.get(f"{prefix}{name}", {}).get(value, value)
        current[name] = value
    return current


#: How images were read before there were settings for it; `labels` by the source of the user's own images.
_READ_BEFORE = {"frames": "first", "background": "black", "range": "dtype"}
_LABELS_BEFORE = {"folder": {"labels": "folders"}, "shards": {"labels": "cls"}, "cifar10": {}}
#: Settings of `data` in every recipe that a run has written, even if nobody set them.
_ALWAYS_WRITTEN = {"source", "split", "fit", "on_bad_file", "augment"}


def is_written_by_run(values: dict[str, Any]) -> bool:
    """Return True for plain values with every setting of `data` that a run has always written."""
    data = values.get("data")
    sections = [data[side] for side in SIDES if side in data] or [data] if isinstance(data, dict) else [data]
    return all(isinstance(section, dict) and section.keys() >= _ALWAYS_WRITTEN for section in sections)


def with_former_defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Return the plain values of an earlier version's run with settings for how it read image files.

    Files gave their first page or frame, transparency was black, each image had its own range of values, folders alone
    were classes, and .cls files those of shards. Settings that the run has stay.
    """
    return _with_data(values, _read_as_before)


def with_former_size(values: dict[str, Any], side: int) -> dict[str, Any]:
    """Return the plain values of an earlier version's run with the size that it chose for its image files.

    Images of one size that weren't square got a default; now they keep it.
    """

    def sized(data: dict[str, Any]) -> dict[str, Any]:
        return {"image_size": side, **data} if data.get("source") in USER_SOURCES else data

    return _with_data(values, sized)


def _with_data(values: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Return plain values with a change of `data`, or of both sides of a pair."""
    data = values["data"]
    sides = {side: change(data[side]) for side in SIDES if side in data}
    return {**values, "data": {**data, **sides} if sides else change(data)}


def _read_as_before(data: dict[str, Any]) -> dict[str, Any]:
    labels = next((labels for source, labels in _LABELS_BEFORE.items() if source == data.get("source")), None)
    return data if labels is None else {**_READ_BEFORE, **labels, **data}
