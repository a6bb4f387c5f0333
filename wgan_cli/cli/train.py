"""`wgan train`."""

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wgan_cli.cli.arguments.completion import complete_checkpoint, complete_recipe, complete_tracker
from wgan_cli.cli.arguments.options import MAX_SEED, DataRoot, Device, Settings, examples
from wgan_cli.cli.launch import in_process_group, is_launched, launch
from wgan_cli.errors import ExitStatus
from wgan_cli.recipe.recipe_files import DEFAULT_RECIPE

_setting = partial(typer.Option, rich_help_panel="Common settings, by default the recipe's")
_execution = partial(typer.Option, rich_help_panel="Duration and execution")
_output = partial(typer.Option, rich_help_panel="Output")


@examples(
    "wgan train",
    "wgan train mnist_dcgan --data-root data",
    "wgan train photos/",
    "wgan train digits_dcgan --lr 0.001 --epochs 20",
    "wgan train --recipe digits_dcgan --set optim.critic.lr=0.001 --steps 5000",
    "wgan train --resume runs/digits_dcgan --steps 6000",
)
def train(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE|DATA",
            help="Recipe, or images: a folder, .zip, .tar or .npz.",
            autocompletion=complete_recipe,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE",
            help=rf"Recipe. \[default: {DEFAULT_RECIPE}]",
            autocompletion=complete_recipe,
        ),
    ] = None,
    images: Annotated[str | None, typer.Option("--data", metavar="PATH", help="Images to train the recipe on.")] = None,
    settings: Settings = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN|CKPT|auto",
            help="Run or checkpoint to continue exactly; auto: continue the run in --out if there is one.",
            autocompletion=complete_checkpoint,
        ),
    ] = None,  # fmt: skip
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="CHANGE",
            help="Change to accept in a resumed run: data, batch_size, optim or n_critic; repeatable.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, but don't train.")] = False,
    steps: Annotated[int | None, _setting("--steps", min=1, help="Number of generator updates.")] = None,
    epochs: Annotated[float | None, _setting("--epochs", help="Passes over the images, instead of --steps.")] = None,
    minutes: Annotated[
        float | None, _execution("--minutes", metavar="M", min=0.0, help="Time limit in minutes.")
    ] = None,
    stop_after: Annotated[
        int | None,
        _execution("--stop-after", min=1, metavar="STEPS", help="Steps after which to stop; --resume continues."),
    ] = None,
    lr: Annotated[float | None, _setting("--lr", help="Learning rate of both networks (optim.lr).")] = None,
    batch_size: Annotated[int | None, _setting("--batch-size", help="Images per critic step (batch_size).")] = None,
    image_size: Annotated[
        int | None, _setting("--image-size", help="Height and width of your own images (data.image_size).")
    ] = None,
    n_critic: Annotated[
        int | None, _setting("--n-critic", help="Critic steps per generator step (objective.n_critic).")
    ] = None,
    gp_weight: Annotated[
        float | None, _setting("--gp-weight", help="Gradient penalty weight (objective.gp_weight).")
    ] = None,
    seed: Annotated[int | None, _setting("--seed", min=0, max=MAX_SEED, help="Random seed.")] = None,
    amp: Annotated[str | None, _execution("--amp", metavar="MODE", help="Precision: auto, off, bf16 or fp16.")] = None,
    engine: Annotated[str | None, _execution("--engine", help="Engine: auto, eager, graph or compile.")] = None,
    device: Device = "auto",
    gpus: Annotated[int | None, _execution("--gpus", min=1, help="Number of GPUs, with one process each.")] = None,
    out: Annotated[Path | None, _output("--out", help=r"Run folder. \[default: runs/RECIPE, runs/RECIPE-2...]")] = None,
    data_root: DataRoot = None,
    track: Annotated[
        list[str] | None,
        _output(
            "--track",
            metavar="NAME",
            help="Experiment tracker: wandb, mlflow or trackio; repeatable.",
            autocompletion=complete_tracker,
        ),
    ] = None,  # fmt: skip
    quiet: Annotated[bool, _output("--quiet", "-q", help="Show errors only.")] = False,
) -> int:
    """Train a GAN; without arguments, on digits in about a minute."""
    if gpus is not None and not is_launched():
        return launch(gpus, device)
    shortcuts = {
        "steps": steps,
        "epochs": epochs,
        "seed": seed,
        "amp": amp,
        "engine": engine,
        "optim.lr": lr,
        "batch_size": batch_size,
        "data.image_size": image_size,
        "objective.n_critic": n_critic,
        "objective.gp_weight": gp_weight,
    }
    given = (f"{key}={value}" for key, value in shortcuts.items() if value is not None)
    changes = [*(settings or []), *given]

    from wgan_cli.cli.arguments.training_target import resolve_target
    from wgan_cli.cli.render.progress import make_progress
    from wgan_cli.cli.render.train_report import log_end, plan
    from wgan_cli.distributed.process_group import broadcast_from_main
    from wgan_cli.trackers.tracker import Tracker
    from wgan_cli.training.trainer import Trainer

    resumes = resume is not None and str(resume) != "auto"
    names = list(dict.fromkeys(track or []))
    with in_process_group():
        trackers = [Tracker(name) for name in names]
        chosen, data_settings = broadcast_from_main(
            "the choice of a recipe", lambda: resolve_target(target, recipe, images, resumes, device)
        )
        trainer = Trainer(
            chosen, out, settings=[*data_settings, *changes], resume=resume, data_root=data_root, device=device,
            allow=allow or (), callbacks=[make_progress(quiet), *trackers], dry_run=dry_run,
        )  # fmt: skip
        trainer.log(plan(trainer.state, trainer.dataset.origin, trainer.dataset.class_counts))
        if dry_run:
            trainer.log("dry run: everything is valid, nothing was written")
            return ExitStatus.DONE
        trainer.fit(minutes, stop_after, command=shlex.join(["wgan", *sys.argv[1:]]))
        log_end(trainer, names)
    return trainer.status
