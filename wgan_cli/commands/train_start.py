"""Where `wgan train` starts: at the beginning of a recipe, or where a run stands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wgan_cli.recipe import Recipe
    from wgan_cli.runs.resume import ResumePoint
    from wgan_cli.runs.run_dir import RunDir

DEFAULT_RECIPE = "digits_dcgan"
AUTO = "auto"  # of --resume


def wanted_run(
    recipe: str | None, changes: list[str], resume: Path | None, out: Path | None
) -> tuple[RunDir | None, ResumePoint | None, Recipe]:
    """The run to continue, if one is, where it stands, and the recipe to train by."""
    if resume is not None and str(resume) == AUTO:
        resume = _found_run(recipe, changes, out)
    run, point = _resumed(resume)
    return run, point, _with_whole_path(_wanted_recipe(recipe, changes, run, point))


def _found_run(recipe: str | None, changes: list[str], out: Path | None) -> Path | None:
    """The run that the same command made before, or None before it made one."""
    from wgan_cli.recipe import load_recipe
    from wgan_cli.runs.run_dir import RUNS, clear_unborn, is_run

    folder = out or RUNS / load_recipe(recipe or DEFAULT_RECIPE, changes).name
    clear_unborn(folder)
    return folder if is_run(folder) else None


def _resumed(path: Path | None) -> tuple[RunDir | None, ResumePoint | None]:
    if path is None:
        return None, None
    from wgan_cli.runs.lock import refuse_second_trainer
    from wgan_cli.runs.resume import resume_point, run_to_resume

    run = run_to_resume(path)
    refuse_second_trainer(run)
    return run, resume_point(run, path)


def _wanted_recipe(name: str | None, changes: list[str], run: RunDir | None, point: ResumePoint | None) -> Recipe:
    from wgan_cli.recipe import apply_settings, load_recipe

    if run is None:
        return load_recipe(name or DEFAULT_RECIPE, changes)
    from wgan_cli.training.state import continued_recipe

    latest = run.read_recipe()  # may say more steps than the checkpoint, if a longer run was killed early
    wanted = load_recipe(name, changes) if name else apply_settings(latest.as_dict(), changes, "the run's recipe")
    return continued_recipe(point.checkpoint.recipe if point.checkpoint else latest, wanted)


def _with_whole_path(recipe: Recipe) -> Recipe:
    """The recipe with a folder's path from the root, so that the run can be resumed from anywhere."""
    return recipe.replaced(data=recipe.data.with_paths(lambda path: os.path.abspath(os.path.expanduser(path))))
