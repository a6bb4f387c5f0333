"""Where a run starts: at the beginning of a recipe, or where it stands; and everything that can be wrong by then."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from wgan_cli.data import as_asked, load_data
from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.pairs import ImagePair
from wgan_cli.distributed import process_group
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import QUICK_TRAINING, make_reference
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.evaluation.translation import AnyReference, held_out_images, make_translation_reference
from wgan_cli.recipe import Recipe, apply_settings, load_recipe
from wgan_cli.recipe.data_settings import GIVEN, DataSettings
from wgan_cli.runs.lock import refuse_second_trainer
from wgan_cli.runs.resume import ResumePoint, resume_point, run_to_resume
from wgan_cli.runs.run_dir import RUNS, RunDir, check_free, clear_unborn, is_run
from wgan_cli.training.state import TrainingState, continued_recipe, prepare

Log = Callable[[str], None]


def found_run(recipe: str, changes: Sequence[str], out: Path | None) -> Path | None:
    """The run that the same command made before, or None before it made one."""
    folder = out or RUNS / load_recipe(recipe, changes).name
    clear_unborn(folder)
    return folder if is_run(folder) else None


def wanted_run(
    recipe: Recipe | str | None, changes: Sequence[str], resume: Path | None, given: bool = False
) -> tuple[RunDir | None, ResumePoint | None, Recipe]:
    """The run to continue, if one is, where it stands, and the recipe to train by.

    Args:
        recipe: itself, its name or file; None only where a run is continued, which has one.
        changes: `key=value` settings to put over it.
        given: whether the images are handed over, wherever the recipe would look for some.
    """
    if resume is None:
        return None, None, _settled(_recipe(recipe, changes), given)
    run = run_to_resume(resume)
    refuse_second_trainer(run)
    point = resume_point(run, resume)
    latest = run.read_recipe()  # may say more steps than the checkpoint, if a longer run was killed early
    asked = (
        apply_settings(latest.as_dict(), changes, "the run's recipe") if recipe is None else _recipe(recipe, changes)
    )
    before = point.checkpoint.recipe if point.checkpoint else latest
    return run, point, continued_recipe(before, _settled(asked, given))


def prepared(
    wanted: Recipe,
    device: torch.device,
    data_root: Path,
    log: Log,
    run: RunDir | None = None,
    point: ResumePoint | None = None,
    out: Path | None = None,
    images: ImageSet | None = None,
    dry_run: bool = False,
) -> tuple[TrainingState, ImageSet | ImagePair]:
    """The state to train from, and its images; what can be wrong is found before anything is written.

    Args:
        run, point: what is continued, and where it stands.
        out: the folder of a new run, or None for the first free one.
        images: those that were handed over.
    """
    if out is not None and run is None:
        process_group.broadcast_from_main("the run folder", lambda: check_free(out))
    where = process_group.local_device(device)
    with process_group.main_process_first("the data"):
        dataset = load_data(wanted.data, data_root, log) if images is None else as_asked(images, wanted.data)
    state = prepare(wanted, dataset, where, trials=not dry_run and process_group.world_size() == 1, log=log)
    if point is not None and point.checkpoint is not None:
        state.restore(point.checkpoint)
        _check_not_finished(run, state)
        before = point.checkpoint.recipe.steps
        if wanted.optim.decay != "none" and state.recipe.steps != before:
            log(f"the lr rises again: its end is now step {state.recipe.steps:,}, not {before:,}")
    return state, dataset


def reference_of(
    state: TrainingState, dataset: ImageSet | ImagePair, data_root: Path, log: Log, dry_run: bool = False
) -> AnyReference | None:
    """The real images beside which a run is measured, if it is to be; a dry run only sees whether they are there.

    None in all processes but the leader, which measures.
    """
    found: list[AnyReference | None] = [None]
    process_group.broadcast_from_main(
        "the real images to measure beside",
        lambda: found.append(_reference(state, dataset, data_root, log, dry_run)),
    )
    return found[-1]


def _recipe(recipe: Recipe | str | None, changes: Sequence[str]) -> Recipe:
    if isinstance(recipe, Recipe):
        return apply_settings(recipe.as_dict(), changes, recipe.name) if changes else recipe
    return load_recipe(recipe, changes)


def _settled(recipe: Recipe, given: bool) -> Recipe:
    """The recipe with a folder's path from the root, so that the run can be resumed from anywhere."""
    if given:
        return recipe.replaced(data=_given(recipe.data))
    return recipe.replaced(data=recipe.data.with_paths(lambda path: os.path.abspath(os.path.expanduser(path))))


def _given(data: DataSettings) -> DataSettings:
    """The same of images that are handed over, which lie nowhere."""
    if data.translates:
        raise WganError(
            "images are one set, and the recipe learns from two sides",
            "name both in the recipe's `data`, and leave out `images`",
        )
    nowhere = {"path": None, "test_path": None, "channels": None, "split": "train"}
    return DataSettings.model_validate({**data.model_dump(), **nowhere, "source": GIVEN})


def _reference(
    state: TrainingState, dataset: ImageSet | ImagePair, data_root: Path, log: Log, dry_run: bool
) -> AnyReference | None:
    recipe = state.recipe
    if recipe.eval_every is None:
        return None
    two_sides = recipe.translates
    try:
        if dry_run:
            find = held_out_images if two_sides else partial(real_images, dataset=dataset)
            find(recipe.data, data_root, log)
            return None
        if two_sides:
            return make_translation_reference(recipe.data, data_root, state.device, log, recipe.eval_count)
        return make_reference(
            recipe.data, data_root, state.device, log, recipe.eval_count, dataset, most_training=QUICK_TRAINING
        )
    except WganError as error:
        hint = f"{error.hint}; or train without evaluation: --set eval_every=null"
        raise WganError(error.message, hint, error.status) from error


def _check_not_finished(run: RunDir, state: TrainingState) -> None:
    if state.step >= state.recipe.steps:
        done, wanted = state.step, state.recipe.steps
        raise WganError(
            f"{run.path} is finished: {done} of {wanted} steps are done"
            if done == wanted
            else f"{run.path} has done {done} steps already, and {wanted} were asked for",
            f"--steps {2 * done} would train it further",
        )
