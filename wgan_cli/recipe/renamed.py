"""Former names of settings, so that recipes and checkpoints of earlier versions keep loading."""

from typing import Any

from wgan_cli.recipe import scores

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
