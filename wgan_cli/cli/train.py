"""`wgan train`."""

import shlex
import sys

from wgan_cli.cli.arguments.options import DataRoot, Device, Images, RecipeOption, Settings, Targets, examples
from wgan_cli.cli.arguments.training_options import (
    Allow,
    Amp,
    BatchSize,
    DryRun,
    Engine,
    Epochs,
    Freeze,
    Gpus,
    GpWeight,
    ImageSize,
    InitFrom,
    Lr,
    Minutes,
    NCritic,
    Out,
    Quiet,
    Resume,
    Seed,
    Steps,
    StopAfter,
    Track,
)
from wgan_cli.cli.launch import in_process_group, is_launched, launch
from wgan_cli.errors import ExitStatus


@examples(
    "wgan train",
    "wgan train mnist_dcgan --data-root data",
    "wgan train photos/ more_photos.zip",
    "wgan train digits_dcgan --lr 0.001 --epochs 20",
    "wgan train --recipe digits_dcgan --set optim.critic.lr=0.001 --steps 5000",
    "wgan train --resume runs/digits_dcgan --steps 6000",
    "wgan train photos/ --init-from runs/cifar10_dcgan --freeze 2",
)
def train(
    targets: Targets = None,
    recipe: RecipeOption = None,
    images: Images = None,
    settings: Settings = None,
    resume: Resume = None,
    init_from: InitFrom = None,
    allow: Allow = None,
    dry_run: DryRun = False,
    steps: Steps = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    stop_after: StopAfter = None,
    lr: Lr = None,
    batch_size: BatchSize = None,
    image_size: ImageSize = None,
    n_critic: NCritic = None,
    gp_weight: GpWeight = None,
    freeze: Freeze = None,
    seed: Seed = None,
    amp: Amp = None,
    engine: Engine = None,
    device: Device = "auto",
    gpus: Gpus = None,
    out: Out = None,
    data_root: DataRoot = None,
    track: Track = None,
    quiet: Quiet = False,
) -> int:
    """Train a GAN; without arguments, on bundled digits in one to three minutes."""
    if gpus is not None and not is_launched():
        return launch(gpus, device)
    shortcuts = {
        "steps": steps, "epochs": epochs, "seed": seed, "amp": amp, "engine": engine, "optim.lr": lr,
        "batch_size": batch_size, "data.image_size": image_size, "objective.n_critic": n_critic,
        "objective.gp_weight": gp_weight, "freeze": freeze,
    }  # fmt: skip

    from wgan_cli.cli.arguments.named_generator import locate
    from wgan_cli.cli.arguments.training_target import resolve_target
    from wgan_cli.cli.render.progress import make_progress
    from wgan_cli.cli.render.train_report import log_end, log_finished, plan, print_transfers
    from wgan_cli.distributed.process_group import broadcast_from_main, is_main_process
    from wgan_cli.recipe.overrides import option_settings
    from wgan_cli.runs.resume import Finished
    from wgan_cli.trackers.tracker import Tracker
    from wgan_cli.training.finetuning.initial_weights import open_initial_weights
    from wgan_cli.training.trainer import Trainer

    resumed = None if str(resume) == "auto" else resume
    names = list(dict.fromkeys(track or []))
    with in_process_group():
        trackers, progress = [Tracker(name) for name in names], make_progress(quiet, minutes)
        source, log = None, progress.on_message
        if init_from is not None:
            source = broadcast_from_main(
                "the weights to start from", lambda: open_initial_weights(locate(init_from, log))
            )
        initial = None if source is None else source.checkpoint.recipe
        chosen, data_settings = broadcast_from_main(
            "the choice of a recipe",
            lambda: resolve_target(targets or (), recipe, images or (), resumed, device, initial, settings or (), log),
        )
        changes = [*data_settings, *(settings or []), *option_settings(shortcuts)]
        try:
            trainer = Trainer(
                chosen, out, settings=changes, resume=resume, data_root=data_root, device=device,
                allow=allow or (), callbacks=[progress, *trackers], init_from=source, dry_run=dry_run,
            )  # fmt: skip
        except Finished as found:
            if is_main_process():
                log_finished(found, progress.on_message, data_root)
            return ExitStatus.DONE
        trainer.log(plan(trainer.state, trainer.dataset.origin, trainer.dataset.class_counts, minutes))
        if not quiet and is_main_process():
            print_transfers(trainer.state.transfers)
        if dry_run:
            trainer.log("dry run: everything is valid, nothing was written")
            return ExitStatus.DONE
        trainer.fit(minutes, stop_after, command=shlex.join(["wgan", *sys.argv[1:]]))
        log_end(trainer, names, data_root)
    return trainer.status
