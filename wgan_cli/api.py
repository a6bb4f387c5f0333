"""Train and evaluate from Python: `from wgan_cli import train, evaluate`."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wgan_cli.data.dataset import ImageSet
from wgan_cli.data.loading import default_data_root
from wgan_cli.errors import ExitStatus, WganError
from wgan_cli.evaluation.evaluate import Evaluation, make_reference
from wgan_cli.evaluation.real_images import training_images
from wgan_cli.evaluation.translation import TranslationEvaluation, make_translation_reference
from wgan_cli.outputs.sampling import check_memory_to_evaluate, open_generator
from wgan_cli.recipe import Recipe
from wgan_cli.recipe.data_settings import IN_MEMORY, PairSettings
from wgan_cli.runs.environment import resolve_device
from wgan_cli.runs.resume import Finished
from wgan_cli.runs.run_dir import RunDir
from wgan_cli.training.callback import Callback
from wgan_cli.training.finetuning.initial_weights import open_initial_weights
from wgan_cli.training.process_state import restored_process_state
from wgan_cli.training.trainer import Trainer
from wgan_cli.utils.format import Log, no_log

_trains = threading.RLock()


@contextmanager
def _only_training() -> Iterator[None]:
    """Raise a WganError if another thread trains: all threads share torch's random state and number of threads."""
    if not _trains.acquire(blocking=False):
        raise WganError("another thread of this process is training", "train in a process of its own: multiprocessing")
    try:
        yield
    finally:
        _trains.release()


def train(
    recipe: Recipe | str | Path | None = None,
    out: str | Path | None = None,
    *,
    settings: Sequence[str] = (),
    images: ImageSet | None = None,
    resume: str | Path | None = None,
    minutes: float | None = None,
    stop_after: int | None = None,
    data_root: str | Path | None = None,
    device: str = "auto",
    callbacks: Sequence[Callback] = (),
    allow: Sequence[str] = (),
    init_from: str | Path | None = None,
) -> RunDir:
    """Train a recipe, or resume a run; does what `wgan train` does, in this process and without output.

    Thread count, random states, determinism flags, warning filters, environment variables and signal handlers are
    restored before this returns or raises.

    Args:
        recipe: a Recipe, its name or file; by default that of the run to resume or of `init_from`, else digits_dcgan.
        out: folder of a new run, which must not exist; by default runs/NAME, or the first free runs/NAME-2...
        settings: `key=value` overrides of the recipe, as for --set.
        images: training images from `image_set`, instead of those that the recipe's `data` names. The run folder
            doesn't contain them: pass them again to resume or evaluate the run.
        resume: a run folder or a file of its checkpoints/ to continue from; "auto" continues the run in `out` if there
            is one.
        minutes, stop_after: limits on the time and steps of this call, after which the run is saved and ends normally;
            `resume` then continues as if it had never stopped.
        data_root: folder of named datasets and cached features; by default $WGAN_DATA, else wgan's cache folder.
        device: auto, cpu, cuda, cuda:N or mps.
        callbacks: called after each step, with each record, sample grid and message; `Tracker("wandb")` is one.
        allow: changes that a resumed run may make: data, batch_size, optim, n_critic, amp. The run is then no longer
            exact.
        init_from: a run or checkpoint whose weights a new run starts from, adapted to other classes and channels.

    Returns:
        The run folder, unchanged if all steps of the run to resume are done.

    Raises:
        WganError: for an invalid recipe, dataset, device or folder, or if another thread is training, before anything
            is written; or if training diverges repeatedly or a disk is full.
        KeyboardInterrupt: on Ctrl-C, after saving.
        SystemExit: on SIGTERM, after saving.
    """
    with _only_training(), restored_process_state():
        try:
            trainer = Trainer(
                recipe,
                None if out is None else Path(out),
                settings=settings,
                images=images,
                resume=resume,
                data_root=None if data_root is None else Path(data_root),
                device=device,
                callbacks=callbacks,
                allow=allow,
                init_from=None if init_from is None else open_initial_weights(Path(init_from)),
            )
        except Finished as end:
            return end.run
        run = trainer.fit(minutes, stop_after, command=f"wgan_cli.train in {sys.argv[0] or 'Python'}")
    if trainer.status == ExitStatus.INTERRUPTED:
        raise KeyboardInterrupt
    if trainer.status == ExitStatus.TERMINATED:
        raise SystemExit(int(trainer.status))
    return run


def evaluate(
    path: str | Path,
    *,
    count: int | None = None,
    seed: int = 0,
    images: ImageSet | None = None,
    data_root: str | Path | None = None,
    device: str = "auto",
    log: Log = no_log,
) -> Evaluation | TranslationEvaluation:
    """Score a generator against held-out real images; does what `wgan evaluate` does.

    Args:
        path: a run folder, whose best generator is used, a checkpoint, the name of a bundled generator, or
            hf:OWNER/NAME.
        count: number of images to generate, or of held-out images per side to translate; at least 10; by default as
            many as are held out, at most 10,000.
        seed: seed of the latent vectors.
        images: the images that were passed to `train`, if any.
        data_root, device: as for `train`.
        log: called with progress messages, such as training a classifier for its features.

    Returns:
        The scores of the generated images, and of as many real images as a baseline, or of all that are held out if
        these are fewer: their scores then don't compare (see `real_baseline.count`). Distances are in percent of the
        real images' variance, rates are in [0, 1]. For translation, the errors of both directions.

    Raises:
        WganError: if the checkpoint or its images are missing or too few.
    """
    where, root = resolve_device(device), default_data_root() if data_root is None else Path(data_root)
    generator, checkpoint = open_generator(Path(path), where)
    recipe, data = checkpoint.recipe, checkpoint.recipe.data
    translates = isinstance(data, PairSettings)
    if images is not None and (translates or data.source != IN_MEMORY):
        raise WganError(f"{path} was trained on {data.title}, not on images in memory", "leave out `images`")
    if translates:
        return make_translation_reference(data, root, where, log, count).evaluate(generator, recipe, checkpoint.step)
    check_memory_to_evaluate(count or 0, recipe.model.latent_dim, checkpoint.image)
    dataset = training_images(recipe, checkpoint, str(path), root, log, images)
    reference = make_reference(data, root, where, log, count=count, dataset=dataset)
    reference.log_unequal(log)
    return reference.evaluate(generator, recipe, checkpoint.step, seed)
