"""Train and evaluate from Python: `from wgan_cli import train, evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from wgan_cli.data import default_data_root
from wgan_cli.data.dataset import ImageSet
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.evaluation.evaluate import Evaluation, evaluate_generator, make_reference, training_images
from wgan_cli.evaluation.translation import TranslationEvaluation, make_translation_reference
from wgan_cli.outputs.sampling import load_generator
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.data_settings import GIVEN
from wgan_cli.recipe.load import DEFAULT_RECIPE
from wgan_cli.report.final_report import report_at_the_end
from wgan_cli.runs.environment import resolve_device
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.callback import Callback
from wgan_cli.training.setup import prepared, reference_of, wanted_run
from wgan_cli.training.stop import StopRequest
from wgan_cli.training.trainer import opened_run, train_to_the_end


def train(
    recipe: Recipe | str | Path | None = None,
    out: str | Path | None = None,
    *,
    settings: Sequence[str] = (),
    images: ImageSet | None = None,
    resume: str | Path | None = None,
    minutes: float | None = None,
    data_root: str | Path | None = None,
    device: str = "auto",
    callback: Callback | None = None,
) -> RunDir:
    """Train a recipe into a folder, or a run further: all that `wgan train` does, in this process and without a word.

    Args:
        recipe: a Recipe, a name, or a file; by default digits_dcgan, or that of the run to resume.
        out: the run's folder, which must be free; by default runs/NAME, or the next free runs/NAME-2...
        settings: `key=value` put over the recipe, as of --set.
        images: to learn from instead of those that `data` of the recipe names, see `image_set`. No file holds them, so
            give them again to resume or evaluate the run.
        resume: a run folder, or a file of its checkpoints/, to go on from.
        minutes: a time after which the run stops, with everything saved.
        data_root: where named sets are and features are kept; by default $WGAN_DATA, or wgan's folder in the cache.
        device: auto, cpu, cuda, cuda:N or mps.
        watch: told of steps, records, samples and remarks.
    Returns: the folder of the run.
    Raises: WganError for whatever is wrong with recipe, data, device or folder, before anything is written, or where
        training diverges or a disk is full. KeyboardInterrupt, and SystemExit for SIGTERM, once all is saved.
    """
    if resume is not None and out is not None:
        raise WganError("resume goes on in its own folder, so out has no place", "leave out `out`, or `resume`")
    callback, root = callback or Callback(), _root(data_root)
    name = str(recipe) if isinstance(recipe, Path) else recipe
    begun = None if resume is None else Path(resume)
    new = None if out is None else Path(out)
    if begun is None and name is None:
        name = DEFAULT_RECIPE

    run, point, wanted = wanted_run(name, settings, begun, given=images is not None)
    state, dataset = prepared(wanted, resolve_device(device), root, callback.on_message, run, point, new, images)
    reference = reference_of(state, dataset, root, callback.on_message)
    stop = StopRequest(minutes)
    with opened_run(state, run, point, new, f"wgan_cli.train in {sys.argv[0] or 'Python'}", callback.on_message) as run:
        train_to_the_end(state, run, stop, callback, reference)
    if stop.status == ExitStatus.INTERRUPTED:
        raise KeyboardInterrupt
    if stop.status == ExitStatus.TERMINATED:
        raise SystemExit(int(stop.status))
    if state.recipe.report:
        report_at_the_end(run, state.device, reference, callback.on_message)
    return run


def evaluate(
    path: str | Path,
    *,
    count: int | None = None,
    seed: int = 0,
    images: ImageSet | None = None,
    data_root: str | Path | None = None,
    device: str = "auto",
    log: Callable[[str], None] | None = None,
) -> Evaluation | TranslationEvaluation:
    """Measure a generator beside real images held out from it: what `wgan evaluate` does by itself.

    Args:
        path: a run's folder, of which the best generator is taken, or a checkpoint.
        count: of images to generate, 10 or more; by default as many as are held out, at most 10,000.
        seed: of their noise.
        images: those that `train` was given, if it was given any.
        data_root, device: as of `train`.
        notify: told in words what takes time, such as a classifier that is trained for its features.
    Returns: the scores of generated images, and those of as many real ones to read them by. Distances are in percent of
        the real images' variance, shares from 0 to 1. Of a generator that translates, the errors of both directions.
    Raises: WganError where the file or its images cannot be had, or are too few.
    """
    where, root = resolve_device(device), _root(data_root)
    log = log or (lambda text: None)
    generator, checkpoint = load_generator(Path(path), where)
    recipe = checkpoint.recipe
    if images is not None and (recipe.translates or recipe.data.source != GIVEN):
        raise WganError(f"{path} was trained on {recipe.data.title}, not on given images", "leave out `images`")
    if recipe.translates:
        return make_translation_reference(recipe.data, root, where, log, count).evaluate(
            generator, recipe, checkpoint.step
        )
    dataset = training_images(recipe, checkpoint, str(path), root, log, images)
    reference = make_reference(recipe.data, root, where, log, count, dataset)
    return evaluate_generator(generator, recipe, checkpoint.step, reference, seed)


def _root(data_root: str | Path | None) -> Path:
    return default_data_root() if data_root is None else Path(data_root)
