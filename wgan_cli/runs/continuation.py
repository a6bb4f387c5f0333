"""Changes that a resumed run may make: settings without effect on a step, and others if the user allows them."""

import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from wgan_cli.errors import WganError, did_you_mean
from wgan_cli.recipe import Recipe, flat_settings
from wgan_cli.recipe.data_settings import SIDES, AnyDataSettings, DataSettings, PairSettings
from wgan_cli.recipe.schema import FREE_ON_RESUME
from wgan_cli.utils.format import Log

#: Changes that `--allow` allows, by the start of the settings' names. The run then isn't one exact run any more.
ALLOWABLE = {
    "data": ("data.",),
    "batch_size": ("batch_size",),
    "optim": ("optim.",),
    "n_critic": ("objective.n_critic",),
    "amp": ("amp",),
}
#: Last parts of settings that the shapes of weights and moments depend on.
_FIXED = ("image_size", "channels", "name")


def check_allowed(allowed: Collection[str]) -> None:
    """Raise a WganError for an unknown change."""
    for name in allowed:
        if name not in ALLOWABLE:
            hint = did_you_mean(name, ALLOWABLE)
            raise WganError(f"unknown --allow {name[:40]!r}", f"{hint}choose {', '.join(ALLOWABLE)}")


def recipe_at(saved: Recipe, latest: Recipe, log: Log) -> Recipe:
    """Return the recipe of a run at a checkpoint: the free settings of the latest one, and the others as saved.

    The latest recipe has changes that were allowed after an earlier checkpoint.
    """
    free = {name: getattr(latest, name) for name in Recipe.model_fields if name in FREE_ON_RESUME}
    recipe = saved.replaced(**free, data=_data_at(saved.data, latest.data))
    before, after = flat_settings(recipe.as_dict()), flat_settings(latest.as_dict())
    for key in sorted(before.keys() & after.keys()):
        if after[key] not in (before[key], "auto"):
            log(f"{key} is {before[key]}, as in the checkpoint (in recipe.yaml: {after[key]})")
    return recipe


def _data_at(saved: AnyDataSettings, latest: AnyDataSettings) -> AnyDataSettings:
    if isinstance(saved, PairSettings) and isinstance(latest, PairSettings):
        return saved.model_copy(update={side: _data_at(getattr(saved, side), getattr(latest, side)) for side in SIDES})
    if isinstance(saved, PairSettings) or isinstance(latest, PairSettings) or saved.source != latest.source:
        return saved
    free = [name for name in DataSettings.model_fields if f"data.{name}" in FREE_ON_RESUME]
    return saved.model_copy(update={name: getattr(latest, name) for name in free})


def continued_recipe(
    saved: Recipe,
    wanted: Recipe,
    allowed: Collection[str] = (),
    without_recipe: Path | None = None,
    processes: tuple[int, int] = (1, 1),
) -> Recipe:
    """Return the recipe to resume a run with: the wanted one, with its open settings as the run resolved them.

    Args:
        allowed: changes that the user allows, of ALLOWABLE.
        without_recipe: the run or checkpoint, if the user named a recipe; a hint is to resume it without one.
        processes: their number when the checkpoint was written, and now.
    Raises: WganError if a setting differs that changes what is computed.
    """
    resolved = {name: getattr(saved, name) for name in ("amp", "engine") if getattr(wanted, name) == "auto"}
    if wanted.threads is None:
        resolved["threads"] = saved.threads
    data = wanted.data.decoding_like(saved.data)
    if data.diff_augment == "auto":
        data = data.model_copy(update={"diff_augment": saved.data.diff_augment})
    if data != wanted.data:
        resolved["data"] = data
    wanted = wanted.replaced(**resolved) if resolved else wanted
    before, after = flat_settings(saved.as_dict()), flat_settings(wanted.as_dict())
    for key in sorted(before.keys() | after.keys()):
        if not _may_change(key, allowed) and before.get(key) != after.get(key):
            names = [name for name in ALLOWABLE if _may_change(key, (name,))]
            resume = f"wgan train --resume {shlex.quote(str(without_recipe))}"
            raise WganError(
                f"the run was started with {key}={before.get(key)} and cannot resume exactly with {after.get(key)}",
                f"leave `{key}` unchanged"
                + (f", or accept a run that isn't exact: --allow {names[0]}" if names else "")
                + "; a resumed run may change its length, and what it logs, saves and evaluates"
                + (f"; {resume}, without a recipe, keeps the run's own settings" if without_recipe else ""),
            )
    if saved.batch_size == wanted.batch_size:
        _check_batch_norm(saved, wanted, *processes)
    return wanted


def _check_batch_norm(saved: Recipe, wanted: Recipe, processes_before: int, processes: int) -> None:
    """Raise a WganError if batch norm would be computed over other numbers of images than before.

    It sees the micro-batches of each process, unless `sync_batch_norm` is set.
    """
    if wanted.sync_batch_norm or not (wanted.model.generator_batch_norm or wanted.model.critic_setting("batch_norm")):
        return
    whole = wanted.batch_size
    if whole % processes or whole % processes_before:
        return
    before, after = (
        count * recipe.num_micro_batches(count) for recipe, count in ((saved, processes_before), (wanted, processes))
    )
    if before != after:
        same = f"--set micro_batch_size={whole // before}" if before % processes == 0 else f"--gpus {before}"
        raise WganError(
            f"the run was started with batch norm over {whole // before} images and cannot resume exactly with "
            f"{whole // after}: as `sync_batch_norm` is false, each process normalizes each micro-batch separately",
            f"keep the number of images: {same}",
        )


def _may_change(key: str, allowed: Collection[str]) -> bool:
    if key in FREE_ON_RESUME:
        return True
    return key.rpartition(".")[2] not in _FIXED and any(
        key.startswith(start) for name in allowed for start in ALLOWABLE[name]
    )


def check_same_images(training: Mapping[str, Any], count: int, fingerprint: int) -> None:
    """Raise a WganError unless a checkpoint was trained on the same images; early versions saved their number only."""
    hint = "say where the same images are (--data FOLDER, --data-root), or accept a run that isn't exact: --allow data"
    if training.get("images") != count:
        raise WganError(f"the run was trained on {training.get('images')} images, and there are {count} now", hint)
    if training.get("fingerprint", fingerprint) != fingerprint:
        raise WganError(f"the run was trained on {count:,} other images: their pixels or classes differ", hint)
