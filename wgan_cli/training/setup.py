"""Resolve what to train: the recipe, the run to resume, and the real images to evaluate against."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loading import load_data, select_images
from wgan_cli.data.pairs import ImagePair
from wgan_cli.distributed.process_group import MAIN_PROCESS_TIMEOUT, all_equal, collective, world_size
from wgan_cli.errors import WganError
from wgan_cli.evaluation.evaluate import QUICK_TRAINING, make_reference
from wgan_cli.evaluation.real_images import real_images
from wgan_cli.evaluation.translation import AnyReference, held_out_images, make_translation_reference
from wgan_cli.recipe import Recipe, apply_settings, load_recipe
from wgan_cli.recipe.data_settings import IN_MEMORY, USER_SETTINGS, DataSettings, PairSettings
from wgan_cli.recipe.recipe_files import DEFAULT_RECIPE
from wgan_cli.runs.continuation import continued_recipe, recipe_at
from wgan_cli.runs.lock import refuse_second_trainer
from wgan_cli.runs.resume import Finished, ResumePoint, remove_unstarted_run, resume_point, run_to_resume
from wgan_cli.runs.run_dir import RUNS, RunDir, is_run
from wgan_cli.training.finetuning.initial_weights import InitialWeights
from wgan_cli.training.finetuning.start import initial_recipe, with_conditional
from wgan_cli.training.state import TrainingState
from wgan_cli.utils.format import Log

#: Settings without effect on images in memory, which have no parts and are decoded already.
_OF_FILES = {"split", "labels", "channels", "frames", "background", "range", "on_bad_file", "memory_limit"}


class Start(NamedTuple):
    """The recipe to train; for a resumed run also its folder and checkpoint, or for a new one weights to start from.

    Attributes:
        open_threads: True if the number of threads may change; the recipe of a resumed run has the one to start with.
    """

    recipe: Recipe
    run: RunDir | None = None
    point: ResumePoint | None = None
    source: InitialWeights | None = None
    open_threads: bool = False


def resolve_start(
    recipe: Recipe | str | Path | None,
    settings: tuple[str, ...],
    resume: str | Path | None,
    out: Path | None,
    in_memory: bool,
    log: Log,
    allowed: Collection[str] = (),
    source: InitialWeights | None = None,
) -> Start:
    """Find the run to resume, if any, and resolve the recipe.

    Args:
        recipe: the recipe, its name or file; by default that of the resumed run or the source, else digits_dcgan.
        settings: `key=value` overrides.
        resume: a run folder or checkpoint; "auto" is the run that the same call created before, if there is one.
        in_memory: the images are passed by the caller.
        log: receives a line if a new model or objective resets settings.
        allowed: changes to a resumed run, of ALLOWABLE.
        source: weights that a new run starts from; "auto" ignores them if there is a run.
    Raises: Finished if the run to resume has no steps left.
    """
    if in_memory:
        _refuse_settings_of_files(settings)
    if str(resume) == "auto":
        folder = out or RUNS / _wanted(recipe, settings, in_memory, source).name
        remove_unstarted_run(folder)
        resume = folder if is_run(folder) else None
        if resume is None and out is None and os.path.lexists(folder):  # a run beside it isn't found by the next call
            refuse_second_trainer(RunDir(folder))
            raise WganError(
                f"{folder} is not a run, so --resume auto cannot continue there",
                f"move it away, or choose another folder: --out {folder}-2",
            )
    elif resume is not None and out is not None:
        raise WganError("`resume` continues a run in its own folder, so `out` cannot be set", "leave out --out")
    elif resume is not None and source is not None:
        raise WganError(
            "`init_from` starts a new run, and `resume` continues one", "leave out --init-from, or leave out --resume"
        )
    if resume is None:
        wanted = with_data_location(_wanted(recipe, settings, in_memory, source, log), in_memory)
        if wanted.freeze and source is None:
            raise WganError(
                f"`freeze` is {wanted.freeze}, and the critic's weights are random",
                "start from trained ones with --init-from RUN, or set `freeze` to 0",
            )
        return Start(wanted, source=source, open_threads=wanted.threads is None)
    return _resumed(recipe, settings, Path(resume), in_memory, log, allowed, source)


def _resumed(
    recipe: Recipe | str | Path | None,
    settings: tuple[str, ...],
    folder: Path,
    in_memory: bool,
    log: Log,
    allowed: Collection[str],
    source: InitialWeights | None,
) -> Start:
    """Find the checkpoint to continue from, and check the recipe. The arguments are those of `resolve_start`."""
    run = run_to_resume(folder)
    refuse_second_trainer(run)
    point = resume_point(run, folder)
    latest = run.read_recipe()  # may have more steps than the checkpoint if an extended run was killed early
    had_source = "initialized_from" in run.read_environment() or latest.freeze > 0
    if point.checkpoint is None and source is None and had_source:
        raise WganError(
            f"{run.path} stopped before its first checkpoint, and does not have the weights it was to start from",
            f"start it again: wgan train --resume auto --out {run.path} --init-from RUN",
        )
    saved = point.checkpoint.recipe if point.checkpoint else latest
    latest = recipe_at(saved, latest.replaced(data=latest.data.decoding_like(saved.data)), log)
    processes = point.processes or world_size()
    if processes != world_size():
        saved, latest = (each.replaced(threads=None) for each in (saved, latest))  # measured for each of another number
    if adapts := point.checkpoint is not None and "threads" in (point.checkpoint.training or {}):
        latest = latest.replaced(threads=None)  # the run chose it, unless a setting does now
    wanted = (
        apply_settings(latest.as_dict(), settings, "the run's recipe", log)
        if recipe is None and source is None
        else _wanted(recipe, settings, in_memory, source, log)
    )
    if source is not None and recipe is None and wanted.model.conditional != latest.model.conditional:
        wanted = with_conditional(wanted, latest.model.conditional)  # the images may have no classes
    wanted_here, without_recipe = with_data_location(wanted, in_memory), None if recipe is None else folder
    continued = continued_recipe(saved, wanted_here, allowed, without_recipe, processes=(processes, world_size()))
    if point.checkpoint and continued.steps is not None and point.checkpoint.step >= continued.steps:
        raise Finished(run, point.checkpoint.step, continued.steps)  # without its images, which may be gone
    open_threads = wanted.threads is None and (adapts or saved.threads is None)
    return Start(continued, run, point, None if point.checkpoint else source, open_threads)


def _refuse_settings_of_files(settings: tuple[str, ...]) -> None:
    for setting in settings:
        name = setting.partition("=")[0].strip()
        if name.removeprefix("data.") in _OF_FILES and name.startswith("data."):
            raise WganError(f"`{name}` doesn't apply to images in memory", "leave it out, and pass the wanted images")


def _wanted(
    recipe: Recipe | str | Path | None,
    settings: tuple[str, ...],
    in_memory: bool,
    source: InitialWeights | None = None,
    log: Log | None = None,
) -> Recipe:
    if recipe is None and source is not None:
        return initial_recipe(source, settings, log, in_memory)
    if isinstance(recipe, Recipe):
        return apply_settings(recipe.as_dict(), settings, recipe.name, log) if settings else recipe
    return load_recipe(str(recipe or DEFAULT_RECIPE), settings, log)


def with_data_location(recipe: Recipe, in_memory: bool = False) -> Recipe:
    """Make the data paths absolute, so that the run can be resumed from anywhere; images in memory have none."""
    if not in_memory:
        return recipe.replaced(data=recipe.data.with_paths(lambda path: os.path.abspath(os.path.expanduser(path))))
    data = recipe.data
    if isinstance(data, PairSettings):
        message = "`images` is a single set, and this recipe needs two domains"
        raise WganError(message, "name both in the recipe's `data`, and leave out `images`")
    of_files = {name: DataSettings.model_fields[name].default for name in (*USER_SETTINGS, "split")}
    return recipe.replaced(data=DataSettings.model_validate({**data.model_dump(), **of_files, "source": IN_MEMORY}))


def load_dataset(
    data: DataSettings | PairSettings, images: ImageSet | None, data_root: Path, log: Log
) -> ImageSet | ImagePair:
    """Load the training images, or select from those in memory what `data` asks for."""
    if images is None or isinstance(data, PairSettings):
        return load_data(data, data_root, log)
    return select_images(images, data, log)


def check_same_on_all_ranks(dataset: ImageSet | ImagePair) -> None:
    """Wait until all processes have loaded their images. Raises: WganError if these differ."""
    name = "the images of all processes"
    with collective(name, MAIN_PROCESS_TIMEOUT):  # a machine may decode for hours
        same = all_equal(name, dataset.fingerprint)
    if not same:
        raise WganError("the processes found different images", "give every machine the same images")


def load_reference(
    state: TrainingState, dataset: ImageSet | ImagePair, data_root: Path, log: Log, dry_run: bool = False
) -> AnyReference | None:
    """Load the real images to evaluate against, or return None if the recipe doesn't evaluate.

    A dry run only checks that the images exist.
    """
    data, device, count = state.recipe.data, state.device, state.recipe.eval_count
    if state.recipe.eval_every is None:
        return None
    try:
        if isinstance(data, PairSettings):
            if not dry_run:
                return make_translation_reference(data, data_root, device, log, count)
            held_out_images(data, data_root, log)
        elif isinstance(dataset, ImageSet):
            if not dry_run:
                limits = {"count": count, "max_training": QUICK_TRAINING}
                return make_reference(data, data_root, device, log, dataset=dataset, **limits)
            real_images(data, data_root, log, dataset)
        return None
    except WganError as error:
        hint = f"{error.hint}; or train without evaluation: --set eval_every=null"
        raise WganError(error.message, hint, error.status) from error
